import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as abi from "../../assembly/abi.js";
import { DEFAULT_ENGINE_CONFIG } from "../../src/engine/engine-config.js";
import { applyState, decodeState, encodeState, hashPolicy, type StateHeader } from "../../src/engine/state-file.js";
import { EngineError } from "../../src/errors.js";

const CONFIG = { ...DEFAULT_ENGINE_CONFIG, connections: 64 };
const POLICY = hashPolicy(Uint8Array.of(1, 2, 3));
const HEADER: StateHeader = {
  config: CONFIG,
  policyHash: POLICY,
  conntrack: { at: 4096, size: 8192 },
  counters: { at: 128, size: 1024 },
  egressStats: { at: 1152, size: 64 },
  addresses: { at: 12_288, size: 96 },
};
const SIZE = 20_480 + 100;

/** A region of five pages and a piece, of which only the second page and the last piece hold anything. */
function sparseRegion(): Uint8Array {
  const region = new Uint8Array(SIZE);
  region.fill(0xa5, 4100, 4200);
  region[SIZE - 1] = 7;
  return region;
}

/** Writes the right SHA-256 under changed contents: what someone who wants to be believed would do. */
function resealed(file: Uint8Array): Uint8Array {
  const body = file.subarray(0, file.length - 32);
  return Buffer.concat([body, createHash("sha256").update(body).digest()]);
}

const accept = () => undefined;

describe("a saved state", () => {
  test("gives the region back, and all that its header says", () => {
    const saved = decodeState(encodeState(sparseRegion(), HEADER));
    expect(saved.region).toEqual(sparseRegion());
    expect({ ...saved, policyHash: new Uint8Array(saved.policyHash) }).toMatchObject({ ...HEADER, policyHash: POLICY });
  });

  test("takes little room for empty pages: 64 MiB of zeros in under 1 KiB", () => {
    expect(encodeState(new Uint8Array(64 << 20), HEADER).length).toBeLessThan(1024);
  });

  test("of any contents and size comes back as it was, over whatever was there", () => {
    const pages = fc.array(fc.record({ at: fc.nat(SIZE - 1), byte: fc.integer({ min: 1, max: 255 }) }), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(pages, fc.integer({ min: 20_480, max: SIZE }), (writes, size) => {
        const region = new Uint8Array(size);
        for (const { at, byte } of writes) if (at < size) region[at] = byte;
        const target = new Uint8Array(size).fill(0x5a);
        applyState(encodeState(region, HEADER), target, CONFIG, POLICY, accept);
        expect(Buffer.compare(target, region)).toBe(0);
      }),
    );
  });

  test("is a pure function of the state", () => {
    expect(encodeState(sparseRegion(), HEADER)).toEqual(encodeState(sparseRegion(), HEADER));
  });
});

describe("a saved state is refused", () => {
  const file = encodeState(sparseRegion(), HEADER);

  function refusal(bytes: Uint8Array, config = CONFIG, policy = POLICY): string {
    const target = new Uint8Array(SIZE).fill(0x5a);
    try {
      applyState(bytes, target, config, policy, accept);
    } catch (error) {
      expect(error).toBeInstanceOf(EngineError);
      expect(target.every((byte) => byte === 0x5a)).toBe(true);
      return (error as EngineError).message;
    }
    return "accepted";
  }

  test("at every truncation", () => {
    for (let length = 0; length < file.length; length++)
      expect(refusal(file.subarray(0, length))).toMatch(/^saved state: /);
  });

  test("after any change of one byte", () => {
    for (let at = 0; at < file.length; at++) {
      const changed = Uint8Array.from(file);
      changed[at]! ^= 0x10;
      expect(refusal(changed)).toMatch(/^saved state: /);
    }
  });

  test("with something behind its end", () => {
    expect(refusal(Buffer.concat([file, Uint8Array.of(0)]))).toContain("fails its SHA-256");
  });

  test("when it is no state at all, or one of another version", () => {
    expect(refusal(new Uint8Array(1000))).toContain("does not start with SGS1");
    const newer = Uint8Array.from(file);
    newer[4] = 3;
    expect(refusal(resealed(newer))).toBe(
      `saved state: has format 3, ABI ${abi.ABI_VERSION}, expected format 2, ABI ${abi.ABI_VERSION}`,
    );
  });

  test("under another configuration or policy, which it names", () => {
    expect(refusal(file, { ...CONFIG, connections: 128 })).toBe(
      "saved state: was saved with connections 64, expected 128",
    );
    expect(refusal(file, { ...CONFIG, portSeed: 9n, natProfile: "rfc" })).toContain(
      "natProfile cilium, expected rfc (and 1 more)",
    );
    expect(refusal(file, CONFIG, hashPolicy(Uint8Array.of(9)))).toContain("another policy");
  });

  test("but not for a difference that changes no result", () => {
    expect(refusal(file, { ...CONFIG, arenaSize: 1, maxBatch: 7, blobSize: 5, hostSize: 3, touch: false })).toBe(
      "accepted",
    );
  });

  test("when its pages do not fit the region, even under a right SHA-256", () => {
    const smaller = encodeState(new Uint8Array(SIZE - 100), HEADER);
    expect(refusal(smaller)).toBe(`saved state: holds ${SIZE - 100} bytes, expected ${SIZE}`);
    const lying = Buffer.from(encodeState(new Uint8Array(SIZE + 8192).fill(1), HEADER));
    lying.writeUInt32LE(SIZE, 12);
    expect(refusal(resealed(lying))).toContain("cannot be unpacked");
  });

  test("when reading it would take more memory than allowed", () => {
    expect(() => decodeState(file, SIZE - 1)).toThrow(`holds ${SIZE} bytes, expected at most ${SIZE - 1}`);
  });

  test("by the engine, and then everything is as before", () => {
    const target = new Uint8Array(SIZE).fill(0x5a);
    const seen: number[] = [];
    const restore = () => {
      seen.push(target[4100]!);
      return new EngineError("engine: restore: the saved state is inconsistent");
    };
    expect(() => applyState(file, target, CONFIG, POLICY, restore)).toThrow("saved state: is inconsistent");
    expect(seen).toEqual([0xa5, 0x5a]);
    expect(target.every((byte) => byte === 0x5a)).toBe(true);
  });
});
