import { inOrder } from "../gateway/plan.js";
import type { Scenario, ScenarioEvent } from "../gateway/scenario.js";
import { formatTime } from "./time.js";

/**
 * What a scenario orders for times after the last frame: a wrong time would else look like a failure that does no harm.
 * @param startNs virtual time of the first frame   @param endNs that of the last
 * @returns undefined where there is none, or the scenario comes from no file
 */
export function lateEvents({ file, events }: Scenario, startNs: bigint, endNs: bigint): string | undefined {
  const [first, ...others] = inOrder(events, startNs).filter(({ atNs }) => atNs > endNs);
  if (!first || file === "") return undefined;
  const what = `${nameOf(first.event)} at ${formatTime(first.atNs)}`;
  return `${file}: ${what}${restOf(others.length)}: the last frame comes at ${formatTime(endNs)}`;
}

function nameOf(event: ScenarioEvent): string {
  return "manifests" in event ? `manifests ${event.manifests}` : `${event.event} of ${event.node}`;
}

function restOf(others: number): string {
  if (others === 0) return " never happens";
  return ` and ${others} later ${others === 1 ? "event" : "events"} never happen`;
}
