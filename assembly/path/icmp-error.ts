import {
  ACTION_REVERSE,
  ACTION_SNAT,
  EGRESS_STATS_BYTES_AT,
  EGRESS_STATS_FRAMES_AT,
  EGRESS_STATS_REPLIES_AT,
  EGRESS_STATS_REPLY_BYTES_AT,
  GATEWAY_DOWN,
  HOOK_FROM_ENDPOINT,
  LINE_ADDRESS_AT,
  LINE_DST_AT,
  LINE_EGRESS_AT,
  LINE_EPOCH_AT,
  LINE_FLAG_HOP,
  LINE_FLAG_LOST,
  LINE_FLAG_PRIMARY,
  LINE_FLAG_REDIRECT,
  LINE_FLAG_TRANSLATED,
  LINE_FLAGS_AT,
  LINE_PORT_AT,
  LINE_PORTS_AT,
  NO_INDEX,
  REASON_ICMP_ERROR_FRAGMENT,
  REASON_ICMP_ERROR_MISDIRECTED,
  REASON_ICMP_ERROR_NESTED,
  REASON_ICMP_ERROR_UNMATCHED,
  REASON_IPV6_UNSUPPORTED,
  REASON_SNAPLEN_CUT,
  REASON_TRUNCATED,
  REASON_TTL_EXCEEDED,
  VERDICT_FLAG_HOP,
  VERDICT_FLAG_UNVERIFIABLE,
} from "../abi";
import { findAddress } from "../tables/addresses";
import { high, low } from "../tables/blob";
import { epoch, nowMs, nowNs } from "../tables/clock";
import { find, keyHome } from "../tables/conntrack";
import { egressStats } from "../tables/counters";
import { gatewayState, isReachable } from "../tables/gateways";
import { mappedLow } from "../tables/hash";
import { isExpired, isHeld } from "../tables/lifetime";
import { maxConnections6 } from "../tables/memory";
import { egressTotal, findEndpoint, nodeOf } from "../tables/policy";
import { applyDelta, combine, delta32, replaceChecksum } from "../wire/checksum";
import {
  hasPorts,
  IPV4_CHECKSUM_AT,
  IPV4_DST_AT,
  IPV4_MIN_SIZE,
  IPV4_SRC_AT,
  IPV4_TTL_AT,
  Ipv4,
  PROTOCOL_ICMP,
  PROTOCOL_TCP,
} from "../wire/ipv4";
import { IPV6_DST_AT, IPV6_HOP_LIMIT_AT, IPV6_SRC_AT } from "../wire/ipv6";
import { answerKey, makeKey, Parsed, queryKey } from "../wire/parse";
import { isChecksumCut, quotedLength, rewriteQuoted } from "../wire/quoted";
import {
  ICMP_CHECKSUM_AT,
  ICMP_ID_AT,
  ICMP_REDIRECT,
  ICMP_SIZE,
  isIcmpError,
  isIcmpQuery,
  TCP_MIN_SIZE,
} from "../wire/transport";
import { hopEnds, isOfOwner, TTL_DELTA } from "./connection";
import { fault6, find6, rewrite6 } from "./quoted6";
import { redirectError } from "./redirect";
import { neverSelected } from "./resolve";
import { isSpoofed, stateless, statelessToward } from "./stateless";
import { srcHigh, srcLow } from "./tuple";
import { Verdict } from "./verdict";

// ICMP errors carry the head of the packet that they are about, as its receiver saw it (RFC 792; RFC 5508 section 4). The inner packet
// finds the connection, its tuple is translated back, and the outer header follows. Errors never refresh a connection (REQ-6).

/** RFC 792: at least 8 bytes of the inner packet's data. */
const INNER_DATA: u32 = 8;
/** Flags of lines whose frames leave by a gateway. */
const LEAVES: u32 = LINE_FLAG_TRANSLATED | LINE_FLAG_REDIRECT;

