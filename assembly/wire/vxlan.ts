import { be16, be32, putBe16, putBe32 } from "./bytes";
import { rawSum } from "./checksum";
import { IPV4_CHECKSUM_AT, IPV4_DST_AT, IPV4_MIN_SIZE, IPV4_SRC_AT, Ipv4, PROTOCOL_UDP } from "./ipv4";
import { ETHERNET_SIZE, LINK_FAULT, MAC_GROUP, networkOffset } from "./link";
import { UDP_LENGTH_AT, UDP_SIZE } from "./transport";

// RFC 7348 section 5
//    0       1 ... 3      4 ... 6    7        byte
//  +-------+------------+----------+----------+
//  | flags |  reserved  |   VNI    | reserved |
//  +-------+------------+----------+----------+
const VXLAN_VNI_AT: usize = 4;
const VXLAN_SIZE: u32 = 8;
const VNI_PRESENT: u32 = 0x08;

const ETHERNET_TYPE_AT: usize = 12;
const TYPE_IPV4: u32 = 0x0800;
const TYPE_IPV6: u32 = 0x86dd;

const UDP_DST_AT: usize = 2;
const IP_AT: usize = 14;
const UDP_AT: usize = IP_AT + 20;
const VXLAN_AT: usize = UDP_AT + 8;
const INNER_AT: usize = VXLAN_AT + 8;

const DONT_FRAGMENT: u32 = 0x4000;
/** RFC 7348 section 5: the source port comes from the dynamic range, so that paths are chosen by it. */
const LOWEST_SOURCE_PORT: u32 = 49152;
/** Locally administered addresses: the prefix, then the node's number. */
const MAC_PREFIX: u32 = 0x0253;
/** The far end of the pair that an inner frame would have crossed. */
const INNER_PREFIX: u32 = 0x0a53;
const TTL: u32 = 64;

/** What `writeOuter` is to say. Addresses as on the wire; nodes by number, NO_INDEX for none. */
export class Outer {
  static src: u32 = 0;
  static dst: u32 = 0;
  static srcNode: u32 = 0;
  static dstNode: u32 = 0;
  static vni: u32 = 0;
  static port: u32 = 0;
  /** Spreads flows over source ports. */
  static entropy: u32 = 0;
  /** The frame came to several hosts of its link, so no ICMP error may answer it: shown by the inner destination address. */
  static isGroup: bool = false;
}

/**
 * Writes the OUTER_SIZE bytes that go in front of an IP packet of `length` bytes on the wire, by `Outer`. Lengths that 16 bits cannot hold
 * are written as 0, as for other super-frames. The UDP checksum is 0 (RFC 7348 section 5). @param isIpv6 the IP packet is
 */
export function writeOuter(at: usize, length: u32, isIpv6: bool): void {
  putMac(at, MAC_PREFIX, Outer.dstNode);
  putMac(at + 6, MAC_PREFIX, Outer.srcNode);
  putBe16(at + ETHERNET_TYPE_AT, TYPE_IPV4);
  const udpLength = UDP_SIZE + VXLAN_SIZE + ETHERNET_SIZE + length;
  const fits = IPV4_MIN_SIZE + udpLength <= 0xffff;
  const ip = at + IP_AT;
  putBe32(ip, 0x45000000 | (fits ? IPV4_MIN_SIZE + udpLength : 0));
  putBe32(ip + 4, DONT_FRAGMENT);
  putBe32(ip + 8, (TTL << 24) | (PROTOCOL_UDP << 16));
  store<u32>(ip, Outer.src, IPV4_SRC_AT);
  store<u32>(ip, Outer.dst, IPV4_DST_AT);
  store<u16>(ip, <u16>~rawSum(ip, IPV4_MIN_SIZE), IPV4_CHECKSUM_AT);
  putBe16(at + UDP_AT, LOWEST_SOURCE_PORT | (Outer.entropy & 0x3fff));
  putBe16(at + UDP_AT + UDP_DST_AT, Outer.port);
  putBe32(at + UDP_AT + UDP_LENGTH_AT, fits ? udpLength << 16 : 0);
  putBe32(at + VXLAN_AT, VNI_PRESENT << 24);
  putBe32(at + VXLAN_AT + VXLAN_VNI_AT, Outer.vni << 8);
  putMac(at + INNER_AT, INNER_PREFIX | (Outer.isGroup ? MAC_GROUP << 8 : 0), Outer.dstNode);
  putMac(at + INNER_AT + 6, INNER_PREFIX, Outer.srcNode);
  putBe16(at + INNER_AT + ETHERNET_TYPE_AT, isIpv6 ? TYPE_IPV6 : TYPE_IPV4);
}

function putMac(at: usize, prefix: u32, node: u32): void {
  putBe16(at, prefix);
  putBe32(at + 2, node);
}

/** VNI of the packet that `openOuter` last accepted. */
export let vni: u32 = 0;

/**
 * Reads the headers of a VXLAN packet. @param captured bytes present   @param wire bytes on the wire   @param port of the overlay
 * @returns where the inner frame starts, with at least its Ethernet header captured; 0 where this is none
 */
export function openOuter(frame: usize, captured: u32, wire: u32, link: u32, port: u32): u32 {
  const offset = networkOffset(frame, captured, wire, link);
  if (offset & LINK_FAULT || captured < offset + IPV4_MIN_SIZE) return 0;
  const ip = changetype<Ipv4>(frame + offset);
  const headerLength = ip.headerLength;
  if (ip.version != 4 || headerLength < IPV4_MIN_SIZE || ip.isFragment || ip.protocol != PROTOCOL_UDP) return 0;
  const inner = offset + headerLength + UDP_SIZE + VXLAN_SIZE;
  if (captured < inner + ETHERNET_SIZE) return 0;
  const udp = frame + offset + headerLength;
  if (be16(udp + UDP_DST_AT) != port) return 0;
  const total = ip.totalLength;
  if (total != 0 && total < inner - offset + ETHERNET_SIZE) return 0;
  const header = udp + UDP_SIZE;
  if (!(load<u8>(header) & VNI_PRESENT)) return 0;
  vni = be32(header + VXLAN_VNI_AT) >> 8;
  return inner;
}
