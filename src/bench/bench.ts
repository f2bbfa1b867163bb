import { type CaseInfo, type Group, type GroupOptions, ipv6Group, policyGroup, sizeGroup, udpGroup } from "./cases.js";
import { measuringClock } from "./cpu-clock.js";
import { layoutGroup, otherLayoutsGroup } from "./layouts.js";
import { describeMachine } from "./machine.js";
import { type MeasureOptions, measurePairs, type PairResult, type Sample } from "./measure.js";
import { BENCH_SCHEMA, type BenchCase, type BenchReport, type Bound } from "./report-types.js";
import { estimate, median, spread } from "./statistics.js";

export interface BenchOptions {
  /** Fewer turns, shorter blocks, no table of a million connections, no other layouts: for a first look, and for tests. */
  readonly quick?: boolean;
  /** Frames per call of the engine in the batched cases. Default 256. */
  readonly batch?: number;
  /** Blind-store prefetch. Default on. */
  readonly touch?: boolean;
  /** Another build of the engine than the package's. */
  readonly wasmFile?: string;
  /** Overrides what `quick` chooses: table sizes, placements, turns per placement, milliseconds per block. */
  readonly sizes?: readonly number[];
  readonly placements?: number;
  readonly turns?: number;
  readonly blockMs?: number;
  /** Size of the UDP, IPv6 and policy cases; 0 leaves them out. */
  readonly variantSize?: number;
  /** Ids of the cases to measure; default all. */
  readonly only?: ReadonlySet<string>;
  /** Called before each group and each case, for progress. */
  onProgress?(text: string): void;
}

export const DEFAULT_BATCH = 256;

const FULL = {
  sizes: [1000, 10_000, 100_000, 1_000_000],
  placements: 3,
  turns: 5,
  blockMs: 40,
  variantSize: 100_000,
};
const QUICK = { sizes: [1000, 10_000, 100_000], placements: 2, turns: 4, blockMs: 15, variantSize: 10_000 };

/** What every release is held to. */
const BOUNDS = [
  {
    name: "forward at 10,000 connections, divided by the reference kernel",
    caseId: "forward/10000/batched",
    kind: "at-most",
    limit: 2.5,
  },
  {
    name: "one frame per call at 1,000,000 connections, divided by batched",
    caseId: "batching/1000000",
    kind: "at-least",
    limit: 1.5,
  },
] as const;

/**
 * Runs the benchmark: some minutes, or well under one with `quick`. Nothing else should run meanwhile.
 * @throws {EngineError} where the engine or the kernel did not do its work, or did it wrong: then no time is reported at all
 */
export async function runBench(options: BenchOptions = {}): Promise<BenchReport> {
  const machine = describeMachine();
  const { sizes, placements, turns, blockMs, variantSize } = { ...(options.quick ? QUICK : FULL), ...defined(options) };
  const clock = measuringClock();
  const groupOptions: GroupOptions = {
    batch: options.batch ?? DEFAULT_BATCH,
    touch: options.touch ?? true,
    wasmFile: options.wasmFile,
  };
  const progress = options.onProgress ?? (() => {});
  const measureOptions: MeasureOptions = { turns, blockMs, clock, onPair: progress };
  const cases: BenchCase[] = [];
  const { only } = options;
  for (const group of groups(sizes, variantSize, options.quick !== true, groupOptions)) {
    if (only && ![...only].some((id) => group.has(id))) continue;
    cases.push(...(await measureGroup(group, placements, only, measureOptions)));
  }
  return {
    schema: BENCH_SCHEMA,
    machine,
    clock: clock.name,
    batch: groupOptions.batch,
    touch: groupOptions.touch,
    placements,
    turns,
    blockMs,
    cases,
    bounds: boundsOf(cases),
  };
}

function groups(
  sizes: readonly number[],
  variantSize: number,
  withOtherLayouts: boolean,
  options: GroupOptions,
): Group[] {
  const bySize = sizes.map((size) => sizeGroup(size, options));
  const layouts = sizes.map((size) => layoutGroup(size));
  const variants =
    variantSize > 0
      ? [udpGroup(variantSize, options), ipv6Group(variantSize, options), policyGroup(variantSize, options)]
      : [];
  const others = withOtherLayouts ? sizes.map((size) => otherLayoutsGroup(size)) : [];
  return [...bySize, ...variants, ...layouts, ...others];
}

/** Sets the cases up several times: where the system puts their tables moves a figure by more than a turn's noise. */
async function measureGroup(
  group: Group,
  placements: number,
  only: ReadonlySet<string> | undefined,
  options: MeasureOptions,
): Promise<BenchCase[]> {
  let infos: CaseInfo[] = [];
  const runs: PairResult[][] = [];
  for (let i = 0; i < placements; i++) {
    options.onPair(`${group.name}: setting up, ${i + 1} of ${placements}`);
    const cases = (await group.cases()).filter(({ info }) => !only || only.has(info.id));
    infos = cases.map(({ info }) => info);
    const pairs = cases.map(({ pair }) => pair);
    runs.push(measurePairs(group.name, pairs, options));
  }
  return infos.map((info, i) => {
    const samples = runs.map((run) => run[i]!.samples);
    return benchCase(info, samples, Math.max(...runs.map((run) => run[i]!.marginOfError)));
  });
}

/** The figures that a case's samples come to. */
export function benchCase(
  info: CaseInfo,
  placements: readonly (readonly Sample[])[],
  marginOfError: number,
): BenchCase {
  const samples = placements.flat();
  const yardsticks = samples.map(([, yardstick]) => yardstick);
  const medians = placements.map((turns) => median(turns.map(ratioOf)));
  const ratio = estimate(samples.map(ratioOf));
  return {
    ...info,
    ns: estimate(samples.map(([subject]) => subject)),
    yardstickNs: estimate(yardsticks),
    ratio,
    unrest: spread(yardsticks),
    placementSpread: (Math.max(...medians) - Math.min(...medians)) / ratio.median,
    marginOfError,
    placements,
  };
}

function ratioOf([subject, yardstick]: Sample): number {
  return subject / yardstick;
}

/** Bounds whose case was measured. */
export function boundsOf(cases: readonly BenchCase[]): Bound[] {
  return BOUNDS.flatMap((bound) => {
    const value = cases.find(({ id }) => id === bound.caseId)?.ratio.median;
    if (value === undefined) return [];
    return [{ ...bound, value, met: bound.kind === "at-most" ? value <= bound.limit : value >= bound.limit }];
  });
}

/** Options without those that are undefined, which would hide a default. */
function defined({ sizes, placements, turns, blockMs, variantSize }: BenchOptions) {
  return {
    ...(sizes && { sizes }),
    ...(placements !== undefined && { placements }),
    ...(turns !== undefined && { turns }),
    ...(blockMs !== undefined && { blockMs }),
    ...(variantSize !== undefined && { variantSize }),
  };
}
