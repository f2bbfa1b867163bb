import { HAS_THREADS } from "#platform/threads.js";
import * as layout from "../../assembly/outside/layout.js";
import { type CaptureInput, checkInput, nameOfInput } from "../capture/input.js";
import { SINK_BUFFER_SIZE } from "../capture/output-sink.js";
import type { Endpoint, NatProfile, PolicyModel } from "../config/types.js";
import { compilePolicy } from "../engine/blob.js";
import { EGRESS_SIZE } from "../engine/codes.js";
import { createEngine, type Engine } from "../engine/engine.js";
import {
  DEFAULT_ENGINE_CONFIG,
  type EngineConfig,
  LEAST_CONNECTIONS,
  MOST_CONNECTIONS,
} from "../engine/engine-config.js";
import { deriveSeeds, type Seeds } from "../engine/seeds.js";
import { growFor } from "../engine/sizing.js";
import { checkRange, UsageError } from "../errors.js";
import { familyOf } from "../net/address.js";
import { Cluster } from "./cluster.js";
import { type Engines, oneEngine } from "./engines.js";
import { compileFilter, type FilterInstruction } from "./filter.js";
import { GatewayDriver } from "./gateway-driver.js";
import { GatewayErrors } from "./gateway-errors.js";
import { GatewayPlan, type Step } from "./gateway-plan.js";
import { type HostRegion, type OutsideSizes, planHostRegion } from "./host-region.js";
import {
  gatewayNodes,
  type KnownAddress,
  knownAddresses,
  nodeNumbers,
  ownerChanges,
  pooledCount,
} from "./known-addresses.js";
import type { ReplayOptions } from "./options.js";
import { Outside, type Shard } from "./outside.js";
import { pieceSizes, SPARE_BYTES, SPARE_FRAMES } from "./sources.js";
import { clockIn, type HostNotes } from "./state.js";
import { putState, readState } from "./state-use.js";
import { type ViewpointOptions, Viewpoints } from "./viewpoint.js";

export const DEFAULT_SEED = 1;
export const DEFAULT_BATCH = 256;
/** Interfaces of all captures together: as many as one capture may have. */
const MAX_INTERFACES = 65_536;
/** More than machines have cores. */
const MAX_WORKERS = 256;
/** Of an engine. */
const MAX_EGRESSES = 65_535;

/** Options with every default filled in. */
export interface ResolvedOptions extends Omit<ReplayOptions, "captures"> {
  /** Names of the captures; `inputs` are what they are read from. */
  readonly captures: readonly string[];
  readonly inputs: readonly CaptureInput[];
  /** Captures of the results are wanted. */
  readonly hasOutput: boolean;
  readonly viewpoint: "auto" | "endpoint" | "network";
  readonly decapsulate: boolean;
  readonly natProfile: NatProfile;
  readonly topology: "single" | "cluster";
  readonly balance: "rendezvous" | "random";
  readonly seed: number;
  readonly verify: boolean;
  readonly connections: number;
  readonly batchSize: number;
  readonly unsupported: "drop" | "pass";
  readonly badChecksum: "keep" | "drop";
  readonly icmpErrors: boolean;
  readonly midStream: "pick-up" | "drop";
  readonly fromFrame: number;
  readonly toFrame: number;
  readonly workers: number;
  /** The share of the remotes that this replay takes; left out = all of them. */
  readonly shard?: Shard;
}

/** An engine with its outside, ready for frames. */
export interface Machine {
  readonly engine: Engine;
  /** What the gateways of the machine are told things by. */
  readonly engines: Engines;
  /** In topology `cluster` the same as `engines`; `engine` is its front then. */
  readonly cluster?: Cluster;
  readonly outside: Outside;
  /** ICMP errors of the gateways' own; undefined = they send none. */
  readonly errors?: GatewayErrors;
  readonly region: HostRegion;
  /** Flags of all addresses; whose they are when is settled with the first frame. */
  readonly addresses: ReadonlyMap<string, KnownAddress>;
  /** Numbers of nodes in the outside, by name. */
  readonly nodes: ReadonlyMap<string, number>;
  readonly plan: GatewayPlan;
  /** When addresses change their owner, ascending. */
  readonly moves: readonly bigint[];
  /** The model of the start, and what had changed by then where a replay goes on from a saved state. */
  readonly first: PolicyModel;
  readonly passed: readonly Step[];
  readonly driver: GatewayDriver;
  /** What a loaded state said; undefined at a cold start. */
  readonly notes: HostNotes | undefined;
}

