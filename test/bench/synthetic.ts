import { benchCase, boundsOf } from "../../src/bench/bench.js";
import type { Sample } from "../../src/bench/measure.js";
import { Random } from "../../src/bench/random.js";
import { BENCH_SCHEMA, type BenchReport } from "../../src/bench/report-types.js";

/** A made-up run of one case. All numbers follow from the seed. */
export interface SyntheticRun {
  readonly id?: string;
  readonly seed: number;
  /** Subject's time as a multiple of the yardstick's. */
  readonly ratio: number;
  /** Relative noise of a subject's time beside its yardstick's. */
  readonly noise?: number;
  /** Relative drift of the machine's speed from turn to turn, which both feel. */
  readonly drift?: number;
  readonly turns?: number;
  readonly placements?: number;
  /** Relative shift of all ratios from one placement to the next. */
  readonly shift?: number;
  /** Relative noise of a placement, which all of its turns share. */
  readonly jitter?: number;
}

const YARDSTICK_NS = 20;

export function syntheticPlacements(run: SyntheticRun): Sample[][] {
  const { seed, ratio, noise = 0.02, drift = 0.05, turns = 5, placements = 3, shift = 0, jitter = 0 } = run;
  const random = new Random(seed);
  const around = (width: number) => 1 + (random.below(20_001) / 10_000 - 1) * width;
  return Array.from({ length: placements }, (_, placement) => {
    const placed = ratio * (1 + shift * (placement - (placements - 1) / 2)) * around(jitter);
    return Array.from({ length: turns }, () => {
      const yardstick = YARDSTICK_NS * around(drift);
      return [yardstick * placed * around(noise), yardstick] as const;
    });
  });
}

/** A report of such cases, as `bench --json` prints it. */
export function syntheticReport(runs: readonly SyntheticRun[], fields: Partial<BenchReport> = {}): BenchReport {
  const cases = runs.map((run) =>
    benchCase(
      {
        id: run.id ?? "forward/10000/batched",
        connections: 10_000,
        protocol: "tcp",
        work: "forward",
        batch: 256,
        yardstick: "reference kernel, batched",
      },
      syntheticPlacements(run),
      1,
    ),
  );
  return {
    schema: BENCH_SCHEMA,
    machine: {
      cpu: "Made-up 3000",
      cores: 2,
      node: "v20.20.2",
      v8: "11.3",
      platform: "linux x64",
      pages: "madvise",
      load: 0,
    },
    clock: "cpu",
    batch: 256,
    touch: true,
    placements: 3,
    turns: 5,
    blockMs: 50,
    cases,
    bounds: boundsOf(cases),
    ...fields,
  };
}
