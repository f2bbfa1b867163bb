import { type EgressStats, TRAFFIC_NUMBERS } from "../engine/counters.js";
import type { Engines } from "./engines.js";
import { laterOf } from "./time.js";

/** Egress statistics as JSON: times as text. */
export type SavedStats = Omit<EgressStats, "lastEndNs"> & { readonly lastEndNs: string };

const NOTHING: EgressStats = {
  connections: 0,
  frames: 0,
  bytes: 0,
  replies: 0,
  replyBytes: 0,
  live: 0,
  portsPeak: 0,
  lastEndNs: 0n,
};
/** Of the numbers of an egress, the last. */
const PEAK = TRAFFIC_NUMBERS - 1;

/**
 * What each egress has carried over all policies: engines begin at zero with every policy that they load, and with the peak of ports
 * whenever it is taken. Rows are those of the registry, whose indexes mean the same throughout.
 */
export class EgressTotals {
  readonly #engines: Engines;
  /** Of policies before the one in force. */
  #before: readonly EgressStats[];
  /** Most ports ever, by egress, as far as they were taken. */
  readonly #peaks: number[];
  /** Of the policy in force, as taken last. */
  #traffic = new Float64Array(0);

  /** @param saved of a state that the engines have taken up */
  constructor(engines: Engines, saved?: readonly SavedStats[]) {
    this.#engines = engines;
    this.#before = (saved ?? []).map((row) => ({ ...row, lastEndNs: BigInt(row.lastEndNs) }));
    this.#peaks = this.#before.map(({ portsPeak }) => portsPeak);
    // The engines' own peaks are those of the whole time, as the totals' are.
    if (saved) engines.putPortPeaks([]);
  }

  /** Totals so far, one row per egress that is or was in force. */
  read(): EgressStats[] {
    const now = this.#engines.egressStats();
    const rows = Math.max(now.length, this.#before.length);
    return Array.from({ length: rows }, (_, i) => {
      const row = addStats(this.#before[i] ?? NOTHING, now[i] ?? NOTHING);
      return { ...row, portsPeak: Math.max(row.portsPeak, this.#peaks[i] ?? 0) };
    });
  }

  /** Before the engines load another policy: what they have counted so far. */
  keep(): void {
    this.#before = this.read().map((row) => ({ ...row, live: 0 }));
  }

  /**
   * Counts of the policy in force, TRAFFIC_NUMBERS for each of `egresses`; peaks of ports are those since the last call. The array is
   * written anew by the next call.
   */
  take(egresses: number): Float64Array {
    if (this.#traffic.length < egresses * TRAFFIC_NUMBERS) this.#traffic = new Float64Array(egresses * TRAFFIC_NUMBERS);
    const count = this.#engines.takeTraffic(this.#traffic);
    for (let i = 0; i < count; i++) {
      const peak = this.#traffic[i * TRAFFIC_NUMBERS + PEAK]!;
      if (peak > (this.#peaks[i] ?? 0)) this.#peaks[i] = peak;
    }
    return this.#traffic.subarray(0, count * TRAFFIC_NUMBERS);
  }

  /** As JSON. The engines get their peaks of ports back: a saved state of theirs tells of all that came before. */
  save(): SavedStats[] {
    const peaks = this.read().map(({ portsPeak }) => portsPeak);
    this.#engines.putPortPeaks(peaks);
    const rows = Array.from({ length: peaks.length }, (_, i) => this.#before[i] ?? NOTHING);
    return rows.map((row, i) => ({ ...row, portsPeak: peaks[i]!, lastEndNs: row.lastEndNs.toString() }));
  }
}

/** What an egress has carried in all, where its policies were loaded one after the other. @param before undefined = nothing */
export function sumOfStats(before: SavedStats | undefined, now: EgressStats): EgressStats {
  return before ? addStats({ ...before, lastEndNs: BigInt(before.lastEndNs) }, now) : now;
}

/** What two engines, or two policies one after the other, have carried by one egress. */
export function addStats(a: EgressStats, b: EgressStats): EgressStats {
  return {
    connections: a.connections + b.connections,
    frames: a.frames + b.frames,
    bytes: a.bytes + b.bytes,
    replies: a.replies + b.replies,
    replyBytes: a.replyBytes + b.replyBytes,
    live: a.live + b.live,
    portsPeak: Math.max(a.portsPeak, b.portsPeak),
    lastEndNs: laterOf(a.lastEndNs, b.lastEndNs),
  };
}