/** @throws {UsageError} naming an option that is out of range */
export function resolveOptions(options: ReplayOptions): ResolvedOptions {
  checkShapes(options);
  const resolved: ResolvedOptions = {
    ...options,
    captures: options.captures.map(nameOfInput),
    inputs: options.captures,
    hasOutput: (options.outDir ?? options.onOutput) !== undefined,
    viewpoint: options.viewpoint ?? "auto",
    decapsulate: options.decapsulate ?? true,
    natProfile: options.natProfile ?? options.model.settings.natProfile?.value ?? "cilium",
    topology: options.topology ?? "single",
    balance: options.balance ?? "rendezvous",
    seed: options.seed ?? DEFAULT_SEED,
    verify: options.verify ?? true,
    connections: options.connections ?? DEFAULT_ENGINE_CONFIG.connections,
    batchSize: options.batchSize ?? DEFAULT_BATCH,
    unsupported: options.unsupported ?? "drop",
    badChecksum: options.badChecksum ?? "keep",
    midStream: options.midStream ?? "pick-up",
    icmpErrors: options.icmpErrors ?? false,
    fromFrame: options.fromFrame ?? 1,
    toFrame: options.toFrame ?? Number.MAX_SAFE_INTEGER,
    workers: options.workers ?? 1,
  };
  if (resolved.topology === "cluster" && (options.saveState ?? options.loadState) !== undefined)
    throw new UsageError("--topology is cluster, expected single with --save-state and --load-state");
  checkRange("workers", resolved.workers, 1, MAX_WORKERS);
  if (resolved.workers > 1 && !HAS_THREADS)
    throw new UsageError(`workers is ${resolved.workers}, expected 1: there are no threads here`);
  if (resolved.workers > 1) refuseSharing(options);
  checkRange("batch size", resolved.batchSize, 1, layout.MAX_BATCH);
  checkRange("seed", resolved.seed, 0, Number.MAX_SAFE_INTEGER);
  checkRange("connections", resolved.connections, LEAST_CONNECTIONS, MOST_CONNECTIONS);
  checkRange("first frame", resolved.fromFrame, 1, Number.MAX_SAFE_INTEGER);
  checkRange("last frame", resolved.toFrame, 0, Number.MAX_SAFE_INTEGER);
  return resolved;
}

/** What several workers cannot do together. */
function refuseSharing({ saveState, loadState, icmpErrors, observers }: ReplayOptions): void {
  const refuse = (what: string, why: string) => {
    throw new UsageError(`--workers with ${what}: ${why}, expected --workers 1`);
  };
  if (saveState !== undefined) refuse("--save-state", "each worker has tables of its own, and a state holds one");
  if (loadState !== undefined) refuse("--load-state", "each worker has tables of its own, and a state holds one");
  if (icmpErrors) refuse("--icmp-errors", "how many errors a node sends is limited over all remotes together");
  if (observers && observers.length > 0) refuse("observers", "they watch one machine that takes every frame");
}

/** What the types say, for callers without types: a plain message instead of an error from deep inside. */
function checkShapes(options: ReplayOptions): void {
  const { captures, model, outDir, onOutput } = (options ?? {}) as Partial<ReplayOptions>;
  if (!Array.isArray(captures)) throw new UsageError(`captures are ${captures}, expected a list of captures`);
  for (const capture of captures) checkInput(capture);
  if (!Array.isArray(model?.policies)) throw new UsageError(`model is ${model}, expected what loadManifests returns`);
  if (outDir !== undefined && onOutput)
    throw new UsageError("outDir and onOutput are both given, expected one of them");
}

/** Everything about a machine that follows from its options, before it exists. */
interface Blueprint {
  readonly plan: GatewayPlan;
  /** The policy of the start, and where in the arena policies are handed over. */
  readonly blob: Uint8Array;
  readonly blobAt: number;
  readonly nodes: ReadonlyMap<string, number>;
  readonly addresses: ReadonlyMap<string, KnownAddress>;
  readonly changes: readonly bigint[];
  readonly filter: readonly FilterInstruction[];
  readonly seeds: Seeds;
  readonly config: EngineConfig;
  readonly region: HostRegion;
}

