import { UsageError } from "../../errors.js";
import { drainText } from "../../report/whatif-drain.js";
import { drainNode } from "../../whatif/drain.js";
import type { CommandRun } from "../commands.js";
import { conditionsFor, loadForWhatIf, printAnswer, RunsProgress, whatIfOptions } from "../whatif.js";

const NAMES = ["connectionsAtStart", "openedAfter", "stillLive"] as const;
/** A condition on these would never hold without a deadline. */
const DEADLINE_NAMES = ["cut", "cutWhileInUse"] as const;

/** `drain CAPTURE… -m PATH --node N --at T [--deadline D]`: how a gateway node empties. */
export const run: CommandRun = async (captures, flags, console) => {
  const names = flags.deadline === undefined ? NAMES : [...NAMES, ...DEADLINE_NAMES];
  const conditions = conditionsFor(flags, "drain", names);
  const at = flags.at!;
  if ("everyNs" in at) throw new UsageError("--at is every …, expected one time: a node is drained once");
  const subject = loadForWhatIf(flags, captures, console);
  const progress = new RunsProgress(console, captures, 1);
  try {
    const options = { ...whatIfOptions(captures, subject, flags, console), onProgress: progress.update };
    const deadline = flags.deadline && { deadline: flags.deadline };
    const report = await drainNode({ ...options, node: flags.node!, at, ...deadline });
    progress.clear();
    const { connectionsAtStart, openedAfter, stillLive } = report;
    const { cut = 0, cutWhileInUse = 0 } = report.deadline ?? {};
    const numbers = { drain: { connectionsAtStart, openedAfter, stillLive, cut, cutWhileInUse } };
    return printAnswer({ report, text: drainText, conditions, numbers }, flags, console, subject.redact);
  } finally {
    progress.clear();
  }
};
