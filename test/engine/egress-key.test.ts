import { expect, test } from "vitest";
import { egressKey, fnv1a64 } from "../../src/engine/egress-key.js";
import { address, egress } from "./model.js";

test.each([
  ["", 0xcbf29ce484222325n],
  ["a", 0xaf63dc4c8601ec8cn],
  ["foobar", 0x85944171f73967e8n],
])("FNV-1a-64 of %j is the published value", (text, hash) => {
  expect(fnv1a64(text)).toBe(hash);
});

test("an egress is known by its node and IPv4 address, else its IPv6 address, else by its node alone", () => {
  const both = egress("gw-a", "203.0.113.10", { egressIPv6: address("2001:db8::10") });
  expect(egressKey(both)).toBe(fnv1a64("gw-a/203.0.113.10"));
  expect(egressKey({ ...both, egressIPv4: undefined })).toBe(fnv1a64("gw-a/2001:db8::10"));
  expect(egressKey(egress("gw-a"))).toBe(fnv1a64("gw-a/"));
});

test("docs/abi.md's vectors of the egress key hold", () => {
  expect(egressKey(egress("gw-a", "203.0.113.10")).toString(16).padStart(16, "0")).toBe("8f128941f677cce5");
});
