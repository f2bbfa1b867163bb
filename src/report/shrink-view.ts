import type { ShrinkReport } from "../shrink/shrink.js";
import { textTable } from "./text-table.js";
import { counted } from "./units.js";

/** The result of `shrink` as people read it: how it fails, with which frames, and how to see it again. */
export function shrinkText({ capture, failure, frames, flows, replays, kept, output }: ShrinkReport): string {
  const read = `${counted(frames.read, "frame")} of ${counted(flows.read, "flow")}`;
  const left = `${counted(frames.kept, "frame")} of ${counted(flows.kept, "flow")}`;
  const lines = [
    `${capture}: ${read}; ${left} still fail${frames.kept === 1 ? "s" : ""} (${counted(replays, "replay")})`,
    failure.what,
    "",
  ];
  const rows = kept.map(({ frame, at, text }) => [`${frame}`, `${at} s`, text]);
  lines.push(
    ...textTable([{ title: "frame", align: "right" }, { title: "at", align: "right" }, { title: "packet" }], rows),
  );
  if (output !== undefined) lines.push("", `written to ${output}; replayed in the same way it fails in the same way`);
  return `${lines.join("\n")}\n`;
}
