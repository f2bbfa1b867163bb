import {
  ACTION_SNAT,
  CONFIG_FLAG_NO_PICK_UP,
  COUNTER_BROKEN_AT,
  COUNTER_OPENED_AT,
  COUNTER_REBOUND_AT,
  COUNTER_REMOVED_AT,
  ENDPOINT_NODE_AT,
  ENDPOINT_UID_HASH_AT,
  GATEWAY_DOWN,
  HOOK_FROM_ENDPOINT,
  LINE_ADDRESS_AT,
  LINE_EGRESS_AT,
  LINE_EPOCH_AT,
  LINE_FLAG_LOST,
  LINE_FLAG_PRIMARY,
  LINE_FLAG_REDIRECT,
  LINE_FLAG_TRANSLATED,
  LINE_FLAG_UNPINNED,
  LINE_FLAGS_AT,
  LINE_OWNER_AT,
  LINE_PORT_AT,
  LINE_TIMEOUT_ROW_AT,
  NO_INDEX,
  REASON_BAD_DESTINATION,
  REASON_BAD_HEADER,
  REASON_BAD_SOURCE,
  REASON_ENDPOINT_UNKNOWN,
  REASON_NO_STATE,
  REASON_NONE,
  VERDICT_FLAG_CREATED,
  VERDICT_FLAG_NEW_CONNECTION_KIND,
  VERDICT_FLAG_POLICY_CHANGE,
  VERDICT_FLAG_REMAPPED,
  VERDICT_FLAG_RESTART,
} from "../abi";
import { highOf, lowOf } from "../tables/addresses";
import { epoch, nowMs, nowNs } from "../tables/clock";
import { expire, loseMapping, movePin, removeConnection, removeCounted } from "../tables/conntrack";
import { count, uncount } from "../tables/counters";
import { gatewayState, isElsewhere } from "../tables/gateways";
import { isExpired, otherLine, restarts } from "../tables/lifetime";
import { configFlags, placementSeed } from "../tables/memory";
import { egressTotal, endpointAt, findEndpoint, hasMoved, hasServicePort, nodeOf } from "../tables/policy";
import { portExpiresSooner } from "../tables/port-groups";
import { hasHandshake, PROTOCOL_ICMP, PROTOCOL_TCP } from "../wire/ipv4";
import { Parsed } from "../wire/parse";
import { isPlausible, TCP_ACK, TCP_SYN } from "../wire/transport";
import { isKnown } from "./ahead";
import {
  age,
  follow,
  isMidStream,
  isOfOwner,
  lineOf,
  mappingFault,
  newWayFault,
  openInbound,
  openPassed,
  openTranslated,
} from "./connection";
import { followPin, openRedirected, redirectAnew, settlePin } from "./redirect";
import {
  choose,
  decision,
  isPassed,
  isSelectedElsewhere,
  isSelectedLost,
  neverSelected,
  resolve,
  selectedEgress,
  selectedPolicy,
  timeoutRow,
} from "./resolve";
import { isSpoofed, stateless } from "./stateless";
import { dstHigh, dstLow, egressAddress, hashTuple, isEgressIP, isLand, srcHigh, srcLow } from "./tuple";
import { Verdict } from "./verdict";

// from-endpoint, off the straight line: connections that are new, have expired, changed state, or were decided under an older policy.

/** @param line what conntrack has for the frame's key, 0 = nothing */
export function fromEndpoint(p: Parsed, line: usize, v: Verdict): void {
  if (line != 0 && isExpired(line, nowMs())) {
    expire(line, nowMs());
    line = 0;
  }
  if (line == 0) return first(p, v);
  const flags = <u32>load<u8>(line, LINE_FLAGS_AT);
  const isOutbound = (flags & LINE_FLAG_PRIMARY) != 0;
  const isDue = load<u32>(line, LINE_EPOCH_AT) != epoch() || flags & LINE_FLAG_LOST;
  if (isOutbound && (isDue || restarts(line, p.tcpFlags))) return decideAnew(p, line, v);
  // A new connection of the endpoint over a closed one from outside, or over one of who had the address before.
  if (!isOutbound && (restarts(line, p.tcpFlags) || !isOfOwner(<u32>p.addresses, line))) {
    removeConnection(line);
    return first(p, v);
  }
  if (!isOutbound) store<u32>(line, epoch(), LINE_EPOCH_AT);
  if (flags & LINE_FLAG_REDIRECT) followPin(p, line, v);
  else follow(p, line, v);
}

