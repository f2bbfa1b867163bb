import {
  ACTION_REDIRECT,
  ACTION_REVERSE,
  COUNTER_ACTIONS_AT,
  COUNTER_GUESSED_AT,
  COUNTER_REMOVED_AT,
  ENDPOINT_IDENTITY_AT,
  ENDPOINT_NODE_AT,
  ENDPOINT_UID_HASH_AT,
  FRAME_LINK_AT,
  FRAME_OFFSET_AT,
  FRAME_SIZE,
  HOOK_FROM_OVERLAY,
  LINE_ADDRESS_AT,
  LINE_EGRESS_AT,
  LINE_EPOCH_AT,
  LINE_FLAG_HOP,
  LINE_FLAG_PRIMARY,
  LINE_FLAG_REDIRECT,
  LINE_FLAG_UNPINNED,
  LINE_FLAGS_AT,
  LINE_OWNER_AT,
  LINE_STATE_AT,
  LINE_TIMEOUT_ROW_AT,
  NO_INDEX,
  OUTER_SIZE,
  REASON_NONE,
  REASON_TABLE_FULL,
  REASON_TTL_EXCEEDED,
  VERDICT_FLAG_CREATED,
  VERDICT_FLAG_GUESSED,
  VERDICT_FLAG_NEW_CONNECTION_KIND,
  VERDICT_FLAG_REMAPPED,
  VNI_WORLD,
} from "../abi";
import { epoch, nowMs, nowNs } from "../tables/clock";
import { insertPair, keyHome, removeCounted, takePin } from "../tables/conntrack";
import { count, uncount } from "../tables/counters";
import { isElsewhere, nodeAddress, ownNode } from "../tables/gateways";
import { mappedLow } from "../tables/hash";
import { otherLine, setState } from "../tables/lifetime";
import { arenaAt, framesAt, outerAt, tunnelPort } from "../tables/memory";
import { egressTotal, endpointAt, findEndpoint, hasMoved, nodeOf } from "../tables/policy";
import { hasHandshake, IPV4_DST_AT } from "../wire/ipv4";
import { isToGroup } from "../wire/link";
import { answerKey, Parsed } from "../wire/parse";
import { Outer, writeOuter } from "../wire/vxlan";
import {
  age,
  beginState,
  countFrame,
  hopEnds,
  isMidStream,
  lineOf,
  mappingFault,
  newWayFault,
  openTranslated,
  swapAddresses,
  wayFault,
} from "./connection";
import { isHop, isSelectedElsewhere, selectedEgress, selectedPolicy, timeoutRow } from "./resolve";
import { borrow, dstHigh, dstLow, giveBack, srcHigh, srcLow } from "./tuple";
import { Verdict } from "./verdict";

// The endpoint's node where the gateway is another one: it remembers to which gateway a connection is pinned and sends its frames there
// through the overlay, unchanged. A pin has two lines like any connection: one for the endpoint's frames, one for replies that the
// gateway sends back (their key is that of hook from-overlay, so that nobody else's frames are taken for them).

/**
 * Puts an outer header beside the frame. @param node that it goes to, NO_INDEX where endpoints without a node are
 * @param egress that the connection is pinned to
 */
function encapsulate(p: Parsed, node: u32, vni: u32, egress: u32, v: Verdict): void {
  const slot = <usize>v.slot;
  const record = framesAt + slot * FRAME_SIZE;
  const frame = arenaAt + load<u32>(record, FRAME_OFFSET_AT);
  const inner = <u32>(p.l3 - frame);
  Outer.src = nodeAddress(ownNode);
  Outer.dst = nodeAddress(node);
  Outer.srcNode = ownNode;
  Outer.dstNode = node;
  Outer.vni = vni;
  Outer.port = tunnelPort;
  Outer.entropy = entropyOf(p);
  Outer.isGroup = isToGroup(frame, load<u8>(record, FRAME_LINK_AT));
  writeOuter(outerAt + slot * OUTER_SIZE, p.wire - inner, p.isIpv6);
  v.redirected(egress, node, Outer.dst, inner);
}

