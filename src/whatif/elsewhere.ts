import type { PolicyModel } from "../config/types.js";
import type { LoggedConnection } from "./logged-connection.js";

// Whether a connection whose gateway fails can go on by another one.

/** False where its policy goes on sending to a dead gateway, as the original does for `CiliumEgressGatewayPolicy`. */
export function hasFailover({ policies }: PolicyModel, { policy }: LoggedConnection): boolean {
  return policies[policy]?.kind !== "CiliumEgressGatewayPolicy";
}

/** True where the connection's policy has another gateway node for it. */
export function hasOther(model: PolicyModel, connection: LoggedConnection, node: string): boolean {
  const policy = model.policies[connection.policy];
  if (!policy) return true;
  const others = policy.egresses.map((index) => model.egresses[index]!).filter((egress) => egress.node !== node);
  if (policy.azAffinity !== "localOnly") return others.length > 0;
  const own = model.nodes.find(({ name }) => name === connection.owner?.node)?.zone;
  return own !== undefined && others.some(({ zone }) => zone === own);
}
