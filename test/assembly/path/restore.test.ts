import { describe, expect, it } from "vitest";
import * as abi from "../../../assembly/abi.js";
import { compilePolicy } from "../../../src/engine/blob.js";
import { createEngine, type Engine } from "../../../src/engine/engine.js";
import { configFor } from "../../../src/engine/sizing.js";
import { decodeState, encodeState } from "../../../src/engine/state-file.js";
import { EngineError } from "../../../src/errors.js";
import { address, egress, endpoint, model, node, policy, policySet, withSettings } from "../../engine/model.js";
import { ethernet, ipv4, ipv6, udp } from "../../support/frames.js";
import { GatewayRig } from "./gateway-rig.js";
import { EGRESS_IPS, ENDPOINT, OTHER_ENDPOINT, REMOTE, UNSELECTED, world } from "./worlds.js";

/** A state file with its tables changed by `forge`, its checksums right. */
function forged(engine: Engine, forge: (lines: DataView, slots: number[]) => void): Uint8Array {
  const state = decodeState(engine.saveState());
  const { at, size } = state.conntrack;
  const lines = new DataView(state.region.buffer, state.region.byteOffset + at, size);
  const slots: number[] = [];
  for (let i = 0; i < size; i += abi.LINE_SIZE) if (lines.getUint8(i + abi.LINE_HOOK_AT)) slots.push(i);
  forge(lines, slots);
  return encodeState(state.region, state);
}

const query = (src: string, atMs = 0) => ({
  hook: "from-endpoint" as const,
  frame: ethernet(ipv4({ src, dst: REMOTE }, udp({ srcPort: 40_000, dstPort: 53 }))),
  atMs,
});

describe("a forged state", () => {
  it("whose passed connection has reason 65,535 is refused, or at least writes nothing outside the counters", async () => {
    const gateway = await GatewayRig.start(world(1));
    expect(gateway.one(query(UNSELECTED))).toMatchObject({ action: "pass", reason: "no-policy" });
    const file = forged(gateway.engine, (lines, slots) => {
      for (const at of slots) lines.setUint16(at + abi.LINE_PORT_AT, 65_535, true);
    });
    let accepted = true;
    try {
      gateway.engine.loadState(file);
    } catch {
      accepted = false;
    }
    if (!accepted) return;
    const before = gateway.engine.memory;
    const counters = gateway.engine.regionBytes(abi.REGION_COUNTERS);
    const wild = counters.byteOffset + 65_535 * 8;
    const was = before.u32(wild);
    const arena = gateway.engine.arena;
    arena.set(query(UNSELECTED).frame, 0);
    gateway.engine.setFrame(0, 0, query(UNSELECTED).frame.length, 60, 1, 1, 0, 0, 0);
    gateway.engine.process(1);
    expect(before.u32(wild)).toBe(was);
  });

  it("with a translated connection in an engine without egresses never traps", async () => {
    const empty = model({
      nodes: [node("worker", "172.18.0.5")],
      endpoints: [endpoint("web", [ENDPOINT], { policySet: -1 })],
      policySets: [policySet({})],
    });
    const engine = await createEngine(
      configFor(empty, {
        connections: 16,
        arenaSize: 4096,
        maxBatch: 16,
        egresses: 0,
        blobSize: 4096,
        bitmaps: 0,
        endpoints: 8,
        prefixes: 64,
        policies: 4,
        nodes: 4,
      }),
    );
    engine.loadPolicy(compilePolicy(empty, { natProfile: "cilium" }));
    const send = (port: number) => {
      const frame = ethernet(ipv4({ src: ENDPOINT, dst: REMOTE }, udp({ srcPort: port, dstPort: 53 })));
      engine.arena.set(frame, 0);
      engine.setFrame(0, 0, frame.length, 0xfffffff, 1, 1, 0, 0, 0);
      engine.process(1);
    };
    for (let port = 1; port <= 16; port++) send(port);
    const file = forged(engine, (lines, slots) => {
      for (const at of slots)
        lines.setUint8(at + abi.LINE_FLAGS_AT, lines.getUint8(at + abi.LINE_FLAGS_AT) | abi.LINE_FLAG_TRANSLATED);
    });
    let accepted = true;
    try {
      engine.loadState(file);
    } catch {
      accepted = false;
    }
    if (!accepted) return;
    for (let round = 0; round < 200; round++) for (let port = 1; port <= 16; port++) send(port);
    engine.advance(0x7fffffff, 0x7fffffff);
  });
});

