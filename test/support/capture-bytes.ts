/** Capture files in words: every builder returns the bytes of a file or of one block, in the byte order asked for. */

export type ByteOrder = "little" | "big";

const MAGICS = { microseconds: 0xa1b2c3d4, nanoseconds: 0xa1b23c4d, modified: 0xa1b2cd34 };

export interface PcapOptions {
  byteOrder?: ByteOrder;
  /** `modified` is the variant with 24-byte record headers, in microseconds. */
  variant?: keyof typeof MAGICS;
  version?: [major: number, minor: number];
  snapLength?: number;
  linkType?: number;
}

export interface PcapRecord {
  seconds?: number;
  /** In the unit of the variant. */
  fraction?: number;
  frame: Uint8Array;
  /** What the header says where that is not the length of `frame`. */
  captured?: number;
  wire?: number;
}

/** A classic capture file. */
export function pcap(records: readonly PcapRecord[], options: PcapOptions = {}): Buffer {
  return Buffer.concat([pcapHeader(options), ...records.map((record) => pcapRecord(record, options))]);
}

export function pcapHeader(options: PcapOptions = {}): Buffer {
  const { byteOrder = "little", variant = "microseconds", version = [2, 4] } = options;
  const [major, minor] = version;
  return Buffer.concat([
    u32(MAGICS[variant], byteOrder),
    u16(major, byteOrder),
    u16(minor, byteOrder),
    Buffer.alloc(8),
    u32(options.snapLength ?? 262_144, byteOrder),
    u32(options.linkType ?? 1, byteOrder),
  ]);
}

export function pcapRecord(record: PcapRecord, options: PcapOptions = {}): Buffer {
  const { byteOrder = "little", variant = "microseconds" } = options;
  const { seconds = 0, fraction = 0, frame, captured = frame.length, wire = frame.length } = record;
  const header = [seconds, fraction, captured, wire].map((word) => u32(word, byteOrder));
  const extra = variant === "modified" ? Buffer.alloc(8, 0xee) : Buffer.alloc(0);
  return Buffer.concat([...header, extra, frame]);
}

/** One block, to be written in the byte order of its section. */
export type Block = (byteOrder: ByteOrder) => Buffer;

export interface Option {
  code: number;
  /** Numbers in it must already stand in the section's byte order; see the named options below. */
  value: Uint8Array;
  /** What the header says where that is not the length of `value`. */
  length?: number;
}

/** A pcapng file of one section: its header and these blocks. */
export function pcapng(blocks: readonly Block[], byteOrder: ByteOrder = "little"): Buffer {
  return Buffer.concat([sectionHeader()(byteOrder), ...blocks.map((block) => block(byteOrder))]);
}

export function sectionHeader(words: { version?: [number, number]; magic?: number } = {}): Block {
  const { version = [1, 0], magic = 0x1a2b3c4d } = words;
  return (byteOrder) =>
    rawBlock(
      0x0a0d0d0a,
      [u32(magic, byteOrder), u16(version[0], byteOrder), u16(version[1], byteOrder), Buffer.alloc(8, 0xff)],
      byteOrder,
    );
}

export interface InterfaceWords {
  linkType?: number;
  snapLength?: number;
  name?: string;
  /** if_tsresol byte: n for 10^-n, 0x80 + n for 2^-n seconds. */
  resolution?: number;
  offsetSeconds?: bigint;
}

export function interfaceBlock(words: InterfaceWords = {}): Block {
  return (byteOrder) => {
    const given: Option[] = [];
    if (words.name !== undefined) given.push({ code: 2, value: Buffer.from(words.name) });
    if (words.resolution !== undefined) given.push({ code: 9, value: Buffer.of(words.resolution) });
    if (words.offsetSeconds !== undefined) given.push({ code: 14, value: i64(words.offsetSeconds, byteOrder) });
    const fixed = [u16(words.linkType ?? 1, byteOrder), u16(0, byteOrder), u32(words.snapLength ?? 0, byteOrder)];
    return rawBlock(1, [...fixed, options(given, byteOrder)], byteOrder);
  };
}

export interface PacketWords {
  interface?: number;
  ticks?: bigint;
  frame: Uint8Array;
  /** What the header says where that is not the length of `frame`. */
  captured?: number;
  wire?: number;
  options?: readonly Option[];
}

export function enhancedPacket(words: PacketWords): Block {
  return (byteOrder) => rawBlock(6, [u32(words.interface ?? 0, byteOrder), ...packetBody(words, byteOrder)], byteOrder);
}

/** The obsolete Packet Block: a 16-bit interface number and a drop count. */
export function obsoletePacket(words: PacketWords): Block {
  return (byteOrder) => {
    const numbers = [u16(words.interface ?? 0, byteOrder), u16(0xffff, byteOrder)];
    return rawBlock(2, [...numbers, ...packetBody(words, byteOrder)], byteOrder);
  };
}

export function simplePacket(words: { frame: Uint8Array; wire?: number }): Block {
  return (byteOrder) => rawBlock(3, [u32(words.wire ?? words.frame.length, byteOrder), pad(words.frame)], byteOrder);
}

export function otherBlock(type: number, body: Uint8Array): Block {
  return (byteOrder) => rawBlock(type, [pad(body)], byteOrder);
}

/** `block` with its leading and its trailing length replaced. */
export function withLengths(block: Block, leading: number, trailing: number = leading): Block {
  return (byteOrder) => {
    const bytes = Buffer.from(block(byteOrder));
    u32(leading, byteOrder).copy(bytes, 4);
    u32(trailing, byteOrder).copy(bytes, bytes.length - 4);
    return bytes;
  };
}

export function options(given: readonly Option[], byteOrder: ByteOrder): Buffer {
  if (given.length === 0) return Buffer.alloc(0);
  const written = given.flatMap(({ code, value, length = value.length }) => [
    u16(code, byteOrder),
    u16(length, byteOrder),
    pad(value),
  ]);
  return Buffer.concat([...written, Buffer.alloc(4)]);
}

/** `length` bytes that differ from frame to frame. */
export function frameBytes(length: number, seed = 0): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (seed * 31 + i * 7 + 1) & 0xff));
}

function packetBody(words: PacketWords, byteOrder: ByteOrder): Buffer[] {
  const { ticks = 0n, frame, captured = frame.length, wire = frame.length } = words;
  return [
    u32(Number(ticks >> 32n), byteOrder),
    u32(Number(ticks & 0xffffffffn), byteOrder),
    u32(captured, byteOrder),
    u32(wire, byteOrder),
    pad(frame),
    options(words.options ?? [], byteOrder),
  ];
}

function rawBlock(type: number, body: readonly Uint8Array[], byteOrder: ByteOrder): Buffer {
  const bytes = Buffer.concat(body);
  const length = u32(bytes.length + 12, byteOrder);
  return Buffer.concat([u32(type, byteOrder), length, bytes, length]);
}

function pad(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

function u16(value: number, byteOrder: ByteOrder): Buffer {
  const bytes = Buffer.alloc(2);
  if (byteOrder === "little") bytes.writeUInt16LE(value);
  else bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number, byteOrder: ByteOrder): Buffer {
  const bytes = Buffer.alloc(4);
  if (byteOrder === "little") bytes.writeUInt32LE(value);
  else bytes.writeUInt32BE(value);
  return bytes;
}

function i64(value: bigint, byteOrder: ByteOrder): Buffer {
  const bytes = Buffer.alloc(8);
  if (byteOrder === "little") bytes.writeBigInt64LE(value);
  else bytes.writeBigInt64BE(value);
  return bytes;
}
