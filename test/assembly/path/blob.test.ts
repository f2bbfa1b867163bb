import { expect, it } from "vitest";
import * as abi from "../../../assembly/abi.js";
import { compilePolicy } from "../../../src/engine/blob.js";
import { endpoint } from "../../engine/model.js";
import { ethernet, ipv4, udp } from "../../support/frames.js";
import { GatewayRig } from "./gateway-rig.js";
import { ENDPOINT, REMOTE, world } from "./worlds.js";

// A blob comes from the host, which may have it from anybody. What it says in one place must not change by what the engine does to another.

/** A policy with something in every section. */
const MODEL = (() => {
  const base = world(2);
  const leaving = endpoint("leaving", ["10.1.0.50"], { node: "worker", toNs: 1_800_000_000_000_000_000n });
  return { ...base, endpoints: [...base.endpoints, leaving] };
})();
const BLOB = compilePolicy(MODEL, { natProfile: "cilium" });
const entryAt = (section: number) => abi.BLOB_SECTIONS_AT + section * 8;
const view = (blob: Uint8Array) => new DataView(blob.buffer, blob.byteOffset);
const countOf = (section: number) => view(BLOB).getUint32(entryAt(section), true);
const startOf = (section: number) => view(BLOB).getUint32(entryAt(section) + 4, true);

const SECTIONS = Array.from({ length: abi.SECTION_COUNT }, (_, id) => id);
const PAIRS = SECTIONS.flatMap((moved) => SECTIONS.filter((onto) => onto !== moved).map((onto) => [moved, onto]));

it("the policy of these tests has something in every section", () => {
  expect(SECTIONS.map(countOf).every((count) => count > 0)).toBe(true);
});

it.each(PAIRS)(
  "section %d on top of section %d is refused, and the policy before stays in force",
  async (moved, onto) => {
    const rig = await GatewayRig.start(MODEL);
    const blob = BLOB.slice();
    view(blob).setUint32(entryAt(moved) + 4, startOf(onto), true);
    // No longer than what it lies upon, so that it ends within the blob.
    view(blob).setUint32(entryAt(moved), 1, true);
    expect(() => rig.engine.loadPolicy(blob)).toThrow();
    const frame = ethernet(ipv4({ src: ENDPOINT, dst: REMOTE }, udp({ srcPort: 40_000, dstPort: 53 })));
    expect(rig.one({ hook: "from-endpoint", frame })).toMatchObject({ action: "snat" });
  },
);

it("sections without rows may lie anywhere", async () => {
  const rig = await GatewayRig.start(MODEL);
  const blob = BLOB.slice();
  view(blob).setUint32(entryAt(abi.SECTION_CHANGES), 0, true);
  view(blob).setUint32(entryAt(abi.SECTION_CHANGES) + 4, startOf(abi.SECTION_ENDPOINTS), true);
  expect(() => rig.engine.loadPolicy(blob)).not.toThrow();
});
