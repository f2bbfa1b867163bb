import { UsageError } from "../errors.js";
import { benchCase } from "./bench.js";
import { BENCH_SCHEMA, type BenchCase, type BenchReport } from "./report-types.js";
import { familyWidth, logError } from "./statistics.js";

export type CaseVerdict = "same" | "better" | "worse" | "inconclusive";

export interface CaseComparison {
  readonly id: string;
  /** Two runs: ratios to the yardstick. Two builds in one run: nanoseconds per frame of the other and of this one. */
  readonly before: number;
  readonly now: number;
  /** Relative change of the median of the ratios: 0.1 = a tenth more time. */
  readonly change: number;
  /** Interval of the change. The intervals of all cases hold together: one in a hundred comparisons has one that does not. */
  readonly low: number;
  readonly high: number;
  readonly verdict: CaseVerdict;
  /** Why nothing can be said. */
  readonly why?: string;
}

export interface BenchComparison {
  readonly cases: readonly CaseComparison[];
  /** Cases of only one of the two reports. */
  readonly unmatched: readonly string[];
  /** Why the reports as a whole cannot be compared. */
  readonly inconclusive?: string;
  /** True where some case got worse and its interval says so. */
  readonly regressed: boolean;
}

/** Probability at most that any case of a comparison is called better or worse by chance. */
const ERROR_RATE = 0.01;
/** Runs of one build differ by this much even where nothing in them shows it; from trials of repeatability (docs/performance.md). */
const RUN_TO_RUN = 0.05;
/** The same of two builds that take turns in one run: code and tables lie elsewhere, but all else is the same. */
const BUILD_TO_BUILD = 0.03;
/** A yardstick whose quartiles are further apart than this has measured the machine, not the program. */
const MOST_UNREST = 0.25;
/** A half interval above this hides any change worth knowing. */
const MOST_NOISE = 0.3;

/** Judges a run by an earlier one: case by case, by the ratios to the yardstick, and only where the yardstick stood still. */
export function compareBench(before: BenchReport, now: BenchReport): BenchComparison {
  const inconclusive = differentConditions(before, now);
  const earlier = new Map(before.cases.map((item) => [item.id, item]));
  const pairs = now.cases.flatMap((item) => {
    const old = earlier.get(item.id);
    return old ? [[old, item] as const] : [];
  });
  const cases = pairs.map(([old, item]) => compareCase(old, item, pairs.length, inconclusive));
  const matched = new Set(cases.map(({ id }) => id));
  const unmatched = [...before.cases, ...now.cases].map(({ id }) => id).filter((id) => !matched.has(id));
  return {
    cases,
    unmatched: [...new Set(unmatched)],
    ...(inconclusive !== undefined && { inconclusive }),
    regressed: cases.some(({ verdict }) => verdict === "worse"),
  };
}

/** Judges this build by the one that it took turns with (`bench --against`). */
export function compareBuilds(report: BenchReport): BenchComparison {
  const cases = report.cases.map((item): CaseComparison => {
    const width = familyWidth(report.cases.length, ERROR_RATE, Math.max(1, item.placements.length - 1));
    const interval = intervalOf(item.ratio.median, Math.hypot(BUILD_TO_BUILD, width * errorOf(item)));
    const figures = { id: item.id, before: item.yardstickNs.median, now: item.ns.median, ...interval };
    return judge(figures, unrestOf([["in this run", item]], interval));
  });
  return { cases, unmatched: [], regressed: cases.some(({ verdict }) => verdict === "worse") };
}

function compareCase(
  before: BenchCase,
  now: BenchCase,
  family: number,
  inconclusive: string | undefined,
): CaseComparison {
  // The floor stands for what placements lie apart, of which a run has too few to tell: the turns are what the error comes from.
  const freedom = turnsOf(before) + turnsOf(now) - 2;
  const error = Math.hypot(errorOf(before), errorOf(now));
  const half = Math.hypot(RUN_TO_RUN, familyWidth(family, ERROR_RATE, Math.max(1, freedom)) * error);
  const interval = intervalOf(now.ratio.median / before.ratio.median, half);
  const figures = { id: now.id, before: before.ratio.median, now: now.ratio.median, ...interval };
  const sides = [["before", before] as const, ["now", now] as const];
  return judge(figures, inconclusive ?? unrestOf(sides, interval));
}

