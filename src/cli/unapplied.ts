import type { Policy, PolicyModel } from "../config/types.js";
import { UsageError } from "../errors.js";

/**
 * What the manifests ask of high availability and a replay does not do yet. Said before every replay that it concerns: predictions that
 * leave it out must not look complete.
 * @returns one line per policy or group of nodes; empty where the manifests ask for nothing of the kind
 * @throws {UsageError} where a policy forbids what a replay would do: `localOnly` over gateways of several zones
 */
export function unappliedSettings(model: PolicyModel): string[] {
  for (const policy of model.policies) refuseLocalOnly(policy, model);
  const drained = model.nodes.filter(({ drain }) => drain !== undefined).map(({ name }) => name);
  const used = new Set(model.policies.flatMap(({ egresses }) => egresses.map((index) => model.egresses[index]!.node)));
  const concerned = drained.filter((name) => used.has(name));
  const nodes =
    concerned.length > 0
      ? [`${concerned.join(", ")}: drained, but replay gives new connections to drained gateways too`]
      : [];
  return [...model.policies.flatMap(ofPolicy), ...nodes];
}

function ofPolicy({ kind, name, azAffinity, groups = [], groupStatuses = [] }: Policy): string[] {
  const where = `${kind} ${name}`;
  const capped = groups.some(({ maxGatewayNodes, egresses }) => (maxGatewayNodes ?? Infinity) < egresses.length);
  const hasHealth = groupStatuses.some(({ healthyGatewayIPs }) => healthyGatewayIPs.length > 0);
  return [
    azAffinity !== "disabled" &&
      `${where}: azAffinity ${azAffinity} is not applied yet: every gateway takes connections`,
    capped && `${where}: maxGatewayNodes is not applied yet: every gateway of the group takes new connections`,
    hasHealth && `${where}: health in its status is not applied yet: every gateway counts as healthy`,
  ].filter((line) => line !== false);
}

/** Under `localOnly` a connection never leaves its zone; translating it elsewhere would be wrong, not only less exact. */
function refuseLocalOnly({ kind, name, azAffinity, egresses }: Policy, model: PolicyModel): void {
  const zones = new Set(egresses.map((index) => model.egresses[index]!.zone));
  if (azAffinity !== "localOnly" || zones.size < 2) return;
  throw new UsageError(
    `${kind} ${name}: azAffinity is localOnly over ${zones.size} zones, which a replay cannot do yet; ` +
      "replay with disabled, localOnlyFirst or localPriority, or with the gateways of one zone",
  );
}
