/**
 * Host-side decoder of IP packets: reads, never writes, shares nothing with the engine. It says what a frame is even where a
 * header is damaged, because a damaged frame can leak a private source address as well as a sound one.
 */
import type { AddressBytes, Family } from "./address.js";
import { copyBytes } from "./bytes.js";
import { findTransport } from "./ipv6-headers.js";
import { ipOffset, NOT_IP } from "./link-layer.js";
import { sctpFlags } from "./sctp.js";

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
export const PROTOCOL_ICMPV6 = 58;
export const PROTOCOL_SCTP = 132;
export const PROTOCOL_DCCP = 33;
export const PROTOCOL_UDP_LITE = 136;

export const TCP_FIN = 1;
export const TCP_SYN = 2;
export const TCP_RST = 4;
export const TCP_ACK = 16;

/**
 * `echo` has an identifier in place of ports, and so have timestamps, which count as such; `later-fragment` has no transport header; `other` has no ports by its nature;
 * `unreadable` should have ports but they are not in the captured bytes.
 */
export type PacketKind =
  | "tcp"
  | "udp"
  | "sctp"
  | "echo"
  | "icmp-error"
  | "icmp-other"
  | "later-fragment"
  | "other"
  | "unreadable";

/**
 * `truncated`: the wire held fewer bytes than the headers claim (ports may be readable all the same); `cut`: the capture holds
 * fewer than the wire did and a header lies beyond; `bad-header`: a field has an impossible value.
 */
export type PacketFault = "" | "truncated" | "cut" | "bad-header";

/** Where things lie in one IP packet. All `…At` are byte offsets into the frame, -1 where there is no such thing. */
export interface IpPacket {
  readonly family: Family;
  readonly at: number;
  readonly sourceAt: number;
  readonly destinationAt: number;
  /** TTL or hop limit. */
  readonly ttlAt: number;
  readonly headerChecksumAt: number;
  /** Upper-layer protocol number: behind all extension headers in IPv6. */
  readonly protocol: number;
  readonly kind: PacketKind;
  readonly fault: PacketFault;
  /** First byte behind the IP header and its extension headers. */
  readonly transportAt: number;
  /** Exclusive end of the packet's captured bytes; link-layer padding lies behind it. */
  readonly end: number;
  /** Length on the wire in bytes, from its own header; 0 there (segmentation offload) counts as "to the end of the frame". */
  readonly length: number;
  readonly fragmentId: number;
  /** Bytes. */
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
  /** Where the bytes lie that `fragmentOffset` speaks of: behind the IPv4 header, or the IPv6 fragment header. */
  readonly fragmentAt: number;
  readonly sourcePortAt: number;
  readonly destinationPortAt: number;
  /** Checksum field of the transport or ICMP header, of UDP-Lite and DCCP, where captured; for SCTP its four-byte CRC. */
  readonly checksumAt: number;
  /** TCP flags byte; of SCTP what its chunks mean in these flags (`sctpFlags`); 0 for all else. */
  readonly tcpFlags: number;
  /** First byte of what the transport header carries; equals `transportAt` where there is no transport header. */
  readonly payloadAt: number;
  /** ICMP type and code; -1 for all else. */
  readonly icmpType: number;
  readonly icmpCode: number;
  /** The packet that an ICMP error quotes, as far as it is quoted. */
  readonly inner: IpPacket | undefined;
}

/** @returns undefined for frames that hold no IP header with both addresses. Never throws, whatever the bytes. */
export function decodeFrame(frame: Uint8Array, linkType: number, wireLength: number): IpPacket | undefined {
  const at = ipOffset(frame, linkType);
  if (at === NOT_IP) return undefined;
  return decodePacket(frame, at, frame.length, Math.max(wireLength, frame.length));
}

/**
 * Decodes the IP packet at `at`.
 * @param end exclusive end of the bytes that may be read
 * @param wireEnd where the frame ended on the wire, at least `end`
 */
export function decodePacket(bytes: Uint8Array, at: number, end: number, wireEnd: number): IpPacket | undefined {
  return decode(bytes, at, end, wireEnd, 0);
}

export function sourceAddress(bytes: Uint8Array, packet: IpPacket): AddressBytes {
  return mappedAddress(bytes, packet.sourceAt, packet.family);
}

export function destinationAddress(bytes: Uint8Array, packet: IpPacket): AddressBytes {
  return mappedAddress(bytes, packet.destinationAt, packet.family);
}

/** The 4 or 16 address bytes at `at` as 16 bytes (IPv4 mapped). A copy: it stays valid when the frame's memory is reused. */
function mappedAddress(bytes: Uint8Array, at: number, family: Family): AddressBytes {
  if (family === 6) return copyBytes(bytes, at, at + 16);
  const out = new Uint8Array(16);
  out[10] = out[11] = 0xff;
  for (let i = 0; i < 4; i++) out[12 + i] = bytes[at + i]!;
  return out;
}

