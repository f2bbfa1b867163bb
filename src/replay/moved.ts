import type { Egress } from "../config/types.js";
import {
  VERDICT_FLAG_NEW_CONNECTION_KIND,
  VERDICT_FLAG_POLICY_CHANGE,
  VERDICT_FLAG_REMAPPED,
  VERDICT_FLAG_RESTART,
} from "../engine/codes.js";
import { formatAddress, socketText } from "../net/address.js";
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6 } from "../net/decode.js";
import { protocolName } from "../net/protocol-name.js";
import type { Columns } from "./columns.js";
import type { GatewayPlan } from "./gateway-plan.js";
import type { MovedConnection } from "./outside.js";
import type { BrokenConnection } from "./report-types.js";
import { formatTime, nanoseconds } from "./time.js";

/** Row of the report for a connection whose external tuple changed; TCP and SCTP break by that once they are open, the others are rebound. */
export function movedConnection(
  moved: MovedConnection,
  columns: Columns,
  plan: Pick<GatewayPlan, "egresses" | "causeOfMove" | "isHealthy">,
): { isBroken: boolean; row: BrokenConnection } {
  const { slot } = moved;
  const { egresses } = plan;
  const flags = columns.verdictFlags[slot]!;
  const row: BrokenConnection = {
    at: formatTime(nanoseconds(columns.timeLow[slot]!, columns.timeHigh[slot]!)),
    fiveTuple: fiveTupleText(moved),
    from: gatewayOf(egresses[columns.oldEgress[slot]!], moved.endpoint) ?? { node: "", egressIP: "" },
    to: gatewayOf(egresses[columns.egress[slot]!], moved.endpoint) ?? null,
    cause: causeOf(flags, columns.oldEgress[slot]!, columns.egress[slot]!, plan),
  };
  return { isBroken: (flags & VERDICT_FLAG_NEW_CONNECTION_KIND) !== 0, row };
}

/**
 * Why a connection's external tuple changed with a frame; empty where it did not.
 * @param flags VERDICT_FLAG_*   @param oldEgress index of the egress before   @param egress that of now
 */
export function causeOf(
  flags: number,
  oldEgress: number,
  egress: number,
  plan: Pick<GatewayPlan, "egresses" | "causeOfMove" | "isHealthy">,
): string {
  if (!(flags & VERDICT_FLAG_REMAPPED)) return "";
  const left = plan.causeOfMove(oldEgress);
  if (flags & VERDICT_FLAG_RESTART) {
    // A pin without a mapping may have gone elsewhere, or lost its address, before anything left again.
    const [before, now] = [oldEgress, egress].map((index) => plan.egresses[index]?.node);
    return left ?? (before === now ? "gateway-restart" : "failover");
  }
  if (flags & VERDICT_FLAG_POLICY_CHANGE) return left ?? "policy-change";
  // The gateway that is down may be one that the connection was on its way to, away from a healthy one.
  const from = plan.egresses[oldEgress]?.node ?? "";
  return left !== undefined && plan.isHealthy(from) ? left : "failover";
}

/** `tcp 10.1.2.3:4000 -> 198.51.100.7:443`; an echo has one identifier. */
function fiveTupleText(tuple: Omit<MovedConnection, "slot">): string {
  const name = protocolName(tuple.protocol);
  if (tuple.protocol === PROTOCOL_ICMP || tuple.protocol === PROTOCOL_ICMPV6)
    return `${name} ${tuple.endpoint} -> ${tuple.remote} id ${tuple.endpointPort}`;
  return `${name} ${socketText(tuple.endpoint, tuple.endpointPort)} -> ${socketText(tuple.remote, tuple.remotePort)}`;
}

/** An egress by the address that it has for connections of `endpoint`. */
function gatewayOf(egress: Egress | undefined, endpoint: string): { node: string; egressIP: string } | undefined {
  if (!egress) return undefined;
  const address = endpoint.includes(":") ? egress.egressIPv6 : egress.egressIPv4;
  return { node: egress.node, egressIP: address ? formatAddress(address) : "" };
}
