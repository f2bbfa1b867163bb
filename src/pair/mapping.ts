import type { AddressBytes } from "../net/address.js";
import { destinationAddress, sourceAddress } from "../net/decode.js";
import { tupleOf } from "../net/tuple.js";
import { type Direction, insideEnd, type Kept } from "./frame.js";

/** A packet that was seen on both sides of a gateway: whose it was, and what stood in its place outside. */
export interface SeenMapping {
  /** When it was seen outside: nanoseconds since the epoch, by the clock of the second capture. */
  readonly timeNs: bigint;
  /** IP protocol number. */
  readonly protocol: number;
  readonly endpoint: AddressBytes;
  /** Of an echo the identifier, as `natPort`; `remotePort` is then 0. */
  readonly endpointPort: number;
  readonly remote: AddressBytes;
  readonly remotePort: number;
  readonly egressIP: AddressBytes;
  readonly natPort: number;
}

/** @param skewNs what was taken from the second capture's times   @returns undefined for packets without ports of their own: ICMP errors, later fragments and the like */
export function seenMapping(
  inside: Kept,
  outside: Kept,
  direction: Direction,
  skewNs: bigint,
): SeenMapping | undefined {
  const { kind } = inside.packet;
  if (kind !== "tcp" && kind !== "udp" && kind !== "sctp" && kind !== "echo") return undefined;
  const end = insideEnd(direction);
  const [near, far] = end === "source" ? [sourceAddress, destinationAddress] : [destinationAddress, sourceAddress];
  const tuple = tupleOf(inside.bytes, inside.packet, end);
  return {
    timeNs: outside.timeNs + skewNs,
    protocol: inside.packet.protocol,
    endpoint: near(inside.bytes, inside.packet),
    endpointPort: tuple.insidePort,
    remote: far(inside.bytes, inside.packet),
    remotePort: tuple.remotePort,
    egressIP: near(outside.bytes, outside.packet),
    natPort: tupleOf(outside.bytes, outside.packet, end).insidePort,
  };
}
