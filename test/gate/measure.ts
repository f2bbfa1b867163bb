import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildEngine, type Mutation } from "../verify/mutant.js";
import { caseFile, LINE_KINDS, startFile } from "./case-file.js";
import { CASES, FRAMES } from "./cases.js";
import type { CaseFigures, Figures, StartFigures } from "./figures.js";
import { moduleFigures } from "./module.js";
import { buildNative, type NativeEngine, output, toolVersions } from "./native.js";
import { STEPS, type Step, startCases } from "./start-cases.js";

/** Rounds of the two runs whose difference is taken: what happens once only drops out. */
const FEW = 2;
const MANY = 6;

const WASM_PAGE = 65536;

/**
 * Builds the engine and counts what its cases cost. The same engine and tools give the same figures wherever they run.
 * @param mutations of the sources of the engine; none = as it is
 */
export async function measureEngine(mutations: readonly Mutation[] = []): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), "sluicegate-gate-"));
  try {
    const files: string[] = [];
    for (const item of CASES) {
      const file = join(folder, `${item.name}.case`);
      writeFileSync(file, await caseFile(item));
      files.push(file);
    }
    const engine = await buildNative(folder, mutations);
    const starts = await startFigures(engine, folder);
    const module = moduleFigures(await buildEngine(mutations));
    const lines = tableLines(engine, files);
    const few = instructions(engine, files, FEW, folder);
    const many = instructions(engine, files, MANY, folder);
    const cases: Record<string, CaseFigures> = {};
    for (const { name } of CASES) {
      const counted = (many.get(name)! - few.get(name)!) / ((MANY - FEW) * FRAMES);
      cases[name] = { instructions: Math.round(counted * 100) / 100, lines: lines.get(name)! };
    }
    return { tools: toolVersions(), frames: FRAMES, cases, module, starts };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Instructions of every case's rounds, without what the harness does around them. */
function instructions({ counts }: NativeEngine, files: readonly string[], rounds: number, folder: string) {
  return callgrind(join(folder, `dumps-${rounds}`), "measured", [counts, "count", String(rounds), ...files]);
}

/** Instructions inside of one function, by the names that the program gives its dumps. */
function callgrind(dumps: string, inside: string, command: readonly string[]): Map<string, number> {
  mkdirSync(dumps);
  output("valgrind", [
    "--tool=callgrind",
    "--quiet",
    `--toggle-collect=${inside}`,
    `--callgrind-out-file=${join(dumps, "out")}`,
    ...command,
  ]);
  const totals = new Map<string, number>();
  for (const file of readdirSync(dumps)) {
    const text = readFileSync(join(dumps, file), "utf8");
    const name = /^desc: Trigger: Client Request: (.*)$/m.exec(text)?.[1];
    const total = /^totals: (\d+)$/m.exec(text)?.[1];
    if (name !== undefined && total !== undefined) totals.set(name, Number(total));
  }
  return totals;
}

/** What starts cost; none of it depends on what happened in the process before. */
async function startFigures(engine: NativeEngine, folder: string): Promise<Record<string, StartFigures>> {
  const names: string[] = [];
  const files: string[] = [];
  for (const item of startCases()) {
    names.push(item.name);
    files.push(join(folder, `${item.name}.case`));
    writeFileSync(files.at(-1)!, await startFile(item));
  }
  const counted = callgrind(join(folder, "dumps-start"), "measured_step", [engine.counts, "start", ...files]);
  const rows = output(engine.lines, ["pages", ...files])
    .trimEnd()
    .split("\n");
  return Object.fromEntries(
    names.map((name, i) => {
      const [, touched, bytes] = rows[i].split(" ");
      const steps = STEPS.map((step) => [step, counted.get(`${name} ${step}`)!]);
      const instructions = Object.fromEntries(steps) as Record<Step, number>;
      return [name, { instructions, touched: Number(touched), memory: Number(bytes) / WASM_PAGE }];
    }),
  );
}

/** Table lines of each kind that the frames of a case touch, summed over its frames. */
function tableLines({ lines }: NativeEngine, files: readonly string[]): Map<string, CaseFigures["lines"]> {
  const rows = output(lines, ["lines", ...files])
    .trimEnd()
    .split("\n");
  return new Map(
    rows.map((row) => {
      const [name, ...numbers] = row.split(" ");
      const kinds = Object.fromEntries(LINE_KINDS.map((kind, i) => [kind, Number(numbers[i])]));
      return [name, kinds as CaseFigures["lines"]];
    }),
  );
}
