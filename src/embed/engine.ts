import { type CompileSettings, compileForHosts } from "../compile/compile.js";
import { openingOf } from "../compile/opening.js";
import type { Egress, PolicyModel } from "../config/types.js";
import { compilePolicy, nodeTable, zoneTable } from "../engine/blob.js";
import type { EgressStats, EngineCounters } from "../engine/counters.js";
import { type Engine as BatchEngine, createEngine, type GatewayState } from "../engine/engine.js";
import type { WasmSource } from "../engine/load.js";
import { UsageError } from "../errors.js";
import { GatewayControl } from "../gateway/control.js";
import { initialStatuses } from "../gateway/initial.js";
import { type NodeStatus, UP } from "../gateway/status.js";
import { formatAddress } from "../net/address.js";
import { breathe } from "../platform/abort.js";
import { Arrivals, isSource } from "./arrivals.js";
import { Batch } from "./batch.js";
import type { EngineFrame, FrameResult } from "./frame.js";

/** What an engine is to do. */
export interface EngineOptions extends CompileSettings {
  /** What `loadManifests` or `loadManifestTexts` made of manifests. */
  readonly policy: PolicyModel;
  /** The engine's module; default: the package's own, from its files in Node, fetched from beside the script in a browser. */
  readonly wasm?: WasmSource;
}

/** How `Engine.stream` takes frames. */
export interface StreamOptions {
  /** Ends the stream: it throws the signal's `reason`, also while frames are awaited. */
  readonly signal?: AbortSignal;
  /** Frames that are processed at a time at most; default: as many as the engine takes. Frames that have come are never kept waiting. */
  readonly batch?: number;
}

/** What one gateway's address has carried. */
export interface EgressUse extends EgressStats {
  /** Name of the gateway node. */
  readonly node: string;
  /** Its egress IPs of either family; null where it has none. */
  readonly ipv4: string | null;
  readonly ipv6: string | null;
}

const STATUSES: Readonly<Record<GatewayState, NodeStatus>> = {
  active: UP,
  healthy: { ...UP, drained: true },
  down: { ...UP, health: "down", agent: "down" },
};

/**
 * The packet path of all gateways of a cluster, for programs that have frames themselves. It knows no files and no clock: time is that of
 * the frames. The same frames and calls give the same results on every machine.
 *
 * ```ts
 * const engine = await Engine.create({ policy: loadManifests(["manifests/"]) });
 * for (const { action, reason, egress, bytes } of engine.process([{ bytes: frame, timeNs }])) console.log(action, reason, egress);
 * ```
 *
 * One engine takes about 64 bytes for each of `connections`, and 40 MiB besides. It is not for several threads; several engines are.
 */
export class Engine {
  readonly #natProfile: CompileSettings["natProfile"];
  readonly #control: GatewayControl;
  readonly #statuses: Map<string, NodeStatus>;
  readonly #batch: Batch;
  #engine: BatchEngine | undefined;
  #states = new Map<string, GatewayState>();

  /**
   * Starts an engine under a policy, with gateways as the manifests say that they stand.
   * @throws {UsageError} for options out of range
   * @throws {EngineError} where the policy is more than an engine takes, or `wasm` is not the engine that this library was made for
   */
  static async create(options: EngineOptions): Promise<Engine> {
    const { policy, wasm, ...settings } = options ?? {};
    if (!Array.isArray(policy?.policies))
      throw new UsageError(`policy is ${policy}, expected what loadManifests returns`);
    const compiled = compileForHosts(policy, settings);
    const engine = await createEngine(compiled.config, wasm);
    engine.loadPolicy(compiled.blob);
    return new Engine(engine, policy);
  }

  private constructor(engine: BatchEngine, policy: PolicyModel) {
    this.#engine = engine;
    this.#natProfile = engine.config.natProfile;
    this.#statuses = initialStatuses(policy);
    this.#control = new GatewayControl(policy);
    this.#batch = new Batch(engine);
    this.#tell();
  }

  /**
   * Takes frames through the gateways, in order.
   * @returns what became of them, in the order in which it was settled: a fragment that waits for the first one of its packet comes later
   * @throws {UsageError} for frames that are none: too long, of a link type that cannot be read, of a time that is no 64-bit number
   */
  process(frames: Iterable<EngineFrame>): FrameResult[] {
    if (typeof frames?.[Symbol.iterator] !== "function")
      throw new UsageError(`frames are ${frames}, expected a list of { bytes, timeNs }`);
    this.#alive();
    const batch = this.#batch;
    const results: FrameResult[] = [];
    const egresses = this.#egresses();
    for (const frame of frames) {
      if (!batch.hasRoomFor(frame)) results.push(...batch.run(egresses));
      batch.add(frame);
    }
    return [...results, ...batch.run(egresses)];
  }

