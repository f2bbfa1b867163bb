import type { Standings } from "./standing.js";
import type { Policy, PolicyModel } from "./types.js";

/**
 * For each egress of `policy` the fewest gateway failures after which it may take connections of endpoints in `zone`. Members that are drained or
 * down at present come back in their place of the order.
 */
export function failuresToReach(
  model: PolicyModel,
  standings: Standings,
  policy: Policy,
  zone: string | undefined,
): Map<number, number> {
  const reach = new Map<number, number>();
  if (policy.kind === "CiliumEgressGatewayPolicy") {
    for (const egress of policy.egresses) reach.set(egress, 0);
    return reach;
  }
  (policy.groups ?? []).forEach((group, number) => {
    const status = policy.groupStatuses?.[number];
    const available = group.egresses.filter((egress) => standings.isAvailable(egress, status));
    const least = (members: readonly number[], cap: number) => {
      for (const [egress, failures] of rank(model, policy, members, zone, cap)) {
        reach.set(egress, Math.min(failures, reach.get(egress) ?? failures));
      }
    };
    const cap = group.maxGatewayNodes ?? group.egresses.length;
    least(group.egresses, cap);
    least(available, cap);
  });
  return reach;
}

/** Members in the order in which they come in, with the failures that each waits for. */
function rank(
  model: PolicyModel,
  policy: Policy,
  members: readonly number[],
  zone: string | undefined,
  cap: number,
): [number, number][] {
  const isLocal = (egress: number) => zone !== undefined && model.egresses[egress]!.zone === zone;
  const local = members.filter(isLocal);
  const remote = members.filter((egress) => !isLocal(egress));
  const wait = (place: number) => Math.max(0, place - cap + 1);
  switch (policy.azAffinity) {
    case "disabled":
      return members.map((egress, place) => [egress, wait(place)]);
    case "localOnly":
      return local.map((egress, place) => [egress, wait(place)]);
    case "localPriority":
      return [...local, ...remote].map((egress, place) => [egress, wait(place)]);
    case "localOnlyFirst":
      return [
        ...local.map((egress, place): [number, number] => [egress, wait(place)]),
        ...remote.map((egress, place): [number, number] => [egress, local.length + wait(place)]),
      ];
  }
}
