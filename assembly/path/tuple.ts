import { EGRESS_IPV4_AT, EGRESS_IPV6_AT } from "../abi";
import { findAddress, releaseAddress, takeAddress } from "../tables/addresses";
import { high, low } from "../tables/blob";
import { mappedLow, tupleHash, tupleHash4 } from "../tables/hash";
import { egressAt } from "../tables/policy";
import { Ipv4, PROTOCOL_ICMP, PROTOCOL_ICMP6 } from "../wire/ipv4";
import { IPV6_DST_AT, IPV6_HOP_LIMIT_AT, IPV6_SRC_AT } from "../wire/ipv6";
import { Parsed } from "../wire/parse";

// Addresses of both families. What frames and lines hold in 32 bits is an IPv4 address as on the wire, or the number of an IPv6 one;
// policy is asked by two big-endian halves, IPv4 mapped (RFC 4291 section 2.5.5.2).

/** True for the halves of an IPv6 address. */
export function isIpv6Address(addressHigh: u64, addressLow: u64): bool {
  return addressHigh != 0 || addressLow >> 32 != 0xffff;
}

/** Source and destination of a frame. IPv6: as they stand in its header now. */
export function srcHigh(p: Parsed): u64 {
  return p.isIpv6 ? high(p.l3 + IPV6_SRC_AT) : 0;
}

export function srcLow(p: Parsed): u64 {
  return p.isIpv6 ? low(p.l3 + IPV6_SRC_AT) : mappedLow(<u32>p.addresses);
}

export function dstHigh(p: Parsed): u64 {
  return p.isIpv6 ? high(p.l3 + IPV6_DST_AT) : 0;
}

export function dstLow(p: Parsed): u64 {
  return p.isIpv6 ? low(p.l3 + IPV6_DST_AT) : mappedLow(<u32>(p.addresses >> 32));
}

/** Source and destination are the same (CERT CA-1997-28). */
export function isLand(p: Parsed): bool {
  if (!p.isIpv6) return <u32>p.addresses == <u32>(p.addresses >> 32);
  return srcLow(p) == dstLow(p) && srcHigh(p) == dstHigh(p);
}

/** TTL or hop limit of the IP header at `l3`. */
export function ttlOf(l3: usize): u32 {
  return load<u8>(l3) >> 4 == 6 ? <u32>load<u8>(l3, IPV6_HOP_LIMIT_AT) : changetype<Ipv4>(l3).ttl;
}

/** `tupleHash` of a frame's original five-tuple. */
export function hashTuple(seed: u64, p: Parsed): u64 {
  const ports = bswap<u32>(p.ports);
  if (!p.isIpv6) {
    const src = bswap<u32>(<u32>p.addresses);
    const dst = bswap<u32>(<u32>(p.addresses >> 32));
    return tupleHash4(seed, src, dst, ports >> 16, ports & 0xffff, p.protocol);
  }
  const protocol = p.protocol == PROTOCOL_ICMP ? PROTOCOL_ICMP6 : p.protocol;
  return tupleHash(seed, srcHigh(p), srcLow(p), dstHigh(p), dstLow(p), ports >> 16, ports & 0xffff, protocol);
}

/** True where an egress has an address of the family. */
export function hasAddress(egress: u32, isIpv6: bool): bool {
  const at = egressAt(egress) + (isIpv6 ? EGRESS_IPV6_AT : EGRESS_IPV4_AT);
  return (load<u64>(at) | load<u64>(at, 8)) != 0;
}

/** Address of an egress as lines hold it; 0 = none, or an IPv6 one that no connection has to do with. */
export function egressAddress(egress: u32, isIpv6: bool): u32 {
  const row = egressAt(egress);
  return isIpv6 ? findAddress(row + EGRESS_IPV6_AT) : load<u32>(row, EGRESS_IPV4_AT + 12);
}

/** True where an address, as halves, is one of an egress. A number of 0 in a line reads as no address. */
export function isEgressIP(egress: u32, addressHigh: u64, addressLow: u64): bool {
  const row = egressAt(egress) + (isIpv6Address(addressHigh, addressLow) ? EGRESS_IPV6_AT : EGRESS_IPV4_AT);
  return high(row) == addressHigh && low(row) == addressLow;
}

/** Looks up the numbers of an IPv6 frame's addresses. */
export function lookUp(p: Parsed): void {
  p.addresses = <u64>findAddress(p.l3 + IPV6_SRC_AT) | ((<u64>findAddress(p.l3 + IPV6_DST_AT)) << 32);
}

/** Gives an IPv6 frame's addresses numbers until `giveBack`. @returns false where there is no room; then there is nothing to give back */
export function borrow(p: Parsed): bool {
  const src = takeAddress(p.l3 + IPV6_SRC_AT);
  const dst = src ? takeAddress(p.l3 + IPV6_DST_AT) : 0;
  if (!dst) {
    if (src) releaseAddress(src);
    return false;
  }
  p.addresses = <u64>src | ((<u64>dst) << 32);
  return true;
}

/** @param addresses that the frame had after `borrow` */
export function giveBack(addresses: u64): void {
  releaseAddress(<u32>addresses);
  releaseAddress(<u32>(addresses >> 32));
}

/** The same as `borrow` for the address of an egress. @returns its number, 0 = no room */
export function borrowEgress(egress: u32): u32 {
  return takeAddress(egressAt(egress) + EGRESS_IPV6_AT);
}