/** Key of the choice of gateway: the original five-tuple under the placement seed. */
export function placementHash(p: Parsed): u64 {
  return hashTuple(placementSeed, p);
}

/** Frames that answer somebody: a SYN-ACK, an INIT-ACK, an echo reply, what is in mid-stream from a port on which the endpoint serves. */
function isAnswer(p: Parsed, endpoint: u32): bool {
  if (p.protocol == PROTOCOL_ICMP) return p.isEchoReply;
  if (!hasHandshake(p.protocol)) return false;
  if (p.tcpFlags & TCP_SYN) return (p.tcpFlags & TCP_ACK) != 0;
  return hasServicePort(endpoint, p.protocol, bswap<u16>(<u16>p.ports));
}

/** Why no connection can begin with the frame, or REASON_NONE. */
function openingFault(p: Parsed): u32 {
  if (isNowhere(p)) return REASON_BAD_DESTINATION;
  return p.protocol == PROTOCOL_TCP && !isPlausible(p.tcpFlags) ? REASON_BAD_HEADER : REASON_NONE;
}

/** Destinations that no host has: network 0 (RFC 1122 section 3.2.1.3), the unspecified address and loopback (RFC 4291 section 2.5). */
function isNowhere(p: Parsed): bool {
  return p.isIpv6 ? dstHigh(p) == 0 && dstLow(p) <= 1 : (<u32>(p.addresses >> 32) & 0xff) == 0;
}

/** The first frame of a connection, as far as we know. */
function first(p: Parsed, v: Verdict): void {
  if (isLand(p)) return v.drop(REASON_BAD_SOURCE);
  const isAhead = isKnown(p);
  const srcUpper = srcHigh(p);
  const srcLower = srcLow(p);
  const endpoint = isAhead ? p.endpoint : findEndpoint(srcUpper, srcLower, nowNs());
  if (endpoint == NO_INDEX)
    return isSpoofed(srcUpper, srcLower) ? v.drop(REASON_BAD_SOURCE) : v.pass(REASON_ENDPOINT_UNKNOWN);
  const dstUpper = dstHigh(p);
  const dstLower = dstLow(p);
  const never: u32 = isAhead ? REASON_NONE : neverSelected(dstUpper, dstLower);
  if (never) return v.pass(never);
  const fault = openingFault(p);
  if (fault) return stateless(p, fault, v);
  if (isAnswer(p, endpoint)) return openInbound(p, endpoint, true, v);
  if (isAhead) choose(p.policy, p.egress);
  else resolve(endpoint, dstUpper, dstLower, placementHash(p), NO_INDEX, false);
  if (decision == REASON_NONE) {
    if (configFlags & CONFIG_FLAG_NO_PICK_UP && isMidStream(p)) return v.drop(REASON_NO_STATE);
    if (isSelectedLost()) return loseFrame(p, 0, endpoint, v);
    if (!isSelectedElsewhere()) return openTranslated(p, endpoint, true, v);
    if (openRedirected(p, endpoint, true, v) != 0) v.flag(VERDICT_FLAG_CREATED);
    return;
  }
  if (isPassed()) return openPassed(p, endpoint, decision, v);
  v.drop(decision);
}

/**
 * A connection that was decided under an older policy epoch, whose gateway lost its mapping, or that a SYN starts again: keep it if nothing
 * about it changed.
 */