/** @param v gets the verdict; the frame is rewritten in place where the connection is translated */
export function icmpError(p: Parsed, v: Verdict): void {
  const isIpv6 = p.isIpv6;
  if (isIpv6 && !maxConnections6) return stateless(p, REASON_IPV6_UNSUPPORTED, v);
  const inner = p.l4 + ICMP_SIZE;
  const reason = isIpv6 ? fault6(p, inner) : innerFault(p, inner);
  if (reason) return isShort(reason) ? v.drop(reason) : stateless(p, reason, v);
  const line = isIpv6 ? find6(p.hook, inner) : findInner(p.hook, inner);
  if (line == 0 || isHeld(line) || isExpired(line, nowMs())) return unmatched(p, inner, v);
  const fromEndpoint = p.hook == HOOK_FROM_ENDPOINT;
  const flags = <u32>load<u8>(line, LINE_FLAGS_AT);
  if (isForged(p, inner, fromEndpoint)) {
    // Whoever it is addressed to: it quotes a mapping that is not theirs.
    if (!fromEndpoint && flags & LEAVES) return v.drop(REASON_ICMP_ERROR_MISDIRECTED);
    return refuse(p, inner, REASON_ICMP_ERROR_MISDIRECTED, v);
  }
  // The endpoint is whom the quoted packet was for: a router in front of it may have sent the error.
  const ownAt = (fromEndpoint ? inner : p.l3) + (isIpv6 ? IPV6_DST_AT : IPV4_DST_AT);
  const own = isIpv6 ? findAddress(ownAt) : load<u32>(ownAt);
  if (!(flags & LEAVES)) {
    return standsAsPassed(own, line, fromEndpoint) ? v.pass(load<u16>(line, LINE_PORT_AT)) : unmatched(p, inner, v);
  }
  if (fromEndpoint && !isOfOwner(own, line)) return unmatched(p, inner, v);
  // Its gateway went with a policy; the endpoint's next own frame will find another.
  const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
  if (egress >= egressTotal) return unmatched(p, inner, v);
  // Once it is known to be down nobody is pinned to it.
  if (fromEndpoint && gatewayState(nodeOf(egress)) == GATEWAY_DOWN) return unmatched(p, inner, v);
  if (!isReachable(nodeOf(egress))) return v.lose(egress);
  if (flags & LINE_FLAG_REDIRECT) return redirectError(p, line, v);
  if (flags & LINE_FLAG_LOST) return unmatched(p, inner, v);
  if (!fromEndpoint && !isOfOwner(load<u32>(line, LINE_ADDRESS_AT), line)) return unmatched(p, inner, v);
  if (hopEnds(p.l3, line)) return v.drop(REASON_TTL_EXCEEDED);
  if (isIpv6) rewriteError6(p, inner, line, fromEndpoint, v);
  else rewriteError(p, inner, line, fromEndpoint, v);
  say(p, line, fromEndpoint, v);
}

/** Row of the endpoint that got the packet which an error from inside quotes, or NO_INDEX: a router speaks at that one's node. */
export function quotedEndpoint(p: Parsed): u32 {
  const inner = p.l4 + ICMP_SIZE;
  if (p.isIpv6 ? fault6(p, inner) : innerFault(p, inner)) return NO_INDEX;
  return findEndpoint(quotedHigh(p, inner), quotedLow(p, inner), nowNs());
}

/** Who opened a connection decides for its errors, too: what an endpoint opened may be selected by now. @param own the endpoint's address */
function standsAsPassed(own: u32, line: usize, fromEndpoint: bool): bool {
  if (load<u32>(line, LINE_EPOCH_AT) == epoch()) return true;
  const isOutbound = fromEndpoint && (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_PRIMARY) != 0;
  return !isOutbound && isOfOwner(own, line);
}

/**
 * An error goes to the host that the inner packet came from (CVE-2019-5598). From inside it comes from whom that packet went to or from a
 * router on the way there (RFC 5508 REQ-5), never from another endpoint: its quotation of somebody else's connection would let a frame out.
 */
