import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32 } from "../../src/platform/crc32.js";

test("the check value of CRC-32 over the nine digits", () => {
  expect(crc32(Buffer.from("123456789"), 0)).toBe(0xcbf43926);
});

test("any bytes in any two parts have the CRC that zlib writes behind them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, cut) => {
      const inParts = crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut), 0));
      const zipped = gzipSync(bytes);
      expect(inParts).toBe(zipped.readUInt32LE(zipped.length - 8));
    }),
  );
});
