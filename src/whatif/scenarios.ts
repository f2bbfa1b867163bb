import { NS_PER_MS } from "../config/time.js";
import type { PolicyModel } from "../config/types.js";
import { UsageError } from "../errors.js";
import type { HealthConfig } from "../gateway/health.js";
import type { Scenario, ScenarioEvent, ScenarioTime } from "../gateway/scenario.js";
import { defaultHealth } from "../gateway/scenario-health.js";

/** Time between probes where detection has to be exact: any value would do. */
const EXACT_INTERVAL_MS = 100;

/** Health checking as the manifests have it, else as by default: as in a scenario that says nothing of it. */
export function healthOf({ settings }: PolicyModel): HealthConfig {
  return defaultHealth(settings.healthTimeoutMs?.value);
}

/** A scenario of our own making, which no file holds. */
export function scenarioOf(name: string, health: HealthConfig, events: readonly ScenarioEvent[]): Scenario {
  return { name, file: "", health, propagationMs: 0, events, warnings: [] };
}

/**
 * A node that fails `atMs` after the first frame and counts as down exactly `detectMs` later: probes are laid so that one comes with the
 * failure and is the first to be missed, and the timeout is as much longer than `detectMs` as that probe comes after the last good one.
 * @param detectMs undefined = by the health checks of the manifests, whose probes come when the seed says
 */
export function failureOf(model: PolicyModel, node: string, atMs: number, detectMs: number | undefined): Scenario {
  const events = [{ at: { fromStartNs: BigInt(atMs) * NS_PER_MS }, node, event: "node-down" as const }];
  if (detectMs === undefined) return scenarioOf(`${node} fails`, healthOf(model), events);
  const probeIntervalMs = Math.min(EXACT_INTERVAL_MS, Math.max(1, atMs));
  const health = { ...healthOf(model), probeIntervalMs, timeoutMs: detectMs + probeIntervalMs };
  return { ...scenarioOf(`${node} fails`, health, events), phaseMs: atMs % probeIntervalMs };
}

/** Nanoseconds from `startNs` to `time`. */
export function sinceStart(time: ScenarioTime, startNs: bigint): bigint {
  return "fromStartNs" in time ? time.fromStartNs : time.absoluteNs - startNs;
}

/** Names of the nodes that policies may translate at, in their order. @throws {UsageError} where there is none */
export function gatewayNodes(model: PolicyModel): string[] {
  const nodes = new Set(model.policies.flatMap(({ egresses }) => egresses.map((index) => model.egresses[index]!.node)));
  if (nodes.size === 0) throw new UsageError("the manifests: have no gateway node, expected a policy that selects one");
  return [...nodes].sort();
}

/** @throws {UsageError} where no policy has this node among its gateways */
export function requireGateway(model: PolicyModel, node: string, flag: string): void {
  const known = gatewayNodes(model);
  if (!known.includes(node))
    throw new UsageError(`${flag} is ${JSON.stringify(node)}, expected a gateway node: ${known.join(", ")}`);
}
