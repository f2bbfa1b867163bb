import { type Column, textTable } from "../../../src/report/text-table.js";
import { count, counted } from "../../../src/report/units.js";
import { infoOf } from "./catalogue.js";
import type { Figure, Group, PeersReport, Target } from "./report.js";

const COLUMNS: readonly Column[] = [
  { title: "" },
  { title: "ns/frame", align: "right" },
  { title: "99 % interval", align: "right" },
  { title: "÷ Sluicegate", align: "right" },
  { title: "99 % interval", align: "right" },
  { title: "spread", align: "right" },
];

/** What a group is about, in a few words. */
export function groupTitle({ kind, connections, rounds }: Group): string {
  const size = `${count(connections)} connections`;
  return `${kind === "memory" ? "Frames in memory" : "File to file"}, ${size}, ${counted(rounds, "round")}`;
}

/** A report for people: machine, figures, targets and what each figure leaves out. Ends in a line break. */
export function printPeers(report: PeersReport): string {
  const { machine, kernel, versions, groups, targets } = report;
  const ids = [...new Set(groups.flatMap(({ figures }) => figures.map(({ id }) => id)))];
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(2)}, Linux ${kernel}, Node ${machine.node}`,
    Object.values(versions).join("; "),
    ...groups.flatMap((group) => ["", groupTitle(group), ...textTable(COLUMNS, group.figures.map(row))]),
    ...(targets.length > 0 ? ["", ...targets.map(targetLine)] : []),
    "",
    ...ids.flatMap(differenceLines),
  ];
  return `${lines.join("\n")}\n`;
}

function row({ id, ns, ratio, spread }: Figure): string[] {
  return [
    infoOf(id).name,
    nanoseconds(ns.median),
    `${nanoseconds(ns.low)} … ${nanoseconds(ns.high)}`,
    times(ratio.median),
    `${times(ratio.low)} … ${times(ratio.high)}`,
    `${(spread * 100).toFixed(0)} %`,
  ];
}

function targetLine({ name, kind, limit, value, met }: Target): string {
  const wanted = kind === "at-least" ? "at least" : "at most";
  return `${met ? "met   " : "missed"}  ${name}: ${times(value)}, wanted ${wanted} ${limit}`;
}

function differenceLines(id: string): string[] {
  const { name, more, less } = infoOf(id);
  return more === "" ? [] : [`${name} does what Sluicegate does not: ${more}`, `  and does not do: ${less}`];
}

/** `26.4`, `1,480`: three digits or so. */
export function nanoseconds(ns: number): string {
  return ns < 100 ? ns.toFixed(1) : count(Math.round(ns));
}

/** `0.013`, `0.53`, `4.2`, `48` */
export function times(ratio: number): string {
  if (ratio > 0 && ratio < 0.1) return ratio.toPrecision(2);
  if (ratio < 2) return ratio.toFixed(2);
  return ratio < 20 ? ratio.toFixed(1) : ratio.toFixed(0);
}
