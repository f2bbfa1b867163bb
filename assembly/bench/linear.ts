import { LINE_SIZE, LINE_TOUCH_AT } from "../abi";
import { DRAWN_HOME_AT, DRAWN_KEY_AT, DRAWN_SIZE, Key, Line } from "./keys";

// Linear probing over 64-byte lines, as in the engine: a key lies in the line that its hash names or in one of those behind it.

/** The first line; the last one ends where the table does. */
export let linesAt: usize = 0;
let lineCount: u32 = 0;

/** Lays the table out. @param at multiple of 64   @returns its end */
export function layOut(at: usize, lines: u32, guardLines: u32): usize {
  linesAt = at;
  lineCount = lines;
  return at + <usize>(lines + guardLines) * LINE_SIZE;
}

/** Number of homes: lines. */
export function homes(): u32 {
  return lineCount;
}

class Linear {
  /** The line of a key, or the free one that ends its search. */
  @inline static probe(home: u32, addresses: u64, ports: u64): usize {
    let line = linesAt + <usize>home * LINE_SIZE;
    while (true) {
      const second = Line.portsOf(line);
      if (second == 0 || Line.holds(line, addresses, ports)) return line;
      line += LINE_SIZE;
    }
  }
}

export function insert(key: u32): bool {
  const addresses = Key.addresses(key);
  const ports = Key.ports(addresses);
  const line = Linear.probe(Key.home(Key.hash(addresses, ports), lineCount), addresses, ports);
  Line.enter(line, key, addresses, ports);
  return true;
}

/** @returns the line of a key, 0 = none */
export function find(key: u32): usize {
  const addresses = Key.addresses(key);
  const ports = Key.ports(addresses);
  const line = Linear.probe(Key.home(Key.hash(addresses, ports), lineCount), addresses, ports);
  return Line.portsOf(line) == 0 ? 0 : line;
}

/** Blind stores. @param both the line after the home line, too, as the engine does */
export function touch(drawn: usize, size: u32, both: bool): void {
  for (let i: u32 = 0; i < size; i++) {
    const line = linesAt + <usize>load<u32>(drawn, DRAWN_HOME_AT) * LINE_SIZE;
    store<u16>(line, <u16>i, LINE_TOUCH_AT);
    if (both) store<u16>(line + LINE_SIZE, <u16>i, LINE_TOUCH_AT);
    drawn += DRAWN_SIZE;
  }
}

/** @returns how many of the drawn keys were found */
export function lookup(drawn: usize, size: u32, now: u32): u32 {
  let found: u32 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const addresses = Key.addresses(load<u32>(drawn, DRAWN_KEY_AT));
    const ports = Key.ports(addresses);
    const line = Linear.probe(load<u32>(drawn, DRAWN_HOME_AT), addresses, ports);
    if (Line.portsOf(line) != 0) found += Line.hit(line, now);
    drawn += DRAWN_SIZE;
  }
  return found;
}