describe("a forged state is refused, and the engine goes on with its own,", () => {
  const pairOf = (lines: DataView, at: number) => lines.getUint32(at + abi.LINE_PAIR_AT, true);

  /** Two IPv4 connections and one IPv6 one; `forge` gets the lines in use. */
  async function expectRefused(forge: (lines: DataView, slots: number[]) => void): Promise<void> {
    const base = world(1);
    const dualStack = { ...base, egresses: [egress("gw-a", EGRESS_IPS[0], { egressIPv6: address("2001:db8:aa::1") })] };
    const gateway = await GatewayRig.start(dualStack, { connections: 64, connections6: 64 });
    const far = ipv6({ src: "fd00:1::7", dst: "2001:db8:99::9" }, udp({ srcPort: 40_000, dstPort: 53 }));
    const frames = [query(ENDPOINT), query(OTHER_ENDPOINT), { hook: "from-endpoint" as const, frame: ethernet(far) }];
    expect(gateway.send(frames).map(({ action }) => action)).toEqual(["snat", "snat", "snat"]);
    const own = gateway.engine.saveState();
    gateway.engine.loadState(forged(gateway.engine, () => {}));
    expect(() => gateway.engine.loadState(forged(gateway.engine, forge))).toThrow(EngineError);
    expect(gateway.engine.saveState()).toEqual(own);
  }

  it("where a line's partner belongs to another connection", async () => {
    await expectRefused((lines, slots) => {
      const [first, ...rest] = slots;
      const other = rest.find((at) => at / abi.LINE_SIZE !== pairOf(lines, first))!;
      lines.setUint32(first + abi.LINE_PAIR_AT, other / abi.LINE_SIZE, true);
    });
  });

  it("where it counts connections that it does not have", async () => {
    await expectRefused((lines, slots) => {
      const at = slots.find((slot) => !(lines.getUint8(slot + abi.LINE_HOOK_AT) & abi.LINE_HOOK_IPV6))!;
      for (const gone of [pairOf(lines, at) * abi.LINE_SIZE, at])
        for (let i = 0; i < abi.LINE_SIZE; i++) lines.setUint8(gone + i, 0);
    });
  });

  it.each([
    ["source", abi.LINE_SRC_AT],
    ["destination", abi.LINE_DST_AT],
    ["written address", abi.LINE_ADDRESS_AT],
  ])("where the %s of an IPv6 line does not exist", async (_, field) => {
    // A row that nobody uses; past all rows; past the memory.
    for (const number of [100, 0xffff_ffff, 1 << 24]) {
      await expectRefused((lines, slots) => {
        const at = slots.find((slot) => lines.getUint8(slot + abi.LINE_HOOK_AT) & abi.LINE_HOOK_IPV6)!;
        lines.setUint32(at + field, number, true);
      });
    }
  });
});

it("a true state that was saved after a reload with fewer lifetime rows is accepted", async () => {
  const two = world(1, { timeouts: { udp: 120_000 } });
  const one = world(1);
  const gateway = await GatewayRig.start(two);
  gateway.one(query(ENDPOINT));
  gateway.engine.loadPolicy(compilePolicy(one, { natProfile: "cilium" }));
  const other = await GatewayRig.start(one);
  other.engine.loadState(gateway.engine.saveState());
});

it("a connection keeps a sensible lifetime when a reload has fewer lifetime rows", async () => {
  const two = world(1, { timeouts: { udp: 120_000 } });
  const one = world(1);
  const gateway = await GatewayRig.start(two);
  const sent = gateway.one(query(ENDPOINT));
  gateway.engine.loadPolicy(compilePolicy(one, { natProfile: "cilium" }));
  const reply = (atMs: number) =>
    gateway.one({
      hook: "from-network",
      frame: ethernet(ipv4({ src: REMOTE, dst: sent.egressIP }, udp({ srcPort: 53, dstPort: sent.natPort }))),
      atMs,
    });
  expect(reply(1)).toMatchObject({ action: "reverse" });
});

it("a policy's connections keep their own lifetimes when a reload numbers the rows otherwise", async () => {
  const timeouts = { udp: 600_000 };
  const before = world(1, { timeouts });
  // The same policy behind another one, which has a shorter lifetime: row 1 is now that one's.
  const after = {
    ...before,
    policies: [before.policies[0], policy("new", [0], { timeouts: { udp: 1000 } })].reverse(),
    policySets: [policySet({ "0.0.0.0/0": 1, "192.0.2.0/24": "excluded", "::/0": 1 })],
  };
  const gateway = await GatewayRig.start(before, { policies: 8, egresses: 8, prefixes: 256 });
  const sent = gateway.one(query(ENDPOINT));
  gateway.engine.loadPolicy(compilePolicy(after, { natProfile: "cilium" }));
  const reply = gateway.one({
    hook: "from-network",
    frame: ethernet(ipv4({ src: REMOTE, dst: sent.egressIP }, udp({ srcPort: 53, dstPort: sent.natPort }))),
    atMs: 30_000,
  });
  expect(reply).toMatchObject({ action: "reverse" });
  void withSettings;
});
