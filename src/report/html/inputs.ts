import type { ReplayReport } from "../../replay/report-types.js";
import { reportJson } from "../json.js";
import { count, duration, rate } from "../units.js";
import { html, type Markup } from "./markup.js";
import { code, columns, number, type PageSection } from "./section.js";
import { sortableTable } from "./table.js";

/** Characters of report.json that the page repeats; a longer one is left to its file. */
const MAX_JSON = 200_000;

/** The captures, and what was odd about them. */
export function inputSection({ input, timing, frames }: ReplayReport): PageSection {
  const rows = input.files.map((file) => [
    code(file.name),
    number(file.frames),
    file.truncated ? { show: html`<span class="warn">the last record is cut off</span>` } : "whole",
    list(file.adjusted),
    list(file.skippedBlocks),
  ]);
  const body = html`${sortableTable("Captures", columns("Capture", "Frames#", "End", "Adjusted", "Passed over"), rows)}${recordTable(input)}
<p class="dim">${count(frames.read)} frames in ${duration(timing.wallMs * 1e6)}: ${rate(timing.framesPerSecond)} frames/s, ${duration(timing.engineNsPerFrame)} per frame in the engine.</p>`;
  return { id: "input", short: "Input", title: "Input", body };
}

/** What became of connection records that stand in for frames; undefined where there are none. */
function recordTable({ files }: ReplayReport["input"]): Markup | undefined {
  const rows = files.flatMap(({ name, records }) =>
    records ? [[code(name), records.kind, number(records.read), number(records.used), list(records.unused)]] : [],
  );
  if (rows.length === 0) return undefined;
  const heads = columns("File", "Kind", "Records#", "Made into frames#", "Not used");
  return html`<h3>Connection records</h3>${sortableTable("Connection records", heads, rows)}`;
}

function list(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([what, n]) => `${what} ${count(n)}`)
    .join(", ");
}

/** The report as data. */
export function jsonSection(report: ReplayReport): PageSection {
  const json = reportJson(report);
  const body =
    json.length <= MAX_JSON
      ? html`<details><summary>The same as JSON</summary><pre tabindex="0">${json}</pre></details>`
      : html`<p class="dim">Too long to repeat here: ${count(json.length)} characters.</p>`;
  return { id: "json", short: "JSON", title: "report.json", body };
}
