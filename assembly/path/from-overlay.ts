import {
  COUNTER_REMOVED_AT,
  ENDPOINT_NODE_AT,
  FRAME_CAPTURED_AT,
  FRAME_FLAG_RELEASED,
  FRAME_FLAGS_AT,
  FRAME_HOOK_AT,
  FRAME_LINK_AT,
  FRAME_OFFSET_AT,
  FRAME_SIZE,
  FRAME_WIRE_AT,
  HOOK_FROM_ENDPOINT,
  HOOK_FROM_OVERLAY,
  LINE_ADDRESS_AT,
  LINE_EGRESS_AT,
  LINE_EPOCH_AT,
  LINE_FLAG_PRIMARY,
  LINE_FLAG_REDIRECT,
  LINE_FLAG_TRANSLATED,
  LINE_FLAGS_AT,
  LINE_HOOK_ANSWER,
  LINE_HOOK_IPV6,
  LINK_ETHERNET,
  NO_INDEX,
  REASON_BAD_OVERLAY,
  REASON_NONE,
  VERDICT_FLAG_POLICY_CHANGE,
  VNI_HOST,
} from "../abi";
import { epoch, nowMs, nowNs } from "../tables/clock";
import { expire, find, keyHome, removeCounted } from "../tables/conntrack";
import { isElsewhere } from "../tables/gateways";
import { isExpired } from "../tables/lifetime";
import { arenaAt, tunnelPort } from "../tables/memory";
import { endpointAt, findEndpoint } from "../tables/policy";
import { readFragment } from "../wire/fragment";
import {
  KEY_MASK,
  KIND_FAULT,
  KIND_FRAGMENT,
  KIND_ICMP_ERROR,
  KIND_NOT_IP,
  KIND_PLAIN,
  KIND_PLAIN6,
  Parsed,
  parseFrame,
} from "../wire/parse";
import { openOuter, vni } from "../wire/vxlan";
import { age, countFrame, follow, openTranslated } from "./connection";
import { fragmentFromOverlay } from "./fragment";
import { isOwner, keep, placementHash, remap } from "./from-endpoint";
import { icmpError } from "./icmp-error";
import { decision, resolveHere, selectedEgress } from "./resolve";
import { dstHigh, dstLow, egressAddress, lookUp, srcHigh, srcLow } from "./tuple";
import { Verdict } from "./verdict";

// from-overlay: a VXLAN packet of another node. Either this node is the gateway of a frame that an endpoint elsewhere has sent, or an
// endpoint here gets a reply that its gateway has translated back. Which of the two shows in the inner destination.

/** A frame record for the inner frame. */
const innerRecord: usize = memory.data(FRAME_SIZE, 8);

const HOOK_SHIFT: u64 = 40;

/** @param record of the overlay packet   @param p scratch   @param v cleared */
export function fromOverlay(record: usize, p: Parsed, v: Verdict): void {
  const offset = load<u32>(record, FRAME_OFFSET_AT);
  const captured = load<u32>(record, FRAME_CAPTURED_AT);
  const stated = load<u32>(record, FRAME_WIRE_AT);
  const wire = stated > captured ? stated : captured;
  const inner = openOuter(arenaAt + offset, captured, wire, load<u8>(record, FRAME_LINK_AT), tunnelPort);
  if (inner == 0 || vni == VNI_HOST) return v.drop(REASON_BAD_OVERLAY);
  v.opened(inner, captured - inner);
  store<u32>(innerRecord, offset + inner, FRAME_OFFSET_AT);
  store<u32>(innerRecord, captured - inner, FRAME_CAPTURED_AT);
  store<u32>(innerRecord, wire - inner, FRAME_WIRE_AT);
  store<u8>(innerRecord, <u8>HOOK_FROM_ENDPOINT, FRAME_HOOK_AT);
  store<u8>(innerRecord, <u8>LINK_ETHERNET, FRAME_LINK_AT);
  store<u16>(innerRecord, load<u16>(record, FRAME_FLAGS_AT) & ~FRAME_FLAG_RELEASED, FRAME_FLAGS_AT);
  parseFrame(innerRecord, arenaAt, p);
  let kind = <u32>p.kind;
  if (kind == KIND_FAULT) return v.drop(p.reason);
  if (kind == KIND_NOT_IP) return v.drop(REASON_BAD_OVERLAY);
  if (kind == KIND_PLAIN6) {
    lookUp(p);
    kind = KIND_PLAIN;
    p.kind = <u8>kind;
  }
  if (isHere(p)) return deliver(p, v);
  if (kind == KIND_FRAGMENT) return fragmentFromOverlay(p, v, captured - inner);
  if (kind == KIND_ICMP_ERROR) return icmpError(p, v);
  if (kind != KIND_PLAIN) return v.drop(REASON_BAD_OVERLAY);
  serve(p, v);
}

