import {
  type CtRow,
  type EgressRow,
  formatCtRow,
  formatNatRow,
  type GatewayRow,
  type NatRow,
} from "../replay/list-state.js";
import { textTable } from "./text-table.js";
import { bytes, count } from "./units.js";

/** Padding between the columns of the original's lists. */
const GAP = 3;

/** Two lines per mapping, in the shape of `cilium-dbg bpf nat list`. */
export function natLines(rows: readonly NatRow[]): string[] {
  return rows.map(formatNatRow);
}

/** One line per connection, in the shape of `cilium-dbg bpf ct list global`. */
export function ctLines(rows: readonly CtRow[]): string[] {
  return rows.map(formatCtRow);
}

/** The table of `cilium-dbg bpf egress list`. */
export function egressLines(rows: readonly EgressRow[]): string[] {
  const titles = ["Source IP", "Destination CIDR", "Egress IP", "Gateway IP", "Gateway"];
  return textTable(
    titles.map((title) => ({ title })),
    rows.map((row) => [row.sourceIP, row.destinationCIDR, row.egressIP, row.gatewayIP, row.gateway]),
    { gap: GAP },
  );
}

/** What each egress address has carried and holds. */
export function gatewayLines(rows: readonly GatewayRow[]): string[] {
  const right = "right" as const;
  const columns = [
    { title: "Node" },
    { title: "Egress IP" },
    { title: "Connections", align: right },
    { title: "Live", align: right },
    { title: "Frames out", align: right },
    { title: "Bytes out", align: right },
    { title: "Replies", align: right },
    { title: "Ports", align: right },
  ];
  const cells = rows.map((row) => [
    row.node,
    row.egressIP,
    ...[row.connections, row.live, row.frames].map(count),
    bytes(row.bytes),
    count(row.replies),
    `${count(row.portsPeak)} of ${count(row.portsLimit)}`,
  ]);
  return textTable(columns, cells, { gap: GAP });
}
