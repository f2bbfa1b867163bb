import { describe, expect, it } from "vitest";
import type { PolicyModel } from "../../src/config/types.js";
import type { ReplayOptions } from "../../src/replay/options.js";
import { withFile } from "../support/capture-read.js";
import { clusterModel } from "./cluster.js";
import { type OutputFrame, type ReplayResult, replayAndRead } from "./outputs-read.js";
import { captureOf, conversation, ENDPOINT, inbound, outbound, type TimedFrame } from "./traffic.js";

const FOUR = { "gw-a": "203.0.113.1", "gw-b": "203.0.113.2", "gw-c": "203.0.113.3", "gw-d": "203.0.113.4" };

function replayFrames(
  frames: readonly TimedFrame[],
  model: PolicyModel,
  options: Partial<ReplayOptions> = {},
): Promise<ReplayResult> {
  return withFile(captureOf(frames), (path) => replayAndRead({ captures: [path], model, ...options }));
}

/** Source address and port of a translated TCP frame. */
function externalTuple({ bytes }: OutputFrame): string {
  return `${bytes.subarray(26, 30).join(".")}:${bytes.readUInt16BE(34)}`;
}

/** `count` SYNs of one pod to one remote and port, by source port and, where these run out, by a second pod. */
function syns(count: number, us = 0): TimedFrame[] {
  return Array.from({ length: count }, (_, i) => ({
    us: us + i,
    frame: outbound("SYN", { endpoint: i < 60_000 ? "10.0.1.7" : "10.0.1.8", port: 1024 + (i % 60_000) }),
  }));
}

describe("connections of one pod to one remote over four gateways", () => {
  it("use each gateway, and keep the one that they have: 100 whole connections", async () => {
    const model = await clusterModel({ pods: [ENDPOINT], gateways: FOUR });
    const frames = Array.from({ length: 100 }, (_, i) => conversation(i * 10, { port: 40_000 + i })).flat();
    frames.sort((a, b) => a.us - b.us);
    const { report, external } = await replayFrames(frames, model);
    expect(report.verification.mismatches).toEqual([]);
    expect(report.gateways.map(({ node }) => node)).toEqual(Object.keys(FOUR));
    for (const { connections, replies } of report.gateways) {
      expect(connections).toBeGreaterThan(10);
      expect(replies).toBe(connections * 4);
    }
    const used = new Map<number, Set<string>>();
    for (const frame of external) {
      const port = frames[frame.number - 1].frame[34] * 256 + frames[frame.number - 1].frame[35];
      used.set(port, (used.get(port) ?? new Set()).add(externalTuple(frame)));
      expect(FOUR[frame.interfaceName as keyof typeof FOUR]).toBe(externalTuple(frame).split(":")[0]);
    }
    expect(used.size).toBe(100);
    for (const tuples of used.values()) expect(tuples.size).toBe(1);
  });

  it("spread evenly: 25 % of 10,000 on each, give or take 2 points", async () => {
    const model = await clusterModel({ pods: [ENDPOINT], gateways: FOUR });
    for (const balance of ["rendezvous", "random"] as const) {
      const { report } = await replayFrames(syns(10_000), model, { balance, verify: false });
      const counts = report.gateways.map(({ connections }) => connections);
      expect(counts.reduce((sum, count) => sum + count)).toBe(10_000);
      for (const count of counts) expect(Math.abs(count / 100 - 25)).toBeLessThan(2);
    }
  });

  it("are placed by the seed, and differently by another one", async () => {
    const model = await clusterModel({ pods: [ENDPOINT], gateways: FOUR });
    const placement = async (options: Partial<ReplayOptions>) =>
      (await replayFrames(syns(40), model, options)).external.map(({ interfaceName }) => interfaceName);
    const usual = await placement({});
    expect(await placement({ seed: 1 })).toEqual(usual);
    expect(await placement({ seed: 2 })).not.toEqual(usual);
    expect(await placement({ balance: "random" })).not.toEqual(usual);
  });
});

describe("the NAT ports of one gateway toward one remote and port", () => {
  const ALL = 32_768;
  const one = { pods: ["10.0.1.7", "10.0.1.8"], gateways: { "gw-a": "203.0.113.10" } };

  it("serve 32,768 connections, none twice, and refuse only the next one", async () => {
    const model = await clusterModel(one);
    const { report, external } = await replayFrames(syns(ALL + 1), model, { connections: 65_536 });
    expect(report.reasons).toEqual({ "no-nat-mapping": 1 });
    expect(report.frames).toMatchObject({ snat: ALL, drop: 1 });
    expect(external.map(({ number }) => number)).not.toContain(ALL + 1);
    const ports = external.map(({ bytes }) => bytes.readUInt16BE(34));
    expect(new Set(ports).size).toBe(ALL);
    expect(Math.min(...ports)).toBe(32_768);
    expect(report.gateways[0]).toMatchObject({ connections: ALL, portsPeak: ALL, portsLimit: ALL });
    expect(report.verification.mismatches).toEqual([]);
  });

  it("refuse nobody at nine tenths", async () => {
    const model = await clusterModel(one);
    const count = Math.floor(ALL * 0.9);
    const { report } = await replayFrames(syns(count), model, { connections: 65_536, verify: false });
    expect(report.frames).toMatchObject({ snat: count, drop: 0 });
  });

  it("come from the range that the settings give", async () => {
    const model = await clusterModel({ ...one, snatPorts: { low: 50_000, high: 50_009 } });
    const { report, external } = await replayFrames(syns(11), model);
    expect(report.reasons).toEqual({ "no-nat-mapping": 1 });
    expect(external.map(({ bytes }) => bytes.readUInt16BE(34)).sort()).toEqual(
      Array.from({ length: 10 }, (_, i) => 50_000 + i),
    );
    expect(report.settings.snatPorts.value).toBe("50000-50009");
  });
});

describe("an address that changes its owner in mid-capture", () => {
  it("is an endpoint's only while it has it", async () => {
    const model = await clusterModel({ pods: [ENDPOINT], deleted: "2026-09-21T14:13:30Z" });
    const frames = [0, 9e6, 11e6].map((us, i) => ({ us, frame: outbound(i === 0 ? "SYN" : "ACK") }));
    const { report } = await replayFrames([...frames, { us: 12e6, frame: inbound("ACK") }], model);
    expect(report.frames).toMatchObject({ snat: 2, skipped: 2 });
    expect(report.reasons).toEqual({ "endpoint-unknown": 2 });
    expect(report.verification.ok).toBe(true);
  });
});
