import { zonesText } from "../../report/whatif-zones.js";
import { AFFINITIES, type AffinityRow, compareZones } from "../../whatif/zones.js";
import type { CommandRun } from "../commands.js";
import { parseFailOn } from "../fail-on.js";
import { loadForWhatIf, printAnswer, RunsProgress, whatIfOptions } from "../whatif.js";

const NAMES = ["connections", "crossZoneConnections", "crossZoneBytes", "crossZonePercent", "dropped", "droppedFrames"];

/** `zones CAPTURE… -m PATH`: traffic across zones and drops under all four affinities. */
export const run: CommandRun = async (captures, flags, console) => {
  const conditions = parseFailOn(flags.failOn, Object.fromEntries(AFFINITIES.map((mode) => [mode, NAMES])));
  const subject = loadForWhatIf(flags, captures, console);
  const progress = new RunsProgress(console, captures, AFFINITIES.length);
  try {
    const report = await compareZones({
      ...whatIfOptions(captures, subject, flags, console),
      onProgress: progress.update,
    });
    progress.clear();
    const numbers = Object.fromEntries(report.affinities.map((row) => [row.azAffinity, numbersOf(row)]));
    return printAnswer({ report, text: zonesText, conditions, numbers }, flags, console, subject.redact);
  } finally {
    progress.clear();
  }
};

function numbersOf({ connections, bytes, crossZone, dropped }: AffinityRow): Record<string, number> {
  return {
    connections,
    crossZoneConnections: crossZone.connections,
    crossZoneBytes: crossZone.bytes,
    crossZonePercent: bytes === 0 ? 0 : (crossZone.bytes / bytes) * 100,
    dropped: dropped.connections,
    droppedFrames: dropped.frames,
  };
}
