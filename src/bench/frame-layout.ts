/** Where frames lie in the arena, and how long they are: a pattern of lengths that repeats. Every frame starts a cache line if the first does. */
export class FrameLayout {
  /** Bytes of each frame of the pattern, and how far the next frame lies behind it. */
  readonly lengths: readonly number[];
  readonly strides: readonly number[];
  readonly #starts: readonly number[];
  readonly #patternBytes: number;

  /** @param alignment frames start at multiples of it, bytes */
  constructor(lengths: readonly number[], alignment: number) {
    this.lengths = lengths;
    this.strides = lengths.map((length) => Math.ceil(length / alignment) * alignment);
    const starts = [0];
    for (const stride of this.strides) starts.push(starts.at(-1)! + stride);
    this.#patternBytes = starts.pop()!;
    this.#starts = starts;
  }

  /** Whether all frames are of one length. */
  get isEven(): boolean {
    return this.lengths.length === 1;
  }

  /** Byte at which frame `i` starts; of `count`, the bytes that so many frames take. */
  offsetOf(i: number): number {
    const place = i % this.lengths.length;
    return ((i - place) / this.lengths.length) * this.#patternBytes + this.#starts[place]!;
  }

  /** Bytes of frame `i`, all of them captured. */
  lengthOf(i: number): number {
    return this.lengths[i % this.lengths.length]!;
  }

  /** Frames in `bytes`, which are nothing but whole frames. */
  countIn(bytes: number): number {
    let count = Math.floor(bytes / this.#patternBytes) * this.lengths.length;
    while (this.offsetOf(count) < bytes) count++;
    return count;
  }

  /** Mean bytes of a frame. */
  get meanLength(): number {
    return this.lengths.reduce((sum, length) => sum + length, 0) / this.lengths.length;
  }
}

/** Frames of one length, one after the other. */
export function evenly(frameBytes: number): FrameLayout {
  return new FrameLayout([frameBytes], 1);
}
