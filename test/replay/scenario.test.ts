import { beforeAll, describe, expect, it } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import type { PolicyModel } from "../../src/config/types.js";
import { readScenario } from "../../src/gateway/scenario.js";
import { clusterModel } from "./cluster.js";
import { type ReplayResult, replayAndRead } from "./outputs-read.js";
import {
  at,
  endpointOf,
  FOUR,
  gatewaysOf,
  isOutbound,
  lasting,
  nameOf,
  PODS,
  replayFrames,
  SECOND,
  scenarioOf,
  talk,
  talker,
  together,
} from "./scenarios.js";
import { ENDPOINT, outbound, question, type TimedFrame } from "./traffic.js";

describe("a gateway of the recorded capture that dies", () => {
  const base = { captures: ["pcaps/web/in.pcap"], model: loadManifests(["pcaps/manifests"]) };
  const scenario = readScenario("pcaps/scenarios/gw-a-dies.yaml", { nodes: base.model.nodes });
  let before: ReplayResult;
  let after: ReplayResult;
  beforeAll(async () => {
    before = await replayAndRead(base);
    after = await replayAndRead({ ...base, scenario });
  });

  it("is verified, and every frame counts once", () => {
    const { frames, verification } = after.report;
    expect(verification.mismatches).toEqual([]);
    expect(frames.pass + frames.snat + frames.reverse + frames.drop + frames.lost + frames.skipped).toBe(frames.read);
  });

  it("moves only its own connections: what left by other gateways leaves there as before, byte for byte", () => {
    const others = (frames: typeof before.external) => frames.filter(({ interfaceName }) => interfaceName !== "gw-a");
    const now = new Map(after.external.map((frame) => [frame.number, frame]));
    expect(others(before.external).length).toBeGreaterThan(600);
    for (const frame of others(before.external)) expect(now.get(frame.number)).toEqual(frame);
  });

  it("is one row of failovers, with what was lost until it was found down and what broke", () => {
    const { failovers, frames, broken, connections, healthTransitions } = after.report;
    expect(failovers).toEqual([
      {
        node: "gw-a",
        event: "node-down",
        at: "2026-11-23T07:58:48.580001000Z",
        detectedAt: healthTransitions.find(({ what }) => what === "down-detected")?.at,
        lostFrames: frames.lost,
        brokenConnections: 1,
        rebound: 0,
      },
    ]);
    expect(frames.lost).toBe(47);
    expect(broken).toHaveLength(1);
    expect(broken[0]).toMatchObject({
      from: { node: "gw-a", egressIP: "203.0.113.10" },
      to: { node: "gw-d" },
      cause: "failover",
    });
    expect(connections.broken).toBe(1);
    expect(healthTransitions.map(({ node, what }) => `${node} ${what}`)).toEqual([
      "gw-a suspect",
      "gw-a down-detected",
      "gw-a up-detected",
    ]);
  });

  it("tells the same of every batch size, and twice the same", async () => {
    for (const batchSize of [1, 7, 256]) {
      const again = await replayAndRead({ ...base, scenario, batchSize });
      expect(again.files.external.equals(after.files.external)).toBe(true);
      expect(again.files.endpoint.equals(after.files.endpoint)).toBe(true);
      expect(lasting(again.report)).toEqual(lasting(after.report));
    }
  });
});

