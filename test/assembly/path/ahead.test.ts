import { describe, expect, it } from "vitest";
import { BLOB_SECTIONS_AT, REGION_VERDICTS, SECTION_CHANGES, VERDICT_SIZE } from "../../../assembly/abi.js";
import { compilePolicy } from "../../../src/engine/blob.js";
import { endpoint, NOON } from "../../engine/model.js";
import { ethernet, ipv4, tcp, udp } from "../../support/frames.js";
import { GatewayRig, type Outcome, type RigFrame } from "./gateway-rig.js";
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

  it("leaves the rest of its verdict as if nothing had been looked up, and so do those that follow it", async () => {
    const lives = async (touch: boolean) => {
      const rig = await GatewayRig.start(world(1), { touch });
      rig.send(OPENING);
      rig.send([query(REMOTE, 40_000), query(REMOTE, 40_000), query(REMOTE, 40_000)]);
      const verdicts = rig.engine.regionBytes(REGION_VERDICTS);
      return [0, 1, 2].map((i) => verdicts.slice(i * VERDICT_SIZE, (i + 1) * VERDICT_SIZE));
    };
    expect(await lives(true)).toEqual(await lives(false));
  });

  it("opens nothing for who has gone, even where the policy does not say when that was", async () => {
    const leaving = endpoint("leaving", ["10.1.0.50"], { node: "worker", toNs: NOON + 1_000_000_000n });
    const base = world(1);
    const of = { ...base, endpoints: [...base.endpoints, leaving] };
    const rig = await GatewayRig.start(of);
    const blob = compilePolicy(of, { natProfile: "cilium" }).slice();
    new DataView(blob.buffer).setUint32(BLOB_SECTIONS_AT + SECTION_CHANGES * 8, 0, true);
    rig.engine.loadPolicy(blob);
    rig.send(OPENING);
    const frames = [999, 1000].map((atMs, i) => ({ ...query(REMOTE, 40_000 + i, "10.1.0.50"), atMs }));
    expect(rig.send(frames).map(({ action, reason }) => `${action} ${reason}`)).toEqual([
      "snat ",
      "pass endpoint-unknown",
    ]);
  });
});

/** Keys that lie further from their home than is looked at ahead: their frames are taken for new ones. */
describe("a table that is nearly full", () => {
  const ALL = Array.from({ length: 3400 }, (_, i) => i);
  const remote = (i: number) => `198.51.${100 + (i >> 8)}.${i & 255}`;
  const out = (i: number, atMs: number, src = ENDPOINT): RigFrame => ({ ...query(remote(i), 40_000, src), atMs });
  const back = (i: number, { egressIP, natPort }: Outcome): RigFrame => ({
    hook: "from-network",
    frame: ethernet(ipv4({ src: remote(i), dst: egressIP }, udp({ srcPort: 53, dstPort: natPort }))),
    atMs: 6,
  });

  it.each([true, false])(
    "a gateway that reboots and others choose again: every reply comes home, touch %s",
    async (touch) => {
      const rig = await GatewayRig.start(world(2), { touch });
      const mine = ALL.slice(2800);
      rig.engine.setActive(0, 0, [0]);
      rig.send(ALL.slice(0, 2800).map((i) => out(i, 1)));
      rig.engine.setActive(0, 0, [1]);
      rig.send(mine.map((i) => out(i, 1)));
      rig.engine.nodeLost(1);
      const others = rig.send(mine.slice(0, 500).map((i) => out(i, 3, OTHER_ENDPOINT)));
      rig.engine.setActive(0, 0, [0, 1]);
      const again = rig.send(mine.map((i) => out(i, 5)));
      const tuples = [...others, ...again].map(
        ({ egressIP, natPort }, k) => `${egressIP} ${natPort} ${remote(mine[k < 500 ? k : k - 500])}`,
      );
      expect(new Set(tuples).size).toBe(tuples.length);
      const replies = rig.send(again.map((outcome, k) => back(mine[k], outcome)));
      expect(new Set(replies.map(({ action }) => action))).toEqual(new Set(["reverse"]));
    },
  );
});
