import {
  ACTION_DROP,
  CONFIG_FLAG_HOLD_FRAGMENTS,
  EGRESS_IPV4_AT,
  EGRESS_IPV6_AT,
  EGRESS_KEY_AT,
  ENDPOINT_UID_HASH_AT,
  FRAME_FLAG_RELEASED,
  FRAME_FLAGS_AT,
  FRAME_TAG_AT,
  HOOK_FROM_ENDPOINT,
  HOOK_FROM_NETWORK,
  LINE_EGRESS_AT,
  LINE_FLAG_LOST,
  LINE_FLAG_REDIRECT,
  LINE_FLAG_TRANSLATED,
  LINE_FLAGS_AT,
  LINE_HOOK_ANSWER,
  LINE_HOOK_AT,
  LINE_HOOK_MASK,
  LINE_OWNER_AT,
  LINE_PORT_AT,
  NO_INDEX,
  REASON_FRAGMENT_DUPLICATE,
  REASON_FRAGMENT_ID_TAKEN,
  REASON_FRAGMENT_UNSUPPORTED,
  REASON_FRAGMENT_WITHOUT_FIRST,
  REASON_GATEWAY_DOWN,
  REASON_IPV6_UNSUPPORTED,
  REASON_NONE,
} from "../abi";
import { isIpv6Line } from "../tables/addresses";
import { nowMs, nowNs } from "../tables/clock";
import { find, keyHome } from "../tables/conntrack";
import {
  addRange,
  closeDatagram,
  FRAGMENT_ANSWER_AT,
  FRAGMENT_KNOWN,
  FRAGMENT_PORTS_AT,
  FRAGMENT_PROTOCOL_AT,
  FRAGMENT_REASON_AT,
  FRAGMENT_REFUSED,
  FRAGMENT_STATE_AT,
  FRAGMENT_WAY_AT,
  FROM_OVERLAY,
  findDatagram,
  holdFrame,
  isDone,
  isIdTaken,
  isStale,
  misfit,
  OWNER_MASK,
  openDatagram,
  releaseHeld,
  renewDatagram,
  takeReleased,
} from "../tables/fragments";
import { isReachable } from "../tables/gateways";
import { isExpired, isHeld } from "../tables/lifetime";
import { configFlags, maxConnections6, maxFragments } from "../tables/memory";
import { egressAt, egressTotal, endpointAt, findEndpoint, nodeOf } from "../tables/policy";
import { fragmentEnd, fragmentFrom, fragmentId, isLastFragment, readFragment } from "../wire/fragment";
import { hasHandshake, PROTOCOL_SCTP } from "../wire/ipv4";
import { makeKey, PARSED_LATER, Parsed } from "../wire/parse";
import { TCP_ACK } from "../wire/transport";
import { wayFault } from "./connection";
import { placementHash, staysPinned, staysPut } from "./from-endpoint";
import { serve } from "./from-overlay";
import { plain } from "./process";
import { decision, isSelectedElsewhere, resolve, resolveHere, selectedEgress } from "./resolve";
import { changesPort } from "./rewrite";
import { concernsGateway, stateless } from "./stateless";
import { dstHigh, dstLow, lookUp, srcHigh, srcLow } from "./tuple";
import { Verdict } from "./verdict";

// Fragments are translated one by one. The first one shows the ports and goes the way of any frame; the others go where it went, by its
// ports. One that comes before its first is held, or dropped where nothing is held.

/** No frame is held under it. */
const NOT_HELD: u32 = NO_INDEX;

