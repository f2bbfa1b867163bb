import { EngineError } from "../errors.js";
import type { BenchCase, BenchReport } from "./report-types.js";

// The cost curve of a report as an SVG file: time per frame over the size of the table, both in logarithmic scale.

interface Series {
  readonly label: string;
  readonly prefix: string;
  readonly mode: string;
  /** What is drawn of a case: its own time, or its yardstick's. */
  readonly value: "ns" | "yardstickNs";
  /** Class of its colour, and dots of its line. */
  readonly colour: keyof typeof LIGHT_INKS;
  readonly dash?: string;
}

const SERIES: readonly Series[] = [
  { label: "new connection", prefix: "new", mode: "batched", value: "ns", colour: "c" },
  { label: "forward, one per call", prefix: "forward", mode: "single", value: "ns", colour: "a", dash: "2 4" },
  { label: "forward, IMIX", prefix: "imix-forward", mode: "", value: "ns", colour: "e", dash: "7 4" },
  { label: "forward, 64 bytes", prefix: "forward", mode: "batched", value: "ns", colour: "a" },
  { label: "reverse, 64 bytes", prefix: "reverse", mode: "batched", value: "ns", colour: "b" },
  { label: "reference kernel", prefix: "forward", mode: "batched", value: "yardstickNs", colour: "d" },
];

const WIDTH = 820;
const HEIGHT = 470;
const LEFT = 58;
const RIGHT = 190;
const TOP = 64;
const BOTTOM = 52;
/** Labels at the ends of lines keep this distance, pixels. */
const LABEL_GAP = 16;

/** Colours of ground, text, lighter text, grid and the series by their classes. */
const LIGHT = { ground: "#ffffff", text: "#1f2328", quiet: "#59636e", grid: "#d8dee4" };
const DARK = { ground: "#0d1117", text: "#f0f6fc", quiet: "#9198a1", grid: "#30363d" };
const LIGHT_INKS = { a: "#0550ae", b: "#1a7f37", c: "#cf222e", d: "#6e7781", e: "#8250df" };
const DARK_INKS = { a: "#6cb6ff", b: "#57ab5a", c: "#ff7b72", d: "#9198a1", e: "#d2a8ff" };

function rules({ ground, text, quiet, grid }: typeof LIGHT, inks: typeof LIGHT_INKS): string {
  const plain = `.ground { fill: ${ground} } .text { fill: ${text} } .quiet { fill: ${quiet} } .grid { stroke: ${grid} }`;
  const coloured = Object.entries(inks).map(
    ([name, ink]) => `polyline.${name} { stroke: ${ink} } circle.${name}, text.${name} { fill: ${ink} }`,
  );
  return [plain, ...coloured].join("\n    ");
}

const STYLE = `
    text { font: 13px system-ui, sans-serif } .title { font-size: 16px; font-weight: 600 }
    polyline { fill: none; stroke-width: 2 }
    ${rules(LIGHT, LIGHT_INKS)}
    @media (prefers-color-scheme: dark) {
    ${rules(DARK, DARK_INKS)}
    }`;

interface Point {
  readonly connections: number;
  readonly ns: number;
}

/**
 * @returns the curve as text of an SVG file, readable on light and dark ground; a pure function of the report
 * @throws {EngineError} where the report has fewer than two sizes to draw a curve through
 */
