import type { PairResult } from "../pair/verify-pair.js";
import { formatMismatch } from "../verify/fields.js";
import { paint } from "./paint.js";
import type { SummaryOptions } from "./summary.js";
import { textTable } from "./text-table.js";
import { count, counted, duration } from "./units.js";

/** What `verify --json` and `--report` hold. */
export interface PairReport {
  readonly schema: "sluicegate.io/pair-report/v1";
  readonly before: string;
  readonly after: string;
  readonly input: { readonly truncated: boolean };
  readonly frames: {
    readonly paired: number;
    readonly segmented: number;
    readonly unpairedBefore: number;
    readonly unpairedAfter: number;
    readonly ambiguous: number;
  };
  /** Frames that were not looked at, by reason. */
  readonly skipped: Readonly<Record<string, number>>;
  /** Nanoseconds that the second capture's clock is ahead. */
  readonly skewNs: number;
  readonly skewEstimated: boolean;
  readonly verification: PairResult["verification"];
}

const SHOWN = 5;

/** @returns the result under the names of its report, with plain numbers */
export function pairReport(
  result: PairResult,
  files: { before: string; after: string; truncated: boolean },
): PairReport {
  const { paired, segmented, unpairedBefore, unpairedAfter, ambiguous } = result;
  return {
    schema: "sluicegate.io/pair-report/v1",
    before: files.before,
    after: files.after,
    input: { truncated: files.truncated },
    frames: { paired, segmented, unpairedBefore, unpairedAfter, ambiguous },
    skipped: result.skipped,
    skewNs: Number(result.skewNs),
    skewEstimated: result.isSkewEstimated,
    verification: result.verification,
  };
}

/** The judgement as people read it. */
export function pairSummary(report: PairReport, { colour, verbose }: SummaryOptions): string {
  const p = paint(colour);
  const { frames, verification, skipped } = report;
  const rows: [string, string, string][] = [
    ["paired", count(frames.paired), "seen on both sides and compared"],
    ["  cut otherwise", count(frames.segmented), "of these, with a partner of other segment borders"],
    ["unpaired before", count(frames.unpairedBefore), `only in ${report.before}`],
    ["unpaired after", count(frames.unpairedAfter), `only in ${report.after}`],
    ["ambiguous", count(frames.ambiguous), "several partners with different translations"],
    ...Object.entries(skipped).map(([why, n]): [string, string, string] => ["not looked at", count(n), why]),
  ];
  const columns = [{ title: "" }, { title: "", align: "right" as const }, { title: "" }];
  const shown = verbose ? verification.mismatches : verification.mismatches.slice(0, SHOWN);
  const hidden = verification.mismatchCount - shown.length;
  const skew = `${duration(Math.abs(report.skewNs))} ${report.skewNs < 0 ? "behind" : "ahead"}`;
  const result = `${count(verification.mismatchCount)} ${verification.mismatchCount === 1 ? "mismatch" : "mismatches"} in ${counted(verification.framesChecked, "comparison")}`;
  return [
    p.bold("Pairs"),
    ...textTable(columns, rows, { indent: "  " }).slice(1),
    `  clock of ${report.after}: ${skew}${report.skewEstimated ? " (estimated)" : ""}`,
    "",
    ...(shown.length > 0 ? [p.bold("Mismatches"), ...shown.map(formatMismatch)] : []),
    ...(hidden > 0 ? [p.dim(`  … and ${count(hidden)} more`)] : []),
    ...(shown.length > 0 ? [""] : []),
    `${p.bold("Verification")}  ${verification.ok ? p.good(`ok: ${result}`) : p.bad(`FAILED: ${result}`)}`,
    "",
  ].join("\n");
}
