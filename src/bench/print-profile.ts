import { type Column, textTable } from "../report/text-table.js";
import { bytes, count } from "../report/units.js";
import { PASSES } from "./profile-engine.js";
import type { ProfileReport, SizeProfile, WorkProfile } from "./profile-types.js";

const right = (title: string): Column => ({ title, align: "right" });

const TIME_COLUMNS: readonly Column[] = [
  { title: "ns/frame" },
  right("connections"),
  ...PASSES.map(({ name }) => right(name)),
  right("whole"),
];
const LIMIT_COLUMNS: readonly Column[] = [
  { title: "limit" },
  ...["connections", "lines", "bytes", "by bandwidth", "by misses", "bound", "measured", "distance", "computing"].map(
    right,
  ),
];
const MEMORY_COLUMNS: readonly Column[] = [
  { title: "memory" },
  ...["table", "latency ns", "load ns", "pair ns", "overlap", "read GB/s", "write GB/s", "update GB/s"].map(right),
];
const BYTE_COLUMNS: readonly Column[] = [
  { title: "bytes per frame" },
  right("read"),
  right("written"),
  { title: "from" },
  { title: "how" },
];

/** A profile for people. Ends in a line break. */
export function printProfile(report: ProfileReport): string {
  const { machine, sizes } = report;
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(2)}, ${machine.platform}, huge pages ${machine.pages}`,
    `Node ${machine.node}, V8 ${machine.v8}; ${report.batch} frames per call; ${report.turns} turns, blocks of ${report.blockMs} ms ${report.clock} time; 64-byte TCP frames in random order`,
    "",
    ...textTable(
      TIME_COLUMNS,
      sizes.flatMap((size) => size.works.map((work) => timeRow(size, work))),
    ),
    "",
    ...textTable(
      [{ title: "pass" }, { title: "is" }],
      PASSES.map(({ name, what }) => [name, what]),
    ),
    "",
    ...textTable(
      LIMIT_COLUMNS,
      sizes.flatMap((size) => size.works.flatMap((work) => limitRow(size, work))),
    ),
    "",
    ...textTable(MEMORY_COLUMNS, sizes.map(memoryRow)),
    "",
    ...bytesTable(sizes),
    ...closeness(sizes),
  ];
  return `${lines.join("\n")}\n`;
}

function timeRow({ connections }: SizeProfile, { work, passes, ns }: WorkProfile): string[] {
  return [work, count(connections), ...passes.map((pass) => pass.ns.toFixed(1)), ns.toFixed(1)];
}

function limitRow({ connections }: SizeProfile, work: WorkProfile): string[][] {
  const { lines, touched, bound, distance, computingNs } = work;
  if (lines === undefined || !touched || !bound || distance === undefined || computingNs === undefined) return [];
  const fromMemory = touched.filter(({ from }) => from === "memory");
  const moved = fromMemory.reduce((sum, { read, written }) => sum + read + written, 0);
  const times = [bound.bandwidthNs, bound.missNs, bound.ns, work.ns].map((ns) => ns.toFixed(1));
  return [
    [
      work.work,
      count(connections),
      lines.toFixed(2),
      moved.toFixed(0),
      ...times,
      `${distance.toFixed(1)} ×`,
      computingNs.toFixed(1),
    ],
  ];
}

function memoryRow({ connections, tableBytes, memory }: SizeProfile): string[] {
  const { latencyNs, loadNs, pairNs, overlap, readGBs, writeGBs, updateGBs } = memory;
  const numbers = [latencyNs, loadNs, pairNs, overlap, readGBs, writeGBs, updateGBs];
  return [`at ${count(connections)}`, bytes(tableBytes), ...numbers.map((number) => number.toFixed(1))];
}

/** Of the largest size: but for the lines of the table they are the same at all. */
function bytesTable(sizes: readonly SizeProfile[]): string[] {
  const touched = sizes.at(-1)?.works[0]?.touched ?? [];
  return textTable(
    BYTE_COLUMNS,
    touched.map(({ what, read, written, from, how }) => [what, read.toFixed(0), written.toFixed(0), from, how]),
  );
}

function closeness(sizes: readonly SizeProfile[]): string[] {
  const known = sizes.flatMap(({ connections, toPackage }) =>
    toPackage === undefined ? [] : [`${toPackage.toFixed(2)} at ${count(connections)}`],
  );
  return known.length > 0 ? ["", `forward through what was profiled ÷ through engine.wasm: ${known.join(", ")}`] : [];
}
