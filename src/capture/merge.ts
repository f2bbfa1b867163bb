import { UsageError } from "../errors.js";
import { type CaptureInterface, type CaptureReader, createFrameIndex, type FrameIndex } from "./types.js";

/** One capture of several. */
export interface MergeInput {
  readonly reader: CaptureReader;
  /** Added to every timestamp of this capture, in nanoseconds; results outside 0 … 2^64 − 1 are clamped. */
  readonly skewNs?: bigint;
}

/** Frames of several captures in the order of their timestamps. `interfaceIndex` points into `MergedCapture.interfaces`. */
export interface MergedIndex extends FrameIndex {
  /** Which capture each frame is from, by its place in the list given. */
  readonly source: Uint16Array;
}

/** An interface of one capture, under a number that counts over all captures. */
export interface MergedInterface {
  readonly file: number;
  readonly interface: CaptureInterface;
}

/** More captures than a `Uint16Array` can number. */
const MAX_FILES = 65_536;

export function createMergedIndex(capacity: number): MergedIndex {
  return { ...createFrameIndex(capacity), source: new Uint16Array(capacity) };
}

/**
 * Merges captures by timestamp. Frames of equal time come in the order of the files; frames of one file always keep their
 * own order, even where its timestamps run backwards (what follows then counts as if it had the time of its head).
 *
 * Each file gets an equal part of the arena; a run of merged frames ends where the next frame of a file is not in memory.
 * A single file uses the whole arena and is handed through without a copy. Memory: the arena, and indexes of its frames.
 */
export class MergedCapture {
  readonly interfaces: MergedInterface[] = [];
  readonly #inputs: readonly Input[];

  /** @throws {UsageError} where there is no capture, or more than 65,536 */
  constructor(inputs: readonly MergeInput[]) {
    if (inputs.length === 0 || inputs.length > MAX_FILES) {
      throw new UsageError(`there are ${inputs.length} captures, expected 1 to ${MAX_FILES}`);
    }
    this.#inputs = inputs.map((input, file) => new Input(input, file));
  }

  get readers(): readonly CaptureReader[] {
    return this.#inputs.map((input) => input.reader);
  }

  /**
   * Fills `index` with the next run of frames, which lie in `arena`. The arena must be the same at each call, and the bytes
   * between the frames given left alone.
   * @returns false at the end of all captures, with `index.count` = 0
   * @throws {CaptureError} at damage in any capture, on the call after everything earlier in time was delivered
   */
  async next(arena: Uint8Array, index: MergedIndex): Promise<boolean> {
    index.count = 0;
    const [only, second] = this.#inputs;
    if (only && !second) return this.#nextOfOne(only, arena, index);
    for (;;) {
      await this.#refill(arena, index.capacity);
      const live = this.#inputs.filter((input) => !input.ended);
      if (live.length === 0) return false;
      mergeRun(live, index);
      if (index.count > 0) return true;
    }
  }

  async close(): Promise<void> {
    for (const { reader } of this.#inputs) await reader.close();
  }

  async #nextOfOne(only: Input, arena: Uint8Array, index: MergedIndex): Promise<boolean> {
    if (!(await only.reader.next(arena, index))) return false;
    only.register(this.interfaces);
    only.applySkew(index);
    index.source.fill(0, 0, index.count);
    return true;
  }

  /** Reads on in every file whose frames in memory have all been given. */
  async #refill(arena: Uint8Array, capacity: number): Promise<void> {
    const size = Math.floor(arena.length / this.#inputs.length);
    const share = Math.ceil(capacity / this.#inputs.length);
    for (const input of this.#inputs) {
      if (input.ended || input.hasFrame) continue;
      await input.refill(arena, size, share);
      input.register(this.interfaces);
    }
  }
}

/** One file of a merge: its frames in memory, and how many of them have been given. */
class Input {
  readonly reader: CaptureReader;
  ended = false;
  readonly #file: number;
  readonly #skew: Skew | undefined;
  #frames: FrameIndex | undefined;
  #at = 0;
  /** Start of this file's part of the arena. */
  #base = 0;
  /** Running number of each of the reader's interfaces. */
  readonly #numbers: number[] = [];

