import { LINE_TOUCH_AT } from "../abi";
import { scale } from "./hash";
import { lineCount, linesAt, PROBE_LIMIT, tagsAt } from "./memory";

// One byte beside each conntrack line: 0 = the line is free, else USED and seven bits of its key's hash. The tags of the eight lines from a
// key's home on are compared at once, as in Abseil's Swiss tables but from any line on, so that lines are still taken in the order of linear
// probing. A lookup touches the one line that its key lies in, a search for a free line none, and neither branches on how far it is.
// Plain 64-bit arithmetic: no host has to know SIMD, and a frame needs no more than one or two such words.
//
// A home is what a key's hash comes to: the slot at which probing starts, and the seven bits of its tag above.

const USED: u32 = 0x80;
const SLOT_BITS: u32 = 25; // 8 Mi connections have 24 Mi lines
const SLOT_MASK: u32 = (1 << SLOT_BITS) - 1;
const ONES: u64 = 0x0101010101010101;
const UPPER: u64 = 0x8080808080808080;

/** Lines whose tags are compared at once. */
export const WINDOW: u32 = 8;

/** No slot. */
export const NONE: u32 = 0xffffffff;

/** The home of a key with this hash. @param lines `lineCount` */
export function homeOf(hash: u64, lines: u32): u32 {
  return scale(hash, lines) | ((<u32>hash) << SLOT_BITS);
}

/** The slot at which probing starts. */
export function slotOfHome(home: u32): u32 {
  return home & SLOT_MASK;
}

function lineAt(slot: u32): usize {
  return linesAt + ((<usize>slot) << 6);
}

/** Static methods, as only those may carry the decorator that puts them into their caller. */
export class Tags {
  /** Of eight lines. @param tags where the tags of all lines lie */
  @inline static load(tags: usize, slot: u32): u64 {
    return load<u64>(tags + <usize>slot);
  }

  /** Upper bits of the bytes that equal the home's tag. The lowest one is right; above it may stand others, of tags that differ by one. */
  @inline static matches(tags: u64, home: u32): u64 {
    const other = tags ^ (<u64>((home >> SLOT_BITS) | USED) * ONES);
    return (other - ONES) & ~other & UPPER;
  }

  /** Upper bits of the bytes of free lines. */
  @inline static free(tags: u64): u64 {
    return ~tags & UPPER;
  }

  /** Lines before the one of the lowest bit; WINDOW for 0. */
  @inline static first(bits: u64): u32 {
    return <u32>ctz(bits) >> 3;
  }

  /** The line that bears a home's tag, else the free one that ends the search; it need not be the key's. @param tags where they all lie */
  @inline static likely(tags: usize, lines: usize, home: u32): usize {
    const slot = home & SLOT_MASK;
    const word = Tags.load(tags, slot);
    const matches = Tags.matches(word, home);
    const bits = matches != 0 ? matches : Tags.free(word);
    return lines + ((<usize>(slot + Tags.first(bits))) << 6);
  }
}

/** First free slot for a key with this home, or NONE within the probe limit. */
export function freeSlot(home: u32): u32 {
  const first = slotOfHome(home);
  for (let slot = first; slot < first + PROBE_LIMIT; slot += WINDOW) {
    const free = Tags.free(Tags.load(tagsAt, slot));
    if (free != 0) return slot + Tags.first(free);
  }
  return NONE;
}

/** A blind store into the line that a new key with this home will most likely get: the prefetch that WebAssembly lacks. */
export function touchFree(home: u32): void {
  const slot = slotOfHome(home);
  store<u16>(lineAt(slot + Tags.first(Tags.free(Tags.load(tagsAt, slot)))), 0, LINE_TOUCH_AT);
}

/** Marks a slot as that of a key with this home. */
export function putTag(slot: u32, home: u32): void {
  store<u8>(tagsAt + <usize>slot, <u8>((home >> SLOT_BITS) | USED));
}

/** Marks a slot as free. */
export function clearTag(slot: u32): void {
  store<u8>(tagsAt + <usize>slot, 0);
}

/** A line has moved up: its tag goes with it. */
export function moveTag(to: u32, from: u32): void {
  store<u8>(tagsAt + <usize>to, load<u8>(tagsAt + <usize>from));
}

/** Marks all slots as free. */
export function clearTags(): void {
  memory.fill(tagsAt, 0, <usize>(lineCount + PROBE_LIMIT));
}
