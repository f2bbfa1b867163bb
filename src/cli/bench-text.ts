import type { BenchComparison } from "../bench/compare.js";
import type { BenchReport } from "../bench/report-types.js";
import type { Paint } from "../report/paint.js";
import { textTable } from "../report/text-table.js";
import { count } from "../report/units.js";

const right = "right" as const;

/** A benchmark as people read it: a row per case, then the bounds. */
export function benchText({ machine, clock, turns, cases, bounds }: BenchReport, p: Paint): string {
  const columns = [
    { title: "case" },
    { title: "connections", align: right },
    { title: "ns/frame", align: right },
    { title: "from", align: right },
    { title: "to", align: right },
    { title: "÷ yardstick", align: right },
    { title: "yardstick" },
  ];
  const rows = cases.map((one) => [
    one.id,
    count(one.connections),
    one.ns.median.toFixed(1),
    one.ns.low.toFixed(1),
    one.ns.high.toFixed(1),
    one.ratio.median.toFixed(2),
    one.yardstick,
  ]);
  const held = bounds.map(({ name, kind, limit, value, met }) => {
    const wanted = `${kind === "at-most" ? "at most" : "at least"} ${limit}`;
    const line = `${name}: ${value.toFixed(2)}, wanted ${wanted}`;
    return `  ${met ? p.good("met") : p.bad("missed")}  ${line}`;
  });
  return [
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; ${clock} time, median of ${turns} turns`,
    "",
    ...textTable(columns, rows),
    "",
    ...held,
    "",
  ].join("\n");
}

/** How a run stands against an earlier one. */
export function comparisonText({ cases, unmatched, inconclusive, regressed }: BenchComparison, p: Paint): string {
  const rows = cases.map(({ id, before, now, change, noise, verdict, why }) => [
    id,
    before.toFixed(2),
    now.toFixed(2),
    signedPercent(change),
    `±${(noise * 100).toFixed(1)} %`,
    why === undefined ? verdict : `${verdict}: ${why}`,
  ]);
  const columns = [
    { title: "case" },
    { title: "before", align: right },
    { title: "now", align: right },
    { title: "change", align: right },
    { title: "noise", align: right },
    { title: "" },
  ];
  const whole = inconclusive === undefined ? [] : [p.warn(`inconclusive: ${inconclusive}`)];
  const missing = unmatched.length > 0 ? [`only in one of the two: ${unmatched.join(", ")}`] : [];
  const end = regressed ? p.bad("regressed") : p.good("no regression");
  return [...textTable(columns, rows), ...missing, ...whole, end, ""].join("\n");
}

function signedPercent(change: number): string {
  return `${change < 0 ? "−" : "+"}${Math.abs(change * 100).toFixed(1)} %`;
}
