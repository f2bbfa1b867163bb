import { explainFrame } from "../../replay/explain.js";
import { explainText } from "../../report/explain-view.js";
import { loadCluster, printWarnings, redaction } from "../cluster.js";
import { type CommandRun, EXIT_MISMATCH, EXIT_OK } from "../commands.js";
import { replayOptions } from "../replay-options.js";

/** `explain CAPTURE… --frame N -m PATH`: one frame's walk. */
export const run: CommandRun = async (captures, flags, console) => {
  const model = loadCluster(flags);
  const redact = redaction(model, captures, flags);
  if (flags.verbose) printWarnings(model.warnings, flags, console, redact);
  const explanation = await explainFrame(replayOptions(captures, model, flags), flags.frame!);
  const style = { colour: console.colour, verbose: flags.verbose ?? false };
  console.out(flags.json ? `${JSON.stringify(explanation, undefined, 2)}\n` : explainText(explanation, style));
  return explanation.mismatches.length === 0 ? EXIT_OK : EXIT_MISMATCH;
};
