import * as layout from "../../assembly/outside/layout.js";
import { NS_PER_MS, parseTimestampNs } from "../config/time.js";
import { ACTION_SNAT, VERDICT_FLAG_CREATED, VERDICT_FLAG_REMAPPED } from "../engine/codes.js";
import { decodeFrame } from "../net/decode.js";
import { tupleKey, tupleOf } from "../net/tuple.js";
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
  /** Five-tuples of the broken connections that the report lists, with what each had been and became. */
  readonly brokenConnections: readonly BrokenRow[];
  /** Connections that each gateway node took (opened or moved there) from the detection on, or from the failure where there was none. */
  readonly takenAfter: Readonly<Record<string, number>>;
}

export interface BrokenRow {
  readonly fiveTuple: string;
  readonly from: string;
  readonly to: string | null;
}

/** Options that all runs of a `failover` share; plain data. */
export type FailoverSetup = Omit<ReplayOptions, "seed" | "scenario" | "observers" | "verify">;

/** Plays one failure: a replay without verification. Throws as `replay` does. */
export async function playFailure(setup: FailoverSetup, job: FailoverJob): Promise<FailoverOutcome> {
  const { kill, atMs, detectMs, seed } = job;
  const scenario = failureOf(setup.model, kill, atMs, detectMs);
  const [taken, hit] = [new TakenConnections(), new HitConnections()];
  const report = await replay({ ...setup, seed, scenario, verify: false, observers: [taken, hit] });
  const failover = report.failovers.find(({ node, event }) => node === kill && event === "node-down");
  const failedNs = taken.startNs + BigInt(atMs) * NS_PER_MS;
  const detectedNs = failover?.detectedAt ? parseTimestampNs(failover.detectedAt)! : undefined;
  const sinceNs = Number((detectedNs ?? failedNs) - taken.startNs);
  const nodes = report.gateways.map(({ node }) => node);
  return {
    detectedAfterMs: detectedNs === undefined ? null : Number(detectedNs - failedNs) / 1e6,
    lostFrames: failover?.lostFrames ?? 0,
    hit: hit.count,
    broken: failover?.brokenConnections ?? 0,
    rebound: failover?.rebound ?? 0,
    brokenConnections: report.broken.map(({ fiveTuple, from, to }) => ({
      fiveTuple,
      from: from.node,
      to: to?.node ?? null,
    })),
    takenAfter: taken.since(sinceNs, nodes),
  };
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

/** Connections that lost a frame. A lost frame is as captured, so its tuple tells; both directions are one connection. */
class HitConnections implements PieceObserver {
  readonly #keys = new Set<string>();

  get count(): number {
    return this.#keys.size;
  }

  after({ columns, arena, faces, first, end }: ObservedPiece): void {
    const { action, offset, captured, wire, flags, link, interface: numbers } = columns;
    for (let i = first; i < end; i++) {
      if (action[i] !== layout.ACTION_LOST) continue;
      const frame = arena.subarray(offset[i]!, offset[i]! + captured[i]!);
      const isInner = (flags[i]! & layout.SLOT_DECAPSULATED) !== 0;
      const packet = decodeFrame(frame, outputLinkType(faces[numbers[i]!]!, link[i]!, isInner), wire[i]!);
      if (!packet) continue;
      const [out, back] = [tupleOf(frame, packet, "source"), tupleOf(frame, packet, "destination")];
      const keys = [tupleKey(frame, out), tupleKey(frame, back)].sort();
      this.#keys.add(keys[0]!);
    }
  }
}