/** @param captured bytes of the frame */
export function fragment(record: usize, p: Parsed, v: Verdict, captured: u32): void {
  if (p.isIpv6 && !maxConnections6) return stateless(p, REASON_IPV6_UNSUPPORTED, v);
  const fault = readFragment(p);
  if (fault) return stateless(p, fault, v);
  const isBack = (load<u16>(record, FRAME_FLAGS_AT) & FRAME_FLAG_RELEASED) != 0;
  // What was held goes with its datagram, whoever has its address by now and whatever policies say.
  if (!isBack && !concernsGateway(p)) {
    if (fragmentFrom) stateless(p, REASON_FRAGMENT_WITHOUT_FIRST, v);
    else plain(p, lineOf(p), v, captured);
    return;
  }
  if (!maxFragments) return stateless(p, REASON_FRAGMENT_UNSUPPORTED, v);
  const number = isBack ? load<u32>(record, FRAME_TAG_AT) : NOT_HELD;
  follow(p, number, !isBack && (configFlags & CONFIG_FLAG_HOLD_FRAGMENTS) != 0, false, v, captured);
}

/** The inner frame of an overlay packet: the endpoint's own node has put fragments into order. @param captured bytes of the inner frame */
export function fragmentFromOverlay(p: Parsed, v: Verdict, captured: u32): void {
  const fault = maxFragments ? readFragment(p) : <u32>REASON_FRAGMENT_UNSUPPORTED;
  if (fault) v.drop(fault);
  else follow(p, NOT_HELD, false, true, v, captured);
}

/** @param number under which it was held, or NOT_HELD   @param mayHold whether it may be */
function follow(p: Parsed, number: u32, mayHold: bool, isServed: bool, v: Verdict, captured: u32): void {
  const isFirst = fragmentFrom == 0;
  const isBack = number != NOT_HELD;
  // What came over the overlay follows nothing that came from an endpoint here: it goes another way.
  const kind = kindOf(p) | (isServed ? FROM_OVERLAY : 0);
  // The endpoint's node lets no first fragment by twice: it has ended the datagram before.
  if (isFirst && isServed) endDatagram(p, kind);
  // No first fragment is ever held: what says that it was opens nothing.
  const row = rowOf(p, kind, (isFirst && !isBack) || mayHold);
  // What was held for an older datagram with this identification has no row, either.
  if (row == 0 || (isBack && isStale(row, number))) return v.drop(REASON_FRAGMENT_WITHOUT_FIRST);
  if (load<u8>(row, FRAGMENT_STATE_AT) != FRAGMENT_REFUSED) {
    let fault = misfit(row, fragmentFrom, fragmentEnd, isLastFragment);
    const isDuplicate = fault == REASON_FRAGMENT_DUPLICATE;
    if (isBack && !isDuplicate) return v.drop(REASON_FRAGMENT_WITHOUT_FIRST);
    if (!isBack && isDuplicate) return v.drop(fault);
    if (!fault) fault = addRange(row, fragmentFrom, fragmentEnd, isLastFragment);
    if (fault && !isBack) refuse(row, fault);
  }
  if (isBack) takeReleased(row);
  const state = <u32>load<u8>(row, FRAGMENT_STATE_AT);
  if (state == FRAGMENT_REFUSED) endAs(row, v);
  else if (isFirst) lead(p, row, isServed, v, captured);
  else if (state == FRAGMENT_KNOWN) trail(p, row, isServed, v, captured);
  else if (isBack) v.drop(REASON_FRAGMENT_WITHOUT_FIRST);
  else hold(row, v);
  if (isDone(row)) closeDatagram(row);
}

/** Protocol, which IPv6 shows in the first one only, hook, and who has the inside address: nobody's datagram goes on with an heir's fragments. */
function kindOf(p: Parsed): u32 {
  const isOut = p.hook == HOOK_FROM_ENDPOINT;
  const endpoint = findEndpoint(isOut ? srcHigh(p) : dstHigh(p), isOut ? srcLow(p) : dstLow(p), nowNs());
  const owner = endpoint == NO_INDEX ? 0 : load<u32>(endpointAt(endpoint), ENDPOINT_UID_HASH_AT) & OWNER_MASK;
  return (p.isIpv6 ? 0 : p.protocol) | (p.side << 8) | owner;
}

