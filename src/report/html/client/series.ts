import { type Bins, greatest, peaks, sums } from "./binning.js";
import { amount, byteAmount, shortAmount, shortBytes } from "./numbers.js";
import type { GatewaySteps, PageData, PageTimeline } from "./page-data.js";

/** Stands for all gateways that have no colour of their own. */
export const OTHERS = -1;

/** Gateways with a colour of their own; the others are put together. */
const MOST_GATEWAYS = 12;

const BYTE_INCREMENTS = [1, 1024, 1024 ** 2, 1024 ** 3, 1024 ** 4].flatMap((unit) =>
  [1, 2, 5, 10, 20, 50, 100, 200, 500].map((times) => times * unit),
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
  /** Distances between the marks of the axis, where others than round decimal numbers are round. */
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
  const seconds = (bins: Bins) => (bins.width * timeline.stepMs) / 1000;
  const rates = (key: "connections" | "bytes") => (bins: Bins) =>
    rows.map(({ label, gateway, members }) => {
      const perBin = members.map((one) => sums(one[key], bins));
      return { label, gateway, values: added(perBin, bins.count).map((value) => value / seconds(bins)) };
    });
  const ports = (bins: Bins) =>
    rows.map(({ label, gateway, members }) => {
      const perBin = members.map((one) => peaks(one.ports, bins));
      return {
        label,
        gateway,
        values: Array.from({ length: bins.count }, (_, i) => Math.max(...perBin.map((p) => p[i]!))),
      };
    });
  const counts = (parts: readonly ["lost" | "broken" | "rebound", string, string, number][]) => (bins: Bins) =>
    parts.map(([key, label, property, kind]) => ({
      label,
      tint: [property, kind] as const,
      values: sums(timeline[key], bins),
    }));
  const rate = (value: number) => `${amount(value)}/s`;
  const perSecond = { stacked: true, height: 170 } as const;
  const counted = { stacked: true, height: 110, text: amount, short: shortAmount } as const;
  return {
    connections: {
      ...perSecond,
      title: "Connections opened",
      rows: rates("connections"),
      text: rate,
      short: shortAmount,
    },
    bytes: {
      ...perSecond,
      title: "Bytes sent",
      rows: rates("bytes"),
      text: (v) => `${byteAmount(v)}/s`,
      short: shortBytes,
      increments: BYTE_INCREMENTS,
    },
    lost: { ...counted, title: "Frames lost", rows: counts([["lost", "lost", "--lost", 0]]) },
    moved: {
      ...counted,
      title: "Connections broken and rebound",
      rows: counts([
        ["broken", "broken", "--bad", 0],
        ["rebound", "rebound", "--skipped", 1],
      ]),
    },
    ports: {
      title: "NAT ports in use",
      stacked: false,
      height: 130,
      rows: ports,
      text: amount,
      short: shortAmount,
      limit: portsLimit,
    },
  };
}

function added(rows: readonly (readonly number[])[], count: number): number[] {
  return Array.from({ length: count }, (_, i) => rows.reduce((sum, row) => sum + row[i]!, 0));
}
