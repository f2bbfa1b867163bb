import { textTable } from "../../src/report/text-table.js";
import { LINE_KINDS } from "./case-file.js";
import type { Tools } from "./native.js";

/** What the frames of one case cost. */
export interface CaseFigures {
  /** Per frame, in batches of `Figures.frames`. */
  readonly instructions: number;
  /** Distinct 64-byte lines of each kind of table that a frame reads or writes, given one by one; summed over all frames. */
  readonly lines: Readonly<Record<(typeof LINE_KINDS)[number], number>>;
}

/** All cases, and the tools that the figures are valid for. */
export interface Figures {
  readonly tools: Tools;
  readonly frames: number;
  readonly cases: Readonly<Record<string, CaseFigures>>;
}

/** More than this share away from the baseline is a change. Lines may not change at all. */
export const TOLERANCE = 0.01;

export interface GateRow {
  readonly name: string;
  /** What is counted: `instructions`, or a kind of table lines. */
  readonly what: string;
  /** Per frame; undefined where only one side has the case. */
  readonly before: number | undefined;
  readonly now: number | undefined;
  readonly verdict: "same" | "worse" | "better" | "new" | "gone";
}

/** Why the two cannot be compared: another tool than the baseline's, or other cases' size; undefined where they can. */
export function differentTools(before: Figures, now: Figures): string | undefined {
  for (const [tool, version] of Object.entries(before.tools)) {
    const here = now.tools[tool as keyof Tools];
    if (here !== version) return `${tool} is ${here} here, expected ${version}, which the baseline was counted with`;
  }
  return before.frames === now.frames
    ? undefined
    : `${now.frames} frames per case, expected the baseline's ${before.frames}`;
}

/** One row per case and thing that is counted; rows of lines only where a case touches any. */
export function compareFigures(before: Figures, now: Figures): GateRow[] {
  const names = new Set([...Object.keys(before.cases), ...Object.keys(now.cases)]);
  return [...names].flatMap((name) => {
    const [old, current] = [before.cases[name], now.cases[name]];
    return [
      row(name, "instructions", old?.instructions, current?.instructions, TOLERANCE),
      ...LINE_KINDS.filter((kind) => old?.lines[kind] || current?.lines[kind]).map((kind) =>
        row(name, kind, perFrame(old?.lines[kind], before), perFrame(current?.lines[kind], now), 0),
      ),
    ];
  });
}

function perFrame(lines: number | undefined, { frames }: Figures): number | undefined {
  return lines === undefined ? undefined : lines / frames;
}

function row(
  name: string,
  what: string,
  before: number | undefined,
  now: number | undefined,
  tolerance: number,
): GateRow {
  const verdict = () => {
    if (before === undefined) return "new";
    if (now === undefined) return "gone";
    if (Math.abs(now - before) <= before * tolerance) return "same";
    return now > before ? "worse" : "better";
  };
  return { name, what, before, now, verdict: verdict() };
}

/** A table for people, and what it comes to. Ends in a line break. */
export function printGate(rows: readonly GateRow[], accept: string): string {
  const number = (value: number | undefined) => (value === undefined ? "-" : value.toFixed(2));
  const table = textTable(
    [
      { title: "case" },
      { title: "per frame" },
      { title: "baseline", align: "right" },
      { title: "now", align: "right" },
      { title: "change", align: "right" },
      { title: "" },
    ],
    rows.map(({ name, what, before, now, verdict }) => [
      name,
      what === "instructions" ? what : `${what} lines`,
      ...[number(before), number(now), changeText(before, now), verdict === "same" ? "" : verdict],
    ]),
  );
  const changed = rows.filter(({ verdict }) => verdict !== "same");
  const worse = changed.filter(({ verdict }) => verdict === "worse").length;
  const end =
    changed.length === 0
      ? `all ${rows.length} figures within ${TOLERANCE * 100} % (instructions) and 0 (lines) of the baseline`
      : `${worse} worse, ${changed.length - worse} otherwise off the baseline, which has to be the present state: make it good, or accept it with\n  ${accept}`;
  return `${[...table, "", end].join("\n")}\n`;
}

function changeText(before: number | undefined, now: number | undefined): string {
  if (before === undefined || now === undefined || before === 0) return "-";
  const share = now / before - 1;
  return `${share < 0 ? "−" : "+"}${Math.abs(share * 100).toFixed(2)} %`;
}
