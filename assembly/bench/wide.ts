import { DRAWN_HOME_AT, DRAWN_KEY_AT, DRAWN_SIZE, Key } from "./keys";

// Linear probing over 128-byte lines: the other way to hold IPv6, with 16-byte addresses in the lines. The engine's have 64 bytes for both
// families (docs/decisions.md).
const LINE6_SRC_AT: usize = 0;
const LINE6_DST_AT: usize = 16;
const LINE6_PORTS_AT: usize = 32;
const LINE6_CLASS_AT: usize = 39;
const LINE6_SEEN_AT: usize = 44;
const LINE6_PORT_AT: usize = 52;
const LINE6_L4_DELTA_AT: usize = 54;
const LINE6_TIMEOUT_ROW_AT: usize = 58;
const LINE6_FLAGS_AT: usize = 59;
const LINE6_ADDRESS_AT: usize = 64;
const LINE6_PACKETS_AT: usize = 84;
const LINE6_BYTES_AT: usize = 88;
const LINE6_TOUCH_AT: usize = 96;
const LINE6_SIZE: usize = 128;

const KEY_MASK: u64 = 0x0000ffffffffffff;
/** 2001:db8:: as it lies in memory. */
const PREFIX: u64 = 0xb80d0120;

let linesAt: usize = 0;
let lineCount: u32 = 0;

/** Lays the table out. @param at multiple of 128   @returns its end */
export function layOut(at: usize, lines: u32, guardLines: u32): usize {
  linesAt = at;
  lineCount = lines;
  return at + <usize>(lines + guardLines) * LINE6_SIZE;
}

/** Number of homes: lines. */
export function homes(): u32 {
  return lineCount;
}

class Wide {
  @inline static holds(line: usize, addresses: u64): bool {
    return (
      load<u64>(line, LINE6_SRC_AT + 8) == addresses &&
      load<u64>(line, LINE6_DST_AT + 8) == ~addresses &&
      load<u64>(line, LINE6_SRC_AT) == PREFIX &&
      load<u64>(line, LINE6_DST_AT) == PREFIX
    );
  }

  /** The line of a key, or the free one that ends its search. */
  @inline static probe(home: u32, addresses: u64, ports: u64): usize {
    let line = linesAt + <usize>home * LINE6_SIZE;
    while (true) {
      const second = load<u64>(line, LINE6_PORTS_AT) & KEY_MASK;
      if (second == 0 || (second == ports && Wide.holds(line, addresses))) return line;
      line += LINE6_SIZE;
    }
  }

  @inline static hit(line: usize, now: u32): u32 {
    const kind = load<u8>(line, LINE6_FLAGS_AT) | load<u8>(line, LINE6_CLASS_AT) | load<u8>(line, LINE6_TIMEOUT_ROW_AT);
    const port = load<u16>(line, LINE6_PORT_AT) ^ load<u16>(line, LINE6_L4_DELTA_AT);
    const wrote = load<u64>(line, LINE6_ADDRESS_AT) ^ load<u64>(line, LINE6_ADDRESS_AT + 8) ^ port ^ kind;
    store<u32>(line, now, LINE6_SEEN_AT);
    store<u64>(line, load<u64>(line, LINE6_BYTES_AT) + 64, LINE6_BYTES_AT);
    store<u32>(line, load<u32>(line, LINE6_PACKETS_AT) + 1, LINE6_PACKETS_AT);
    return wrote != 0xffffffffffffffff ? 1 : 0;
  }
}

export function insert(key: u32): bool {
  const addresses = Key.addresses(key);
  const ports = Key.ports(addresses);
  const line = Wide.probe(Key.home(Key.hash(addresses, ports), lineCount), addresses, ports);
  store<u64>(line, PREFIX, LINE6_SRC_AT);
  store<u64>(line, addresses, LINE6_SRC_AT + 8);
  store<u64>(line, PREFIX, LINE6_DST_AT);
  store<u64>(line, ~addresses, LINE6_DST_AT + 8);
  store<u64>(line, ports, LINE6_PORTS_AT);
  store<u32>(line, key, LINE6_ADDRESS_AT);
  return true;
}

/** @returns the number of a key, read from its line, or `none` */
export function numberOf(key: u32, none: u32): u32 {
  const addresses = Key.addresses(key);
  const ports = Key.ports(addresses);
  const line = Wide.probe(Key.home(Key.hash(addresses, ports), lineCount), addresses, ports);
  return load<u64>(line, LINE6_PORTS_AT) == 0 ? none : load<u32>(line, LINE6_ADDRESS_AT);
}

/** Blind stores into the second halves; the first ones have no room for one and are brought in by a load. @returns a sum that keeps the loads */
export function touch(drawn: usize, size: u32): u32 {
  let sum: u32 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const line = linesAt + <usize>load<u32>(drawn, DRAWN_HOME_AT) * LINE6_SIZE;
    sum ^= load<u32>(line, LINE6_SEEN_AT);
    store<u16>(line, <u16>i, LINE6_TOUCH_AT);
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
    const line = Wide.probe(load<u32>(drawn, DRAWN_HOME_AT), addresses, ports);
    if (load<u64>(line, LINE6_PORTS_AT) != 0) found += Wide.hit(line, now);
    drawn += DRAWN_SIZE;
  }
  return found;
}