  /**
   * The same for frames that come one after the other. Ends with the source; fragments that still wait then are dropped. Frames are given
   * to the engine by nobody else meanwhile.
   * @throws {UsageError} as `process`   @throws the reason of `signal`, and whatever the source throws
   */
  async *stream(
    source: AsyncIterable<EngineFrame> | Iterable<EngineFrame>,
    { signal, batch: most }: StreamOptions = {},
  ): AsyncGenerator<FrameResult, void, undefined> {
    const { maxBatch } = this.#alive().config;
    const limit = most ?? maxBatch;
    if (!isSource(source)) throw new UsageError(`frames are ${source}, expected an iterable of { bytes, timeNs }`);
    if (!Number.isInteger(limit) || limit < 1 || limit > maxBatch)
      throw new UsageError(`batch is ${limit}, expected an integer from 1 to ${maxBatch}`);
    const batch = this.#batch;
    const arrivals = new Arrivals(source, signal);
    try {
      for (;;) {
        const frame = await (batch.size === 0 ? arrivals.next() : arrivals.nextAtOnce());
        if (!frame || batch.size === limit || !batch.hasRoomFor(frame)) {
          yield* batch.run(this.#egresses());
          await breathe(signal);
        }
        if (frame) batch.add(frame);
        else if (arrivals.isOver) break;
      }
      yield* this.flush();
    } finally {
      batch.discard();
      arrivals.close();
    }
  }

  /** Drops fragments that still wait for the first one of their packet. @returns what became of them */
  flush(): FrameResult[] {
    this.#alive();
    return this.#batch.dropHeld();
  }

  /**
   * Says how a gateway node stands from now on: `active`; `healthy`, when it keeps its connections and takes no new ones; `down`, when its
   * connections go elsewhere. Who takes new connections instead, and who gets the addresses of pools, follows from the policies.
   * @throws {UsageError} where the policy has no such node
   */
  setGateway(node: string, state: GatewayState): void {
    this.#alive();
    const { nodes } = this.#control.picture;
    if (!nodes.has(node))
      throw new UsageError(`node is ${JSON.stringify(node)}, expected one of ${[...nodes.keys()].join(", ")}`);
    if (!Object.hasOwn(STATUSES, state)) throw new UsageError(`state is ${state}, expected active, healthy or down`);
    this.#statuses.set(node, STATUSES[state]);
    if (this.#control.update(new Map(this.#statuses))) this.#load();
    this.#tell();
  }

  /**
   * Puts another policy in force, in one step: connections are decided anew with their next frame. Egress statistics start at zero but
   * for connections that are open. How gateways stand stays as it was told.
   * @throws {EngineError} where it is more than this engine takes: it has room for twice the policy that it was made with
   */
  loadPolicy(policy: PolicyModel): void {
    this.#alive();
    this.#control.changeModel(policy, new Map(this.#statuses));
    this.#load();
    this.#tell();
  }

  /** Moves time on (never back) and ends every connection that has expired by then. @param timeNs nanoseconds since the epoch, below 2^64 */
  advance(timeNs: bigint): void {
    const ns = BigInt.asUintN(64, timeNs);
    if (ns !== timeNs) throw new UsageError(`time is ${timeNs}, expected nanoseconds from 0 to 2^64 - 1`);
    this.#alive().advance(Number(ns & 0xffff_ffffn), Number(ns >> 32n));
  }

  /** What the engine has counted since it was made. Connections that have expired count as open until `advance` or a frame meets them. */
  counters(): EngineCounters {
    return this.#alive().counters();
  }

  /** What each egress of the policy has carried since the policy came into force. */
  egresses(): EgressUse[] {
    const stats = this.#alive().egressStats();
    return this.#egresses().map(({ node, egressIPv4, egressIPv6 }, i) => ({
      node,
      ipv4: egressIPv4 ? formatAddress(egressIPv4) : null,
      ipv6: egressIPv6 ? formatAddress(egressIPv6) : null,
      ...stats[i]!,
    }));
  }

  /** The engine without this shape: batches in its memory, no object per frame (docs/abi.md). What it is told behind this one's back shows here. */
  get batchEngine(): BatchEngine {
    return this.#alive();
  }

  /** Gives the engine's memory back. Every later call is an error; a second `dispose` is none. */
  dispose(): void {
    this.#engine = undefined;
    this.#batch.dispose();
  }

  #alive(): BatchEngine {
    if (!this.#engine) throw new UsageError("engine: was disposed of, expected no more calls");
    return this.#engine;
  }

  #egresses(): readonly Egress[] {
    return this.#control.picture.model.egresses;
  }

  #load(): void {
    const natProfile = this.#natProfile!;
    this.#alive().loadPolicy(compilePolicy(this.#control.picture.model, { natProfile }));
    this.#states = new Map();
  }

  /** Tells the engine how nodes stand, as far as it does not know, and who takes new connections. */
  #tell(): void {
    const engine = this.#alive();
    const { picture } = this.#control;
    nodeTable(picture.model).forEach(({ name }, index) => {
      const state = picture.nodes.get(name) ?? "active";
      if (state !== (this.#states.get(name) ?? "active")) engine.setGateway(index, state);
      this.#states.set(name, state);
    });
    const zones = zoneTable(picture.model).length + 1;
    picture.model.policies.forEach(({ kind, egresses }, policy) => {
      if (kind === "CiliumEgressGatewayPolicy") return;
      for (let zone = 0; zone < zones; zone++) engine.setActive(policy, zone, egresses.keys());
    });
    for (const { policy, zone, members } of openingOf(picture).active) engine.setActive(policy, zone, members);
  }
}