function decideAnew(p: Parsed, line: usize, v: Verdict): void {
  const flags = <u32>load<u8>(line, LINE_FLAGS_AT);
  const leaves = (flags & (LINE_FLAG_TRANSLATED | LINE_FLAG_REDIRECT)) != 0;
  const isLost = (flags & LINE_FLAG_LOST) != 0;
  const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
  const endpoint = findEndpoint(srcHigh(p), srcLow(p), nowNs());
  if (endpoint == NO_INDEX || !isOwner(endpoint, line) || neverSelected(dstHigh(p), dstLow(p))) {
    end(line, flags, v);
    return first(p, v);
  }
  const isPinned = leaves && !(flags & LINE_FLAG_UNPINNED);
  resolve(endpoint, dstHigh(p), dstLow(p), placementHash(p), isPinned ? egress : NO_INDEX, isLost);
  if (decision == REASON_NONE) {
    if (isSelectedLost()) return loseFrame(p, line, endpoint, v);
    const cause = leaves ? causeOf(egress, flags, p.isIpv6) : VERDICT_FLAG_POLICY_CHANGE;
    if (flags & LINE_FLAG_REDIRECT) return settlePin(p, line, endpoint, cause, v);
    if (isSelectedElsewhere()) return redirectAnew(p, line, endpoint, leaves ? egress : 0xffff, cause, v);
    if (
      leaves &&
      !isLost &&
      selectedEgress == egress &&
      egressAddress(egress, p.isIpv6) == load<u32>(line, LINE_ADDRESS_AT)
    )
      return keep(p, line, v);
    return remap(p, line, endpoint, cause, v);
  }
  const reason = decision;
  if (!leaves && isPassed()) {
    store<u16>(line, <u16>reason, LINE_PORT_AT);
    store<u16>(otherLine(line), <u16>reason, LINE_PORT_AT);
    store<u32>(line, epoch(), LINE_EPOCH_AT);
    return follow(p, line, v);
  }
  if (!isPassed()) return refuse(p, line, reason, v);
  end(line, flags, v);
  openPassed(p, endpoint, reason, v);
}

/** True where the next frame of a connection would find it where its last one went. @param line live */
export function staysPut(p: Parsed, line: usize): bool {
  return !(load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_LOST) && staysPinned(p, line);
}

/** True where the next frame of a connection would go to where its last one went, whether or not somebody there remembers it. @param line live */
export function staysPinned(p: Parsed, line: usize): bool {
  const flags = <u32>load<u8>(line, LINE_FLAGS_AT);
  if (load<u32>(line, LINE_EPOCH_AT) == epoch()) return true;
  if (p.hook != HOOK_FROM_ENDPOINT)
    return isOfOwner(flags & LINE_FLAG_TRANSLATED ? load<u32>(line, LINE_ADDRESS_AT) : <u32>(p.addresses >> 32), line);
  if (!(flags & LINE_FLAG_PRIMARY)) return isOfOwner(<u32>p.addresses, line);
  const endpoint = findEndpoint(srcHigh(p), srcLow(p), nowNs());
  if (endpoint == NO_INDEX || !isOwner(endpoint, line) || neverSelected(dstHigh(p), dstLow(p))) return false;
  const leaves = (flags & (LINE_FLAG_TRANSLATED | LINE_FLAG_REDIRECT)) != 0;
  const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
  const isPinned = leaves && !(flags & LINE_FLAG_UNPINNED);
  resolve(endpoint, dstHigh(p), dstLow(p), placementHash(p), isPinned ? egress : NO_INDEX, false);
  return decision == REASON_NONE ? leaves && selectedEgress == egress : !leaves;
}

/**
 * A connection that nobody can carry now: its mapping is gone, and its pin stays while its gateway is healthy. What it goes on with later
 * may be another external tuple, which somebody has to be told.
 */
function refuse(p: Parsed, line: usize, reason: u32, v: Verdict): void {
  const flags = <u32>load<u8>(line, LINE_FLAGS_AT);
  if (flags & LINE_FLAG_REDIRECT) v.release(load<u16>(line, LINE_EGRESS_AT));
  else if ((flags & (LINE_FLAG_TRANSLATED | LINE_FLAG_LOST)) == LINE_FLAG_TRANSLATED) line = loseMapping(line);
  // Decided anew with the next frame, too.
  store<u32>(line, epoch() - 1, LINE_EPOCH_AT);
  age(p, line);
  v.drop(reason);
}

/** Ends a connection here, and says so to its gateway where that is another node. */
function end(line: usize, flags: u32, v: Verdict): void {
  if (flags & LINE_FLAG_REDIRECT) v.release(load<u16>(line, LINE_EGRESS_AT));
  removeCounted(line, COUNTER_REMOVED_AT);
}

export function isOwner(endpoint: u32, line: usize): bool {
  return load<u32>(endpointAt(endpoint), ENDPOINT_UID_HASH_AT) == load<u32>(otherLine(line), LINE_OWNER_AT);
}

