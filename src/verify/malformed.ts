import {
  type IpPacket,
  isFragment,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
} from "../net/decode.js";
import type { Frame } from "./judge.js";

const SOURCE_ROUTES = new Set([131, 137]);
/** Drop reasons that name what `malformation` finds and nothing else. */
const OWN_REASONS = new Set(["source-route", "bad-destination", "fragment-tiny"]);

/** What no gateway may translate is dropped under the name of its fault; nothing else is dropped under that name. */
export function checkMalformedRule(frame: Frame): void {
  const { judge, o, packet } = frame;
  if (judge.options.foreign) return;
  const fault = malformation(o.given, packet, o.hook);
  const isTranslated = o.action === "snat" || o.action === "reverse";
  if (isTranslated && fault !== "")
    frame.find("decision", `drop, ${fault}`, o.action, "such a packet must not be translated");
  if (OWN_REASONS.has(o.reason) && o.reason !== fault)
    frame.find("drop-reason", fault || "a packet without fault", o.reason, "the packet shows nothing of the kind");
}

/** The reason name of what is wrong with a fragment, options or extension headers, TCP flags or a destination; empty where nothing is. */
export function malformation(bytes: Uint8Array, packet: IpPacket, hook: Frame["o"]["hook"]): string {
  const fault = (packet.family === 4 ? optionFault : chainFault)(bytes, packet) || fragmentFault(bytes, packet);
  if (fault !== "") return fault;
  if (packet.kind === "tcp" && isImpossible(packet.tcpFlags)) return "bad-header";
  return hook === "from-endpoint" && packet.kind !== "icmp-error" && isNowhere(bytes, packet) ? "bad-destination" : "";
}

/** Network 0 (RFC 1122 section 3.2.1.3), and the unspecified address (RFC 4291 section 2.5.2). */
function isNowhere(bytes: Uint8Array, { family, destinationAt }: IpPacket): boolean {
  if (family === 4) return bytes[destinationAt] === 0;
  return bytes.subarray(destinationAt, destinationAt + 16).every((byte) => byte === 0);
}

/** Extension headers that a gateway steps over; no sender has use for more. */
const MOST_HEADERS = 8;
const ROUTING = 43;
const AUTHENTICATION = 51;

/** RFC 8200 section 4: what leads from an IPv6 header to the transport header. */
interface Chain {
  readonly headers: number;
  /** Every one may be followed by other addresses: none protects them, and none says that the destination is not the last one. */
  readonly isCarried: boolean;
}

function chainOf(bytes: Uint8Array, { at, transportAt }: IpPacket): Chain {
  let headers = 0;
  let isCarried = true;
  let next = bytes[at + 6]!;
  for (let here = at + IPV6_SIZE; here < transportAt; headers++) {
    if (next === AUTHENTICATION || next > 134 || (next === ROUTING && bytes[here + 3] !== 0)) isCarried = false;
    const units = bytes[here + 1]!;
    const size = next === AUTHENTICATION ? (units + 2) * 4 : next === FRAGMENT_HEADER ? 8 : (units + 1) * 8;
    next = bytes[here]!;
    here += size;
  }
  return { headers, isCarried };
}

/** True where nothing in front of an IPv6 packet's transport header keeps it from being translated. */
export function hasPlainChain(bytes: Uint8Array, packet: IpPacket): boolean {
  return packet.transportAt >= 0 && chainOf(bytes, packet).isCarried;
}

function chainFault(bytes: Uint8Array, packet: IpPacket): string {
  return packet.transportAt >= 0 && chainOf(bytes, packet).headers > MOST_HEADERS ? "bad-header" : "";
}

/** SYN with FIN or RST, FIN with RST, FIN without ACK (RFC 9293 section 3.10.7). */
export function isImpossible(flags: number): boolean {
  const others = [TCP_SYN, TCP_FIN, TCP_RST].filter((flag) => flags & flag);
  return others.length > 1 || ((flags & TCP_FIN) !== 0 && (flags & TCP_ACK) === 0);
}

/** RFC 791 section 3.1: every option but end and no-operation says its length, which covers at least itself and stays in the header. */
function optionFault(bytes: Uint8Array, packet: IpPacket): string {
  const end = packet.at + (bytes[packet.at]! & 15) * 4;
  if (packet.transportAt < 0 || end > packet.end) return "";
  for (let at = packet.at + 20; at < end; ) {
    const type = bytes[at]!;
    if (type === 0) break;
    const length = type === 1 ? 1 : at + 1 < end ? bytes[at + 1]! : 0;
    if (length === 0 || (type !== 1 && length < 2) || at + length > end) return "bad-header";
    if (SOURCE_ROUTES.has(type)) return "source-route";
    at += length;
  }
  return "";
}

/** A segment without SYN, RST and ACK begins no connection. */
export function beginsNothing(packet: IpPacket): boolean {
  return packet.kind === "tcp" && packet.tcpFlags >= 0 && (packet.tcpFlags & (TCP_SYN | TCP_RST | TCP_ACK)) === 0;
}

/** Longest datagram: RFC 791 counts its IPv4 header, RFC 8200 section 4.5 what lies behind the IPv6 header. */
const MAX_DATAGRAM = 65535;
const IPV6_SIZE = 40;
const FRAGMENT_HEADER = 44;
const FRAGMENT_HEADER_SIZE = 8;

/** What no fragment may be: empty, in the middle with an odd end, beyond the longest datagram; a first one without its transport header. */
export function fragmentFault(bytes: Uint8Array, packet: IpPacket): string {
  if (!isFragment(packet) || packet.fragmentAt < 0) return "";
  const { family, at, fragmentAt, fragmentOffset, moreFragments } = packet;
  const length = at + packet.length - fragmentAt;
  const before = family === 4 ? fragmentAt - at : fragmentAt - FRAGMENT_HEADER_SIZE - at - IPV6_SIZE;
  if (length <= 0 || (moreFragments && length % 8 !== 0)) return "bad-header";
  if (before + fragmentOffset + length > MAX_DATAGRAM) return "bad-header";
  if (fragmentOffset > 0) return "";
  if (family === 6 && packet.protocol === FRAGMENT_HEADER && packet.transportAt >= 0) return "bad-header";
  return isTiny(bytes, packet) ? "fragment-tiny" : "";
}

/** RFC 1858, RFC 7112: a first fragment holds the whole chain of headers, the transport header included. */
function isTiny(bytes: Uint8Array, { family, protocol, at, length, end, transportAt }: IpPacket): boolean {
  if (transportAt < 0) return true;
  const isIcmp = protocol === (family === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6);
  const offset = protocol === PROTOCOL_TCP && transportAt + 13 <= end ? (bytes[transportAt + 12]! >> 4) * 4 : 0;
  const wanted = protocol === PROTOCOL_TCP ? Math.max(20, offset) : protocol === PROTOCOL_UDP || isIcmp ? 8 : 0;
  return transportAt + wanted > at + length;
}
