import { REASON_BAD_HEADER, REASON_SOURCE_ROUTE } from "../abi";
import { be16, be32 } from "./bytes";

// RFC 791 section 3.1
//    0                   1                   2                   3
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//   |Version|  IHL  |Type of Service|          Total Length         |
//   |         Identification        |Flags|      Fragment Offset    |
//   |  Time to Live |    Protocol   |         Header Checksum       |
//   |                       Source Address                          |
//   |                    Destination Address                        |
export const IPV4_TOTAL_LENGTH_AT: usize = 2;
export const IPV4_FRAGMENT_AT: usize = 6;
export const IPV4_TTL_AT: usize = 8;
export const IPV4_PROTOCOL_AT: usize = 9;
export const IPV4_CHECKSUM_AT: usize = 10;
export const IPV4_SRC_AT: usize = 12;
export const IPV4_DST_AT: usize = 16;
export const IPV4_MIN_SIZE: u32 = 20;

// Options (RFC 791 section 3.1): one byte of type; all but two kinds are followed by one byte of length, both bytes counted.
const OPTION_END: u32 = 0;
const OPTION_NOP: u32 = 1;
const OPTION_LSRR: u32 = 131;
const OPTION_SSRR: u32 = 137;

/**
 * What is wrong with the options of an IPv4 header, as REASON_*, or 0. The whole header must lie in memory.
 * @param length of the header, bytes
 */
export function optionsFault(l3: usize, length: u32): u32 {
  let at: u32 = IPV4_MIN_SIZE;
  while (at < length) {
    const type = <u32>load<u8>(l3 + at);
    if (type == OPTION_END) return 0;
    if (type == OPTION_NOP) {
      at++;
      continue;
    }
    const size = at + 1 < length ? <u32>load<u8>(l3 + at + 1) : 0;
    if (size < 2 || at + size > length) return REASON_BAD_HEADER;
    if (type == OPTION_LSRR || type == OPTION_SSRR) return REASON_SOURCE_ROUTE;
    at += size;
  }
  return 0;
}

const FRAGMENT_MASK: u32 = 0x3fff; // more-fragments flag and offset

export const PROTOCOL_ICMP: u32 = 1;
export const PROTOCOL_TCP: u32 = 6;
export const PROTOCOL_UDP: u32 = 17;
export const PROTOCOL_ICMP6: u32 = 58;
export const PROTOCOL_SCTP: u32 = 132;
export const PROTOCOL_GRE: u32 = 47;
export const PROTOCOL_ESP: u32 = 50;
const PROTOCOL_IGMP: u32 = 2;
const PROTOCOL_IPV4: u32 = 4;
const PROTOCOL_DCCP: u32 = 33;
const PROTOCOL_IPV6: u32 = 41;
const PROTOCOL_AH: u32 = 51;
const PROTOCOL_NONE6: u32 = 59;
const PROTOCOL_UDP_LITE: u32 = 136;
const PROTOCOL_RESERVED: u32 = 255;

/** Protocols whose connections begin with a handshake, and break when their external tuple changes. */
export function hasHandshake(protocol: u32): bool {
  return protocol == PROTOCOL_TCP || protocol == PROTOCOL_SCTP;
}

/** Protocols with a source and a destination port in front. */
export function hasPorts(protocol: u32): bool {
  return protocol == PROTOCOL_UDP || hasHandshake(protocol);
}

/** Of the protocols that connections have: those that are translated by address alone. */
export function isPortless(protocol: u32): bool {
  return protocol != PROTOCOL_ICMP && !hasPorts(protocol);
}

/**
 * True for protocols that can be translated by address alone. Not in IPv4: hop-by-hop options and no header at all, the other family's
 * ICMP, what never leaves a link (IGMP), and what every translation breaks (AH, RFC 4302 section 3.3.3.1.1). In IPv6 only those that are
 * known: others may be extension headers, and their checksums may cover the addresses (RFC 8200 section 8.1).
 */
export function isCarried(protocol: u32, isIpv6: bool): bool {
  if (protocol == PROTOCOL_GRE || protocol == PROTOCOL_ESP || coversAddresses(protocol)) return true;
  if (protocol == PROTOCOL_IPV4 || protocol == PROTOCOL_IPV6) return true;
  if (isIpv6 || protocol <= PROTOCOL_IGMP || protocol == PROTOCOL_RESERVED) return false;
  return protocol != PROTOCOL_AH && protocol != PROTOCOL_ICMP6 && protocol != PROTOCOL_NONE6;
}

/** A checksum of 0 says that there is none, and a computed 0 is sent as 0xffff (RFC 768; RFC 3828 section 3.1). */
export function zeroMeansNone(protocol: u32): bool {
  return protocol == PROTOCOL_UDP || protocol == PROTOCOL_UDP_LITE;
}

/** Portless protocols whose checksum covers a pseudo-header (RFC 3828 section 3.1, RFC 4340 section 9.1). It stands where that of UDP does. */
export function coversAddresses(protocol: u32): bool {
  return protocol == PROTOCOL_UDP_LITE || protocol == PROTOCOL_DCCP;
}

/** View over an IPv4 header; its first 20 bytes must lie in memory. */
@unmanaged
export class Ipv4 {
  get version(): u32 {
    return load<u8>(changetype<usize>(this)) >> 4;
  }

  /** Bytes, options included; less than 20 in a broken header. */
  get headerLength(): u32 {
    return (load<u8>(changetype<usize>(this)) & 15) << 2;
  }

  /** Bytes from the header's start, as the header says. */
  get totalLength(): u32 {
    return be16(changetype<usize>(this) + IPV4_TOTAL_LENGTH_AT);
  }

  get isFragment(): bool {
    return (be16(changetype<usize>(this) + IPV4_FRAGMENT_AT) & FRAGMENT_MASK) != 0;
  }

  get ttl(): u32 {
    return load<u8>(changetype<usize>(this), IPV4_TTL_AT);
  }

  get protocol(): u32 {
    return load<u8>(changetype<usize>(this), IPV4_PROTOCOL_AT);
  }

  /** Source in the low, destination in the high 32 bits, bytes as on the wire. */
  get addresses(): u64 {
    return load<u64>(changetype<usize>(this), IPV4_SRC_AT);
  }

  get src(): u32 {
    return be32(changetype<usize>(this) + IPV4_SRC_AT);
  }

  get dst(): u32 {
    return be32(changetype<usize>(this) + IPV4_DST_AT);
  }
}
