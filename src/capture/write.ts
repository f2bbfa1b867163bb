import { UsageError } from "../errors.js";
import { utf8Bytes } from "../net/text.js";
import { OutputSink, type OutputTarget } from "./output-sink.js";
import { padded } from "./pcapng-options.js";
import { MAX_CAPTURED_LENGTH } from "./record-parser.js";

/** How a capture is written. */
export interface WriteOptions {
  /** Memory for the output buffer, at least `SINK_BUFFER_SIZE` bytes. */
  readonly buffer?: Uint8Array;
}

const NANOSECOND_RESOLUTION = 9;
const NANOSECONDS_PER_SECOND = 1_000_000_000;

// pcapng blocks (draft-ietf-opsawg-pcapng), little-endian.
const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const SECTION_HEADER_SIZE = 28;
/** Block head and tail, link type, snap length, if_tsresol (8 bytes with its head), end of options. */
const INTERFACE_FIXED_SIZE = 20 + 8 + 4;
const OPTION_HEADER_SIZE = 4;
const OPTION_IF_NAME = 2;
const OPTION_IF_TSRESOL = 9;
const OPTION_EPB_PACKETID = 5;
const MAX_NAME_BYTES = 255;
const FRAME_AT = 28;
/** Option head, 64-bit number, end of options, block length. */
const PACKET_TAIL_SIZE = 4 + 8 + 4 + 4;

/**
 * Writes pcapng: one little-endian section, nanoseconds, each frame with its number in `epb_packetid`.
 * The bytes are a pure function of the calls: no time of day, host or program stands in the file.
 */
export class PcapngWriter {
  readonly #sink: OutputSink;
  readonly #interfaces = new Map<string, number>();

  /**
   * @param target path of a file to create or overwrite, a descriptor, which stays open after `close`, or who takes the bytes
   * @throws {OutputError} where the file cannot be created
   */
  constructor(target: OutputTarget, options: WriteOptions = {}) {
    this.#sink = new OutputSink(target, options.buffer);
    const { view } = this.#sink;
    const at = this.#sink.reserve(SECTION_HEADER_SIZE);
    view.setUint32(at, SECTION_HEADER, true);
    view.setUint32(at + 4, SECTION_HEADER_SIZE, true);
    view.setUint32(at + 8, BYTE_ORDER_MAGIC, true);
    view.setUint16(at + 12, 1, true); // version 1.0
    view.setUint16(at + 14, 0, true);
    view.setUint32(at + 16, 0xffff_ffff, true); // section length: not stated
    view.setUint32(at + 20, 0xffff_ffff, true);
    view.setUint32(at + 24, SECTION_HEADER_SIZE, true);
  }

  /**
   * The number of the interface of this link type and name; its block is written where it is asked for first.
   * @param linkType LINKTYPE_* number, 16 bit
   * @param name if_name; what lies above 255 bytes of UTF-8 is cut off
   */
  interfaceId(linkType: number, name: string): number {
    const key = `${linkType} ${name}`;
    const known = this.#interfaces.get(key);
    if (known !== undefined) return known;
    const id = this.#interfaces.size;
    this.#interfaces.set(key, id);
    this.#writeInterface(linkType, utf8Bytes(name).subarray(0, MAX_NAME_BYTES));
    return id;
  }

  /**
   * Appends a frame.
   * @param interfaceId what `interfaceId` returned
   * @param timeLow lower 32 bits of the nanoseconds since the epoch, `timeHigh` the upper ones
   * @param capturedLength bytes of the frame at `at` of `source`, at most 262,144
   * @param packetId number of the frame, 1-based, below 2^53
   * @throws {UsageError} for a longer frame   @throws {OutputError} where what was written before cannot be stored
   */
  frame(
    interfaceId: number,
    timeLow: number,
    timeHigh: number,
    capturedLength: number,
    wireLength: number,
    packetId: number,
    source: Uint8Array,
    at: number,
  ): void {
    refuseLength(this.#sink.name, capturedLength);
    const { view } = this.#sink;
    const space = padded(capturedLength);
    const size = FRAME_AT + space + PACKET_TAIL_SIZE;
    const to = this.#sink.reserve(size);
    view.setUint32(to, ENHANCED_PACKET, true);
    view.setUint32(to + 4, size, true);
    view.setUint32(to + 8, interfaceId, true);
    view.setUint32(to + 12, timeHigh, true);
    view.setUint32(to + 16, timeLow, true);
    view.setUint32(to + 20, capturedLength, true);
    view.setUint32(to + 24, wireLength, true);
    if (space > 0) view.setUint32(to + FRAME_AT + space - 4, 0, true); // padding
    this.#sink.copy(source, at, capturedLength, to + FRAME_AT);
    this.#packetTail(to + FRAME_AT + space, packetId, size);
  }

  /** Writes out what is buffered. @throws {OutputError} */
  flush(): void {
    this.#sink.flush();
  }

  /** Writes out what is buffered and closes the file. @throws {OutputError} */
  close(): void {
    this.#sink.close();
  }

  #packetTail(at: number, packetId: number, size: number): void {
    const { view } = this.#sink;
    view.setUint16(at, OPTION_EPB_PACKETID, true);
    view.setUint16(at + 2, 8, true);
    view.setUint32(at + 4, packetId, true);
    view.setUint32(at + 8, Math.floor(packetId / 2 ** 32), true);
    view.setUint32(at + 12, 0, true); // end of options
    view.setUint32(at + 16, size, true);
  }

