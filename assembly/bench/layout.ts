import {
  LINE_ADDRESS_AT,
  LINE_BYTES_AT,
  LINE_CLASS_AT,
  LINE_FLAGS_AT,
  LINE_IP_DELTA_AT,
  LINE_L4_DELTA_AT,
  LINE_PACKETS_AT,
  LINE_PORT_AT,
  LINE_PORTS_AT,
  LINE_SEEN_AT,
  LINE_SIZE,
  LINE_SRC_AT,
  LINE_TIMEOUT_ROW_AT,
  LINE_TOUCH_AT,
} from "../abi";

// What the conntrack lines of abi.ts cost by themselves: a skeleton of lookups that reads and writes what a hit reads and writes, over
// tables of the size and fill of the engine's, with keys made on the spot. No frames, no rewriting.

// The other way to hold IPv6: lines with 16-byte addresses in them. The engine holds numbers instead (docs/decisions.md).
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

/** Lookups that the pass of touches runs ahead of the pass of lookups. */
const BLOCK: u32 = 64;
const GUARD_LINES: u32 = 192;
const KEY_MASK: u64 = 0x0000ffffffffffff;
const USED: u64 = 1 << 40;
const PAGE: usize = 65536;
const SEED: u64 = 0x452821e638d01377;

let scratchAt: usize = 0;
let linesAt: usize = 0;
let keyCount: u32 = 0;
let lineCount: u32 = 0;
let isWide: bool = false;

/**
 * Lays out and fills a table of `connections`: two lines each, two thirds full.
 * @param lineSize LINE_SIZE, or 128 for lines with IPv6 addresses in them   @returns lines filled, 0 = no memory or another size
 */
export function layoutFill(connections: u32, lineSize: u32): u32 {
  if (lineSize != LINE_SIZE && lineSize != LINE6_SIZE) return 0;
  isWide = lineSize == LINE6_SIZE;
  keyCount = connections * 2;
  lineCount = connections * 3;
  scratchAt = (__heap_base + 127) & ~127;
  linesAt = scratchAt + BLOCK * 8 + 128;
  const end = linesAt + <usize>(lineCount + GUARD_LINES) * lineSize;
  const more = <i32>((end + PAGE - 1) / PAGE) - memory.size();
  if (more > 0 && memory.grow(more) < 0) return 0;
  memory.fill(linesAt, 0, end - linesAt);
  for (let key: u32 = 0; key < keyCount; key++) {
    if (isWide) fillWide(key);
    else fillNarrow(key);
  }
  return keyCount;
}

function mix(value: u64): u64 {
  let h = (value ^ SEED) * 0x9e3779b97f4a7c15;
  h ^= h >> 32;
  h *= 0xbf58476d1ce4e5b9;
  return h ^ (h >> 29);
}

/** Addresses of key number `key`; its ports are made of them. */
function addressesOf(key: u32): u64 {
  return mix(key);
}

function portsOf(addresses: u64): u64 {
  return ((addresses * 0xff51afd7ed558ccd) >> 32) | ((<u64>6) << 32) | USED;
}

/** Home line of a key, by a keyed hash of two words as in the engine. */
function home(addresses: u64, ports: u64): u32 {
  const h = mix(mix(addresses) ^ ports);
  return <u32>(((h >> 32) * <u64>lineCount) >> 32);
}

function fillNarrow(key: u32): void {
  const addresses = addressesOf(key);
  const ports = portsOf(addresses);
  let line = linesAt + <usize>home(addresses, ports) * LINE_SIZE;
  while (load<u64>(line, LINE_PORTS_AT) != 0) line += LINE_SIZE;
  store<u64>(line, addresses, LINE_SRC_AT);
  store<u64>(line, ports, LINE_PORTS_AT);
  store<u32>(line, key, LINE_ADDRESS_AT);
}

function fillWide(key: u32): void {
  const addresses = addressesOf(key);
  const ports = portsOf(addresses);
  let line = linesAt + <usize>home(addresses, ports) * LINE6_SIZE;
  while (load<u64>(line, LINE6_PORTS_AT) != 0) line += LINE6_SIZE;
  store<u64>(line, PREFIX, LINE6_SRC_AT);
  store<u64>(line, addresses, LINE6_SRC_AT + 8);
  store<u64>(line, PREFIX, LINE6_DST_AT);
  store<u64>(line, ~addresses, LINE6_DST_AT + 8);
  store<u64>(line, ports, LINE6_PORTS_AT);
  store<u32>(line, key, LINE6_ADDRESS_AT);
}

/** 2001:db8:: as it lies in memory. */
const PREFIX: u64 = 0xb80d0120;

/**
 * `count` lookups of keys drawn at random by `start`. @param ahead 1: in blocks, touching the lines first; 0: one by one
 * @returns how many were found
 */
