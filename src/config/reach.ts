import { failuresUntilActive } from "./active-order.js";
import type { Standings } from "./standing.js";
import type { Policy, PolicyModel } from "./types.js";

/**
 * For each egress of `policy` the fewest gateway failures after which it may take connections of endpoints in `zone`. Members that are drained or
 * down at present come back in their place of the order.
 */
export function failuresToReach(
  { egresses }: PolicyModel,
  standings: Standings,
  policy: Policy,
  zone: string | undefined,
): Map<number, number> {
  const reach = failuresUntilActive({ egresses, policy, isCandidate: () => true }, zone);
  if (policy.kind === "CiliumEgressGatewayPolicy") return reach;
  const isCandidate = (egress: number) => standings.isAvailable(egress);
  for (const [egress, failures] of failuresUntilActive({ egresses, policy, isCandidate }, zone)) {
    reach.set(egress, Math.min(failures, reach.get(egress)!));
  }
  return reach;
}
