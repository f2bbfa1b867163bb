import {
  buildsGroup,
  type CaseInfo,
  type Group,
  type GroupOptions,
  imixGroup,
  ipv6Group,
  largePolicyGroup,
  policyGroup,
  sizeGroup,
  udpGroup,
} from "./cases.js";
import { measuringClock } from "./cpu-clock.js";
import { layoutGroup, otherLayoutsGroup } from "./layouts.js";
import { describeMachine } from "./machine.js";
import { type MeasureOptions, measurePairs, type PairResult, type Sample } from "./measure.js";
import { BENCH_SCHEMA, type BenchCase, type BenchReport, type Bound } from "./report-types.js";
import { estimate, median, spread } from "./statistics.js";
import { connectionTables, policyTables } from "./tables.js";

export interface BenchOptions {
  /** Fewer turns, shorter blocks, no table of a million connections, no other layouts: for a first look, and for tests. */
  readonly quick?: boolean;
  /** Also 4 and 8 million connections, IMIX frames at every size up to 4 million, a million endpoints and prefixes, and what tables take. */
  readonly large?: boolean;
  /** Frames per call of the engine in the batched cases. Default 256. */
  readonly batch?: number;
  /** Blind-store prefetch. Default on. */
  readonly touch?: boolean;
  /** Another build of the engine than the package's. */
  readonly wasmFile?: string | undefined;
  /** A build of the engine to take turns with, in place of all yardsticks. */
  readonly against?: string;
  /** Overrides what `quick` chooses: table sizes, placements, turns per placement, milliseconds per block. */
  readonly sizes?: readonly number[];
  readonly placements?: number;
  readonly turns?: number;
  readonly blockMs?: number;
  /** Size of the UDP, IPv6 and policy cases; 0 leaves them out. */
  readonly variantSize?: number;
  /** Sizes of the IMIX cases, and of those with a million endpoints or prefixes. */
  readonly imixSizes?: readonly number[];
  readonly largePolicySizes?: readonly number[];
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
  imixSizes: [100_000],
  largePolicySizes: [] as number[],
};
const QUICK: typeof FULL = {
  sizes: [1000, 10_000, 100_000],
  placements: 2,
  turns: 4,
  blockMs: 15,
  variantSize: 10_000,
  imixSizes: [10_000],
  largePolicySizes: [],
};
const MOST_IMIX = 4_000_000;
const LARGE_SIZES = [1000, 10_000, 100_000, 1_000_000, 4_000_000, 8_000_000];
const LARGE: Partial<typeof FULL> = {
  sizes: LARGE_SIZES,
  imixSizes: LARGE_SIZES.filter((size) => size <= MOST_IMIX),
  largePolicySizes: [1_000_000],
};
/** Turns at most of groups that are large. */
const MOST_LARGE_TURNS = 3;
/** The bare layouts are not measured beyond this. */
const MOST_BARE = 1_000_000;
/**
 * Two builds: more placements, as where code and tables lie is what differs most between a build and its copy. Turns are even in number:
 * who comes first in a turn has its caches warm from the one before.
 */
const BUILDS: typeof FULL = {
  sizes: [1000, 10_000, 100_000, 1_000_000],
  placements: 12,
  turns: 8,
  blockMs: 30,
  variantSize: 0,
  imixSizes: [],
  largePolicySizes: [],
};
const BUILDS_QUICK: typeof FULL = { ...BUILDS, sizes: [1000, 10_000], turns: 6, blockMs: 10 };

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
  const chosen = { ...defaultsOf(options), ...defined(options) };
  const { sizes, placements, turns, blockMs } = chosen;
  const clock = measuringClock();
  const groupOptions: GroupOptions = {
    batch: options.batch ?? DEFAULT_BATCH,
    touch: options.touch ?? true,
    wasmFile: options.wasmFile,
  };
  const progress = options.onProgress ?? (() => {});
  const measureOptions: MeasureOptions = { turns, blockMs, clock, onPair: progress };
  const cases: BenchCase[] = [];
  const { only, against } = options;
  const all =
    against === undefined
      ? groups(chosen, options.quick !== true, groupOptions)
      : sizes.map((size) => buildsGroup(size, against, groupOptions));
  for (const group of all) {
    if (only && ![...only].some((id) => group.has(id))) continue;
    cases.push(...(await measureGroup(group, placements, only, measureOptions)));
  }
  const tables = options.large && !only ? [...(await connectionTables(sizes)), ...(await policyTables())] : undefined;
  return {
    schema: BENCH_SCHEMA,
    machine,
    ...(against !== undefined && { against }),
    clock: clock.name,
    batch: groupOptions.batch,
    touch: groupOptions.touch,
    placements,
    turns,
    blockMs,
    cases,
    bounds: boundsOf(cases),
    ...(tables && { tables }),
  };
}

function defaultsOf({ quick, large, against }: BenchOptions): typeof FULL {
  if (against !== undefined) return quick ? BUILDS_QUICK : BUILDS;
  return { ...(quick ? QUICK : FULL), ...(large ? LARGE : {}) };
}

type Chosen = Required<Pick<BenchOptions, "sizes" | "variantSize" | "imixSizes" | "largePolicySizes">>;

function groups(
  { sizes, variantSize, imixSizes, largePolicySizes }: Chosen,
  withOtherLayouts: boolean,
  options: GroupOptions,
): Group[] {
  const bySize = sizes.map((size) => sizeGroup(size, options));
  const bare = sizes.filter((size) => size <= MOST_BARE);
  const layouts = bare.map((size) => layoutGroup(size));
  const mixed = imixSizes.map((size) => imixGroup(size, options));
  const largePolicies = largePolicySizes.map((size) => largePolicyGroup(size, options));
  const variants =
    variantSize > 0
      ? [udpGroup(variantSize, options), ipv6Group(variantSize, options), policyGroup(variantSize, options)]
      : [];
  const others = withOtherLayouts ? bare.map((size) => otherLayoutsGroup(size)) : [];
  return [...bySize, ...mixed, ...variants, ...largePolicies, ...layouts, ...others];
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
  const times = group.isLarge ? 1 : placements;
  for (let i = 0; i < times; i++) {
    options.onPair(`${group.name}: setting up, ${i + 1} of ${times}`);
    const cases = (await group.cases()).filter(({ info }) => !only || only.has(info.id));
    infos = cases.map(({ info }) => info);
    const pairs = cases.map(({ pair }) => pair);
    runs.push(
      measurePairs(
        group.name,
        pairs,
        group.isLarge ? { ...options, turns: Math.min(options.turns, MOST_LARGE_TURNS) } : options,
      ),
    );
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
function defined(options: BenchOptions) {
  const { sizes, placements, turns, blockMs, variantSize, imixSizes, largePolicySizes } = options;
  return {
    ...(sizes && { sizes }),
    ...(placements !== undefined && { placements }),
    ...(turns !== undefined && { turns }),
    ...(blockMs !== undefined && { blockMs }),
    ...(variantSize !== undefined && { variantSize }),
    ...(imixSizes && { imixSizes }),
    ...(largePolicySizes && { largePolicySizes }),
  };
}