/**
 * Starts an engine and its outside for a replay. Memory: the engine's tables and 64 bytes of mapping per connection, 64 more where a pod
 * has an IPv6 address; 1 MiB for frames (320 KiB per capture where there are more than three), three times that with verification; 2 MiB
 * of output buffers. Nothing grows with the captures.
 */
export async function startMachine(options: ResolvedOptions): Promise<Machine> {
  const blueprint = draw(options);
  const { plan, nodes, addresses, config, region, blobAt } = blueprint;
  const first = plan.picture.model;
  const state = options.loadState === undefined ? undefined : readState(options.loadState, region, options);
  let passed: readonly Step[] = [];
  if (state?.notes.startNs !== undefined) {
    plan.begin(BigInt(state.notes.startNs));
    passed = plan.skipTo(clockIn(state.kept));
  }
  const isFirst = plan.picture.model === first;
  const blob = isFirst ? blueprint.blob : compilePolicy(plan.picture.model, { natProfile: options.natProfile });
  const engine = await createEngine(config, options.engineWasm);
  const cluster =
    options.topology === "cluster" ? await Cluster.start(engine, blobAt, nodes.keys(), options.engineWasm) : undefined;
  const engines = cluster ?? oneEngine(engine, blobAt);
  engines.loadPolicy(blob, plan.picture.model);
  if (state) putState(state, engine, options);
  const whole = cluster ? (count: number) => cluster.fabric.process(count) : undefined;
  const errors = options.icmpErrors ? new GatewayErrors(engine, whole) : undefined;
  const outside = await startOutside(blueprint, engine, options, errors?.process ?? whole);
  errors?.attach(outside);
  const driver = new GatewayDriver({ engines, outside, nodes }, plan, options.natProfile, blob);
  const moves = blueprint.changes;
  const machine = { engine, engines, outside, region, addresses, nodes, plan, moves, first, passed, driver };
  return { ...machine, ...(cluster && { cluster }), ...(errors && { errors }), notes: state?.notes };
}

function draw(options: ResolvedOptions): Blueprint {
  const {
    model,
    natProfile,
    scenario,
    laterModels: later = [],
    connections,
    unsupported,
    badChecksum,
    midStream,
    icmpErrors,
  } = options;
  const plan = new GatewayPlan({ model, scenario, later, seed: options.seed });
  const blob = compilePolicy(plan.picture.model, { natProfile });
  const { phases } = plan.queue;
  const nodes = nodeNumbers(phases.models);
  const addresses = knownAddresses(phases.truth(undefined), nodes);
  const possible = phases.possible();
  const changes = ownerChanges(possible);
  const hasIpv6 = [model, ...possible].some(({ endpoints }) => endpoints.some(isDualStack));
  const filter = options.filter === undefined ? [] : compileFilter(options.filter);
  const seeds = deriveSeeds(options.seed, options.balance);
  const pieceBytes = pieceSizes(options.captures.length).bytes;
  const frameBytes = pieceBytes + SPARE_BYTES;
  const config = growFor(
    {
      ...DEFAULT_ENGINE_CONFIG,
      ...seeds,
      natProfile,
      arenaSize: frameBytes,
      maxBatch: options.batchSize,
      connections,
      connections6: hasIpv6 ? connections : 0,
      unsupported,
      badChecksum,
      midStream,
      icmpErrors,
      sweeps: false,
      tunnelPort: tunnelPort(model),
    },
    blob,
  );
  const sized = scenario ? roomFor(config, plan.egresses.length, possible, pieceBytes) : config;
  const counts = { changes: changes.length, nodes: nodes.size, egresses: sized.egresses };
  const region = planHostRegion(sizesOf(options, { addresses, filter, hasIpv6, ...counts }));
  return {
    ...{ plan, blob, nodes, addresses, changes, filter, seeds, region },
    blobAt: scenario ? pieceBytes : 0,
    config: { ...sized, hostSize: region.size },
  };
}

