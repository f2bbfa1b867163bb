// Classic captures (draft-ietf-opsawg-pcap) of Ethernet frames: read with microseconds or nanoseconds in either byte order, written with nanoseconds, little-endian.

import { createHash } from "node:crypto";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { HostError, readBytes } from "./sluicegate.mjs";

const HEADER_SIZE = 24;
const RECORD_SIZE = 16;
/** By the magic as a little-endian number. */
const VARIANTS = new Map([
  [0xa1b2c3d4, { littleEndian: true, unit: 1000 }],
  [0xd4c3b2a1, { littleEndian: false, unit: 1000 }],
  [0xa1b23c4d, { littleEndian: true, unit: 1 }],
  [0x4d3cb2a1, { littleEndian: false, unit: 1 }],
]);
const NANOSECOND_MAGIC = 0xa1b23c4d;
const ETHERNET = 1;
/** The upper six bits of the link type tell of a frame check sequence. */
const LINK_TYPE_MASK = 0x03ff_ffff;
/** Largest frame that a capture may hold; libpcap's limit. */
const MAX_CAPTURED = 262_144;
const SECOND = 1_000_000_000n;
/** Room for any frame. */
const BUFFER_SIZE = 1 << 20;

/** A capture in memory: gives its frames, `{ bytes, wire, time }`, as often as it is asked, each made when its turn comes. */
export class Capture {
  /** How many frames it has. */
  count = 0;
  #file;
  #bytes;
  #view;
  #variant;

  /** @throws {HostError} where anything is wrong with it */
  constructor(file) {
    this.#file = file;
    this.#bytes = readBytes(file);
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
    this.#variant = this.#readHeader();
    for (const _ of this) this.count++;
  }

  *[Symbol.iterator]() {
    const bytes = this.#bytes;
    const view = this.#view;
    const { littleEndian, unit } = this.#variant;
    let number = 0;
    for (let at = HEADER_SIZE; at < bytes.length; ) {
      const named = () => `frame ${number}:`;
      number++;
      const left = bytes.length - at;
      if (left < RECORD_SIZE)
        this.#fail(at, `${named()} ${left} bytes are left, expected the ${RECORD_SIZE} of a record header`);
      const captured = view.getUint32(at + 8, littleEndian);
      if (captured > MAX_CAPTURED)
        this.#fail(at + 8, `${named()} captured length is ${captured}, expected at most ${MAX_CAPTURED}`);
      const from = at + RECORD_SIZE;
      if (captured > bytes.length - from)
        this.#fail(from, `${named()} ${bytes.length - from} bytes are left, expected the ${captured} of the frame`);
      const seconds = BigInt(view.getUint32(at, littleEndian));
      const time = seconds * SECOND + BigInt(view.getUint32(at + 4, littleEndian) * unit);
      const wire = Math.max(view.getUint32(at + 12, littleEndian), captured);
      at = from + captured;
      yield { bytes: bytes.subarray(from, at), wire, time };
    }
  }

  #readHeader() {
    const bytes = this.#bytes;
    const view = this.#view;
    if (bytes.length < HEADER_SIZE)
      this.#fail(0, `${bytes.length} bytes are left, expected the ${HEADER_SIZE} of a pcap header`);
    const variant = VARIANTS.get(view.getUint32(0, true));
    if (!variant) {
      const magic = bytes.toString("hex", 0, 4);
      this.#fail(0, `magic is ${magic}, expected d4c3b2a1, a1b2c3d4, 4d3cb2a1 or a1b23c4d: classic pcap`);
    }
    const { littleEndian } = variant;
    const [major, minor] = [view.getUint16(4, littleEndian), view.getUint16(6, littleEndian)];
    if (major !== 2 || minor !== 4) this.#fail(4, `version is ${major}.${minor}, expected 2.4`);
    const linkType = view.getUint32(20, littleEndian) & LINK_TYPE_MASK;
    if (linkType !== ETHERNET) this.#fail(20, `link type is ${linkType}, expected ${ETHERNET}: Ethernet`);
    return variant;
  }

  #fail(at, what) {
    throw new HostError(`${this.#file}: byte ${at}: ${what}`);
  }
}

/** Writes a capture, or only its SHA-256. */
export class CaptureWriter {
  #file;
  #descriptor;
  #hash = createHash("sha256");
  #buffer = Buffer.alloc(BUFFER_SIZE);
  #used = 0;

  /** @param file undefined = nowhere @throws {HostError} */
  constructor(file) {
    this.#file = file;
    if (file !== undefined) this.#try(() => (this.#descriptor = openSync(file, "w")));
    const header = this.#buffer;
    header.writeUInt32LE(NANOSECOND_MAGIC, 0);
    header.writeUInt16LE(2, 4);
    header.writeUInt16LE(4, 6);
    header.writeUInt32LE(MAX_CAPTURED, 16);
    header.writeUInt32LE(ETHERNET, 20);
    this.#used = HEADER_SIZE;
  }

  /** @param bytes at most MAX_CAPTURED   @param wire bytes on the wire   @param time nanoseconds */
  write(bytes, wire, time) {
    if (this.#used + RECORD_SIZE + bytes.length > BUFFER_SIZE) this.#flush();
    const at = this.#used;
    this.#buffer.writeUInt32LE(Number((time / SECOND) & 0xffff_ffffn), at);
    this.#buffer.writeUInt32LE(Number(time % SECOND), at + 4);
    this.#buffer.writeUInt32LE(bytes.length, at + 8);
    this.#buffer.writeUInt32LE(wire, at + 12);
    this.#buffer.set(bytes, at + RECORD_SIZE);
    this.#used = at + RECORD_SIZE + bytes.length;
  }

  /** @returns SHA-256 of the file, in hexadecimal */
  close() {
    this.#flush();
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    return this.#hash.digest("hex");
  }

  #flush() {
    const bytes = this.#buffer.subarray(0, this.#used);
    this.#hash.update(bytes);
    if (this.#descriptor !== undefined) this.#try(() => writeFileSync(this.#descriptor, bytes));
    this.#used = 0;
  }

  #try(write) {
    try {
      write();
    } catch (cause) {
      throw new HostError(`${this.#file}: cannot be written (${cause.code ?? cause.message})`, { cause });
    }
  }
}
