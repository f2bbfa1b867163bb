import { type AddressBytes, type Family, formatAddress, socketText } from "./address.js";
import { type IpPacket, readBe16 } from "./decode.js";

/** Which end of a packet is the inside one (the endpoint, or the egress IP that stands for it). */
export type InsideEnd = "source" | "destination";

/**
 * A connection as seen at one side of the gateway. Echo identifiers are `insidePort` with `remotePort` 0 (13 of timestamps), and protocols without
 * ports have 0 for both, so that "one connection per tuple" means the same for all.
 */
export interface Tuple {
  readonly protocol: number;
  readonly family: Family;
  readonly insideAt: number;
  readonly insidePort: number;
  readonly remoteAt: number;
  readonly remotePort: number;
}

/** True where the packet itself shows its connection: no ICMP message but a query, and of fragments the first alone, does. */
export function hasTuple({ kind }: IpPacket): boolean {
  return kind === "tcp" || kind === "udp" || kind === "sctp" || kind === "echo" || kind === "other";
}

/** The tuple of `packet` in `bytes`; the addresses stay where they are and are given as offsets. */
export function tupleOf(bytes: Uint8Array, packet: IpPacket, inside: InsideEnd): Tuple {
  const isSource = inside === "source";
  const insidePortAt = portAtOf(packet, inside);
  const remotePortAt = packet.kind === "echo" ? -1 : isSource ? packet.destinationPortAt : packet.sourcePortAt;
  return {
    protocol: packet.protocol,
    family: packet.family,
    insideAt: isSource ? packet.sourceAt : packet.destinationAt,
    insidePort: insidePortAt < 0 ? 0 : readBe16(bytes, insidePortAt),
    remoteAt: isSource ? packet.destinationAt : packet.sourceAt,
    remotePort: remotePortAt < 0 ? queryOf(packet) : readBe16(bytes, remotePortAt),
  };
}

/** What keeps the identifiers of timestamps and echoes apart: 13 for a timestamp, else 0. */
function queryOf({ kind, icmpType }: IpPacket): number {
  return kind === "echo" && (icmpType === 13 || icmpType === 14) ? 13 : 0;
}

/** Offset of the port, or of the echo identifier, that NAT rewrites when `end` is the inside one; -1 where there is none. */
export function portAtOf(packet: IpPacket, end: InsideEnd): number {
  if (packet.kind === "echo") return packet.sourcePortAt;
  return end === "source" ? packet.sourcePortAt : packet.destinationPortAt;
}

/** A string that two tuples share exactly when they are equal. Its length tells the families apart. */
export function tupleKey(bytes: Uint8Array, tuple: Tuple): string {
  const { protocol, insideAt, remoteAt, insidePort, remotePort } = tuple;
  if (tuple.family === 4) {
    return String.fromCharCode(
      readBe16(bytes, insideAt),
      readBe16(bytes, insideAt + 2),
      readBe16(bytes, remoteAt),
      readBe16(bytes, remoteAt + 2),
      protocol,
      insidePort,
      remotePort,
    );
  }
  const addresses = addressKey(bytes, insideAt, 6) + addressKey(bytes, remoteAt, 6);
  return addresses + String.fromCharCode(protocol, insidePort, remotePort);
}

/** Two UTF-16 units for an IPv4 address, eight for IPv6. */
export function addressKey(bytes: Uint8Array, at: number, family: Family): string {
  if (family === 4) return String.fromCharCode(readBe16(bytes, at), readBe16(bytes, at + 2));
  return String.fromCharCode(
    readBe16(bytes, at),
    readBe16(bytes, at + 2),
    readBe16(bytes, at + 4),
    readBe16(bytes, at + 6),
    readBe16(bytes, at + 8),
    readBe16(bytes, at + 10),
    readBe16(bytes, at + 12),
    readBe16(bytes, at + 14),
  );
}

/** The same key for an address in its 16-byte form. */
export function mappedAddressKey(address: AddressBytes, family: Family): string {
  return addressKey(address, family === 4 ? 12 : 0, family);
}

/** `10.1.0.7:51514`, `[fd00::7]:53`, for messages. */
export function formatSocket(address: AddressBytes, port: number): string {
  return socketText(formatAddress(address), port);
}

/** The same for an address given as `addressKey`. */
export function formatKeySocket(key: string, port: number): string {
  const bytes = new Uint8Array(16);
  const first = 16 - key.length * 2;
  if (first > 0) bytes[10] = bytes[11] = 0xff;
  for (let i = 0; i < key.length; i++) {
    bytes[first + i * 2] = key.charCodeAt(i) >> 8;
    bytes[first + i * 2 + 1] = key.charCodeAt(i) & 0xff;
  }
  return formatSocket(bytes, port);
}
