import { readFileSync } from "node:fs";
import { runBench } from "../../bench/bench.js";
import { parseBenchReport } from "../../bench/compare.js";
import { runAgainst } from "../../bench/confirm.js";
import { drawCurve } from "../../bench/curve.js";
import { printBench, printComparison } from "../../bench/print.js";
import { printProfile } from "../../bench/print-profile.js";
import { runProfile } from "../../bench/profile.js";
import type { BenchReport } from "../../bench/report-types.js";
import { UsageError } from "../../errors.js";
import { paint } from "../../report/paint.js";
import { type CommandRun, EXIT_MISMATCH, EXIT_OK } from "../commands.js";

/** `bench [--compare FILE | --profile | --draw FILE]`: what this machine makes of the engine. */
export const run: CommandRun = async (_args, flags, console) => {
  const { quick = false, large = false, compare, draw, profile } = flags;
  const asked = [compare && "--compare", draw && "--draw", profile && "--profile"].filter((flag) => flag !== undefined);
  if (asked.length > 1) throw new UsageError(`${asked.join(" and ")} do not go together, expected one of them`);
  if (draw !== undefined) {
    console.out(drawCurve(readReport(draw)));
    return EXIT_OK;
  }
  const before = compare === undefined ? undefined : readReport(compare);
  const options = { quick, large, onProgress: (text: string) => console.err(`${text}\n`) };
  if (profile) {
    const report = await runProfile(options);
    console.out(flags.json ? `${JSON.stringify(report, undefined, 2)}\n` : printProfile(report));
    return EXIT_OK;
  }
  const { report, comparison } = before
    ? await runAgainst(before, options)
    : { report: await runBench(options), comparison: undefined };
  const p = paint(console.colour);
  if (flags.json) console.out(`${JSON.stringify(comparison ? { ...report, comparison } : report, undefined, 2)}\n`);
  else console.out(printBench(report, p) + (comparison ? `\n${printComparison(comparison, p)}` : ""));
  return comparison?.regressed ? EXIT_MISMATCH : EXIT_OK;
};

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