/** The same for all frames of a connection in one direction, and on every run. */
function entropyOf(p: Parsed): u32 {
  const folded = srcHigh(p) ^ srcLow(p) ^ dstHigh(p) ^ dstLow(p);
  const addresses = p.isIpv6 ? <u32>folded ^ <u32>(folded >> 32) : <u32>p.addresses ^ <u32>(p.addresses >> 32);
  const ports = p.ports ^ (p.ports >> 16);
  const mixed = (addresses ^ ((ports & 0xffff) << 8) ^ p.protocol) * 0x9e3779b1;
  return mixed >> 18;
}

/**
 * Pins a connection to the gateway that `resolve` selected and sends its frame there.
 * @param isNew false where the endpoint has had the connection for a while   @returns its line, 0 = the frame was dropped
 */
export function openRedirected(p: Parsed, endpoint: u32, isNew: bool, v: Verdict): usize {
  const fault = newWayFault(p, endpoint);
  if (fault) {
    v.drop(fault);
    return 0;
  }
  const line = insertPin(p);
  if (line == 0) {
    v.drop(REASON_TABLE_FULL);
    return 0;
  }
  const other = otherLine(line);
  store<u8>(line, <u8>(LINE_FLAG_PRIMARY | LINE_FLAG_REDIRECT), LINE_FLAGS_AT);
  store<u8>(other, <u8>LINE_FLAG_REDIRECT, LINE_FLAGS_AT);
  store<u32>(line, load<u32>(endpointAt(endpoint), ENDPOINT_IDENTITY_AT), LINE_ADDRESS_AT);
  store<u32>(other, load<u32>(endpointAt(endpoint), ENDPOINT_UID_HASH_AT), LINE_OWNER_AT);
  putPin(line, endpoint);
  beginState(p, line);
  const guessed = isNew && isMidStream(p);
  if (guessed) count(COUNTER_GUESSED_AT);
  if (guessed) v.flag(VERDICT_FLAG_GUESSED);
  send(p, line, v);
  return line;
}

/** The two lines of a pin, or 0. */
function insertPin(p: Parsed): usize {
  if (p.isIpv6 && !borrow(p)) return 0;
  const replyKey = answerKey(p.key, HOOK_FROM_OVERLAY);
  const addresses = swapAddresses(p.addresses);
  const home = keyHome(p.addresses, p.key);
  const line = insertPair(p.addresses, p.key, home, addresses, replyKey, keyHome(addresses, replyKey), nowMs());
  if (p.isIpv6) giveBack(p.addresses);
  return line;
}

/** What `resolve` selected, in both lines of a pin. */
function putPin(line: usize, endpoint: u32): void {
  const other = otherLine(line);
  const hop: u32 = isHop(endpoint, selectedEgress) ? LINE_FLAG_HOP : 0;
  const row = <u8>timeoutRow(selectedPolicy);
  store<u8>(line, <u8>((load<u8>(line, LINE_FLAGS_AT) & ~(LINE_FLAG_HOP | LINE_FLAG_UNPINNED)) | hop), LINE_FLAGS_AT);
  store<u16>(line, <u16>selectedEgress, LINE_EGRESS_AT);
  store<u16>(other, <u16>selectedEgress, LINE_EGRESS_AT);
  store<u32>(line, epoch(), LINE_EPOCH_AT);
  store<u32>(line, selectedPolicy, LINE_OWNER_AT);
  store<u8>(line, row, LINE_TIMEOUT_ROW_AT);
  store<u8>(other, row, LINE_TIMEOUT_ROW_AT);
}

function send(p: Parsed, line: usize, v: Verdict): void {
  countFrame(p, line);
  const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
  encapsulate(p, nodeOf(egress), load<u32>(line, LINE_ADDRESS_AT), egress, v);
}

