import {
  COUNTER_REMOVED_AT,
  ENDPOINT_UID_HASH_AT,
  LINE_ADDRESS_AT,
  LINE_EGRESS_AT,
  LINE_EPOCH_AT,
  LINE_FLAG_TRANSLATED,
  LINE_FLAGS_AT,
  LINE_OWNER_AT,
  NO_INDEX,
  REASON_BAD_SOURCE,
  REASON_ENDPOINT_UNKNOWN,
  REASON_NO_REVERSE_MAPPING,
  REASON_REPLY_WITHOUT_CONNECTION,
} from "../abi";
import { highOf, lowOf } from "../tables/addresses";
import { epoch, nowMs, nowNs } from "../tables/clock";
import { expire, removeConnection, removeCounted } from "../tables/conntrack";
import { isReachable } from "../tables/gateways";
import { isExpired, isHeld } from "../tables/lifetime";
import { egressTotal, endpointAt, findEndpoint, hasServicePort, isEgressAddress, nodeOf } from "../tables/policy";
import { hasHandshake, PROTOCOL_ICMP } from "../wire/ipv4";
import { Parsed } from "../wire/parse";
import { isPlausible, TCP_ACK, TCP_SYN } from "../wire/transport";
import { follow, isOfOwner, openInbound } from "./connection";
import { matchPolicy, neverSelected } from "./resolve";
import { dstHigh, dstLow, isLand, srcHigh, srcLow } from "./tuple";
import { Verdict } from "./verdict";

// from-network, off the straight line: replies whose mapping changed state, has expired or never was, and connections from outside.

/**
 * @param line what conntrack has for the frame's key, 0 = nothing
 * @param isDirect it came over a gateway's uplink: a selected endpoint is not reached there but by its mappings (RFC 4787 REQ-8)
 */
export function fromNetwork(p: Parsed, line: usize, isDirect: bool, v: Verdict): void {
  if (line != 0 && isExpired(line, nowMs())) line = expire(line, nowMs());
  if (line != 0 && isHeld(line)) line = 0;
  if (line != 0 && !isTranslated(line)) {
    if (isOfOwner(<u32>(p.addresses >> 32), line)) {
      store<u32>(line, epoch(), LINE_EPOCH_AT);
    } else {
      removeConnection(line);
      line = 0;
    }
  } else if (line != 0 && load<u32>(line, LINE_EPOCH_AT) != epoch()) {
    const dead = deadEgress(line);
    if (dead != NO_INDEX) return v.lose(dead);
    if (!stands(line)) return v.drop(REASON_NO_REVERSE_MAPPING);
  }
  if (line != 0) return follow(p, line, v);
  if (isLand(p)) return v.drop(REASON_BAD_SOURCE);
  if (isEgressAddress(dstHigh(p), dstLow(p))) return v.drop(REASON_NO_REVERSE_MAPPING);
  const endpoint = findEndpoint(dstHigh(p), dstLow(p), nowNs());
  if (endpoint == NO_INDEX) return v.pass(REASON_ENDPOINT_UNKNOWN);
  const never = neverSelected(srcHigh(p), srcLow(p));
  if (never) return v.pass(never);
  if (isDirect && !matchPolicy(endpoint, srcHigh(p), srcLow(p))) return v.drop(REASON_NO_REVERSE_MAPPING);
  if (opens(p)) return openInbound(p, endpoint, false, v);
  if (
    hasHandshake(p.protocol) &&
    !(p.tcpFlags & TCP_SYN) &&
    isPlausible(p.tcpFlags) &&
    hasServicePort(endpoint, p.protocol, bswap<u16>(<u16>(p.ports >> 16)))
  ) {
    return openInbound(p, endpoint, true, v);
  }
  const unselected = matchPolicy(endpoint, srcHigh(p), srcLow(p));
  if (unselected) return v.pass(unselected);
  v.drop(REASON_REPLY_WITHOUT_CONNECTION);
}

function isTranslated(line: usize): bool {
  return (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_TRANSLATED) != 0;
}

/** The egress of a mapping whose gateway does not answer, or NO_INDEX. */
function deadEgress(line: usize): u32 {
  const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
  return egress < egressTotal && !isReachable(nodeOf(egress)) ? egress : NO_INDEX;
}

/**
 * A mapping that was made under an older epoch: the address must still be the endpoint's whose it was; if not, the connection goes. What
 * the cluster believes of the gateway's health does not matter: it has the mapping, or has lost it (`nodeLost`).
 */
function stands(line: usize): bool {
  const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
  if (egress >= egressTotal) return false;
  const address = load<u32>(line, LINE_ADDRESS_AT);
  const endpoint = findEndpoint(highOf(line, address), lowOf(line, address), nowNs());
  if (endpoint == NO_INDEX || load<u32>(endpointAt(endpoint), ENDPOINT_UID_HASH_AT) != load<u32>(line, LINE_OWNER_AT)) {
    removeCounted(line, COUNTER_REMOVED_AT);
    return false;
  }
  store<u32>(line, epoch(), LINE_EPOCH_AT);
  return true;
}

/** The first frame of a connection from outside: a SYN, an INIT, an echo request, any frame of what knows none of these. */
function opens(p: Parsed): bool {
  if (hasHandshake(p.protocol)) return (p.tcpFlags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
  return p.protocol != PROTOCOL_ICMP || !p.isEchoReply;
}
