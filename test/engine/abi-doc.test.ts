import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as abi from "../../assembly/abi.js";
import { fnv1a64 } from "../../src/engine/egress-key.js";
import { ethernet, ipv4, tcp } from "../support/frames.js";
import { runOne, startEngine, type TestFrame } from "./harness.js";
import { placementScore, portCandidates, tupleHash } from "./hashes.js";
import { address, egress, endpoint, model, policy, policySet } from "./model.js";

const DOC = readFileSync("docs/abi.md", "utf8");

/** Rows of the page's tables as cells without backticks. */
const ROWS = DOC.split("\n")
  .filter((line) => line.startsWith("| "))
  .map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim().replaceAll("`", "")),
  );

describe("docs/abi.md", () => {
  const values = new Map(ROWS.map(([value, name]) => [name!, Number.parseInt(value!, 10)]));

  test("has a row `| value | NAME |` for each constant of abi.ts", () => {
    const constants = Object.entries(abi) as [string, number][];
    expect(constants.length).toBeGreaterThan(200);
    const missing = constants.filter(([name, value]) => values.get(name) !== value);
    expect(missing.map(([name, value]) => `| ${value} | \`${name}\` |`)).toEqual([]);
  });

  test("has no row for a constant that no longer exists", () => {
    const constants = new Set(Object.keys(abi));
    const named = ROWS.map(([, name]) => name!).filter((name) => /^[A-Z][A-Z0-9]*_[A-Z0-9_]+$/.test(name));
    expect(named.filter((name) => !constants.has(name))).toEqual([]);
  });

  test("mentions no constant in its text that does not exist", () => {
    const constants = new Set(Object.keys(abi));
    const mentioned = [...DOC.matchAll(/\b([A-Z][A-Z0-9]+_[A-Z0-9_]+)\b(?!\*)/g)].map((match) => match[1]!);
    expect(mentioned.length).toBeGreaterThan(200);
    expect([...new Set(mentioned)].filter((name) => !constants.has(name) && !name.endsWith("_"))).toEqual([]);
  });
});

describe("the hashes of docs/abi.md", () => {
  const keys = ROWS.filter(([text]) => /^gw-[abc]\//.test(text!)).map(([text, key]) => ({ text: text!, key: key! }));
  const tuples = ROWS.filter((row) => row.length === 10 && /^[0-9a-f]{16}$/.test(row[0]!)).map((row) => ({
    seed: BigInt(`0x${row[0]}`),
    tuple: {
      src: address(row[1]!),
      dst: address(row[2]!),
      srcPort: Number(row[3]),
      dstPort: Number(row[4]),
      protocol: Number(row[5]),
    },
    hash: row[6]!,
    scores: row.slice(7, 9),
    candidates: row[9]!,
  }));
  const hex = (value: bigint) => value.toString(16).padStart(16, "0");

  test("are given with vectors that this host's egress key fulfils", () => {
    expect(keys.length).toBe(4);
    for (const { text, key } of keys) expect(hex(fnv1a64(text))).toBe(key);
  });

  test("are given with vectors that an implementation from the text alone fulfils", () => {
    expect(tuples.length).toBe(6);
    for (const { seed, tuple, hash, scores, candidates } of tuples) {
      const value = tupleHash(seed, tuple);
      expect(hex(value)).toBe(hash);
      expect(scores).toEqual(keys.slice(0, 2).map(({ key }) => hex(placementScore(value, BigInt(`0x${key}`)))));
      expect(portCandidates(value, 32768, 65535).slice(0, 3).join(", ")).toBe(candidates);
    }
  });

  const gateways = ["gw-a", "gw-b", "gw-c", "gw-d"].map((name, i) => egress(name, `203.0.113.${10 * (i + 1)}`));
  const many = model({
    egresses: gateways,
    policies: [policy("p", [0, 1, 2, 3])],
    policySets: [policySet({ "0.0.0.0/0": 0 })],
    endpoints: [endpoint("e", ["10.0.1.7"])],
  });
  const seeds = { placementSeed: 0x0123_4567_89ab_cdefn, portSeed: 77n };

  function syn(srcPort: number, dst = "198.51.100.1"): TestFrame {
    const packet = ipv4({ src: "10.0.1.7", dst }, tcp({ srcPort, dstPort: 443, flags: "SYN" }));
    return { hook: "from-endpoint", bytes: ethernet(packet) };
  }

  function tupleOf(srcPort: number, dst = "198.51.100.1") {
    return { src: address("10.0.1.7"), dst: address(dst), srcPort, dstPort: 443, protocol: 6 };
  }

  test("are what the engine places connections by, all members active or one of them down", async () => {
    const engine = await startEngine(many, seeds);
    const score = (srcPort: number, name: string, ip: string) =>
      placementScore(tupleHash(seeds.placementSeed, tupleOf(srcPort)), fnv1a64(`${name}/${ip}`));
    const best = (srcPort: number, members: readonly number[]) =>
      members.reduce((winner, i) => {
        const of = (at: number) => score(srcPort, gateways[at]!.node, `203.0.113.${10 * (at + 1)}`);
        return of(i) > of(winner) ? i : winner;
      });
    const chosen = new Set<number>();
    for (let port = 40_000; port < 40_100; port++) {
      const { egress: index } = runOne(engine, syn(port));
      expect(index).toBe(best(port, [0, 1, 2, 3]));
      chosen.add(index);
    }
    expect(chosen.size).toBe(4);
    engine.setGateway(2, "down");
    for (let port = 41_000; port < 41_050; port++) expect(runOne(engine, syn(port)).egress).toBe(best(port, [0, 1, 3]));
  });

  test("are what the engine takes NAT ports by, where the endpoint's own port is out of range or taken", async () => {
    const engine = await startEngine(many, seeds);
    for (let port = 1000; port < 1100; port++) {
      const candidates = portCandidates(tupleHash(seeds.portSeed, tupleOf(port)), 32768, 65535);
      expect(candidates.slice(0, 3)).toContain(runOne(engine, syn(port)).natPort);
    }
    const fresh = await startEngine(many, seeds);
    for (let i = 1; i < 100; i++) {
      const dst = `198.51.100.${i}`;
      expect(runOne(fresh, syn(80, dst)).natPort).toBe(
        portCandidates(tupleHash(seeds.portSeed, tupleOf(80, dst)), 32768, 65535)[0],
      );
    }
  });
});
