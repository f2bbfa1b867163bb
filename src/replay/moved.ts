import type { Egress } from "../config/types.js";
import { VERDICT_FLAG_NEW_CONNECTION_KIND, VERDICT_FLAG_POLICY_CHANGE } from "../engine/codes.js";
import { formatAddress } from "../net/address.js";
import type { Columns, MovedConnection } from "./outside.js";
import type { BrokenConnection } from "./report-types.js";
import { formatTime, nanoseconds } from "./time.js";

const PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map([
  [1, "icmp"],
  [6, "tcp"],
  [17, "udp"],
  [132, "sctp"],
]);

/** Row of the report for a connection whose external tuple changed; TCP and SCTP break by that, the others are rebound. */
export function movedConnection(
  moved: MovedConnection,
  columns: Columns,
  egresses: readonly Egress[],
): { isBroken: boolean; row: BrokenConnection } {
  const { slot } = moved;
  const flags = columns.verdictFlags[slot]!;
  const row: BrokenConnection = {
    at: formatTime(nanoseconds(columns.timeLow[slot]!, columns.timeHigh[slot]!)),
    fiveTuple: fiveTupleText(moved),
    from: gatewayOf(egresses[columns.oldEgress[slot]!]) ?? { node: "", egressIP: "" },
    to: gatewayOf(egresses[columns.egress[slot]!]) ?? null,
    cause: flags & VERDICT_FLAG_POLICY_CHANGE ? "policy-change" : "failover",
  };
  return { isBroken: (flags & VERDICT_FLAG_NEW_CONNECTION_KIND) !== 0, row };
}

/** `tcp 10.1.2.3:4000 -> 198.51.100.7:443`; an echo has one identifier. */
export function fiveTupleText(tuple: Omit<MovedConnection, "slot">): string {
  const name = PROTOCOL_NAMES.get(tuple.protocol) ?? String(tuple.protocol);
  if (tuple.protocol === 1) return `${name} ${tuple.endpoint} -> ${tuple.remote} id ${tuple.endpointPort}`;
  return `${name} ${tuple.endpoint}:${tuple.endpointPort} -> ${tuple.remote}:${tuple.remotePort}`;
}

function gatewayOf(egress: Egress | undefined): { node: string; egressIP: string } | undefined {
  if (!egress) return undefined;
  const address = egress.egressIPv4 ?? egress.egressIPv6;
  return { node: egress.node, egressIP: address ? formatAddress(address) : "" };
}
