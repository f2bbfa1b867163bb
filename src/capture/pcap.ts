import { MAX_CAPTURED_LENGTH, ReasonCounts, type RecordFault, type RecordParser } from "./record-parser.js";
import { storeSeconds } from "./timestamp.js";
import type { CaptureInterface, FrameIndex } from "./types.js";
import type { Window } from "./window.js";

// Global header of a classic capture file (draft-ietf-opsawg-pcap section 4): magic, version, two unused words,
// snap length, link type.
const MAJOR_AT = 4; // u16
const MINOR_AT = 6; // u16
const SNAP_LENGTH_AT = 16; // u32
const LINK_TYPE_AT = 20; // u32, FCS length in the upper six bits
export const PCAP_HEADER_SIZE = 24;

// Record header (section 5).
const SECONDS_AT = 0; // u32
const FRACTION_AT = 4; // u32, microseconds or nanoseconds by the magic
const CAPTURED_AT = 8; // u32
const WIRE_AT = 12; // u32
const RECORD_HEADER_SIZE = 16;
/** The modified format of A. Kuznetzov adds interface index, protocol and packet type: eight bytes that are not used. */
const MODIFIED_RECORD_HEADER_SIZE = 24;

const MICROSECOND_MAGIC = 0xa1b2c3d4;
const NANOSECOND_MAGIC = 0xa1b23c4d;
const MODIFIED_MAGIC = 0xa1b2cd34;

const LINK_TYPE_MASK = 0x03ff_ffff;
const VERSION_MAJOR = 2;
const VERSION_MINOR = 4;
/** Below this version the wire length may stand before the captured length; the smaller one is the captured length. */
const FIRST_ORDERED_MINOR = 4;

/** How the records of a classic capture file are written, as its magic tells. */
export interface PcapVariant {
  readonly littleEndian: boolean;
  readonly nanosecondsPerUnit: 1 | 1000;
  readonly recordHeaderSize: number;
}

/** @returns the variant, or undefined where the first four bytes are not a magic of this format */
export function pcapVariant(head: DataView): PcapVariant | undefined {
  for (const littleEndian of [true, false]) {
    switch (head.getUint32(0, littleEndian)) {
      case MICROSECOND_MAGIC:
        return { littleEndian, nanosecondsPerUnit: 1000, recordHeaderSize: RECORD_HEADER_SIZE };
      case NANOSECOND_MAGIC:
        return { littleEndian, nanosecondsPerUnit: 1, recordHeaderSize: RECORD_HEADER_SIZE };
      case MODIFIED_MAGIC:
        return { littleEndian, nanosecondsPerUnit: 1000, recordHeaderSize: MODIFIED_RECORD_HEADER_SIZE };
    }
  }
  return undefined;
}

/**
 * Classic capture files of version 2.0 to 2.4, in both byte orders, with microseconds, nanoseconds or the modified record header.
 *
 * - A fraction of a second or more is carried into the seconds and counted (`fraction-carried`).
 * - A captured length above the wire length or above the snap length is accepted, the former counted (`captured-above-wire`).
 * - FCS bits of the link type are masked away and counted (`fcs-bits-masked`); the FCS itself stays at the end of the frame.
 */
export class PcapParser implements RecordParser {
  readonly interfaces: readonly CaptureInterface[];
  readonly skippedBlocks: ReadonlyMap<string, number> = new Map();
  readonly adjusted = new ReasonCounts();
  readonly needsFrame = true;
  need = RECORD_HEADER_SIZE;
  fault: RecordFault | undefined;
  readonly #variant: PcapVariant;
  /** Whether the captured length always stands before the wire length. */
  readonly #ordered: boolean;

  /** @param header the {@link PCAP_HEADER_SIZE} bytes at the start of the file; parsing goes on behind them */
  constructor(variant: PcapVariant, header: DataView) {
    this.#variant = variant;
    this.#ordered = header.getUint16(MINOR_AT, variant.littleEndian) >= FIRST_ORDERED_MINOR;
    const linkType = header.getUint32(LINK_TYPE_AT, variant.littleEndian);
    if (linkType !== (linkType & LINK_TYPE_MASK) >>> 0) this.adjusted.add("fcs-bits-masked");
    this.interfaces = [
      {
        linkType: linkType & LINK_TYPE_MASK,
        name: undefined,
        snapLength: header.getUint32(SNAP_LENGTH_AT, variant.littleEndian),
      },
    ];
  }

  parse(window: Window, index: FrameIndex): void {
    const { view, end } = window;
    const { littleEndian, recordHeaderSize } = this.#variant;
    let at = window.at;
    let count = index.count;
    this.need = recordHeaderSize;
    while (count < index.capacity && end - at >= recordHeaderSize) {
      const first = view.getUint32(at + CAPTURED_AT, littleEndian);
      const second = view.getUint32(at + WIRE_AT, littleEndian);
      const captured = this.#ordered ? first : Math.min(first, second);
      if (captured > MAX_CAPTURED_LENGTH) {
        this.fault = { offset: window.fileOffset + at + CAPTURED_AT, message: capturedFault(captured) };
        break;
      }
      const frameAt = at + recordHeaderSize;
      if (end - frameAt < captured) {
        this.need = recordHeaderSize + captured;
        break;
      }
      const wire = this.#ordered ? second : Math.max(first, second);
      if (captured > wire) this.adjusted.add("captured-above-wire");
      this.#storeTime(view, at, index, count);
      index.offset[count] = frameAt;
      index.capturedLength[count] = captured;
      index.wireLength[count] = wire;
      index.interfaceIndex[count] = 0;
      count++;
      at = frameAt + captured;
    }
    window.at = at;
    index.count = count;
  }

  #storeTime(view: DataView, at: number, index: FrameIndex, count: number): void {
    const { littleEndian, nanosecondsPerUnit } = this.#variant;
    const seconds = view.getUint32(at + SECONDS_AT, littleEndian);
    const nanoseconds = view.getUint32(at + FRACTION_AT, littleEndian) * nanosecondsPerUnit;
    if (nanoseconds >= 1e9) this.adjusted.add("fraction-carried");
    storeSeconds(seconds, nanoseconds, index, count);
  }
}

/** @returns what is wrong with the global header, or undefined; `offset` is the one of the faulty field */
export function pcapHeaderFault(variant: PcapVariant, header: DataView): RecordFault | undefined {
  const major = header.getUint16(MAJOR_AT, variant.littleEndian);
  const minor = header.getUint16(MINOR_AT, variant.littleEndian);
  if (major === VERSION_MAJOR && minor <= VERSION_MINOR) return undefined;
  const expected = `${VERSION_MAJOR}.0 to ${VERSION_MAJOR}.${VERSION_MINOR}`;
  return { offset: MAJOR_AT, message: `pcap version is ${major}.${minor}, expected ${expected}` };
}

/** The wording for a captured length that no frame has. */
export function capturedFault(captured: number): string {
  return `captured length is ${captured}, expected at most ${MAX_CAPTURED_LENGTH}`;
}
