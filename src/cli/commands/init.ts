import { basename } from "node:path";
import { type CaptureNotes, captureFrames } from "../../capture/frames.js";
import { starterManifests } from "../../config/init.js";
import { countTalkers } from "../../config/source-statistics.js";
import { counted } from "../../report/units.js";
import { type CommandRun, EXIT_OK } from "../commands.js";

const LEFT_OUT: Readonly<Record<string, string>> = {
  public: "with public addresses",
  "not-unicast": "with addresses that no pod has",
  "beyond-limit": "less busy than those written",
};

/** `init CAPTURE`: manifests to begin with, on standard output. */
export const run: CommandRun = async ([capture = "-"], _flags, console) => {
  const notes: CaptureNotes = { truncated: false };
  const talkers = await countTalkers(captureFrames(capture, notes));
  if (notes.truncated) console.err(`warning: ${capture}: the last record is cut off\n`);
  const starter = starterManifests(talkers.sources, capture === "-" ? {} : { captureName: basename(capture) });
  const { frames, unreadable, beyondBound } = talkers;
  const looked = `${counted(frames, "frame")}, ${counted(talkers.sources.length, "source")}`;
  console.err(`${looked}: wrote ${counted(starter.endpoints, "pod")}\n`);
  if (starter.endpoints === 0)
    console.err("warning: no source looks like a pod: a replay under these manifests matches nothing\n");
  for (const [reason, count] of starter.leftOut) {
    console.err(`left out: ${counted(count, "source")} ${LEFT_OUT[reason] ?? reason}\n`);
  }
  if (unreadable > 0) console.err(`left out: ${counted(unreadable, "frame")} without a readable IP packet\n`);
  if (beyondBound > 0) console.err(`left out: ${counted(beyondBound, "frame")} of sources beyond the first 65,536\n`);
  console.out(starter.text);
  return EXIT_OK;
};
