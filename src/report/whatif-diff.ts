import type { DiffReport } from "../whatif/diff.js";
import { paint } from "./paint.js";
import { textTable } from "./text-table.js";
import { count, counted, percent } from "./units.js";
import { heading, left, limited, more, numbers, type ViewStyle } from "./whatif-parts.js";

const SHOWN_GROUPS = 10;
const SHOWN_CUTS = 10;

/** What `diff` prints: how many connections leave otherwise, by pod and destination, and those that the change would cut. */
export function diffText(report: DiffReport, style: ViewStyle): string {
  const p = paint(style.colour);
  const { connections, changed, gatewayChanged, egressIPChanged, verdictChanged, cut, rebound, at } = report;
  const when = at === undefined ? "by a change in their middle, whenever it comes" : `by a change at ${at}`;
  const worst = report.worst
    ? `; at most ${count(report.worst.cut + report.worst.rebound)} at one moment, ${report.worst.at}`
    : "";
  const lines = [
    ...heading("Diff", report, p),
    `  ${counted(connections, "connection")}, ${count(changed)} changed (${percent(changed, connections)}): ` +
      `${count(gatewayChanged)} the gateway, ${count(egressIPChanged)} the egress IP, ${count(verdictChanged)} the verdict`,
    `  ${count(cut)} cut, ${count(rebound)} rebound ${when}${at === undefined ? worst : ""}`,
  ];
  const groups = limited(report.groups, SHOWN_GROUPS, style);
  if (groups.shown.length > 0) {
    const columns = [
      left("pod"),
      left("destination"),
      ...numbers("connections", "cut", "rebound"),
      left("from"),
      left("to"),
    ];
    const rows = groups.shown.flatMap(({ pod, destination, ways }) =>
      ways.map((way, i) => [
        ...(i === 0 ? [pod, destination] : ["", ""]),
        ...[way.connections, way.cut, way.rebound].map(count),
        way.from,
        way.to,
      ]),
    );
    lines.push("", ...textTable(columns, rows, { indent: "  " }), ...more(groups.hidden, p));
  }
  return `${[...lines, ...cutLines(report, style)].join("\n")}\n`;
}

function cutLines(report: DiffReport, style: ViewStyle): string[] {
  const p = paint(style.colour);
  const { shown } = limited(report.cutConnections, SHOWN_CUTS, style);
  if (shown.length === 0) return [];
  const columns = ["", "connection", "pod", "opened", "last frame", "from", "to"].map(left);
  const rows = shown.map((one) => [
    one.effect,
    one.fiveTuple,
    one.pod,
    one.openedAt,
    one.lastFrameAt,
    one.from,
    one.to,
  ]);
  const hidden = report.cut + report.rebound - shown.length;
  return ["", p.bold("Cut or rebound"), ...textTable(columns, rows, { indent: "  " }), ...more(hidden, p)];
}
