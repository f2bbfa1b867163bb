import { COUNTER_OPENED_AT, HOOK_FROM_ENDPOINT, NO_INDEX, REASON_NONE } from "../abi";
import { bit } from "../tables/blob";
import { nowNs } from "../tables/clock";
import { countersAt, PARSED_SIZE, scratchAt, tagsAt } from "../tables/memory";
import { mappingHome, mappingKey } from "../tables/nat-ports";
import { findEndpoint, ownsAt } from "../tables/policy";
import { groupHome, touchGroup } from "../tables/port-groups";
import { slotOfHome, Tags, touchFree } from "../tables/tags";
import { KIND_PLAIN, Parsed } from "../wire/parse";
import { placementHash } from "./from-endpoint";
import { decision, neverSelected, resolve, selectedEgress, selectedPolicy } from "./resolve";
import { dstLow, egressAddress, srcLow } from "./tuple";

// Looking ahead at new connections. What the first frame of one needs lies all over the memory: where the line of its replies will stand and
// the row of its port group are known only when endpoint, policy and gateway are. Where connections open one after the other, that is found
// out for a block between the passes, so that the misses of all its frames overlap; when a frame's turn comes it is not found out again.

let openedBefore: u64 = 0;
let isOpening: bool = false;
/** A bit for each frame of the block of which something is known. */
let known: u64 = 0;

/** After a block: notes whether it has opened connections. Then the next one is likely to, and so is worth looking ahead. */
export function noteOpenings(): void {
  const opened = load<u64>(countersAt, COUNTER_OPENED_AT);
  isOpening = opened != openedBefore;
  openedBefore = opened;
}

/** Before every block: of its frames nothing is known yet. */
export function forgetBlock(): void {
  known = 0;
}

/** Between the passes. Decides nothing: a frame of which nothing is known here comes to the same. */
export function lookAhead(size: u32): void {
  if (!isOpening || nowNs() == 0) return;
  for (let i: u32 = 0; i < size; i++) if (look(frameAt(i))) known |= bit(i);
  for (let rest = known; rest != 0; rest &= rest - 1) touchFree(frameAt(<u32>ctz(rest)).replyHome);
}

function frameAt(i: u32): Parsed {
  return changetype<Parsed>(scratchAt + <usize>i * PARSED_SIZE);
}

/** True where a frame is likely to open a translated connection: then what it takes is noted with it. */
function look(p: Parsed): bool {
  if (p.kind != KIND_PLAIN || p.hook != HOOK_FROM_ENDPOINT) return false;
  if (Tags.matches(Tags.load(tagsAt, slotOfHome(p.home)), p.home) != 0) return false;
  const endpoint = findEndpoint(0, srcLow(p), nowNs());
  const remote = dstLow(p);
  if (endpoint == NO_INDEX || neverSelected(0, remote)) return false;
  resolve(endpoint, 0, remote, placementHash(p), NO_INDEX, false);
  if (decision != REASON_NONE) return false;
  p.endpoint = endpoint;
  p.policy = selectedPolicy;
  p.egress = selectedEgress;
  const address = egressAddress(selectedEgress, false);
  const to = <u32>(p.addresses >> 32);
  const remotePort = p.ports >> 16;
  p.replyHome = mappingHome(to, address, mappingKey(remotePort, <u32>bswap<u16>(<u16>p.ports), p.transport));
  p.group = groupHome(address, to, remotePort, p.transport);
  touchGroup(p.group);
  return true;
}

/** True where something is known of a frame, and its source still has the owner that it had then. */
export function isKnown(p: Parsed): bool {
  const i = <u32>((changetype<usize>(p) - scratchAt) / PARSED_SIZE);
  return (known & bit(i)) != 0 && ownsAt(p.endpoint, nowNs());
}

/** Where probing for its two lines and its port group starts is known too, where the frame leaves by the egress that was chosen then. */
export function areHomesKnown(p: Parsed, egress: u32): bool {
  return isKnown(p) && p.egress == egress;
}
