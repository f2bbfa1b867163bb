import { describe, expect, test } from "vitest";
import { compilePolicy } from "../../src/engine/blob.js";
import * as codes from "../../src/engine/codes.js";
import { createEngine, type Engine } from "../../src/engine/engine.js";
import { EngineError } from "../../src/errors.js";
import { ethernet, ipv4, tcp, text, udp } from "../support/frames.js";
import { fingerprint, place, run, runOne, smallConfig, startEngine, type TestFrame } from "./harness.js";
import {
  egress as egressOf,
  endpoint,
  model,
  NOON,
  node,
  policy,
  policySet,
  smallModel,
  withSettings,
} from "./model.js";
import { mixedTraffic } from "./traffic.js";

const ENDPOINT = "10.0.1.7";
const REMOTE = "198.51.100.1";
const EGRESS_IPS = ["203.0.113.10", "203.0.113.20"];

function request(
  fields: { src?: string; dst?: string; srcPort?: number; ttl?: number; atNs?: bigint } = {},
): TestFrame {
  const { src = ENDPOINT, dst = REMOTE, srcPort = 40_000, ttl = 64, atNs = 0n } = fields;
  const packet = ipv4({ src, dst, ttl }, udp({ srcPort, dstPort: 53, payload: text("question") }));
  return { hook: "from-endpoint", bytes: ethernet(packet), atNs };
}

describe("a UDP exchange", () => {
  test("leaves with the egress IP and one hop less, and its reply comes back to the endpoint", async () => {
    const engine = await startEngine(smallModel());
    const out = runOne(engine, request());
    expect(out).toMatchObject({ action: "snat", reason: "", natPort: 40_000 });
    expect(out.flags & codes.VERDICT_FLAG_CREATED).toBe(codes.VERDICT_FLAG_CREATED);
    const egressIP = EGRESS_IPS[out.egress]!;
    const translated = ipv4(
      { src: egressIP, dst: REMOTE, ttl: 63 },
      udp({ srcPort: 40_000, dstPort: 53, payload: text("question") }),
    );
    expect(out.frame).toEqual(ethernet(translated));

    const answer = udp({ srcPort: 53, dstPort: 40_000, payload: text("answer") });
    const back = runOne(engine, {
      hook: "from-network",
      bytes: ethernet(ipv4({ src: REMOTE, dst: egressIP, ttl: 60 }, answer)),
    });
    expect(back).toMatchObject({ action: "reverse", reason: "", egress: out.egress });
    expect(back.frame).toEqual(ethernet(ipv4({ src: REMOTE, dst: ENDPOINT, ttl: 59 }, answer)));

    expect(engine.counters()).toMatchObject({ opened: 1, live: 1, peak: 1, entries: 1, closed: 0 });
    expect(engine.counters().actions).toMatchObject({ snat: 1, reverse: 1, pass: 0, drop: 0 });
    const wire = out.frame.length;
    const stats = {
      connections: 1,
      frames: 1,
      bytes: wire,
      replies: 1,
      replyBytes: back.frame.length,
      live: 1,
      portsPeak: 1,
      lastEndNs: 0n,
    };
    expect(engine.egressStats()[out.egress]).toEqual(stats);
    expect(engine.egressStats().length).toBe(3);
  });

  test("shows its verdict's egress IP as 16 bytes and its action and reason as codes", async () => {
    const engine = await startEngine(smallModel());
    place(engine, [request()]);
    engine.process(1);
    const ip = EGRESS_IPS[engine.egress(0)]!.split(".").map(Number);
    expect([...engine.egressIP(0)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...ip]);
    expect([engine.action(0), engine.reason(0)]).toEqual([codes.ACTION_SNAT, 0]);
    expect(engine.target(0).every((byte) => byte === 0)).toBe(true);
  });

  test("of an endpoint that no policy selects passes untouched, under its reason, and has no egress", async () => {
    const engine = await startEngine(smallModel());
    const frame = request({ src: "10.0.1.9" });
    expect(runOne(engine, frame)).toMatchObject({
      action: "pass",
      reason: "no-policy",
      egress: -1,
      frame: frame.bytes,
    });
    expect(engine.counters().reasons["no-policy"]).toBe(1);
  });

  test.each([
    ["192.168.4.4", "excluded"],
    ["10.0.200.1", "cluster-internal"],
    ["127.0.0.1", "loopback"],
    ["169.254.169.254", "link-local"],
    ["224.0.0.251", "multicast"],
    ["255.255.255.255", "broadcast"],
  ])("to %s passes as %s", async (dst, reason) => {
    expect(runOne(await startEngine(smallModel()), request({ dst }))).toMatchObject({ action: "pass", reason });
  });

  test("to an IPv4 remote is not selected by a policy for ::/0 alone", async () => {
    const onlyIPv6 = { ...smallModel(), policySets: [policySet({ "::/0": 0 }), policySet({ "::/0": 1 })] };
    expect(runOne(await startEngine(onlyIPv6), request())).toMatchObject({ action: "pass", reason: "no-policy" });
  });
});

