import { type BenchOptions, benchCase, boundsOf, runBench } from "./bench.js";
import { type BenchComparison, compareBench } from "./compare.js";
import type { BenchCase, BenchReport } from "./report-types.js";

/** Times that a case which looks slower is measured again before it counts. */
const CONFIRMATIONS = 2;

export interface ComparedRun {
  readonly report: BenchReport;
  readonly comparison: BenchComparison;
}

/**
 * Runs the benchmark and judges it by an earlier run. A case that looks slower is set up and measured again, and judged by all of its
 * measurements: of forty cases some look slower by chance.
 * @param measure how to run; for tests
 */
export async function runAgainst(
  before: BenchReport,
  options: BenchOptions,
  measure: (options: BenchOptions) => Promise<BenchReport> = runBench,
): Promise<ComparedRun> {
  let report = await measure(options);
  let comparison = compareBench(before, report);
  for (let i = 0; i < CONFIRMATIONS && comparison.regressed; i++) {
    const slower = comparison.cases.filter(({ verdict }) => verdict === "worse").map(({ id }) => id);
    options.onProgress?.(`measuring again: ${slower.join(", ")}`);
    report = withMore(report, await measure({ ...options, only: new Set(slower) }));
    comparison = compareBench(before, report);
  }
  return { report, comparison };
}

/** `report` with the placements of `more` added to those of the same cases. */
export function withMore(report: BenchReport, more: BenchReport): BenchReport {
  const added = new Map(more.cases.map((item) => [item.id, item]));
  const cases = report.cases.map((item): BenchCase => {
    const again = added.get(item.id);
    if (!again) return item;
    const placements = [...item.placements, ...again.placements];
    return benchCase(item, placements, Math.max(item.marginOfError, again.marginOfError));
  });
  return { ...report, cases, bounds: boundsOf(cases) };
}
