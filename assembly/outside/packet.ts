import { REASON_BAD_HEADER, REASON_NOT_IP, REASON_SNAPLEN_CUT } from "../abi";
import { be16 } from "../wire/bytes";
import { hasPorts as hasPortsInFront, IPV4_MIN_SIZE, IPV4_SRC_AT, Ipv4, PROTOCOL_ICMP } from "../wire/ipv4";
import { LINK_FAULT, networkOffset } from "../wire/link";
import { ICMP_SIZE, isIcmpError } from "../wire/transport";
import { mapped } from "./addresses";
import { SKIP_BAD_HEADER, SKIP_CUT, SKIP_NOT_IP, SKIP_TRUNCATED } from "./layout";

// A first look at a frame: enough to say whose it is. Results stand in globals until the next call; nothing is written to the frame.

const IPV6_SIZE: u32 = 40;
const IPV6_SRC_AT: usize = 8;
const IPV6_DST_AT: usize = 24;
const IPV6_NEXT_AT: usize = 6;
const IPV6_LENGTH_AT: usize = 4;

/** IP header, and the transport header behind an IPv4 header, a plain IPv6 header or none (0). */
export let l3: usize = 0;
export let l4: usize = 0;
export let version: u32 = 0;
export let protocol: u32 = 0;
/** Bytes from the IP header on, as the header says; 0 there (super-frames) counts as what was on the wire. */
export let totalLength: u32 = 0;
/** First byte after what was captured of the packet. */
export let packetEnd: usize = 0;
export let isFragment: bool = false;
export let srcFirst: u64 = 0;
export let srcSecond: u64 = 0;
export let dstFirst: u64 = 0;
export let dstSecond: u64 = 0;

/** @returns 0, or SKIP_* where the frame shows no addresses */
export function look(frame: usize, captured: u32, wire: u32, link: u32): u32 {
  const offset = networkOffset(frame, captured, wire, link);
  if (offset & LINK_FAULT) return linkFault(offset & ~LINK_FAULT);
  l3 = frame + offset;
  l4 = 0;
  isFragment = false;
  version = load<u8>(l3) >> 4;
  if (version == 4) return lookAtIpv4(captured - offset, wire - offset);
  if (version == 6) return lookAtIpv6(captured - offset, wire - offset);
  return SKIP_BAD_HEADER;
}

function linkFault(reason: u32): u32 {
  if (reason == REASON_NOT_IP) return SKIP_NOT_IP;
  if (reason == REASON_BAD_HEADER) return SKIP_BAD_HEADER;
  return reason == REASON_SNAPLEN_CUT ? SKIP_CUT : SKIP_TRUNCATED;
}

function lookAtIpv4(captured: u32, wire: u32): u32 {
  if (captured < IPV4_MIN_SIZE) return wire < IPV4_MIN_SIZE ? SKIP_TRUNCATED : SKIP_CUT;
  const ip = changetype<Ipv4>(l3);
  const addresses = ip.addresses;
  srcFirst = 0;
  srcSecond = mapped(<u32>addresses);
  dstFirst = 0;
  dstSecond = mapped(<u32>(addresses >> 32));
  protocol = ip.protocol;
  totalLength = ip.totalLength == 0 ? wire : ip.totalLength;
  isFragment = ip.isFragment;
  packetEnd = l3 + (captured < totalLength ? captured : totalLength);
  const headerLength = ip.headerLength;
  if (headerLength >= IPV4_MIN_SIZE && l3 + headerLength <= packetEnd) l4 = l3 + headerLength;
  return 0;
}

function lookAtIpv6(captured: u32, wire: u32): u32 {
  if (captured < IPV6_SIZE) return wire < IPV6_SIZE ? SKIP_TRUNCATED : SKIP_CUT;
  srcFirst = load<u64>(l3, IPV6_SRC_AT);
  srcSecond = load<u64>(l3, IPV6_SRC_AT + 8);
  dstFirst = load<u64>(l3, IPV6_DST_AT);
  dstSecond = load<u64>(l3, IPV6_DST_AT + 8);
  protocol = load<u8>(l3, IPV6_NEXT_AT);
  const stated = be16(l3 + IPV6_LENGTH_AT);
  totalLength = stated == 0 ? wire : stated + IPV6_SIZE;
  packetEnd = l3 + (captured < totalLength ? captured : totalLength);
  if (l3 + IPV6_SIZE <= packetEnd) l4 = l3 + IPV6_SIZE;
  return 0;
}

/** True for fragments, and for IPv6 packets with extension headers, which may be some. */
export function mayBeFragment(): bool {
  return version == 4 ? isFragment : protocol == 0 || protocol == 43 || protocol == 44 || protocol == 60;
}

/** True where source and destination port can be read. */
export function hasPorts(): bool {
  return !isFragment && l4 != 0 && l4 + 4 <= packetEnd && hasPortsInFront(protocol);
}

/** Host order; only where `hasPorts`. */
export function sourcePort(): u32 {
  return be16(l4);
}

export function destinationPort(): u32 {
  return be16(l4 + 2);
}

/** The IPv4 header that an ICMP error quotes, captured as far as its addresses; 0 where there is none. */
export function quotedIpv4(): usize {
  if (version != 4 || protocol != PROTOCOL_ICMP || isFragment || l4 == 0) return 0;
  const quoted = l4 + ICMP_SIZE;
  if (quoted + IPV4_MIN_SIZE > packetEnd || !isIcmpError(load<u8>(l4))) return 0;
  return load<u8>(quoted) >> 4 == 4 ? quoted : 0;
}

/** Source and destination address of an IPv4 packet as on the wire. */
export function ipv4Addresses(): u64 {
  return load<u64>(l3, IPV4_SRC_AT);
}