function isForged(p: Parsed, inner: usize, fromEndpoint: bool): bool {
  const size: usize = p.isIpv6 ? 16 : 4;
  const src: usize = p.isIpv6 ? IPV6_SRC_AT : IPV4_SRC_AT;
  const dst: usize = p.isIpv6 ? IPV6_DST_AT : IPV4_DST_AT;
  if (memory.compare(p.l3 + dst, inner + src, size) != 0) return true;
  if (!fromEndpoint || memory.compare(p.l3 + src, inner + dst, size) == 0) return false;
  return isSpoofed(srcHigh(p), srcLow(p)) || findEndpoint(srcHigh(p), srcLow(p), nowNs()) != NO_INDEX;
}

/** Destination of the quoted packet, as halves. */
function quotedHigh(p: Parsed, inner: usize): u64 {
  return p.isIpv6 ? high(inner + IPV6_DST_AT) : 0;
}

function quotedLow(p: Parsed, inner: usize): u64 {
  return p.isIpv6 ? low(inner + IPV6_DST_AT) : mappedLow(load<u32>(inner + IPV4_DST_AT));
}

/**
 * No connection is known. From outside, any router may speak, and what counts is the remote that the endpoint had talked to; from an
 * endpoint the outer destination counts, or a forged quotation would let it leave untranslated.
 */
function unmatched(p: Parsed, inner: usize, v: Verdict): void {
  refuse(p, inner, REASON_ICMP_ERROR_UNMATCHED, v);
}

function refuse(p: Parsed, inner: usize, reason: u32, v: Verdict): void {
  if (p.hook == HOOK_FROM_ENDPOINT) return stateless(p, reason, v);
  // A node or pod of the cluster speaks for itself, for instance about a frame that never came as far as the gateway.
  const inside = neverSelected(srcHigh(p), srcLow(p));
  if (inside) return v.pass(inside);
  statelessToward(p, quotedHigh(p, inner), quotedLow(p, inner), reason, v);
}

/** Said of frames of which nothing more can be read. */
function isShort(reason: u32): bool {
  return reason == REASON_TRUNCATED || reason == REASON_SNAPLEN_CUT;
}

/** Why the inner packet cannot be read, or 0. Afterwards its header and 8 bytes of its data lie inside the frame. */
function innerFault(p: Parsed, inner: usize): u32 {
  const outer = changetype<Ipv4>(p.l3);
  const stated = outer.totalLength - outer.headerLength - ICMP_SIZE;
  if (outer.totalLength == 0 || stated < IPV4_MIN_SIZE + INNER_DATA) return REASON_TRUNCATED;
  if (inner + IPV4_MIN_SIZE > p.end) return REASON_SNAPLEN_CUT;
  const ip = changetype<Ipv4>(inner);
  const headerLength = ip.headerLength;
  if (ip.version != 4 || headerLength < IPV4_MIN_SIZE) return REASON_ICMP_ERROR_UNMATCHED;
  if (stated < headerLength + INNER_DATA) return REASON_TRUNCATED;
  if (inner + headerLength + INNER_DATA > p.end) return REASON_SNAPLEN_CUT;
  // No packet of a connection was ever that short: what looks like its ports would be somebody else's bytes.
  if (ip.totalLength < headerLength + (ip.protocol == PROTOCOL_TCP ? TCP_MIN_SIZE : INNER_DATA))
    return REASON_ICMP_ERROR_UNMATCHED;
  if (ip.isFragment && !isFirstFragment(inner)) return REASON_ICMP_ERROR_FRAGMENT;
  return ip.protocol == PROTOCOL_ICMP && isError(load<u8>(inner + headerLength)) ? REASON_ICMP_ERROR_NESTED : 0;
}

/** RFC 1122 section 3.2.2: about none of these may an error be sent. */
function isError(type: u32): bool {
  return isIcmpError(type) || type == ICMP_REDIRECT;
}

function isFirstFragment(ip: usize): bool {
  return (bswap<u16>(load<u16>(ip, 6)) & 0x1fff) == 0;
}