  constructor({ reader, skewNs = 0n }: MergeInput, file: number) {
    this.reader = reader;
    this.#file = file;
    this.#skew = skewNs === 0n ? undefined : new Skew(skewNs, reader.name);
  }

  get hasFrame(): boolean {
    return this.#frames !== undefined && this.#at < this.#frames.count;
  }

  async refill(arena: Uint8Array, size: number, capacity: number): Promise<void> {
    this.#frames ??= createFrameIndex(capacity);
    this.#base = this.#file * size;
    this.#at = 0;
    this.ended = !(await this.reader.next(arena.subarray(this.#base, this.#base + size), this.#frames));
    if (!this.ended) this.applySkew(this.#frames);
  }

  /** Gives running numbers to interfaces that the reader has met since. */
  register(interfaces: MergedInterface[]): void {
    for (let i = this.#numbers.length; i < this.reader.interfaces.length; i++) {
      this.#numbers.push(interfaces.length);
      interfaces.push({ file: this.#file, interface: this.reader.interfaces[i]! });
    }
  }

  applySkew(index: FrameIndex): void {
    if (!this.#skew) return;
    for (let i = 0; i < index.count; i++) this.#skew.add(index, i);
  }

  /** Whether this file's next frame comes before the one of `other`. Both must have one. */
  isBefore(other: Input): boolean {
    const mine = this.#frames!;
    const theirs = other.#frames!;
    const high = mine.timeHigh[this.#at]! - theirs.timeHigh[other.#at]!;
    const order = high !== 0 ? high : mine.timeLow[this.#at]! - theirs.timeLow[other.#at]!;
    return order !== 0 ? order < 0 : this.#file < other.#file;
  }

  /** Gives frames up to the first that comes after the next frame of `other`. */
  giveUntil(other: Input | undefined, index: MergedIndex): void {
    while (this.hasFrame && index.count < index.capacity && (!other || this.isBefore(other))) this.#give(index);
  }

  #give(index: MergedIndex): void {
    const frames = this.#frames!;
    const from = this.#at++;
    const to = index.count++;
    index.offset[to] = this.#base + frames.offset[from]!;
    index.capturedLength[to] = frames.capturedLength[from]!;
    index.wireLength[to] = frames.wireLength[from]!;
    index.timeLow[to] = frames.timeLow[from]!;
    index.timeHigh[to] = frames.timeHigh[from]!;
    index.interfaceIndex[to] = this.#numbers[frames.interfaceIndex[from]!]!;
    index.source[to] = this.#file;
  }
}

/** Gives frames of `live`, which all have one, until the index is full or a file has none left in memory. */
function mergeRun(live: readonly Input[], index: MergedIndex): void {
  while (index.count < index.capacity) {
    let first = live[0]!;
    let second: Input | undefined;
    for (let i = 1; i < live.length; i++) {
      const input = live[i]!;
      if (input.isBefore(first)) {
        second = first;
        first = input;
      } else if (!second || input.isBefore(second)) {
        second = input;
      }
    }
    first.giveUntil(second, index);
    if (!first.hasFrame) return;
  }
}

/** A signed 64-bit shift of timestamps in 32-bit words. */
class Skew {
  readonly #low: number;
  readonly #high: number;
  readonly #sign: number;

  constructor(nanoseconds: bigint, name: string) {
    if (BigInt.asIntN(64, nanoseconds) !== nanoseconds) {
      throw new UsageError(`${name}: skew is ${nanoseconds} ns, expected less than 2^63 ns either way`);
    }
    const bits = BigInt.asUintN(64, nanoseconds);
    this.#low = Number(bits & 0xffffffffn);
    this.#high = Number(bits >> 32n);
    this.#sign = nanoseconds < 0n ? -1 : 0;
  }

  add(index: FrameIndex, at: number): void {
    const low = index.timeLow[at]! + this.#low;
    const high = index.timeHigh[at]! + this.#high + (low >= 2 ** 32 ? 1 : 0);
    const overflow = this.#sign + (high >= 2 ** 32 ? 1 : 0);
    const limit = overflow < 0 ? 0 : 0xffff_ffff;
    index.timeLow[at] = overflow === 0 ? low : limit;
    index.timeHigh[at] = overflow === 0 ? high : limit;
  }
}
