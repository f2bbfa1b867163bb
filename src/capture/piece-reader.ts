import { CaptureError, UsageError } from "../errors.js";
import type { ByteSource } from "./byte-source.js";
import type { GzipSource } from "./gzip-source.js";
import { ReasonCounts, type RecordParser } from "./record-parser.js";
import type { CaptureInterface, CaptureReader, FrameIndex } from "./types.js";
import { Window } from "./window.js";

/** Holds the fixed part of every record, so that its size is always known before more memory is asked for. */
const MIN_MEMORY_SIZE = 64;

export interface PieceReaderParts {
  readonly source: ByteSource;
  /** The decompressor that `source` reads through, if any. */
  readonly gzip: GzipSource | undefined;
  readonly parser: RecordParser;
  /** Bytes of the file before the first one that `source` gives. */
  readonly fileOffset: number;
}

/**
 * Reads any format piece by piece: fills the caller's memory, lets the parser index it, keeps the cut record for the next piece.
 *
 * Where pieces end depends on the sizes of memory and index and on the file, never on how fast bytes arrive.
 * Besides the caller's memory at most one metadata block of 16 MiB is held, and 65,536 interfaces (about 50 MB);
 * for compressed captures also 17 MB of decompressed bytes. None of it grows with the size of the file.
 */
export class PieceReader implements CaptureReader {
  readonly name: string;
  truncated = false;
  readonly #source: ByteSource;
  readonly #gzip: GzipSource | undefined;
  readonly #parser: RecordParser;
  #window: Window;
  #atEnd = false;
  #finished = false;
  #sourceFailure: unknown;

  constructor({ source, gzip, parser, fileOffset }: PieceReaderParts) {
    this.name = source.name;
    this.#source = source;
    this.#gzip = gzip;
    this.#parser = parser;
    this.#window = new Window(new Uint8Array(0));
    this.#window.fileOffset = fileOffset;
  }

  get interfaces(): readonly CaptureInterface[] {
    return this.#parser.interfaces;
  }

  get adjusted(): ReadonlyMap<string, number> {
    return this.#parser.adjusted;
  }

  get skippedBlocks(): ReadonlyMap<string, number> {
    if (!this.#gzip?.trailing) return this.#parser.skippedBlocks;
    const counts = new ReasonCounts(this.#parser.skippedBlocks);
    counts.add("bytes-behind-gzip-data");
    return counts;
  }

  async next(memory: Uint8Array, index: FrameIndex): Promise<boolean> {
    index.count = 0;
    if (this.#finished) return false;
    if (index.capacity < 1) throw new UsageError(`${this.name}: frame index has no room, expected at least 1 frame`);
    this.#moveTo(memory);
    for (;;) {
      this.#parser.parse(this.#window, index);
      if (index.count > 0) return true;
      this.#throwFault();
      if (this.#atEnd) return this.#finish();
      if (this.#parser.need <= memory.length) await this.#fill();
      else await this.#readLargeBlock(index);
    }
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  /** Takes over the unparsed rest where the caller gives another memory than last time. */
  #moveTo(memory: Uint8Array): void {
    const old = this.#window;
    if (old.isOver(memory)) return;
    if (memory.length < MIN_MEMORY_SIZE) {
      throw new UsageError(`${this.name}: memory has ${memory.length} bytes, expected at least ${MIN_MEMORY_SIZE}`);
    }
    if (old.bytes.length < old.end)
      throw new UsageError(`${this.name}: memory was taken away while bytes in it were unread`);
    if (old.unparsed > memory.length) {
      throw new UsageError(
        `${this.name}: memory has ${memory.length} bytes, expected room for the ${old.unparsed} unread ones`,
      );
    }
    const moved = new Window(memory);
    memory.set(old.bytes.subarray(old.at, old.end));
    moved.end = old.unparsed;
    moved.fileOffset = old.position;
    this.#window = moved;
  }

  /** Fills memory from the source; what cannot be read is reported once everything before it is parsed. */
  async #fill(): Promise<void> {
    const window = this.#window;
    window.compact();
    try {
      while (window.end < window.bytes.length) {
        const read = this.#source.read(window.bytes.subarray(window.end));
        const count = typeof read === "number" ? read : await read;
        if (count === 0) break;
        window.end += count;
      }
    } catch (failure) {
      this.#sourceFailure = failure;
    }
    this.#atEnd = window.end < window.bytes.length;
  }

  /** A metadata block that is larger than the caller's memory is read into memory of its own, at most 16 MiB. */
  async #readLargeBlock(index: FrameIndex): Promise<void> {
    const { need, needsFrame } = this.#parser;
    const window = this.#window;
    if (needsFrame) {
      const message = `record has ${need} bytes, expected at most the ${window.bytes.length} of the memory to read into`;
      throw new CaptureError(this.name, window.position, message);
    }
    const block = new Window(new Uint8Array(need));
    block.bytes.set(window.bytes.subarray(window.at, window.end));
    block.end = window.unparsed;
    block.fileOffset = window.position;
    this.#window = block;
    await this.#fill();
    this.#parser.parse(block, index);
    this.#window = window;
    window.fileOffset = block.position;
    window.at = 0;
    window.end = 0;
    if (this.#atEnd) this.truncated ||= block.unparsed > 0;
  }

  #throwFault(): void {
    const { fault } = this.#parser;
    if (fault) throw new CaptureError(this.name, fault.offset, fault.message);
    if (this.#atEnd && this.#sourceFailure !== undefined) throw this.#sourceFailure;
  }

  #finish(): false {
    this.truncated ||= this.#gzip?.cut === true || this.#window.unparsed > 0;
    this.#finished = true;
    return false;
  }
}
