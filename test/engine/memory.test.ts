import { expect, test } from "vitest";
import { EngineMemory } from "../../src/engine/memory.js";

test("numbers are read as unsigned little-endian", () => {
  const buffer = new ArrayBuffer(16);
  new Uint8Array(buffer).set([0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x01, 0x00, 0x00]);
  const memory = new EngineMemory(buffer);
  expect(memory.u8(0)).toBe(0xff);
  expect(memory.u16(0)).toBe(0xfeff);
  expect(memory.u32(0)).toBe(0xfcfdfeff);
  expect(memory.u64(0)).toBe(0x1fb_fcfd_feff);
  expect(memory.size).toBe(16);
});

test("what is written is read back, whatever sign JavaScript gave it", () => {
  const memory = new EngineMemory(new ArrayBuffer(32));
  memory.putU8(0, 0xa5);
  memory.putU16(2, 0xbeef);
  memory.putU32(4, -1);
  memory.putU64(8, 0x0123_4567_89ab_cdefn);
  expect([memory.u8(0), memory.u16(2), memory.u32(4)]).toEqual([0xa5, 0xbeef, 0xffff_ffff]);
  expect([memory.u32(8), memory.u32(12)]).toEqual([0x89ab_cdef, 0x0123_4567]);
});

test("bytes are a window, and one that reaches past the end is refused", () => {
  const memory = new EngineMemory(new ArrayBuffer(32));
  memory.bytes(4, 4).fill(7);
  expect(memory.u32(4)).toBe(0x07070707);
  expect(() => memory.bytes(30, 4)).toThrow("bytes 30 to 34 of 32");
});
