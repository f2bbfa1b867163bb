import { parseArgs } from "node:util";
import { describeMachine } from "../../../src/bench/machine.js";
import type { BenchCase } from "../../../src/bench/report-types.js";
import { type Column, textTable } from "../../../src/report/text-table.js";
import { count } from "../../../src/report/units.js";
import { DEFAULT_OPTIONS, type NativeBenchOptions, runNativeBench } from "./bench.js";
import type { NativeWork } from "./contestants.js";

// npm run bench:native -- [--large] [--sizes 1000,100000] [--works forward,new] [--placements N] [--turns N] [--define BLOCK=32] [--json]

const LARGE = 4_000_000;
const WORKS: readonly string[] = DEFAULT_OPTIONS.works;

const COLUMNS: readonly Column[] = [
  { title: "case" },
  { title: "connections", align: "right" },
  { title: "engine ns", align: "right" },
  { title: "C ns", align: "right" },
  { title: "ratio", align: "right" },
  { title: "99 % interval", align: "right" },
  { title: "target", align: "right" },
];

/** What the engine may take at most, divided by the C reference. */
function targetOf({ connections, work }: BenchCase): number | undefined {
  if (work === "new") return undefined;
  return connections > 100_000 ? 1.35 : 1.3;
}

function row(result: BenchCase): string[] {
  const { work, connections, ns, yardstickNs, ratio } = result;
  const target = targetOf(result);
  const bound = target === undefined ? "" : `${target.toFixed(2)} ${ratio.median <= target ? "met" : "missed"}`;
  return [
    work,
    count(connections),
    ns.median.toFixed(1),
    yardstickNs.median.toFixed(1),
    ratio.median.toFixed(2),
    `${ratio.low.toFixed(2)} … ${ratio.high.toFixed(2)}`,
    bound,
  ];
}

function readOptions(): NativeBenchOptions & { readonly json: boolean } {
  const { values } = parseArgs({
    options: {
      large: { type: "boolean", default: false },
      sizes: { type: "string" },
      works: { type: "string" },
      placements: { type: "string" },
      turns: { type: "string" },
      define: { type: "string", multiple: true, default: [] },
      wasm: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const sizes = values.sizes?.split(",").map((text) => whole("--sizes", text, 16)) ?? DEFAULT_OPTIONS.sizes;
  return {
    ...DEFAULT_OPTIONS,
    sizes: values.large ? [...sizes, LARGE] : sizes,
    works: values.works?.split(",").map(workOf) ?? DEFAULT_OPTIONS.works,
    placements: whole("--placements", values.placements ?? String(DEFAULT_OPTIONS.placements), 1),
    turns: whole("--turns", values.turns ?? String(DEFAULT_OPTIONS.turns), 1),
    defines: Object.fromEntries(values.define.map(defineOf)),
    wasmFile: values.wasm,
    json: values.json,
    onProgress: (text) => process.stderr.write(`${text}\n`),
  };
}

function whole(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new Error(`${flag}: is ${text}, expected an integer from ${least} on`);
  return value;
}

function workOf(text: string): NativeWork {
  if (!WORKS.includes(text)) throw new Error(`--works: has ${text}, expected some of ${WORKS.join(", ")}`);
  return text as NativeWork;
}

function defineOf(text: string): [string, number] {
  const [name = "", value = ""] = text.split("=");
  if (!/^[A-Z_]+$/.test(name) || !/^\d+$/.test(value)) throw new Error(`--define: is ${text}, expected NAME=NUMBER`);
  return [name, Number(value)];
}

async function main(): Promise<void> {
  const options = readOptions();
  const machine = describeMachine();
  const cases = await runNativeBench(options);
  if (options.json) return void process.stdout.write(`${JSON.stringify({ machine, cases }, null, 2)}\n`);
  const { placements, turns, blockMs, batch } = options;
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(2)}, ${machine.platform}, huge pages ${machine.pages}`,
    `Node ${machine.node}, V8 ${machine.v8}; ${batch} frames per call; gcc -O3 -march=native`,
    `${placements} placements of ${turns} turns, blocks of ${blockMs} ms CPU time; 64-byte frames in random order`,
    "",
    ...textTable(COLUMNS, cases.map(row)),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`bench:native: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
