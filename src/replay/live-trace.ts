/**
 * How many translated connections one of several machines has from frame to frame of a piece: the most that all of them had at a time is
 * no sum of what each had at most.
 */
export class LiveTrace {
  /** By place in the piece: how many more there are after the frame than after the one before. */
  readonly changes: Int32Array;
  #live = 0;

  /** @param frames of a piece */
  constructor(frames: number) {
    this.changes = new Int32Array(frames);
  }

  /** A new piece. */
  begin(): void {
    this.changes.fill(0);
  }

  /** Frames `first` to `end` - 1 were taken. @param column counts after each, plus one; 0 = as before */
  follow(column: Uint32Array, first: number, end: number): void {
    for (let slot = first; slot < end; slot++) if (column[slot] !== 0) this.settle(slot, column[slot]! - 1);
  }

  /** There are `live` of them at a frame: after it, or before it where they can only have become fewer. */
  settle(slot: number, live: number): void {
    this.changes[slot]! += live - this.#live;
    this.#live = live;
  }
}