/** Source port; of an echo its identifier; 0 for what has neither. Host order. */
export function sourcePort(bytes: Uint8Array, packet: IpPacket): number {
  return packet.sourcePortAt < 0 ? 0 : readBe16(bytes, packet.sourcePortAt);
}

/** Destination port; 0 for an echo (its identifier is the source port) and for what has none. Host order. */
export function destinationPort(bytes: Uint8Array, packet: IpPacket): number {
  return packet.destinationPortAt < 0 ? 0 : readBe16(bytes, packet.destinationPortAt);
}

export function readBe16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** True where every byte of the packet was captured, so that a checksum over it can be recounted. */
export function isWhole(packet: IpPacket): boolean {
  return packet.end === packet.at + packet.length;
}

/** True for TCP and SCTP: connections that begin with a handshake, and break when their external tuple changes. */
export function hasHandshake(protocol: number): boolean {
  return protocol === PROTOCOL_TCP || protocol === PROTOCOL_SCTP;
}

/** True for any piece of a fragmented datagram; an "atomic" IPv6 fragment (RFC 6946) is none. */
export function isFragment(packet: IpPacket): boolean {
  return packet.fragmentOffset > 0 || packet.moreFragments;
}

/** An echo or timestamp request opens a connection, a reply never does. */
export function isEchoRequest(packet: IpPacket): boolean {
  return packet.kind === "echo" && (packet.icmpType === (packet.family === 4 ? 8 : 128) || packet.icmpType === 13);
}

/** Quoted packets are one level deep; an ICMP error about an ICMP error is not followed further (RFC 1122 section 3.2.2). */
const MAX_DEPTH = 1;

type Draft = { -readonly [K in keyof IpPacket]: IpPacket[K] };

function decode(bytes: Uint8Array, at: number, end: number, wireEnd: number, depth: number): IpPacket | undefined {
  if (at >= end) return undefined;
  const version = bytes[at]! >> 4;
  const packet =
    version === 4
      ? draftIpv4(bytes, at, end, wireEnd, depth)
      : version === 6
        ? draftIpv6(bytes, at, end, wireEnd, depth)
        : undefined;
  if (packet && packet.kind !== "unreadable" && packet.kind !== "later-fragment") {
    readTransport(bytes, packet, wireEnd, depth);
  }
  return packet;
}

/** RFC 791 section 3.1. */
function draftIpv4(bytes: Uint8Array, at: number, end: number, wireEnd: number, depth: number): Draft | undefined {
  if (at + 20 > end) return undefined;
  const headerLength = (bytes[at]! & 15) * 4;
  const stated = readBe16(bytes, at + 2);
  const length = stated === 0 && depth === 0 ? wireEnd - at : stated;
  const packet = emptyDraft(4, at, at + 12, at + 16, at + 8, at + 10);
  packet.protocol = bytes[at + 9]!;
  packet.length = length;
  packet.end = Math.min(end, at + length);
  packet.fragmentId = readBe16(bytes, at + 4);
  packet.fragmentOffset = (readBe16(bytes, at + 6) & 0x1fff) * 8;
  packet.moreFragments = (bytes[at + 6]! & 0x20) !== 0;
  if (headerLength < 20 || length < headerLength) return faulty(packet, "bad-header");
  if (at + length > wireEnd && depth === 0) packet.fault = "truncated";
  if (at + headerLength > end) return faulty(packet, at + headerLength > wireEnd ? "truncated" : "cut");
  packet.transportAt = packet.payloadAt = packet.fragmentAt = at + headerLength;
  if (packet.fragmentOffset > 0) packet.kind = "later-fragment";
  return packet;
}

/** RFC 8200 section 3; the chain of extension headers is followed to its end. */
function draftIpv6(bytes: Uint8Array, at: number, end: number, wireEnd: number, depth: number): Draft | undefined {
  if (at + 40 > end) return undefined;
  const stated = readBe16(bytes, at + 4);
  const length = stated === 0 && depth === 0 && bytes[at + 6] !== 59 ? wireEnd - at : 40 + stated;
  const packet = emptyDraft(6, at, at + 8, at + 24, at + 7, -1);
  packet.length = length;
  packet.end = Math.min(end, at + length);
  if (at + length > wireEnd && depth === 0) packet.fault = "truncated";
  const chain = findTransport(bytes, at + 40, packet.end, bytes[at + 6]!);
  packet.protocol = chain.protocol;
  packet.fragmentId = chain.fragmentId;
  packet.fragmentOffset = chain.fragmentOffset;
  packet.moreFragments = chain.moreFragments;
  packet.fragmentAt = chain.fragmentAt;
  if (chain.at < 0) return faulty(packet, packet.end < at + length ? "cut" : "truncated");
  packet.transportAt = packet.payloadAt = chain.at;
  if (packet.fragmentOffset > 0) packet.kind = "later-fragment";
  return packet;
}

