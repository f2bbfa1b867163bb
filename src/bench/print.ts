import type { Paint } from "../report/paint.js";
import { type Column, textTable } from "../report/text-table.js";
import { bytes, count } from "../report/units.js";
import type { BenchComparison, CaseComparison } from "./compare.js";
import type { BenchCase, BenchReport, Bound, TableFacts } from "./report-types.js";

const CASE_COLUMNS: readonly Column[] = [
  { title: "case" },
  { title: "connections", align: "right" },
  { title: "ns/frame", align: "right" },
  { title: "yardstick", align: "right" },
  { title: "ratio", align: "right" },
  { title: "99 % interval", align: "right" },
  { title: "divided by" },
];

const TABLE_COLUMNS: readonly Column[] = [
  { title: "table" },
  ...["rows", "engine memory", "bytes each", "compile", "load", "host memory"].map(
    (title): Column => ({ title, align: "right" }),
  ),
];

const COMPARISON_COLUMNS: readonly Column[] = [
  { title: "case" },
  { title: "before", align: "right" },
  { title: "now", align: "right" },
  { title: "change", align: "right" },
  { title: "interval", align: "right" },
  { title: "verdict" },
];

/** A report for people: the machine, a table of the figures, the bounds. Ends in a line break. */
export function printBench(report: BenchReport, ink: Paint): string {
  const { machine } = report;
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(2)}, ${machine.platform}, huge pages ${machine.pages}`,
    `Node ${machine.node}, V8 ${machine.v8}; ${report.batch} frames per call, touch ${report.touch ? "on" : "off"}`,
    `${report.placements} placements of ${report.turns} turns, blocks of ${report.blockMs} ms ${report.clock} time; 64-byte frames in random order, imix-*: packets of 40, 576 and 1500 bytes at 7:4:1`,
    "",
    ...textTable(CASE_COLUMNS, report.cases.map(caseRow)),
    ...(report.tables ? ["", ...textTable(TABLE_COLUMNS, report.tables.map(tableRow))] : []),
    ...(report.bounds.length > 0 ? ["", ...report.bounds.map((bound) => boundLine(bound, ink))] : []),
  ];
  return `${lines.join("\n")}\n`;
}

function caseRow({ id, connections, ns, yardstickNs, ratio, yardstick }: BenchCase): string[] {
  const interval = `${ratio.low.toFixed(2)} … ${ratio.high.toFixed(2)}`;
  const times = [ns.median.toFixed(1), yardstickNs.median.toFixed(1), ratio.median.toFixed(2)];
  return [id, count(connections), ...times, interval, yardstick];
}

function tableRow({ name, rows, bytes: size, bytesPerRow, compileMs, loadMs, hostBytes }: TableFacts): string[] {
  const ms = (time: number | undefined) => (time === undefined ? "" : `${time.toFixed(0)} ms`);
  const host = hostBytes === undefined ? "" : bytes(hostBytes);
  return [name, count(rows), bytes(size), bytesPerRow.toFixed(0), ms(compileMs), ms(loadMs), host];
}

function boundLine({ name, kind, limit, value, met }: Bound, ink: Paint): string {
  const wanted = `${value.toFixed(2)}, wanted ${kind === "at-most" ? "at most" : "at least"} ${limit}`;
  return `${met ? ink.good("met   ") : ink.bad("missed")}  ${name}: ${wanted}`;
}

/** A comparison for people. Ends in a line break. */
export function printComparison(comparison: BenchComparison, ink: Paint): string {
  const { cases, unmatched, inconclusive } = comparison;
  const own = cases.filter(({ why }) => why !== undefined && why !== inconclusive);
  const lines = [
    ...textTable(COMPARISON_COLUMNS, cases.map(comparisonRow)),
    ...own.map(({ id, why }) => `${id}: inconclusive, ${why}`),
    ...(unmatched.length > 0 ? [`only in one of the two runs: ${unmatched.join(", ")}`] : []),
    "",
    summary(comparison, ink),
  ];
  return `${lines.join("\n")}\n`;
}

function summary({ cases, inconclusive, regressed }: BenchComparison, ink: Paint): string {
  if (inconclusive !== undefined) return ink.warn(`inconclusive: ${inconclusive}`);
  if (cases.length === 0) return ink.warn("inconclusive: the two runs have no case in common");
  if (regressed) {
    const slower = cases.filter(({ verdict }) => verdict === "worse").map(({ id }) => id);
    return ink.bad(`slower by more than the noise: ${slower.join(", ")}`);
  }
  const open = cases.filter(({ verdict }) => verdict === "inconclusive").length;
  if (open > 0) return ink.warn(`inconclusive in ${open} of ${cases.length} cases; none of the others is slower`);
  return ink.good("no case is slower by more than the noise");
}

function comparisonRow({ id, before, now, change, low, high, verdict }: CaseComparison): string[] {
  return [id, before.toFixed(2), now.toFixed(2), percent(change), `${percent(low)} … ${percent(high)}`, verdict];
}

function percent(share: number): string {
  return `${share < 0 ? "−" : "+"}${(Math.abs(share) * 100).toFixed(1)} %`;
}
