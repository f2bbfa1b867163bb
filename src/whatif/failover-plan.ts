import { NS_PER_MS } from "../config/time.js";
import { UsageError } from "../errors.js";
import type { ScenarioTime } from "../gateway/scenario.js";
import type { ObservedPiece, PieceObserver } from "../replay/piece-observer.js";
import { nanoseconds } from "../replay/time.js";
import type { FailoverJob } from "./failover-job.js";
import { type CaptureSpan, momentOf } from "./run.js";

const MAX_RUNS = 100_000;

/** One time, or one every so many nanoseconds from the first frame to the last; undefined = half way. */
export type FailureTimes = ScenarioTime | { readonly everyNs: bigint } | undefined;

/** One failure, under whatever seed. */
export type Case = Omit<FailoverJob, "seed">;

/** How many runs a question takes. @throws {UsageError} where that is too many */
export function runsOf(nodes: number, times: number, detects: number, seeds: number): number {
  const runs = nodes * times * Math.max(1, detects) * seeds;
  if (runs <= MAX_RUNS) return runs;
  const product = `${nodes} nodes x ${times} times x ${Math.max(1, detects)} delays x ${seeds} seeds`;
  throw new UsageError(
    `${product} are ${runs} runs, expected at most ${MAX_RUNS}: ask for fewer by --kill, --at, --detect or --seeds`,
  );
}

/** Every node at every time with every delay. @param delays milliseconds; empty = by the health checks of the manifests */
export function casesOf(nodes: readonly string[], timesMs: readonly number[], detects: readonly number[]): Case[] {
  const delays = detects.length === 0 ? [undefined] : detects;
  return nodes.flatMap((kill) => timesMs.flatMap((atMs) => delays.map((detectMs): Case => ({ kill, atMs, detectMs }))));
}

/** First and last timestamp of the frames. */
export class Span implements PieceObserver, CaptureSpan {
  startNs = 0n;
  endNs = 0n;
  #hasStarted = false;

  before({ columns: { timeLow, timeHigh }, first, end }: ObservedPiece): void {
    for (let i = first; i < end; i++) {
      const ns = nanoseconds(timeLow[i]!, timeHigh[i]!);
      if (!this.#hasStarted) this.startNs = ns;
      this.#hasStarted = true;
      if (ns > this.endNs) this.endNs = ns;
    }
  }
}

/** Whole milliseconds after the first frame. @throws {UsageError} where there is none within the captures */
export function timesOf(at: FailureTimes, span: CaptureSpan): number[] {
  const { startNs, endNs } = span;
  const lengthMs = Number((endNs - startNs) / NS_PER_MS);
  if (at === undefined) return [Math.floor(lengthMs / 2)];
  if ("everyNs" in at) {
    const stepMs = Number(at.everyNs) / 1e6;
    const count = Math.floor(lengthMs / stepMs);
    if (count > MAX_RUNS) throw new UsageError(`--at gives ${count} times, expected at most ${MAX_RUNS}`);
    const times: number[] = [];
    for (let ms = stepMs; ms <= lengthMs; ms += stepMs) times.push(Math.floor(ms));
    if (times.length > 0) return times;
    throw new UsageError(`--at: the captures last ${lengthMs} ms, expected times closer together than that`);
  }
  return [Number(momentOf(at, span, "--at") / NS_PER_MS)];
}
