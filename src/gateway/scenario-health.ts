import type { Field } from "../config/field.js";
import { parseDurationMs } from "../config/time.js";
import type { Failback, HealthConfig } from "./health.js";

const DEFAULT_TIMEOUT_MS = 2000;
const MOST_PROBES = 1_000_000;

/**
 * Health checking where nothing more is said of it.
 * @param timeoutMs that of the cluster's settings, where they have one: whole milliseconds above 0
 */
export function defaultHealth(timeoutMs = DEFAULT_TIMEOUT_MS): HealthConfig {
  return { probeIntervalMs: halfOf(timeoutMs), timeoutMs, failback: { kind: "immediate" } };
}

/** The original probes twice in a timeout. */
function halfOf(timeoutMs: number): number {
  return Math.ceil(timeoutMs / 2);
}

/** Reads `spec.health`. @param timeoutMs where it does not say */
export function readHealth(field: Field, timeoutMs?: number): { health: HealthConfig; phaseMs: number | undefined } {
  if (!field.isMissing && !field.isObject) field.fault("an object with probeInterval, timeout, phase and failback");
  const timeout = readDuration(field.get("timeout"), 1) ?? timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const intervalField = field.get("probeInterval");
  const interval = readDuration(intervalField, 1) ?? halfOf(timeout);
  if (interval > timeout) intervalField.fault(`at most the timeout of ${timeout} ms`);
  const phaseField = field.get("phase");
  const phaseMs = readDuration(phaseField, 0);
  if (phaseMs !== undefined && phaseMs >= interval) phaseField.fault(`less than the probe interval of ${interval} ms`);
  const failback = readFailback(field.get("failback"));
  return { health: { probeIntervalMs: interval, timeoutMs: timeout, failback }, phaseMs };
}

/** Whole milliseconds of at least `least`; undefined where missing or (with a fault) something else. */
export function readDuration(field: Field, least: 0 | 1): number | undefined {
  if (field.isMissing) return undefined;
  const duration = typeof field.value === "string" ? parseDurationMs(field.value) : undefined;
  if (duration !== undefined && duration >= least) return duration;
  field.fault(least === 0 ? "a duration such as 1.5s" : "a duration above zero such as 1.5s");
  return undefined;
}

function readFailback(field: Field): Failback {
  const immediate: Failback = { kind: "immediate" };
  if (field.isMissing || field.value === "immediate") return immediate;
  if (field.value === "never") return { kind: "never" };
  const [hold, probes] = [field.get("holdDown"), field.get("afterProbes")];
  if (hold.isMissing === probes.isMissing) {
    field.fault("immediate, never, {holdDown: DURATION} or {afterProbes: NUMBER}");
    return immediate;
  }
  if (probes.isMissing) return { kind: "hold-down", ms: readDuration(hold, 0) ?? 0 };
  return { kind: "after-probes", count: probes.count(1, MOST_PROBES) ?? 1 };
}
