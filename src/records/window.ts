import { type ByteSource, readFully } from "../capture/byte-source.js";
import { CaptureError } from "../errors.js";
import { utf8Text } from "../net/text.js";
import type { Cutter } from "./cutter.js";
import { RecordFault } from "./fault.js";

const FIRST_SIZE = 256 << 10;

/** Bytes of the longest record that is read: real ones have some thousand. */
export const MAX_RECORD_SIZE = 1 << 20;

/** The records of a text, of which a piece is in memory: 256 KiB, at most 1 MiB where records are long. */
export class RecordWindow {
  /** Line and byte at which the record given last starts; lines count from 1. */
  line = 1;
  offset = 0;
  readonly #source: ByteSource;
  readonly #cutter: Cutter;
  #bytes = new Uint8Array(FIRST_SIZE);
  #at = 0;
  #end = 0;
  /** Of the byte at `#at`. */
  #position = 0;
  #nextLine = 1;
  #atEnd = false;
  /** The record given last has no end mark: it is the last one, and perhaps not whole. */
  isLast = false;

  constructor(source: ByteSource, cutter: Cutter) {
    this.#source = source;
    this.#cutter = cutter;
  }

  /** The text ends in the middle of something: valid once `fill` said false. */
  get isOpen(): boolean {
    return this.#cutter.isOpen;
  }

  /** The next record in memory; undefined where there is no whole one. @throws {CaptureError} */
  next(): string | undefined {
    const cutter = this.#cutter;
    const isFound = this.#find();
    this.line = this.#nextLine + cutter.linesBefore;
    this.offset = this.#position + cutter.start - this.#at;
    this.#nextLine += cutter.lines;
    this.#position += cutter.next - this.#at;
    this.#at = cutter.next;
    if (isFound) return utf8Text(this.#bytes, cutter.start, cutter.stop);
    return this.#atEnd ? this.#rest() : undefined;
  }

  /** Reads on. @returns false at the end of the text   @throws {CaptureError} where a record is longer than 1 MiB */
  async fill(): Promise<boolean> {
    if (this.#atEnd) return false;
    this.#bytes.copyWithin(0, this.#at, this.#end);
    this.#end -= this.#at;
    this.#at = 0;
    if (this.#end === this.#bytes.length) this.#grow();
    const read = await readFully(this.#source, this.#bytes.subarray(this.#end));
    this.#end += read;
    this.#atEnd = this.#end < this.#bytes.length;
    return true;
  }

  /** An error about the record given last. */
  failure(message: string, cause?: unknown): CaptureError {
    return new CaptureError(this.#source.name, this.offset, message, { line: this.line, cause });
  }

  #find(): boolean {
    try {
      return this.#cutter.find(this.#bytes, this.#at, this.#end);
    } catch (fault) {
      if (!(fault instanceof RecordFault)) throw fault;
      this.line = this.#nextLine + this.#cutter.lines;
      this.offset = this.#position;
      throw this.failure(fault.message, fault);
    }
  }

  /** What stands behind the last end mark; undefined where that is nothing. */
  #rest(): string | undefined {
    const rest = utf8Text(this.#bytes, this.#at, this.#end).trim();
    this.#at = this.#end;
    this.isLast = true;
    return rest === "" ? undefined : rest;
  }

  #grow(): void {
    if (this.#bytes.length >= MAX_RECORD_SIZE) {
      this.line = this.#nextLine;
      this.offset = this.#position;
      throw this.failure(`record has more than ${MAX_RECORD_SIZE} bytes, expected at most that`);
    }
    const grown = new Uint8Array(this.#bytes.length * 2);
    grown.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = grown;
  }
}
