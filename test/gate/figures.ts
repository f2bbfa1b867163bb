import { textTable } from "../../src/report/text-table.js";
import { LINE_KINDS } from "./case-file.js";
import type { Tools } from "./native.js";
import { STEPS, type Step } from "./start-cases.js";

/** What the frames of one case cost. */
export interface CaseFigures {
  /** Per frame, in batches of `Figures.frames`. */
  readonly instructions: number;
  /** Distinct 64-byte lines of each kind of table that a frame reads or writes, given one by one; summed over all frames. */
  readonly lines: Readonly<Record<(typeof LINE_KINDS)[number], number>>;
}

/** What a start costs, from the instance to the first frame that leaves. */
export interface StartFigures {
  readonly instructions: Readonly<Record<Step, number>>;
  /** Pages of 4 KiB that configure, loadPolicy and the first frame read or write, each counted once. */
  readonly touched: number;
  /** Pages of 64 KiB of the memory. */
  readonly memory: number;
}

/** What a runtime has to read, compile and copy before there is an instance: build/engine.wasm. */
export interface ModuleFigures {
  readonly bytes: number;
  readonly code: number;
  /** Bytes that are copied into each new memory. */
  readonly data: number;
  /** Pages of 64 KiB that an instance begins with. */
  readonly memory: number;
}

/** All cases, and the tools that the figures are valid for. */
export interface Figures {
  readonly tools: Tools;
  readonly frames: number;
  readonly cases: Readonly<Record<string, CaseFigures>>;
  readonly module: ModuleFigures;
  readonly starts: Readonly<Record<string, StartFigures>>;
}

/** More instructions or bytes than this share away from the baseline are a change. Lines and pages may not change at all. */
export const TOLERANCE = 0.01;
/** A step of a start may be off by so many instructions, as a few of them are the C library's. */
export const SLACK = 50;

export interface GateRow {
  readonly name: string;
  /** What is counted: `instructions`, a kind of table lines, or something of a start. */
  readonly what: string;
  /** Of a frame, a start or the module; undefined where only one side has the case. */
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
  return [...compareCases(before, now), ...compareModules(before.module, now.module), ...compareStarts(before, now)];
}

function compareCases(before: Figures, now: Figures): GateRow[] {
  return namesOf(before.cases, now.cases).flatMap((name) => {
    const [old, current] = [before.cases[name], now.cases[name]];
    return [
      row(name, "instructions", old?.instructions, current?.instructions, TOLERANCE),
      ...LINE_KINDS.filter((kind) => old?.lines[kind] || current?.lines[kind]).map((kind) =>
        row(name, `${kind} lines`, perFrame(old?.lines[kind], before), perFrame(current?.lines[kind], now), 0),
      ),
    ];
  });
}

function compareModules(before: ModuleFigures, now: ModuleFigures): GateRow[] {
  return [
    row("module", "bytes", before.bytes, now.bytes, TOLERANCE),
    row("module", "bytes of code", before.code, now.code, TOLERANCE),
    row("module", "bytes of data", before.data, now.data, 0),
    row("module", "pages of memory", before.memory, now.memory, 0),
  ];
}

function compareStarts(before: Figures, now: Figures): GateRow[] {
  return namesOf(before.starts, now.starts).flatMap((name) => {
    const [old, current] = [before.starts[name], now.starts[name]];
    return [
      ...STEPS.map((step) => row(name, step, old?.instructions[step], current?.instructions[step], TOLERANCE, SLACK)),
      row(name, "pages touched", old?.touched, current?.touched, 0),
      row(name, "pages of memory", old?.memory, current?.memory, 0),
    ];
  });
}

function namesOf(...sides: readonly Readonly<Record<string, unknown>>[]): string[] {
  return [...new Set(sides.flatMap((side) => Object.keys(side)))];
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
  slack = 0,
): GateRow {
  const verdict = () => {
    if (before === undefined) return "new";
    if (now === undefined) return "gone";
    if (Math.abs(now - before) <= Math.max(before * tolerance, slack)) return "same";
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
      { title: "counted" },
      { title: "baseline", align: "right" },
      { title: "now", align: "right" },
      { title: "change", align: "right" },
      { title: "" },
    ],
    rows.map(({ name, what, before, now, verdict }) => [
      name,
      what,
      ...[number(before), number(now), changeText(before, now), verdict === "same" ? "" : verdict],
    ]),
  );
  const changed = rows.filter(({ verdict }) => verdict !== "same");
  const worse = changed.filter(({ verdict }) => verdict === "worse").length;
  const end =
    changed.length === 0
      ? `all ${rows.length} figures within ${TOLERANCE * 100} % (instructions, of starts ${SLACK} at least; bytes) and 0 (lines, pages, data) of the baseline`
      : `${worse} worse, ${changed.length - worse} otherwise off the baseline, which has to be the present state: make it good, or accept it with\n  ${accept}`;
  return `${[...table, "", end].join("\n")}\n`;
}

function changeText(before: number | undefined, now: number | undefined): string {
  if (before === undefined || now === undefined || before === 0) return "-";
  const share = now / before - 1;
  return `${share < 0 ? "−" : "+"}${Math.abs(share * 100).toFixed(2)} %`;
}
