import type { DemoEvent, DemoReport, MonitorEntry } from "../demo/report-types.js";
import { describeHappened } from "../gateway/happened.js";
import { type Paint, paint } from "./paint.js";
import { count } from "./units.js";

/** Requests at the beginning that are shown one by one, so that a reader sees what a normal second looks like. */
const NORMAL_MS = 1000;
const MOST_NORMAL = 20;
/** Answered requests that are shown on either side of a turn. */
const AROUND = 3;
/** Lost requests that are shown one by one. */
const MOST_LOST = 60;
const DAY_MS = 86_400_000;

type Line =
  | { readonly kind: "event"; readonly event: DemoEvent }
  | { readonly kind: "entry"; readonly entry: MonitorEntry; readonly isShown: boolean };

/** `10:02:00.083`, the time of day in virtual time. @param ms since the first request */
export function clock({ start }: Pick<DemoReport, "start">, ms: number): string {
  const [hours = 0, minutes = 0, seconds = 0] = start.slice(11, 19).split(":").map(Number);
  const ofDay = Math.floor(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms) % DAY_MS;
  const part = (unit: number, size: number, digits: number) =>
    String(Math.floor(ofDay / unit) % size).padStart(digits, "0");
  return `${part(3_600_000, 24, 2)}:${part(60_000, 60, 2)}:${part(1000, 60, 2)}.${part(1, 1000, 3)}`;
}

/**
 * The monitor's log with what happened to the gateways. Normal running is folded into a line per stretch, turns are shown request by
 * request; with `verbose` all is.
 */
export function demoLogLines(
  report: DemoReport,
  style: { readonly colour: boolean; readonly verbose: boolean },
): string[] {
  const p = paint(style.colour);
  const out: string[] = [];
  let folded: MonitorEntry[] = [];
  const unfold = () => {
    if (folded.length === 1) out.push(entryLine(report, folded[0]!, p));
    else if (folded.length > 1) out.push(p.dim(foldLine(report, folded)));
    folded = [];
  };
  for (const line of logLines(report)) {
    if (line.kind === "entry" && !line.isShown && !style.verbose) {
      folded.push(line.entry);
      continue;
    }
    unfold();
    out.push(line.kind === "event" ? eventLine(report, line.event, p) : entryLine(report, line.entry, p));
  }
  unfold();
  return out;
}

/** Requests and events in the order of time; what happens at one instant happens before what is sent then. */
function logLines(report: DemoReport): Line[] {
  const shown = shownEntries(report);
  const lines: Line[] = [];
  let next = 0;
  for (const [number, entry] of report.log.entries()) {
    for (; report.events[next] && report.events[next]!.atMs <= entry.sentMs; next++)
      lines.push({ kind: "event", event: report.events[next]! });
    lines.push({ kind: "entry", entry, isShown: shown.has(number) });
  }
  for (const event of report.events.slice(next)) lines.push({ kind: "event", event });
  return lines;
}

/** Numbers of the requests that are worth a line. */
function shownEntries({ log, outage }: DemoReport): Set<number> {
  const shown = new Set<number>();
  const show = (from: number, to: number) => {
    for (let i = Math.max(0, from); i < Math.min(log.length, to); i++) shown.add(i);
  };
  const firstFrom = (ms: number) => {
    const at = log.findIndex(({ sentMs }) => sentMs >= ms);
    return at < 0 ? log.length : at;
  };
  show(0, Math.min(MOST_NORMAL, firstFrom(NORMAL_MS)));
  const failure = firstFrom(outage.atMs);
  show(failure - AROUND, failure);
  if (outage.detectedAtMs !== null) show(firstFrom(outage.detectedAtMs), firstFrom(outage.detectedAtMs) + AROUND);
  if (outage.usedAgainAtMs !== null) show(firstFrom(outage.usedAgainAtMs), firstFrom(outage.usedAgainAtMs) + AROUND);
  const lost = log.flatMap(({ answeredBy }, i) => (answeredBy === null ? [i] : []));
  for (const at of lost.slice(0, MOST_LOST)) shown.add(at);
  return shown;
}

function entryLine(report: DemoReport, { sentMs, answeredBy, latencyMs }: MonitorEntry, p: Paint): string {
  const time = `  ${clock(report, sentMs)}  `;
  if (answeredBy === null || latencyMs === null) return `${time}${p.bad("no answer within 1 s")}`;
  const node = report.gateways.find(({ egressIP }) => egressIP === answeredBy)?.node ?? "";
  return `${time}${answeredBy}  ${node.padEnd(nodeWidth(report))}  ${latencyMs.toFixed(1).padStart(5)} ms`;
}

function eventLine(report: DemoReport, event: DemoEvent, p: Paint): string {
  const { atMs, causeAtMs, node, what } = event;
  const cause = causeAtMs === undefined ? {} : { causeAtNs: nanoseconds(causeAtMs) };
  return p.warn(`  ${clock(report, atMs)}  ${describeHappened({ node, what, ...cause }, nanoseconds(atMs))}`);
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1e6));
}

function foldLine(report: DemoReport, entries: readonly MonitorEntry[]): string {
  const by = report.gateways.flatMap(({ node, egressIP }) => {
    const answered = entries.filter(({ answeredBy }) => answeredBy === egressIP).length;
    return answered === 0 ? [] : [`${node} ${count(answered)}`];
  });
  const lost = entries.filter(({ answeredBy }) => answeredBy === null).length;
  const answered = `${count(entries.length - lost)} answered${by.length > 0 ? `: ${by.join(", ")}` : ""}`;
  return `  … ${answered}${lost > 0 ? `; ${count(lost)} lost` : ""}`;
}

function nodeWidth({ gateways }: DemoReport): number {
  return Math.max(...gateways.map(({ node }) => node.length));
}
