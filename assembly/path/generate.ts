import {
  ACTION_DROP,
  COUNTER_GENERATED_AT,
  COUNTER_UNTOLD_AT,
  EGRESS_IPV4_AT,
  EGRESS_IPV6_AT,
  ENDPOINT_NODE_AT,
  FRAME_FLAG_GSO,
  FRAME_HOOK_AT,
  FRAME_LINK_AT,
  FRAME_OFFSET_AT,
  FRAME_SIZE,
  FRAME_TIME_AT,
  GENERATED_BURST,
  GENERATED_COUNT_AT,
  GENERATED_EGRESS_AT,
  GENERATED_FRAME_AT,
  GENERATED_INTERVAL_NS,
  GENERATED_LENGTH_AT,
  GENERATED_PACKET_AT,
  GENERATED_ROWS_AT,
  GENERATED_SIZE,
  HOOK_FROM_ENDPOINT,
  HOOK_FROM_OVERLAY,
  LINK_ETHERNET,
  NO_INDEX,
  OUTER_SIZE,
  REASON_NO_NAT_MAPPING,
  REASON_PACKET_TOO_BIG,
  REASON_TTL_EXCEEDED,
} from "../abi";
import { nowNs } from "../tables/clock";
import { count } from "../tables/counters";
import { arenaAt, framesAt, generatedAt, limitsAt, maxNodes, mtu } from "../tables/memory";
import { egressAt, egressTotal, endpointAt, findEndpoint, nodeOf } from "../tables/policy";
import { be16, putBe32 } from "../wire/bytes";
import { fold, rawSum } from "../wire/checksum";
import {
  IPV4_CHECKSUM_AT,
  IPV4_DST_AT,
  IPV4_FRAGMENT_AT,
  IPV4_MIN_SIZE,
  IPV4_SRC_AT,
  IPV4_TOTAL_LENGTH_AT,
  PROTOCOL_ICMP,
  PROTOCOL_ICMP6,
} from "../wire/ipv4";
import { IPV6_DST_AT, IPV6_PAYLOAD_LENGTH_AT, IPV6_SIZE, IPV6_SRC_AT } from "../wire/ipv6";
import { isToGroup } from "../wire/link";
import {
  KIND_FRAGMENT,
  KIND_ICMP_ERROR,
  KIND_PLAIN,
  KIND_PLAIN6,
  PARSED_LATER,
  PARSED_LONG,
  Parsed,
} from "../wire/parse";
import { ICMP_CHECKSUM_AT, ICMP_SIZE } from "../wire/transport";
import { selectedEgress } from "./resolve";
import { hasAddress, srcHigh, srcLow, ttlOf } from "./tuple";
import { Verdict } from "./verdict";

// ICMP errors of the gateway's own, to an endpoint whose frame was dropped (CONFIG_FLAG_ICMP_ERRORS): no NAT port is free (RFC 5508 REQ-8),
// its TTL ends on the way to the gateway (RFC 1812 section 5.3.1), it is too long for a link (RFC 4787 REQ-13, RFC 8201). They come from
// the egress IP: of both families the one address of the gateway that is always known, and the same whoever plays the nodes.

/** What the overlay puts around an IP packet, less the outer Ethernet header (RFC 7348 section 5). */
const OVERLAY_SIZE: u32 = OUTER_SIZE - 14;
/** RFC 8200 section 5: every link takes packets of that length. */
const IPV6_MIN_MTU: u32 = 1280;
/** RFC 1812 section 4.3.2.3, RFC 4443 section 2.4(c): longest error. */
const LONGEST: u32 = 576;
const LONGEST6: u32 = 1280;
/** RFC 792: at least 8 bytes of the quoted packet's data. */
const QUOTED_DATA: usize = 8;
/** RFC 1812 section 4.3.2.5: precedence "internetwork control"; the type of service is that of the packet in error. */
const PRECEDENCE: u32 = 0xc0;
const TYPE_OF_SERVICE: u32 = 0x1e;
const DONT_FRAGMENT: u32 = 0x4000;
const TTL: u32 = 64;

/** Egress of the way on which `faultOnWay` found a fault, and the longest packet of that way. */
let wayEgress: u32 = NO_INDEX;
let wayMtu: u32 = 0;

/** Longest packet that comes to a gateway over the overlay, or that leaves it. */
function longestOn(hop: bool, isIpv6: bool): u32 {
  const longest = hop ? mtu - OVERLAY_SIZE : mtu;
  return isIpv6 && longest < IPV6_MIN_MTU ? IPV6_MIN_MTU : longest;
}