  #writeInterface(linkType: number, name: Uint8Array): void {
    const { view } = this.#sink;
    const size = INTERFACE_FIXED_SIZE + OPTION_HEADER_SIZE + padded(name.length);
    let at = this.#sink.reserve(size);
    view.setUint32(at, INTERFACE_DESCRIPTION, true);
    view.setUint32(at + 4, size, true);
    view.setUint16(at + 8, linkType, true);
    view.setUint16(at + 10, 0, true);
    view.setUint32(at + 12, 0, true); // snap length: unlimited
    view.setUint16(at + 16, OPTION_IF_NAME, true);
    view.setUint16(at + 18, name.length, true);
    at += 20;
    if (name.length > 0) view.setUint32(at + padded(name.length) - 4, 0, true); // padding
    this.#sink.copy(name, 0, name.length, at);
    at += padded(name.length);
    view.setUint16(at, OPTION_IF_TSRESOL, true);
    view.setUint16(at + 2, 1, true);
    view.setUint32(at + 4, NANOSECOND_RESOLUTION, true);
    view.setUint32(at + 8, 0, true); // end of options
    view.setUint32(at + 12, size, true);
  }
}

const PCAP_NANOSECOND_MAGIC = 0xa1b23c4d;
const PCAP_HEADER_SIZE = 24;
const PCAP_RECORD_HEADER_SIZE = 16;

/** Writes classic pcap: little-endian, nanoseconds, one link type. The bytes are a pure function of the calls. */
export class PcapWriter {
  readonly #sink: OutputSink;

  /**
   * @param target path of a file to create or overwrite, a descriptor, which stays open after `close`, or who takes the bytes
   * @param linkType LINKTYPE_* number, 16 bit
   * @throws {OutputError} where the file cannot be created
   */
  constructor(target: OutputTarget, linkType: number, options: WriteOptions = {}) {
    this.#sink = new OutputSink(target, options.buffer);
    const { view } = this.#sink;
    const at = this.#sink.reserve(PCAP_HEADER_SIZE);
    view.setUint32(at, PCAP_NANOSECOND_MAGIC, true);
    view.setUint16(at + 4, 2, true); // version 2.4
    view.setUint16(at + 6, 4, true);
    view.setUint32(at + 8, 0, true); // time zone, accuracy: not used
    view.setUint32(at + 12, 0, true);
    view.setUint32(at + 16, MAX_CAPTURED_LENGTH, true);
    view.setUint32(at + 20, linkType, true);
  }

  /**
   * Appends a frame.
   * @param timeLow lower 32 bits of the nanoseconds since the epoch, `timeHigh` the upper ones; before 2106
   * @param capturedLength bytes of the frame at `at` of `source`, at most 262,144
   * @throws {UsageError} for a longer frame   @throws {OutputError} where what was written before cannot be stored
   */
  frame(
    timeLow: number,
    timeHigh: number,
    capturedLength: number,
    wireLength: number,
    source: Uint8Array,
    at: number,
  ): void {
    refuseLength(this.#sink.name, capturedLength);
    const { view } = this.#sink;
    const to = this.#sink.reserve(PCAP_RECORD_HEADER_SIZE + capturedLength);
    // A long division in base 2^16: both steps divide less than 2^48, where rounding cannot reach the next whole number.
    const upper = timeHigh * 65536 + (timeLow >>> 16);
    const upperSeconds = Math.floor(upper / NANOSECONDS_PER_SECOND);
    const rest = (upper - upperSeconds * NANOSECONDS_PER_SECOND) * 65536 + (timeLow & 0xffff);
    const lowerSeconds = Math.floor(rest / NANOSECONDS_PER_SECOND);
    view.setUint32(to, upperSeconds * 65536 + lowerSeconds, true);
    view.setUint32(to + 4, rest - lowerSeconds * NANOSECONDS_PER_SECOND, true);
    view.setUint32(to + 8, capturedLength, true);
    view.setUint32(to + 12, wireLength, true);
    this.#sink.copy(source, at, capturedLength, to + PCAP_RECORD_HEADER_SIZE);
  }

  /** Writes out what is buffered. @throws {OutputError} */
  flush(): void {
    this.#sink.flush();
  }

  /** Writes out what is buffered and closes the file. @throws {OutputError} */
  close(): void {
    this.#sink.close();
  }
}

function refuseLength(file: string, capturedLength: number): void {
  if (capturedLength <= MAX_CAPTURED_LENGTH) return;
  throw new UsageError(`${file}: frame has ${capturedLength} bytes, expected at most ${MAX_CAPTURED_LENGTH}`);
}
