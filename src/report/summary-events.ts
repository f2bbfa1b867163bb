import { parseTimestampNs } from "../config/time.js";
import type { ReplayReport } from "../replay/report-types.js";
import type { Paint } from "./paint.js";
import { type Column, sparkline, textTable } from "./text-table.js";
import { count, counted } from "./units.js";

/** Rows of a list that are shown unless all are asked for. */
export const SHOWN_ROWS = 10;
const SPARK_CELLS = 60;

const FAILOVER_COLUMNS: readonly Column[] = [
  { title: "node" },
  { title: "event" },
  { title: "at", align: "right" },
  { title: "noticed after", align: "right" },
  { title: "frames lost", align: "right" },
  { title: "broken", align: "right" },
  { title: "rebound", align: "right" },
];
const DRAIN_COLUMNS: readonly Column[] = [
  { title: "node" },
  { title: "from", align: "right" },
  { title: "connections", align: "right" },
  { title: "ran dry after", align: "right" },
  { title: "still open", align: "right" },
];
const EVENT_COLUMNS: readonly Column[] = [{ title: "", align: "right" }, { title: "" }, { title: "" }];

/** The scenario, and what the prober made of it; nothing without one. */
export function scenarioLines(report: ReplayReport, p: Paint, verbose: boolean): string[] {
  const { scenario, healthTransitions } = report;
  if (!scenario) return [];
  const { name, file, probeIntervalMs, timeoutMs, failback, propagationMs, events } = scenario;
  const probes = `probes every ${count(probeIntervalMs)} ms, down after ${count(timeoutMs)} ms, failback ${failback}`;
  const delay = propagationMs > 0 ? `, ${count(propagationMs)} ms until what is new is programmed` : "";
  const all = [
    ...events.map(({ at, node = "", event, manifests = "" }) => ({
      at,
      node,
      what: p.bold(`${event} ${manifests}`.trim()),
    })),
    ...healthTransitions.map(({ at, node, what }) => ({ at, node, what: p.dim(what) })),
  ].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const shown = verbose ? all : all.slice(0, SHOWN_ROWS);
  const rows = shown.map(({ at, node, what }) => [afterStart(at, report), node, what]);
  const title = `${p.bold("Scenario")}  ${name} (${file}): ${probes}${delay}`;
  return [title, ...textTable(EVENT_COLUMNS, rows, { indent: "  " }).slice(1), ...more(all.length - shown.length, p)];
}

/** What outages led to. */
export function failoverLines(report: ReplayReport, p: Paint, verbose: boolean): string[] {
  const { failovers } = report;
  if (failovers.length === 0) return [];
  const shown = verbose ? failovers : failovers.slice(0, SHOWN_ROWS);
  const rows = shown.map(({ node, event, at, detectedAt, lostFrames, brokenConnections, rebound }) => [
    node,
    event,
    afterStart(at, report),
    detectedAt === "" ? "never" : `${seconds(detectedAt, at)} s`,
    count(lostFrames),
    count(brokenConnections),
    count(rebound),
  ]);
  const [head, ...lines] = textTable(FAILOVER_COLUMNS, rows, { indent: "  " });
  return [p.bold("Failovers"), p.dim(head!), ...lines, ...more(failovers.length - shown.length, p)];
}

export function drainLines(report: ReplayReport, p: Paint): string[] {
  const { drains } = report;
  if (drains.length === 0) return [];
  const rows = drains.map(({ node, from, connectionsAtStart, ranDryAt, stillLive }) => [
    node,
    afterStart(from, report),
    count(connectionsAtStart),
    ranDryAt === null ? "–" : `${seconds(ranDryAt, from)} s`,
    count(stillLive),
  ]);
  const [head, ...lines] = textTable(DRAIN_COLUMNS, rows, { indent: "  " });
  return [p.bold("Drains"), p.dim(head!), ...lines];
}

/** Frames of each gateway over time, one line each, all to one scale; the busiest ones. */
export function timeLines(report: ReplayReport, p: Paint, verbose: boolean): string[] {
  const { timeline, gateways, scenario } = report;
  if ((!scenario && !verbose) || timeline.steps < 2) return [];
  const wide = Math.ceil(timeline.steps / SPARK_CELLS);
  const series = timeline.gateways.map(({ gateway, frames, replies }) => {
    const { node, egressIP } = gateways[gateway]!;
    return {
      name: `${node} ${egressIP}`,
      cells: joined(
        frames.map((n, i) => n + replies[i]!),
        wide,
      ),
    };
  });
  series.sort((a, b) => total(b.cells) - total(a.cells) || (a.name < b.name ? -1 : 1));
  const shown = verbose ? series : series.slice(0, SHOWN_ROWS);
  const most = Math.max(1, ...shown.flatMap(({ cells }) => cells));
  const rows = shown.map(({ name, cells }) => [name, `${sparkline(cells, most)}`, `${count(total(cells))} frames`]);
  const lost = joined(timeline.lost, wide);
  if (total(lost) > 0)
    rows.push([p.bad("lost"), p.bad(sparkline(lost, Math.max(...lost))), `${count(total(lost))} frames`]);
  const width = `${count(timeline.stepMs * wide)} ms a cell, ${counted(most, "frame")} at most`;
  const columns: Column[] = [{ title: "" }, { title: "" }, { title: "", align: "right" }];
  const lines = textTable(columns, rows, { indent: "  " }).slice(1);
  return [`${p.bold("Over time")}  ${width}`, ...lines, ...more(series.length - shown.length, p)];
}

function joined(numbers: readonly number[], wide: number): number[] {
  return Array.from({ length: Math.ceil(numbers.length / wide) }, (_, i) =>
    total(numbers.slice(i * wide, (i + 1) * wide)),
  );
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

/** `+4.100 s` after the first frame. */
function afterStart(at: string, { timeline }: ReplayReport): string {
  const text = seconds(at, timeline.from);
  return `${text.startsWith("-") ? "" : "+"}${text} s`;
}

/** Seconds between two times, to the millisecond. */
function seconds(to: string, from: string): string {
  const milliseconds = Math.floor(Number((parseTimestampNs(to)! - parseTimestampNs(from)!) / 1000n) / 1000);
  return (milliseconds / 1000).toFixed(3);
}

export function more(hidden: number, p: Paint): string[] {
  return hidden > 0 ? [p.dim(`  … and ${count(hidden)} more`)] : [];
}
