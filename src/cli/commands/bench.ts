import { readFileSync } from "node:fs";
import { type BenchOptions, runBench } from "../../bench/bench.js";
import { parseBenchReport } from "../../bench/compare.js";
import { type ComparedRun, runAgainst, runBuilds } from "../../bench/confirm.js";
import { drawCurve } from "../../bench/curve.js";
import { printBench, printComparison } from "../../bench/print.js";
import { printProfile } from "../../bench/print-profile.js";
import { runProfile } from "../../bench/profile.js";
import type { BenchReport } from "../../bench/report-types.js";
import { instantiateEngine } from "../../engine/load.js";
import { UsageError } from "../../errors.js";
import { paint } from "../../report/paint.js";
import { type CommandRun, EXIT_MISMATCH, EXIT_OK } from "../commands.js";

/** `bench [--compare FILE | --against FILE | --profile | --draw FILE]`: what this machine makes of the engine. */
export const run: CommandRun = async (_args, flags, console) => {
  const { quick = false, large = false, compare, against, draw, profile } = flags;
  const asked = [compare && "--compare", against && "--against", draw && "--draw", profile && "--profile"].filter(
    (flag) => flag !== undefined,
  );
  if (asked.length > 1) throw new UsageError(`${asked.join(" and ")} do not go together, expected one of them`);
  if (draw !== undefined) {
    console.out(drawCurve(readReport(draw)));
    return EXIT_OK;
  }
  const options: BenchOptions = { quick, large, onProgress: (text) => console.err(`${text}\n`) };
  if (profile) {
    const report = await runProfile(options);
    console.out(flags.json ? `${JSON.stringify(report, undefined, 2)}\n` : printProfile(report));
    return EXIT_OK;
  }
  const { report, comparison } = await measured(options, compare, against);
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