describe("results do not depend on", () => {
  const traffic = mixedTraffic(3000, 7);

  async function result(batchSize: number, overrides: Parameters<typeof smallConfig>[1] = {}): Promise<string> {
    const engine = await startEngine(smallModel(), overrides);
    const verdicts = run(engine, traffic, batchSize);
    return (
      fingerprint(verdicts, engine.counters()) +
      JSON.stringify(engine.egressStats(), (_, value) => (typeof value === "bigint" ? `${value}` : value))
    );
  }

  test("the batch size", async () => {
    const single = await result(1);
    for (const batchSize of [7, 64, 1000, 1024]) expect(await result(batchSize)).toBe(single);
  });

  test("the batch size, with a table of 64 connections", async () => {
    const single = await result(1, { connections: 64 });
    for (const batchSize of [7, 64, 1024]) expect(await result(batchSize, { connections: 64 })).toBe(single);
  });

  test("the prefetch", async () => {
    expect(await result(64, { touch: false })).toBe(await result(64));
  });

  test("the tables' hash seed and size, while no table is full", async () => {
    const verdicts = async (overrides: Parameters<typeof smallConfig>[1]) => {
      const engine = await startEngine(smallModel(), overrides);
      const all = fingerprint(run(engine, traffic));
      // Expired connections leave the tables in an order that seed and size decide: once all of them have gone, counts are equal.
      engine.advance(0xffff_ffff, 0x7fff_ffff);
      const { peak: _peak, ...counters } = engine.counters();
      return all + fingerprint([], { ...counters, peak: 0 });
    };
    const plain = await verdicts({ connections: 8192 });
    expect(await verdicts({ connections: 8192, tableSeed: 12345n })).toBe(plain);
    expect(await verdicts({ connections: 2048, tableSeed: 0n })).toBe(plain);
  });

  test("luck: the traffic of these tests meets most reasons and all actions", async () => {
    const engine = await startEngine(smallModel());
    run(engine, traffic);
    const { reasons, actions, closed, expired } = engine.counters();
    expect(Object.values(reasons).filter((count) => count > 0).length).toBeGreaterThan(12);
    for (const name of ["pass", "snat", "reverse", "drop"]) expect(actions[name]).toBeGreaterThan(50);
    expect(Math.min(closed, expired)).toBeGreaterThan(0);
  });
});