export function drawCurve(report: BenchReport): string {
  const lines = SERIES.map((series) => ({ series, points: pointsOf(report.cases, series) })).filter(
    ({ points }) => points.length > 1,
  );
  if (lines.length === 0) {
    throw new EngineError(
      "cost curve: the report has no work at two table sizes, expected what bench --large --json printed",
    );
  }
  const all = lines.flatMap(({ points }) => points);
  const [least, most] = [
    Math.min(...all.map(({ connections }) => connections)),
    Math.max(...all.map((p) => p.connections)),
  ];
  const bottom = decadeBelow(Math.min(...all.map(({ ns }) => ns)));
  const top = Math.max(...all.map(({ ns }) => ns)) * 1.15;
  const x = (connections: number) => LEFT + share(connections, least, most) * (WIDTH - LEFT - RIGHT);
  const y = (ns: number) => HEIGHT - BOTTOM - share(ns, bottom, top) * (HEIGHT - TOP - BOTTOM);
  const ends = lines.map(({ series, points }) => ({ series, at: y(points.at(-1)!.ns), ...points.at(-1)! }));
  const parts = [
    ...ticks(bottom, top).map((ns) => horizontal(ns, y(ns))),
    ...[...new Set(all.map(({ connections }) => connections))].map((size) => vertical(size, x(size))),
    ...lines.map(({ series, points }) =>
      line(
        series,
        points.map((p) => [x(p.connections), y(p.ns)]),
      ),
    ),
    ...spreadLabels(ends, x(most) + 10),
  ];
  const { machine } = report;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="t d">
  <title id="t">Cost of a frame by the size of the connection table</title>
  <desc id="d">${ends.map(({ series, ns, connections }) => `${series.label}: ${ns.toFixed(0)} ns at ${shortCount(connections)}`).join("; ")}</desc>
  <style>${STYLE}
  </style>
  <rect class="ground" width="${WIDTH}" height="${HEIGHT}" rx="6"/>
  <text class="text title" x="${LEFT}" y="28">Nanoseconds of CPU time per frame, by connections in the table</text>
  <text class="quiet" x="${LEFT}" y="47">${escaped(`${machine.cpu}, Node ${machine.node}, batches of ${report.batch}, load ${machine.load.toFixed(1)}`)}; both scales logarithmic</text>
${parts.map((part) => `  ${part}`).join("\n")}
  <text class="quiet" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 12}" text-anchor="middle">connections</text>
</svg>
`;
}

function pointsOf(cases: readonly BenchCase[], { prefix, mode, value }: Series): Point[] {
  return cases
    .filter(({ id, connections }) => id === [prefix, connections, mode].filter((part) => part !== "").join("/"))
    .map((item) => ({ connections: item.connections, ns: item[value].median }))
    .sort((a, b) => a.connections - b.connections);
}

/** Where a value lies between two others, by ratio: 0 … 1. */
function share(value: number, low: number, high: number): number {
  return Math.log(value / low) / Math.log(high / low);
}

function decadeBelow(ns: number): number {
  return 10 ** Math.floor(Math.log10(ns));
}

/** 1, 2 and 5 times the powers of ten in a range. */
function ticks(low: number, high: number): number[] {
  const found: number[] = [];
  for (let decade = low; decade <= high; decade *= 10)
    found.push(...[1, 2, 5].map((times) => times * decade).filter((ns) => ns >= low && ns <= high));
  return found;
}

function horizontal(ns: number, at: number): string {
  return `<path class="grid" d="M${LEFT} ${at.toFixed(1)}H${WIDTH - RIGHT}"/><text class="quiet" x="${LEFT - 8}" y="${(at + 4).toFixed(1)}" text-anchor="end">${ns}</text>`;
}

function vertical(connections: number, at: number): string {
  return `<path class="grid" d="M${at.toFixed(1)} ${TOP}V${HEIGHT - BOTTOM}"/><text class="quiet" x="${at.toFixed(1)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${shortCount(connections)}</text>`;
}

function line({ colour, dash }: Series, points: readonly (readonly number[])[]): string {
  const path = points.map((point) => point.map((number) => number.toFixed(1)).join(",")).join(" ");
  const dots = points.map(([x, y]) => `<circle class="${colour}" cx="${x!.toFixed(1)}" cy="${y!.toFixed(1)}" r="3"/>`);
  return `<polyline class="${colour}" points="${path}"${dash ? ` stroke-dasharray="${dash}"` : ""}/>${dots.join("")}`;
}

/** Labels from the top down, pushed apart where lines end close to each other. */
function spreadLabels(ends: readonly { series: Series; at: number; ns: number }[], x: number): string[] {
  let free = 0;
  return [...ends]
    .sort((a, b) => a.at - b.at)
    .map(({ series, at, ns }) => {
      const y = Math.max(at + 4, free);
      free = y + LABEL_GAP;
      return `<text class="${series.colour}" x="${x.toFixed(1)}" y="${y.toFixed(1)}">${ns.toFixed(0)} ${series.label}</text>`;
    });
}

function shortCount(connections: number): string {
  if (connections >= 1e6) return `${connections / 1e6} M`;
  return connections >= 1000 ? `${connections / 1000} k` : String(connections);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
