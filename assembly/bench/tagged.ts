import { LINE_SIZE, LINE_TOUCH_AT } from "../abi";
import { DRAWN_HASH_AT, DRAWN_HOME_AT, DRAWN_KEY_AT, DRAWN_SIZE, Key, Line } from "./keys";

// Tags as in Abseil's Swiss tables: beside the 64-byte lines lies one byte for each, 0 = free, else the upper bit and seven bits of the
// key's hash. One instruction compares sixteen neighbours. A key lies in the sixteen lines that its hash names or, where those were full, in
// one of the next sixteen, and so on; a free line among sixteen ends the search. Where sixteen lines may start is the only difference:
// - Swiss: at multiples of sixteen, as groups.
// - tagged linear probing: anywhere, so that lines are taken in the order of linear probing.

const WINDOW: u32 = 16;
const FULL: u32 = 0xffff;

let tagsAt: usize = 0;
/** The first line; the last one ends where the table does. */
export let linesAt: usize = 0;
let homeCount: u32 = 0;
/** Logarithm of the distance of two homes, in lines. */
let homeShift: u32 = 0;

/**
 * Lays the table out.
 * @param at multiple of 64   @param lines rounded up to whole windows   @param grouped true: Swiss; false: tagged linear probing
 * @returns its end
 */
export function layOut(at: usize, lines: u32, guardLines: u32, grouped: bool): usize {
  const whole = (lines + WINDOW - 1) & ~(WINDOW - 1);
  homeShift = grouped ? 4 : 0;
  homeCount = whole >> homeShift;
  tagsAt = at;
  linesAt = (tagsAt + <usize>(whole + guardLines) + 63) & ~63;
  return linesAt + <usize>(whole + guardLines) * LINE_SIZE;
}

/** Number of homes: groups, or lines. */
export function homes(): u32 {
  return homeCount;
}

class Tagged {
  @inline static tag(hash: u32): u32 {
    return (hash & 0x7f) | 0x80;
  }

  /** The tags of sixteen lines. */
  @inline static tags(first: u32): v128 {
    return v128.load(tagsAt + <usize>first);
  }

  /** A bit for each of sixteen lines that bears the tag. */
  @inline static matches(tags: v128, tag: u32): u32 {
    return <u32>i8x16.bitmask(i8x16.eq(tags, i8x16.splat(<i8>tag)));
  }

  /** A bit for each of sixteen lines that is in use: their tags have the upper bit. */
  @inline static used(tags: v128): u32 {
    return <u32>i8x16.bitmask(tags);
  }

  @inline static line(number: u32): usize {
    return linesAt + <usize>number * LINE_SIZE;
  }

  @inline static probe(home: u32, tag: u32, addresses: u64, ports: u64): usize {
    let first = home << homeShift;
    while (true) {
      const tags = Tagged.tags(first);
      let matches = Tagged.matches(tags, tag);
      while (matches != 0) {
        const line = Tagged.line(first + ctz(matches));
        if (Line.holds(line, addresses, ports)) return line;
        matches &= matches - 1;
      }
      if (Tagged.used(tags) != FULL) return 0;
      first += WINDOW;
    }
  }
}

export function insert(key: u32): bool {
  const addresses = Key.addresses(key);
  const ports = Key.ports(addresses);
  const hash = Key.hash(addresses, ports);
  let first = Key.home(hash, homeCount) << homeShift;
  let used = Tagged.used(Tagged.tags(first));
  while (used == FULL) {
    first += WINDOW;
    used = Tagged.used(Tagged.tags(first));
  }
  const number = first + ctz(~used);
  store<u8>(tagsAt + <usize>number, <u8>Tagged.tag(<u32>hash));
  Line.enter(Tagged.line(number), key, addresses, ports);
  return true;
}

/** @returns the line of a key, 0 = none */
export function find(key: u32): usize {
  const addresses = Key.addresses(key);
  const ports = Key.ports(addresses);
  const hash = Key.hash(addresses, ports);
  return Tagged.probe(Key.home(hash, homeCount), Tagged.tag(<u32>hash), addresses, ports);
}

/**
 * Reads the tags and stores blindly into the first of the sixteen home lines that bears the key's.
 * @param both a pass over all tags of the block goes ahead of that   @returns a sum that keeps the loads
 */
export function touch(drawn: usize, size: u32, both: bool): u32 {
  let sum: u32 = 0;
  if (both) {
    for (let i: u32 = 0; i < size; i++) {
      const home = load<u32>(drawn + <usize>i * DRAWN_SIZE, DRAWN_HOME_AT);
      sum ^= load<u8>(tagsAt + <usize>(home << homeShift));
    }
  }
  for (let i: u32 = 0; i < size; i++) {
    const first = load<u32>(drawn, DRAWN_HOME_AT) << homeShift;
    const matches = Tagged.matches(Tagged.tags(first), Tagged.tag(load<u32>(drawn, DRAWN_HASH_AT)));
    if (matches != 0) store<u16>(Tagged.line(first + ctz(matches)), <u16>i, LINE_TOUCH_AT);
    drawn += DRAWN_SIZE;
  }
  return sum;
}

/** @returns how many of the drawn keys were found */
export function lookup(drawn: usize, size: u32, now: u32): u32 {
  let found: u32 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const addresses = Key.addresses(load<u32>(drawn, DRAWN_KEY_AT));
    const ports = Key.ports(addresses);
    const tag = Tagged.tag(load<u32>(drawn, DRAWN_HASH_AT));
    const line = Tagged.probe(load<u32>(drawn, DRAWN_HOME_AT), tag, addresses, ports);
    if (line != 0) found += Line.hit(line, now);
    drawn += DRAWN_SIZE;
  }
  return found;
}