export function layoutLookup(count: u32, start: u32, ahead: u32): u32 {
  let found: u32 = 0;
  for (let from: u32 = 0; from < count; from += BLOCK) {
    const left = count - from;
    const size = left < BLOCK ? left : BLOCK;
    for (let i: u32 = 0; i < size; i++) {
      const key = <u32>(((mix(<u64>start + from + i) >> 32) * <u64>keyCount) >> 32);
      const addresses = addressesOf(key);
      store<u32>(scratchAt + i * 8, key);
      store<u32>(scratchAt + i * 8, home(addresses, portsOf(addresses)), 4);
    }
    if (ahead) touch(size);
    found += isWide ? findWide(size, start) : findNarrow(size, start);
  }
  return found;
}

/** Blind stores, as in the engine's pass 1; the first half of a wide line has no room for one and is brought in by its neighbour or a load. */
function touch(size: u32): void {
  let sum: u32 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const slot = <usize>load<u32>(scratchAt + i * 8, 4);
    if (isWide) {
      const line = linesAt + slot * LINE6_SIZE;
      sum ^= load<u32>(line, LINE6_SEEN_AT);
      store<u16>(line, <u16>i, LINE6_TOUCH_AT);
    } else {
      store<u16>(linesAt + slot * LINE_SIZE, <u16>i, LINE_TOUCH_AT);
    }
  }
  // Keeps the loads from being optimized away.
  store<u32>(scratchAt + BLOCK * 8, sum);
}

function findNarrow(size: u32, now: u32): u32 {
  let found: u32 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const addresses = addressesOf(load<u32>(scratchAt + i * 8));
    const ports = portsOf(addresses);
    let line = linesAt + <usize>load<u32>(scratchAt + i * 8, 4) * LINE_SIZE;
    while (true) {
      const second = load<u64>(line, LINE_PORTS_AT) & KEY_MASK;
      if (second == ports && load<u64>(line, LINE_SRC_AT) == addresses) break;
      if (second == 0) return found;
      line += LINE_SIZE;
    }
    const deltas = load<u16>(line, LINE_L4_DELTA_AT) + load<u16>(line, LINE_IP_DELTA_AT);
    const kind = load<u8>(line, LINE_FLAGS_AT) | load<u8>(line, LINE_CLASS_AT) | load<u8>(line, LINE_TIMEOUT_ROW_AT);
    const wrote = load<u32>(line, LINE_ADDRESS_AT) ^ load<u16>(line, LINE_PORT_AT) ^ deltas ^ kind;
    store<u32>(line, now, LINE_SEEN_AT);
    store<u64>(line, load<u64>(line, LINE_BYTES_AT) + 64, LINE_BYTES_AT);
    store<u32>(line, load<u32>(line, LINE_PACKETS_AT) + 1, LINE_PACKETS_AT);
    found += wrote != 0xffffffff ? 1 : 0;
  }
  return found;
}

function findWide(size: u32, now: u32): u32 {
  let found: u32 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const addresses = addressesOf(load<u32>(scratchAt + i * 8));
    const ports = portsOf(addresses);
    let line = linesAt + <usize>load<u32>(scratchAt + i * 8, 4) * LINE6_SIZE;
    while (true) {
      const second = load<u64>(line, LINE6_PORTS_AT) & KEY_MASK;
      if (second == ports && isWideKey(line, addresses)) break;
      if (second == 0) return found;
      line += LINE6_SIZE;
    }
    const kind = load<u8>(line, LINE6_FLAGS_AT) | load<u8>(line, LINE6_CLASS_AT) | load<u8>(line, LINE6_TIMEOUT_ROW_AT);
    const port = load<u16>(line, LINE6_PORT_AT) ^ load<u16>(line, LINE6_L4_DELTA_AT);
    const wrote = load<u64>(line, LINE6_ADDRESS_AT) ^ load<u64>(line, LINE6_ADDRESS_AT + 8) ^ port ^ kind;
    store<u32>(line, now, LINE6_SEEN_AT);
    store<u64>(line, load<u64>(line, LINE6_BYTES_AT) + 64, LINE6_BYTES_AT);
    store<u32>(line, load<u32>(line, LINE6_PACKETS_AT) + 1, LINE6_PACKETS_AT);
    found += wrote != 0xffffffffffffffff ? 1 : 0;
  }
  return found;
}

function isWideKey(line: usize, addresses: u64): bool {
  return (
    load<u64>(line, LINE6_SRC_AT + 8) == addresses &&
    load<u64>(line, LINE6_DST_AT + 8) == ~addresses &&
    load<u64>(line, LINE6_SRC_AT) == PREFIX &&
    load<u64>(line, LINE6_DST_AT) == PREFIX
  );
}
