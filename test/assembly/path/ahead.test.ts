import { describe, expect, it } from "vitest";
import { ethernet, ipv4, tcp, udp } from "../../support/frames.js";
import { GatewayRig, type RigFrame } from "./gateway-rig.js";
import { ENDPOINT, OTHER_ENDPOINT, REMOTE, world } from "./worlds.js";

// Behind a block of frames that has opened connections the engine looks ahead at the next one (assembly/path/ahead.ts). Nothing may show that it did.

const query = (dst: string, srcPort: number, src = ENDPOINT): RigFrame => ({
  hook: "from-endpoint",
  frame: ethernet(ipv4({ src, dst }, udp({ srcPort, dstPort: 53 }))),
});
/** More than a block of new connections, so that whatever follows is looked at ahead. */
const OPENING = Array.from({ length: 128 }, (_, i) => query(REMOTE, 20_000 + i, OTHER_ENDPOINT));

/** First and last addresses of what no policy selects, and their neighbours. */
const DESTINATIONS = [
  ["126.255.255.255", "snat "],
  ["127.0.0.0", "pass loopback"],
  ["127.255.255.255", "pass loopback"],
  ["128.0.0.0", "snat "],
  ["169.253.255.255", "snat "],
  ["169.254.0.0", "pass link-local"],
  ["169.254.255.255", "pass link-local"],
  ["169.255.0.0", "snat "],
  ["223.255.255.255", "snat "],
  ["224.0.0.1", "pass multicast"],
  ["232.1.2.3", "pass multicast"],
  ["239.255.255.255", "pass multicast"],
  ["240.0.0.0", "snat "],
  ["255.255.255.254", "snat "],
  ["255.255.255.255", "pass broadcast"],
  ["10.1.0.77", "pass cluster-internal"],
  ["10.255.255.255", "snat "],
  ["11.0.0.0", "snat "],
  ["192.0.2.1", "pass excluded"],
  ["0.0.0.1", "drop bad-destination"],
  ["1.0.0.0", "snat "],
] as const;

describe("a frame in a block that was looked at ahead", () => {
  it.each(DESTINATIONS)("to %s comes to what it comes to alone: %s", async (destination, expected) => {
    const alone = (await GatewayRig.start(world(4))).one(query(destination, 40_000));
    expect(`${alone.action} ${alone.reason}`).toBe(expected);
    const rig = await GatewayRig.start(world(4));
    const [ahead] = rig.send([...OPENING, query(destination, 40_000)]).slice(-1);
    expect(ahead).toEqual(alone);
  });

  it("of a flow that opens there goes on with it", async () => {
    const rig = await GatewayRig.start(world(4));
    const twice = [query(REMOTE, 40_000), query(REMOTE, 40_000)];
    const [first, second] = rig.send([...OPENING, ...twice]).slice(-2);
    expect(first).toMatchObject({ action: "snat" });
    expect(second).toMatchObject({ action: "snat", natPort: first.natPort });
    expect(rig.engine.counters()).toMatchObject({ opened: OPENING.length + 1 });
  });

  it("gets another port where its own is taken by one before it in the block", async () => {
    const rig = await GatewayRig.start(world(1));
    const [first, second] = rig
      .send([...OPENING, query(REMOTE, 40_000), query(REMOTE, 40_000, OTHER_ENDPOINT)])
      .slice(-2);
    expect(first).toMatchObject({ action: "snat", natPort: 40_000 });
    expect(second).toMatchObject({ action: "snat" });
    expect(second.natPort).not.toBe(40_000);
  });

  it("that can open nothing opens nothing", async () => {
    const rig = await GatewayRig.start(world(4));
    const nonsense = ethernet(ipv4({ src: ENDPOINT, dst: REMOTE }, tcp({ srcPort: 40_000, dstPort: 80, flags: "" })));
    const syn = ethernet(ipv4({ src: ENDPOINT, dst: REMOTE }, tcp({ srcPort: 40_001, dstPort: 80, flags: "SYN" })));
    const frames: RigFrame[] = [nonsense, syn].map((frame) => ({ hook: "from-endpoint", frame }));
    const [refused, opened] = rig.send([...OPENING, ...frames]).slice(-2);
    expect(refused).toMatchObject({ action: "drop", reason: "bad-header" });
    expect(opened).toMatchObject({ action: "snat" });
  });
});
