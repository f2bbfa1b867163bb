/** Something that falls due at a time: nanoseconds. */
export interface Due<T> {
  readonly atNs: bigint;
  readonly item: T;
}

/** Hands out what was put in by time, in logarithmic time each. The order among equal times is not defined. */
export class DueQueue<T> {
  /** A binary heap: no entry is due before the one at half its place. */
  readonly #heap: Due<T>[] = [];

  /** The earliest; undefined = empty. */
  get first(): Due<T> | undefined {
    return this.#heap[0];
  }

  push(due: Due<T>): void {
    let at = this.#heap.length;
    for (; at > 0; at = (at - 1) >> 1) {
      const above = this.#heap[(at - 1) >> 1]!;
      if (above.atNs <= due.atNs) break;
      this.#heap[at] = above;
    }
    this.#heap[at] = due;
  }

  /** Takes the earliest away. Nothing happens where there is none. */
  drop(): void {
    const last = this.#heap.pop();
    if (!last || this.#heap.length === 0) return;
    let at = 0;
    for (let below = this.#earlierBelow(at); below && below.atNs < last.atNs; below = this.#earlierBelow(at)) {
      this.#heap[at] = below;
      at = this.#heap[2 * at + 1] === below ? 2 * at + 1 : 2 * at + 2;
    }
    this.#heap[at] = last;
  }

  #earlierBelow(at: number): Due<T> | undefined {
    const [left, right] = [this.#heap[2 * at + 1], this.#heap[2 * at + 2]];
    return right && right.atNs < left!.atNs ? right : left;
  }
}
