import { BLOB_SECTIONS_AT } from "../abi";

// The policy blob's header, and 16-byte addresses as two big-endian numbers. Nothing here checks anything: see policy-check.ts.

export function sectionCount(blob: usize, id: u32): u32 {
  return load<u32>(blob + BLOB_SECTIONS_AT + id * 8);
}

export function sectionAt(blob: usize, id: u32): usize {
  return blob + load<u32>(blob + BLOB_SECTIONS_AT + id * 8, 4);
}

/** The two big-endian halves of 16 address bytes. */
export function high(at: usize): u64 {
  return bswap<u64>(load<u64>(at));
}

export function low(at: usize): u64 {
  return bswap<u64>(load<u64>(at, 8));
}

export function highMask(length: u32): u64 {
  return length == 0 ? 0 : length >= 64 ? <u64>-1 : ~(<u64>-1 >> <u64>length);
}

export function maskedHigh(at: usize, length: u32): u64 {
  return high(at) & highMask(length);
}

export function maskedLow(at: usize, length: u32): u64 {
  return low(at) & (length <= 64 ? 0 : highMask(length - 64));
}

/** The word with only bit `n` (0 … 63) set. */
export function bit(n: u32): u64 {
  const one: u64 = 1;
  return one << n;
}
