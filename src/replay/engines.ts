import type { PolicyModel } from "../config/types.js";
import type { EgressStats, EngineCounters } from "../engine/counters.js";
import type { Engine, GatewayState } from "../engine/engine.js";
import { halves } from "./time.js";

/**
 * What a replay asks of whoever plays the nodes: one engine for all of them, or one each. Nodes are indexes into `nodeTable`, policies
 * and egresses those of the policy in force, zones those of `zoneTable` plus one (0 = none). Called between batches only.
 */
export interface Engines {
  /**
   * Puts a policy blob in force: every node then is reachable and active, every member takes new connections, egress statistics are zero.
   * The frames of the piece at hand survive.
   * @param model that the blob was made from
   * @throws {EngineError} where it is refused
   */
  loadPolicy(blob: Uint8Array, model: PolicyModel): void;
  setGateway(node: number, state: GatewayState): void;
  /** Whether a node answers at all, whatever anybody knows of it. */
  setReachable(node: number, reachable: boolean): void;
  /** The memory of a node is gone. */
  nodeLost(node: number): void;
  /** @param members positions in the policy's egresses */
  setActive(policy: number, zone: number, members: readonly number[]): void;
  /** Moves virtual time on and ends everything that has expired by then. @param ns nanoseconds since the epoch */
  advance(ns: bigint): void;
  /** The same, but expired connections stay until they are met. */
  passTime(ns: bigint): void;
  /** Translated connections in the tables now. */
  readonly live: number;
  counters(): EngineCounters;
  /** One row per egress of the policy in force. */
  egressStats(): EgressStats[];
  /** As `Engine.takeTraffic`: what egresses carry, without an object per egress; peaks of ports count anew. */
  takeTraffic(into: Float64Array): number;
  /** Gives every egress back a peak of ports, so that a saved state tells of the whole time. @param peaks by egress */
  putPortPeaks(peaks: readonly number[]): void;
  saveState(): Uint8Array;
}

/** One engine that plays every node. @param blobAt place in its arena, behind the frames, that policies are loaded through */
export function oneEngine(engine: Engine, blobAt: number): Engines {
  return {
    loadPolicy: (blob) => engine.loadPolicy(blob, blobAt),
    setGateway: (node, state) => engine.setGateway(node, state),
    setReachable: (node, reachable) => engine.setReachable(node, reachable),
    nodeLost: (node) => engine.nodeLost(node),
    setActive: (policy, zone, members) => engine.setActive(policy, zone, members),
    advance: (ns) => engine.advance(...halves(ns)),
    passTime: (ns) => engine.passTime(...halves(ns)),
    get live() {
      return engine.live;
    },
    counters: () => engine.counters(),
    egressStats: () => engine.egressStats(),
    takeTraffic: (into) => engine.takeTraffic(into),
    putPortPeaks: (peaks) => engine.putPortPeaks(peaks),
    saveState: () => engine.saveState(),
  };
}
