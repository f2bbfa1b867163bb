import type { RawInflate } from "../raw-inflate.js";

// RFC 1951. `DecompressionStream` does not say where the data ends, so that files of several gzip members could not be read, and
// withholds what comes before damage.

const MOST_BITS = 15;
const WINDOW = 32 * 1024;
/** Output is given away once so much of it has come; a window of it stays. */
const OUTPUT_SIZE = 128 * 1024;
const MOST_LENGTH = 258;
const END_OF_BLOCK = 256;
const STORED = 0;
const FIXED = 1;
const DYNAMIC = 2;

const LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131];
LENGTH_BASE.push(163, 195, 227, 258);
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537];
DISTANCE_BASE.push(2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577);
/** Order in which the lengths of the codes for code lengths stand (section 3.2.7). */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** A code table: for every run of 15 bits, read from the lowest, `symbol << 4 | length`; 0 = no code. */
type Table = Uint16Array;

/** Thrown inside where bits are missing: the step is done again once there are more. */
const MORE = new Error("more input is needed");

class DataError extends Error {
  readonly code = "Z_DATA_ERROR";
}

/** What the next step reads: a block's head, bytes of a stored block, or symbols. */
type Step = "head" | "stored" | "symbols" | "end";

/** Decompresses deflate data piece by piece, all of it in JavaScript. Memory: 128 KiB and what was not taken. */
export class Inflater implements RawInflate {
  failure: Error | undefined;
  #step: Step = "head";
  #isLast = false;
  #storedLeft = 0;
  #literals: Table = new Uint16Array(0);
  #distances: Table = new Uint16Array(0);
  /** Input that is not used up; `#at` is the next byte, `#bits` holds `#bitCount` bits taken out of the bytes before it. */
  #input: Uint8Array = new Uint8Array(0);
  #at = 0;
  #bits = 0;
  #bitCount = 0;
  readonly #out = new Uint8Array(OUTPUT_SIZE + MOST_LENGTH);
  #end = 0;
  #given = 0;
  #output: Uint8Array[] = [];

  get ended(): boolean {
    return this.#step === "end";
  }

  write(input: Uint8Array): number {
    const kept = this.#input.subarray(this.#at);
    const joined = new Uint8Array(kept.length + input.length);
    joined.set(kept);
    joined.set(input, kept.length);
    this.#input = joined;
    this.#at = 0;
    this.#run();
    this.#give();
    if (!this.ended) return input.length;
    // Whole bytes that were read ahead are not part of the data.
    const left = joined.length - this.#at + (this.#bitCount >> 3);
    return input.length - left;
  }

  takeOutput(): Uint8Array[] {
    const output = this.#output;
    this.#output = [];
    return output;
  }

  destroy(): void {
    this.#step = "end";
  }