function turnsOf({ placements }: BenchCase): number {
  return placements.reduce((sum, turns) => sum + turns.length, 0);
}

function errorOf({ placements }: BenchCase): number {
  return logError(placements.map((turns) => turns.map(([subject, yardstick]) => subject / yardstick)));
}

type Interval = Pick<CaseComparison, "change" | "low" | "high">;

/** @param half of the interval's width, of the logarithm */
function intervalOf(ratio: number, half: number): Interval {
  return { change: ratio - 1, low: ratio * Math.exp(-half) - 1, high: ratio * Math.exp(half) - 1 };
}

function judge(figures: Omit<CaseComparison, "verdict" | "why">, why: string | undefined): CaseComparison {
  if (why !== undefined) return { ...figures, verdict: "inconclusive", why };
  if (figures.low <= 0 && figures.high >= 0) return { ...figures, verdict: "same" };
  // The gain of batching is better when larger; all others are times.
  const isTime = !figures.id.startsWith("batching/");
  return { ...figures, verdict: figures.change > 0 === isTime ? "worse" : "better" };
}

function unrestOf(sides: readonly (readonly [string, BenchCase])[], { low, high }: Interval): string | undefined {
  for (const [when, { unrest }] of sides) {
    if (unrest > MOST_UNREST)
      return `the yardstick was unstable ${when} (quartiles ${Math.round(unrest * 100)} % apart)`;
  }
  const noise = Math.log((1 + high) / (1 + low)) / 2;
  return noise > MOST_NOISE ? `the noise of ±${Math.round(noise * 100)} % hides any change` : undefined;
}

function differentConditions(before: BenchReport, now: BenchReport): string | undefined {
  const conditions = ({ machine, batch, touch, clock }: BenchReport): Record<string, unknown> => ({
    CPU: machine.cpu,
    Node: machine.node,
    "page mode": machine.pages,
    "batch size": batch,
    touch,
    clock,
  });
  const [old, current] = [conditions(before), conditions(now)];
  const name = Object.keys(old).find((key) => old[key] !== current[key]);
  return name === undefined ? undefined : `${name} was ${old[name]}, now is ${current[name]}`;
}

/**
 * A report as `bench --json` printed it. Figures are computed anew from the samples, so that both sides of a comparison are treated alike.
 * @throws {UsageError} where the text is no such report
 */
export function parseBenchReport(text: string, file: string): BenchReport {
  let report: Partial<BenchReport> | null;
  try {
    report = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${file}: is no JSON, expected what \`sluicegate bench --json\` prints`, { cause });
  }
  if (report?.schema !== BENCH_SCHEMA || !Array.isArray(report.cases) || !report.machine) {
    throw new UsageError(`${file}: schema is ${report?.schema}, expected ${BENCH_SCHEMA}`);
  }
  if (report.against !== undefined) {
    throw new UsageError(
      `${file}: is a run of two builds (--against ${report.against}), expected one beside the reference kernel`,
    );
  }
  report.cases.forEach((item, i) => {
    const good = Array.isArray(item?.placements) && item.placements.length > 0 && item.placements.every(isTurns);
    if (!good) throw new UsageError(`${file}: cases[${i}].placements is no list of lists of pairs of times above 0`);
  });
  const cases = report.cases.map((item) => benchCase(item, item.placements, item.marginOfError));
  return { ...(report as BenchReport), cases };
}

function isTurns(turns: unknown): boolean {
  return Array.isArray(turns) && turns.length > 0 && turns.every(isSample);
}

function isSample(sample: unknown): boolean {
  return Array.isArray(sample) && sample.length === 2 && sample.every((ns) => Number.isFinite(ns) && ns > 0);
}
