import { constants, deflateRawSync, deflateSync, gzipSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { startInflate as startNodeInflate } from "../../src/platform/node/zlib.js";
import type { RawInflate } from "../../src/platform/raw-inflate.js";
import { deflate, gunzip, inflate, startInflate } from "../../src/platform/web/zlib.js";

/** Words of different lengths, some often, so that all kinds of codes and far copies appear. */
function sample(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = seed + 1;
  for (let at = 0; at < size; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    const length = Math.min(size - at, 1 + (state >>> 27));
    if (at > 40_000 && state & 0x100)
      bytes.copyWithin(at, at - 32_000 - (state & 0xff), at - 32_000 - (state & 0xff) + length);
    else bytes.fill(state >>> (state & 15), at, at + length);
    at += length;
  }
  return bytes;
}

interface Unpacked {
  readonly bytes: Buffer;
  readonly ended: boolean;
  readonly failed: boolean;
  readonly consumed: number;
}

/** Gives deflate data piece by piece until it ends, fails or is over. */
async function unpack(inflate: RawInflate, packed: Uint8Array, piece: number): Promise<Unpacked> {
  const parts: Uint8Array[] = [];
  let at = 0;
  while (!inflate.ended && !inflate.failure && at < packed.length) {
    at += await inflate.write(packed.subarray(at, at + piece));
    parts.push(...inflate.takeOutput());
  }
  // Node's hears of the end with the next write.
  if (!inflate.ended && !inflate.failure) await inflate.write(new Uint8Array(0));
  const { ended, failure } = inflate;
  inflate.destroy();
  return {
    bytes: Buffer.concat(parts),
    ended: ended && !failure,
    failed: failure !== undefined,
    consumed: at,
  };
}

const WAYS = [
  { level: 0 },
  { level: 1 },
  { level: 9 },
  { level: 6, strategy: constants.Z_FIXED },
  { level: 6, strategy: constants.Z_HUFFMAN_ONLY },
  { level: 6, strategy: constants.Z_RLE },
  { level: 9, memLevel: 1 },
];

describe("deflate data in a browser", () => {
  test.each(WAYS)(
    "of every kind is unpacked, whatever the pieces, and what stands behind it is left: %j",
    async (way) => {
      for (const size of [0, 1, 300, 70_000, 400_000]) {
        const bytes = sample(size, size);
        const packed = deflateRawSync(bytes, way);
        const withMore = Buffer.concat([packed, Buffer.from("more that is no part of it")]);
        for (const piece of [7, 1000, 16_384, withMore.length].filter((piece) => size < 100_000 || piece > 7)) {
          const got = await unpack(startInflate(), withMore, piece);
          expect({ ...got, bytes: got.bytes.equals(bytes) }).toEqual({
            bytes: true,
            ended: true,
            failed: false,
            consumed: packed.length,
          });
        }
      }
    },
  );

  test("that is damaged gives what Node gives before the damage, and never throws", async () => {
    const packed = deflateRawSync(sample(20_000, 3));
    await fc.assert(
      fc.asyncProperty(
        fc.nat(packed.length - 1),
        fc.nat(255),
        fc.integer({ min: 1, max: 5000 }),
        async (at, value, piece) => {
          const broken = Uint8Array.from(packed);
          broken[at] = value;
          const [web, node] = [
            await unpack(startInflate(), broken, piece),
            await unpack(startNodeInflate(), broken, piece),
          ];
          expect(web.failed).toBe(node.failed);
          expect(web.ended).toBe(node.ended);
          const shared = Math.min(web.bytes.length, node.bytes.length);
          expect(web.bytes.subarray(0, shared).equals(node.bytes.subarray(0, shared))).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("that is nothing but noise fails as with Node", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (noise) => {
        const [web, node] = [await unpack(startInflate(), noise, 1000), await unpack(startNodeInflate(), noise, 1000)];
        expect({ failed: web.failed, ended: web.ended }).toEqual({ failed: node.failed, ended: node.ended });
      }),
      { numRuns: 500 },
    );
  });
});

describe("whole streams in a browser", () => {
  test("what is packed there unpacks there and with Node; what Node packs unpacks there", () => {
    for (const size of [0, 1, 65_535, 65_536, 200_000]) {
      const bytes = sample(size, 5);
      expect(Buffer.from(inflate(deflate(bytes, "quick"), size)).equals(bytes)).toBe(true);
      expect(inflateRawSync(deflate(bytes, "usual").subarray(2)).equals(bytes)).toBe(true);
      expect(Buffer.from(inflate(deflateSync(bytes), size)).equals(bytes)).toBe(true);
    }
  });

  test("gzip files of several members unpack, and bombs do not", () => {
    const [a, b] = [sample(1000, 1), sample(3000, 2)];
    const both = Buffer.concat([gzipSync(a), gzipSync(b)]);
    expect(Buffer.from(gunzip(both, 4000)).equals(Buffer.concat([a, b]))).toBe(true);
    expect(() => gunzip(both, 3999)).toThrow("more than 2999 bytes");
    expect(() => inflate(deflateSync(a), 999)).toThrow("more than 999 bytes");
  });

  test("damage is found by the sums at the end", () => {
    const packed = Buffer.from(deflateSync(sample(100, 1)));
    packed[packed.length - 1]! ^= 1;
    expect(() => inflate(packed, 1000)).toThrow("incorrect data check");
    const file = Buffer.from(gzipSync(sample(100, 1)));
    expect(() => gunzip(file.subarray(0, -1), 1000)).toThrow("unexpected end of file");
    file[file.length - 6]! ^= 1;
    expect(() => gunzip(file, 1000)).toThrow("incorrect data check");
    expect(() => gunzip(Buffer.from("no gzip"), 1000)).toThrow("incorrect header check");
  });
});
