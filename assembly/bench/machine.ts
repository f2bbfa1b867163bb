// What the machine's memory does by itself, for `bench --profile`: the time of a load that has to wait for the one before it, of random
// lines that do not wait for each other, and of streams. No engine, no table; the same vehicle (Wasm in the same runtime) as the engine.

const LINE: usize = 64;
const PAGE: u64 = 65536;
/** One less than a 32-bit memory can have, so that no address behind it wraps. */
const MOST_PAGES: u64 = 65535;

let base: usize = 0;

/** Makes room for `bytes`, a multiple of 64. @returns whether there was memory */
export function reserve(bytes: u32): bool {
  base = (__heap_base + 63) & ~63;
  // The line behind the last one is stored into, too.
  const pages = (<u64>base + bytes + LINE + PAGE - 1) / PAGE;
  if (pages > MOST_PAGES) return false;
  const more = <i32>pages - memory.size();
  return more <= 0 || memory.grow(more) >= 0;
}

/** Next of a sequence of 32-bit numbers (Numerical Recipes' generator); its high bits are good enough to spread accesses. */
function next(x: u32): u32 {
  return x * 1664525 + 1013904223;
}

function lineOf(x: u32, lines: u32): usize {
  return base + <usize>((<u64>x * lines) >> 32) * LINE;
}

/** Links `lines` lines into one random cycle (Sattolo 1986): each holds the address of the one that comes after it. */
export function layCycle(lines: u32, seed: u32): void {
  for (let i: u32 = 0; i < lines; i++) store<u32>(base + <usize>i * LINE, <u32>(base + <usize>i * LINE));
  let x = seed;
  for (let i = lines - 1; i > 0; i--) {
    x = next(x);
    const a = base + <usize>i * LINE;
    const b = base + <usize>((<u64>x * i) >> 32) * LINE;
    const was = load<u32>(a);
    store<u32>(a, load<u32>(b));
    store<u32>(b, was);
  }
}

/** Follows the cycle from its line 0 or from where the last call ended. @param at what the last call returned, 0 at first */
export function chase(at: u32, steps: u32): u32 {
  let line: u32 = at ? at : <u32>base;
  for (let i: u32 = 0; i < steps; i++) line = load<u32>(line);
  return line;
}

/** Loads from `count` random lines, none waiting for another. @param seed what the last call returned */
export function loadLines(seed: u32, count: u32, lines: u32): u32 {
  let x = seed;
  let sum: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    x = next(x);
    sum += load<u32>(lineOf(x, lines));
  }
  // The sum is kept alive, and the sequence goes on.
  return sum == 1 ? x + 1 : x;
}

/** Stores blindly into `count` random lines and into the one behind each, as pass 1 of the engine does. A cycle stays what it is. */
export function storePairs(seed: u32, count: u32, lines: u32): u32 {
  let x = seed;
  for (let i: u32 = 0; i < count; i++) {
    x = next(x);
    const line = lineOf(x, lines);
    store<u16>(line, <u16>i, 62);
    store<u16>(line + LINE, <u16>i, 62);
  }
  return x;
}

/** Reads `bytes` from the start on. @returns something that depends on all of them */
export function readStream(bytes: u32): u32 {
  let sum = i64x2.splat(0);
  const end = base + <usize>bytes;
  for (let at = base; at < end; at += LINE) {
    sum = v128.xor(sum, v128.xor(v128.load(at), v128.load(at, 16)));
    sum = v128.xor(sum, v128.xor(v128.load(at, 32), v128.load(at, 48)));
  }
  return <u32>v128.extract_lane<u64>(sum, 0);
}

/** Reads and writes back every line of `bytes`, as frames that are rewritten in place are. */
export function updateStream(bytes: u32, value: u32): u32 {
  const end = base + <usize>bytes;
  let sum: u32 = 0;
  for (let at = base; at < end; at += LINE) {
    sum += load<u32>(at, 56);
    store<u32>(at, value, 56);
  }
  return sum;
}

/** Writes every byte of `bytes`; a cycle is lost. */
export function writeStream(bytes: u32, value: u32): void {
  const end = base + <usize>bytes;
  const filled = i32x4.splat(value);
  for (let at = base; at < end; at += LINE) {
    v128.store(at, filled);
    v128.store(at, filled, 16);
    v128.store(at, filled, 32);
    v128.store(at, filled, 48);
  }
}
