import type { Direction, Kept, PairKeys } from "./frame.js";

/** Candidates looked at for one key; hostile captures can give thousands of frames one key. */
const MAX_LOOKED_AT = 1024;

/** Frames of the second capture within reach of the first one's, by each of their keys. */
export class CandidateIndex {
  readonly #byKey = new Map<string, Kept[]>();
  /** In order of arrival; `#first` is the oldest that is still held. */
  #held: { kept: Kept; keys: readonly PairKeys[] }[] = [];
  #first = 0;

  /** @param keys of each direction that the frame may have */
  add(kept: Kept, keys: ReadonlyMap<Direction, PairKeys>): void {
    const all = [...keys.values()];
    this.#held.push({ kept, keys: all });
    for (const { exact, loose, wide } of all) {
      for (const key of [exact, loose, ...wide]) {
        const list = this.#byKey.get(key);
        if (list) list.push(kept);
        else this.#byKey.set(key, [kept]);
      }
    }
  }

  /** Frames with this key that nobody has taken and whose time lies within `windowNs` of `timeNs`. */
  find(key: string, timeNs: bigint, windowNs: bigint): Kept[] {
    const found: Kept[] = [];
    const list = this.#byKey.get(key) ?? [];
    // Equal frames are taken from the oldest on: those must not use up what may be looked at.
    while (list[0]?.taken) list.shift();
    for (const kept of list.slice(0, MAX_LOOKED_AT)) {
      const distance = kept.timeNs - timeNs;
      if (!kept.taken && distance <= windowNs && -distance <= windowNs) found.push(kept);
    }
    return found;
  }

  /** Lets go of frames older than `timeNs`. @param leave is told of each */
  expire(timeNs: bigint, leave: (kept: Kept) => void): void {
    while (this.#first < this.#held.length && this.#held[this.#first]!.kept.timeNs < timeNs) {
      const { kept, keys } = this.#held[this.#first++]!;
      for (const { exact, loose, wide } of keys) for (const key of [exact, loose, ...wide]) this.#drop(key, kept);
      leave(kept);
    }
    if (this.#first > 4096 && this.#first * 2 > this.#held.length) {
      this.#held = this.#held.slice(this.#first);
      this.#first = 0;
    }
  }

  #drop(key: string, kept: Kept): void {
    const list = this.#byKey.get(key);
    if (!list) return;
    const at = list.indexOf(kept);
    if (at >= 0) list.splice(at, 1);
    if (list.length === 0) this.#byKey.delete(key);
  }
}
