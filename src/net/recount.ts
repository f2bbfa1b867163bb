/**
 * Checksums by full recount (RFC 1071), never by update: the yardstick against which rewritten frames are judged.
 * All sums are of 16-bit words in network order; "folded" means carried around until it fits 16 bits.
 */
import {
  type IpPacket,
  isFragment,
  isWhole,
  PROTOCOL_DCCP,
  PROTOCOL_ICMPV6,
  PROTOCOL_SCTP,
  PROTOCOL_UDP,
  PROTOCOL_UDP_LITE,
  readBe16,
} from "./decode.js";

/**
 * `partial`: the field holds the sum of the pseudo-header, as transmit offload leaves it (Linux CHECKSUM_PARTIAL), or of SCTP 0;
 * `none`: UDP without a checksum; `unverifiable`: bytes that it covers were not captured, or lie in other fragments.
 */
export type ChecksumState = "right" | "wrong" | "partial" | "none" | "unverifiable";

/** Adds the 16-bit words of bytes[from, to) to `sum`; an odd last byte counts as the high half of a word. Not folded; exact to 2^53. */
export function addWords(sum: number, bytes: Uint8Array, from: number, to: number): number {
  let total = sum;
  let at = from;
  for (; at + 1 < to; at += 2) total += (bytes[at]! << 8) | bytes[at + 1]!;
  return at < to ? total + (bytes[at]! << 8) : total;
}

export function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return folded;
}

/** True where two folded sums stand for one value: 0 and 0xffff are the same number modulo 0xFFFF. */
export function isSameSum(a: number, b: number): boolean {
  return a % 0xffff === b % 0xffff;
}

/** Folded sum of an IPv4 header with its checksum field: 0xffff where it is right. 0xffff for IPv6, which has none. */
export function ipv4HeaderSum(bytes: Uint8Array, packet: IpPacket): number {
  if (packet.headerChecksumAt < 0) return 0xffff;
  const headerEnd = packet.transportAt >= 0 ? packet.transportAt : packet.at + (bytes[packet.at]! & 15) * 4;
  return fold(addWords(0, bytes, packet.at, Math.min(headerEnd, packet.end)));
}

/** Folded sum of the pseudo-header (RFC 793, RFC 8200 section 8.1), 0 where the protocol's checksum covers none. */
export function pseudoHeaderSum(bytes: Uint8Array, packet: IpPacket): number {
  if (!coversPseudoHeader(packet)) return 0;
  const addresses = packet.family === 4 ? 8 : 32;
  const transportLength = packet.at + packet.length - packet.transportAt;
  return fold(addWords(packet.protocol + fold(transportLength), bytes, packet.sourceAt, packet.sourceAt + addresses));
}

/** Pseudo-header and captured bytes from the transport header on, with the checksum field; 0xffff where whole and right. */
export function transportSum(bytes: Uint8Array, packet: IpPacket): number {
  return fold(addWords(pseudoHeaderSum(bytes, packet), bytes, packet.transportAt, packet.end));
}

/** What the transport (or ICMP) checksum of `packet` is. SCTP has a CRC32c, which is recounted as such. */
export function checksumState(bytes: Uint8Array, packet: IpPacket): ChecksumState {
  if (packet.checksumAt < 0) return "unverifiable";
  if (packet.protocol === PROTOCOL_SCTP) return sctpState(bytes, packet);
  // How much of the packet they cover is the sender's choice.
  if (packet.kind === "other") return "unverifiable";
  const field = readBe16(bytes, packet.checksumAt);
  if (packet.protocol === PROTOCOL_UDP && field === 0) return "none";
  const canRecount = isWhole(packet) && !isFragment(packet);
  if (canRecount && isSameSum(transportSum(bytes, packet), 0xffff)) return "right";
  if (coversPseudoHeader(packet) && isSameSum(field, pseudoHeaderSum(bytes, packet))) return "partial";
  return canRecount ? "wrong" : "unverifiable";
}

function sctpState(bytes: Uint8Array, packet: IpPacket): ChecksumState {
  const canRecount = isWhole(packet) && !isFragment(packet);
  const field = readLe32(bytes, packet.checksumAt);
  if (canRecount && field === sctpCrc(bytes, packet)) return "right";
  // The network card fills it in, or both ends do without (RFC 9653).
  if (field === 0) return "partial";
  return canRecount ? "wrong" : "unverifiable";
}

/**
 * CRC32c of an SCTP packet with its checksum field taken as zero (RFC 9260 section 6.8). What was not captured counts as zeros: of two
 * packets that are equal there the CRCs differ as those of the whole ones do.
 */
export function sctpCrc(bytes: Uint8Array, packet: IpPacket): number {
  const end = packet.at + packet.length;
  let crc = 0xffffffff;
  for (let at = packet.transportAt; at < end; at++) {
    const isZero = at >= packet.end || (at >= packet.checksumAt && at < packet.checksumAt + 4);
    crc = CRC32C_TABLE[(crc ^ (isZero ? 0 : bytes[at]!)) & 0xff]! ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}

function coversPseudoHeader(packet: IpPacket): boolean {
  switch (packet.kind) {
    case "tcp":
    case "udp":
      return true;
    case "other":
      return packet.protocol === PROTOCOL_UDP_LITE || packet.protocol === PROTOCOL_DCCP;
    case "echo":
    case "icmp-error":
    case "icmp-other":
      return packet.protocol === PROTOCOL_ICMPV6;
    default:
      return false;
  }
}

export function readLe32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Castagnoli polynomial, reflected (0x82f63b78), one entry per byte value. */
const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});
