import { describe, expect, it } from "vitest";
import { REASON_CLUSTER_INTERNAL, REASON_LINK_LOCAL, REASON_MULTICAST } from "../../assembly/abi.js";
import { unselectedPrefixes } from "../../src/engine/fixed-prefixes.js";
import { prefix } from "./model.js";

function reasonsOf(...claimed: string[]): Map<string, number> {
  const rows = unselectedPrefixes(claimed.map((text) => ({ prefix: prefix(text), why: "pod" as const })));
  return new Map(rows.map((row) => [row.prefix.text, row.reason]));
}

describe("destinations that no policy selects", () => {
  it("keep a reason of their own where an address of the cluster lies inside of them", () => {
    const reasons = reasonsOf("fe80::7/128", "169.254.20.10/32", "224.0.0.0/4");
    expect(reasons.get("fe80::/10")).toBe(REASON_LINK_LOCAL);
    expect(reasons.get("224.0.0.0/4")).toBe(REASON_MULTICAST);
    expect(reasons.has("fe80::7/128")).toBe(false);
    expect(reasons.has("169.254.20.10/32")).toBe(false);
  });

  it("hold the cluster's own prefixes, each once, also those wider than a fixed one", () => {
    const reasons = reasonsOf("10.0.0.0/16", "10.0.0.0/16", "160.0.0.0/4");
    expect(reasons.get("10.0.0.0/16")).toBe(REASON_CLUSTER_INTERNAL);
    expect(reasons.get("160.0.0.0/4")).toBe(REASON_CLUSTER_INTERNAL);
  });
});