/** Row of a fragment's datagram, or 0. @param mayOpen a new one where there is none */
function rowOf(p: Parsed, kind: u32, mayOpen: bool): usize {
  const row = findDatagram(srcHigh(p), srcLow(p), dstHigh(p), dstLow(p), fragmentId, kind);
  if (row || !mayOpen) return row;
  return openDatagram(srcHigh(p), srcLow(p), dstHigh(p), dstLow(p), fragmentId, kind);
}

function endDatagram(p: Parsed, kind: u32): void {
  const row = rowOf(p, kind, false);
  if (row) closeDatagram(row);
}

/** Nothing more of a datagram leaves. */
function refuse(row: usize, reason: u32): void {
  store<u8>(row, <u8>FRAGMENT_REFUSED, FRAGMENT_STATE_AT);
  store<u8>(row, <u8>reason, FRAGMENT_REASON_AT);
  releaseHeld(row);
}

/** What became of its first fragment becomes of a later one. */
function endAs(row: usize, v: Verdict): void {
  const reason = <u32>load<u8>(row, FRAGMENT_REASON_AT);
  if (reason == REASON_GATEWAY_DOWN) v.lose(load<u32>(row, FRAGMENT_WAY_AT));
  else v.drop(reason);
}

/**
 * A first fragment, as `readFragment` has read it, was refused at its gateway: so is the rest of its datagram.
 * @param line of its connection here, 0 = none
 */
export function refuseFirst(p: Parsed, reason: u32, line: usize): void {
  const row = rowOf(p, kindOf(p), false);
  if (row == 0 || load<u8>(row, FRAGMENT_STATE_AT) != FRAGMENT_KNOWN) return;
  store<u32>(row, line ? load<u16>(line, LINE_EGRESS_AT) : NO_INDEX, FRAGMENT_WAY_AT);
  refuse(row, reason);
}

/** A first fragment: what becomes of it becomes of all. */
function lead(p: Parsed, row: usize, isServed: bool, v: Verdict, captured: u32): void {
  const key = p.key;
  const line = lineOf(p);
  if (p.protocol == PROTOCOL_SCTP && !keepsCrc(p, line)) {
    refuse(row, REASON_FRAGMENT_UNSUPPORTED);
    return v.drop(REASON_FRAGMENT_UNSUPPORTED);
  }
  const ahead = wayAhead(p, line, isServed);
  if (ahead && isIdTaken(row, ahead)) {
    refuse(row, REASON_FRAGMENT_ID_TAKEN);
    return v.drop(REASON_FRAGMENT_ID_TAKEN);
  }
  take(p, line, isServed, v, captured);
  if (v.action == ACTION_DROP) {
    store<u32>(row, v.egress, FRAGMENT_WAY_AT);
    return refuse(row, v.reason);
  }
  store<u32>(row, <u32>key, FRAGMENT_PORTS_AT);
  store<u8>(row, <u8>(key >> 32), FRAGMENT_PROTOCOL_AT);
  store<u8>(row, <u8>(<u32>(key >> 40) & LINE_HOOK_ANSWER), FRAGMENT_ANSWER_AT);
  store<u32>(row, wayOf(lineAt(p)), FRAGMENT_WAY_AT);
  store<u8>(row, <u8>FRAGMENT_KNOWN, FRAGMENT_STATE_AT);
  renewDatagram(row);
  releaseHeld(row);
}

/** True where nothing of an SCTP packet is written that its CRC covers: that could only follow with all fragments at hand. */
function keepsCrc(p: Parsed, line: usize): bool {
  if (!isLive(line) || !staysPut(p, line)) return false;
  return !(load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_TRANSLATED) || !changesPort(line);
}

function isLive(line: usize): bool {
  return line != 0 && !isHeld(line) && !isExpired(line, nowMs());
}

/**
 * Gateway and address that a line's frames go by, and of replies to whom, in 32 bits; 0 = they pass as they are. Not by the number of the
 * egress, which a new policy changes.
 */
