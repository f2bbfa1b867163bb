import type { Machine } from "../../../src/bench/machine.js";
import { type Estimate, estimate, spread } from "../../../src/bench/statistics.js";
import { FIGURES, type FigureInfo, type Kind, TARGETS, type TargetInfo } from "./catalogue.js";
import type { Samples } from "./rounds.js";

export const PEERS_SCHEMA = "sluicegate.io/peers-report/v1";

/** What one program needs for a frame, and how often that is what Sluicegate needs in the same round. */
export interface Figure {
  readonly id: string;
  /** Nanoseconds of CPU time per frame. */
  readonly ns: Estimate;
  /** Median of the rounds' ratios: this one's time ÷ Sluicegate's. */
  readonly ratio: Estimate;
  /** Distance of the quartiles of those ratios as a share of their median. */
  readonly spread: number;
}

/** Peers that took turns with each other. */
export interface Group {
  readonly kind: Kind;
  readonly connections: number;
  readonly rounds: number;
  readonly figures: readonly Figure[];
  /** As measured, of each peer, one number a round. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
}

export interface Target {
  readonly name: string;
  readonly limit: number;
  readonly kind: "at-least" | "at-most";
  readonly value: number;
  readonly met: boolean;
}

export interface PeersReport {
  readonly schema: typeof PEERS_SCHEMA;
  readonly date: string;
  readonly command: string;
  readonly commit: string;
  readonly machine: Machine;
  readonly kernel: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly groups: readonly Group[];
  readonly targets: readonly Target[];
}

/** The figures that a group's samples come to. */
export function groupOf(kind: Kind, connections: number, samples: Samples): Group {
  const kept = new Map([...samples].map(([id, ns]) => [id, ns.map(rounded)]));
  const infos = FIGURES.filter((info) => info.kind === kind && samples.has(info.of));
  const rounds = Math.min(...[...samples.values()].map(({ length }) => length));
  return {
    kind,
    connections,
    rounds,
    figures: infos.map((info) => figureOf(info, kept)),
    samples: Object.fromEntries(kept),
  };
}

/** Clocks do not tell more than hundredths of a nanosecond per frame. */
function rounded(ns: number): number {
  return Number(ns.toFixed(2));
}

function figureOf(info: FigureInfo, samples: Samples): Figure {
  const ns = timesOf(info, samples);
  const yardstick = samples.get(info.yardstick)!;
  const ratios = ns.map((time, round) => time / yardstick[round]!);
  return { id: info.id, ns: estimate(ns), ratio: estimate(ratios), spread: spread(ratios) };
}

/** A peer's times, less those of another one in the same round where the figure says so. */
function timesOf({ of, minus }: FigureInfo, samples: Samples): number[] {
  const less = minus === undefined ? undefined : samples.get(minus)!;
  return samples.get(of)!.map((ns, round) => ns - (less?.[round] ?? 0));
}

/** What the design wants, of the groups that were measured. */
export function targetsOf(groups: readonly Group[]): Target[] {
  return TARGETS.flatMap((info) => {
    const group = groups.find(
      ({ kind, connections }) => kind === info.group && (info.connections ?? connections) === connections,
    );
    if (!group?.samples[info.of] || !group.samples[info.dividedBy]) return [];
    const value = targetValue(info, group);
    const { name, limit, kind } = info;
    return [{ name, limit, kind, value, met: kind === "at-least" ? value >= limit : value <= limit }];
  });
}

function targetValue({ of, minus, dividedBy }: TargetInfo, { samples }: Group): number {
  const by = samples[dividedBy]!;
  const less = minus === undefined ? undefined : samples[minus]!;
  return estimate(samples[of]!.map((ns, round) => (ns - (less?.[round] ?? 0)) / by[round]!)).median;
}
