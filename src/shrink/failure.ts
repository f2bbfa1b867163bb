import { CaptureError, EgressError, EngineError } from "../errors.js";
import type { ReplayReport } from "../replay/report-types.js";
import { formatMismatch } from "../verify/fields.js";

/** How a replay failed. Two failures are alike where `kind` and `key` are the same. */
export interface Failure {
  /** A frame that the verifier finds wrong, a condition that holds, or a fault of the program or its engine. */
  readonly kind: "mismatch" | "condition" | "error";
  /** The field that is wrong, the condition, or the name of the error. */
  readonly key: string;
  /** For people. */
  readonly text: string;
  /** Of a mismatch: its place among the frames that were replayed, from 1. */
  readonly frame?: number;
}

/** Says which conditions hold for a report. @returns their texts */
export type Conditions = (report: ReplayReport) => readonly string[];

/** How a replay that came to its end failed: by the first wrong frame, else by the first condition; undefined = it did not. */
export function failureOf(report: ReplayReport, conditions: Conditions): Failure | undefined {
  const [mismatch] = report.verification.mismatches;
  if (mismatch) {
    const { field, frame } = mismatch;
    return { kind: "mismatch", key: field, frame, text: formatMismatch(mismatch) };
  }
  const [condition] = conditions(report);
  return condition === undefined
    ? undefined
    : { kind: "condition", key: condition, text: `--fail-on ${condition} holds` };
}

/**
 * The failure that an error is.
 * @throws the error where it speaks of options or files, and so of no frame
 */
export function failureOfError(error: unknown): Failure {
  const isOurs = error instanceof EgressError && !(error instanceof EngineError);
  if (isOurs || error instanceof CaptureError || !(error instanceof Error)) throw error;
  return { kind: "error", key: error.name, text: `${error.name}: ${error.message}` };
}

export function isAlike(a: Failure, b: Failure | undefined): boolean {
  return b !== undefined && a.kind === b.kind && a.key === b.key;
}
