import { type Connection, type ConntrackBytes, connections } from "../engine/conntrack.js";
import { type AddressBytes, formatAddress } from "../net/address.js";
import {
  decodeFrame,
  destinationAddress,
  destinationPort,
  type IpPacket,
  isEchoRequest,
  sourceAddress,
  sourcePort,
} from "../net/decode.js";
import { checksumState, ipv4HeaderSum } from "../net/recount.js";
import type { ConntrackPair, ParsedFrame } from "./explain-types.js";

/** What a frame says about its connection, from the endpoint's side. */
export interface PacketKey {
  readonly linkType: number;
  readonly family: 4 | 6;
  readonly protocol: number;
  /** Canonical texts of the frame's own addresses. */
  readonly source: string;
  readonly destination: string;
  readonly endpoint: AddressBytes;
  readonly endpointPort: number;
  readonly remote: AddressBytes;
  readonly remotePort: number;
}

const TCP_FLAGS = [
  ["FIN", 1],
  ["SYN", 2],
  ["RST", 4],
  ["ACK", 16],
] as const;

/** @param isOutbound the endpoint sent the frame   @returns undefined for frames without an IP header */
export function keyOfPacket(bytes: Uint8Array, linkType: number, isOutbound: boolean): PacketKey | undefined {
  const packet = decodeFrame(bytes, linkType, bytes.length);
  if (!packet) return undefined;
  const source = sourceAddress(bytes, packet);
  const destination = destinationAddress(bytes, packet);
  const quoted = packet.kind === "icmp-error" ? packet.inner : undefined;
  // An error quotes a packet of the connection: to the endpoint it quotes what the endpoint sent.
  const told = quoted ?? packet;
  const endpointIsSource = quoted ? !isOutbound : isOutbound;
  const [near, far] = [sourceAddress(bytes, told), destinationAddress(bytes, told)];
  const [nearPort, farPort] = portsOf(bytes, told);
  return {
    linkType,
    family: packet.family,
    protocol: told.protocol,
    source: formatAddress(source),
    destination: formatAddress(destination),
    endpoint: endpointIsSource ? near : far,
    endpointPort: endpointIsSource ? nearPort : farPort,
    remote: endpointIsSource ? far : near,
    remotePort: endpointIsSource ? farPort : nearPort,
  };
}

/** Of an echo the identifier stands where the side that pinged has its port. */
function portsOf(bytes: Uint8Array, packet: IpPacket): [number, number] {
  if (packet.kind !== "echo") return [sourcePort(bytes, packet), destinationPort(bytes, packet)];
  const id = sourcePort(bytes, packet);
  return isEchoRequest(packet) ? [id, 0] : [0, id];
}

/** The connection's two lines in a conntrack table; undefined where it holds none. */
export function connectionOf(table: ConntrackBytes, key: PacketKey): ConntrackPair | undefined {
  const [endpoint, remote] = [formatAddress(key.endpoint), formatAddress(key.remote)];
  for (const connection of connections(table)) {
    if (isOf(connection, key, endpoint, remote)) return connection;
  }
  return undefined;
}

function isOf({ original }: Connection, key: PacketKey, endpoint: string, remote: string): boolean {
  if (original.protocol !== key.protocol) return false;
  const outbound =
    original.src === endpoint &&
    original.dst === remote &&
    original.srcPort === key.endpointPort &&
    original.dstPort === key.remotePort;
  const inbound =
    original.src === remote &&
    original.dst === endpoint &&
    original.srcPort === key.remotePort &&
    original.dstPort === key.endpointPort;
  return outbound || inbound;
}

/** A frame's headers in words. @param wire bytes that the frame had on the wire */
export function parseForPeople(bytes: Uint8Array, linkType: number, wire: number): ParsedFrame | undefined {
  const packet = decodeFrame(bytes, linkType, Math.max(wire, bytes.length));
  return packet && parsed(bytes, packet);
}

function parsed(bytes: Uint8Array, packet: IpPacket): ParsedFrame {
  return {
    family: packet.family,
    kind: packet.kind,
    protocol: packet.protocol,
    source: formatAddress(sourceAddress(bytes, packet)),
    sourcePort: sourcePort(bytes, packet),
    destination: formatAddress(destinationAddress(bytes, packet)),
    destinationPort: destinationPort(bytes, packet),
    ttl: bytes[packet.ttlAt]!,
    tcpFlags: TCP_FLAGS.filter(([, bit]) => packet.tcpFlags & bit)
      .map(([name]) => name)
      .join(" "),
    headerChecksum: packet.family === 6 ? "none" : ipv4HeaderSum(bytes, packet) === 0xffff ? "right" : "wrong",
    transportChecksum: checksumState(bytes, packet),
    fault: packet.fault,
    ipLength: packet.length,
    fragmentOffset: packet.fragmentOffset,
    moreFragments: packet.moreFragments,
    ...(packet.inner && { inner: parsed(bytes, packet.inner) }),
  };
}
