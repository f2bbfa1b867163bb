import { UsageError } from "../../errors.js";
import { diffText } from "../../report/whatif-diff.js";
import { diffManifests } from "../../whatif/diff.js";
import { loadCluster, printWarnings, redaction } from "../cluster.js";
import type { CommandRun } from "../commands.js";
import { conditionsFor, printAnswer, RunsProgress, whatIfOptions } from "../whatif.js";

const NAMES = [
  "connections",
  "changed",
  "gatewayChanged",
  "egressIPChanged",
  "verdictChanged",
  "cut",
  "rebound",
] as const;

/** `diff CAPTURE… --from PATH --to PATH`: who leaves otherwise under other manifests, and whom the change would cut. */
export const run: CommandRun = async (captures, flags, console) => {
  const conditions = conditionsFor(flags, "diff", NAMES);
  const { at } = flags;
  if (at && "everyNs" in at) throw new UsageError("--at is every …, expected one time: manifests change once");
  const from = loadCluster({ ...flags, manifests: flags.from! });
  const to = loadCluster({ ...flags, manifests: flags.to! });
  const redact = redaction(from, captures, flags, [to]);
  printWarnings([...from.warnings, ...to.warnings], flags, console, redact);
  const progress = new RunsProgress(console, captures, 2);
  try {
    const { model: _, ...options } = whatIfOptions(captures, { model: from, redact }, flags, console);
    const report = await diffManifests({ ...options, from, to, ...(at && { at }), onProgress: progress.update });
    progress.clear();
    const numbers = { diff: Object.fromEntries(NAMES.map((name) => [name, report[name]])) };
    return printAnswer(
      { report, text: diffText, conditions, numbers, isFailure: report.changed > 0 || report.cut > 0 },
      flags,
      console,
      redact,
    );
  } finally {
    progress.clear();
  }
};
