import { describe, expect, test } from "vitest";
import { AddressPool, allocateAddresses } from "../../src/config/address-pool.js";
import { formatAddress, parseAddress, parsePrefix } from "../../src/net/address.js";

const prefixes = (...texts: string[]) => texts.map((text) => parsePrefix(text)!);
const takeAll = (pool: AddressPool, most = 10): string[] => {
  const taken: string[] = [];
  for (let address = pool.take(); address && taken.length < most; address = pool.take())
    taken.push(formatAddress(address));
  return taken;
};
const given = (map: ReadonlyMap<string, Uint8Array>) =>
  Object.fromEntries([...map].map(([node, address]) => [node, formatAddress(address)]));

describe("AddressPool", () => {
  test("gives every address of its family once, range by range, ends included", () => {
    const ranges = prefixes("203.0.113.4/30", "2001:db8::/126", "192.0.2.1/32");
    expect(takeAll(new AddressPool(ranges, 4))).toEqual([
      "203.0.113.4",
      "203.0.113.5",
      "203.0.113.6",
      "203.0.113.7",
      "192.0.2.1",
    ]);
    expect(takeAll(new AddressPool(ranges, 6))).toEqual(["2001:db8::", "2001:db8::1", "2001:db8::2", "2001:db8::3"]);
  });

  test("leaves out taken addresses and those of ranges that overlap", () => {
    expect(takeAll(new AddressPool(prefixes("10.0.0.0/31", "10.0.0.0/30"), 4, ["10.0.0.1"]))).toEqual([
      "10.0.0.0",
      "10.0.0.2",
      "10.0.0.3",
    ]);
  });

  test("ends at the last address there is", () => {
    expect(takeAll(new AddressPool(prefixes("255.255.255.254/31"), 4))).toEqual(["255.255.255.254", "255.255.255.255"]);
    expect(takeAll(new AddressPool(prefixes("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"), 6))).toEqual([
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ]);
  });

  test("of nothing is exhausted", () => {
    expect(new AddressPool([], 4).take()).toBeUndefined();
  });
});

describe("allocateAddresses", () => {
  const POOL = prefixes("10.0.0.0/30");

  test("goes by the order of nodes and ends with the pool", () => {
    expect(given(allocateAddresses(POOL, 4, ["b", "a", "c", "d", "e"]))).toEqual({
      b: "10.0.0.0",
      a: "10.0.0.1",
      c: "10.0.0.2",
      d: "10.0.0.3",
    });
  });

  test("lets a node keep its address while that is in the pool, and gives one address to one node", () => {
    const previous = new Map(
      Object.entries({ a: "10.0.0.2", b: "10.9.9.9", c: "10.0.0.2" }).map(([name, text]) => [
        name,
        parseAddress(text)!,
      ]),
    );
    expect(given(allocateAddresses(POOL, 4, ["a", "b", "c"], { previous }))).toEqual({
      a: "10.0.0.2",
      b: "10.0.0.0",
      c: "10.0.0.1",
    });
  });

  test("takes an address from the last that is not active for an active one, never from another active one", () => {
    const previous = new Map(["a", "b", "c", "d"].map((name, i) => [name, parseAddress(`10.0.0.${i}`)!]));
    const active = new Set(["b", "e", "f", "g", "h"]);
    expect(given(allocateAddresses(POOL, 4, ["b", "e", "f", "g", "h", "a", "c", "d"], { previous, active }))).toEqual({
      b: "10.0.0.1",
      e: "10.0.0.3",
      f: "10.0.0.2",
      g: "10.0.0.0",
    });
  });

  test("prefers an address that nobody holds to one that it would have to take", () => {
    const previous = new Map([["a", parseAddress("10.0.0.0")!]]);
    const state = { previous, active: new Set(["b"]), taken: ["10.0.0.1"] };
    expect(given(allocateAddresses(POOL, 4, ["b", "a"], state))).toEqual({ a: "10.0.0.0", b: "10.0.0.2" });
  });
});