/** The conntrack line of the inner packet's connection, by the key that an answer to it would show at this hook; 0 = none. */
function findInner(hook: u32, inner: usize): usize {
  const ip = changetype<Ipv4>(inner);
  const protocol = ip.protocol;
  const l4 = inner + ip.headerLength;
  let key: u64 = 0;
  if (protocol != PROTOCOL_ICMP) key = makeKey(hasPorts(protocol) ? load<u32>(l4) : 0, protocol, hook);
  else if (isIcmpQuery(load<u8>(l4))) key = queryKey(load<u16>(l4, ICMP_ID_AT), load<u8>(l4), hook);
  else return 0;
  const addresses = rotl<u64>(ip.addresses, 32);
  key = answerKey(key, hook);
  return find(keyHome(addresses, key), addresses, key);
}

function rewriteError(p: Parsed, inner: usize, line: usize, fromEndpoint: bool, v: Verdict): void {
  const address = load<u32>(line, LINE_ADDRESS_AT);
  const ip = changetype<Ipv4>(inner);
  const l4 = inner + ip.headerLength;
  const end = p.l3 + changetype<Ipv4>(p.l3).totalLength;
  const port = <u32>load<u16>(line, LINE_PORT_AT);
  const innerAddressAt = fromEndpoint ? inner + IPV4_DST_AT : inner + IPV4_SRC_AT;
  const addressDelta = delta32(load<u32>(innerAddressAt), address);
  store<u32>(innerAddressAt, address);
  let sum = combine(addressDelta, replaceChecksum(inner + IPV4_CHECKSUM_AT, addressDelta));
  sum = combine(
    sum,
    rewriteQuoted(ip.protocol, l4, fromEndpoint ? 2 : 0, port, addressDelta, p.end, end, quotedLength(inner)),
  );
  if (isChecksumCut) v.flag(VERDICT_FLAG_UNVERIFIABLE);
  const checksumAt = p.l4 + ICMP_CHECKSUM_AT;
  store<u16>(checksumAt, <u16>applyDelta(load<u16>(checksumAt), sum));
  rewriteOuter(p.l3, address, line, fromEndpoint, v);
}

function rewriteError6(p: Parsed, inner: usize, line: usize, fromEndpoint: bool, v: Verdict): void {
  rewrite6(p, inner, p.l3 + (fromEndpoint ? IPV6_SRC_AT : IPV6_DST_AT), line, fromEndpoint, v);
  if (!(load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_HOP)) return;
  store<u8>(p.l3, load<u8>(p.l3, IPV6_HOP_LIMIT_AT) - 1, IPV6_HOP_LIMIT_AT);
  v.flag(VERDICT_FLAG_HOP);
}

function rewriteOuter(l3: usize, address: u32, line: usize, fromEndpoint: bool, v: Verdict): void {
  const at = fromEndpoint ? l3 + IPV4_SRC_AT : l3 + IPV4_DST_AT;
  let delta = delta32(load<u32>(at), address);
  store<u32>(at, address);
  if (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_HOP) {
    store<u8>(l3 + IPV4_TTL_AT, load<u8>(l3 + IPV4_TTL_AT) - 1);
    delta = combine(delta, TTL_DELTA);
    v.flag(VERDICT_FLAG_HOP);
  }
  replaceChecksum(l3 + IPV4_CHECKSUM_AT, delta);
}

function say(p: Parsed, line: usize, fromEndpoint: bool, v: Verdict): void {
  const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
  const stats = egressStats(egress);
  const frames = stats + (fromEndpoint ? EGRESS_STATS_FRAMES_AT : EGRESS_STATS_REPLIES_AT);
  const bytes = stats + (fromEndpoint ? EGRESS_STATS_BYTES_AT : EGRESS_STATS_REPLY_BYTES_AT);
  store<u64>(frames, load<u64>(frames) + 1);
  store<u64>(bytes, load<u64>(bytes) + p.wire);
  if (fromEndpoint)
    return v.translated(ACTION_SNAT, egress, line, load<u32>(line, LINE_ADDRESS_AT), load<u16>(line, LINE_PORT_AT));
  // On the network side the line's own key holds the egress address and NAT port.
  v.translated(ACTION_REVERSE, egress, line, load<u32>(line, LINE_DST_AT), load<u32>(line, LINE_PORTS_AT) >> 16);
}
