import * as layout from "../../assembly/outside/layout.js";
import { NS_PER_MS, parseTimestampNs } from "../config/time.js";
import {
  ACTION_SNAT,
  VERDICT_FLAG_CREATED,
  VERDICT_FLAG_NEW_CONNECTION_KIND,
  VERDICT_FLAG_REMAPPED,
} from "../engine/codes.js";
import { decodeFrame } from "../net/decode.js";
import { hasTuple, tupleKey, tupleOf } from "../net/tuple.js";
import type { ReplayOptions } from "../replay/options.js";
import { outputLinkType } from "../replay/outputs.js";
import type { ObservedPiece, PieceObserver } from "../replay/piece-observer.js";
import { replay } from "../replay/replay.js";
import { nanoseconds } from "../replay/time.js";
import { failureOf } from "./scenarios.js";

/** One failure to play: everything that differs between the runs of a `failover`. */
export interface FailoverJob {
  readonly kill: string;
  /** Milliseconds after the first frame. */
  readonly atMs: number;
  /** Undefined = by the health checks of the manifests. */
  readonly detectMs: number | undefined;
  readonly seed: number;
}

/** What came of one failure. Plain data, so that it can come from another thread. */
export interface FailoverOutcome {
  /** Null where the failure was never noticed, or not within the captures. */
  readonly detectedAfterMs: number | null;
  readonly lostFrames: number;
  /** Connections of which at least one frame was lost. */
  readonly hit: number;
  readonly broken: number;
  readonly rebound: number;
  /** Five-tuples of the broken connections that the report lists. */
  readonly brokenConnections: readonly string[];
  /** Connections that each gateway node took (opened or moved there) from the detection on; none where there was none. */
  readonly takenAfter: Readonly<Record<string, number>>;
}

/** Options that all runs of a `failover` share; plain data. */
export interface FailoverSetup extends Omit<ReplayOptions, "seed" | "scenario" | "observers" | "verify"> {
  /** A byte per frame, by number: frames with 1 are of pinned connections, which are counted elsewhere. */
  readonly pinnedFrames?: Uint8Array;
}

/** Plays one failure: a replay without verification. Throws as `replay` does. */
export async function playFailure(
  { pinnedFrames, ...setup }: FailoverSetup,
  job: FailoverJob,
): Promise<FailoverOutcome> {
  const { kill, atMs, detectMs, seed } = job;
  const scenario = failureOf(setup.model, kill, atMs, detectMs);
  const [taken, hit, moved] = [new TakenConnections(), new HitConnections(pinnedFrames), new MovedFrames(pinnedFrames)];
  const observers = pinnedFrames ? [taken, hit, moved] : [taken, hit];
  const report = await replay({ ...setup, seed, scenario, verify: false, observers });
  const failover = report.failovers.find(({ node, event }) => node === kill && event === "node-down");
  const failedNs = taken.startNs + BigInt(atMs) * NS_PER_MS;
  const detectedNs = failover?.detectedAt ? parseTimestampNs(failover.detectedAt)! : undefined;
  const sinceNs = Number((detectedNs ?? failedNs) - taken.startNs);
  const nodes = report.gateways.map(({ node }) => node);
  const simulated = pinnedFrames ? { lostFrames: hit.frames, ...moved.from(kill, nodes) } : failover;
  const broken = pinnedFrames ? report.broken.filter((_, i) => !moved.isPinned(i)) : report.broken;
  return {
    detectedAfterMs: detectedNs === undefined ? null : Number(detectedNs - failedNs) / 1e6,
    lostFrames: simulated?.lostFrames ?? 0,
    hit: hit.count,
    broken: simulated?.brokenConnections ?? 0,
    rebound: simulated?.rebound ?? 0,
    brokenConnections: broken.map(({ fiveTuple }) => fiveTuple),
    takenAfter: detectedNs === undefined ? {} : taken.since(sinceNs, nodes),
  };
}

/** Frames with which connections moved, in the order in which reports list them, with whether a pin says more of them. */
class MovedFrames implements PieceObserver {
  readonly #pinned: Uint8Array | undefined;
  readonly #oldEgress: number[] = [];
  readonly #breaks: boolean[] = [];
  readonly #isPinned: boolean[] = [];
  /** Of those that broke. */
  readonly #isBrokenPinned: boolean[] = [];

