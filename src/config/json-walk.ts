import { latin1Text, utf8Text } from "../net/text.js";

/** Deepest nesting that is read; manifests stay far below it. */
export const DEEPEST_NESTING = 200;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const LONGEST_LITERAL = 400;
const LITERAL = /^(true|false|null|-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?)$/;
const ESCAPE = /^\\(["\\/bfnrt]|u[0-9a-fA-F]{4})$/;

/** JSON text that is not JSON: the byte offset at which the walk stopped, what stands there and what should. */
export class JsonFault extends Error {
  readonly offset: number;
  readonly found: string;
  readonly expected: string;

  constructor(offset: number, found: string, expected: string) {
    super(`${found} at byte ${offset}, expected ${expected}`);
    this.offset = offset;
    this.found = found;
    this.expected = expected;
  }
}

/** Told of every value and key of one JSON value. Depth 0 is the value itself; offsets are bytes, ends are exclusive. */
export interface JsonVisitor {
  valueStart?(depth: number, start: number): void;
  valueEnd?(depth: number, start: number, end: number): void;
  /** `start` and `end` include the quotes; `depth` is that of the value that follows. */
  key?(depth: number, start: number, end: number): void;
  /** The key at `start` was in the same object before. */
  duplicateKey?(depth: number, start: number, end: number): void;
}

/**
 * Walks one JSON value from byte `at` without building it: cost about that of reading the bytes, memory bounded by the depth.
 * Checks all of the grammar, so that what passes is parsed by `JSON.parse`, too.
 * @returns the offset behind the value
 * @throws {JsonFault}
 */
export function walkJson(bytes: Uint8Array, at: number, visitor: JsonVisitor): number {
  return new Walk(bytes, visitor).run(at);
}

class Walk {
  readonly #bytes: Uint8Array;
  readonly #visitor: JsonVisitor;
  /** By depth: what kind of container is open, where the value of that depth starts, which keys its object has. */
  readonly #opened = new Uint8Array(DEEPEST_NESTING + 1);
  readonly #starts = new Float64Array(DEEPEST_NESTING + 1);
  readonly #keys: KeySet[] = [];
  #depth = 0;

  constructor(bytes: Uint8Array, visitor: JsonVisitor) {
    this.#bytes = bytes;
    this.#visitor = visitor;
  }

  run(at: number): number {
    const bytes = this.#bytes;
    let i = skipSpace(bytes, at);
    for (;;) {
      this.#visitor.valueStart?.(this.#depth, i);
      this.#starts[this.#depth] = i;
      const first = bytes[i];
      if (first === OPEN_OBJECT || first === OPEN_LIST) {
        i = this.#open(i, first);
        if (bytes[i] !== closerOf(first)) {
          if (first === OPEN_OBJECT) i = this.#takeKey(i);
          continue;
        }
      } else {
        i = scalarEnd(bytes, i);
        this.#visitor.valueEnd?.(this.#depth, this.#starts[this.#depth]!, i);
      }
      i = this.#closeContainers(i);
      if (this.#depth === 0) return i;
    }
  }

  /** @returns the offset of what follows the opening bracket */
  #open(at: number, bracket: number): number {
    if (this.#depth === DEEPEST_NESTING)
      throw new JsonFault(at, "nesting too deep", `at most ${DEEPEST_NESTING} levels`);
    this.#depth++;
    this.#opened[this.#depth] = bracket;
    if (bracket === OPEN_OBJECT) {
      this.#keys[this.#depth] ??= new KeySet(this.#bytes);
      this.#keys[this.#depth]!.clear();
    }
    return skipSpace(this.#bytes, at + 1);
  }

  /** From behind a value (or inside an empty container) to the next value, or to the end at depth 0. */
  #closeContainers(from: number): number {
    const bytes = this.#bytes;
    let i = from;
    while (this.#depth > 0) {
      i = skipSpace(bytes, i);
      const kind = this.#opened[this.#depth]!;
      if (bytes[i] === COMMA) {
        i = skipSpace(bytes, i + 1);
        return kind === OPEN_OBJECT ? this.#takeKey(i) : i;
      }
      if (bytes[i] !== closerOf(kind)) throw unexpected(bytes, i, kind === OPEN_OBJECT ? '"," or "}"' : '"," or "]"');
      this.#depth--;
      i++;
      this.#visitor.valueEnd?.(this.#depth, this.#starts[this.#depth]!, i);
    }
    return i;
  }

  #takeKey(start: number): number {
    if (this.#bytes[start] !== QUOTE) throw unexpected(this.#bytes, start, "a key in double quotes");
    const end = stringEnd(this.#bytes, start);
    if (!this.#keys[this.#depth]!.add(start, end)) this.#visitor.duplicateKey?.(this.#depth, start, end);
    this.#visitor.key?.(this.#depth, start, end);
    const colon = skipSpace(this.#bytes, end);
    if (this.#bytes[colon] !== COLON) throw unexpected(this.#bytes, colon, '":"');
    return skipSpace(this.#bytes, colon + 1);
  }
}

function closerOf(opener: number): number {
  return opener === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_LIST;
}

export function skipSpace(bytes: Uint8Array, at: number): number {
  let i = at;
  for (;;) {
    const byte = bytes[i];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return i;
    i++;
  }
}

function scalarEnd(bytes: Uint8Array, at: number): number {
  if (bytes[at] === QUOTE) return stringEnd(bytes, at);
  let i = at;
  while (isLiteralByte(bytes[i])) i++;
  if (i === at) throw unexpected(bytes, at, "a value");
  const literal = latin1Text(bytes, at, Math.min(i, at + LONGEST_LITERAL));
  if (!LITERAL.test(literal)) throw new JsonFault(at, literal, "a number, true, false, null or text in double quotes");
  return i;
}

/** Letters, digits, sign and point: what numbers, `true`, `false` and `null` are made of. */
function isLiteralByte(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    byte === 0x2b ||
    byte === 0x2d ||
    byte === 0x2e
  );
}

function stringEnd(bytes: Uint8Array, at: number): number {
  for (let i = at + 1; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === QUOTE) return i + 1;
    if (byte === BACKSLASH) i = escapeEnd(bytes, i);
    else if (byte < 0x20) throw unexpected(bytes, i, "control characters to be written as escapes");
  }
  throw new JsonFault(at, "a string without end", "a closing double quote");
}

/** @returns the offset of the last byte of the escape at `at` */
function escapeEnd(bytes: Uint8Array, at: number): number {
  const isUnicode = bytes[at + 1] === 0x75;
  const end = at + (isUnicode ? 6 : 2);
  const sequence = latin1Text(bytes, at, Math.min(end, bytes.length));
  if (!ESCAPE.test(sequence)) throw new JsonFault(at, sequence, 'an escape such as \\n, \\" or \\u00e4');
  return end - 1;
}

function unexpected(bytes: Uint8Array, at: number, expected: string): JsonFault {
  if (at >= bytes.length) return new JsonFault(bytes.length, "the end of the file", expected);
  const byte = bytes[at]!;
  const found =
    byte > 0x20 && byte < 0x7f
      ? JSON.stringify(String.fromCharCode(byte))
      : `byte 0x${byte.toString(16).padStart(2, "0")}`;
  return new JsonFault(at, found, expected);
}

/** Text of the key between its quotes at `start` … `end`. */
export function keyText(bytes: Uint8Array, start: number, end: number): string {
  const raw = utf8Text(bytes, start, end);
  if (!raw.includes("\\")) return raw.slice(1, -1);
  try {
    return JSON.parse(raw) as string;
  } catch {
    return raw.slice(1, -1);
  }
}

const LINEAR_KEYS = 16;

/** Keys of one object by hash; beyond a few keys by text, so that no object makes the walk slow. */
class KeySet {
  readonly #bytes: Uint8Array;
  readonly #hashes = new Int32Array(LINEAR_KEYS);
  readonly #starts = new Float64Array(LINEAR_KEYS);
  readonly #ends = new Float64Array(LINEAR_KEYS);
  #count = 0;
  #texts: Set<string> | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  clear(): void {
    this.#count = 0;
    this.#texts = undefined;
  }

  /** @returns false where the key was there before */
  add(start: number, end: number): boolean {
    const hash = this.#hash(start, end);
    if (this.#texts || hash === undefined) return this.#addText(keyText(this.#bytes, start, end));
    for (let i = 0; i < this.#count; i++) {
      if (this.#hashes[i] === hash && this.#isSame(i, start, end)) return false;
    }
    if (this.#count === LINEAR_KEYS) return this.#addText(keyText(this.#bytes, start, end));
    this.#hashes[this.#count] = hash;
    this.#starts[this.#count] = start;
    this.#ends[this.#count] = end;
    this.#count++;
    return true;
  }

  #addText(text: string): boolean {
    if (!this.#texts) {
      this.#texts = new Set();
      for (let i = 0; i < this.#count; i++) this.#texts.add(keyText(this.#bytes, this.#starts[i]!, this.#ends[i]!));
    }
    if (this.#texts.has(text)) return false;
    this.#texts.add(text);
    return true;
  }

  /** @returns undefined for a key with an escape, which only its text identifies */
  #hash(start: number, end: number): number | undefined {
    let hash = 0x811c9dc5;
    for (let i = start + 1; i < end - 1; i++) {
      const byte = this.#bytes[i]!;
      if (byte === BACKSLASH) return undefined;
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
    return hash;
  }

  #isSame(index: number, start: number, end: number): boolean {
    const other = this.#starts[index]!;
    if (this.#ends[index]! - other !== end - start) return false;
    for (let i = 1; i < end - start; i++) if (this.#bytes[other + i] !== this.#bytes[start + i]) return false;
    return true;
  }
}
