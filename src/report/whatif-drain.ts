import type { DeadlineRow, DrainReport } from "../whatif/drain.js";
import { paint } from "./paint.js";
import { sparkline, textTable } from "./text-table.js";
import { count, counted, duration } from "./units.js";
import { heading, left, limited, more, numbers, type ViewStyle } from "./whatif-parts.js";

const SHOWN = 20;

/** What `drain` prints: how the node empties, and what is left at the deadline. */
export function drainText(report: DrainReport, style: ViewStyle): string {
  const p = paint(style.colour);
  const { node, drainedAt, lastFrameAt, connectionsAtStart, openedAfter, left: counts, ranDryAt } = report;
  const lines = [
    ...heading("Drain", report, p),
    `  ${node} is drained at ${drainedAt}, with ${counted(connectionsAtStart, "connection")} on it`,
    `  left until ${lastFrameAt}: ${sparkline(counts, Math.max(...counts))}`,
  ];
  if (openedAfter > 0)
    lines.push(p.warn(`  ${counted(openedAfter, "connection")} opened on it all the same afterwards`));
  if (ranDryAt !== null) lines.push(p.good(`  ran dry at ${ranDryAt}`));
  else lines.push(p.warn(`  ${stillText(report)}`));
  if (report.deadline) lines.push("", ...deadlineLines(report.deadline, style));
  return `${lines.join("\n")}\n`;
}

function stillText({ stillLive, dryByLifetimes }: DrainReport): string {
  const when =
    dryByLifetimes === null ? "" : `; by their lifetimes the last ends at ${dryByLifetimes} if nothing more is sent`;
  return `did not run dry: ${counted(stillLive, "connection")} still held at the last frame${when}`;
}

function deadlineLines({ at, cut, cutWhileInUse, closed, connections }: DeadlineRow, style: ViewStyle): string[] {
  const p = paint(style.colour);
  const goingOn = cut > 0 ? `, ${count(cutWhileInUse)} of them with frames still to come` : "";
  const waiting = closed > 0 ? `; ${count(closed)} more are closed and only wait for their lifetimes` : "";
  const title = `${p.bold("Deadline")}  ${at}: ${count(cut)} cut${goingOn}${waiting}`;
  if (connections.length === 0) return [title];
  const { shown } = limited(connections, SHOWN, style);
  const columns = [left("connection"), left("pod"), left("opened"), ...numbers("idle"), left("")];
  const rows = shown.map((one) => [
    one.fiveTuple,
    one.pod,
    one.openedAt,
    duration(one.idleSeconds * 1e9),
    one.isInUse ? "goes on" : "",
  ]);
  return [title, ...textTable(columns, rows, { indent: "  " }), ...more(cut - shown.length, p)];
}