/** True where the frame is addressed to an endpoint on this node. */
function isHere(p: Parsed): bool {
  const endpoint = findEndpoint(dstHigh(p), dstLow(p), nowNs());
  return endpoint != NO_INDEX && !isElsewhere(load<u32>(endpointAt(endpoint), ENDPOINT_NODE_AT));
}

/** A reply for an endpoint of this node: its pin ages by it. */
function deliver(p: Parsed, v: Verdict): void {
  if (p.kind == KIND_FRAGMENT && !readFragment(p) && p.kind == KIND_PLAIN && p.isIpv6) lookUp(p);
  if (p.kind == KIND_PLAIN) {
    const line = lineOf(p, keyFrom(p, HOOK_FROM_OVERLAY));
    if (line != 0) {
      age(p, line);
      countFrame(p, line);
    }
  }
  v.delivered();
}

/** The key of a frame as if it had come in at another hook. */
function keyFrom(p: Parsed, hook: u32): u64 {
  const mark = <u32>(p.key >> HOOK_SHIFT) & (LINE_HOOK_ANSWER | LINE_HOOK_IPV6);
  return (p.key & (KEY_MASK >> 8)) | ((<u64>(hook | mark)) << HOOK_SHIFT);
}

/** The live line of a key, or 0. */
function lineOf(p: Parsed, key: u64): usize {
  const line = find(keyHome(p.addresses, key), p.addresses, key);
  if (line == 0 || !isExpired(line, nowMs())) return line;
  expire(line, nowMs());
  return 0;
}

/** A frame that an endpoint elsewhere sends through this gateway. */
export function serve(p: Parsed, v: Verdict): void {
  let line = lineOf(p, p.key);
  const isServed = line == 0 || (<u32>load<u8>(line, LINE_FLAGS_AT) & (SERVED | LINE_FLAG_REDIRECT)) == SERVED;
  if (isServed && line != 0 && load<u32>(line, LINE_EPOCH_AT) == epoch()) return follow(p, line, v);
  const endpoint = findEndpoint(srcHigh(p), srcLow(p), nowNs());
  // An endpoint's own node passes an answer to a ping from outside, so none comes this way.
  if (endpoint == NO_INDEX || (line == 0 && p.isEchoReply)) return v.drop(REASON_BAD_OVERLAY);
  if (!isServed) {
    if (!isElsewhere(load<u32>(endpointAt(endpoint), ENDPOINT_NODE_AT))) return v.drop(REASON_BAD_OVERLAY);
    // Of who had the address while it was on this node.
    removeCounted(line, COUNTER_REMOVED_AT);
    line = 0;
  }
  if (line != 0 && isOwner(endpoint, line)) return serveAnew(p, line, endpoint, v);
  if (line != 0) removeCounted(line, COUNTER_REMOVED_AT);
  resolveHere(endpoint, dstHigh(p), dstLow(p), placementHash(p), NO_INDEX);
  if (decision != REASON_NONE) return v.drop(decision);
  openTranslated(p, endpoint, true, v);
}

const SERVED: u32 = LINE_FLAG_TRANSLATED | LINE_FLAG_PRIMARY;

/** A mapping of an older policy epoch. */
function serveAnew(p: Parsed, line: usize, endpoint: u32, v: Verdict): void {
  const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
  resolveHere(endpoint, dstHigh(p), dstLow(p), placementHash(p), egress);
  if (decision != REASON_NONE) {
    removeCounted(line, COUNTER_REMOVED_AT);
    return v.drop(decision);
  }
  if (selectedEgress == egress && egressAddress(egress, p.isIpv6) == load<u32>(line, LINE_ADDRESS_AT))
    return keep(p, line, v);
  remap(p, line, endpoint, VERDICT_FLAG_POLICY_CHANGE, v);
}
