import { UsageError } from "../errors.js";
import { benchCase } from "./bench.js";
import { BENCH_SCHEMA, type BenchCase, type BenchReport } from "./report-types.js";

export type CaseVerdict = "same" | "better" | "worse" | "inconclusive";

export interface CaseComparison {
  readonly id: string;
  readonly before: number;
  readonly now: number;
  /** Relative change of the normalised median: 0.1 = a tenth more time. */
  readonly change: number;
  /** Change that the two runs' noise may make. */
  readonly noise: number;
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
  /** True where some case got worse by more than its noise. */
  readonly regressed: boolean;
}

/** Runs of one build differ by this much even where nothing in them shows it; from trials of repeatability (docs/performance.md). */
const RUN_TO_RUN = 0.05;
/** A yardstick whose quartiles are further apart than this has measured the machine, not the program. */
const MOST_UNREST = 0.25;
/** Noise above this hides any change worth knowing. */
const MOST_NOISE = 0.3;

/** Judges a run by an earlier one: case by case, by the ratios to the yardstick, and only where the yardstick stood still. */
export function compareBench(before: BenchReport, now: BenchReport): BenchComparison {
  const inconclusive = differentConditions(before, now);
  const earlier = new Map(before.cases.map((item) => [item.id, item]));
  const cases = now.cases.flatMap((item) => {
    const old = earlier.get(item.id);
    return old ? [compareCase(old, item, inconclusive)] : [];
  });
  const matched = new Set(cases.map(({ id }) => id));
  const unmatched = [...before.cases, ...now.cases].map(({ id }) => id).filter((id) => !matched.has(id));
  return {
    cases,
    unmatched: [...new Set(unmatched)],
    ...(inconclusive !== undefined && { inconclusive }),
    regressed: cases.some(({ verdict }) => verdict === "worse"),
  };
}

function compareCase(before: BenchCase, now: BenchCase, inconclusive: string | undefined): CaseComparison {
  const change = now.ratio.median / before.ratio.median - 1;
  const noise = Math.hypot(RUN_TO_RUN, ownNoise(before), ownNoise(now));
  const why = inconclusive ?? unrestOf(before, now, noise);
  const figures = { id: now.id, before: before.ratio.median, now: now.ratio.median, change, noise };
  if (why !== undefined) return { ...figures, verdict: "inconclusive", why };
  if (Math.abs(change) <= noise) return { ...figures, verdict: "same" };
  // The gain of batching is better when larger; all others are times.
  const isTime = !now.id.startsWith("batching/");
  return { ...figures, verdict: change > 0 === isTime ? "worse" : "better" };
}

/** Half of the interval of a case's ratio, or of what its placements lie apart if that is more, as a share of the ratio. */
function ownNoise({ ratio, placementSpread }: BenchCase): number {
  return Math.max((ratio.high - ratio.low) / ratio.median, placementSpread) / 2;
}

function unrestOf(before: BenchCase, now: BenchCase, noise: number): string | undefined {
  for (const [when, { unrest }] of [["before", before] as const, ["now", now] as const]) {
    if (unrest > MOST_UNREST)
      return `the yardstick was unstable ${when} (quartiles ${Math.round(unrest * 100)} % apart)`;
  }
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
