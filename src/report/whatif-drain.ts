import type { DeadlineConnection, DeadlineRow, DrainReport } from "../whatif/drain.js";
import { paint } from "./paint.js";
import { sparkline, textTable } from "./text-table.js";
import { count, counted, duration } from "./units.js";
import { heading, left, limited, more, numbers, type ViewStyle } from "./whatif-parts.js";

const SHOWN = 20;

/** What `drain` prints: how the node empties, and what is left at the deadline. */
export function drainText(report: DrainReport, style: ViewStyle): string {
  const p = paint(style.colour);
  const { node, drainedAt, connectionsAtStart, openedAfter, ranDryAt } = report;
  const lines = [
    ...heading("Drain", report, p),
    `  ${node} is drained at ${drainedAt}, with ${counted(connectionsAtStart, "connection")} on it`,
    ...leftLines(report),
  ];
  if (openedAfter > 0)
    lines.push(p.warn(`  ${counted(openedAfter, "connection")} opened on it all the same afterwards`));
  if (ranDryAt !== null) lines.push(p.good(`  ran dry at ${ranDryAt}`));
  else lines.push(p.warn(`  ${stillText(report)}`));
  if (report.deadline) lines.push("", ...deadlineLines(report.deadline, style));
  return `${lines.join("\n")}\n`;
}

/** How many are left over time; nothing where there were none all the time. */
function leftLines({ left: counts, lastFrameAt, oneInstant, dryByLifetimes }: DrainReport): string[] {
  const most = Math.max(...counts);
  if (most === 0) return [];
  const until = oneInstant ? `by lifetimes until ${dryByLifetimes}` : `until ${lastFrameAt}`;
  return [`  left ${until}: ${sparkline(counts, most)}`];
}

function stillText({ stillLive, dryByLifetimes, oneInstant }: DrainReport): string {
  if (oneInstant)
    return `${counted(stillLive, "connection")} to wait for, until ${dryByLifetimes} if nothing more is sent`;
  const when =
    dryByLifetimes === null ? "" : `; by their lifetimes the last ends at ${dryByLifetimes} if nothing more is sent`;
  return `did not run dry: ${counted(stillLive, "connection")} still held at the last frame${when}`;
}

function deadlineLines({ at, cut, cutWhileInUse, closed, connections }: DeadlineRow, style: ViewStyle): string[] {
  const p = paint(style.colour);
  const isKnown = connections.every(({ idleSeconds }) => idleSeconds !== null);
  const goingOn = cut > 0 && isKnown ? `, ${count(cutWhileInUse)} of them with frames still to come` : "";
  const waiting = closed > 0 ? `; ${count(closed)} more are closed and only wait for their lifetimes` : "";
  const title = `${p.bold("Deadline")}  ${at}: ${count(cut)} cut${goingOn}${waiting}`;
  if (connections.length === 0) return [title];
  const { shown } = limited(connections, SHOWN, style);
  const names = [left("connection"), left("pod")];
  const columns = isKnown
    ? [...names, left("opened"), ...numbers("idle"), left("")]
    : [...names, left("ends by its lifetime")];
  const rows = shown.map((one) => [one.fiveTuple, one.pod, ...timeCells(one)]);
  return [title, ...textTable(columns, rows, { indent: "  " }), ...more(cut - shown.length, p)];
}

function timeCells({ openedAt, idleSeconds, expiresAt, isInUse }: DeadlineConnection): string[] {
  if (openedAt === null || idleSeconds === null) return [expiresAt ?? ""];
  return [openedAt, duration(idleSeconds * 1e9), isInUse ? "goes on" : ""];
}