describe("a gateway that dies under connections that go on", () => {
  // Probes come with every second: down at 3.2 s is last seen at 3.0 s and found down at 5.0 s.
  const talks = Array.from({ length: 60 }, (_, n) => talk(talker(PODS, n), n * 7_000, 10 * SECOND, 90_000));
  const frames = together(talks);
  const down = scenarioOf([[3.2, "gw-a", "node-down"]]);
  let model: PolicyModel;
  let before: ReplayResult;
  let after: ReplayResult;
  let ofDead: ReadonlySet<string>;
  beforeAll(async () => {
    model = await clusterModel({ pods: PODS, gateways: FOUR, worker: "worker" });
    before = await replayFrames(frames, { model });
    after = await replayFrames(frames, { model, ...down });
    const gateways = gatewaysOf(frames, before.external);
    ofDead = new Set(talks.map(nameOf).filter((name) => gateways.get(name) === "gw-a"));
  });

  it("is found down by the probes, not by a constant", () => {
    expect(after.report.verification.mismatches).toEqual([]);
    expect(after.report.failovers).toMatchObject([{ at: at(3.2), detectedAt: at(5) }]);
  });

  it("loses exactly what its connections send and receive until each has moved", () => {
    let lost = 0;
    for (const { frames: own } of talks.filter((one) => ofDead.has(nameOf(one)))) {
      const moves = own.find(({ us, frame }) => us >= 5 * SECOND && isOutbound(frame, PODS))!;
      lost += own.filter(({ us }) => us >= 3.2 * SECOND && us < moves.us).length;
    }
    expect(lost).toBeGreaterThan(200);
    expect(after.report.frames.lost).toBe(lost);
    expect(after.report.reasons["gateway-down"]).toBe(lost);
    expect(after.report.failovers[0]?.lostFrames).toBe(lost);
  });

  it("breaks every one of its connections and none else, and lists where each went", () => {
    const listed = after.report.broken.map(({ fiveTuple }) => /tcp (\S+) ->/.exec(fiveTuple)?.[1]);
    expect(new Set(listed)).toEqual(ofDead);
    expect(listed).toHaveLength(ofDead.size);
    expect(after.report.connections).toMatchObject({ broken: ofDead.size, rebound: 0 });
    expect(after.report.failovers[0]).toMatchObject({ brokenConnections: ofDead.size, rebound: 0 });
    for (const { from, to, cause } of after.report.broken) {
      expect(from).toEqual({ node: "gw-a", egressIP: FOUR["gw-a"] });
      expect(Object.keys(FOUR).slice(1)).toContain(to?.node);
      expect(cause).toBe("failover");
    }
  });

  it("leaves all others as they are, byte for byte", () => {
    const untouched = (result: ReplayResult) =>
      result.external.filter(({ number }) => !ofDead.has(endpointOf(frames[number - 1]!.frame)));
    expect(untouched(before).length).toBeGreaterThan(2000);
    expect(untouched(after)).toEqual(untouched(before));
  });

  it("shows in the time line: each step counts what was lost and broken in it", () => {
    const { timeline, frames: counts, gateways, connections } = after.report;
    const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
    expect(timeline).toMatchObject({ from: at(0), stepMs: 40, steps: 250 });
    expect(sum(timeline.lost)).toBe(counts.lost);
    expect(sum(timeline.broken)).toBe(connections.broken);
    expect(timeline.lost.findIndex((lost) => lost > 0)).toBe(3200 / 40);
    expect(timeline.broken.findIndex((broken) => broken > 0)).toBe(5000 / 40);
    for (const series of timeline.gateways) {
      const row = gateways[series.gateway]!;
      expect(sum(series.connections)).toBe(row.connections);
      expect(sum(series.frames)).toBe(row.frames);
      expect(sum(series.bytes)).toBe(row.bytes);
      expect(sum(series.replies)).toBe(row.replies);
      expect(Math.max(...series.ports)).toBe(row.portsPeak);
    }
  });
});

describe("a gateway that is away for less than the prober can see", () => {
  it("loses what passes meanwhile, and answers until the endpoint speaks; the tuple stays, so nothing breaks", async () => {
    const model = await clusterModel({ pods: PODS, gateways: { "gw-a": "203.0.113.1" } });
    const { frames } = talk(talker(PODS, 0), 0, 6 * SECOND, 100_000);
    const blip = scenarioOf([
      [3.05, "gw-a", "node-down"],
      [3.45, "gw-a", "node-up"],
    ]);
    const { report, external } = await replayFrames(frames, { model, ...blip });
    expect(report.verification.mismatches).toEqual([]);
    // Frames at 3.1, 3.2, 3.3 and 3.4 s are lost; 3.5 s is the endpoint's or else an answer that finds no mapping.
    const next = frames.find(({ us }) => us > 3.45 * SECOND)!;
    const answers = isOutbound(next.frame, PODS) ? 0 : 1;
    expect(report.frames.lost).toBe(4);
    expect(report.reasons["no-reverse-mapping"] ?? 0).toBe(answers);
    expect(report.failovers).toEqual([
      {
        node: "gw-a",
        event: "node-down",
        at: at(3.05),
        detectedAt: "",
        lostFrames: 4,
        brokenConnections: 0,
        rebound: 0,
      },
    ]);
    expect(report.connections).toMatchObject({ broken: 0, rebound: 0 });
    expect(new Set(external.map(({ bytes }) => bytes.readUInt16BE(34))).size).toBe(1);
    expect(report.healthTransitions).toEqual([]);
  });

  it("breaks a connection whose port another one has taken in between", async () => {
    const model = await clusterModel({ pods: PODS, gateways: { "gw-a": "203.0.113.1" } });
    const remote = { remote: "198.51.100.1", port: 40_000 };
    const [first, second] = [ENDPOINT, "10.0.1.8"].map((endpoint) => ({ endpoint, ...remote }));
    const a = talk(first!, 0, 8 * SECOND, 1_000_000);
    const b = talk(second!, 3.2 * SECOND, 4 * SECOND, 1_000_000);
    const blip = scenarioOf([
      [3.05, "gw-a", "node-down"],
      [3.15, "gw-a", "node-up"],
    ]);
    const { report } = await replayFrames(together([a, b]), { model, ...blip });
    expect(report.verification.mismatches).toEqual([]);
    expect(report.broken).toMatchObject([
      { fiveTuple: expect.stringContaining(`tcp ${ENDPOINT}:40000`), cause: "gateway-restart" },
    ]);
    expect(report.failovers).toMatchObject([{ brokenConnections: 1, detectedAt: "" }]);
  });
});

