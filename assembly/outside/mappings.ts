import { addToField, field, mappingMask, mappingsAt, putField, seed } from "./control";
import {
  CONTROL_BROKEN_AT,
  CONTROL_EVICTED_AT,
  CONTROL_MAPPING_COUNT_AT,
  CONTROL_MAPPING_HAND_AT,
  MAPPING_ADDRESSES_AT,
  MAPPING_FLAG_BROKEN,
  MAPPING_FLAG_USED,
  MAPPING_FLAGS_AT,
  MAPPING_PORTS_AT,
  MAPPING_PROTOCOL_AT,
  MAPPING_SIZE,
  MAPPING_USED_AT,
} from "./layout";
import { mix, seal } from "./mix";
import { clearWide, isWide } from "./wide";

// The newest external tuple of each connection of an endpoint. Linear probing with backward-shift removal, so nothing is left behind by
// removals; a mapping lies at most PROBE_LIMIT slots from its home, and the table is never filled beyond seven eighths.

const PROBE_LIMIT: u32 = 32;
/** Neighbours that are compared when a crowded table gives up its longest unused mapping. */
const HAND_WIDTH: u32 = 8;

/** Hash of a connection as its endpoint sees it: raw addresses (endpoint low) and raw ports. */
export function connectionHash(addresses: u64, ports: u32, protocol: u32): u64 {
  return seal(mix(mix(seed, addresses), <u64>ports | ((<u64>protocol) << 32)));
}

function slotAt(slot: u32): usize {
  return mappingsAt + <usize>slot * MAPPING_SIZE;
}

function homeOf(at: usize): u32 {
  const hash = connectionHash(
    load<u64>(at, MAPPING_ADDRESSES_AT),
    load<u32>(at, MAPPING_PORTS_AT),
    load<u16>(at, MAPPING_PROTOCOL_AT),
  );
  return <u32>hash & mappingMask;
}

function isSame(at: usize, addresses: u64, ports: u32, protocol: u32): bool {
  return (
    load<u64>(at, MAPPING_ADDRESSES_AT) == addresses &&
    load<u32>(at, MAPPING_PORTS_AT) == ports &&
    load<u16>(at, MAPPING_PROTOCOL_AT) == protocol
  );
}

/** @returns the mapping's address, or 0 */
export function findMapping(hash: u64, addresses: u64, ports: u32, protocol: u32): usize {
  let slot = <u32>hash & mappingMask;
  for (let probes: u32 = 0; probes < PROBE_LIMIT; probes++) {
    const at = slotAt(slot);
    if (!load<u8>(at, MAPPING_FLAGS_AT)) return 0;
    if (isSame(at, addresses, ports, protocol)) return at;
    slot = (slot + 1) & mappingMask;
  }
  return 0;
}

/** @returns the mapping of a connection, an existing one or a new one with its key and MAPPING_FLAG_USED set */
export function putMapping(hash: u64, addresses: u64, ports: u32, protocol: u32, time: u64): usize {
  const known = findMapping(hash, addresses, ports, protocol);
  if (known) return known;
  if (field(CONTROL_MAPPING_COUNT_AT) >= mappingMask + 1 - ((mappingMask + 1) >> 3)) giveUpOne();
  const at = freeSlot(<u32>hash & mappingMask);
  store<u64>(at, addresses, MAPPING_ADDRESSES_AT);
  store<u32>(at, ports, MAPPING_PORTS_AT);
  store<u16>(at, <u16>protocol, MAPPING_PROTOCOL_AT);
  store<u8>(at, MAPPING_FLAG_USED, MAPPING_FLAGS_AT);
  touchMapping(at, time);
  addToField(CONTROL_MAPPING_COUNT_AT, 1);
  return at;
}

/** Notes when a mapping was used: the longest unused ones go first when room is needed. */
export function touchMapping(at: usize, time: u64): void {
  store<u64>(at, time, MAPPING_USED_AT);
}

/** An empty slot within reach of `home`; where there is none, that of the mapping there which was not used for longest. */
function freeSlot(home: u32): usize {
  let oldest: usize = 0;
  let slot = home;
  for (let probes: u32 = 0; probes < PROBE_LIMIT; probes++) {
    const at = slotAt(slot);
    if (!load<u8>(at, MAPPING_FLAGS_AT)) return at;
    if (oldest == 0 || load<u64>(at, MAPPING_USED_AT) < load<u64>(oldest, MAPPING_USED_AT)) oldest = at;
    slot = (slot + 1) & mappingMask;
  }
  forget(oldest);
  addToField(CONTROL_EVICTED_AT, 1);
  return oldest;
}

/** Counts of a mapping that goes. */
function forget(at: usize): void {
  addToField(CONTROL_MAPPING_COUNT_AT, -1);
  if (load<u8>(at, MAPPING_FLAGS_AT) & MAPPING_FLAG_BROKEN) addToField(CONTROL_BROKEN_AT, -1);
}

/** Removes the longest unused of a few neighbours, going round the table from call to call. */
function giveUpOne(): void {
  let slot = field(CONTROL_MAPPING_HAND_AT) & mappingMask;
  let oldest: usize = 0;
  for (let seen: u32 = 0; seen < HAND_WIDTH; slot = (slot + 1) & mappingMask) {
    const at = slotAt(slot);
    if (!load<u8>(at, MAPPING_FLAGS_AT)) continue;
    seen++;
    if (oldest == 0 || load<u64>(at, MAPPING_USED_AT) < load<u64>(oldest, MAPPING_USED_AT)) oldest = at;
  }
  putField(CONTROL_MAPPING_HAND_AT, slot);
  removeMapping(oldest);
  addToField(CONTROL_EVICTED_AT, 1);
}

/** Removes every IPv6 mapping: their addresses' numbers run out. */
export function removeWide(): void {
  for (let slot: u32 = 0; slot <= mappingMask; ) {
    const at = slotAt(slot);
    if (load<u8>(at, MAPPING_FLAGS_AT) && isWide(load<u16>(at, MAPPING_PROTOCOL_AT))) {
      removeMapping(at);
      addToField(CONTROL_EVICTED_AT, 1);
    } else slot++;
  }
  clearWide();
}

/** Removes a mapping and moves back those behind it that its place had pushed on. */
export function removeMapping(at: usize): void {
  forget(at);
  let hole = <u32>((at - mappingsAt) / MAPPING_SIZE);
  let slot = hole;
  for (;;) {
    slot = (slot + 1) & mappingMask;
    const next = slotAt(slot);
    if (!load<u8>(next, MAPPING_FLAGS_AT)) break;
    const distance = (slot - homeOf(next)) & mappingMask;
    if (distance < ((slot - hole) & mappingMask)) continue;
    memory.copy(slotAt(hole), next, MAPPING_SIZE);
    hole = slot;
  }
  memory.fill(slotAt(hole), 0, MAPPING_SIZE);
}

export function markBroken(at: usize): void {
  const flags = load<u8>(at, MAPPING_FLAGS_AT);
  if (flags & MAPPING_FLAG_BROKEN) return;
  store<u8>(at, flags | MAPPING_FLAG_BROKEN, MAPPING_FLAGS_AT);
  addToField(CONTROL_BROKEN_AT, 1);
}

export function clearBroken(at: usize): void {
  const flags = load<u8>(at, MAPPING_FLAGS_AT);
  if (!(flags & MAPPING_FLAG_BROKEN)) return;
  store<u8>(at, <u8>(flags & ~MAPPING_FLAG_BROKEN), MAPPING_FLAGS_AT);
  addToField(CONTROL_BROKEN_AT, -1);
}
