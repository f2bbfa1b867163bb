import type { AddressBytes } from "../net/address.js";

/** What a frame is made from. */
export interface RecordedPacket {
  /** Nanoseconds since the epoch. */
  readonly timeNs: bigint;
  /** Both of one family. */
  readonly source: AddressBytes;
  readonly destination: AddressBytes;
  readonly transport: "tcp" | "udp" | "sctp" | "echo-request" | "echo-reply";
  /** Of an echo both are its identifier. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** TCP_* bits; 0 for all else. */
  readonly tcpFlags: number;
}

/** The packet that answers `packet`. */
export function answerTo(packet: RecordedPacket, tcpFlags: number): RecordedPacket {
  return {
    timeNs: packet.timeNs,
    source: packet.destination,
    destination: packet.source,
    transport: packet.transport === "echo-request" ? "echo-reply" : packet.transport,
    sourcePort: packet.destinationPort,
    destinationPort: packet.sourcePort,
    tcpFlags,
  };
}
