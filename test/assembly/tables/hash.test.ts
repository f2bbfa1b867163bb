import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it, test } from "vitest";
import { fnv1a64 } from "../../../src/engine/egress-key.js";
import { type AddressBytes, parseAddress } from "../../../src/net/address.js";
import { placementScore, portCandidates, type Tuple, tupleHash } from "../../engine/hashes.js";
import { startProbe } from "../../support/probe.js";

/** 64-bit results are signed BigInts. */
interface Probe {
  keyHash(addresses: bigint, key: bigint, seed: bigint): bigint;
  tupleHash(
    seed: bigint,
    srcHigh: bigint,
    srcLow: bigint,
    dstHigh: bigint,
    dstLow: bigint,
    srcPort: number,
    dstPort: number,
    protocol: number,
  ): bigint;
  tupleHash4(seed: bigint, src: number, dst: number, srcPort: number, dstPort: number, protocol: number): bigint;
  placementScore(tuple: bigint, egressKey: bigint): bigint;
  scale(hash: bigint, count: number): number;
}

let probe: Probe;

beforeAll(async () => {
  probe = await startProbe<Probe>("hash");
});

const MASK = (1n << 64n) - 1n;

function unsigned(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

function halves(bytes: AddressBytes): [bigint, bigint] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return [view.getBigUint64(0), view.getBigUint64(8)];
}

/** The table's hash from its description in the source, in BigInt. */
function keyHash(addresses: bigint, key: bigint, seed: bigint): bigint {
  let hash = ((addresses ^ seed) * 0x9e3779b97f4a7c15n) & MASK;
  hash ^= hash >> 32n;
  const rotated = ((seed << 32n) | (seed >> 32n)) & MASK;
  hash = ((hash ^ key ^ rotated) * 0xbf58476d1ce4e5b9n) & MASK;
  hash ^= hash >> 29n;
  hash = (hash * 0xff51afd7ed558ccdn) & MASK;
  return hash ^ (hash >> 32n);
}

/** splitmix64: 64-bit numbers that repeat from the seed. */
function randomWords(seed: bigint): () => bigint {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b97f4a7c15n) & MASK;
    let z = ((state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
    return z ^ (z >> 31n);
  };
}

function engineTupleHash(seed: bigint, { src, dst, srcPort, dstPort, protocol }: Tuple): bigint {
  const [srcHigh, srcLow] = halves(src);
  const [dstHigh, dstLow] = halves(dst);
  return unsigned(probe.tupleHash(seed, srcHigh, srcLow, dstHigh, dstLow, srcPort, dstPort, protocol));
}

/** The rows of docs/abi.md's table of tuple hashes, as cells without quotes. */
function documentedVectors(): string[][] {
  const lines = readFileSync("docs/abi.md", "utf8").split("\n");
  const head = lines.findIndex((line) => line.startsWith("| seed | source |"));
  const rows: string[][] = [];
  for (let i = head + 2; lines[i]?.startsWith("|"); i++) {
    const cells = lines[i]!.split("|").slice(1, -1);
    rows.push(cells.map((cell) => cell.trim().replaceAll("`", "")));
  }
  return rows;
}

describe("the documented vectors", () => {
  it("are at least six, of IPv4, IPv6, TCP, UDP and ICMP", () => {
    const rows = documentedVectors();
    expect(rows.length).toBeGreaterThanOrEqual(6);
    expect(new Set(rows.map((row) => row[5]))).toEqual(new Set(["6", "17", "1"]));
  });

  it("are what the engine computes: tuple hash, score and the start of the port search", () => {
    for (const [seed, src, dst, srcPort, dstPort, protocol, hash, scoreA, scoreB, candidates] of documentedVectors()) {
      const tuple: Tuple = {
        src: parseAddress(src!)!,
        dst: parseAddress(dst!)!,
        srcPort: Number(srcPort),
        dstPort: Number(dstPort),
        protocol: Number(protocol),
      };
      const got = engineTupleHash(BigInt(`0x${seed}`), tuple);
      expect(got.toString(16).padStart(16, "0")).toBe(hash);
      const score = (text: string) => unsigned(probe.placementScore(got, fnv1a64(text)));
      expect(score("gw-a/203.0.113.10")).toBe(BigInt(`0x${scoreA}`));
      expect(score("gw-b/203.0.113.20")).toBe(BigInt(`0x${scoreB}`));
      const [first] = candidates!.split(", ").map(Number);
      expect(32768 + probe.scale(got, 32768)).toBe(first);
      expect(portCandidates(got, 32768, 65535)[0]).toBe(first);
    }
  });
});

