import { copyBytes } from "./bytes.js";
import { type IpPacket, isWhole, PROTOCOL_TCP, readBe16 } from "./decode.js";
import { addWords, checksumState, fold, pseudoHeaderSum } from "./recount.js";

/** Where TCP's sequence number, acknowledgement and flags stand in its header (RFC 9293 section 3.1). */
const SEQUENCE_AT = 4;
const ACKNOWLEDGEMENT_AT = 8;
const FLAGS_AT = 13;

/** Sequence number of a TCP packet whose header was captured up to it, else 0. */
export function sequenceOf(bytes: Uint8Array, packet: IpPacket): number {
  return readBe32(bytes, packet.transportAt + SEQUENCE_AT, packet.end);
}

export function acknowledgementOf(bytes: Uint8Array, packet: IpPacket): number {
  return readBe32(bytes, packet.transportAt + ACKNOWLEDGEMENT_AT, packet.end);
}

/** Payload bytes that the packet had on the wire. */
export function payloadLength(packet: IpPacket): number {
  return packet.at + packet.length - packet.payloadAt;
}

/** The IP packet alone, without link header and padding, with its transport checksum completed where transmit offload left it partial. */
export function bareCompletePacket(bytes: Uint8Array, packet: IpPacket, complete: boolean): Uint8Array {
  const bare = copyBytes(bytes, packet.at, packet.end);
  if (complete && isWhole(packet) && checksumState(bytes, packet) === "partial") {
    putTransportChecksum(bare, { ...shifted(packet), end: bare.length });
  }
  return bare;
}

/**
 * The TCP packet that a network card would send for payload bytes [from, to) of a super-frame: the same header with its own length and
 * sequence number, right checksums, and the identification and flags of `like`, the packet that it is going to be compared with.
 * All payload bytes asked for must have been captured. @returns the IP packet alone
 */
export function cutSegment(
  bytes: Uint8Array,
  packet: IpPacket,
  from: number,
  to: number,
  like: { readonly bytes: Uint8Array; readonly packet: IpPacket },
): Uint8Array {
  const headerLength = packet.payloadAt - packet.at;
  const out = new Uint8Array(headerLength + to - from);
  out.set(bytes.subarray(packet.at, packet.payloadAt));
  out.set(bytes.subarray(packet.payloadAt + from, packet.payloadAt + to), headerLength);
  const cut = { ...shifted(packet), end: out.length, length: out.length };
  const transport = cut.transportAt;
  putBe32(out, transport + SEQUENCE_AT, (sequenceOf(bytes, packet) + from) >>> 0);
  const likeFlags = like.packet.tcpFlags;
  // A card repeats all flags but FIN and PSH, which only the last segment keeps, and CWR, which only the first does.
  if ((likeFlags & ~packet.tcpFlags) === 0 && ((likeFlags ^ packet.tcpFlags) & ~0x89) === 0)
    out[transport + FLAGS_AT] = likeFlags;
  if (packet.family === 4) {
    putBe16(out, 2, out.length);
    putBe16(out, 4, like.packet.fragmentId);
    putBe16(out, 10, 0);
    putBe16(out, 10, ~fold(addWords(0, out, 0, transport)) & 0xffff);
  } else {
    putBe16(out, 4, out.length - 40);
  }
  putTransportChecksum(out, cut);
  return out;
}

/** True for a TCP packet with a whole header, the only kind that can be cut. */
export function isCuttable(packet: IpPacket): boolean {
  return packet.protocol === PROTOCOL_TCP && packet.kind === "tcp" && packet.end >= packet.transportAt + 20;
}

/** The same packet when its bytes start at 0. */
function shifted(packet: IpPacket): IpPacket {
  const { at } = packet;
  const move = (place: number) => (place < 0 ? place : place - at);
  return {
    ...packet,
    at: 0,
    sourceAt: move(packet.sourceAt),
    destinationAt: move(packet.destinationAt),
    ttlAt: move(packet.ttlAt),
    headerChecksumAt: move(packet.headerChecksumAt),
    transportAt: move(packet.transportAt),
    payloadAt: move(packet.payloadAt),
    sourcePortAt: move(packet.sourcePortAt),
    destinationPortAt: move(packet.destinationPortAt),
    checksumAt: move(packet.checksumAt),
    inner: undefined,
  };
}

function putTransportChecksum(bytes: Uint8Array, packet: IpPacket): void {
  putBe16(bytes, packet.checksumAt, 0);
  const sum = ~fold(addWords(pseudoHeaderSum(bytes, packet), bytes, packet.transportAt, packet.end)) & 0xffff;
  putBe16(bytes, packet.checksumAt, sum === 0 && packet.protocol !== PROTOCOL_TCP ? 0xffff : sum);
}

function readBe32(bytes: Uint8Array, at: number, end: number): number {
  return at + 4 > end ? 0 : readBe16(bytes, at) * 0x10000 + readBe16(bytes, at + 2);
}

function putBe16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 0xff;
}

function putBe32(bytes: Uint8Array, at: number, value: number): void {
  putBe16(bytes, at, value >>> 16);
  putBe16(bytes, at + 2, value & 0xffff);
}