  constructor(pinned: Uint8Array | undefined) {
    this.#pinned = pinned;
  }

  after({ columns: { verdictFlags, oldEgress }, first, end, passed }: ObservedPiece): void {
    for (let i = first; i < end; i++) {
      const flags = verdictFlags[i]!;
      if (!(flags & VERDICT_FLAG_REMAPPED)) continue;
      const breaks = (flags & VERDICT_FLAG_NEW_CONNECTION_KIND) !== 0;
      const isPinned = this.#pinned?.[passed + i + 1] === 1;
      this.#oldEgress.push(oldEgress[i]!);
      this.#breaks.push(breaks);
      this.#isPinned.push(isPinned);
      if (breaks) this.#isBrokenPinned.push(isPinned);
    }
  }

  /** @param index in the report's list of broken connections */
  isPinned(index: number): boolean {
    return this.#isBrokenPinned[index] ?? false;
  }

  /** Connections without a pin that left a node. @param nodes names by egress */
  from(kill: string, nodes: readonly string[]): { brokenConnections: number; rebound: number } {
    const counts = { brokenConnections: 0, rebound: 0 };
    this.#oldEgress.forEach((egress, i) => {
      if (this.#isPinned[i] || nodes[egress] !== kill) return;
      if (this.#breaks[i]) counts.brokenConnections++;
      else counts.rebound++;
    });
    return counts;
  }
}

/** Which egress took a connection, and when. */
class TakenConnections implements PieceObserver {
  startNs = 0n;
  readonly #ns: number[] = [];
  readonly #egress: number[] = [];
  #hasStarted = false;

  after({ columns, first, end }: ObservedPiece): void {
    const { action, verdictFlags, egress, timeLow, timeHigh } = columns;
    if (!this.#hasStarted && end > first) {
      this.startNs = nanoseconds(timeLow[first]!, timeHigh[first]!);
      this.#hasStarted = true;
    }
    for (let i = first; i < end; i++) {
      if (!(verdictFlags[i]! & (VERDICT_FLAG_CREATED | VERDICT_FLAG_REMAPPED)) || action[i] !== ACTION_SNAT) continue;
      if (egress[i] === layout.NO_EGRESS) continue;
      this.#ns.push(Number(nanoseconds(timeLow[i]!, timeHigh[i]!) - this.startNs));
      this.#egress.push(egress[i]!);
    }
  }

  /** @param nodes names by egress */
  since(fromNs: number, nodes: readonly string[]): Record<string, number> {
    const counts: Record<string, number> = {};
    this.#ns.forEach((ns, i) => {
      const node = nodes[this.#egress[i]!]!;
      if (ns >= fromNs) counts[node] = (counts[node] ?? 0) + 1;
    });
    return counts;
  }
}

/**
 * Connections that lost a frame. A lost frame is as captured, so its tuple tells; both directions are one connection. Later fragments and
 * ICMP errors, which have none, are counted as frames alone. What pinned ones lose at their gateway is left out.
 */
class HitConnections implements PieceObserver {
  frames = 0;
  readonly #keys = new Set<string>();
  readonly #pinned: Uint8Array | undefined;

  constructor(pinned: Uint8Array | undefined) {
    this.#pinned = pinned;
  }

  get count(): number {
    return this.#keys.size;
  }

  after({ columns, arena, faces, first, end, passed }: ObservedPiece): void {
    const { action, reason, offset, captured, wire, flags, link, interface: numbers } = columns;
    for (let i = first; i < end; i++) {
      if (action[i] !== layout.ACTION_LOST) continue;
      if (reason[i] !== layout.SKIP_NODE_DOWN && this.#pinned?.[passed + i + 1] === 1) continue;
      this.frames++;
      const frame = arena.subarray(offset[i]!, offset[i]! + captured[i]!);
      const isInner = (flags[i]! & layout.SLOT_DECAPSULATED) !== 0;
      const packet = decodeFrame(frame, outputLinkType(faces[numbers[i]!]!, link[i]!, isInner), wire[i]!);
      if (!packet || !hasTuple(packet)) continue;
      const [out, back] = [tupleOf(frame, packet, "source"), tupleOf(frame, packet, "destination")];
      const keys = [tupleKey(frame, out), tupleKey(frame, back)].sort();
      this.#keys.add(keys[0]!);
    }
  }
}
