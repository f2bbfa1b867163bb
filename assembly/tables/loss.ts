import {
  COUNTER_REMOVED_AT,
  ENDPOINT_NODE_AT,
  ENDPOINT_UID_HASH_AT,
  HOOK_FROM_ENDPOINT,
  LINE_EGRESS_AT,
  LINE_FLAG_LOST,
  LINE_FLAG_PRIMARY,
  LINE_FLAG_REDIRECT,
  LINE_FLAG_TRANSLATED,
  LINE_FLAG_UNPINNED,
  LINE_FLAGS_AT,
  LINE_HOOK_AT,
  LINE_HOOK_MASK,
  LINE_OWNER_AT,
  LINE_SRC_AT,
  NO_INDEX,
} from "../abi";
import { highOf, isIpv6Line, lowOf } from "./addresses";
import { HELD_AT, nowMs, nowNs } from "./clock";
import { expire, hasStayed, lineAt, loseMapping, removeConnection, removeCounted } from "./conntrack";
import { isElsewhere } from "./gateways";
import { isExpired, isHeld, otherLine } from "./lifetime";
import { lineCount, PROBE_LIMIT, stateAt } from "./memory";
import { egressTotal, endpointAt, findEndpoint, hasMoved, nodeOf } from "./policy";

// A node that goes down takes its memory with it: the mappings that it holds as a gateway, and whatever its endpoints had open. Those who
// are pinned to it do not know yet: their pins stay.

/** Forgets what `node` knew. A walk over the whole table, repeated while lines that moved up may have been passed over. */
export function forgetNode(node: u32): void {
  while (forgetOnce(node)) {}
  while (freeHeldOnce(node)) {}
}

/** Forgets mappings whose egress IP is another node's now: who is pinned to their gateways stays so. */
export function forgetMoved(): void {
  while (freeHeldOnce(NO_INDEX)) {}
  let egress: u32 = 0;
  while (egress < egressTotal && !hasMoved(egress, false) && !hasMoved(egress, true)) egress++;
  if (egress < egressTotal) while (forgetOnce(NO_INDEX)) {}
}

/** Ends the connections that former owners of addresses have left behind, where somebody else has those now. */
export function forgetFormerOwners(): void {
  while (forgetFormerOnce()) {}
}

function forgetFormerOnce(): bool {
  const total = lineCount + PROBE_LIMIT;
  let found = false;
  for (let slot: u32 = 0; slot < total; ) {
    const line = lineAt(slot);
    if ((load<u8>(line, LINE_HOOK_AT) & LINE_HOOK_MASK) == HOOK_FROM_ENDPOINT && isFormer(line)) {
      remove(line);
      found = true;
    } else slot++;
  }
  return found;
}

/** Ends a connection; one that has expired leaves what it would have left if somebody had met it before. */
function remove(line: usize): void {
  if (isExpired(line, nowMs())) expire(line, nowMs());
  else removeCounted(line, COUNTER_REMOVED_AT);
}

/** Frees ports that are held down: those of a gateway on `node`, or NO_INDEX for those whose egress IP is gone or another node's now. */
function freeHeldOnce(node: u32): bool {
  if (load<u32>(stateAt, HELD_AT) == 0) return false;
  const total = lineCount + PROBE_LIMIT;
  let found = false;
  for (let slot: u32 = 0; slot < total; ) {
    const line = lineAt(slot);
    const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
    const isFreed = node == NO_INDEX ? !hasStayed(line) : egress < egressTotal && nodeOf(egress) == node;
    if (load<u8>(line, LINE_HOOK_AT) && isHeld(line) && isFreed) {
      removeConnection(line);
      found = true;
    } else slot++;
  }
  return found;
}

function isFormer(line: usize): bool {
  if (!(load<u8>(line, LINE_FLAGS_AT) & (LINE_FLAG_TRANSLATED | LINE_FLAG_REDIRECT))) return false;
  const endpoint = sourceOf(line);
  if (endpoint == NO_INDEX) return false;
  return load<u32>(endpointAt(endpoint), ENDPOINT_UID_HASH_AT) != load<u32>(otherLine(line), LINE_OWNER_AT);
}

/** Row of the endpoint that has the line's source address now, or NO_INDEX. */
function sourceOf(line: usize): u32 {
  const source = load<u32>(line, LINE_SRC_AT);
  return findEndpoint(highOf(line, source), lowOf(line, source), nowNs());
}

function forgetOnce(node: u32): bool {
  const total = lineCount + PROBE_LIMIT;
  let found = false;
  for (let slot: u32 = 0; slot < total; ) {
    const line = lineAt(slot);
    if ((load<u8>(line, LINE_HOOK_AT) & LINE_HOOK_MASK) == HOOK_FROM_ENDPOINT && forgetLine(line, node)) found = true;
    else slot++;
  }
  return found;
}

/** A gateway was found down: nobody is pinned to it any longer, whatever becomes of it. A walk over the whole table. */
export function unpinNode(node: u32): void {
  const total = lineCount + PROBE_LIMIT;
  for (let slot: u32 = 0; slot < total; slot++) {
    const line = lineAt(slot);
    const flags = <u32>load<u8>(line, LINE_FLAGS_AT);
    if (!load<u8>(line, LINE_HOOK_AT) || (flags & LINE_FLAG_PRIMARY) == 0) continue;
    if ((flags & (LINE_FLAG_TRANSLATED | LINE_FLAG_REDIRECT)) == 0) continue;
    const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
    if (egress >= egressTotal || nodeOf(egress) != node) continue;
    store<u8>(line, <u8>(flags | LINE_FLAG_UNPINNED), LINE_FLAGS_AT);
  }
}

/**
 * @param node NO_INDEX for mappings whose egress IP has moved
 * @returns true where the line's connection went, or lost its mapping: another line may lie in its place
 */
function forgetLine(line: usize, node: u32): bool {
  const endpoint = sourceOf(line);
  const home = endpoint == NO_INDEX ? NO_INDEX : load<u32>(endpointAt(endpoint), ENDPOINT_NODE_AT);
  if (node != NO_INDEX && home == node) {
    remove(line);
    return true;
  }
  const flags = <u32>load<u8>(line, LINE_FLAGS_AT);
  if (!(flags & LINE_FLAG_TRANSLATED) || flags & LINE_FLAG_LOST) return false;
  const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
  if (node == NO_INDEX ? !hasMoved(egress, isIpv6Line(line)) : egress >= egressTotal || nodeOf(egress) != node)
    return false;
  // Where each node has an engine of its own, pins lie in those of the endpoints.
  if (!isElsewhere(home)) loseMapping(line);
  else removeCounted(line, COUNTER_REMOVED_AT);
  return true;
}
