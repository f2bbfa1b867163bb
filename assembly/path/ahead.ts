import { COUNTER_OPENED_AT, HOOK_FROM_ENDPOINT, NO_INDEX, REASON_NONE } from "../abi";
import { epoch, nowNs } from "../tables/clock";
import { countersAt, PARSED_SIZE, scratchAt, tagsAt } from "../tables/memory";
import { mappingHome, mappingKey } from "../tables/nat-ports";
import { findEndpoint } from "../tables/policy";
import { touchGroup } from "../tables/port-groups";
import { slotOfHome, Tags, touchFree } from "../tables/tags";
import { KIND_PLAIN, PARSED_AHEAD, Parsed } from "../wire/parse";
import { placementHash } from "./from-endpoint";
import { decision, neverSelected, resolve, selectedEgress, selectedPolicy } from "./resolve";
import { dstLow, egressAddress, srcLow } from "./tuple";

// Looking ahead at new connections. What the first frame of one needs lies all over the memory: where the line of its replies will stand and
// the row of its port group are known only when endpoint, policy and gateway are. Where connections open one after the other, that is found
// out for a block between the passes, so that the misses of all its frames overlap; when a frame's turn comes it is not found out again.

let openedBefore: u64 = 0;
let isOpening: bool = false;
/** What was looked up ahead holds in this epoch only: owners of addresses change with it. */
let epochAhead: u32 = 0;

/** After a block: notes whether it has opened connections. Then the next one is likely to, and so is worth looking ahead. */
export function noteOpenings(): void {
  const opened = load<u64>(countersAt, COUNTER_OPENED_AT);
  isOpening = opened != openedBefore;
  openedBefore = opened;
}

/** Between the passes. Decides nothing: a frame of which nothing is known here comes to the same. */
export function lookAhead(size: u32): void {
  if (!isOpening || nowNs() == 0) return;
  epochAhead = epoch();
  const end = scratchAt + <usize>size * PARSED_SIZE;
  for (let scratch = scratchAt; scratch < end; scratch += PARSED_SIZE) look(changetype<Parsed>(scratch));
  for (let scratch = scratchAt; scratch < end; scratch += PARSED_SIZE) {
    const p = changetype<Parsed>(scratch);
    if (p.kind == KIND_PLAIN && p.flags & PARSED_AHEAD) touchFree(p.replyHome);
  }
}

function look(p: Parsed): void {
  if (p.kind != KIND_PLAIN || p.hook != HOOK_FROM_ENDPOINT) return;
  if (Tags.matches(Tags.load(tagsAt, slotOfHome(p.home)), p.home) != 0) return;
  const endpoint = findEndpoint(0, srcLow(p), nowNs());
  const remote = dstLow(p);
  if (endpoint == NO_INDEX || neverSelected(0, remote)) return;
  resolve(endpoint, 0, remote, placementHash(p), NO_INDEX, false);
  if (decision != REASON_NONE) return;
  p.flags |= <u8>PARSED_AHEAD;
  p.endpoint = endpoint;
  p.policy = selectedPolicy;
  p.egress = selectedEgress;
  const address = egressAddress(selectedEgress, false);
  const to = <u32>(p.addresses >> 32);
  const remotePort = p.ports >> 16;
  p.replyHome = mappingHome(to, address, mappingKey(remotePort, <u32>bswap<u16>(<u16>p.ports), p.transport));
  touchGroup(address, to, remotePort, p.transport);
}

/** True where what was looked up ahead for a frame still holds. */
export function isKnown(p: Parsed): bool {
  return (p.flags & PARSED_AHEAD) != 0 && epoch() == epochAhead;
}
