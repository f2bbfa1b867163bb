import { infoOf } from "./catalogue.js";
import type { Figure, Group, PeersReport } from "./report.js";
import { groupTitle, nanoseconds, times } from "./table.js";

const WIDTH = 880;
const MARGIN = 16;
/** Bars begin here and end before the column of ratios. */
const LEFT = 240;
const RIGHT = WIDTH - 150;
const ROW = 22;
const BAR = 14;
const HEAD = 34;
const AXIS = 26;
const GAP = 18;
const TITLE = 30;

/** Readable on white and on black: text follows the reader's scheme, bars are of middle brightness. */
const STYLE = `
text { font: 12px system-ui, sans-serif; fill: #24292f }
.head { font-weight: 600; font-size: 13px }
.title { font-weight: 600; font-size: 15px }
.small { font-size: 11px; fill: #57606a }
.end { text-anchor: end }
.middle { text-anchor: middle }
.grid { stroke: #8c959f; stroke-opacity: 0.4 }
.spread { stroke: #57606a; stroke-width: 1.5 }
.own { fill: #2da44e }
.other { fill: #4c8dd6 }
.paper { fill: #ffffff }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.small { fill: #9198a1 }
.spread { stroke: #c9d1d9 }
.paper { fill: #0d1117 }
}`;

const OWN = /^(engine|replay)/;

/** A logarithmic scale: powers of ten that hold all values, onto LEFT … RIGHT. */
export interface Scale {
  readonly ticks: readonly number[];
  at(value: number): number;
}

/** The scale of values above 0. */
export function scaleOf(values: readonly number[]): Scale {
  const from = Math.floor(Math.log10(Math.min(...values)));
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(...values))));
  const ticks = Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i));
  const at = (value: number) => LEFT + ((Math.log10(value) - from) / (to - from)) * (RIGHT - LEFT);
  return { ticks, at: (value) => Math.max(LEFT, at(value)) };
}

/** One panel per group of a report, bars over a logarithmic scale; plain shapes and text that need no script. */
export function chartOf({ groups, date, machine }: PeersReport): string {
  let top = MARGIN + TITLE;
  const panels = groups.map((group) => {
    const panel = panelOf(group, top);
    top += heightOf(group) + GAP;
    return panel;
  });
  const foot = `${date}, ${machine.cpu}, Node ${machine.node}. Medians of rounds in turns; the thin line is the 99 % interval. ×: ratio to Sluicegate in the same round.`;
  const height = top + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    "<title>CPU time per frame of Sluicegate and of other programs</title>",
    `<style>${STYLE}\n</style>`,
    `<rect class="paper" width="${WIDTH}" height="${height}"/>`,
    text(MARGIN, MARGIN + 12, "title", "CPU time per frame, nanoseconds, logarithmic scale; shorter is faster"),
    ...panels.flat(),
    text(MARGIN, height - MARGIN, "small", foot),
    "</svg>",
    "",
  ].join("\n");
}

function heightOf({ figures }: Group): number {
  return HEAD + figures.length * ROW + AXIS;
}

function panelOf(group: Group, top: number): string[] {
  const scale = scaleOf(group.figures.flatMap(({ ns }) => [ns.median, ns.low, ns.high]).filter((ns) => ns > 0));
  const [first, last] = [top + HEAD, top + HEAD + group.figures.length * ROW];
  return [
    text(MARGIN, top + 16, "head", groupTitle(group)),
    ...scale.ticks.flatMap((tick) => {
      const x = fixed(scale.at(tick));
      return [
        `<line class="grid" x1="${x}" x2="${x}" y1="${first - 4}" y2="${last}"/>`,
        text(x, last + 14, "small middle", `${tick.toLocaleString("en-US")} ns`),
      ];
    }),
    ...group.figures.flatMap((figure, i) => rowOf(figure, scale, first + i * ROW)),
  ];
}

function rowOf({ id, ns, ratio }: Figure, scale: Scale, top: number): string[] {
  const { name, yardstick } = infoOf(id);
  const base = top + BAR - 2;
  const end = scale.at(Math.max(ns.median, Number.MIN_VALUE));
  const middle = fixed(top + BAR / 2 + 1);
  const [low, high] = [scale.at(Math.max(ns.low, Number.MIN_VALUE)), scale.at(ns.high)];
  const ratioText = id === yardstick ? "" : ` · ${times(ratio.median)} ×`;
  return [
    text(LEFT - 8, base, "end", name),
    `<rect class="${OWN.test(id) ? "own" : "other"}" x="${LEFT}" y="${top + 1}" width="${fixed(Math.max(1, end - LEFT))}" height="${BAR}"/>`,
    `<line class="spread" x1="${fixed(low)}" x2="${fixed(high)}" y1="${middle}" y2="${middle}"/>`,
    text(Math.max(end, high) + 6, base, "", `${nanoseconds(ns.median)}${ratioText}`),
  ];
}

function text(x: number, y: number, kind: string, content: string): string {
  const escaped = content.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  return `<text x="${fixed(x)}" y="${fixed(y)}"${kind === "" ? "" : ` class="${kind}"`}>${escaped}</text>`;
}

function fixed(value: number): number {
  return Number(value.toFixed(1));
}
