/**
 * Where the IP packet starts in a captured frame, for every link type that Sluicegate reads
 * (https://www.tcpdump.org/linktypes.html). Host-side and independent of the engine.
 */

const LINKTYPE_NULL = 0;
const LINKTYPE_ETHERNET = 1;
const LINKTYPE_PPP = 9;
const LINKTYPE_RAW = 101;
const LINKTYPE_LOOP = 108;
const LINKTYPE_LINUX_SLL = 113;
const LINKTYPE_IPV4 = 228;
const LINKTYPE_IPV6 = 229;
const LINKTYPE_LINUX_SLL2 = 276;

/** How Linux took a cooked frame: as a broadcast, or as a multicast. */
const PACKET_BROADCAST = 1;
const PACKET_MULTICAST = 2;

/** No IP packet: another network protocol, an unknown link type, or too few bytes to tell. */
export const NOT_IP = -1;

/**
 * @returns offset of the IP header in `frame`, or NOT_IP. Says nothing about the header itself but, where the link layer
 *   names no protocol, that its version is 4 or 6. Never reads outside `frame`.
 */
export function ipOffset(frame: Uint8Array, linkType: number): number {
  switch (linkType) {
    case LINKTYPE_ETHERNET:
      return afterEtherType(frame, 12);
    case LINKTYPE_LINUX_SLL:
      return afterEtherType(frame, 14);
    case LINKTYPE_LINUX_SLL2:
      return afterSll2(frame);
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
      return isLoopbackFamily(frame) ? 4 : NOT_IP;
    case LINKTYPE_PPP:
      return afterPpp(frame);
    case LINKTYPE_RAW:
    case LINKTYPE_IPV4:
    case LINKTYPE_IPV6:
      return frame.length > 0 && isIpVersion(frame[0]! >> 4) ? 0 : NOT_IP;
    default:
      return NOT_IP;
  }
}

/** True where the link header of a frame with an IP packet shows that it went to several hosts. */
export function isToGroup(frame: Uint8Array, linkType: number): boolean {
  const isGroup = (packetType: number) => packetType === PACKET_BROADCAST || packetType === PACKET_MULTICAST;
  if (linkType === LINKTYPE_ETHERNET) return (frame[0]! & 1) !== 0;
  if (linkType === LINKTYPE_LINUX_SLL) return isGroup((frame[0]! << 8) | frame[1]!);
  return linkType === LINKTYPE_LINUX_SLL2 && isGroup(frame[10]!);
}

/** Follows VLAN tags (IEEE 802.1Q, 802.1ad and the older 0x9100), however many fit. */
function afterEtherType(frame: Uint8Array, typeAt: number): number {
  let at = typeAt;
  while (at + 2 <= frame.length) {
    const type = (frame[at]! << 8) | frame[at + 1]!;
    if (isIpEtherType(type)) return at + 2;
    if (type !== 0x8100 && type !== 0x88a8 && type !== 0x9100) return NOT_IP;
    at += 4;
  }
  return NOT_IP;
}

/** The protocol comes first of twenty bytes; VLAN tags follow the header, each a tag and the next protocol. */
function afterSll2(frame: Uint8Array): number {
  if (frame.length < 20) return NOT_IP;
  const type = (frame[0]! << 8) | frame[1]!;
  if (isIpEtherType(type)) return 20;
  return type === 0x8100 || type === 0x88a8 || type === 0x9100 ? afterEtherType(frame, 22) : NOT_IP;
}

/** RFC 1662 section 3.1: ff 03 may stand in front; RFC 1661 section 6.5: the protocol may be one (odd) byte. */
function afterPpp(frame: Uint8Array): number {
  let at = frame.length >= 2 && frame[0] === 0xff && frame[1] === 0x03 ? 2 : 0;
  if (at >= frame.length) return NOT_IP;
  let protocol = frame[at++]!;
  if ((protocol & 1) === 0) {
    if (at >= frame.length) return NOT_IP;
    protocol = (protocol << 8) | frame[at++]!;
  }
  return protocol === 0x21 || protocol === 0x57 ? at : NOT_IP;
}

/** AF_INET is 2 everywhere, AF_INET6 is 10 (Linux), 24, 28 or 30 (the BSDs and macOS), in the capturing host's byte order. */
function isLoopbackFamily(frame: Uint8Array): boolean {
  if (frame.length < 4) return false;
  const [a, b, c, d] = [frame[0]!, frame[1]!, frame[2]!, frame[3]!];
  const value = a === 0 && b === 0 && c === 0 ? d : b === 0 && c === 0 && d === 0 ? a : 0;
  return value === 2 || value === 10 || value === 24 || value === 28 || value === 30;
}

function isIpEtherType(type: number): boolean {
  return type === 0x0800 || type === 0x86dd;
}

function isIpVersion(version: number): boolean {
  return version === 4 || version === 6;
}
