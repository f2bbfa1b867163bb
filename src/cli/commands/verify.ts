import { verify } from "../../embed/verify.js";
import { UsageError } from "../../errors.js";
import { reportJson } from "../../report/json.js";
import { pairSummary } from "../../report/pair-view.js";
import { loadCluster, printWarnings, redaction } from "../cluster.js";
import { type CommandRun, EXIT_MISMATCH, EXIT_OK } from "../commands.js";
import type { FlagValues } from "../flags.js";
import { refuseOverwriting, writeTextFile } from "../output-files.js";

/** `verify BEFORE AFTER -m PATH`: judges another system's translation. */
export const run: CommandRun = async ([before = "", after = ""], flags, console) => {
  if (before === after) throw new UsageError(`BEFORE and AFTER are both ${before}, expected two captures`);
  refuseOverwriting([flags.report], [before, after, ...(flags.manifests ?? [])]);
  const skewNs = skewBetween(before, after, flags);
  const model = loadCluster(flags);
  const redact = redaction(model, [before, after], flags);
  printWarnings(model.warnings, flags, console, redact);
  const onWarning = (text: string) => console.err(`warning: ${redact.text(text)}\n`);
  const judged = await verify({ before, after, model, onWarning, ...(skewNs !== undefined && { skewNs }) });
  const report = redact.data(judged);
  if (flags.report) writeTextFile(flags.report, reportJson(report));
  const style = { colour: console.colour, verbose: flags.verbose ?? false };
  console.out(flags.json ? reportJson(report) : pairSummary(report, style));
  return report.verification.ok ? EXIT_OK : EXIT_MISMATCH;
};

/** `--skew` says what to add to a capture's clock; the library wants to know how far the second is ahead of the first. */
function skewBetween(before: string, after: string, { skew = [] }: FlagValues): bigint | undefined {
  for (const { file } of skew) {
    if (file !== before && file !== after)
      throw new UsageError(`--skew names ${file}, expected ${before} or ${after} as on the command line`);
  }
  if (skew.length === 0) return undefined;
  const added = (file: string) => skew.filter((one) => one.file === file).reduce((sum, { ns }) => sum + ns, 0n);
  return added(before) - added(after);
}
