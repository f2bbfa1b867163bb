import { initialHealth } from "../config/standing.js";
import type { PolicyModel } from "../config/types.js";
import type { ScenarioOptions } from "./scenario.js";
import { type NodeStatus, UP } from "./status.js";

/** Names, sorted, of gateways that are down before any event: missing from a list of healthy ones in `status.groupStatuses` that has entries. */
export function initiallyDown(model: PolicyModel): string[] {
  return [...initialHealth(model)].flatMap(([node, health]) => (health === "unhealthy" ? [node] : [])).sort();
}

/** What a scenario of a cluster is checked against, without manifests that come into force later. */
export function scenarioOptionsOf(model: PolicyModel): ScenarioOptions {
  const { healthTimeoutMs } = model.settings;
  const timeout = healthTimeoutMs && { timeoutMs: healthTimeoutMs.value };
  return { nodes: model.nodes, initialDown: initiallyDown(model), ...timeout };
}

/** How nodes stand before any event, by name: health by `status.groupStatuses`, drain by annotation or cordon. */
export function initialStatuses(model: PolicyModel): Map<string, NodeStatus> {
  const statuses = new Map<string, NodeStatus>(
    model.nodes.map(({ name, drain }) => [name, drain ? { ...UP, drained: true } : UP]),
  );
  for (const name of initiallyDown(model)) {
    statuses.set(name, { ...(statuses.get(name) ?? UP), health: "down", agent: "down" });
  }
  return statuses;
}
