import { PCAP_HEADER_SIZE } from "../capture/pcap.js";
import { LINKTYPE_RAW } from "../capture/types.js";
import { NS_PER_SECOND } from "../config/time.js";
import { familyOf } from "../net/address.js";
import {
  decodeFrame,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_SCTP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  TCP_ACK,
} from "../net/decode.js";
import { addWords, fold, sctpCrc } from "../net/recount.js";
import type { RecordedPacket } from "./packet.js";

const CAPACITY = 64 << 10;
/** Pcap record header, the longest packet made here, and some. */
const MAX_FRAME_SIZE = 128;
const RECORD_HEADER_SIZE = 16;
const NANOSECOND_MAGIC = 0xa1b23c4d;
/** First second that a pcap file has no number for: in 2106. */
export const END_OF_TIME = 1n << 32n;

const IPV4_SIZE = 20;
const IPV6_SIZE = 40;
const DONT_FRAGMENT = 0x4000;
const TTL = 64;
/** Bytes of payload that tell one datagram from the next. */
const SERIAL_SIZE = 4;
const TCP_SIZE = 20;
const UDP_SIZE = 8;
const ECHO_SIZE = 8;
/** Common header, and a HEARTBEAT chunk (type 4) with an empty information parameter (RFC 9260 section 3.3.5). */
const SCTP_SIZE = 20;
const SCTP_HEARTBEAT = 4;
const ECHO_TYPES = { "echo-request": [8, 128], "echo-reply": [0, 129] } as const;

/**
 * A pcap stream of raw IP packets, written record by record and taken in pieces. All lengths and checksums are right; a packet has its
 * running number as IPv4 identification, TCP sequence number, echo sequence number or payload, so that no two are alike.
 */
export class FrameBuffer {
  /** Frames written. */
  frames = 0;
  readonly #bytes = new Uint8Array(CAPACITY);
  readonly #view = new DataView(this.#bytes.buffer);
  #start = 0;
  #end = PCAP_HEADER_SIZE;

  constructor() {
    const view = this.#view;
    view.setUint32(0, NANOSECOND_MAGIC, true);
    view.setUint16(4, 2, true); // version 2.4
    view.setUint16(6, 4, true);
    view.setUint32(16, CAPACITY, true);
    view.setUint32(20, LINKTYPE_RAW, true);
  }

  get isEmpty(): boolean {
    return this.#start === this.#end;
  }

  /** Whether `count` more frames fit. */
  hasRoom(count: number): boolean {
    return this.#end + count * MAX_FRAME_SIZE <= CAPACITY;
  }

