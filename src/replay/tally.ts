import * as layout from "../../assembly/outside/layout.js";
import {
  ACTION_HOLD,
  FRAME_FLAG_GSO,
  FRAME_FLAG_PARTIAL,
  REASON_FRAGMENT_WITHOUT_FIRST,
  VERDICT_FLAG_UNVERIFIABLE,
} from "../engine/codes.js";
import { EngineError } from "../errors.js";
import { nameOfAction, nameOfReason } from "./reasons.js";
import type { BrokenConnection, FrameAction } from "./report-types.js";

/** Counts of a replay so far, as a saved state keeps them. */
export interface TallyState {
  /** Frames by `action * 256 + reason`. */
  readonly cells: readonly (readonly [cell: number, frames: number])[];
  readonly bytes: number;
  readonly partialChecksums: number;
  readonly superFrames: number;
  readonly decapsulated: number;
  readonly unverifiable: number;
  readonly firstNs: string | undefined;
  readonly lastNs: string | undefined;
  readonly broken: readonly BrokenConnection[];
  readonly rebound: readonly BrokenConnection[];
  readonly brokenCount: number;
  readonly reboundCount: number;
  /** ICMP errors of the gateways' own, by kind. */
  readonly generated?: Record<string, number>;
}

export interface MovedPlaces {
  readonly broken: number[];
  readonly rebound: number[];
}

/** Broken and rebound connections listed in full, each; all are counted. */
export const MAX_LISTED = 100_000;

/** Host-side counts of a replay. Adding a frame makes no object. */
export class Tally {
  readonly #cells = new Float64Array(256 * 256);
  bytes = 0;
  partialChecksums = 0;
  superFrames = 0;
  decapsulated = 0;
  unverifiable = 0;
  firstNs: bigint | undefined;
  lastNs: bigint | undefined;
  broken: BrokenConnection[] = [];
  rebound: BrokenConnection[] = [];
  brokenCount = 0;
  reboundCount = 0;
  readonly #generated = new Map<string, number>();

  /** Counts that somebody has kept. */
  static of(state: TallyState): Tally {
    const tally = new Tally();
    tally.restore(state);
    return tally;
  }

  /** ICMP errors of the gateways' own, by kind: `icmp 3/13`. */
  get generated(): Record<string, number> {
    return sorted(Object.fromEntries(this.#generated));
  }

  addGenerated(kind: string): void {
    this.#generated.set(kind, (this.#generated.get(kind) ?? 0) + 1);
  }

  /** Of each row of the lists: where its frame stands among all. */
  readonly places: MovedPlaces = { broken: [], rebound: [] };

  /** A connection's external tuple changed. @param place `Session.place` of its frame */
  addMoved(row: BrokenConnection, isBroken: boolean, place: number): void {
    if (isBroken) this.brokenCount++;
    else this.reboundCount++;
    const list = isBroken ? this.broken : this.rebound;
    if (list.length >= MAX_LISTED) return;
    list.push(row);
    this.places[isBroken ? "broken" : "rebound"].push(place);
  }

  /** @param action ACTION_*   @param flags SLOT_* and FRAME_FLAG_*   @param verdictFlags VERDICT_FLAG_* */
  add(action: number, reason: number, flags: number, verdictFlags: number): void {
    const cell = action * 256 + reason;
    this.#cells[cell] = this.#cells[cell]! + 1;
    if (flags !== 0) {
      if (flags & FRAME_FLAG_PARTIAL) this.partialChecksums++;
      if (flags & FRAME_FLAG_GSO) this.superFrames++;
      if (flags & layout.SLOT_DECAPSULATED) this.decapsulated++;
    }
    if (verdictFlags & VERDICT_FLAG_UNVERIFIABLE) this.unverifiable++;
  }

  /**
   * Frames by action, by reason, and by both.
   * @param held frames that have no verdict yet
   * @throws {EngineError} where the engine gave a verdict that has no place in a replay with one engine
   */
  summary(held = 0): {
    actions: Record<FrameAction, number>;
    reasons: Record<string, number>;
    reasonActions: Record<string, Partial<Record<FrameAction, number>>>;
  } {
    const actions = { pass: 0, snat: 0, reverse: 0, drop: 0, lost: 0, skipped: 0, hold: 0 };
    const reasons: Record<string, number> = {};
    const reasonActions: Record<string, Partial<Record<FrameAction, number>>> = {};
    const cells = this.#filled();
    if (held > 0) cells.push([ACTION_HOLD * 256 + REASON_FRAGMENT_WITHOUT_FIRST, held]);
    for (const [cell, frames] of cells) {
      const action = nameOfAction(cell >> 8);
      const reason = nameOfReason(cell & 0xff);
      if (action === undefined)
        throw new EngineError(`engine: gave action ${cell >> 8}, expected none that needs several engines`);
      actions[action] += frames;
      if (action === "snat" || action === "reverse") continue;
      reasons[reason] = (reasons[reason] ?? 0) + frames;
      const row = reasonActions[reason] ?? {};
      reasonActions[reason] = row;
      row[action] = (row[action] ?? 0) + frames;
    }
    return { actions, reasons: sorted(reasons), reasonActions: sorted(reasonActions) };
  }

  save(): TallyState {
    return {
      cells: this.#filled(),
      bytes: this.bytes,
      partialChecksums: this.partialChecksums,
      superFrames: this.superFrames,
      decapsulated: this.decapsulated,
      unverifiable: this.unverifiable,
      firstNs: this.firstNs?.toString(),
      lastNs: this.lastNs?.toString(),
      broken: this.broken,
      rebound: this.rebound,
      brokenCount: this.brokenCount,
      reboundCount: this.reboundCount,
      ...(this.#generated.size > 0 && { generated: this.generated }),
    };
  }

  restore(state: TallyState): void {
    for (const [cell, frames] of state.cells) this.#cells[cell] = frames;
    this.bytes = state.bytes;
    this.partialChecksums = state.partialChecksums;
    this.superFrames = state.superFrames;
    this.decapsulated = state.decapsulated;
    this.unverifiable = state.unverifiable;
    this.firstNs = state.firstNs === undefined ? undefined : BigInt(state.firstNs);
    this.lastNs = state.lastNs === undefined ? undefined : BigInt(state.lastNs);
    this.broken = [...state.broken];
    this.rebound = [...state.rebound];
    this.brokenCount = state.brokenCount;
    this.reboundCount = state.reboundCount;
    for (const [kind, count] of Object.entries(state.generated ?? {})) this.#generated.set(kind, count);
  }

  #filled(): [number, number][] {
    const filled: [number, number][] = [];
    this.#cells.forEach((frames, cell) => {
      if (frames > 0) filled.push([cell, frames]);
    });
    return filled;
  }
}

/** By key, so that equal counts print equally whatever the order of the frames. */
function sorted<T>(record: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
