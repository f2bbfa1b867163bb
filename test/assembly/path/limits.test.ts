import { expect, it } from "vitest";
import { ethernet, ipv4, udp } from "../../support/frames.js";
import { GatewayRig, type RigFrame } from "./gateway-rig.js";
import { ENDPOINT, OTHER_ENDPOINT, REMOTE, world } from "./worlds.js";

const q = (srcPort: number, atMs = 0, src = ENDPOINT): RigFrame => ({
  hook: "from-endpoint",
  frame: ethernet(ipv4({ src, dst: REMOTE }, udp({ srcPort, dstPort: 53 }))),
  atMs,
});

it.each([0n, 1n, 2n])("no live connection is evicted while the live ones all fit: table seed %i", async (tableSeed) => {
  const gateway = await GatewayRig.start(world(1), { connections: 1024, tableSeed });
  gateway.send(Array.from({ length: 1024 }, (_, i) => q(10_000 + i)));
  gateway.send(Array.from({ length: 1024 }, (_, i) => q(20_000 + i, 61_000)));
  const c = gateway.engine.counters();
  expect(c.evictedUnreplied).toBe(0);
});

it("at exhaustion a refusal looks at no port until one can have expired", async () => {
  const gateway = await GatewayRig.start(world(1), { connections: 70_000 });
  gateway.send(Array.from({ length: 32_768 }, (_, i) => q(1 + (i >> 1), 0, i & 1 ? OTHER_ENDPOINT : ENDPOINT)));
  gateway.one(q(30_000, 1));
  const before = gateway.engine.counters();
  const refused = gateway.send(Array.from({ length: 500 }, (_, i) => q(30_001 + i, 59_000)));
  expect(refused.every((outcome) => outcome.reason === "no-nat-mapping")).toBe(true);
  expect(gateway.engine.counters()).toMatchObject({
    portProbes: before.portProbes,
    bitmapSearches: before.bitmapSearches,
  });
  expect(gateway.one(q(40_000, 60_001))).toMatchObject({ action: "snat" });
});
