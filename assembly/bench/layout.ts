import { LINE_ADDRESS_AT, LINE_PORTS_AT, LINE_SIZE } from "../abi";
import * as cuckoo from "./cuckoo";
import { BLOCK, DRAWN_HASH_AT, DRAWN_HOME_AT, DRAWN_KEY_AT, DRAWN_SIZE, Key, NO_KEY } from "./keys";
import * as linear from "./linear";
import * as tagged from "./tagged";
import * as wide from "./wide";

// What the conntrack lines of abi.ts cost by themselves, in the engine's layout and in others: a skeleton of lookups that reads and writes
// what a hit reads and writes, over tables of the size and fill of the engine's, with keys made on the spot. No frames, no rewriting.

// LAYOUT_*, as src/bench/layouts.ts numbers them; whatever is none of these is tagged linear probing.
const LAYOUT_LINEAR: u32 = 0;
const LAYOUT_WIDE: u32 = 1;
const LAYOUT_SWISS: u32 = 2;
const LAYOUT_CUCKOO: u32 = 4;
const LAYOUT_COUNT: u32 = 5;

const GUARD_LINES: u32 = 192;
const PAGE: usize = 65536;

let layout: u32 = LAYOUT_LINEAR;
let drawnAt: usize = 0;
let tableAt: usize = 0;
let tableEnd: usize = 0;
let keyCount: u32 = 0;
let homeCount: u32 = 0;

/**
 * Lays out a table with three lines for each of `connections` and fills in two of them, keys 0 … 2 * connections - 1.
 * @param kind LAYOUT_*   @returns keys that found a place, 0 = no memory or no such layout
 */
export function layoutFill(connections: u32, kind: u32): u32 {
  if (kind >= LAYOUT_COUNT) return 0;
  layout = kind;
  keyCount = connections * 2;
  drawnAt = (__heap_base + 127) & ~127;
  tableAt = (drawnAt + <usize>BLOCK * DRAWN_SIZE + 8 + 127) & ~127;
  tableEnd = layOut(connections * 3);
  homeCount = homes();
  const more = <i32>((tableEnd + PAGE - 1) / PAGE) - memory.size();
  if (more > 0 && memory.grow(more) < 0) return 0;
  layoutClear();
  return layoutInsert(0, keyCount);
}

function layOut(lines: u32): usize {
  if (layout == LAYOUT_LINEAR) return linear.layOut(tableAt, lines, GUARD_LINES);
  if (layout == LAYOUT_WIDE) return wide.layOut(tableAt, lines, GUARD_LINES);
  if (layout == LAYOUT_CUCKOO) return cuckoo.layOut(tableAt, lines);
  return tagged.layOut(tableAt, lines, GUARD_LINES, layout == LAYOUT_SWISS);
}

function homes(): u32 {
  if (layout == LAYOUT_LINEAR) return linear.homes();
  if (layout == LAYOUT_WIDE) return wide.homes();
  if (layout == LAYOUT_CUCKOO) return cuckoo.homes();
  return tagged.homes();
}

/** Empties the table. */
export function layoutClear(): void {
  memory.fill(tableAt, 0, tableEnd - tableAt);
  cuckoo.clear();
}

/** Enters keys that are not there, one by one, as long as lines are free. @returns how many found a place */
export function layoutInsert(first: u32, count: u32): u32 {
  let placed: u32 = 0;
  const end = first + count;
  if (layout == LAYOUT_LINEAR) for (let key = first; key < end; key++) placed += u32(linear.insert(key));
  else if (layout == LAYOUT_WIDE) for (let key = first; key < end; key++) placed += u32(wide.insert(key));
  else if (layout == LAYOUT_CUCKOO) for (let key = first; key < end; key++) placed += u32(cuckoo.insert(key));
  else for (let key = first; key < end; key++) placed += u32(tagged.insert(key));
  return placed;
}

/** Lines that insertions have moved since the table was cleared. */
export function layoutMoved(): u32 {
  return cuckoo.moved;
}

/** Looks one key up. @returns its number, as its line has it, or NO_KEY */
export function layoutFind(key: u32): u32 {
  if (layout == LAYOUT_WIDE) return wide.numberOf(key, NO_KEY);
  let line: usize = 0;
  if (layout == LAYOUT_LINEAR) line = linear.find(key);
  else if (layout == LAYOUT_CUCKOO) line = cuckoo.find(key);
  else line = tagged.find(key);
  return line == 0 ? NO_KEY : load<u32>(line, LINE_ADDRESS_AT);
}

/** Lines that hold a key, counted in the table from end to end; 64-byte lines only. */
export function layoutUsed(): u32 {
  let line = linear.linesAt;
  if (layout == LAYOUT_CUCKOO) line = cuckoo.linesAt;
  else if (layout != LAYOUT_LINEAR) line = tagged.linesAt;
  let used: u32 = 0;
  for (; line < tableEnd; line += LINE_SIZE) used += u32(load<u64>(line, LINE_PORTS_AT) != 0);
  return used;
}

/**
 * `count` lookups of keys drawn at random by `start`.
 * @param ahead 0: one by one; 1: in blocks, touching what the hash names; 2: in blocks, with the layout's second touch
 * @param absent 0: keys that are there; 1: as many others   @returns how many were found
 */
export function layoutLookup(count: u32, start: u32, ahead: u32, absent: u32): u32 {
  const first = absent ? keyCount : 0;
  let found: u32 = 0;
  for (let from: u32 = 0; from < count; from += BLOCK) {
    const left = count - from;
    const size = left < BLOCK ? left : BLOCK;
    draw(first, start + from, size);
    if (ahead) touch(size, ahead == 2);
    found += lookup(size, start);
  }
  return found;
}

function draw(first: u32, start: u32, size: u32): void {
  let drawn = drawnAt;
  for (let i: u32 = 0; i < size; i++) {
    const key = first + <u32>(((Key.mix(<u64>start + i) >> 32) * <u64>keyCount) >> 32);
    const addresses = Key.addresses(key);
    const hash = Key.hash(addresses, Key.ports(addresses));
    store<u32>(drawn, key, DRAWN_KEY_AT);
    store<u32>(drawn, Key.home(hash, homeCount), DRAWN_HOME_AT);
    store<u32>(drawn, <u32>hash, DRAWN_HASH_AT);
    drawn += DRAWN_SIZE;
  }
}

function touch(size: u32, both: bool): void {
  let loaded: u64 = 0;
  if (layout == LAYOUT_LINEAR) linear.touch(drawnAt, size, both);
  else if (layout == LAYOUT_WIDE) loaded = wide.touch(drawnAt, size);
  else if (layout == LAYOUT_CUCKOO) loaded = cuckoo.touch(drawnAt, size, both);
  else loaded = tagged.touch(drawnAt, size, both);
  // Keeps the loads from being optimized away.
  store<u64>(drawnAt + <usize>BLOCK * DRAWN_SIZE, loaded);
}

function lookup(size: u32, now: u32): u32 {
  if (layout == LAYOUT_LINEAR) return linear.lookup(drawnAt, size, now);
  if (layout == LAYOUT_WIDE) return wide.lookup(drawnAt, size, now);
  if (layout == LAYOUT_CUCKOO) return cuckoo.lookup(drawnAt, size, now);
  return tagged.lookup(drawnAt, size, now);
}