/** Bytes of the IP packet on the wire. */
function packetLength(p: Parsed): u32 {
  return p.isIpv6 ? IPV6_SIZE + be16(p.l3 + IPV6_PAYLOAD_LENGTH_AT) : be16(p.l3 + IPV4_TOTAL_LENGTH_AT);
}

/** True for a frame of an endpoint that some way to a gateway may be too short for. @param frameFlags FRAME_FLAG_* */
export function isLong(p: Parsed, frameFlags: u32): bool {
  const kind = <u32>p.kind;
  if ((kind != KIND_PLAIN && kind != KIND_PLAIN6 && kind != KIND_FRAGMENT) || p.hook != HOOK_FROM_ENDPOINT)
    return false;
  if (frameFlags & FRAME_FLAG_GSO || packetLength(p) <= longestOn(true, p.isIpv6)) return false;
  return p.isIpv6 || (be16(p.l3 + IPV4_FRAGMENT_AT) & DONT_FRAGMENT) != 0;
}

/** Why a frame cannot come to the gateway of `egress` and leave it, as REASON_*; 0 = it can. @param hop the gateway is another node */
export function faultOnWay(p: Parsed, egress: u32, hop: bool): u32 {
  wayEgress = egress;
  if (hop && ttlOf(p.l3) <= 1) return REASON_TTL_EXCEEDED;
  if (!(p.flags & PARSED_LONG)) return 0;
  wayMtu = longestOn(hop, p.isIpv6);
  return packetLength(p) > wayMtu ? REASON_PACKET_TOO_BIG : 0;
}

/** After the verdict: the error that a drop of this kind calls for. @param p as it came in, as nothing dropped is rewritten */
export function tell(p: Parsed, v: Verdict): void {
  const reason = v.reason;
  const isRefused = reason == REASON_NO_NAT_MAPPING;
  if (!isRefused && reason != REASON_TTL_EXCEEDED && reason != REASON_PACKET_TOO_BIG) return;
  if (v.action != ACTION_DROP || p.hook != HOOK_FROM_ENDPOINT) return;
  const egress = isRefused ? selectedEgress : wayEgress;
  const record = framesAt + <usize>v.slot * FRAME_SIZE;
  if (egress >= egressTotal || !hasAddress(egress, p.isIpv6) || !isTellable(p, record, v)) return;
  if (!mayTell(nodeOfLimit(p, isRefused, egress), isRefused, load<u64>(record, FRAME_TIME_AT))) {
    return count(COUNTER_UNTOLD_AT);
  }
  const rows = generatedAt + GENERATED_ROWS_AT;
  const made = load<u32>(generatedAt, GENERATED_COUNT_AT);
  const row = rows + <usize>made * GENERATED_SIZE;
  store<u32>(generatedAt, made + 1, GENERATED_COUNT_AT);
  store<u32>(row, v.slot, GENERATED_FRAME_AT);
  store<u32>(row, egress, GENERATED_EGRESS_AT);
  const isLongPacket = reason == REASON_PACKET_TOO_BIG;
  const head = p.isIpv6 ? headOf6(isRefused, isLongPacket) : headOf4(isRefused, isLongPacket);
  const at = row + GENERATED_PACKET_AT;
  const length = p.isIpv6 ? write6(at, p, egress, head) : write4(at, p, egress, head);
  store<u32>(row, length, GENERATED_LENGTH_AT);
  count(COUNTER_GENERATED_AT);
}

/** Type and code as they lie in memory. Administratively prohibited; fragmentation needed; time exceeded. */
function headOf4(isRefused: bool, isLongPacket: bool): u32 {
  return isRefused ? 0x0d03 : isLongPacket ? 0x0403 : 0x000b;
}

function headOf6(isRefused: bool, isLongPacket: bool): u32 {
  return isRefused ? 0x0101 : isLongPacket ? 0x0002 : 0x0003;
}

/** RFC 1122 section 3.2.2, beyond what no policy selects anyway: no later fragment, nothing sent to a whole link; 8 bytes to quote. */
function isTellable(p: Parsed, record: usize, v: Verdict): bool {
  if (p.kind == KIND_ICMP_ERROR || p.flags & PARSED_LATER || p.l4 + QUOTED_DATA > p.end) return false;
  const frame = arenaAt + load<u32>(record, FRAME_OFFSET_AT);
  // Of what came through the overlay the endpoint's node says it in the inner header.
  if (load<u8>(record, FRAME_HOOK_AT) == HOOK_FROM_OVERLAY) return !isToGroup(frame + v.inner, LINK_ETHERNET);
  return !isToGroup(frame, load<u8>(record, FRAME_LINK_AT));
}

