import { shrinkText } from "../../report/shrink-view.js";
import { type ShrinkProgress, shrinkCapture } from "../../shrink/shrink.js";
import { loadCluster, printWarnings, redaction } from "../cluster.js";
import { type CommandRun, EXIT_OK } from "../commands.js";
import type { Console } from "../console.js";
import { failures, parseFailOn } from "../fail-on.js";
import { refuseOverwriting } from "../output-files.js";
import { replayOptions } from "../replay-options.js";
import { loadScenario } from "../scenario.js";

/** `shrink CAPTURE -m PATH [-o FILE]`: the fewest frames of a failing capture that still fail. */
export const run: CommandRun = async ([capture], flags, console) => {
  const conditions = parseFailOn(flags.failOn);
  const { output, manifests = [], scenario } = flags;
  refuseOverwriting([output], [capture!, ...manifests, ...(scenario === undefined ? [] : [scenario])]);
  const model = loadCluster(flags);
  const played = loadScenario(flags, model);
  if (flags.verbose) printWarnings(model.warnings, flags, console, redaction(model, [capture!], flags));
  const { captures: _, skews: __, ...replay } = { ...replayOptions([capture!], model, flags), ...played };
  const report = await shrinkCapture({
    capture: capture!,
    replay,
    ...(conditions.length > 0 && {
      conditions: (of) => conditions.filter((one) => failures([one], of).length > 0).map(({ text }) => text),
    }),
    ...(output !== undefined && { output }),
    onProgress: (progress) => show(progress, console),
  });
  console.out(flags.json ? `${JSON.stringify(report, undefined, 2)}\n` : shrinkText(report));
  return EXIT_OK;
};

function show({ frames, flows, replays }: ShrinkProgress, console: Console): void {
  console.err(`still fails after ${replays} replays: frames ${frames}, flows ${flows}\n`);
}
