import { portsText } from "../../report/whatif-ports.js";
import { portUse } from "../../whatif/ports.js";
import type { CommandRun } from "../commands.js";
import { conditionsFor, loadForWhatIf, printAnswer, RunsProgress, whatIfOptions } from "../whatif.js";

const NAMES = ["peak", "peakPercent", "refused", "originalRefused", "refusedInReplay", "egressIPsNeeded"] as const;

/** `ports CAPTURE… -m PATH [--grow 3x]`: which NAT ports are in use, and when they run out. */
export const run: CommandRun = async (captures, flags, console) => {
  const conditions = conditionsFor(flags, "ports", NAMES);
  const subject = loadForWhatIf(flags, captures, console);
  const progress = new RunsProgress(console, captures, 1);
  try {
    const options = { ...whatIfOptions(captures, subject, flags, console), onProgress: progress.update };
    const report = await portUse({ ...options, grow: flags.grow ?? 1 });
    progress.clear();
    const numbers = { ports: Object.fromEntries(NAMES.map((name) => [name, report[name]])) };
    return printAnswer({ report, text: portsText, conditions, numbers }, flags, console, subject.redact);
  } finally {
    progress.clear();
  }
};
