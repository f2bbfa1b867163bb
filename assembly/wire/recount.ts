import { FRAME_FLAG_GSO } from "../abi";
import { be16 } from "./bytes";
import { fold, rawSum } from "./checksum";
import {
  IPV4_CHECKSUM_AT,
  IPV4_MIN_SIZE,
  IPV4_SRC_AT,
  Ipv4,
  PROTOCOL_ICMP,
  PROTOCOL_ICMP6,
  PROTOCOL_SCTP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from "./ipv4";
import { IPV6_PAYLOAD_LENGTH_AT, IPV6_SIZE, IPV6_SRC_AT } from "./ipv6";
import {
  KIND_FRAGMENT,
  KIND_ICMP_ERROR,
  KIND_PLAIN,
  KIND_PLAIN6,
  KIND_UNSUPPORTED,
  PARSED_NO_CHECKSUM,
  PARSED_PARTIAL,
  Parsed,
  transportLength,
} from "./parse";
import { isCrcRight } from "./sctp";
import { ICMP_SIZE, UDP_CHECKSUM_AT, UDP_LENGTH_AT } from "./transport";

// Checksums counted anew (RFC 1071), for `CONFIG_FLAG_BAD_CHECKSUM_DROP`. What a capture does not show, and what a sender leaves to its
// network card, is not judged.

/** A right sum over words that hold their own checksum; 0 would need all of them to be 0. */
const RIGHT: u32 = 0xffff;
const PSEUDO_ADDRESSES: u32 = 8;
const PSEUDO_ADDRESSES6: u32 = 32;

/**
 * True where a checksum of a frame is wrong. IPv4: of its header, of TCP, UDP, echo, of an ICMP error (RFC 5508 REQ-3) and of the IPv4
 * header that it quotes (REQ-3a), not of the transport header in there (REQ-3c). @param frameFlags FRAME_FLAG_* of its record
 */
export function hasBadChecksum(p: Parsed, frameFlags: u32): bool {
  const kind = <u32>p.kind;
  if (
    kind != KIND_PLAIN &&
    kind != KIND_PLAIN6 &&
    kind != KIND_ICMP_ERROR &&
    kind != KIND_FRAGMENT &&
    kind != KIND_UNSUPPORTED
  )
    return false;
  const ip = changetype<Ipv4>(p.l3);
  const isOffloaded = (frameFlags & FRAME_FLAG_GSO) != 0 || (p.flags & PARSED_PARTIAL) != 0;
  if (ip.version != 4) return !isOffloaded && hasBadChecksum6(p);
  if (isOffloaded && load<u16>(p.l3, IPV4_CHECKSUM_AT) == 0) return false;
  if (rawSum(p.l3, ip.headerLength) != RIGHT) return true;
  if (isOffloaded || p.flags & PARSED_NO_CHECKSUM) return false;
  if (kind == KIND_ICMP_ERROR && isQuotedHeaderBad(p)) return true;
  if ((kind != KIND_PLAIN && kind != KIND_ICMP_ERROR) || p.end != p.l3 + ip.totalLength) return false;
  const length = <u32>(p.end - p.l4);
  const protocol = ip.protocol;
  if (protocol == PROTOCOL_ICMP) return rawSum(p.l4, length) != RIGHT;
  if (protocol == PROTOCOL_TCP) return pseudoSum(p, PROTOCOL_TCP, length) != RIGHT;
  if (protocol != PROTOCOL_UDP || load<u16>(p.l4, UDP_CHECKSUM_AT) == 0) return false;
  return pseudoSum(p, PROTOCOL_UDP, be16(p.l4 + UDP_LENGTH_AT)) != RIGHT;
}

/** The same of IPv6, whose header has none (RFC 8200 section 8.1): TCP, UDP, echo and ICMPv6 errors. A UDP checksum of 0 is none. */
function hasBadChecksum6(p: Parsed): bool {
  if (p.flags & PARSED_NO_CHECKSUM || (p.kind != KIND_PLAIN6 && p.kind != KIND_ICMP_ERROR)) return false;
  if (p.end != p.l3 + IPV6_SIZE + be16(p.l3 + IPV6_PAYLOAD_LENGTH_AT)) return false;
  let length = <u32>(p.end - p.l4);
  let protocol = p.protocol;
  if (protocol == PROTOCOL_UDP) {
    if (load<u16>(p.l4, UDP_CHECKSUM_AT) == 0) return false;
    length = be16(p.l4 + UDP_LENGTH_AT);
  } else if (protocol == PROTOCOL_ICMP) protocol = PROTOCOL_ICMP6;
  if (protocol != PROTOCOL_UDP && protocol != PROTOCOL_TCP && protocol != PROTOCOL_ICMP6) return false;
  return sumBehind(p.l3 + IPV6_SRC_AT, PSEUDO_ADDRESSES6, p.l4, length, protocol) != RIGHT;
}

/** RFC 9293 section 3.1, RFC 768: addresses, protocol and length before the `length` bytes from the transport header on. */
function pseudoSum(p: Parsed, protocol: u32, length: u32): u32 {
  return sumBehind(p.l3 + IPV4_SRC_AT, PSEUDO_ADDRESSES, p.l4, length, protocol);
}

function sumBehind(addresses: usize, size: u32, l4: usize, length: u32, protocol: u32): u32 {
  const words = <u32>bswap<u16>(<u16>length) + (protocol << 8);
  return fold(rawSum(addresses, size) + rawSum(l4, length) + words);
}

/** True where the CRC of a whole SCTP packet of either family is wrong. It covers no IP header (RFC 9260 section 6.8). */
export function hasBadCrc(p: Parsed, frameFlags: u32): bool {
  const kind = <u32>p.kind;
  if ((kind != KIND_PLAIN && kind != KIND_PLAIN6) || p.protocol != PROTOCOL_SCTP) return false;
  if (frameFlags & FRAME_FLAG_GSO || p.flags & (PARSED_PARTIAL | PARSED_NO_CHECKSUM)) return false;
  const length = transportLength(p);
  return p.l4 + length == p.end && !isCrcRight(p.l4, length);
}

/** Only where the whole quoted header was captured. */
function isQuotedHeaderBad(p: Parsed): bool {
  const quoted = p.l4 + ICMP_SIZE;
  if (quoted + IPV4_MIN_SIZE > p.end) return false;
  const ip = changetype<Ipv4>(quoted);
  const length = ip.headerLength;
  if (ip.version != 4 || length < IPV4_MIN_SIZE || quoted + length > p.end) return false;
  return rawSum(quoted, length) != RIGHT;
}
