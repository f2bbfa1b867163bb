import { NS_PER_MS } from "../config/time.js";
import { TRAFFIC_NUMBERS } from "../engine/counters.js";
import type { ReplayReport } from "./report-types.js";
import { formatTime } from "./time.js";

/** Steps that a series has at most; a step is as short as that allows. */
export const MAX_STEPS = 480;
const FIRST_STEP_MS = 10;

/** One number per step. */
type Column = Float64Array;
/** What counts up, in the order of TRAFFIC_NUMBERS; behind it come live connections and the peak of ports. */
const COUNTED = ["connections", "frames", "bytes", "replies"] as const;
const LIVE = 4;
const PEAK = 5;

/** What one egress did in each step. */
interface Row extends Record<(typeof COUNTED)[number], Column> {
  /** Most ports toward one remote when a connection was opened. */
  readonly ports: Column;
  /** Connections when the step was looked at last, plus one; 0 = it was not. */
  readonly live: Column;
}

export type SavedRow = Readonly<Record<keyof Row, readonly number[]>>;

/** A series as JSON. */
export interface SavedSeries {
  readonly fromNs: string;
  readonly stepMs: number;
  readonly step: number;
  readonly rows: readonly (readonly [egress: number, row: SavedRow])[];
  /** Counts of the policy in force as of the last look. */
  readonly seen: readonly number[];
  readonly lost: readonly number[];
  readonly broken: readonly number[];
  readonly rebound: readonly number[];
}

/**
 * What went on step by step of virtual time. It is looked at where a step ends and never in between, so frames cost nothing; steps in
 * which nothing happens are passed over at once. The result depends on virtual time alone, not on how often it is looked at.
 */
export class Series {
  /** Virtual time of the first frame. */
  readonly fromNs: bigint;
  #stepMs = FIRST_STEP_MS;
  /** Number of the step that is running, and the virtual time at which it ends. */
  #step = 0;
  #endNs = 0n;
  readonly #rows: Map<number, Row>;
  #seen: Float64Array;
  /** Another policy is in force since the last look. */
  #isAnew = false;
  /** Of this process: losses are counted from zero by each that goes on. */
  #lostSoFar = 0;
  readonly #lost: Column;
  readonly #broken: Column;
  readonly #rebound: Column;

  /** @param start virtual time of the first frame, or a series to go on with */
  constructor(start: bigint | SavedSeries) {
    const saved = typeof start === "bigint" ? undefined : start;
    this.fromNs = typeof start === "bigint" ? start : BigInt(start.fromNs);
    this.#stepMs = saved?.stepMs ?? FIRST_STEP_MS;
    this.#rows = new Map((saved?.rows ?? []).map(([egress, row]) => [egress, restored(row)]));
    this.#seen = Float64Array.from(saved?.seen ?? []);
    [this.#lost, this.#broken, this.#rebound] = [saved?.lost, saved?.broken, saved?.rebound].map(columnOf) as [
      Column,
      Column,
      Column,
    ];
    this.#setStep(saved?.step ?? 0);
  }

  /** Virtual time at which the running step ends: `look`, then `moveTo`, before a frame of that time or later is taken. */
  get endNs(): bigint {
    return this.#endNs;
  }

