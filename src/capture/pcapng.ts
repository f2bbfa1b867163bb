import { capturedFault } from "./pcap.js";
import { padded, readInterfaceOptions, walkOptions } from "./pcapng-options.js";
import { MAX_CAPTURED_LENGTH, ReasonCounts, type RecordFault, type RecordParser } from "./record-parser.js";
import type { TickScale } from "./timestamp.js";
import type { CaptureInterface, FrameIndex } from "./types.js";
import type { Window } from "./window.js";

// Every block: type u32, total length u32, body, total length again (draft-ietf-opsawg-pcapng section 3.1).
const LENGTH_AT = 4;
const TRAILER_SIZE = 4;
const MIN_BLOCK_SIZE = 12;
/** Largest block that is read, the limit of libpcap; a larger total length is damage. */
const MAX_BLOCK_SIZE = 16 * 1024 * 1024;

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const SKIPPED_TYPES: ReadonlyMap<number, string> = new Map([
  [4, "name-resolution"],
  [5, "interface-statistics"],
  [9, "systemd-journal"],
  [10, "decryption-secrets"],
  [0x0bad, "custom"],
  [0x40000bad, "custom"],
]);

// Section Header Block (section 4.1).
const BYTE_ORDER_AT = 8; // u32
const MAJOR_AT = 12; // u16
const MINOR_AT = 14; // u16
const SECTION_HEADER_SIZE = 28;
/** Bytes that `sectionFault` looks at. */
export const SECTION_HEAD_SIZE = 16;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

// Interface Description Block (section 4.2).
const IDB_LINK_TYPE_AT = 8; // u16
const IDB_SNAP_LENGTH_AT = 12; // u32
const IDB_OPTIONS_AT = 16;
const IDB_SIZE = 20;
/** Over all sections: each costs memory for as long as the file is read. */
const MAX_INTERFACES = 65_536;

// Enhanced Packet Block (section 4.3) and the obsolete Packet Block (appendix), which differ in the first word only.
const EPB_INTERFACE_AT = 8; // u32; u16 in the obsolete block, with a u16 of drops behind it
const EPB_TIME_HIGH_AT = 12; // u32
const EPB_TIME_LOW_AT = 16; // u32
const EPB_CAPTURED_AT = 20; // u32
const EPB_WIRE_AT = 24; // u32
const EPB_FRAME_AT = 28;
const EPB_SIZE = 32;

// Simple Packet Block (section 4.4): interface 0, no time.
const SPB_WIRE_AT = 8; // u32
const SPB_FRAME_AT = 12;
const SPB_SIZE = 16;

/** Whether these first bytes of a file are those of a section header, which read alike in both byte orders. */
export function isPcapng(head: DataView): boolean {
  return head.getUint32(0) === SECTION_HEADER;
}

/** @returns whether the section whose head is at `at` is little-endian, or undefined where the byte-order magic is neither */
function sectionByteOrder(view: DataView, at: number): boolean | undefined {
  if (view.getUint32(at + BYTE_ORDER_AT, true) === BYTE_ORDER_MAGIC) return true;
  return view.getUint32(at + BYTE_ORDER_AT, false) === BYTE_ORDER_MAGIC ? false : undefined;
}

/** @returns what is wrong with the {@link SECTION_HEAD_SIZE} bytes of a section header at `at`; offsets relative to `view` */
export function sectionFault(view: DataView, at: number): RecordFault | undefined {
  const littleEndian = sectionByteOrder(view, at);
  if (littleEndian === undefined) {
    const found = hex32(view.getUint32(at + BYTE_ORDER_AT, false));
    return { offset: at + BYTE_ORDER_AT, message: `byte-order magic is ${found}, expected 1a2b3c4d or 4d3c2b1a` };
  }
  const major = view.getUint16(at + MAJOR_AT, littleEndian);
  const minor = view.getUint16(at + MINOR_AT, littleEndian);
  // 1.2 is what some writers put where they mean 1.0 (section 4.1).
  if (major === 1 && (minor === 0 || minor === 2)) return undefined;
  return { offset: at + MAJOR_AT, message: `pcapng version is ${major}.${minor}, expected 1.0` };
}

/**
 * pcapng files in both byte orders, with any number of sections and interfaces.
 *
 * - Simple Packet Blocks carry no time; their frames get the time 0.
 * - Options of packet blocks are checked and not used; blocks of other types are skipped and counted.
 * - Times outside 1970 … 2554 are clamped and counted (`time-clamped`), captured above wire length as `captured-above-wire`.
 */
