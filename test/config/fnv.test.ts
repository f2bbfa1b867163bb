import { describe, expect, test } from "vitest";
import { fnv1a32 } from "../../src/config/fnv.js";

describe("fnv1a32", () => {
  test.each([
    ["", 0x811c9dc5, 1, 1],
    ["a", 0xe40c292c, 0, 1],
    ["foobar", 0xbf9cf968, 0, 1],
    ["00000000-0000-0000-0000-000000000001", 0xbd478d3e, 0, 1],
    ["00000000-0000-0000-0000-000000000002", 0xbc478bab, 1, 2],
    ["7c22952d-25a0-409d-952c-60895b5c2a90", 0x4989084b, 1, 2],
    ["fe8c8750-0fe0-43e6-b088-f02d39e10eeb", 0xc1cdfba2, 0, 1],
  ])("of %j is as calculated by hand, and so are its remainders", (text, hash, mod2, mod3) => {
    expect(fnv1a32(text)).toBe(hash);
    expect(fnv1a32(text) % 2).toBe(mod2);
    expect(fnv1a32(text) % 3).toBe(mod3);
  });

  test("runs over the bytes of UTF-8, not over characters", () => {
    // (0x811c9dc5 ^ 0xc3) * prime, then ^ 0xa4 * prime, with arbitrary precision
    let expected = 0x811c9dc5n;
    for (const byte of [0xc3n, 0xa4n]) expected = ((expected ^ byte) * 0x01000193n) % 2n ** 32n;
    expect(BigInt(fnv1a32("ä"))).toBe(expected);
  });
});
