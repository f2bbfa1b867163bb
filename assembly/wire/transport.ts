// Offsets inside transport headers: TCP (RFC 9293 section 3.1), UDP (RFC 768), ICMP (RFC 792). Ports stand first in TCP and UDP.

export const PORTS_SIZE: u32 = 4;

export const TCP_SEQUENCE_AT: usize = 4;
export const TCP_ACK_AT: usize = 8;
export const TCP_OFFSET_AT: usize = 12;
export const TCP_FLAGS_AT: usize = 13;
export const TCP_CHECKSUM_AT: usize = 16;
export const TCP_MIN_SIZE: u32 = 20;
export const TCP_FIN: u32 = 1;
export const TCP_SYN: u32 = 2;
export const TCP_RST: u32 = 4;
export const TCP_ACK: u32 = 16;

/**
 * Flags that no segment may have together: SYN with FIN or RST, FIN with RST, FIN without ACK (RFC 9293 sections 3.1 and 3.10.7.4: only the
 * first SYN and resets come without ACK). Senders of such segments look for stacks and firewalls that err.
 */
export function isNonsense(flags: u32): bool {
  if (flags & TCP_SYN) return (flags & (TCP_FIN | TCP_RST)) != 0;
  return (flags & TCP_FIN) != 0 && (flags & (TCP_RST | TCP_ACK)) != TCP_ACK;
}

/** True for a segment that could be the first one seen of a connection: in none but a first SYN and a reset may ACK be missing. */
export function isPlausible(flags: u32): bool {
  return (flags & (TCP_SYN | TCP_RST | TCP_ACK)) != 0;
}

export const UDP_LENGTH_AT: usize = 4;
export const UDP_CHECKSUM_AT: usize = 6;
export const UDP_SIZE: u32 = 8;

export const ICMP_CODE_AT: usize = 1;
export const ICMP_CHECKSUM_AT: usize = 2;
export const ICMP_ID_AT: usize = 4;
export const ICMP_SIZE: u32 = 8;
export const ICMP_ECHO_REPLY: u32 = 0;
export const ICMP_UNREACHABLE: u32 = 3;
export const ICMP_SOURCE_QUENCH: u32 = 4;
export const ICMP_REDIRECT: u32 = 5;
export const ICMP_ECHO_REQUEST: u32 = 8;
export const ICMP_TIME_EXCEEDED: u32 = 11;
export const ICMP_PARAMETER_PROBLEM: u32 = 12;
export const ICMP_TIMESTAMP_REQUEST: u32 = 13;
export const ICMP_TIMESTAMP_REPLY: u32 = 14;
/** With its three times. */
export const ICMP_TIMESTAMP_SIZE: u32 = 20;

/** The first query: all types below it are errors, also those that nobody has defined yet (RFC 4443 sections 2.1 and 2.4(a)). */
export const ICMP6_ECHO_REQUEST: u32 = 128;
export const ICMP6_ECHO_REPLY: u32 = 129;
/** RFC 4861: router and neighbour solicitations and advertisements, redirects. They never leave a link. */
export const ICMP6_FIRST_DISCOVERY: u32 = 133;
export const ICMP6_LAST_DISCOVERY: u32 = 137;

/** Queries of ICMPv4 that are in use and have an identifier: echo and timestamp (RFC 6918 puts the others out of it). */
export function isIcmpQuery(type: u32): bool {
  return (
    type == ICMP_ECHO_REQUEST ||
    type == ICMP_ECHO_REPLY ||
    type == ICMP_TIMESTAMP_REQUEST ||
    type == ICMP_TIMESTAMP_REPLY
  );
}

/** ICMP errors quote the packet they are about (RFC 792); redirects and queries do not count. */
export function isIcmpError(type: u32): bool {
  return (
    type == ICMP_UNREACHABLE ||
    type == ICMP_SOURCE_QUENCH ||
    type == ICMP_TIME_EXCEEDED ||
    type == ICMP_PARAMETER_PROBLEM
  );
}
