// Classic captures (draft-ietf-opsawg-pcap) of Ethernet frames: read with microseconds or nanoseconds in either byte order, written with nanoseconds, little-endian.

import { HostError, hex, viewOf } from "./sluicegate.mjs";

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
/** Room at first, for any frame. */
const BUFFER_SIZE = 1 << 20;

/** A capture in memory: gives its frames, `{ bytes, wire, time }`, as often as it is asked, each made when its turn comes. */
export class Capture {
  /** How many frames it has. */
  count = 0;
  #name;
  #bytes;
  #view;
  #variant;

  /** @throws {HostError} where anything is wrong with it */
  constructor({ name, bytes }) {
    this.#name = name;
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
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
      const magic = hex(bytes.subarray(0, 4));
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
    throw new HostError(`${this.#name}: byte ${at}: ${what}`);
  }
}

/** Makes captures in memory, one after the other in the same place: fresh memory costs a page fault every 4 KiB. */
export class CaptureWriter {
  #bytes = new Uint8Array(BUFFER_SIZE);
  #view = viewOf(this.#bytes);
  #used = 0;

  /** Begins a capture. */
  begin() {
    const header = this.#view;
    this.#used = HEADER_SIZE;
    header.setUint32(0, NANOSECOND_MAGIC, true);
    header.setUint16(4, 2, true);
    header.setUint16(6, 4, true);
    header.setUint32(16, MAX_CAPTURED, true);
    header.setUint32(20, ETHERNET, true);
  }

  /** The file so far, until the next one begins. */
  get bytes() {
    return this.#bytes.subarray(0, this.#used);
  }

  /** @param bytes at most MAX_CAPTURED   @param wire bytes on the wire   @param time nanoseconds */
  write(bytes, wire, time) {
    const at = this.#used;
    const end = at + RECORD_SIZE + bytes.length;
    if (end > this.#bytes.length) this.#grow();
    this.#view.setUint32(at, Number((time / SECOND) & 0xffff_ffffn), true);
    this.#view.setUint32(at + 4, Number(time % SECOND), true);
    this.#view.setUint32(at + 8, bytes.length, true);
    this.#view.setUint32(at + 12, wire, true);
    this.#bytes.set(bytes, at + RECORD_SIZE);
    this.#used = end;
  }

  #grow() {
    const larger = new Uint8Array(this.#bytes.length * 2);
    larger.set(this.bytes);
    this.#bytes = larger;
    this.#view = viewOf(larger);
  }
}
