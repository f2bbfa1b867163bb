import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { missing, PCAPS, python } from "./tools.js";

interface LinuxPair {
  readonly paired: number;
  readonly unpaired: number;
  readonly changed_ports: number;
  readonly faults: readonly unknown[];
}

const lacking = missing(["python3"], ["yaml"]);

describe.skipIf(lacking !== "")("the rewriting rules of these tests", () => {
  test("hold for every frame that a real Linux gateway translated, so they do not only fit this engine", () => {
    const pair = python<LinuxPair>("linux_pair.py", join(PCAPS, "snat/inside.pcap"), join(PCAPS, "snat/uplink.pcap"));
    expect(pair.faults).toEqual([]);
    expect(pair.unpaired, "only the echo request whose TTL ends at the gateway").toBe(1);
    expect(pair.paired).toBeGreaterThan(300);
    expect(pair.changed_ports).toBeGreaterThan(300);
  });
});
