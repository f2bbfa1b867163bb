import { field, putField, seed, wideAt, wideMask } from "./control";
import { CONTROL_WIDE_COUNT_AT, MAX_BATCH, WIDE_PROTOCOL, WIDE_SIZE } from "./layout";
import { mix, seal } from "./mix";

// IPv6 addresses of connections, each under a number from 1 on, so that everything else here has 32 bits for an address of either family.
// A connection's protocol says which, by WIDE_PROTOCOL. Open addressing, at most seven eighths full; a number is a place, and stays.

export function isWide(protocol: u32): bool {
  return (protocol & WIDE_PROTOCOL) != 0;
}

/** The 16 bytes of a number; whatever stands at place 0 for one that is none. */
export function wideBytes(number: u32): usize {
  return wideAt + <usize>((number - 1) & wideMask) * WIDE_SIZE;
}

/** The place of an address, or the empty one where it would lie. */
function placeOf(first: u64, second: u64): u32 {
  let slot = <u32>seal(mix(mix(seed, first), second)) & wideMask;
  while (true) {
    const at = wideAt + <usize>slot * WIDE_SIZE;
    const held = load<u64>(at) | load<u64>(at, 8);
    if (held == 0 || (load<u64>(at) == first && load<u64>(at, 8) == second)) return slot;
    slot = (slot + 1) & wideMask;
  }
}

/** Number of the address at `at`; 0 where nobody has asked for one. */
export function findWide(at: usize): u32 {
  const slot = placeOf(load<u64>(at), load<u64>(at, 8));
  const held = wideAt + <usize>slot * WIDE_SIZE;
  return (load<u64>(held) | load<u64>(held, 8)) == 0 ? 0 : slot + 1;
}

/** Number of the address at `at`; 0 where there is no room for another one. */
export function takeWide(at: usize): u32 {
  const first = load<u64>(at);
  const second = load<u64>(at, 8);
  // The unspecified address is nobody's, and looks like an empty place.
  if ((first | second) == 0) return 0;
  const slot = placeOf(first, second);
  const held = wideAt + <usize>slot * WIDE_SIZE;
  if ((load<u64>(held) | load<u64>(held, 8)) != 0) return slot + 1;
  if (!hasRoom()) return 0;
  store<u64>(held, first);
  store<u64>(held, second, 8);
  putField(CONTROL_WIDE_COUNT_AT, field(CONTROL_WIDE_COUNT_AT) + 1);
  return slot + 1;
}

function hasRoom(): bool {
  return field(CONTROL_WIDE_COUNT_AT) < limit();
}

function limit(): u32 {
  return wideMask + 1 - ((wideMask + 1) >> 3);
}

/** True where the addresses of a batch might not all find room: three for each frame. */
export function isCrowded(): bool {
  const count = field(CONTROL_WIDE_COUNT_AT);
  return count != 0 && count + 3 * MAX_BATCH > limit();
}

/** Forgets all addresses: the caller has forgotten all connections that have to do with them. */
export function clearWide(): void {
  memory.fill(wideAt, 0, (<usize>wideMask + 1) * WIDE_SIZE);
  putField(CONTROL_WIDE_COUNT_AT, 0);
}
