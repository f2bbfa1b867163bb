import { readFileSync } from "node:fs";
import { type BenchOptions, runBench } from "../../bench/bench.js";
import { parseBenchReport } from "../../bench/compare.js";
import { type ComparedRun, runAgainst, runBuilds } from "../../bench/confirm.js";
import { printBench, printComparison } from "../../bench/print.js";
import type { BenchReport } from "../../bench/report-types.js";
import { instantiateEngine } from "../../engine/load.js";
import { UsageError } from "../../errors.js";
import { paint } from "../../report/paint.js";
import { type CommandRun, EXIT_MISMATCH, EXIT_OK } from "../commands.js";

/** `bench [--compare FILE | --against FILE]`: what this machine makes of the engine. */
export const run: CommandRun = async (_args, flags, console) => {
  if (flags.compare !== undefined && flags.against !== undefined)
    throw new UsageError("--compare and --against: both are given, expected an earlier run or another build, not both");
  const options: BenchOptions = { quick: flags.quick ?? false, onProgress: (text) => console.err(`${text}\n`) };
  const { report, comparison } = await measured(options, flags.compare, flags.against);
  const p = paint(console.colour);
  if (flags.json) console.out(`${JSON.stringify(comparison ? { ...report, comparison } : report, undefined, 2)}\n`);
  else console.out(printBench(report, p) + (comparison ? `\n${printComparison(comparison, p)}` : ""));
  return comparison?.regressed ? EXIT_MISMATCH : EXIT_OK;
};

async function measured(
  options: BenchOptions,
  compare: string | undefined,
  against: string | undefined,
): Promise<Omit<ComparedRun, "comparison"> & Partial<ComparedRun>> {
  if (compare !== undefined) return runAgainst(readReport(compare), options);
  if (against === undefined) return { report: await runBench(options) };
  // Before anything is measured: is it an engine that speaks this host's ABI?
  await instantiateEngine(against);
  return runBuilds({ ...options, against });
}

function readReport(file: string): BenchReport {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new UsageError(`${file}: cannot be read (${code}), expected what bench --json printed`, { cause });
  }
  return parseBenchReport(text, file);
}
