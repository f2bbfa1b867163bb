import type { EgressStats } from "../engine/counters.js";
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

/**
 * What each egress has carried over all policies: engines begin at zero with every policy that they load, and with the peak of ports
 * whenever it is asked to. Rows are those of the registry, whose indexes mean the same throughout.
 */
export class EgressTotals {
  readonly #engines: Engines;
  /** Of policies before the one in force; of `portsPeak`, before the engines last began to count. */
  #before: EgressStats[];

  /** @param saved of a state that the engines have taken up */
  constructor(engines: Engines, saved?: readonly SavedStats[]) {
    this.#engines = engines;
    this.#before = (saved ?? []).map((row) => ({ ...row, lastEndNs: BigInt(row.lastEndNs) }));
    // The state tells the peaks of the whole time, and so do the totals.
    if (saved) engines.restartPortPeaks();
  }

  /** Totals so far, one row per egress that is or was in force. */
  read(): EgressStats[] {
    return this.#with(this.#engines.egressStats());
  }

  #with(now: readonly EgressStats[]): EgressStats[] {
    const rows = Math.max(now.length, this.#before.length);
    return Array.from({ length: rows }, (_, i) => sum(this.#before[i] ?? NOTHING, now[i] ?? NOTHING));
  }

  /** Before the engines load another policy: what they have counted so far. */
  keep(): void {
    this.#before = this.read().map((row) => ({ ...row, live: 0 }));
  }

  /** Totals so far, and the peaks of ports since the last call or the last policy; the peaks begin anew. */
  sample(): { readonly totals: readonly EgressStats[]; readonly peaks: readonly number[] } {
    const now = this.#engines.egressStats();
    const totals = this.#with(now);
    this.#before = totals.map(({ portsPeak }, i) => ({ ...(this.#before[i] ?? NOTHING), portsPeak }));
    this.#engines.restartPortPeaks();
    return { totals, peaks: now.map(({ portsPeak }) => portsPeak) };
  }

  /** Gives the engines their peaks of ports back: a saved state tells of all that came before. */
  restorePeaks(): void {
    this.#engines.restorePortPeaks(this.read().map(({ portsPeak }) => portsPeak));
  }

  save(): SavedStats[] {
    return this.#before.map((row) => ({ ...row, lastEndNs: row.lastEndNs.toString() }));
  }
}

function sum(a: EgressStats, b: EgressStats): EgressStats {
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
