import {
  LINK_ETHERNET,
  LINK_NULL,
  LINK_PPP,
  LINK_RAW,
  LINK_SLL,
  LINK_SLL2,
  REASON_NOT_IP,
  REASON_SNAPLEN_CUT,
  REASON_TRUNCATED,
} from "../abi";
import { be16, be32 } from "./bytes";

// Where the IP header of a frame starts, for each link type (https://www.tcpdump.org/linktypes.html).

export const ETHERNET_TYPE_AT: u32 = 12;
export const ETHERNET_SIZE: u32 = 14;
const TAG_SIZE: u32 = 4;
const SLL_PROTOCOL_AT: u32 = 14;
const SLL_SIZE: u32 = 16;
const SLL2_SIZE: u32 = 20;
const SLL2_PACKET_TYPE_AT: usize = 10;
const NULL_SIZE: u32 = 4;

/** First octet of a MAC address that stands for several hosts (IEEE 802 section 8.2.2). */
export const MAC_GROUP: u32 = 0x01;
const PACKET_BROADCAST: u32 = 1;
const PACKET_MULTICAST: u32 = 2;

const TYPE_IPV4: u32 = 0x0800;
const TYPE_IPV6: u32 = 0x86dd;
const TYPE_VLAN: u32 = 0x8100; // IEEE 802.1Q
const TYPE_QINQ: u32 = 0x88a8; // IEEE 802.1ad
const TYPE_OLD_QINQ: u32 = 0x9100;

const PPP_ADDRESS_CONTROL: u32 = 0xff03; // RFC 1662 section 3.1, may be left out
const PPP_IPV4: u32 = 0x0021;
const PPP_IPV6: u32 = 0x0057;

/** Set in a result of `networkOffset`: the low bits are a REASON_*, not an offset. */
export const LINK_FAULT: u32 = 0x80000000;

/**
 * Offset of the IP header from the frame's start, or LINK_FAULT | REASON_*. At least one byte lies at the offset.
 * @param captured bytes present   @param wire bytes on the wire, not less than `captured`
 */
export function networkOffset(frame: usize, captured: u32, wire: u32, link: u32): u32 {
  if (link == LINK_ETHERNET) return ethernetOffset(frame, captured, wire);
  if (link == LINK_RAW) return captured > 0 ? 0 : missing(1, wire);
  if (link == LINK_SLL) return afterType(frame, SLL_PROTOCOL_AT, SLL_SIZE, captured, wire);
  if (link == LINK_SLL2) return afterType(frame, 0, SLL2_SIZE, captured, wire);
  if (link == LINK_NULL) return nullOffset(frame, captured, wire);
  if (link == LINK_PPP) return pppOffset(frame, captured, wire);
  return LINK_FAULT | REASON_NOT_IP;
}

/** True where a frame's link header shows that it went to several hosts. @param frame one in which `networkOffset` found an IP header */
export function isToGroup(frame: usize, link: u32): bool {
  if (link == LINK_ETHERNET) return (load<u8>(frame) & MAC_GROUP) != 0;
  if (link != LINK_SLL && link != LINK_SLL2) return false;
  const packetType = link == LINK_SLL ? be16(frame) : <u32>load<u8>(frame, SLL2_PACKET_TYPE_AT);
  return packetType == PACKET_BROADCAST || packetType == PACKET_MULTICAST;
}

/** Why the first `needed` bytes of a frame are not there: cut by the capture, or never on the wire. */
export function missing(needed: u32, wire: u32): u32 {
  return LINK_FAULT | (wire >= needed ? REASON_SNAPLEN_CUT : REASON_TRUNCATED);
}

function isTag(type: u32): bool {
  return type == TYPE_VLAN || type == TYPE_QINQ || type == TYPE_OLD_QINQ;
}

function isIp(type: u32): bool {
  return type == TYPE_IPV4 || type == TYPE_IPV6;
}

function ethernetOffset(frame: usize, captured: u32, wire: u32): u32 {
  if (captured <= ETHERNET_SIZE) return missing(ETHERNET_SIZE + 1, wire);
  return tagged(frame, ETHERNET_TYPE_AT, captured, wire);
}

/** Steps over the VLAN tags that start with the type field at `typeAt`: all that fit, or a packet behind one more would leave as no IP. */
function tagged(frame: usize, typeAt: u32, captured: u32, wire: u32): u32 {
  let type = be16(frame + typeAt);
  let offset = typeAt + 2;
  while (isTag(type)) {
    if (captured <= offset + TAG_SIZE) return missing(offset + TAG_SIZE + 1, wire);
    type = be16(frame + offset + 2);
    offset += TAG_SIZE;
  }
  if (isIp(type)) return offset;
  // More tags than are looked behind: what is there might be an endpoint's own address.
  return LINK_FAULT | REASON_NOT_IP;
}

/** Linux cooked headers: a fixed header with an EtherType in it, maybe followed by VLAN tags. */
function afterType(frame: usize, typeAt: u32, size: u32, captured: u32, wire: u32): u32 {
  if (captured <= size) return missing(size + 1, wire);
  const type = be16(frame + typeAt);
  if (isIp(type)) return size;
  if (!isTag(type)) return LINK_FAULT | REASON_NOT_IP;
  if (captured <= size + TAG_SIZE) return missing(size + TAG_SIZE + 1, wire);
  return tagged(frame, size + 2, captured, wire);
}

/**
 * BSD loopback: an address family in the byte order of the host that captured. AF_INET is 2 everywhere, AF_INET6 is 10 on Linux and 24, 28
 * or 30 on the BSDs and macOS.
 */
function nullOffset(frame: usize, captured: u32, wire: u32): u32 {
  if (captured <= NULL_SIZE) return missing(NULL_SIZE + 1, wire);
  const family = be32(frame);
  const value = family > 0xff ? bswap(family) : family;
  const isIpFamily = value == 2 || value == 10 || value == 24 || value == 28 || value == 30;
  return isIpFamily ? NULL_SIZE : LINK_FAULT | REASON_NOT_IP;
}

/** The protocol is two bytes, or one where the link compresses it: the first byte is odd then (RFC 1661 section 6.5). */
function pppOffset(frame: usize, captured: u32, wire: u32): u32 {
  if (captured <= 4) return missing(5, wire);
  const skip: u32 = be16(frame) == PPP_ADDRESS_CONTROL ? 2 : 0;
  const isShort = (load<u8>(frame + skip) & 1) != 0;
  const protocol = isShort ? <u32>load<u8>(frame + skip) : be16(frame + skip);
  if (protocol != PPP_IPV4 && protocol != PPP_IPV6) return LINK_FAULT | REASON_NOT_IP;
  return skip + (isShort ? 1 : 2);
}