describe("a saved state", () => {
  const traffic = mixedTraffic(400, 11);

  test.each([{ connections: 64 }, { connections: 1024 }])(
    "taken at any frame goes on as if nothing had happened: %j",
    async (sizes) => {
      const whole = await startEngine(smallModel(), sizes);
      const expected = run(whole, traffic, 1);
      const first = await startEngine(smallModel(), sizes);
      const second = await startEngine(smallModel(), sizes);
      const verdicts: ReturnType<typeof run> = [];
      const pair: Engine[] = [first, second];
      traffic.forEach((frame, i) => {
        const from = pair[i % 2]!;
        const to = pair[(i + 1) % 2]!;
        verdicts.push(runOne(from, frame));
        to.loadState(from.saveState());
      });
      expect(fingerprint(verdicts)).toBe(fingerprint(expected));
      expect(pair[traffic.length % 2]!.counters()).toEqual(whole.counters());
      expect(pair[traffic.length % 2]!.saveState()).toEqual(whole.saveState());
    },
  );

  test("has the same bytes whatever the batch size was", async () => {
    const states = await Promise.all(
      [1, 7, 64].map(async (batchSize) => {
        const engine = await startEngine(smallModel());
        run(engine, traffic, batchSize);
        return Buffer.from(engine.saveState()).toString("base64");
      }),
    );
    expect(new Set(states).size).toBe(1);
  });

  test("carries gateway states", async () => {
    const saved = await startEngine(smallModel());
    saved.setGateway(0, "down");
    saved.setGateway(1, "down");
    const other = await startEngine(smallModel());
    other.loadState(saved.saveState());
    expect(runOne(other, request())).toMatchObject({ action: "drop", reason: "no-egress-gateway" });
  });

  test("is refused by an engine with another policy, other sizes or no policy", async () => {
    const state = (await startEngine(smallModel())).saveState();
    const otherPolicy = await startEngine(withSettings(smallModel(), { low: 1024, high: 65535 }));
    expect(() => otherPolicy.loadState(state)).toThrow("another policy");
    const larger = await startEngine(smallModel(), { connections: 2048 });
    expect(() => larger.loadState(state)).toThrow("was saved with connections 1024, expected 2048");
    const empty = await createEngine(smallConfig(smallModel()));
    expect(() => empty.loadState(state)).toThrow("no policy has been loaded");
    expect(() => empty.saveState()).toThrow("no policy has been loaded");
  });
});

describe("a refused call changes nothing", () => {
  test("a batch with one wrong record: no frame of it is processed", async () => {
    const engine = await startEngine(smallModel());
    const before = engine.counters();
    for (const spoil of [
      () =>
        engine.setFrame(2, engine.arena.length - 10, 11, 11, codes.HOOK_FROM_ENDPOINT, codes.LINK_ETHERNET, 0, 0, 0),
      () => engine.setFrame(2, 0xffff_fff0, 60, 60, codes.HOOK_FROM_ENDPOINT, codes.LINK_ETHERNET, 0, 0, 0),
      () => engine.setFrame(2, 0, 60, 60, 9, codes.LINK_ETHERNET, 0, 0, 0),
      () => engine.setFrame(2, 0, 60, 60, codes.HOOK_FROM_ENDPOINT, 99, 0, 0, 0),
    ]) {
      const offsets = place(engine, [request(), request(), request()]);
      spoil();
      expect(() => engine.process(3)).toThrow(EngineError);
      expect(engine.arena.slice(offsets[0], offsets[0]! + request().bytes.length)).toEqual(request().bytes);
    }
    expect(engine.counters()).toEqual(before);
  });

  test("too many frames, a gateway that is not there", async () => {
    const engine = await startEngine(smallModel());
    expect(() => engine.process(1025)).toThrow("more frames than the configured batch size (batch-too-large)");
    expect(() => engine.process(-1)).toThrow("batch-too-large");
    expect(() => engine.setGateway(4, "down")).toThrow("no-such-gateway");
    expect(() => engine.setGateway(-1, "down")).toThrow("no-such-gateway");
    engine.setGateway(3, "down");
  });

  test("every truncation of a policy blob; the policy before stays in force", async () => {
    const engine = await startEngine(smallModel());
    const blob = compilePolicy(smallModel());
    for (let length = 0; length < blob.length; length++) {
      expect(() => engine.loadPolicy(blob.subarray(0, length))).toThrow(EngineError);
    }
    expect(runOne(engine, request())).toMatchObject({ action: "snat" });
  });

  test("a policy with more rows than configured: the error names the table", async () => {
    const engine = await startEngine(smallModel());
    const endpoints = Array.from({ length: 65 }, (_, i) => endpoint(`e${i}`, [`10.0.2.${i}`], { policySet: -1 }));
    expect(() => engine.loadPolicy(compilePolicy(model({ endpoints })))).toThrow(
      "loadPolicy: the policy has 65 endpoints, the engine is configured for 64",
    );
    expect(runOne(engine, request())).toMatchObject({ action: "snat" });
  });

  test("frames before a policy is loaded, and a configuration out of range", async () => {
    const engine = await createEngine(smallConfig(smallModel()));
    expect(() => engine.process(0)).toThrow("no-policy-loaded");
    await expect(createEngine(smallConfig(smallModel(), { connections: 0 }))).rejects.toThrow("config-range");
    await expect(createEngine(smallConfig(smallModel(), { arenaSize: 0xffff_ffff }))).rejects.toThrow("memory");
  });
});

