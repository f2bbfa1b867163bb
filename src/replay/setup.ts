import * as layout from "../../assembly/outside/layout.js";
import { SINK_BUFFER_SIZE } from "../capture/output-sink.js";
import type { NatProfile, PolicyModel } from "../config/types.js";
import { compilePolicy } from "../engine/blob.js";
import { createEngine, type Engine } from "../engine/engine.js";
import { DEFAULT_ENGINE_CONFIG } from "../engine/engine-config.js";
import { growFor } from "../engine/sizing.js";
import { UsageError } from "../errors.js";
import { compileFilter, type FilterInstruction } from "./filter.js";
import { type HostRegion, planHostRegion } from "./host-region.js";
import { type KnownAddress, knownAddresses, ownerChanges } from "./known-addresses.js";
import type { ReplayOptions } from "./options.js";
import { Outside } from "./outside.js";
import { deriveSeeds } from "./seeds.js";
import { pieceSizes } from "./sources.js";
import { checkKept, type HostNotes, readReplayState } from "./state.js";

export const DEFAULT_SEED = 1;
export const DEFAULT_BATCH = 256;
/** Interfaces of all captures together: as many as one capture may have. */
const MAX_INTERFACES = 65_536;

/** Options with every default filled in. */
export interface ResolvedOptions extends ReplayOptions {
  readonly viewpoint: "auto" | "endpoint" | "network";
  readonly decapsulate: boolean;
  readonly natProfile: NatProfile;
  readonly balance: "rendezvous" | "random";
  readonly seed: number;
  readonly verify: boolean;
  readonly connections: number;
  readonly batchSize: number;
  readonly unsupported: "drop" | "pass";
  readonly fromFrame: number;
  readonly toFrame: number;
}

/** An engine with its outside, ready for frames. */
export interface Machine {
  readonly engine: Engine;
  readonly outside: Outside;
  readonly region: HostRegion;
  readonly addresses: ReadonlyMap<string, KnownAddress>;
  /** The policy in force. */
  readonly blob: Uint8Array;
  /** What a loaded state said; undefined at a cold start. */
  readonly notes: HostNotes | undefined;
}

/** @throws {UsageError} naming an option that is out of range */
export function resolveOptions(options: ReplayOptions): ResolvedOptions {
  const resolved: ResolvedOptions = {
    ...options,
    viewpoint: options.viewpoint ?? "auto",
    decapsulate: options.decapsulate ?? true,
    natProfile: options.natProfile ?? options.model.settings.natProfile?.value ?? "cilium",
    balance: options.balance ?? "rendezvous",
    seed: options.seed ?? DEFAULT_SEED,
    verify: options.verify ?? true,
    connections: options.connections ?? DEFAULT_ENGINE_CONFIG.connections,
    batchSize: options.batchSize ?? DEFAULT_BATCH,
    unsupported: options.unsupported ?? "drop",
    fromFrame: options.fromFrame ?? 1,
    toFrame: options.toFrame ?? Number.MAX_SAFE_INTEGER,
  };
  checkRange("batch size", resolved.batchSize, 1, layout.MAX_BATCH);
  checkRange("seed", resolved.seed, 0, Number.MAX_SAFE_INTEGER);
  checkRange("connections", resolved.connections, 16, 8 << 20);
  checkRange("first frame", resolved.fromFrame, 1, Number.MAX_SAFE_INTEGER);
  checkRange("last frame", resolved.toFrame, 0, Number.MAX_SAFE_INTEGER);
  return resolved;
}

function checkRange(name: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new UsageError(`${name} is ${value}, expected an integer from ${low} to ${high}`);
}

/**
 * Starts an engine and its outside for a replay. Memory: the engine's tables and 64 bytes of mapping per connection, 1 MiB for frames
 * (320 KiB per capture where there are more than three), three times that with verification, 2 MiB of output buffers; nothing grows with
 * the captures.
 */
export async function startMachine(options: ResolvedOptions): Promise<Machine> {
  const { model, natProfile } = options;
  const addresses = knownAddresses(model);
  const changes = ownerChanges(model);
  const filter = options.filter === undefined ? [] : compileFilter(options.filter);
  const piece = pieceSizes(options.captures.length);
  const blob = compilePolicy(model, { natProfile });
  const region = planHostRegion(
    sizesOf(options, { addresses, changes: changes.length, filter, arenaSize: piece.bytes }),
  );
  const seeds = deriveSeeds(options.seed, options.balance);
  const config = growFor(
    {
      ...DEFAULT_ENGINE_CONFIG,
      ...seeds,
      natProfile,
      arenaSize: piece.bytes,
      maxBatch: options.batchSize,
      connections: options.connections,
      unsupported: options.unsupported,
      hostSize: region.size,
    },
    blob,
  );
  const engine = await createEngine(config, options.engineWasm);
  engine.loadPolicy(blob);
  const notes = options.loadState === undefined ? undefined : loadState(options.loadState, engine, region, options);
  const outside = await Outside.start({
    engine,
    region,
    batchSize: options.batchSize,
    pieceFrames: piece.frames,
    interfaces: MAX_INTERFACES,
    addresses,
    ownerChanges: changes,
    filter,
    tunnelPort: tunnelPort(model),
    seed: seeds.tableSeed,
    keepsGiven: options.verify,
    ...(options.outsideWasm !== undefined && { wasmFile: options.outsideWasm }),
  });
  return { engine, outside, region, addresses, blob, notes };
}

export function tunnelPort(model: PolicyModel): number {
  return model.settings.tunnelPort.value;
}

interface SizeParts {
  readonly addresses: ReadonlyMap<string, KnownAddress>;
  readonly changes: number;
  readonly filter: readonly FilterInstruction[];
  readonly arenaSize: number;
}

function sizesOf(options: ResolvedOptions, { addresses, changes, filter, arenaSize }: SizeParts) {
  let spans = 0;
  for (const row of addresses.values()) spans += row.spans.length;
  return {
    pieceFrames: pieceSizes(options.captures.length).frames,
    connections: options.connections,
    addresses: addresses.size,
    spans,
    changes,
    interfaces: MAX_INTERFACES,
    filterInstructions: filter.length,
    arenaSize,
    keepsGiven: options.verify,
    outputBuffers: options.outDir === undefined ? 0 : 2,
    outputBufferSize: SINK_BUFFER_SIZE,
  };
}

/** Puts a saved state in place before the outside attaches to it. */
function loadState(path: string, engine: Engine, region: HostRegion, options: ResolvedOptions): HostNotes {
  const state = readReplayState(path, region.keptSize);
  const { notes } = state;
  if (notes.seed !== options.seed || notes.balance !== options.balance) {
    const [was, is] = [notes, options].map(({ seed, balance }) => `seed ${seed}, ${balance}`);
    throw new UsageError(`${path}: was saved with ${was}; expected the same as now, ${is}`);
  }
  checkKept(state.kept, region.mappings, region.mappingSlots);
  engine.loadState(state.engine);
  engine.host.set(state.kept);
  const view = new DataView(engine.host.buffer, engine.host.byteOffset, layout.CONTROL_SIZE);
  const clock = options.fromFrame === 1 ? view.getBigUint64(layout.CONTROL_CLOCK_AT, true) : BigInt(notes.startClockNs);
  view.setBigUint64(layout.CONTROL_READ_CLOCK_AT, clock, true);
  return notes;
}
