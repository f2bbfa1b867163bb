import {
  NO_INDEX,
  REASON_BAD_SOURCE,
  REASON_ENDPOINT_UNKNOWN,
  REASON_NO_REVERSE_MAPPING,
  REASON_REPLY_WITHOUT_CONNECTION,
} from "../abi";
import { nowMs, nowNs } from "../tables/clock";
import { removeConnection } from "../tables/conntrack";
import { isExpired } from "../tables/lifetime";
import { findEndpoint, hasServicePort, isEgressAddress } from "../tables/policy";
import { PROTOCOL_ICMP, PROTOCOL_TCP } from "../wire/ipv4";
import { Parsed } from "../wire/parse";
import { ICMP_ECHO_REQUEST, TCP_ACK, TCP_SYN } from "../wire/transport";
import { follow, openInbound } from "./connection";
import { mappedLow, matchPolicy, neverSelected } from "./resolve";
import { Verdict } from "./verdict";

// from-network, off the straight line: replies whose mapping changed state, has expired or never was, and connections from outside.

/** @param line what conntrack has for the frame's key, 0 = nothing */
export function fromNetwork(p: Parsed, line: usize, v: Verdict): void {
  if (line != 0 && isExpired(line, nowMs())) {
    removeConnection(line);
    line = 0;
  }
  if (line != 0) return follow(p, line, v);
  const remote = <u32>p.addresses;
  const address = <u32>(p.addresses >> 32);
  if (remote == address) return v.drop(REASON_BAD_SOURCE);
  if (isEgressAddress(0, mappedLow(address))) return v.drop(REASON_NO_REVERSE_MAPPING);
  const endpoint = findEndpoint(0, mappedLow(address), nowNs());
  if (endpoint == NO_INDEX) return v.pass(REASON_ENDPOINT_UNKNOWN);
  const never = neverSelected(0, mappedLow(remote));
  if (never) return v.pass(never);
  if (opens(p)) return openInbound(p, false, v);
  if (
    p.protocol == PROTOCOL_TCP &&
    !(p.tcpFlags & TCP_SYN) &&
    hasServicePort(endpoint, PROTOCOL_TCP, bswap<u16>(<u16>(p.ports >> 16)))
  ) {
    return openInbound(p, true, v);
  }
  const unselected = matchPolicy(endpoint, 0, mappedLow(remote));
  if (unselected) return v.pass(unselected);
  v.drop(REASON_REPLY_WITHOUT_CONNECTION);
}

/** The first frame of a connection from outside: a SYN, any UDP, an echo request. */
function opens(p: Parsed): bool {
  if (p.protocol == PROTOCOL_TCP) return (p.tcpFlags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
  return p.protocol != PROTOCOL_ICMP || load<u8>(p.l4) == ICMP_ECHO_REQUEST;
}