function wayOf(line: usize): u32 {
  if (line == 0 || !(load<u8>(line, LINE_FLAGS_AT) & (LINE_FLAG_TRANSLATED | LINE_FLAG_REDIRECT))) return 0;
  const way = wayOfEgress(load<u16>(line, LINE_EGRESS_AT), isIpv6Line(line));
  if ((load<u8>(line, LINE_HOOK_AT) & LINE_HOOK_MASK) != HOOK_FROM_NETWORK) return way;
  return way ^ load<u32>(line, LINE_OWNER_AT) ^ load<u16>(line, LINE_PORT_AT);
}

function wayOfEgress(egress: u32, isIpv6: bool): u32 {
  if (egress >= egressTotal) return 0;
  const row = egressAt(egress);
  const at = row + (isIpv6 ? EGRESS_IPV6_AT : EGRESS_IPV4_AT);
  const folded = load<u64>(at) ^ load<u64>(at, 8) ^ load<u64>(row, EGRESS_KEY_AT);
  return <u32>folded ^ <u32>(folded >> 32);
}

/** The way that the first fragment of an endpoint is about to leave by, 0 = not from this node. */
function wayAhead(p: Parsed, line: usize, isServed: bool): u32 {
  if (p.hook != HOOK_FROM_ENDPOINT) return 0;
  if (isLive(line) && staysPut(p, line)) return load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_REDIRECT ? 0 : wayOf(line);
  const endpoint = findEndpoint(srcHigh(p), srcLow(p), nowNs());
  if (endpoint == NO_INDEX) return 0;
  if (isServed) resolveHere(endpoint, dstHigh(p), dstLow(p), placementHash(p), NO_INDEX);
  else resolve(endpoint, dstHigh(p), dstLow(p), placementHash(p), NO_INDEX, false);
  if (decision != REASON_NONE || (!isServed && isSelectedElsewhere())) return 0;
  return wayOfEgress(selectedEgress, p.isIpv6);
}

/** A later fragment whose first one has left. */
function trail(p: Parsed, row: usize, isServed: bool, v: Verdict, captured: u32): void {
  const protocol = <u32>load<u8>(row, FRAGMENT_PROTOCOL_AT);
  p.key = makeKey(load<u32>(row, FRAGMENT_PORTS_AT), protocol, p.side | load<u8>(row, FRAGMENT_ANSWER_AT));
  p.tcpFlags = <u8>(hasHandshake(protocol) ? TCP_ACK : 0);
  p.flags |= <u8>PARSED_LATER;
  const line = lineOf(p);
  // It cannot open a connection, nor say where one goes from now on.
  if (!isLive(line) || !staysPinned(p, line) || wayOf(line) != load<u32>(row, FRAGMENT_WAY_AT))
    return v.drop(REASON_FRAGMENT_WITHOUT_FIRST);
  if (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_LOST) sendForgotten(p, line, v);
  else take(p, line, isServed, v, captured);
}

/** A later fragment on its way to a gateway that has forgotten its connection, or that does not answer. */
function sendForgotten(p: Parsed, line: usize, v: Verdict): void {
  const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
  const fault = wayFault(p, line);
  if (fault) v.drop(fault);
  else if (isReachable(nodeOf(egress))) v.drop(REASON_FRAGMENT_WITHOUT_FIRST);
  else v.lose(egress);
}

function hold(row: usize, v: Verdict): void {
  const number = holdFrame(row);
  if (number) return v.hold(number);
  refuse(row, REASON_FRAGMENT_WITHOUT_FIRST);
  v.drop(REASON_FRAGMENT_WITHOUT_FIRST);
}

function take(p: Parsed, line: usize, isServed: bool, v: Verdict, captured: u32): void {
  if (isServed) serve(p, v);
  else plain(p, line, v, captured);
}

/** Conntrack's line of a frame, or 0. */
function lineOf(p: Parsed): usize {
  if (p.isIpv6) lookUp(p);
  return lineAt(p);
}

/** The same where the numbers of its addresses are known: in its header another one may stand by now. */
function lineAt(p: Parsed): usize {
  return find(keyHome(p.addresses, p.key), p.addresses, p.key);
}
