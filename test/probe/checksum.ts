// Unit exports of assembly/wire/checksum.ts; compiled by the test that uses them, never shipped.

import {
  applyDelta,
  applyPartialDelta,
  applyUdpDelta,
  combine,
  delta16,
  delta32,
  fold,
  negate,
  rawSum,
} from "../../assembly/wire/checksum";

export { applyDelta, applyPartialDelta, applyUdpDelta, combine, delta16, delta32, fold, negate };

/** Where tests may write bytes, and how many. */
export const BUFFER_SIZE: u32 = 65536;
const buffer = memory.data(65536, 16);

export function bufferAt(): usize {
  return buffer;
}

export function sumOf(offset: u32, length: u32): u32 {
  return rawSum(buffer + offset, length);
}
