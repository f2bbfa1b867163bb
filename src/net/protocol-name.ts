import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP } from "./decode.js";

const NAMES: ReadonlyMap<number, string> = new Map([
  [PROTOCOL_ICMP, "icmp"],
  [PROTOCOL_TCP, "tcp"],
  [PROTOCOL_UDP, "udp"],
  [PROTOCOL_ICMPV6, "icmpv6"],
  [PROTOCOL_SCTP, "sctp"],
]);

/** Name of an IP protocol, else its number. */
export function protocolName(protocol: number): string {
  return NAMES.get(protocol) ?? String(protocol);
}
