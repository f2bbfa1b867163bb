import {
  REASON_BAD_HEADER,
  REASON_FRAGMENT_TINY,
  REASON_FRAGMENT_UNSUPPORTED,
  REASON_SNAPLEN_CUT,
  REASON_TRUNCATED,
  REASON_UNSUPPORTED_PROTOCOL,
} from "../abi";
import { be16 } from "./bytes";
import { IPV4_FRAGMENT_AT, Ipv4, isCarried, isPortless, PROTOCOL_ICMP, PROTOCOL_SCTP, PROTOCOL_TCP } from "./ipv4";
import {
  IPV6_PAYLOAD_LENGTH_AT,
  IPV6_SIZE,
  isPart,
  lastAt,
  lastProtocol,
  WALK_NOT_CAPTURED,
  WALK_PAST_END,
  WALK_SOURCE_ROUTED,
  WALKED,
  walkFrom,
} from "./ipv6";
import { KIND_FAULT, KIND_ICMP_ERROR, KIND_PLAIN, KIND_REFUSED, makeKey, Parsed, parseTransport } from "./parse";
import { SCTP_MIN_SIZE } from "./sctp";
import { ICMP_SIZE, TCP_MIN_SIZE, TCP_OFFSET_AT } from "./transport";

// One fragment of a datagram (RFC 791 section 3.2; RFC 8200 section 4.5), by itself.

const IPV4_ID_AT: usize = 4;
const IPV4_MORE: u32 = 0x2000;
const IPV4_OFFSET: u32 = 0x1fff;
const IPV6_OFFSET_AT: usize = 2;
const IPV6_ID_AT: usize = 4;
const IPV6_MORE: u32 = 1;
const IPV6_HEADER_SIZE: u32 = 8;
/** Bytes behind the IP header of the longest datagram. */
const MAX_DATAGRAM: u32 = 65535;

/** Identification as on the wire: 16 bits of IPv4, 32 of IPv6. */
export let fragmentId: u32 = 0;
/** Bytes of the datagram behind its IP header that the fragment carries: `fragmentFrom` to `fragmentEnd` - 1. */
export let fragmentFrom: u32 = 0;
export let fragmentEnd: u32 = 0;
export let isLastFragment: bool = false;

/**
 * Reads a KIND_FRAGMENT frame. A first fragment becomes PLAIN and gets its five-tuple; the numbers of IPv6 addresses are not looked up.
 * @returns 0, or REASON_*
 */
export function readFragment(p: Parsed): u32 {
  const l3 = p.l3;
  let start = p.l4;
  let end = l3;
  let room = MAX_DATAGRAM;
  if (p.isIpv6) {
    const word = be16(start + IPV6_OFFSET_AT);
    fragmentFrom = word & ~7;
    isLastFragment = !(word & IPV6_MORE);
    fragmentId = load<u32>(start, IPV6_ID_AT);
    // Headers before the fragment header count as payload of the whole.
    room -= <u32>(start - l3) - IPV6_SIZE;
    start += IPV6_HEADER_SIZE;
    end += IPV6_SIZE + be16(l3 + IPV6_PAYLOAD_LENGTH_AT);
  } else {
    const ip = changetype<Ipv4>(l3);
    const word = be16(l3 + IPV4_FRAGMENT_AT);
    fragmentFrom = (word & IPV4_OFFSET) << 3;
    isLastFragment = !(word & IPV4_MORE);
    fragmentId = load<u16>(l3, IPV4_ID_AT);
    room -= ip.headerLength;
    end += ip.totalLength;
  }
  if (end <= start) return REASON_BAD_HEADER;
  const length = <u32>(end - start);
  fragmentEnd = fragmentFrom + length;
  if (fragmentEnd > room || (!isLastFragment && length & 7)) return REASON_BAD_HEADER;
  if (!fragmentFrom) return readTransport(p, start, end);
  // The protocol of IPv6 shows in the first one.
  const isRefused = !p.isIpv6 && p.protocol != PROTOCOL_ICMP && isPortless(p.protocol) && !isCarried(p.protocol, false);
  return isRefused ? REASON_UNSUPPORTED_PROTOCOL : 0;
}

/** The transport header of a first fragment, which has to be in it whole (RFC 1858, RFC 7112). */
function readTransport(p: Parsed, start: usize, end: usize): u32 {
  let protocol = p.protocol;
  if (p.isIpv6) {
    const walked = walkFrom(load<u8>(p.l4), start, end, p.end);
    if (walked == WALK_PAST_END) return REASON_FRAGMENT_TINY;
    if (walked == WALK_NOT_CAPTURED) return REASON_SNAPLEN_CUT;
    if (walked == WALK_SOURCE_ROUTED) return REASON_UNSUPPORTED_PROTOCOL;
    if (walked != WALKED || isPart) return REASON_BAD_HEADER;
    start = lastAt;
    protocol = lastProtocol;
    // What has no ports keeps this key.
    p.key = makeKey(0, protocol, p.side);
  }
  p.l4 = start;
  const length = <u32>(end - start);
  const least = protocol == PROTOCOL_TCP ? TCP_MIN_SIZE : protocol == PROTOCOL_SCTP ? SCTP_MIN_SIZE : ICMP_SIZE;
  if (length < least) return REASON_FRAGMENT_TINY;
  // A UDP header and SCTP's chunks speak of the whole datagram.
  const stated = protocol == PROTOCOL_TCP ? length : MAX_DATAGRAM;
  parseTransport(p, protocol, stated, p.end > start ? <u32>(p.end - start) : 0, p.side, false);
  const kind = <u32>p.kind;
  if (kind == KIND_PLAIN) return 0;
  if (kind == KIND_REFUSED) return p.reason;
  if (kind == KIND_FAULT) return isCut(p, protocol) ? REASON_FRAGMENT_TINY : <u32>p.reason;
  return kind == KIND_ICMP_ERROR ? REASON_FRAGMENT_UNSUPPORTED : REASON_UNSUPPORTED_PROTOCOL;
}

/** The fault of a transport header is that it ends behind the fragment. */
function isCut(p: Parsed, protocol: u32): bool {
  if (p.reason == REASON_TRUNCATED) return true;
  return p.reason == REASON_BAD_HEADER && protocol == PROTOCOL_TCP && load<u8>(p.l4, TCP_OFFSET_AT) >> 4 >= 5;
}
