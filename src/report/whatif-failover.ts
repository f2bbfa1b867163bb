import type { FailoverReport, FailureRow } from "../whatif/failover.js";
import { type Spread, spreadOf } from "../whatif/spread.js";
import { type Paint, paint } from "./paint.js";
import { textTable } from "./text-table.js";
import { count, counted, percent } from "./units.js";
import { heading, left, limited, more, numbers, type ViewStyle } from "./whatif-parts.js";

const SHOWN_ROWS = 24;
const SHOWN_CONNECTIONS = 10;

/** What `failover` prints: by node and detection over all times, then each failure, then the connections that break. */
export function failoverText(report: FailoverReport, style: ViewStyle): string {
  const p = paint(style.colour);
  const { connections, before, from, to, failures } = report;
  const share = before.map(({ node, connections: n }) => `${node} ${percent(n, connections)}`).join(", ");
  const lines = [
    ...heading("Failover", report, p),
    `  ${counted(report.runs, "run")} over ${from} to ${to}`,
    `  without a failure ${counted(connections, "connection")}: ${share}`,
    ...coverageLines(report, p),
    "",
    ...summaryLines(report),
  ];
  for (const { node, policy } of report.withoutFailover) {
    lines.push(
      p.warn(`  ${node} serves CiliumEgressGatewayPolicy ${policy}, which has no failover: its frames stay lost`),
    );
  }
  if (failures.length > new Set(failures.map(keyOf)).size) lines.push("", ...failureLines(report, style));
  return `${[...lines, ...connectionLines(report, style)].join("\n")}\n`;
}

/** How far imported pins reach, and that the rest is simulated. */
function coverageLines({ pins }: FailoverReport, p: Paint): string[] {
  if (!pins) return [];
  const { connections, withoutPin, withUnknownGateway } = pins;
  const simulated = withoutPin + withUnknownGateway;
  const why = withUnknownGateway > 0 ? ` (${count(withUnknownGateway)} with a pin of no gateway of the manifests)` : "";
  const lines = [`  by pins ${counted(connections, "connection")}; what breaks of these is no matter of seeds`];
  if (simulated > 0) lines.push(p.warn(`  without a pin ${counted(simulated, "connection")}${why}: simulated`));
  return lines;
}

/** One row per node and detection, over all times and seeds. */
function summaryLines(report: FailoverReport): string[] {
  if (report.oneInstant) return instantLines(report);
  const { failures, seeds, pins } = report;
  const columns = [
    ...["node", "detection"].map(left),
    ...numbers("noticed after", "frames lost", "hit", "broken", "rebound"),
    ...(pins ? [left("of these by pins")] : []),
    left("connections taken afterwards"),
  ];
  const rows = [...new Set(failures.map(keyOf))].map((key) => {
    const same = failures.filter((row) => keyOf(row) === key);
    return [
      same[0]!.node,
      detectionText(same[0]!),
      noticedText(same),
      ...spreadsOver(same).map(spreadText),
      ...(pins ? [byPinsText(same)] : []),
      sharesText(same),
    ];
  });
  const isSpread = seeds > 1 || failures.length > rows.length;
  const caption = isSpread ? ["  median over all times and seeds (least to most)"] : [];
  return [...textTable(columns, rows, { indent: "  " }), ...caption];
}

/** One row per node: what is open at the one instant that there is. */
function instantLines({ failures, seeds, pins }: FailoverReport): string[] {
  const columns = [left("node"), ...numbers("open connections", "broken", "rebound")];
  if (pins) columns.push(left("of these by pins"));
  const rows = failures.map((row) => [
    row.node,
    ...[row.hit, row.broken, row.rebound].map(spreadText),
    ...(pins ? [byPinsText([row])] : []),
  ]);
  const caption = seeds > 1 ? ["  median over all seeds (least to most)"] : [];
  return [...textTable(columns, rows, { indent: "  " }), ...caption];
}