  /** Goes on until the input or the data ends. */
  #run(): void {
    while (this.#step !== "end" && !this.failure) {
      const before = { at: this.#at, bits: this.#bits, count: this.#bitCount };
      try {
        if (this.#step === "head") this.#head();
        else if (this.#step === "stored") this.#copyStored();
        else this.#symbols();
      } catch (error) {
        if (error instanceof DataError) this.failure = error;
        else if (error !== MORE) throw error;
        else if (this.#step === "head") [this.#at, this.#bits, this.#bitCount] = [before.at, before.bits, before.count];
        return;
      }
    }
  }

  #head(): void {
    const isLast = this.#take(1) === 1;
    const type = this.#take(2);
    if (type === STORED) this.#storedHead();
    else if (type === FIXED) [this.#literals, this.#distances] = fixedTables();
    else if (type === DYNAMIC) this.#dynamicTables();
    else throw new DataError("invalid block type");
    this.#isLast = isLast;
    this.#step = type === STORED ? "stored" : "symbols";
  }

  #storedHead(): void {
    this.#take(this.#bitCount & 7);
    const length = this.#take(16);
    if ((length ^ this.#take(16)) !== 0xffff) throw new DataError("invalid stored block lengths");
    this.#storedLeft = length;
  }

  #copyStored(): void {
    while (this.#storedLeft > 0) {
      const bytes = this.#bitCount > 0 ? Uint8Array.of(this.#take(8)) : this.#input.subarray(this.#at);
      if (bytes.length === 0) throw MORE;
      const count = Math.min(bytes.length, this.#storedLeft, OUTPUT_SIZE - this.#end);
      this.#out.set(bytes.subarray(0, count), this.#end);
      if (bytes.buffer === this.#input.buffer) this.#at += count;
      this.#end += count;
      this.#storedLeft -= count;
      if (this.#end >= OUTPUT_SIZE) this.#give();
    }
    this.#endBlock();
  }

  #endBlock(): void {
    this.#step = this.#isLast ? "end" : "head";
  }

  #dynamicTables(): void {
    const literalCount = this.#take(5) + 257;
    const distanceCount = this.#take(5) + 1;
    const orderCount = this.#take(4) + 4;
    if (literalCount > 286 || distanceCount > 30) throw new DataError("too many length or distance symbols");
    const orderLengths = new Uint8Array(19);
    for (let i = 0; i < orderCount; i++) orderLengths[ORDER[i]!] = this.#take(3);
    const codes = tableOf(orderLengths, "code lengths");
    const lengths = new Uint8Array(literalCount + distanceCount);
    for (let i = 0; i < lengths.length; ) {
      const symbol = this.#symbol(codes);
      if (symbol < 16) lengths[i++] = symbol;
      else i = this.#repeat(lengths, i, symbol);
    }
    if (lengths[END_OF_BLOCK] === 0) throw new DataError("invalid code -- missing end-of-block");
    this.#literals = tableOf(lengths.subarray(0, literalCount), "literal/lengths");
    this.#distances = tableOf(lengths.subarray(literalCount), "distances");
  }

  /** @returns where the next length goes */
  #repeat(lengths: Uint8Array, at: number, symbol: number): number {
    if (symbol === 16 && at === 0) throw new DataError("invalid bit length repeat");
    const value = symbol === 16 ? lengths[at - 1]! : 0;
    const count = symbol === 16 ? 3 + this.#take(2) : symbol === 17 ? 3 + this.#take(3) : 11 + this.#take(7);
    if (at + count > lengths.length) throw new DataError("invalid bit length repeat");
    lengths.fill(value, at, at + count);
    return at + count;
  }

  #symbols(): void {
    for (;;) {
      const [at, bits, count] = [this.#at, this.#bits, this.#bitCount];
      try {
        const symbol = this.#symbol(this.#literals);
        if (symbol === END_OF_BLOCK) return this.#endBlock();
        if (symbol < END_OF_BLOCK) this.#out[this.#end++] = symbol;
        else this.#copyBack(symbol - 257);
      } catch (error) {
        if (error === MORE) [this.#at, this.#bits, this.#bitCount] = [at, bits, count];
        throw error;
      }
      if (this.#end >= OUTPUT_SIZE) this.#give();
    }
  }

  #copyBack(lengthCode: number): void {
    if (lengthCode >= LENGTH_BASE.length) throw new DataError("invalid literal/length code");
    const length = LENGTH_BASE[lengthCode]! + this.#take(LENGTH_BITS[lengthCode]!);
    const distanceCode = this.#symbol(this.#distances);
    if (distanceCode >= DISTANCE_BASE.length) throw new DataError("invalid distance code");
    const distance = DISTANCE_BASE[distanceCode]! + this.#take(Math.max(0, (distanceCode >> 1) - 1));
    if (distance > this.#end) throw new DataError("invalid distance too far back");
    const out = this.#out;
    for (let end = this.#end + length; this.#end < end; this.#end++) out[this.#end] = out[this.#end - distance]!;
  }

  #symbol(table: Table): number {
    while (this.#bitCount < MOST_BITS && this.#at < this.#input.length) this.#fill();
    const entry = table[this.#bits & ((1 << MOST_BITS) - 1)]!;
    const length = entry & 15;
    if (length > this.#bitCount) throw MORE;
    if (length === 0) throw this.#bitCount < MOST_BITS ? MORE : new DataError("invalid code");
    this.#bits >>>= length;
    this.#bitCount -= length;
    return entry >> 4;
  }

  /** The next `count` bits, at most 16, the first one lowest. */
  #take(count: number): number {
    while (this.#bitCount < count) {
      if (this.#at === this.#input.length) throw MORE;
      this.#fill();
    }
    const value = this.#bits & ((1 << count) - 1);
    this.#bits >>>= count;
    this.#bitCount -= count;
    return value;
  }

  #fill(): void {
    this.#bits |= this.#input[this.#at++]! << this.#bitCount;
    this.#bitCount += 8;
  }

  /** Gives away what has come since the last time, and moves the window to the front where room runs out. */
  #give(): void {
    if (this.#end > this.#given) this.#output.push(this.#out.slice(this.#given, this.#end));
    this.#given = this.#end;
    if (this.#end < OUTPUT_SIZE) return;
    this.#out.copyWithin(0, this.#end - WINDOW, this.#end);
    this.#end = WINDOW;
    this.#given = WINDOW;
  }
}

let fixed: readonly [Table, Table] | undefined;

/** The codes of section 3.2.6. */
function fixedTables(): readonly [Table, Table] {
  if (fixed) return fixed;
  const lengths = new Uint8Array(288).fill(8).fill(9, 144, 256).fill(7, 256, 280);
  fixed = [tableOf(lengths, "literal/lengths"), tableOf(new Uint8Array(32).fill(5), "distances")];
  return fixed;
}

/** Canonical codes (section 3.2.2) of symbols with these lengths; 0 = none. */
function tableOf(lengths: Uint8Array, what: string): Table {
  const counts = new Uint16Array(MOST_BITS + 1);
  for (const length of lengths) counts[length]!++;
  counts[0] = 0;
  let room = 1 << MOST_BITS;
  for (let length = 1; length <= MOST_BITS; length++) room -= counts[length]! << (MOST_BITS - length);
  // A set of codes that leaves room is right only where it is one code of one bit, or (for distances) none.
  const used = counts.reduce((sum, count) => sum + count, 0);
  const isLone = what !== "code lengths" && used <= 1 && counts[1] === used;
  if (room < 0 || (room > 0 && !isLone)) throw new DataError(`invalid ${what} set`);
  const next = new Uint16Array(MOST_BITS + 2);
  for (let length = 1; length <= MOST_BITS; length++) next[length + 1] = (next[length]! + counts[length]!) << 1;
  const table = new Uint16Array(1 << MOST_BITS);
  lengths.forEach((length, symbol) => {
    if (length === 0) return;
    const code = reversed(next[length]!++, length);
    for (let at = code; at < table.length; at += 1 << length) table[at] = (symbol << 4) | length;
  });
  return table;
}

function reversed(code: number, length: number): number {
  let turned = 0;
  for (let i = 0; i < length; i++) turned |= ((code >> i) & 1) << (length - 1 - i);
  return turned;
}