  /**
   * Notes in the running step what happened since the last look.
   * @param traffic of the policy in force: TRAFFIC_NUMBERS per egress, with peaks since the last look   @param lost frames lost so far
   */
  look(traffic: Float64Array, lost: number): void {
    const step = this.#step;
    this.#lost[step]! += lost - this.#lostSoFar;
    this.#lostSoFar = lost;
    if (this.#seen.length < traffic.length) this.#seen = grown(this.#seen, traffic.length);
    const seen = this.#seen;
    for (let at = 0, egress = 0; at < traffic.length; at += TRAFFIC_NUMBERS, egress++) {
      const hasMoved = traffic[at + 1] !== seen[at + 1] || traffic[at + 3] !== seen[at + 3];
      const isAnew = this.#isAnew && this.#rows.has(egress);
      if (!hasMoved && !isAnew && traffic[at + LIVE] === seen[at + LIVE]) continue;
      const row = this.#rowOf(egress);
      COUNTED.forEach((name, i) => {
        row[name][step]! += traffic[at + i]! - seen[at + i]!;
        seen[at + i] = traffic[at + i]!;
      });
      row.ports[step] = Math.max(row.ports[step]!, traffic[at + PEAK]!);
      row.live[step] = traffic[at + LIVE]! + 1;
      seen[at + LIVE] = traffic[at + LIVE]!;
    }
    this.#isAnew = false;
  }

  /** Another policy was loaded: its counts begin at zero. */
  restart(): void {
    this.#seen.fill(0);
    this.#isAnew = true;
  }

  /** A connection's external tuple changed in the running step. */
  addMoved(isBroken: boolean): void {
    (isBroken ? this.#broken : this.#rebound)[this.#step]! += 1;
  }

  /** Virtual time has come to `ns`: the step that it lies in runs now. */
  moveTo(ns: bigint): void {
    if (ns < this.#endNs) return;
    const next = this.#step + 1;
    if (next < MAX_STEPS && ns < this.#endNs + BigInt(this.#stepMs) * NS_PER_MS) return this.#setStep(next);
    let step = this.#stepOf(ns);
    while (step >= MAX_STEPS) {
      this.#widen();
      step = this.#stepOf(ns);
    }
    this.#setStep(step);
  }

  report(): ReplayReport["timeline"] {
    const steps = this.#step + 1;
    const whole = (column: Column) => Array.from(column.subarray(0, steps));
    const rows = [...this.#rows].sort(([a], [b]) => a - b);
    return {
      from: formatTime(this.fromNs),
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
    const saved = (column: Column) => Array.from(column.subarray(0, this.#step + 1));
    return {
      fromNs: this.fromNs.toString(),
      stepMs: this.#stepMs,
      step: this.#step,
      rows: [...this.#rows].map(([egress, { connections, frames, bytes, replies, ports, live }]) => {
        const counted = { connections: saved(connections), frames: saved(frames), bytes: saved(bytes) };
        return [egress, { ...counted, replies: saved(replies), ports: saved(ports), live: saved(live) }];
      }),
      seen: Array.from(this.#seen),
      lost: saved(this.#lost),
      broken: saved(this.#broken),
      rebound: saved(this.#rebound),
    };
  }

  #setStep(step: number): void {
    this.#step = step;
    this.#endNs = this.fromNs + BigInt((step + 1) * this.#stepMs) * NS_PER_MS;
  }

  #stepOf(ns: bigint): number {
    return Number((ns - this.fromNs) / (BigInt(this.#stepMs) * NS_PER_MS));
  }

  #rowOf(egress: number): Row {
    let row = this.#rows.get(egress);
    if (!row) {
      row = restored({ connections: [], frames: [], bytes: [], replies: [], ports: [], live: [] });
      this.#rows.set(egress, row);
    }
    return row;
  }

  /** Two steps become one. */
  #widen(): void {
    for (const row of this.#rows.values()) {
      for (const name of COUNTED) halve(row[name], (a, b) => a + b);
      halve(row.ports, Math.max);
      halve(row.live, (a, b) => (b > 0 ? b : a));
    }
    for (const column of [this.#lost, this.#broken, this.#rebound]) halve(column, (a, b) => a + b);
    this.#stepMs *= 2;
    this.#setStep(Math.floor(this.#step / 2));
  }
}

function columnOf(values: readonly number[] = []): Column {
  return grown(Float64Array.from(values), MAX_STEPS);
}

function grown(values: Float64Array, length: number): Float64Array {
  const column = new Float64Array(length);
  column.set(values);
  return column;
}

function restored({ connections, frames, bytes, replies, ports, live }: SavedRow): Row {
  return {
    connections: columnOf(connections),
    frames: columnOf(frames),
    bytes: columnOf(bytes),
    replies: columnOf(replies),
    ports: columnOf(ports),
    live: columnOf(live),
  };
}

function halve(column: Column, join: (a: number, b: number) => number): void {
  for (let i = 0; i < MAX_STEPS / 2; i++) column[i] = join(column[2 * i]!, column[2 * i + 1]!);
  column.fill(0, MAX_STEPS / 2);
}

/** Where nobody opened a connection, as many ports are in use as before, or as there are connections left. */
function portsOf({ ports, live, connections }: Row, steps: number): number[] {
  let before = 0;
  return Array.from({ length: steps }, (_, i) => {
    const carried = live[i]! > 0 ? Math.min(before, live[i]! - 1) : before;
    before = connections[i]! > 0 ? Math.max(ports[i]!, carried) : carried;
    return before;
  });
}