function failureLines({ failures, pins }: FailoverReport, style: ViewStyle): string[] {
  const p = paint(style.colour);
  const columns = [
    ...["node", "at", "detection"].map(left),
    ...numbers("frames lost", "hit", "broken", "rebound"),
    ...(pins ? [left("of these by pins")] : []),
  ];
  const touched = failures.filter(({ hit, broken, rebound }) => hit.max + broken.max + rebound.max > 0);
  touched.sort((a, b) => b.hit.median - a.hit.median || b.broken.median - a.broken.median);
  const { shown } = limited(touched, SHOWN_ROWS, style);
  const rows = shown.map((row) => [
    row.node,
    row.at,
    detectionText(row),
    ...spreadsOver([row]).map(spreadText),
    ...(pins ? [byPinsText([row])] : []),
  ]);
  const rest = failures.length - touched.length;
  const calm = rest > 0 ? [`  ${counted(rest, "failure")} touched no connection`] : [];
  const table = rows.length > 0 ? textTable(columns, rows, { indent: "  " }) : [];
  return [p.bold("Worst first"), ...table, ...more(touched.length - shown.length, p), ...calm];
}

/** Connections that break, over all failures; with several seeds those that break under the most of them first. */
function connectionLines({ failures, seeds, pins }: FailoverReport, style: ViewStyle): string[] {
  const p = paint(style.colour);
  const all = failures.flatMap(({ node, at, detect, connections }) =>
    connections.map((connection) => ({ node, at, detect, ...connection })),
  );
  if (all.length === 0) return [];
  all.sort((a, b) => b.share - a.share);
  const { shown, hidden } = limited(all, SHOWN_CONNECTIONS, style);
  const columns = [...["connection", "pod", "node", "at"].map(left), ...(seeds > 1 ? numbers("breaks under") : [])];
  if (pins) columns.push(left("known by"));
  const rows = shown.map(({ fiveTuple, pod, node, at, share, byPin }) => [
    fiveTuple,
    pod,
    node,
    at,
    ...(seeds > 1 ? [`${percent(share, 1)} of seeds`] : []),
    ...(pins ? [byPin ? "its pin" : "simulation"] : []),
  ]);
  return ["", p.bold("Connections that break"), ...textTable(columns, rows, { indent: "  " }), ...more(hidden, p)];
}

function keyOf({ node, detect }: FailureRow): string {
  return `${node} ${detect}`;
}

function detectionText({ detect }: FailureRow): string {
  return detect === null ? "by health checks" : `${detect} s`;
}

function noticedText(rows: readonly FailureRow[]): string {
  const known = rows.flatMap(({ detectedAfterMs }) => detectedAfterMs ?? []);
  if (known.length < rows.length) return known.length === 0 ? "never" : "not always";
  const { median } = spreadOf(known.map((one) => one.median));
  return `${(median / 1000).toFixed(2)} s`;
}

const COUNTS = ["lostFrames", "hit", "broken", "rebound"] as const;
type Counts = Readonly<Record<(typeof COUNTS)[number], Spread>>;

/** In the order of `COUNTS`. */
function spreadsOver(rows: readonly Counts[]): Spread[] {
  return COUNTS.map((key) => over(rows.map((row) => row[key])));
}

function over(spreads: readonly Spread[]): Spread {
  const { median } = spreadOf(spreads.map((one) => one.median));
  return {
    median,
    min: Math.min(...spreads.map(({ min }) => min)),
    max: Math.max(...spreads.map(({ max }) => max)),
  };
}

/** `30 lost, 2 hit, 1 broken, 1 rebound` */
function byPinsText(rows: readonly FailureRow[]): string {
  const [lost, hit, broken, rebound] = spreadsOver(rows.flatMap(({ byPins }) => byPins ?? [])).map(spreadText);
  return `${lost} lost, ${hit} hit, ${broken} broken, ${rebound} rebound`;
}

/** `12`, or `12 (8 to 15)` where runs differ. */
function spreadText({ median, min, max }: Spread): string {
  return min === max ? count(median) : `${count(median)} (${count(min)} to ${count(max)})`;
}

/** Mean shares of several failures: `gw-b 35.1 %, gw-c 64.9 %`. Nothing where nobody noticed the failure. */
function sharesText(rows: readonly FailureRow[]): string {
  if (
    rows.every(({ detectedAfterMs }) => detectedAfterMs === null) &&
    rows.every((row) => row.sharesAfter.length === 0)
  )
    return "";
  const sums = new Map<string, number>();
  for (const { sharesAfter } of rows) {
    for (const { node, share } of sharesAfter) sums.set(node, (sums.get(node) ?? 0) + share);
  }
  const whole = [...sums.values()].reduce((sum, share) => sum + share, 0);
  const shares = [...sums].sort(([a], [b]) => (a < b ? -1 : 1));
  return shares.map(([node, share]) => `${node} ${percent(share, whole)}`).join(", ") || "none";
}