/** The node that sends the error: the gateway that has no port, or the endpoint's own. */
function nodeOfLimit(p: Parsed, isRefused: bool, egress: u32): u32 {
  if (isRefused) return nodeOf(egress);
  const endpoint = findEndpoint(srcHigh(p), srcLow(p), nowNs());
  return endpoint == NO_INDEX ? NO_INDEX : load<u32>(endpointAt(endpoint), ENDPOINT_NODE_AT);
}

/**
 * Token bucket (RFC 1812 section 4.3.2.8, RFC 4443 section 2.4(f)) of GENERATED_BURST, of each node one for either cause, so that it does
 * not show how many engines play the nodes. What is kept is the time at which the bucket is full again. @param time of the frame
 */
function mayTell(node: u32, isRefused: bool, time: u64): bool {
  const at = limitsAt + ((<usize>(node < maxNodes ? node : maxNodes)) << 4) + (isRefused ? 8 : 0);
  const full = load<u64>(at);
  const interval = <u64>GENERATED_INTERVAL_NS;
  if (full > time && full - time > (GENERATED_BURST - 1) * interval) return false;
  store<u64>(at, (full > time ? full : time) + interval);
  return true;
}

/** Quotes as much as fits. @returns bytes of the error */
function write4(at: usize, p: Parsed, egress: u32, head: u32): u32 {
  const held = <u32>(p.end - p.l3);
  const most = LONGEST - IPV4_MIN_SIZE - ICMP_SIZE;
  const quoted = held < most ? held : most;
  const length = IPV4_MIN_SIZE + ICMP_SIZE + quoted;
  const service = (<u32>load<u8>(p.l3, 1) & TYPE_OF_SERVICE) | PRECEDENCE;
  putBe32(at, 0x45000000 | (service << 16) | length);
  putBe32(at + 4, DONT_FRAGMENT);
  putBe32(at + 8, (TTL << 24) | (PROTOCOL_ICMP << 16));
  store<u32>(at, load<u32>(egressAt(egress), EGRESS_IPV4_AT + 12), IPV4_SRC_AT);
  store<u32>(at, load<u32>(p.l3, IPV4_SRC_AT), IPV4_DST_AT);
  store<u16>(at, <u16>~rawSum(at, IPV4_MIN_SIZE), IPV4_CHECKSUM_AT);
  writeIcmp(at + IPV4_MIN_SIZE, p, quoted, head, 0);
  return length;
}

function write6(at: usize, p: Parsed, egress: u32, head: u32): u32 {
  const held = <u32>(p.end - p.l3);
  const most = LONGEST6 - IPV6_SIZE - ICMP_SIZE;
  const quoted = held < most ? held : most;
  putBe32(at, 0x60000000);
  putBe32(at + 4, ((ICMP_SIZE + quoted) << 16) | (PROTOCOL_ICMP6 << 8) | TTL);
  memory.copy(at + IPV6_SRC_AT, egressAt(egress) + EGRESS_IPV6_AT, 16);
  memory.copy(at + IPV6_DST_AT, p.l3 + IPV6_SRC_AT, 16);
  const words = <u32>bswap<u16>(<u16>(ICMP_SIZE + quoted)) + (PROTOCOL_ICMP6 << 8);
  writeIcmp(at + IPV6_SIZE, p, quoted, head, rawSum(at + IPV6_SRC_AT, 32) + words);
  return IPV6_SIZE + ICMP_SIZE + quoted;
}

/** @param head type and code as they lie in memory   @param pseudo sum of the pseudo-header */
function writeIcmp(at: usize, p: Parsed, quoted: u32, head: u32, pseudo: u32): void {
  const isLongPacket = (head & 0xff) == 2 || head == 0x0403;
  store<u32>(at, head);
  putBe32(at + 4, isLongPacket ? wayMtu : 0);
  memory.copy(at + ICMP_SIZE, p.l3, quoted);
  store<u16>(at, <u16>~fold(pseudo + rawSum(at, ICMP_SIZE + quoted)), ICMP_CHECKSUM_AT);
}
