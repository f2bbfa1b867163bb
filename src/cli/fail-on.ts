import type { ReplayReport } from "../replay/report-types.js";
import { type Condition, type ConditionNames, parseCondition, type ReportNumbers } from "../report/condition.js";
import { REASON_TEXTS } from "../report/reasons.js";

/** Every number of a report that `--fail-on` may name. */
const NAMES = {
  frames: ["read", "bytes", "pass", "snat", "reverse", "drop", "lost", "skipped", "hold", "generated"],
  connections: ["opened", "closed", "expired", "broken", "rebound", "peak", "live", "removed", "directionGuessed"],
  reasons: Object.keys(REASON_TEXTS),
  verification: ["framesChecked", "mismatches"],
} as const satisfies ConditionNames & {
  frames: readonly (keyof ReplayReport["frames"])[];
  connections: readonly (keyof ReplayReport["connections"])[];
};

/**
 * @param names numbers that there are; those of a replay's report where left out
 * @throws {UsageError} for an expression that is wrong, before any work is done
 */
export function parseFailOn(expressions: readonly string[] = [], names: ConditionNames = NAMES): Condition[] {
  return expressions.map((expression) => parseCondition(expression, names));
}

/** Why a run fails by its conditions: one line for each that holds. */
export function failures(conditions: readonly Condition[], report: ReplayReport): string[] {
  const { opened, closed, expired, broken, rebound, peak, live, removed, directionGuessed } = report.connections;
  const numbers: ReportNumbers = {
    frames: report.frames,
    connections: { opened, closed, expired, broken, rebound, peak, live, removed, directionGuessed },
    reasons: report.reasons,
    verification: {
      framesChecked: report.verification.framesChecked,
      mismatches: report.verification.mismatchCount,
    },
  };
  return holding(conditions, numbers);
}

/** One line for each condition that holds for `numbers`. */
export function holding(conditions: readonly Condition[], numbers: ReportNumbers): string[] {
  return conditions.flatMap((condition) => {
    const because = condition.evaluate(numbers);
    return because.length > 0 ? [`--fail-on ${condition.text}: holds (${because.join(", ")})`] : [];
  });
}
