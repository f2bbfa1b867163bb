import type { EgressStats } from "../engine/counters.js";
import type { ReplayReport } from "./report-types.js";
import { formatTime } from "./time.js";

/** Steps that a series has at most; a step is as short as that allows. */
const MAX_STEPS = 480;
const FIRST_STEP_MS = 10;
const NS_PER_MS = 1_000_000n;

/** One number per step. */
type Column = number[];
const COUNTED = ["connections", "frames", "bytes", "replies"] as const;

/** What one egress did in each step. */
interface Row extends Record<(typeof COUNTED)[number], Column> {
  /** Most ports toward one remote when a connection was opened. */
  readonly ports: Column;
  /** Connections when the step was looked at last; -1 = it was not. */
  readonly live: Column;
}

/** A series as JSON. */
export interface SavedSeries {
  readonly fromNs: string;
  readonly stepMs: number;
  readonly step: number;
  readonly rows: readonly (readonly [egress: number, row: Row])[];
  readonly totals: readonly Readonly<Record<(typeof COUNTED)[number], number>>[];
  readonly lost: Column;
  readonly broken: Column;
  readonly rebound: Column;
}

/**
 * What went on step by step of virtual time. It is looked at where a step ends and never in between, so frames cost nothing; steps in
 * which nothing happens are passed over at once. The result depends on virtual time alone, not on how often it is looked at.
 */
export class Series {
  readonly #fromNs: bigint;
  #stepMs = FIRST_STEP_MS;
  /** Number of the step that is running. */
  #step = 0;
  readonly #rows: Map<number, Row>;
  /** As of the last look. */
  #totals: readonly Readonly<Record<(typeof COUNTED)[number], number>>[] = [];
  /** Of this process: losses are counted from zero by each that goes on. */
  #lostSoFar = 0;
  readonly #lost: Column = [];
  readonly #broken: Column = [];
  readonly #rebound: Column = [];

  /** @param start virtual time of the first frame, or a series to go on with */
  constructor(start: bigint | SavedSeries) {
    if (typeof start === "bigint") {
      this.#fromNs = start;
      this.#rows = new Map();
      return;
    }
    this.#fromNs = BigInt(start.fromNs);
    this.#stepMs = start.stepMs;
    this.#step = start.step;
    this.#rows = new Map(start.rows);
    this.#totals = start.totals;
    this.#lost = [...start.lost];
    this.#broken = [...start.broken];
    this.#rebound = [...start.rebound];
  }

  /** Virtual time at which the running step ends: `look`, then `moveTo`, before a frame of that time or later is taken. */
  get endNs(): bigint {
    return this.#fromNs + BigInt((this.#step + 1) * this.#stepMs) * NS_PER_MS;
  }

  /** Notes in the running step what happened since the last look. @param peaks most ports since then @param lost frames lost so far */
  look(totals: readonly EgressStats[], peaks: readonly number[], lost: number): void {
    add(this.#lost, this.#step, lost - this.#lostSoFar);
    this.#lostSoFar = lost;
    totals.forEach((now, egress) => {
      const before = this.#totals[egress];
      const frames = now.frames - (before?.frames ?? 0) + now.replies - (before?.replies ?? 0);
      if (frames === 0 && now.live === 0 && !this.#rows.has(egress)) return;
      const row = this.#rowOf(egress);
      for (const name of COUNTED) add(row[name], this.#step, now[name] - (before?.[name] ?? 0));
      row.ports[this.#step] = Math.max(row.ports[this.#step] ?? 0, peaks[egress] ?? 0);
      row.live[this.#step] = now.live;
    });
    this.#totals = totals;
  }

  /** A connection's external tuple changed in the running step. */
  addMoved(isBroken: boolean): void {
    add(isBroken ? this.#broken : this.#rebound, this.#step, 1);
  }

  /** Virtual time has come to `ns`: the step that it lies in runs now. */
  moveTo(ns: bigint): void {
    let step = this.#stepOf(ns);
    while (step >= MAX_STEPS) {
      this.#widen();
      step = this.#stepOf(ns);
    }
    this.#step = Math.max(this.#step, step);
  }

  report(): ReplayReport["timeline"] {
    const steps = this.#step + 1;
    const whole = (column: Column) => Array.from({ length: steps }, (_, i) => column[i] ?? 0);
    const rows = [...this.#rows].sort(([a], [b]) => a - b);
    return {
      from: formatTime(this.#fromNs),
      stepMs: this.#stepMs,
      steps,
      gateways: rows.map(([gateway, row]) => ({
        gateway,
        connections: whole(row.connections),
        frames: whole(row.frames),
        bytes: whole(row.bytes),
        replies: whole(row.replies),
        ports: portsOf(row, steps),
      })),
      lost: whole(this.#lost),
      broken: whole(this.#broken),
      rebound: whole(this.#rebound),
    };
  }

  save(): SavedSeries {
    return {
      fromNs: this.#fromNs.toString(),
      stepMs: this.#stepMs,
      step: this.#step,
      rows: [...this.#rows],
      totals: this.#totals.map(({ connections, frames, bytes, replies }) => ({ connections, frames, bytes, replies })),
      lost: this.#lost,
      broken: this.#broken,
      rebound: this.#rebound,
    };
  }

  #stepOf(ns: bigint): number {
    return Number((ns - this.#fromNs) / (BigInt(this.#stepMs) * NS_PER_MS));
  }

  #rowOf(egress: number): Row {
    const known = this.#rows.get(egress);
    if (known) return known;
    const row = { connections: [], frames: [], bytes: [], replies: [], ports: [], live: [] };
    this.#rows.set(egress, row);
    return row;
  }

  /** Two steps become one. */
  #widen(): void {
    for (const row of this.#rows.values()) {
      for (const name of COUNTED) halve(row[name], (a, b) => a + b);
      halve(row.ports, Math.max);
      halve(row.live, (a, b) => (b >= 0 ? b : a), -1);
    }
    for (const column of [this.#lost, this.#broken, this.#rebound]) halve(column, (a, b) => a + b);
    this.#stepMs *= 2;
    this.#step = Math.floor(this.#step / 2);
  }
}

function add(column: Column, step: number, value: number): void {
  if (value !== 0) column[step] = (column[step] ?? 0) + value;
}

/** @param nothing what a step without a value counts as */
function halve(column: Column, join: (a: number, b: number) => number, nothing = 0): void {
  const steps = Math.ceil(column.length / 2);
  for (let i = 0; i < steps; i++) column[i] = join(column[2 * i] ?? nothing, column[2 * i + 1] ?? nothing);
  column.length = steps;
}

/** Where nobody opened a connection, as many ports are in use as before, or as there are connections left. */
function portsOf({ ports, live, connections }: Row, steps: number): number[] {
  let before = 0;
  return Array.from({ length: steps }, (_, i) => {
    const left = live[i] ?? -1;
    const carried = left >= 0 ? Math.min(before, left) : before;
    before = (connections[i] ?? 0) > 0 ? Math.max(ports[i] ?? 0, carried) : carried;
    return before;
  });
}
