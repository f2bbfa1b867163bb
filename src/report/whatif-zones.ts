import type { AffinityRow, ZonesReport } from "../whatif/zones.js";
import { paint } from "./paint.js";
import { textTable } from "./text-table.js";
import { bytes, count, counted, percent } from "./units.js";
import { heading, left, numbers, type ViewStyle } from "./whatif-parts.js";

/** What `zones` prints: traffic across zones and drops under each affinity; with `verbose` also who talks across which. */
export function zonesText(report: ZonesReport, style: ViewStyle): string {
  const p = paint(style.colour);
  const { affinities, policies } = report;
  const inForce = new Set(policies.map(({ azAffinity }) => azAffinity));
  const columns = [
    ...["azAffinity", ""].map(left),
    ...numbers("translated", "across zones", "bytes across", "share", "zone unknown", "dropped"),
    left("busiest gateway"),
  ];
  const rows = affinities.map((row) => cellsOf(row, inForce.has(row.azAffinity)));
  const lines = [...heading("Zones", report, p), policyLine(report), "", ...textTable(columns, rows, { indent: "  " })];
  if (style.verbose) for (const row of affinities) lines.push("", ...pairLines(row));
  return `${lines.join("\n")}\n`;
}

function policyLine({ policies }: ZonesReport): string {
  if (policies.length === 0)
    return "  no IsovalentEgressGatewayPolicy: zone affinity applies to none, so all four are the same";
  return `  ${policies.map(({ policy, azAffinity }) => `${policy}: ${azAffinity}`).join(", ")} in the manifests`;
}

function cellsOf(row: AffinityRow, isInForce: boolean): string[] {
  const { azAffinity, connections, crossZone, unknownZone, dropped, busiest } = row;
  return [
    azAffinity,
    isInForce ? "in force" : "",
    count(connections),
    count(crossZone.connections),
    bytes(crossZone.bytes),
    percent(crossZone.bytes, row.bytes),
    count(unknownZone.connections),
    dropped.frames === 0 ? "0" : `${count(dropped.connections)} (${counted(dropped.frames, "frame")})`,
    busiest ? `${busiest.node} ${percent(busiest.connections, connections)}` : "–",
  ];
}

function pairLines({ azAffinity, pairs }: AffinityRow): string[] {
  const rows = pairs.map(({ from, to, connections, bytes: total }) => [
    from || "unknown",
    to || "unknown",
    count(connections),
    bytes(total),
  ]);
  const columns = [left("endpoints in"), left("gateways in"), ...numbers("connections", "bytes")];
  return [`  ${azAffinity}`, ...textTable(columns, rows, { indent: "    " })];
}
