import type { Kind } from "./conversation.js";
import { FRAGMENT_KINDS } from "./fragments.js";
import { ICMP_KINDS } from "./icmp.js";
import { PROTOCOL_KINDS } from "./protocols.js";
import { SCTP_KINDS } from "./sctp.js";
import { TCP_KINDS } from "./tcp.js";
import { UDP_KINDS } from "./udp.js";

/** Everything that hosts say to each other through both gateways. */
export const KINDS: readonly Kind[] = [
  ...TCP_KINDS,
  ...UDP_KINDS,
  ...ICMP_KINDS,
  ...FRAGMENT_KINDS,
  ...SCTP_KINDS,
  ...PROTOCOL_KINDS,
];
