import { utf8Text } from "../net/text.js";
import { RecordFault } from "./fault.js";

const NEWLINE = 0x0a;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const LIST_START = 0x5b;
const BACKSLASH = 0x5c;
const LIST_END = 0x5d;
const OBJECT_START = 0x7b;
const OBJECT_END = 0x7d;

/** Cuts text into records. After `find` said true, the record is [start, stop). */
export interface Cutter {
  readonly start: number;
  readonly stop: number;
  /** Where to look on: behind the record, or where one starts of which the end was not found. */
  readonly next: number;
  /** Line ends before the record starts, and from `from` to `next`. */
  readonly linesBefore: number;
  readonly lines: number;
  /** A list was begun and has not ended. */
  readonly isOpen: boolean;
  /** Looks for a whole record from `from` on. @returns false where there is none before `end` */
  find(bytes: Uint8Array, from: number, end: number): boolean;
}

/** One record a line. */
export class LineCutter implements Cutter {
  start = 0;
  stop = 0;
  next = 0;
  lines = 0;
  readonly linesBefore = 0;
  readonly isOpen = false;

  find(bytes: Uint8Array, from: number, end: number): boolean {
    const length = bytes.subarray(from, end).indexOf(NEWLINE);
    this.start = from;
    this.stop = from + Math.max(0, length);
    this.next = length < 0 ? from : this.stop + 1;
    this.lines = length < 0 ? 0 : 1;
    return length >= 0;
  }
}

/** JSON objects one after the other, or the members of lists, over as many lines as they like. What is in them is not looked at. */
export class ObjectCutter implements Cutter {
  start = 0;
  stop = 0;
  next = 0;
  linesBefore = 0;
  lines = 0;
  /** Lists that are open around the records. */
  #lists = 0;

  get isOpen(): boolean {
    return this.#lists > 0;
  }

  /** @throws {RecordFault} where something else than an object stands */
  find(bytes: Uint8Array, from: number, end: number): boolean {
    this.lines = 0;
    this.start = this.#skipBetween(bytes, from, end);
    this.linesBefore = this.lines;
    this.stop = this.#endOfObject(bytes, this.start, end);
    if (this.stop === 0) this.lines = this.linesBefore;
    this.next = this.stop === 0 ? this.start : this.stop;
    return this.stop > 0;
  }

  /** What may stand between objects: space, commas, and marks of the lists that hold them. */
  #skipBetween(bytes: Uint8Array, from: number, end: number): number {
    let at = from;
    for (; at < end; at++) {
      const byte = bytes[at]!;
      if (byte === NEWLINE) this.lines++;
      else if (byte === LIST_START) this.#lists++;
      else if (byte === LIST_END) this.#lists--;
      else if (byte > SPACE && byte !== COMMA) break;
    }
    if (at < end && bytes[at] !== OBJECT_START) {
      throw new RecordFault("record", utf8Text(bytes, at, Math.min(end, at + 80)), "a JSON object");
    }
    return at;
  }

  /** @returns 0 where the object goes on behind `end` */
  #endOfObject(bytes: Uint8Array, start: number, end: number): number {
    let depth = 0;
    for (let at = start; at < end; at++) {
      switch (bytes[at]) {
        case NEWLINE:
          this.lines++;
          break;
        case QUOTE:
          at = endOfString(bytes, at, end);
          break;
        case OBJECT_START:
          depth++;
          break;
        case OBJECT_END:
          if (--depth === 0) return at + 1;
      }
    }
    return 0;
  }
}

/** @returns where the closing quote stands, or `end` */
function endOfString(bytes: Uint8Array, quote: number, end: number): number {
  for (let at = quote + 1; at < end; at++) {
    if (bytes[at] === QUOTE) return at;
    if (bytes[at] === BACKSLASH) at++;
  }
  return end;
}
