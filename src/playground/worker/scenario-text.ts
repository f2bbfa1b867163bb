import type { Failback } from "../../gateway/health.js";
import type { Scenario, ScenarioEvent, ScenarioTime } from "../../gateway/scenario.js";
import { formatTime } from "../../replay/time.js";
import { FAILURES, type RunSettings } from "../messages.js";

/**
 * The scenario of a run as a file: that of the user, where there is one, and what the switches say. What is shown and what is played are
 * the same text.
 * @returns undefined where nothing happens
 */
export function scenarioText(settings: RunSettings, given: Scenario | undefined): string | undefined {
  const events = [...(given?.events ?? []).map(givenEvent), ...settings.failures.flatMap(failureEvents)];
  if (events.length === 0) return undefined;
  const { probeIntervalMs, timeoutMs } = settings;
  const lines = [
    "apiVersion: sluicegate.io/v1",
    "kind: Scenario",
    "metadata:",
    `  name: ${JSON.stringify(given?.name ?? "playground")}`,
    "spec:",
    "  health:",
    `    probeInterval: ${probeIntervalMs}ms`,
    `    timeout: ${timeoutMs}ms`,
    ...(given ? givenLines(given) : []),
    "  events:",
    ...events.flatMap(({ at, node, event }) => [
      `    - at: ${at}`,
      `      node: ${JSON.stringify(node)}`,
      `      event: ${event}`,
    ]),
  ];
  return `${lines.join("\n")}\n`;
}

interface EventLine {
  readonly at: string;
  readonly node: string;
  readonly event: string;
}

function failureEvents({ node, kind, fromMs, untilMs }: RunSettings["failures"][number]): EventLine[] {
  const [begins, ends] = FAILURES[kind];
  const first = { at: `${fromMs}ms`, node, event: begins };
  return untilMs === undefined ? [first] : [first, { at: `${untilMs}ms`, node, event: ends }];
}

/** Events with manifests are refused when the scenario is opened: a page has no folders. */
function givenEvent(event: ScenarioEvent): EventLine {
  if ("manifests" in event) throw new Error(`event with manifests ${event.manifests}, expected one of a node`);
  return { at: timeText(event.at), node: event.node, event: event.event };
}

function timeText(at: ScenarioTime): string {
  return "fromStartNs" in at ? `${at.fromStartNs}ns` : JSON.stringify(formatTime(at.absoluteNs));
}

/** What else a scenario says. */
function givenLines({ health: { failback }, phaseMs, propagationMs }: Scenario): string[] {
  return [
    ...(phaseMs === undefined ? [] : [`    phase: ${phaseMs}ms`]),
    `    failback: ${failbackText(failback)}`,
    `  propagation: ${propagationMs}ms`,
  ];
}

function failbackText(failback: Failback): string {
  if (failback.kind === "hold-down") return `{ holdDown: ${failback.ms}ms }`;
  return failback.kind === "after-probes" ? `{ afterProbes: ${failback.count} }` : failback.kind;
}