/** One more frame of a pinned connection. */
export function followPin(p: Parsed, line: usize, v: Verdict): void {
  const fault = wayFault(p, line);
  if (fault) return v.drop(fault);
  age(p, line);
  send(p, line, v);
}

/** An ICMP error of the endpoint about a reply: to the gateway that can translate it. */
export function redirectError(p: Parsed, line: usize, v: Verdict): void {
  if (hopEnds(p.l3, line)) return v.drop(REASON_TTL_EXCEEDED);
  send(p, line, v);
}

/**
 * A pinned connection that is decided anew: it stays, goes to another gateway, or becomes this node's own to translate.
 * @param cause VERDICT_FLAG_* for the case that it moves
 */
export function settlePin(p: Parsed, line: usize, endpoint: u32, cause: u32, v: Verdict): void {
  const before = <u32>load<u16>(line, LINE_EGRESS_AT);
  if (before < egressTotal && nodeOf(before) == nodeOf(selectedEgress)) {
    const moved = hasMoved(before, p.isIpv6);
    putPin(line, endpoint);
    followPin(p, line, v);
    if (!moved || v.action != ACTION_REDIRECT) return;
    v.oldEgress = before;
    return flagMoved(p, cause, v);
  }
  const endsOnWay = newWayFault(p, endpoint);
  if (endsOnWay) return v.drop(endsOnWay);
  v.release(before);
  const fault = isSelectedElsewhere() ? <u32>REASON_NONE : mappingFault(p);
  line = lineOf(p);
  if (fault != REASON_NONE) {
    age(p, takePin(line, selectedEgress));
    return v.drop(fault);
  }
  if (isSelectedElsewhere()) {
    putPin(line, endpoint);
    followPin(p, line, v);
  } else {
    removeCounted(line, COUNTER_REMOVED_AT);
    openTranslated(p, endpoint, false, v);
  }
  flagMoved(p, cause, v);
}

/** A connection of this node's own, translated or passed, goes to a gateway elsewhere from now on. */
export function redirectAnew(p: Parsed, line: usize, endpoint: u32, oldEgress: u32, cause: u32, v: Verdict): void {
  const fault = newWayFault(p, endpoint);
  if (fault) return v.drop(fault);
  v.oldEgress = oldEgress;
  const state = <u32>load<u8>(line, LINE_STATE_AT);
  removeCounted(line, COUNTER_REMOVED_AT);
  const pin = openRedirected(p, endpoint, false, v);
  if (pin == 0) return;
  flagMoved(p, cause, v);
  if (oldEgress == 0xffff) return v.flag(VERDICT_FLAG_CREATED);
  // One that was translated is what it was until its new gateway makes a mapping, and stays if the frame does not get there.
  setState(pin, state);
  age(p, pin);
}

/** Only the gateway knows whether the external tuple changes; whoever sees both says so. */
function flagMoved(p: Parsed, cause: u32, v: Verdict): void {
  v.flag(VERDICT_FLAG_REMAPPED | cause | (hasHandshake(p.protocol) ? VERDICT_FLAG_NEW_CONNECTION_KIND : 0));
}

/** A reply that this gateway has translated back goes on to the node of its endpoint, if that is another one. */
export function sendHome(p: Parsed, v: Verdict): void {
  if (v.action != ACTION_REVERSE) return;
  const isIpv6 = p.isIpv6;
  const low = isIpv6 ? dstLow(p) : mappedLow(load<u32>(p.l3 + IPV4_DST_AT));
  const endpoint = findEndpoint(dstHigh(p), low, nowNs());
  if (endpoint == NO_INDEX) return;
  const node = load<u32>(endpointAt(endpoint), ENDPOINT_NODE_AT);
  if (!isElsewhere(node)) return;
  uncount(<usize>COUNTER_ACTIONS_AT + ACTION_REVERSE * 8);
  encapsulate(p, node, VNI_WORLD, v.egress, v);
}
