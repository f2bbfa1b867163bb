import Benchmark from "benchmark";
import { EngineError } from "../errors.js";
import type { Clock } from "./cpu-clock.js";

/** Something that is measured: work on frames that can be done again and again. */
export interface Contestant {
  /** Puts everything back to where `run` may start. Not measured. */
  restore(): void;
  /** Does the work once. @returns frames worked on */
  run(): number;
  /** Of what works in another process and times itself: passes of at least `blockMs`. @returns nanoseconds per frame; `run` is not asked then */
  block?(blockMs: number): number;
  /** Runs that make a whole, of which every block holds a multiple. Default 1. */
  readonly rounds?: number;
  /** Does the work once more, unmeasured, and @throws {EngineError} where it is not done or not done right. */
  verify(): void;
}

/** A figure: a subject and the yardstick that it takes turns with. */
export interface Pair {
  readonly id: string;
  readonly subject: Contestant;
  readonly yardstick: Contestant;
}

/** Nanoseconds per frame of the subject and of the yardstick in one turn. */
export type Sample = readonly [subject: number, yardstick: number];

export interface PairResult {
  readonly id: string;
  readonly samples: readonly Sample[];
  /** Relative margin of error of a turn's wall time, percent, as Benchmark.js sees it. */
  readonly marginOfError: number;
}

export interface MeasureOptions {
  /** Turns that count. */
  readonly turns: number;
  /** Time that each contestant works in a turn, milliseconds; restoring is not counted. */
  readonly blockMs: number;
  readonly clock: Clock;
  onPair(id: string): void;
}

/** Turns before those that count: V8 has replaced its first, quick code by then, and every page was touched. */
const WARM_UP_TURNS = 2;

/**
 * Measures every pair of a Benchmark.js suite. What the suite repeats is one turn: a block of the subject, a block of the yardstick, the
 * other way round in the next one. Each turn's two figures make one ratio, in which the machine's speed of that moment cancels.
 * No time is reported for work that `verify` does not find done, before and after.
 */
export function measurePairs(name: string, pairs: readonly Pair[], options: MeasureOptions): PairResult[] {
  const samples = new Map<string, Sample[]>(pairs.map(({ id }) => [id, []]));
  const suite = new Benchmark.Suite(name);
  for (const pair of pairs) {
    const taken = samples.get(pair.id)!;
    suite.add(pair.id, () => taken.push(takeTurn(pair, taken.length % 2 === 1, options)), {
      // One call per sample, exactly as many samples as asked for.
      initCount: 1,
      minTime: Number.MIN_VALUE,
      maxTime: Number.MIN_VALUE,
      minSamples: options.turns + WARM_UP_TURNS,
      onStart: () => {
        options.onPair(pair.id);
        verifyBoth(pair);
      },
      onComplete: () => verifyBoth(pair),
    });
  }
  const results: PairResult[] = [];
  suite.on("cycle", ({ target }: Benchmark.Event) => {
    const { name: id = "", error, stats } = target as Benchmark.Target & { error?: Error };
    if (error) throw error;
    const counted = samples.get(id)!.slice(WARM_UP_TURNS);
    if (counted.length < options.turns)
      throw new EngineError(`benchmark ${id}: ${counted.length} turns, expected more`);
    results.push({ id, samples: counted.slice(-options.turns), marginOfError: stats?.rme ?? Number.NaN });
  });
  suite.run({ async: false });
  return results;
}

function verifyBoth({ subject, yardstick }: Pair): void {
  subject.verify();
  yardstick.verify();
}

function takeTurn({ subject, yardstick }: Pair, yardstickFirst: boolean, options: MeasureOptions): Sample {
  if (yardstickFirst) {
    const second = takeBlock(yardstick, options);
    return [takeBlock(subject, options), second];
  }
  const first = takeBlock(subject, options);
  return [first, takeBlock(yardstick, options)];
}

/** Lets a contestant work until its block of `blockMs` is full. @returns nanoseconds per frame */
export function takeBlock(
  contestant: Contestant,
  { blockMs, clock }: Pick<MeasureOptions, "blockMs" | "clock">,
): number {
  if (contestant.block) return contestant.block(blockMs);
  const rounds = contestant.rounds ?? 1;
  let spent = 0;
  let frames = 0;
  for (let runs = 0; spent < blockMs * 1000 || runs % rounds !== 0; runs++) {
    contestant.restore();
    const start = clock.now();
    frames += contestant.run();
    spent += clock.now() - start;
  }
  return (spent * 1000) / frames;
}
