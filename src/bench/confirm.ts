import { type BenchOptions, benchCase, boundsOf, runBench } from "./bench.js";
import { type BenchComparison, compareBench, compareBuilds } from "./compare.js";
import type { BenchCase, BenchReport } from "./report-types.js";

/** Times that a case which looks slower is measured again before it counts. */
const CONFIRMATIONS = 2;

export interface ComparedRun {
  readonly report: BenchReport;
  readonly comparison: BenchComparison;
}

type Measure = (options: BenchOptions) => Promise<BenchReport>;

/**
 * Runs the benchmark and judges it by an earlier run.
 * @param measure how to run; for tests
 */
export function runAgainst(
  before: BenchReport,
  options: BenchOptions,
  measure: Measure = runBench,
): Promise<ComparedRun> {
  return confirmed(options, (report) => compareBench(before, report), measure);
}

/** Lets this build and `options.against` take turns and judges this one. @param measure how to run; for tests */
export function runBuilds(options: BenchOptions, measure: Measure = runBench): Promise<ComparedRun> {
  return confirmed(options, compareBuilds, measure);
}

/**
 * A case that looks slower is set up and measured again, and judged by all of its measurements. What fails has looked slower each time, so
 * looking again makes false alarms rarer, never more frequent.
 */
async function confirmed(
  options: BenchOptions,
  judge: (report: BenchReport) => BenchComparison,
  measure: Measure,
): Promise<ComparedRun> {
  let report = await measure(options);
  let comparison = judge(report);
  for (let i = 0; i < CONFIRMATIONS && comparison.regressed; i++) {
    const slower = comparison.cases.filter(({ verdict }) => verdict === "worse").map(({ id }) => id);
    options.onProgress?.(`measuring again: ${slower.join(", ")}`);
    report = withMore(report, await measure({ ...options, only: new Set(slower) }));
    comparison = judge(report);
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