export class PcapngParser implements RecordParser {
  readonly interfaces: CaptureInterface[] = [];
  readonly skippedBlocks = new ReasonCounts();
  readonly adjusted = new ReasonCounts();
  need = SECTION_HEADER_SIZE;
  needsFrame = false;
  fault: RecordFault | undefined;
  #littleEndian = true;
  /** Number of the first interface of this section. */
  #sectionStart = 0;
  /** Time scales of this section's interfaces. */
  #scales: TickScale[] = [];

  parse(window: Window, index: FrameIndex): void {
    this.need = MIN_BLOCK_SIZE;
    this.needsFrame = false;
    while (index.count < index.capacity && window.unparsed >= MIN_BLOCK_SIZE) {
      if (!this.#parseBlock(window, index)) return;
    }
  }

  /** @returns false where the block at hand is incomplete (`need`) or damaged (`fault`) */
  #parseBlock(window: Window, index: FrameIndex): boolean {
    const { view, at } = window;
    const type = view.getUint32(at, this.#littleEndian);
    if (type === SECTION_HEADER && !this.#startSection(window)) return false;
    const length = view.getUint32(at + LENGTH_AT, this.#littleEndian);
    const wrong = lengthFault(type, length, at) ?? capturedLengthFault(view, type, at, this.#littleEndian, window.end);
    if (wrong) return this.#refuse(wrong, window);
    if (window.unparsed < length) return this.#wait(length, isPacket(type));
    const damage = trailerFault(view, at, length, this.#littleEndian) ?? this.#block(type, view, at, length, index);
    if (damage) return this.#refuse(damage, window);
    window.at = at + length;
    return true;
  }

  /** Takes over the byte order of a section, which its own block length is written in already. */
  #startSection(window: Window): boolean {
    if (window.unparsed < SECTION_HEAD_SIZE) return this.#wait(SECTION_HEAD_SIZE, false);
    const fault = sectionFault(window.view, window.at);
    if (fault) return this.#refuse(fault, window);
    this.#littleEndian = sectionByteOrder(window.view, window.at) === true;
    return true;
  }

  #wait(need: number, needsFrame: boolean): false {
    this.need = need;
    this.needsFrame = needsFrame;
    return false;
  }

  #refuse(fault: RecordFault, window: Window): false {
    this.fault = { offset: window.fileOffset + fault.offset, message: fault.message };
    return false;
  }

  #block(type: number, view: DataView, at: number, length: number, index: FrameIndex): RecordFault | undefined {
    switch (type) {
      case ENHANCED_PACKET:
        return this.#packet(view, at, length, view.getUint32(at + EPB_INTERFACE_AT, this.#littleEndian), index);
      case OBSOLETE_PACKET:
        return this.#packet(view, at, length, view.getUint16(at + EPB_INTERFACE_AT, this.#littleEndian), index);
      case SIMPLE_PACKET:
        return this.#simplePacket(view, at, length, index);
      case INTERFACE_DESCRIPTION:
        return this.#interface(view, at, length);
      case SECTION_HEADER:
        this.#sectionStart = this.interfaces.length;
        this.#scales = [];
        return walkOptions(
          view,
          at + SECTION_HEADER_SIZE - TRAILER_SIZE,
          at + length - TRAILER_SIZE,
          this.#littleEndian,
        );
      default:
        this.skippedBlocks.add(SKIPPED_TYPES.get(type) ?? `block-type-0x${hex32(type)}`);
        return undefined;
    }
  }

  #packet(view: DataView, at: number, length: number, local: number, index: FrameIndex): RecordFault | undefined {
    const littleEndian = this.#littleEndian;
    const scale = this.#scales[local];
    if (!scale) return unknownInterface(at + EPB_INTERFACE_AT, local, this.#scales.length);
    const captured = view.getUint32(at + EPB_CAPTURED_AT, littleEndian);
    const optionsAt = at + EPB_FRAME_AT + padded(captured);
    const end = at + length - TRAILER_SIZE;
    if (optionsAt > end) return outsideBlock(at + EPB_CAPTURED_AT, captured, length - EPB_SIZE);
    const fault = optionsAt < end ? walkOptions(view, optionsAt, end, littleEndian) : undefined;
    if (fault) return fault;
    const wire = view.getUint32(at + EPB_WIRE_AT, littleEndian);
    const high = view.getUint32(at + EPB_TIME_HIGH_AT, littleEndian);
    const low = view.getUint32(at + EPB_TIME_LOW_AT, littleEndian);
    if (captured > wire) this.adjusted.add("captured-above-wire");
    if (!scale.convert(high, low, index, index.count)) this.adjusted.add("time-clamped");
    append(index, at + EPB_FRAME_AT, captured, wire, this.#sectionStart + local);
    return undefined;
  }

  #simplePacket(view: DataView, at: number, length: number, index: FrameIndex): RecordFault | undefined {
    const number = this.#sectionStart;
    const facing = this.interfaces[number];
    if (!facing) return unknownInterface(at, 0, 0);
    const wire = view.getUint32(at + SPB_WIRE_AT, this.#littleEndian);
    const captured = facing.snapLength === 0 ? wire : Math.min(wire, facing.snapLength);
    if (captured > MAX_CAPTURED_LENGTH) return { offset: at + SPB_WIRE_AT, message: capturedFault(captured) };
    if (padded(captured) > length - SPB_SIZE) return outsideBlock(at + SPB_WIRE_AT, captured, length - SPB_SIZE);
    index.timeLow[index.count] = 0;
    index.timeHigh[index.count] = 0;
    append(index, at + SPB_FRAME_AT, captured, wire, number);
    return undefined;
  }

  #interface(view: DataView, at: number, length: number): RecordFault | undefined {
    if (this.interfaces.length >= MAX_INTERFACES) {
      return { offset: at, message: `there are more than ${MAX_INTERFACES} interfaces` };
    }
    const options = readInterfaceOptions(view, at + IDB_OPTIONS_AT, at + length - TRAILER_SIZE, this.#littleEndian);
    if ("message" in options) return options;
    this.#scales.push(options.scale);
    this.interfaces.push({
      linkType: view.getUint16(at + IDB_LINK_TYPE_AT, this.#littleEndian),
      name: options.name,
      snapLength: view.getUint32(at + IDB_SNAP_LENGTH_AT, this.#littleEndian),
    });
    return undefined;
  }
}

function unknownInterface(offset: number, local: number, known: number): RecordFault {
  const expected = known === 0 ? "an interface block before the first packet" : `a number below ${known}`;
  return { offset, message: `interface number is ${local}, expected ${expected}` };
}

function append(index: FrameIndex, offset: number, captured: number, wire: number, interfaceNumber: number): void {
  const at = index.count;
  index.offset[at] = offset;
  index.capturedLength[at] = captured;
  index.wireLength[at] = wire;
  index.interfaceIndex[at] = interfaceNumber;
  index.count = at + 1;
}

function isPacket(type: number): boolean {
  return type === ENHANCED_PACKET || type === SIMPLE_PACKET || type === OBSOLETE_PACKET;
}

function minSize(type: number): number {
  switch (type) {
    case ENHANCED_PACKET:
    case OBSOLETE_PACKET:
      return EPB_SIZE;
    case SIMPLE_PACKET:
      return SPB_SIZE;
    case INTERFACE_DESCRIPTION:
      return IDB_SIZE;
    case SECTION_HEADER:
      return SECTION_HEADER_SIZE;
    default:
      return MIN_BLOCK_SIZE;
  }
}

function lengthFault(type: number, length: number, at: number): RecordFault | undefined {
  const least = minSize(type);
  if (length >= least && length <= MAX_BLOCK_SIZE && length % 4 === 0) return undefined;
  const expected = `a multiple of 4 from ${least} to ${MAX_BLOCK_SIZE}`;
  return { offset: at + LENGTH_AT, message: `block length is ${length}, expected ${expected}` };
}

/** Judged as soon as the field is in memory, before the whole block is waited for. */
function capturedLengthFault(
  view: DataView,
  type: number,
  at: number,
  littleEndian: boolean,
  end: number,
): RecordFault | undefined {
  if (type !== ENHANCED_PACKET && type !== OBSOLETE_PACKET) return undefined;
  if (end - at < EPB_CAPTURED_AT + 4) return undefined;
  const captured = view.getUint32(at + EPB_CAPTURED_AT, littleEndian);
  if (captured <= MAX_CAPTURED_LENGTH) return undefined;
  return { offset: at + EPB_CAPTURED_AT, message: capturedFault(captured) };
}

function trailerFault(view: DataView, at: number, length: number, littleEndian: boolean): RecordFault | undefined {
  const trailer = view.getUint32(at + length - TRAILER_SIZE, littleEndian);
  if (trailer === length) return undefined;
  const message = `block length at the end is ${trailer}, expected ${length} as at the start`;
  return { offset: at + length - TRAILER_SIZE, message };
}

function outsideBlock(offset: number, captured: number, room: number): RecordFault {
  return { offset, message: `captured length is ${captured}, expected at most the ${room} bytes of its block` };
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, "0");
}