describe("a frame from outside to an endpoint's own address", () => {
  const direct = (atNs: bigint): TestFrame => ({
    hook: "from-network",
    bytes: ethernet(
      ipv4({ src: REMOTE, dst: ENDPOINT }, udp({ srcPort: 53, dstPort: 40_000, payload: text("hello") })),
    ),
    atNs,
  });

  test("opens an inbound connection, whose answers pass", async () => {
    const engine = await startEngine(smallModel());
    expect(runOne(engine, direct(0n))).toMatchObject({ action: "pass", reason: "inbound" });
    expect(runOne(engine, request())).toMatchObject({ action: "pass", reason: "reply-of-inbound" });
  });

  test("opens one as well where its five-tuple belonged to an outbound connection that has expired", async () => {
    const engine = await startEngine(smallModel());
    expect(runOne(engine, request())).toMatchObject({ action: "snat" });
    expect(runOne(engine, direct(31_000_000_000n))).toMatchObject({ action: "pass", reason: "inbound" });
  });

  test("is no full table where its five-tuple belongs to a live outbound connection", async () => {
    const engine = await startEngine(smallModel());
    expect(runOne(engine, request())).toMatchObject({ action: "snat" });
    expect(runOne(engine, direct(1n))).toMatchObject({ action: "drop", reason: "reply-without-connection" });
  });
});

describe("policy and time", () => {
  test("a new policy takes effect with the next frame of an established connection", async () => {
    const engine = await startEngine(smallModel());
    expect(runOne(engine, request()).action).toBe("snat");
    const without = { ...smallModel(), policySets: [policySet({}), policySet({})] };
    engine.loadPolicy(compilePolicy(without));
    expect(runOne(engine, request())).toMatchObject({ action: "pass", reason: "no-policy" });
    expect(engine.counters()).toMatchObject({ removed: 1, live: 0 });
  });

  test("advance removes what has expired by then, and not a millisecond before", async () => {
    const engine = await startEngine(smallModel());
    runOne(engine, request());
    const advanceTo = (ms: number) => {
      const time = NOON + BigInt(ms) * 1_000_000n;
      engine.advance(Number(time & 0xffff_ffffn), Number(time >> 32n));
    };
    advanceTo(29_999);
    expect(engine.counters()).toMatchObject({ live: 1, expired: 0 });
    advanceTo(30_000);
    expect(engine.counters()).toMatchObject({ live: 0, expired: 1, entries: 0 });
  });

  test("an address changes its owner at the given nanosecond", async () => {
    const owners = model({
      nodes: [node("gw-a", "172.18.0.3")],
      egresses: [egressOf("gw-a", "203.0.113.10")],
      policies: [policy("p", [0])],
      policySets: [policySet({ "0.0.0.0/0": 0 })],
      endpoints: [
        endpoint("first", [ENDPOINT], { policySet: -1, toNs: NOON + 1000n }),
        endpoint("second", [ENDPOINT], { policySet: 0, fromNs: NOON + 1000n }),
      ],
    });
    const engine = await startEngine(owners);
    expect(runOne(engine, request({ srcPort: 1, atNs: 999n }))).toMatchObject({ reason: "no-policy" });
    expect(runOne(engine, request({ srcPort: 2, atNs: 1000n }))).toMatchObject({ action: "snat" });
  });

  test("a gateway that goes down gives its connections to another, which the verdict says", async () => {
    const engine = await startEngine(smallModel());
    const syn = (flags: string): TestFrame => ({
      hook: "from-endpoint",
      bytes: ethernet(ipv4({ src: ENDPOINT, dst: REMOTE }, tcp({ srcPort: 40_000, dstPort: 443, flags }))),
    });
    const before = runOne(engine, syn("SYN"));
    engine.setGateway(before.egress, "down");
    const after = runOne(engine, syn("ACK"));
    expect(after).toMatchObject({ action: "snat", egress: 1 - before.egress });
    expect(after.flags & codes.VERDICT_FLAG_REMAPPED).toBe(codes.VERDICT_FLAG_REMAPPED);
    expect(after.flags & codes.VERDICT_FLAG_POLICY_CHANGE).toBe(0);
    expect(engine.counters()).toMatchObject({ broken: 1 });
  });
});
