import {
  FRAME_CAPTURED_AT,
  FRAME_HOOK_AT,
  FRAME_OFFSET_AT,
  FRAME_WIRE_AT,
  LINE_HOOK_IPV6,
  LINK_ETHERNET,
} from "../abi";
import { be16 } from "./bytes";
import { IPV4_MIN_SIZE, IPV4_PROTOCOL_AT, IPV4_SRC_AT, PROTOCOL_TCP, PROTOCOL_UDP } from "./ipv4";
import { IPV6_DST_AT, IPV6_NEXT_HEADER_AT, IPV6_PAYLOAD_LENGTH_AT, IPV6_SIZE, IPV6_SRC_AT } from "./ipv6";
import { isIpv4Mapped, KIND_PLAIN, KIND_PLAIN6, makeKey, PARSED_IPV6, Parsed } from "./parse";
import { TCP_FLAGS_AT, TCP_MIN_SIZE, TCP_OFFSET_AT, UDP_LENGTH_AT, UDP_SIZE } from "./transport";

const ETHERNET_TYPE_AT: usize = 12;
const ETHERNET_SIZE: u32 = 14;
/** What the fixed bytes of such a frame are, as they lie in memory. */
const TYPE_IPV4: u32 = 0x0008;
/** Of the first eight bytes of an IPv4 header: version 4 without options, no fragment; and where its total length lies. */
const START_IPV4: u64 = 0x45;
const START_MASK: u64 = 0xff3f0000000000ff;
const TOTAL_LENGTH_SHIFT: u64 = 16;
const TYPE_IPV6: u32 = 0xdd86;
const NO_SHORT_CUT: u32 = 0xffffffff;

/** A short cut through `parseFrame` for what almost every frame is. Static methods, as only those may be put into their caller. */
export class PlainFrame {
  /**
   * Ethernet without tags, IPv4 without options or fragments, TCP or UDP, captured up to its stated length, no FRAME_FLAG_*.
   * @returns false where the frame is not all that or has a fault; `p` is then as it was
   */
  @inline static parse(record: usize, arena: usize, p: Parsed): bool {
    const captured = load<u32>(record, FRAME_CAPTURED_AT);
    // Hook, link type and flags stand side by side.
    const kind = load<u32>(record, FRAME_HOOK_AT);
    if (kind >> 8 != <u32>LINK_ETHERNET || captured < ETHERNET_SIZE + IPV4_MIN_SIZE + TCP_MIN_SIZE) return false;
    const frame = arena + load<u32>(record, FRAME_OFFSET_AT);
    const l3 = frame + ETHERNET_SIZE;
    const start = load<u64>(l3);
    if (((start & START_MASK) ^ START_IPV4) | <u64>(load<u16>(frame, ETHERNET_TYPE_AT) ^ <u16>TYPE_IPV4)) return false;
    const total = <u32>bswap<u16>(<u16>(start >> TOTAL_LENGTH_SHIFT));
    // Both bounds in one comparison: what is too short wraps around.
    if (total - (IPV4_MIN_SIZE + UDP_SIZE) > captured - (ETHERNET_SIZE + IPV4_MIN_SIZE + UDP_SIZE)) return false;
    const l4 = l3 + IPV4_MIN_SIZE;
    const protocol = <u32>load<u8>(l3, IPV4_PROTOCOL_AT);
    const tcpFlags = PlainFrame.transport(l4, protocol, total - IPV4_MIN_SIZE);
    if (tcpFlags == NO_SHORT_CUT) return false;
    const wire = load<u32>(record, FRAME_WIRE_AT);
    p.addresses = load<u64>(l3, IPV4_SRC_AT);
    p.key = makeKey(load<u32>(l4), protocol, kind & 0xff);
    p.l3 = l3;
    p.l4 = l4;
    p.end = l3 + total;
    p.wire = wire > captured ? wire : captured;
    p.setKind(KIND_PLAIN, tcpFlags, 0);
    return true;
  }

  /** The same for IPv6 without extension headers, whose addresses are still to be looked up. */
  @inline static parse6(record: usize, arena: usize, p: Parsed): bool {
    const captured = load<u32>(record, FRAME_CAPTURED_AT);
    const kind = load<u32>(record, FRAME_HOOK_AT);
    if (kind >> 8 != <u32>LINK_ETHERNET || captured < ETHERNET_SIZE + IPV6_SIZE + TCP_MIN_SIZE) return false;
    const frame = arena + load<u32>(record, FRAME_OFFSET_AT);
    const l3 = frame + ETHERNET_SIZE;
    if (load<u16>(frame, ETHERNET_TYPE_AT) != TYPE_IPV6 || load<u8>(l3) >> 4 != 6) return false;
    const length = be16(l3 + IPV6_PAYLOAD_LENGTH_AT);
    if (length + (ETHERNET_SIZE + IPV6_SIZE) > captured) return false;
    if (isIpv4Mapped(l3 + IPV6_SRC_AT) || isIpv4Mapped(l3 + IPV6_DST_AT)) return false;
    const l4 = l3 + IPV6_SIZE;
    const protocol = <u32>load<u8>(l3, IPV6_NEXT_HEADER_AT);
    const tcpFlags = PlainFrame.transport(l4, protocol, length);
    if (tcpFlags == NO_SHORT_CUT) return false;
    const wire = load<u32>(record, FRAME_WIRE_AT);
    p.addresses = 0;
    p.key = makeKey(load<u32>(l4), protocol, (kind & 0xff) | LINE_HOOK_IPV6);
    p.l3 = l3;
    p.l4 = l4;
    p.end = l4 + length;
    p.wire = wire > captured ? wire : captured;
    p.setKind(KIND_PLAIN6, tcpFlags, PARSED_IPV6);
    return true;
  }

  /** TCP's flags, 0 for UDP, NO_SHORT_CUT for all else and for what has a fault. @param length of header and payload, all captured */
  @inline static transport(l4: usize, protocol: u32, length: u32): u32 {
    if (protocol == PROTOCOL_TCP) {
      const headerLength = (<u32>load<u8>(l4, TCP_OFFSET_AT) >> 4) << 2;
      return headerLength < TCP_MIN_SIZE || headerLength > length ? NO_SHORT_CUT : load<u8>(l4, TCP_FLAGS_AT);
    }
    const stated = be16(l4 + UDP_LENGTH_AT);
    return protocol != PROTOCOL_UDP || stated < UDP_SIZE || stated > length ? NO_SHORT_CUT : 0;
  }
}