function readTransport(bytes: Uint8Array, packet: Draft, wireEnd: number, depth: number): void {
  const have = packet.end - packet.transportAt;
  switch (packet.protocol) {
    case PROTOCOL_TCP:
      return readPorts(bytes, packet, "tcp", have, 16, have >= 13 ? (bytes[packet.transportAt + 12]! >> 4) * 4 : 20);
    case PROTOCOL_UDP:
      return readPorts(bytes, packet, "udp", have, 6, 8);
    case PROTOCOL_SCTP:
      return readPorts(bytes, packet, "sctp", have, 8, 12);
    case PROTOCOL_DCCP:
    case PROTOCOL_UDP_LITE:
      if (have >= 8) packet.checksumAt = packet.transportAt + 6;
      packet.payloadAt = Math.min(packet.end, packet.transportAt + 8);
      return;
    case PROTOCOL_ICMP:
      if (packet.family === 4) readIcmp(bytes, packet, wireEnd, depth, have);
      return;
    case PROTOCOL_ICMPV6:
      if (packet.family === 6) readIcmp(bytes, packet, wireEnd, depth, have);
      return;
  }
}

function readPorts(
  bytes: Uint8Array,
  packet: Draft,
  kind: PacketKind,
  have: number,
  checksum: number,
  header: number,
): void {
  if (have < 4) return unreadable(packet);
  packet.kind = kind;
  packet.sourcePortAt = packet.transportAt;
  packet.destinationPortAt = packet.transportAt + 2;
  packet.payloadAt = Math.min(packet.end, packet.transportAt + Math.max(header, 8));
  if (have >= checksum + (kind === "sctp" ? 4 : 2)) packet.checksumAt = packet.transportAt + checksum;
  if (kind === "tcp" && have >= 14) packet.tcpFlags = bytes[packet.transportAt + 13]!;
  if (kind === "sctp") packet.tcpFlags = sctpFlags(bytes, packet.transportAt, packet.end);
}

/** Echo and timestamp, requests and replies. */
const V4_QUERIES: ReadonlySet<number> = new Set([0, 8, 13, 14]);

/** RFC 792, RFC 4443. Echo identifiers stand at byte 4; errors quote a packet from byte 8 on. */
function readIcmp(bytes: Uint8Array, packet: Draft, wireEnd: number, depth: number, have: number): void {
  if (have < 4) return unreadable(packet);
  const type = bytes[packet.transportAt]!;
  packet.icmpType = type;
  packet.icmpCode = bytes[packet.transportAt + 1]!;
  packet.checksumAt = packet.transportAt + 2;
  packet.payloadAt = Math.min(packet.end, packet.transportAt + 8);
  if (packet.family === 4 ? V4_QUERIES.has(type) : type === 128 || type === 129) {
    if (have < 6) return unreadable(packet);
    packet.kind = "echo";
    packet.sourcePortAt = packet.transportAt + 4;
    return;
  }
  const isError =
    packet.family === 4 ? type === 3 || type === 4 || type === 5 || type === 11 || type === 12 : type < 128;
  packet.kind = isError ? "icmp-error" : "icmp-other";
  if (isError && depth < MAX_DEPTH)
    packet.inner = decode(bytes, packet.transportAt + 8, packet.end, wireEnd, depth + 1);
}

function unreadable(packet: Draft): void {
  packet.kind = "unreadable";
  if (packet.fault === "") packet.fault = packet.end < packet.at + packet.length ? "cut" : "truncated";
}

function faulty(packet: Draft, fault: PacketFault): Draft {
  packet.fault = fault;
  packet.kind = "unreadable";
  return packet;
}

function emptyDraft(
  family: Family,
  at: number,
  sourceAt: number,
  destinationAt: number,
  ttlAt: number,
  headerChecksumAt: number,
): Draft {
  return {
    family,
    at,
    sourceAt,
    destinationAt,
    ttlAt,
    headerChecksumAt,
    protocol: -1,
    kind: "other",
    fault: "",
    transportAt: -1,
    end: at,
    length: 0,
    fragmentId: 0,
    fragmentOffset: 0,
    moreFragments: false,
    fragmentAt: -1,
    sourcePortAt: -1,
    destinationPortAt: -1,
    checksumAt: -1,
    tcpFlags: 0,
    payloadAt: -1,
    icmpType: -1,
    icmpCode: -1,
    inner: undefined,
  };
}
