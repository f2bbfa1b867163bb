import type { PortRow, PortsReport, RefusalRow } from "../whatif/ports.js";
import { paint } from "./paint.js";
import { sparkline, textTable } from "./text-table.js";
import { count, counted } from "./units.js";
import { heading, left, limited, more, numbers, type ViewStyle } from "./whatif-parts.js";

const SHOWN = 10;

/** What `ports` prints: which ports are in use, when they run out, and how the original's search would fare. */
export function portsText(report: PortsReport, style: ViewStyle): string {
  const p = paint(style.colour);
  const { groups, groupCount, grow, portsLimit, refusedInReplay, from, to } = report;
  const lines = [
    ...heading("Ports", report, p),
    `  ${count(portsLimit)} for each egress IP toward one remote, port and protocol; from ${from} to ${to}`,
  ];
  if (refusedInReplay > 0)
    lines.push(p.bad(`  ${counted(refusedInReplay, "connection")} found no port in this very traffic`));
  if (groups.length === 0) return `${[...lines, "  nothing was translated, so no port is in use"].join("\n")}\n`;
  const { shown } = limited(groups, SHOWN, style);
  const grown = grow === 1 ? "" : ` at ${multiple(grow)}`;
  const columns = [
    ...["gateway", "egress IP", "toward"].map(left),
    ...numbers("connections", "peak", "of limit"),
    left("use over time"),
    ...numbers("runs out at", `refused${grown}`, "original refuses from", `original refused${grown}`),
  ];
  const table = textTable(columns, shown.map(cellsOf), { indent: "  " });
  return `${[...lines, "", ...table, ...more(groupCount - shown.length, p), "", ...destinationLines(report, style)].join("\n")}\n`;
}

function cellsOf(row: PortRow): string[] {
  return [
    row.node,
    row.egressIP,
    toward(row),
    count(row.connections),
    count(row.peak),
    share(row.peak / row.limit),
    sparkline(row.use, row.peak),
    multiple(row.runsOutAt),
    refusedText(row.refused),
    row.originalRefusesFrom === undefined ? "–" : multiple(row.originalRefusesFrom),
    refusedText(row.original),
  ];
}

function destinationLines(report: PortsReport, style: ViewStyle): string[] {
  const p = paint(style.colour);
  const { destinations, grow } = report;
  const { shown, hidden } = limited(destinations, SHOWN, style);
  const columns = [
    left("toward"),
    ...numbers("peak over all", "egress IPs in use", "needed", "needed with the original's search"),
  ];
  const rows = shown.map((row) => [
    toward(row),
    ...[row.peak, row.egressIPs, row.egressIPsNeeded, row.egressIPsNeededByOriginal].map(count),
  ]);
  const title = `${p.bold("Egress IPs needed")}${grow === 1 ? "" : ` at ${multiple(grow)}`}, where connections spread evenly`;
  return [title, ...textTable(columns, rows, { indent: "  " }), ...more(hidden, p)];
}

function toward({ protocol, remote, remotePort }: Pick<PortRow, "protocol" | "remote" | "remotePort">): string {
  const host = remote.includes(":") && remotePort > 0 ? `[${remote}]` : remote;
  return `${protocol} ${host}${remotePort > 0 ? `:${remotePort}` : ""}`;
}

function refusedText({ connections, percent }: RefusalRow): string {
  if (connections === 0 && percent === 0) return "0";
  return `${connections === 0 ? "<1" : count(connections)} (${percent < 0.1 ? "<0.1" : percent.toFixed(1)} %)`;
}

/** `0.03 %`, `41.5 %` */
function share(part: number): string {
  const percent = part * 100;
  return `${percent >= 10 ? percent.toFixed(1) : percent.toPrecision(2)} %`;
}

/** `3x`, `1.52x`, `3,276x` */
function multiple(value: number): string {
  return `${value >= 100 ? count(Math.floor(value)) : Number(value.toPrecision(3))}x`;
}