describe("a gateway that dies twice", () => {
  it("has a row of failovers for each time, with what was lost and broken then", async () => {
    const model = await clusterModel({ pods: PODS, gateways: { "gw-a": "203.0.113.1", "gw-b": "203.0.113.2" } });
    const talks = Array.from({ length: 40 }, (_, n) =>
      talk(talker(PODS, n), (n < 20 ? 0 : 9 * SECOND) + n * 7000, 16 * SECOND, 110_000),
    );
    const script = scenarioOf([
      [3.2, "gw-a", "node-down"],
      [7.2, "gw-a", "node-up"],
      [12.3, "gw-a", "node-down"],
      [15.1, "gw-a", "node-up"],
    ]);
    const { report } = await replayFrames(together(talks), { model, ...script });
    expect(report.verification.mismatches).toEqual([]);
    const [first, second] = report.failovers;
    expect([first, second].map((row) => [row?.at, row?.detectedAt])).toEqual([
      [at(3.2), at(5)],
      [at(12.3), at(14)],
    ]);
    for (const row of [first!, second!]) {
      const own = report.broken.filter((one) => one.at >= row.at && (row === second || one.at < second!.at));
      expect(own.length).toBeGreaterThan(3);
      expect(row.brokenConnections).toBe(own.length);
      expect(row.lostFrames).toBeGreaterThan(30);
    }
    expect(first!.lostFrames + second!.lostFrames).toBe(report.frames.lost);
  });
});

describe("a connection that breaks in a burst", () => {
  it("is over with the first frame that leaves otherwise, though the others lie in the same batch", async () => {
    const model = await clusterModel({ pods: PODS, gateways: { "gw-a": "203.0.113.1", "gw-b": "203.0.113.2" } });
    const sides = Array.from({ length: 20 }, (_, n) => talker(PODS, n));
    const begun = sides.map((side, n) => talk(side, n * 7000, SECOND, 300_000));
    const burst = sides.flatMap((side, n) =>
      Array.from({ length: 4 }, (_, i) => ({
        us: 6 * SECOND + n * 10 + i,
        frame: outbound("PSH ACK", { ...side, id: 100 + i }),
      })),
    );
    const script = scenarioOf([[3.2, "gw-a", "node-down"]]);
    const { report } = await replayFrames([...together(begun), ...burst], { model, ...script });
    expect(report.verification.mismatches).toEqual([]);
    expect(report.connections.broken).toBeGreaterThan(3);
    expect(report.reasons["after-break"]).toBe(3 * report.connections.broken);
  });
});

describe("a request that is lost at a dead gateway", () => {
  it("has no answer: one that the capture shows is lost with it", async () => {
    const model = await clusterModel({ pods: PODS, gateways: { "gw-a": "203.0.113.1" } });
    const frames: TimedFrame[] = [...question(0), ...question(SECOND, { port: 6000 })];
    const { report } = await replayFrames(frames, { model, ...scenarioOf([[0.5, "gw-a", "node-down"]]) });
    expect(report.verification.mismatches).toEqual([]);
    expect(report.frames).toMatchObject({ snat: 1, reverse: 1, lost: 2 });
    expect(report.reasons).toEqual({ "gateway-down": 2 });
  });
});

describe("a node whose pods are watched", () => {
  it("takes what they send and receive with it; its row counts that", async () => {
    const model = await clusterModel({ pods: PODS, worker: "worker" });
    const { frames } = talk(talker(PODS, 0), 0, 6 * SECOND, 100_000);
    const outage = scenarioOf([
      [2.05, "worker", "node-down"],
      [4.05, "worker", "node-up"],
    ]);
    const { report } = await replayFrames(frames, { model, ...outage });
    expect(report.verification.mismatches).toEqual([]);
    expect(report.reasons["node-down"]).toBe(20);
    expect(report.failovers).toMatchObject([
      { node: "worker", event: "node-down", lostFrames: 20, brokenConnections: 0 },
    ]);
  });
});
