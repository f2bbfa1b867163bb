import type { DemoOutage, DemoReport } from "../demo/report-types.js";
import { clock, demoLogLines } from "./demo-log.js";
import { egressLines } from "./list-view.js";
import { type Paint, paint } from "./paint.js";
import { type Column, textTable } from "./text-table.js";
import { count, counted } from "./units.js";

/** How a demonstration is shown. */
export interface DemoStyle {
  readonly colour: boolean;
  /** Every request instead of the turns. */
  readonly verbose: boolean;
}

/** In words, when a list was made. */
export const LIST_TITLES = {
  before: "before the failure",
  during: "while it is down",
  after: "after its return",
} as const;

/** A demonstration as people read it: who takes part, the monitor's log, rates, who was eligible when, and the sum of it. */
export function demoText(report: DemoReport, style: DemoStyle): string {
  const p = paint(style.colour);
  const sections = [
    introduction(report, p),
    [p.bold("Monitor log"), ...demoLogLines(report, style)],
    rateLines(report, p),
    ...report.egressLists.map((list) => [
      `${p.bold("list egress")}  ${LIST_TITLES[list.when]}, from ${clock(report, list.atMs)} on`,
      ...egressLines(list.rows).map((line) => `  ${line}`),
    ]),
    [p.bold("Result"), ...outcomeLines(report).map((line) => `  ${line}`)],
  ];
  return `${sections.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function introduction(report: DemoReport, p: Paint): string[] {
  const { monitor, server, gateways, outage, requestsPerSecond, durationMs, seed } = report;
  const rows = gateways.map((row) => [row.node, row.zone, row.egressIP, milliseconds(row.roundTripMs)]);
  const columns: Column[] = [
    { title: "gateway" },
    { title: "zone" },
    { title: "egress IP" },
    { title: "round trip", align: "right" },
  ];
  const [head, ...lines] = textTable(columns, rows, { indent: "  " });
  return [
    `${p.bold("Demonstration")}  virtual time, seed ${seed}`,
    `  a monitor in ${monitor.zone} (${monitor.address}) asks an echo server (${server.address}:${server.port}) ${counted(requestsPerSecond, "time")} a second,`,
    `  for ${durationText(durationMs)}, by ${counted(gateways.length, "gateway")}; ${outage.node} is rebooted at ${clock(report, outage.atMs)}`,
    p.dim(head!),
    ...lines,
  ];
}

function rateLines(report: DemoReport, p: Paint): string[] {
  const columns: Column[] = [
    { title: "from" },
    ...report.gateways.map(({ node }): Column => ({ title: node, align: "right" })),
    { title: "all", align: "right" },
    { title: "lost requests", align: "right" },
  ];
  const rows = report.rates.map(({ fromMs, seconds, answered, lost }) => {
    const all = answered.reduce((sum, n) => sum + n, 0);
    return [
      clock(report, fromMs).slice(0, 8),
      ...[...answered, all].map((n) => (n / seconds).toFixed(2)),
      lost === 0 ? "–" : count(lost),
    ];
  });
  const [head, ...lines] = textTable(columns, rows, { indent: "  " });
  return [`${p.bold("Answers a second")}  by the minute in which they were asked for`, p.dim(head!), ...lines];
}

/** The failure in sentences: what was lost, when it was noticed, when the gateway was used again. */
export function outcomeLines(report: DemoReport): string[] {
  const { requests, outage } = report;
  const share = `${count(outage.lostRequests)} of ${counted(requests.sent, "request")} lost`;
  return [`${share}${lossText(outage)}`, detectionText(outage), returnText(outage)];
}

function lossText({ lossWindowMs, lostAnswers, node }: DemoOutage): string {
  if (lossWindowMs === null) return "";
  const cut =
    lostAnswers > 0 ? ` (${count(lostAnswers)} of them had been answered: the answer met a dead gateway)` : "";
  return `${cut}, the last sent ${seconds(lossWindowMs)} after ${node} had gone`;
}

function detectionText({ node, atMs, detectedAtMs }: DemoOutage): string {
  if (detectedAtMs === null)
    return `${node} was never found to be down: it was back too soon, or the demonstration ended`;
  return `${node} was found to be down ${seconds(detectedAtMs - atMs)} after it had gone; the others carried on`;
}

function returnText({ node, backAtMs, readmittedAtMs, usedAgainAtMs }: DemoOutage): string {
  if (backAtMs === null) return `${node} did not come back within the demonstration`;
  if (readmittedAtMs === null || usedAgainAtMs === null) return `${node} came back and needed no readmission`;
  return `${node} was seen again ${seconds(readmittedAtMs - backAtMs)} after its return and answered ${seconds(usedAgainAtMs - backAtMs)} after it`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function milliseconds(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}

function durationText(ms: number): string {
  return ms % 60_000 === 0 ? counted(ms / 60_000, "minute") : `${count(ms / 1000)} s`;
}