/** Why a translated connection leaves `egress`, as VERDICT_FLAG_*; 0 = its gateway is not healthy, or was not. @param flags of its line */
function causeOf(egress: u32, flags: u32, isIpv6: bool): u32 {
  if (egress >= egressTotal) return 0;
  // Also of a gateway that is believed to be down, where its policy knows no health.
  const isRestart = flags & LINE_FLAG_LOST && nodeOf(egress) == nodeOf(selectedEgress) && !hasMoved(egress, isIpv6);
  if (isRestart) return VERDICT_FLAG_RESTART;
  const wasDown = flags & LINE_FLAG_UNPINNED || gatewayState(nodeOf(egress)) == GATEWAY_DOWN;
  return wasDown ? 0 : VERDICT_FLAG_POLICY_CHANGE;
}

/**
 * The selected gateway is dead and the endpoint's node does not know: to it the connection goes on. One that had no pin gets none, as its
 * first frame never arrived. @param line 0 = the connection is new
 */
function loseFrame(p: Parsed, line: usize, endpoint: u32, v: Verdict): void {
  const fault = newWayFault(p, endpoint);
  if (fault) return v.drop(fault);
  const flags = line == 0 ? 0 : <u32>load<u8>(line, LINE_FLAGS_AT);
  if (!(flags & LINE_FLAG_TRANSLATED)) {
    if (line != 0) removeCounted(line, COUNTER_REMOVED_AT);
    return v.lose(selectedEgress);
  }
  if (<u32>load<u16>(line, LINE_EGRESS_AT) != selectedEgress) {
    const pin = flags & LINE_FLAG_LOST ? line : loseMapping(line);
    movePin(pin, selectedEgress);
    line = pin;
  }
  store<u8>(line, load<u8>(line, LINE_FLAGS_AT) & ~LINE_FLAG_UNPINNED, LINE_FLAGS_AT);
  age(p, line);
  v.lose(selectedEgress);
}

/** Same gateway and egress IP under the new policy. */
export function keep(p: Parsed, line: usize, v: Verdict): void {
  const row = <u8>timeoutRow(selectedPolicy);
  store<u32>(line, epoch(), LINE_EPOCH_AT);
  store<u32>(line, selectedPolicy, LINE_OWNER_AT);
  store<u8>(line, row, LINE_TIMEOUT_ROW_AT);
  store<u8>(line, load<u8>(line, LINE_FLAGS_AT) & ~LINE_FLAG_UNPINNED, LINE_FLAGS_AT);
  store<u8>(otherLine(line), row, LINE_TIMEOUT_ROW_AT);
  portExpiresSooner(otherLine(line));
  follow(p, line, v);
}

/**
 * The connection gets another mapping. Where its external tuple changes by that, TCP and SCTP break, others are rebound (design: High
 * availability). The old one counts as broken, rebound or removed and the new one as opened, so that opened = live + closed + expired +
 * broken + rebound + removed holds; a connection that was passed before counts as opened twice.
 */
export function remap(p: Parsed, line: usize, endpoint: u32, cause: u32, v: Verdict): void {
  const wayFault = newWayFault(p, endpoint);
  if (wayFault) return v.drop(wayFault);
  const translated = (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_TRANSLATED) != 0;
  // Not by number: that may be another address's when this one's last line is gone.
  const wasHigh = highOf(line, load<u32>(line, LINE_ADDRESS_AT));
  const wasLow = lowOf(line, load<u32>(line, LINE_ADDRESS_AT));
  const port = <u32>bswap<u16>(load<u16>(line, LINE_PORT_AT));
  v.oldEgress = translated ? load<u16>(line, LINE_EGRESS_AT) : 0xffff;
  if (translated && !isElsewhere(load<u32>(endpointAt(endpoint), ENDPOINT_NODE_AT))) {
    if (!(load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_LOST)) line = loseMapping(line);
    const fault = mappingFault(p);
    line = lineOf(p);
    if (fault != REASON_NONE) {
      movePin(line, selectedEgress);
      age(p, line);
      return v.drop(fault);
    }
  }
  removeCounted(line, COUNTER_REMOVED_AT);
  openTranslated(p, endpoint, false, v);
  if (v.action != ACTION_SNAT) return;
  if (translated && isEgressIP(selectedEgress, wasHigh, wasLow) && port == v.natPort) return;
  const breaks = hasHandshake(p.protocol);
  count(breaks ? COUNTER_BROKEN_AT : COUNTER_REBOUND_AT);
  if (translated) uncount(COUNTER_REMOVED_AT);
  else count(COUNTER_OPENED_AT);
  v.flag(VERDICT_FLAG_REMAPPED | cause | (breaks ? VERDICT_FLAG_NEW_CONNECTION_KIND : 0));
}
