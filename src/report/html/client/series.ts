import { type Bins, greatest, peaks, stepsIn, sums } from "./binning.js";
import { amount, byteAmount, shortAmount, shortBytes } from "./numbers.js";
import type { GatewaySteps, PageData, PageTimeline } from "./page-data.js";

/** Stands for all gateways that have no colour of their own. */
export const OTHERS = -1;

/** Gateways with a colour of their own; the others are put together. */
const MOST_GATEWAYS = 12;

const BYTE_INCREMENTS = [1, 1024, 1024 ** 2, 1024 ** 3, 1024 ** 4].flatMap((unit) =>
  [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((times) => times * unit),
);

const WHOLE_INCREMENTS = [1, 1e3, 1e6, 1e9].flatMap((unit) =>
  [1, 2, 5, 10, 20, 50, 100, 200, 500].map((n) => n * unit),
);

/** One row of a chart. */
export interface ChartRow {
  readonly label: string;
  /** Place of the gateway, `OTHERS`, or undefined where the row is of none. */
  readonly gateway?: number;
  /** Custom property and pattern of a row that is of no gateway. */
  readonly tint?: readonly [property: string, kind: number];
  /** One number per bin. */
  readonly values: readonly number[];
}

/** What a chart shows; everything else is alike in all of them. */
export interface ChartSpec {
  readonly title: string;
  readonly stacked: boolean;
  /** CSS pixels. */
  readonly height: number;
  readonly rows: (bins: Bins) => ChartRow[];
  /** For tooltips and tables, and for the axis. */
  readonly text: (value: number) => string;
  readonly short: (value: number) => string;
  /** Distances between the marks of the axis, where they are others than round decimal numbers of any size. */
  readonly increments?: number[];
  /** A level that matters, whether it fits or not. */
  readonly limit?: number;
}

/** Gateways that charts show, each with the steps of one or of several. */
export interface GatewayRows {
  readonly label: string;
  readonly gateway: number;
  readonly members: readonly GatewaySteps[];
}

/** The gateways that carried most, by their places, then all others in one row. */
export function gatewayRows({ gateways, timeline }: Pick<PageData, "gateways" | "timeline">): GatewayRows[] {
  const steps = timeline?.gateways ?? [];
  const most = steps.length > MOST_GATEWAYS ? MOST_GATEWAYS - 1 : MOST_GATEWAYS;
  const own = new Set(
    greatest(
      steps.map(({ bytes }) => bytes),
      most,
    ),
  );
  const rows = steps.flatMap((one, i) => {
    if (!own.has(i)) return [];
    const { node, egressIP } = gateways[one.gateway]!;
    return [{ label: egressIP === "" ? node : `${node} ${egressIP}`, gateway: one.gateway, members: [one] }];
  });
  const others = steps.filter((_, i) => !own.has(i));
  return others.length === 0 ? rows : [...rows, { label: `${others.length} others`, gateway: OTHERS, members: others }];
}

/** The charts of a timeline, by the name in the `data-chart` attribute of their places. */
export function chartSpecs(
  timeline: PageTimeline,
  rows: readonly GatewayRows[],
  portsLimit: number,
): Readonly<Record<string, ChartSpec>> {
  const rated = { stacked: true, height: 170 };
  const whole = { text: amount, short: shortAmount, increments: WHOLE_INCREMENTS };
  const counted = { ...whole, stacked: true, height: 110 };
  const connections = {
    title: "Connections opened",
    rows: (bins: Bins) => rateRows(timeline, rows, "connections", bins),
    text: (value: number) => `${amount(value)}/s`,
    short: shortAmount,
  };
  const bytes = {
    title: "Bytes sent",
    rows: (bins: Bins) => rateRows(timeline, rows, "bytes", bins),
    text: (value: number) => `${byteAmount(value)}/s`,
    short: shortBytes,
    increments: BYTE_INCREMENTS,
  };
  const ports = { title: "NAT ports in use", stacked: false, height: 130, rows: (bins: Bins) => portRows(rows, bins) };
  return {
    connections: { ...rated, ...connections },
    bytes: { ...rated, ...bytes },
    lost: { ...counted, title: "Frames lost", rows: (bins) => countRows(timeline, LOST, bins) },
    moved: { ...counted, title: "Connections broken and rebound", rows: (bins) => countRows(timeline, MOVED, bins) },
    ports: { ...whole, ...ports, limit: portsLimit },
  };
}

/** What is counted without regard to gateways, with the custom property and the pattern that it is drawn in. */
type Counted = readonly (readonly [key: "lost" | "broken" | "rebound", property: string, kind: number])[];
const LOST: Counted = [["lost", "--lost", 0]];
const MOVED: Counted = [
  ["broken", "--bad", 0],
  ["rebound", "--skipped", 1],
];

function countRows(timeline: PageTimeline, counted: Counted, bins: Bins): ChartRow[] {
  return counted.map(([key, property, kind]) => ({
    label: key,
    tint: [property, kind],
    values: sums(timeline[key], bins),
  }));
}

/** Per second. */
function rateRows(
  { stepMs }: PageTimeline,
  rows: readonly GatewayRows[],
  key: "connections" | "bytes",
  bins: Bins,
): ChartRow[] {
  return rows.map(({ label, gateway, members }) => {
    const perBin = members.map((one) => sums(one[key], bins));
    const rate = (_: unknown, bin: number) => total(perBin, bin) / ((stepsIn(bins, bin) * stepMs) / 1000);
    return { label, gateway, values: Array.from({ length: bins.count }, rate) };
  });
}

function portRows(rows: readonly GatewayRows[], bins: Bins): ChartRow[] {
  return rows.map(({ label, gateway, members }) => {
    const perBin = members.map((one) => peaks(one.ports, bins));
    const most = (_: unknown, bin: number) => Math.max(...perBin.map((values) => values[bin]!));
    return { label, gateway, values: Array.from({ length: bins.count }, most) };
  });
}

function total(rows: readonly (readonly number[])[], at: number): number {
  return rows.reduce((sum, row) => sum + row[at]!, 0);
}