  /** Moves bytes to the start of `target`. @returns how many */
  take(target: Uint8Array): number {
    const count = Math.min(target.length, this.#end - this.#start);
    target.set(this.#bytes.subarray(this.#start, this.#start + count));
    this.#start += count;
    if (this.isEmpty) this.#start = this.#end = 0;
    return count;
  }

  /** Appends a frame; there must be room, and its time must lie before `END_OF_TIME`. */
  append(packet: RecordedPacket): void {
    this.frames++;
    const at = this.#end + RECORD_HEADER_SIZE;
    this.#bytes.fill(0, this.#end, this.#end + MAX_FRAME_SIZE);
    const length = familyOf(packet.source) === 4 ? this.#ipv4(at, packet) : this.#ipv6(at, packet);
    const view = this.#view;
    view.setUint32(this.#end, Number(packet.timeNs / NS_PER_SECOND), true);
    view.setUint32(this.#end + 4, Number(packet.timeNs % NS_PER_SECOND), true);
    view.setUint32(this.#end + 8, length, true);
    view.setUint32(this.#end + 12, length, true);
    this.#end = at + length;
  }

  /** @returns the packet's length */
  #ipv4(at: number, packet: RecordedPacket): number {
    const view = this.#view;
    this.#bytes.set(packet.source.subarray(12), at + 12);
    this.#bytes.set(packet.destination.subarray(12), at + 16);
    const transportAt = at + IPV4_SIZE;
    const size = this.#transport(transportAt, packet, at + 12);
    view.setUint16(at, 0x4500); // version 4, header of five words
    view.setUint16(at + 2, IPV4_SIZE + size);
    view.setUint16(at + 4, this.frames & 0xffff);
    view.setUint16(at + 6, DONT_FRAGMENT);
    view.setUint8(at + 8, TTL);
    view.setUint8(at + 9, protocolOf(packet, 4));
    view.setUint16(at + 10, complement(addWords(0, this.#bytes, at, transportAt)));
    if (packet.transport === "sctp") this.#sealSctp(at, IPV4_SIZE + size);
    return IPV4_SIZE + size;
  }

  #ipv6(at: number, packet: RecordedPacket): number {
    const view = this.#view;
    this.#bytes.set(packet.source, at + 8);
    this.#bytes.set(packet.destination, at + 24);
    const size = this.#transport(at + IPV6_SIZE, packet, at + 8);
    view.setUint8(at, 0x60); // version 6
    view.setUint16(at + 4, size);
    view.setUint8(at + 6, protocolOf(packet, 6));
    view.setUint8(at + 7, TTL);
    if (packet.transport === "sctp") this.#sealSctp(at, IPV6_SIZE + size);
    return IPV6_SIZE + size;
  }

  /** @param addressesAt both addresses, to the transport header or not: what a pseudo-header covers   @returns the length */
  #transport(at: number, packet: RecordedPacket, addressesAt: number): number {
    const view = this.#view;
    switch (packet.transport) {
      case "tcp":
        this.#tcp(at, packet);
        view.setUint16(at + 16, this.#checksum(at, TCP_SIZE, packet, addressesAt));
        return TCP_SIZE;
      case "udp":
        this.#ports(at, packet);
        view.setUint16(at + 4, UDP_SIZE + SERIAL_SIZE);
        view.setUint32(at + UDP_SIZE, this.frames);
        // A sum of 0 goes out as 0xffff (RFC 768).
        view.setUint16(at + 6, this.#checksum(at, UDP_SIZE + SERIAL_SIZE, packet, addressesAt) || 0xffff);
        return UDP_SIZE + SERIAL_SIZE;
      case "sctp":
        this.#ports(at, packet);
        view.setUint32(at + 4, this.frames); // verification tag
        view.setUint8(at + 12, SCTP_HEARTBEAT);
        view.setUint16(at + 14, 8);
        view.setUint16(at + 16, 1);
        view.setUint16(at + 18, 4);
        return SCTP_SIZE;
      default:
        view.setUint8(at, ECHO_TYPES[packet.transport][familyOf(packet.source) === 4 ? 0 : 1]);
        view.setUint16(at + 4, packet.sourcePort);
        view.setUint16(at + 6, this.frames & 0xffff);
        view.setUint16(at + 2, this.#checksum(at, ECHO_SIZE, packet, addressesAt));
        return ECHO_SIZE;
    }
  }

  #tcp(at: number, packet: RecordedPacket): void {
    const view = this.#view;
    this.#ports(at, packet);
    view.setUint32(at + 4, this.frames);
    view.setUint32(at + 8, packet.tcpFlags & TCP_ACK ? this.frames : 0);
    view.setUint8(at + 12, (TCP_SIZE / 4) << 4);
    view.setUint8(at + 13, packet.tcpFlags);
    view.setUint16(at + 14, 0xffff);
  }

  #ports(at: number, packet: RecordedPacket): void {
    this.#view.setUint16(at, packet.sourcePort);
    this.#view.setUint16(at + 2, packet.destinationPort);
  }

  /** Over `length` bytes from `at` on, whose checksum field holds 0, with the pseudo-header where the protocol has one. */
  #checksum(at: number, length: number, packet: RecordedPacket, addressesAt: number): number {
    const family = familyOf(packet.source);
    const protocol = protocolOf(packet, family);
    const sum = addWords(0, this.#bytes, at, at + length);
    if (protocol === PROTOCOL_ICMP) return complement(sum);
    return complement(
      addWords(sum + protocol + length, this.#bytes, addressesAt, addressesAt + (family === 4 ? 8 : 32)),
    );
  }

  /** The CRC32c, which covers nothing of the IP header. */
  #sealSctp(at: number, length: number): void {
    const frame = this.#bytes.subarray(at, at + length);
    const decoded = decodeFrame(frame, LINKTYPE_RAW, length)!;
    this.#view.setUint32(at + decoded.checksumAt, sctpCrc(frame, decoded), true);
  }
}

function protocolOf({ transport }: RecordedPacket, family: 4 | 6): number {
  if (transport === "tcp") return PROTOCOL_TCP;
  if (transport === "udp") return PROTOCOL_UDP;
  if (transport === "sctp") return PROTOCOL_SCTP;
  return family === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
}

function complement(sum: number): number {
  return ~fold(sum) & 0xffff;
}
