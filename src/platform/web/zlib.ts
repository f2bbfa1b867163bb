import { crc32 } from "../crc32.js";
import type { RawInflate } from "../raw-inflate.js";
import { Inflater } from "./inflate.js";

const ADLER_BASE = 65_521;
/** Bytes whose sums stay below 2^32. */
const ADLER_PIECE = 5_552;
const MOST_STORED = 0xffff;
const ZLIB_HEADER = [0x78, 0x01];
const GZIP_HEADER_SIZE = 10;
const GZIP_TRAILER_SIZE = 8;

/** A zlib stream (RFC 1950) of `bytes`, which is not smaller than they are: larger files are all that a browser pays. */
export function deflate(bytes: Uint8Array, _effort: "quick" | "usual"): Uint8Array {
  const blocks = Math.max(1, Math.ceil(bytes.length / MOST_STORED));
  const packed = new Uint8Array(ZLIB_HEADER.length + blocks * 5 + bytes.length + 4);
  const view = new DataView(packed.buffer);
  packed.set(ZLIB_HEADER);
  let to = ZLIB_HEADER.length;
  for (let block = 0; block < blocks; block++) {
    const part = bytes.subarray(block * MOST_STORED, (block + 1) * MOST_STORED);
    view.setUint8(to, block === blocks - 1 ? 1 : 0);
    view.setUint16(to + 1, part.length, true);
    view.setUint16(to + 3, ~part.length & 0xffff, true);
    packed.set(part, to + 5);
    to += 5 + part.length;
  }
  view.setUint32(to, adler32(bytes));
  return packed;
}

/** What `deflate` packed. @throws {Error} where it is damaged, or more than `most` bytes: no more than that are unpacked */
export function inflate(packed: Uint8Array, most: number): Uint8Array {
  if ((packed[0]! & 0x0f) !== 8 || ((packed[0]! << 8) | packed[1]!) % 31 !== 0 || packed[1]! & 0x20)
    throw damaged("incorrect header check");
  const { bytes, end } = unpack(packed, 2, most);
  if (end + 4 > packed.length) throw damaged("unexpected end of file");
  if (wordAt(packed, end, false) !== adler32(bytes)) throw damaged("incorrect data check");
  return bytes;
}

/** A gzip file (RFC 1952), whole. @throws {Error} where it is damaged, or more than `most` bytes */
export function gunzip(packed: Uint8Array, most: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let size = 0;
  let at = 0;
  do {
    const { bytes, end } = unpack(packed, bodyOf(packed, at), most - size);
    if (end + GZIP_TRAILER_SIZE > packed.length) throw damaged("unexpected end of file");
    if (wordAt(packed, end, true) !== crc32(bytes, 0)) throw damaged("incorrect data check");
    if (wordAt(packed, end + 4, true) !== bytes.length % 2 ** 32) throw damaged("incorrect length check");
    parts.push(bytes);
    size += bytes.length;
    at = end + GZIP_TRAILER_SIZE;
  } while (packed[at] === 0x1f && packed[at + 1] === 0x8b);
  return joined(parts, size);
}

/** Starts on deflate data that comes piece by piece. */
export function startInflate(): RawInflate {
  return new Inflater();
}

/** Where the deflate data of the member at `at` starts. */
function bodyOf(packed: Uint8Array, at: number): number {
  if (packed[at] !== 0x1f || packed[at + 1] !== 0x8b || packed[at + 2] !== 8) throw damaged("incorrect header check");
  const flags = packed[at + 3]!;
  const endOfText = (from: number) => {
    const end = packed.indexOf(0, from);
    return end < 0 ? packed.length : end + 1;
  };
  let body = at + GZIP_HEADER_SIZE;
  if (flags & 4) body += 2 + (packed[body]! | (packed[body + 1]! << 8));
  if (flags & 8) body = endOfText(body);
  if (flags & 16) body = endOfText(body);
  return flags & 2 ? body + 2 : body;
}

function unpack(packed: Uint8Array, from: number, most: number): { bytes: Uint8Array; end: number } {
  const inflater = new Inflater();
  const parts: Uint8Array[] = [];
  let size = 0;
  let at = from;
  while (!inflater.ended) {
    const piece = packed.subarray(at, at + 16 * 1024);
    if (piece.length === 0) throw damaged("unexpected end of file");
    at += inflater.write(piece);
    for (const part of inflater.takeOutput()) {
      size += part.length;
      if (size > most) throw damaged(`more than ${most} bytes`);
      parts.push(part);
    }
    if (inflater.failure) throw inflater.failure;
  }
  return { bytes: joined(parts, size), end: at };
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function adler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0];
  for (let at = 0; at < bytes.length; at += ADLER_PIECE) {
    for (const byte of bytes.subarray(at, at + ADLER_PIECE)) {
      a += byte;
      b += a;
    }
    a %= ADLER_BASE;
    b %= ADLER_BASE;
  }
  return ((b << 16) | a) >>> 0;
}

function wordAt(bytes: Uint8Array, at: number, isLittle: boolean): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at, isLittle);
}

function damaged(what: string): Error {
  return Object.assign(new Error(what), { code: "Z_DATA_ERROR" });
}
