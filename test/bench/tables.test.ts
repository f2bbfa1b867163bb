import { expect, test } from "vitest";
import { ENDPOINT_SIZE, PREFIX_SIZE } from "../../assembly/abi.js";
import { connectionTables, policyTable } from "../../src/bench/tables.js";

const PAGE = 65536;
const PLAIN = { gateways: 4, policies: 1 };

test("a connection takes three lines of 64 bytes with a tag each and one and a half port groups of 32; IPv6 adds its addresses", async () => {
  const facts = await connectionTables([100_000]);
  expect(facts.map(({ name }) => name)).toEqual(["IPv4 connections", "IPv6 connections"]);
  const [four, six] = facts;
  expect(Math.abs(four!.bytes - 100_000 * 243)).toBeLessThanOrEqual(PAGE);
  expect(four!.bytesPerRow).toBeCloseTo(four!.bytes / 100_000);
  // Two and a quarter rows of 32 bytes, and heads: a power of two.
  expect(six!.bytesPerRow - four!.bytesPerRow).toBeGreaterThan(72);
  expect(six!.bytesPerRow - four!.bytesPerRow).toBeLessThan(72 + 19);
});

test.each([
  ["endpoints", { ...PLAIN, endpoints: 40_000 }, ENDPOINT_SIZE],
  ["prefixes", { ...PLAIN, prefixes: 40_000 }, PREFIX_SIZE],
] as const)(
  "%s are counted by the memory that the engine takes for them, and are in force afterwards",
  async (name, shape, row) => {
    const facts = await policyTable(name, 40_000, shape);
    expect(facts.blobBytes).toBeGreaterThan(40_000 * row);
    // Kept twice, so that a policy is replaced in one step.
    expect(facts.bytesPerRow).toBeGreaterThan(8);
    expect(facts.compileMs).toBeGreaterThan(0);
    expect(facts.loadMs).toBeGreaterThan(0);
  },
);