/** Whether an endpoint can have IPv6 connections at all. */
function isDualStack({ addresses }: Endpoint): boolean {
  return addresses.some((address) => familyOf(address) === 6);
}

/** An engine cannot grow: it gets room for every policy that may come into force, and behind the frames for handing one over. */
function roomFor(
  base: EngineConfig,
  egresses: number,
  possible: readonly PolicyModel[],
  pieceBytes: number,
): EngineConfig {
  const { natProfile } = base;
  const blobs = possible.map((model) => compilePolicy(model, { natProfile }));
  const config = blobs.reduce(growFor, base);
  const most = Math.min(MAX_EGRESSES, egresses + possible.reduce((sum, model) => sum + egressesOverTime(model), 0));
  const longest = Math.max(...blobs.map(({ length }) => length)) + most * EGRESS_SIZE;
  return {
    ...config,
    egresses: Math.max(config.egresses, most),
    blobSize: Math.max(config.blobSize, longest),
    arenaSize: pieceBytes + Math.max(longest, SPARE_BYTES),
  };
}

/** Egresses that one set of manifests may come to: addresses of a pool go round among its gateways, fixed ones are there or not. */
function egressesOverTime({ egresses, policies }: PolicyModel): number {
  const pooled = policies.filter(({ egressCIDRs = [] }) => egressCIDRs.length > 0);
  return pooled.reduce((sum, policy) => {
    const gateways = gatewayNodes(policy, egresses).size;
    return sum + gateways * pooledCount(gateways);
  }, egresses.length * 2);
}

async function startOutside(
  blueprint: Blueprint,
  engine: Engine,
  options: ResolvedOptions,
  process: ((count: number) => number) | undefined,
): Promise<Outside> {
  const { region, changes, filter, nodes, seeds, config } = blueprint;
  return Outside.start({
    engine,
    region,
    batchSize: options.batchSize,
    pieceFrames: pieceSizes(options.captures.length).frames + SPARE_FRAMES,
    interfaces: MAX_INTERFACES,
    nodes: nodes.size,
    egresses: config.egresses,
    ownerChanges: changes,
    filter,
    tunnelPort: tunnelPort(options.model),
    seed: seeds.tableSeed,
    keepsGiven: options.verify,
    ...(options.shard && { shard: options.shard }),
    process,
    ...(options.outsideWasm !== undefined && { wasm: options.outsideWasm }),
  });
}

/** Who decides about the interfaces of the captures, before there is a machine. */
export function viewpointsFor(options: ResolvedOptions): Viewpoints {
  const { model, scenario, laterModels: later = [], seed } = options;
  const { phases } = new GatewayPlan({ model, scenario, later, seed }).queue;
  const addresses = knownAddresses(phases.truth(undefined), nodeNumbers(phases.models));
  return new Viewpoints({ ...viewpointOptions(options), addresses });
}

export function viewpointOptions(options: ResolvedOptions): Omit<ViewpointOptions, "addresses"> {
  return {
    viewpoint: options.viewpoint,
    decapsulate: options.decapsulate,
    files: options.captures,
    tunnelPort: tunnelPort(options.model),
  };
}

export function tunnelPort(model: PolicyModel): number {
  return model.settings.tunnelPort.value;
}

interface SizeParts {
  readonly addresses: ReadonlyMap<string, KnownAddress>;
  readonly changes: number;
  readonly filter: readonly FilterInstruction[];
  readonly nodes: number;
  readonly egresses: number;
  readonly hasIpv6: boolean;
}

function sizesOf(options: ResolvedOptions, { addresses, filter, ...counts }: SizeParts): OutsideSizes {
  let spans = 0;
  for (const row of addresses.values()) spans += row.spans.length;
  const piece = pieceSizes(options.captures.length);
  return {
    ...counts,
    pieceFrames: piece.frames + SPARE_FRAMES,
    connections: options.connections,
    addresses: addresses.size,
    spans,
    interfaces: MAX_INTERFACES,
    filterInstructions: filter.length,
    arenaSize: piece.bytes + SPARE_BYTES,
    keepsGiven: options.verify,
    outputBuffers: options.hasOutput ? 2 : 0,
    outputBufferSize: SINK_BUFFER_SIZE,
  };
}