test("on 20,000 random five-tuples the engine and the independent implementation agree", () => {
  const next = randomWords(1n);
  for (let i = 0; i < 20_000; i++) {
    const bytes = new Uint8Array(32);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < 32; at += 8) view.setBigUint64(at, next());
    const ports = Number(next() & 0xffffffffn);
    const tuple: Tuple = {
      src: bytes.subarray(0, 16),
      dst: bytes.subarray(16),
      srcPort: ports >>> 16,
      dstPort: ports & 0xffff,
      protocol: Number(next() & 0xffn),
    };
    const seed = next();
    const hash = engineTupleHash(seed, tuple);
    if (hash !== tupleHash(seed, tuple)) expect({ i, hash }).toEqual({ i, hash: tupleHash(seed, tuple) });
    const key = next();
    if (unsigned(probe.placementScore(hash, key)) !== placementScore(hash, key)) expect(i).toBe("equal scores");
  }
});

test("the IPv4 form is the hash of the mapped addresses", () => {
  const tuple: Tuple = {
    src: parseAddress("10.0.1.7")!,
    dst: parseAddress("198.51.100.1")!,
    srcPort: 40000,
    dstPort: 443,
    protocol: 6,
  };
  const short = probe.tupleHash4(5n, 0x0a000107, 0xc6336401 | 0, 40000, 443, 6);
  expect(unsigned(short)).toBe(tupleHash(5n, tuple));
});

describe("the hash that places keys in the tables", () => {
  it("is what its description says, for random keys and seeds", () => {
    const next = randomWords(2n);
    for (let i = 0; i < 20_000; i++) {
      const [addresses, key, seed] = [next(), next(), next()];
      const hash = unsigned(probe.keyHash(addresses, key, seed));
      if (hash !== keyHash(addresses, key, seed))
        expect({ i, hash }).toEqual({ i, hash: keyHash(addresses, key, seed) });
    }
  });

  it("spreads consecutive ports of one pair of addresses evenly over a table", () => {
    const slots = 256;
    const counts = new Uint32Array(slots);
    const keys = 65536;
    for (let port = 0; port < keys; port++) {
      counts[probe.scale(probe.keyHash(0x0700010a016433c6n, BigInt(port) | (6n << 32n), 99n), slots)]!++;
    }
    // Chi-square over 255 degrees of freedom: 330.5 is exceeded once in a thousand even tables.
    const expected = keys / slots;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeLessThan(330.5);
  });

  it("sends keys that share a slot under one seed to different slots under another", () => {
    const slots = 1 << 16;
    const next = randomWords(3n);
    const crowd: bigint[] = [];
    while (crowd.length < 40) {
      const addresses = next();
      if (probe.scale(probe.keyHash(addresses, 6n << 32n, 1n), slots) >>> 8 === 0) crowd.push(addresses);
    }
    const spread = new Set(crowd.map((addresses) => probe.scale(probe.keyHash(addresses, 6n << 32n, 2n), slots) >>> 8));
    expect(spread.size).toBeGreaterThan(30);
  });
});

test("scaling stays below the count and reaches both ends", () => {
  for (const count of [1, 2, 3, 1000, 0xffff, 0xffffffff]) {
    expect(probe.scale(0n, count | 0) >>> 0).toBe(0);
    expect(probe.scale(MASK, count | 0) >>> 0).toBe(count - 1);
  }
});
