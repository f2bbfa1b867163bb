import {
  COUNTER_REMOVED_AT,
  EGRESS_NODE_AT,
  ENDPOINT_NODE_AT,
  HOOK_FROM_ENDPOINT,
  LINE_EGRESS_AT,
  LINE_FLAG_LOST,
  LINE_FLAG_PRIMARY,
  LINE_FLAG_REDIRECT,
  LINE_FLAG_TRANSLATED,
  LINE_FLAG_UNPINNED,
  LINE_FLAGS_AT,
  LINE_HOOK_ANSWER,
  LINE_HOOK_AT,
  LINE_SRC_AT,
  NO_INDEX,
} from "../abi";
import { nowNs } from "./clock";
import { lineAt, loseMapping, removeCounted } from "./conntrack";
import { ownNode } from "./gateways";
import { lineCount, PROBE_LIMIT } from "./memory";
import { egressAt, egressTotal, endpointAt, findEndpoint } from "./policy";

// A node that goes down takes its memory with it: the mappings that it holds as a gateway, and whatever its endpoints had open. Those who
// are pinned to it do not know yet: their pins stay.

const MAPPED: u64 = 0x0000ffff00000000;

/** Forgets what `node` knew. A walk over the whole table, repeated while lines that moved up may have been passed over. */
export function forgetNode(node: u32): void {
  while (forgetOnce(node)) {}
}

function forgetOnce(node: u32): bool {
  const total = lineCount + PROBE_LIMIT;
  let found = false;
  for (let slot: u32 = 0; slot < total; ) {
    const line = lineAt(slot);
    if ((load<u8>(line, LINE_HOOK_AT) & ~LINE_HOOK_ANSWER) == HOOK_FROM_ENDPOINT && forgetLine(line, node))
      found = true;
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
    if (egress >= egressTotal || load<u32>(egressAt(egress), EGRESS_NODE_AT) != node) continue;
    store<u8>(line, <u8>(flags | LINE_FLAG_UNPINNED), LINE_FLAGS_AT);
  }
}

/** @returns true where the line's connection went, or lost its mapping: another line may lie in its place */
function forgetLine(line: usize, node: u32): bool {
  const endpoint = findEndpoint(0, MAPPED | <u64>bswap<u32>(load<u32>(line, LINE_SRC_AT)), nowNs());
  if (endpoint != NO_INDEX && load<u32>(endpointAt(endpoint), ENDPOINT_NODE_AT) == node) {
    removeCounted(line, COUNTER_REMOVED_AT);
    return true;
  }
  const flags = <u32>load<u8>(line, LINE_FLAGS_AT);
  if (!(flags & LINE_FLAG_TRANSLATED) || flags & LINE_FLAG_LOST) return false;
  const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
  if (egress >= egressTotal || load<u32>(egressAt(egress), EGRESS_NODE_AT) != node) return false;
  // Where each node has an engine of its own, pins lie in those of the endpoints.
  if (ownNode == NO_INDEX) loseMapping(line);
  else removeCounted(line, COUNTER_REMOVED_AT);
  return true;
}
