import {
  FRAME_CAPTURED_AT,
  FRAME_HOOK_AT,
  FRAME_OFFSET_AT,
  FRAME_SIZE,
  FRAME_WIRE_AT,
  HOOK_FROM_ENDPOINT,
  HOOK_FROM_NETWORK,
  LINE_HOOK_IPV6,
  LINK_ETHERNET,
} from "../abi";
import { keyHash, keyHash6 } from "../tables/hash";
import { arenaAt, lineCount, tableSeed } from "../tables/memory";
import { homeOf } from "../tables/tags";
import { be16 } from "../wire/bytes";
import {
  IPV4_MIN_SIZE,
  IPV4_PROTOCOL_AT,
  IPV4_SRC_AT,
  IPV4_TOTAL_LENGTH_AT,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from "../wire/ipv4";
import { IPV6_DST_AT, IPV6_NEXT_HEADER_AT, IPV6_PAYLOAD_LENGTH_AT, IPV6_SIZE, IPV6_SRC_AT } from "../wire/ipv6";
import { ETHERNET_SIZE, ETHERNET_TYPE_AT } from "../wire/link";
import { isIpv4Mapped, KIND_PLAIN, KIND_PLAIN6, makeKey, PARSED_IPV6, Parsed } from "../wire/parse";
import { TCP_FLAGS_AT, TCP_MIN_SIZE, TCP_OFFSET_AT, UDP_LENGTH_AT, UDP_SIZE } from "../wire/transport";

// Pass 1 of what almost every frame is. A loop for each family that knows nothing else, so that what it needs stays in registers; it ends at
// the first frame that is not of its kind. What it leaves is what `parseFrame`
// would. Sharing the checks of TCP and UDP between the two costs up to 4 %.

/** What the fixed bytes of such a frame are, as they lie in memory. */
const TYPE_IPV4: u32 = 0x0008;
const TYPE_IPV6: u32 = 0xdd86;
/** Of the first eight bytes of an IPv4 header: version 4 without options, no fragment. */
const START_IPV4: u64 = 0x45;
const START_MASK: u64 = 0xff3f0000000000ff;

/** Hook, link type and flags stand side by side: Ethernet, nothing special about it, from an endpoint or from the network. */
const FIRST_KIND: u32 = HOOK_FROM_ENDPOINT | (LINK_ETHERNET << 8);
const KINDS: u32 = HOOK_FROM_NETWORK - HOOK_FROM_ENDPOINT;

/**
 * Ethernet without tags, IPv4 without options or fragments, TCP or UDP, captured up to its stated length, no FRAME_FLAG_*.
 * @param slots as `Parsed.at` has it
 * @returns how many such frames there are, without a fault, from this record on; of these all of `Parsed` is set but the line
 */
export function parsePlain(record: usize, slots: usize, size: u32): u32 {
  const arena = arenaAt;
  const seed = tableSeed;
  const lines = lineCount;
  const end = record + size * FRAME_SIZE;
  let at = record;
  for (; at < end; at += FRAME_SIZE) {
    const captured = load<u32>(at, FRAME_CAPTURED_AT);
    const kind = load<u32>(at, FRAME_HOOK_AT);
    if (kind - FIRST_KIND > KINDS) break;
    if (captured < ETHERNET_SIZE + IPV4_MIN_SIZE + TCP_MIN_SIZE) break;
    const frame = arena + load<u32>(at, FRAME_OFFSET_AT);
    if (load<u16>(frame, ETHERNET_TYPE_AT) != TYPE_IPV4) break;
    const l3 = frame + ETHERNET_SIZE;
    if ((load<u64>(l3) & START_MASK) != START_IPV4) break;
    const total = be16(l3 + IPV4_TOTAL_LENGTH_AT);
    // Both bounds in one comparison: what is too short wraps around.
    if (total - (IPV4_MIN_SIZE + UDP_SIZE) > captured - (ETHERNET_SIZE + IPV4_MIN_SIZE + UDP_SIZE)) break;
    const l4 = l3 + IPV4_MIN_SIZE;
    const protocol = <u32>load<u8>(l3, IPV4_PROTOCOL_AT);
    let tcpFlags: u32 = 0;
    if (protocol == PROTOCOL_TCP) {
      const header = (<u32>load<u8>(l4, TCP_OFFSET_AT) & 0xf0) >> 2;
      if (header < TCP_MIN_SIZE) break;
      if (header > total - IPV4_MIN_SIZE) break;
      tcpFlags = load<u8>(l4, TCP_FLAGS_AT);
    } else {
      if (protocol != PROTOCOL_UDP) break;
      const stated = be16(l4 + UDP_LENGTH_AT);
      if (stated < UDP_SIZE) break;
      if (stated > total - IPV4_MIN_SIZE) break;
    }
    const p = Parsed.at(slots, at);
    const addresses = load<u64>(l3, IPV4_SRC_AT);
    const key = makeKey(load<u32>(l4), protocol, kind & 0xff);
    const wire = load<u32>(at, FRAME_WIRE_AT);
    p.addresses = addresses;
    p.key = key;
    p.l3 = l3;
    p.l4 = l4;
    p.end = l3 + total;
    p.wire = wire > captured ? wire : captured;
    p.setKind(KIND_PLAIN, tcpFlags, 0);
    p.home = homeOf(keyHash(addresses, key, seed), lines);
  }
  return <u32>(at - record) / FRAME_SIZE;
}

/** The same for IPv6 without extension headers, whose addresses are still to be looked up. */
export function parsePlain6(record: usize, slots: usize, size: u32): u32 {
  const arena = arenaAt;
  const seed = tableSeed;
  const lines = lineCount;
  const end = record + size * FRAME_SIZE;
  let at = record;
  for (; at < end; at += FRAME_SIZE) {
    const captured = load<u32>(at, FRAME_CAPTURED_AT);
    const kind = load<u32>(at, FRAME_HOOK_AT);
    if (kind - FIRST_KIND > KINDS) break;
    if (captured < ETHERNET_SIZE + IPV6_SIZE + TCP_MIN_SIZE) break;
    const frame = arena + load<u32>(at, FRAME_OFFSET_AT);
    if (load<u16>(frame, ETHERNET_TYPE_AT) != TYPE_IPV6) break;
    const l3 = frame + ETHERNET_SIZE;
    if (load<u8>(l3) >> 4 != 6) break;
    const length = be16(l3 + IPV6_PAYLOAD_LENGTH_AT);
    if (length + (ETHERNET_SIZE + IPV6_SIZE) > captured) break;
    if (isIpv4Mapped(l3 + IPV6_SRC_AT) || isIpv4Mapped(l3 + IPV6_DST_AT)) break;
    const l4 = l3 + IPV6_SIZE;
    const protocol = <u32>load<u8>(l3, IPV6_NEXT_HEADER_AT);
    let tcpFlags: u32 = 0;
    if (protocol == PROTOCOL_TCP) {
      const header = (<u32>load<u8>(l4, TCP_OFFSET_AT) & 0xf0) >> 2;
      if (header < TCP_MIN_SIZE) break;
      if (header > length) break;
      tcpFlags = load<u8>(l4, TCP_FLAGS_AT);
    } else {
      if (protocol != PROTOCOL_UDP) break;
      const stated = be16(l4 + UDP_LENGTH_AT);
      if (stated < UDP_SIZE) break;
      if (stated > length) break;
    }
    const p = Parsed.at(slots, at);
    const key = makeKey(load<u32>(l4), protocol, (kind & 0xff) | LINE_HOOK_IPV6);
    const wire = load<u32>(at, FRAME_WIRE_AT);
    p.addresses = 0;
    p.key = key;
    p.l3 = l3;
    p.l4 = l4;
    p.end = l4 + length;
    p.wire = wire > captured ? wire : captured;
    p.setKind(KIND_PLAIN6, tcpFlags, PARSED_IPV6);
    p.home = homeOf(keyHash6(l3 + IPV6_SRC_AT, l3 + IPV6_DST_AT, key, seed), lines);
  }
  return <u32>(at - record) / FRAME_SIZE;
}
