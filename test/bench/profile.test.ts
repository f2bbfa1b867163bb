import { readFileSync } from "node:fs";
import { instantiate } from "@assemblyscript/loader";
import { describe, expect, it, test } from "vitest";
import * as abi from "../../assembly/abi.js";
import * as stages from "../../assembly/bench/stages.js";
import { establishedContestant, openingContestant } from "../../src/bench/contestants.js";
import { type Protocol, TCP_ACK } from "../../src/bench/frames.js";
import { memoryProbes } from "../../src/bench/memory-probe.js";
import { printProfile } from "../../src/bench/print-profile.js";
import { boundOf, figuresOf, frameBytes, runProfile } from "../../src/bench/profile.js";
import { PASSES, ProfileEngine } from "../../src/bench/profile-engine.js";
import { Subject } from "../../src/bench/subject.js";
import { Traffic, type TrafficOptions } from "../../src/bench/traffic.js";

const BATCH = 64;
const CONNECTIONS = 500;
const OPTIONS = { gateways: 4, policies: 1, maxBatch: BATCH, touch: true, wasm: undefined };
const FEW: TrafficOptions = { minFrames: 2000 };
/** Before the last stage but one nothing about a frame is settled. */
const UNSETTLED = [stages.STAGE_CALL, stages.STAGE_RECORDS, stages.STAGE_PARSE, stages.STAGE_TOUCH, stages.STAGE_FIND];

async function profiled(protocol: Protocol, traffic = new Traffic(CONNECTIONS, protocol, FEW)) {
  let profile: ProfileEngine | undefined;
  const subject = await Subject.create(traffic, {
    ...OPTIONS,
    start: async (config) => {
      profile = await ProfileEngine.create(config);
      return profile.engine;
    },
  });
  return { subject, profile: profile! };
}

/** Everything that the last batch and all before it left: frames, verdicts, and the whole state but for the padding that is written blindly. */
function traces(subject: Subject): Buffer[] {
  const { engine } = subject;
  const state = Buffer.from(engine.regionBytes(abi.REGION_STATE));
  const lines = engine.regionBytes(abi.REGION_CONNTRACK);
  const start = lines.byteOffset - engine.regionBytes(abi.REGION_STATE).byteOffset;
  for (let at = abi.LINE_TOUCH_AT; at < lines.length; at += abi.LINE_SIZE) state.writeUInt16LE(0, start + at);
  return [Buffer.from(subject.frames), Buffer.from(engine.regionBytes(abi.REGION_VERDICTS)), state];
}

/** Opens, answers, goes on in both directions, forgets and opens again. */
function live(subject: Subject, between: () => void): Buffer[][] {
  const forward = subject.traffic.forward(TCP_ACK);
  subject.establish(BATCH);
  return [
    establishedContestant(subject, forward, "forward", BATCH),
    establishedContestant(subject, subject.answers(), "reverse", BATCH),
    openingContestant(subject, BATCH),
  ].map((contestant) => {
    between();
    contestant.restore();
    contestant.run();
    return traces(subject);
  });
}

describe.each<Protocol>(["tcp", "udp", "tcp6"])("what is profiled, with %s", (protocol) => {
  it("is the engine: the same frames, verdicts and counters as engine.wasm, whatever stages were measured before", async () => {
    const { subject, profile } = await profiled(protocol);
    const plain = await Subject.create(subject.traffic, OPTIONS);
    const stopEarly = () => {
      for (const stage of UNSETTLED) {
        profile.setStage(stage);
        subject.engine.process(BATCH);
      }
      profile.setStage(stages.STAGE_WHOLE);
    };
    const expected = live(plain, () => {});
    const got = live(subject, stopEarly);
    got.forEach((parts, i) => {
      parts.slice(0, 2).forEach((part, j) => {
        expect(part.equals(expected[i]![j]!), `work ${i}, part ${j}`).toBe(true);
      });
    });
    expect(subject.engine.counters()).toEqual(plain.engine.counters());
  });
});

test("the state is the same to the byte where no stage was set in between", async () => {
  const { subject } = await profiled("tcp");
  const plain = await Subject.create(subject.traffic, OPTIONS);
  const expected = live(plain, () => {});
  live(subject, () => {}).forEach((parts, i) => {
    for (const [j, part] of parts.entries()) expect(part.equals(expected[i]![j]!), `work ${i}, part ${j}`).toBe(true);
  });
});

describe("stages", () => {
  it("leave frames and counters alone until the second pass, which then does everything", async () => {
    const { subject, profile } = await profiled("tcp");
    subject.establish(BATCH);
    const forward = subject.traffic.forward(TCP_ACK);
    const contestant = establishedContestant(subject, forward, "forward", BATCH);
    contestant.restore();
    const before = subject.engine.counters();
    for (const stage of [...UNSETTLED, stages.STAGE_COUNT]) {
      profile.setStage(stage);
      expect(contestant.run()).toBe(subject.traffic.order.length);
      expect(Buffer.from(subject.frames).equals(Buffer.from(forward)), `stage ${stage}`).toBe(true);
      expect(subject.engine.counters(), `stage ${stage}`).toEqual(before);
    }
    profile.setStage(stages.STAGE_SETTLE);
    contestant.verify();
    profile.setStage(stages.STAGE_WHOLE);
    contestant.verify();
  });

  it("touch writes into the padding of lines, and parse alone does not", async () => {
    const { subject, profile } = await profiled("tcp");
    subject.establish(BATCH);
    subject.load(subject.traffic.forward(TCP_ACK), abi.HOOK_FROM_ENDPOINT);
    const lines = subject.engine.regionBytes(abi.REGION_CONNTRACK);
    const touches = () => lines.filter((_, i) => i % abi.LINE_SIZE >= abi.LINE_TOUCH_AT).filter((byte) => byte !== 0);
    for (let at = abi.LINE_TOUCH_AT; at < lines.length; at += abi.LINE_SIZE) lines.fill(0, at, at + 2);
    profile.setStage(stages.STAGE_PARSE);
    subject.pass(BATCH);
    expect(touches().length).toBe(0);
    profile.setStage(stages.STAGE_TOUCH);
    subject.pass(BATCH);
    // A frame's number in its block is what is stored, for one of 64 a zero.
    expect(touches().length).toBeGreaterThan(CONNECTIONS * 0.9);
  });

  it("differ by the sweep: only the whole takes expired connections out that no frame asks for", async () => {
    const { subject, profile } = await profiled("udp");
    subject.establish(BATCH);
    const { engine } = subject;
    const silent = 1_790_000_000_000_000_000n + 3_600_000_000_000n;
    subject.load(subject.traffic.forward(TCP_ACK), abi.HOOK_FROM_ENDPOINT);
    const pass = () => {
      const [low, high] = [Number(silent & 0xffff_ffffn), Number(silent >> 32n)];
      for (let i = 0; i < 3 * CONNECTIONS; i += BATCH) {
        for (let j = 0; j < BATCH; j++)
          engine.setFrame(j, 0, 64, 64, abi.HOOK_FROM_ENDPOINT, abi.LINK_ETHERNET, 0, low, high);
        engine.process(BATCH);
      }
    };
    profile.setStage(stages.STAGE_SETTLE);
    pass();
    // A new connection looks at some lines itself where the table is nearly full.
    expect(engine.counters().entries).toBeGreaterThan(CONNECTIONS * 0.9);
    profile.setStage(stages.STAGE_WHOLE);
    pass();
    expect(engine.counters().entries).toBeLessThan(CONNECTIONS / 2);
  });

  it("count a line for each frame, and a second one where another key bears the same tag", async () => {
    const { subject, profile } = await profiled("tcp");
    subject.establish(BATCH);
    const frames = subject.traffic.order.length;
    subject.load(subject.traffic.forward(TCP_ACK), abi.HOOK_FROM_ENDPOINT);
    const full = profile.countLines(() => subject.pass(BATCH));
    subject.forgetConnections();
    const empty = profile.countLines(() => subject.pass(BATCH));
    expect(empty).toBe(frames);
    expect(full).toBeGreaterThan(empty);
    expect(full).toBeLessThan(1.2 * frames);
  });
});

describe("the arithmetic of a profile", () => {
  it("makes passes differences of medians, which add up to the last", () => {
    const passes = figuresOf([
      { name: "a", ns: [3, 1, 2] },
      { name: "b", ns: [10, 7, 8] },
      { name: "c", ns: [9, 90, 20] },
    ]);
    expect(passes).toEqual([
      { name: "a", ns: 2 },
      { name: "b", ns: 6 },
      { name: "c", ns: 12 },
    ]);
  });

  it("bounds a frame by what is slower: its bytes from memory, or its lines", () => {
    const touched = frameBytes(2.5, 64);
    const moved = 64 + 64 + 64 + 2.5 * 64 * 2 + 64;
    expect(boundOf(2.5, touched, { latencyNs: 100, overlap: 20, updateGBs: 10 })).toEqual({
      bandwidthNs: moved / 10,
      missNs: 12.5,
      ns: moved / 10,
    });
    expect(boundOf(2.5, touched, { latencyNs: 400, overlap: 10, updateGBs: 10 }).ns).toBe(100);
  });
});

test("the chain of waiting loads goes through every line once before it comes back", async () => {
  const { exports } = await instantiate<{
    reserve(bytes: number): number;
    layCycle(lines: number, seed: number): void;
    chase(at: number, steps: number): number;
  }>(Uint8Array.from(readFileSync("build/machine.wasm")));
  const lines = 1000;
  expect(exports.reserve(lines * 64)).toBe(1);
  exports.layCycle(lines, 7);
  const seen = new Set<number>();
  let at = exports.chase(0, 1);
  for (let i = 0; i < lines; i++, at = exports.chase(at, 1)) seen.add(at);
  expect(seen.size).toBe(lines);
  expect(seen.has(at)).toBe(true);
});

test("the probes of the memory do their work in the units that they are measured by", async () => {
  const probes = await memoryProbes(64 * 1000, 64 * 2000);
  const units = Object.fromEntries(Object.entries(probes).map(([name, probe]) => [name, probe.run()]));
  expect(units).toEqual({
    ...{ chase: 1 << 15, load: 1 << 18, pair: 1 << 18 },
    ...{ read: 2000 * 132, write: 2000 * 132, update: 2000 * 132 },
  });
  await expect(memoryProbes(64, 0xffff_ffc0)).rejects.toThrow("no memory for a probe over 4294967232 bytes");
});

test("a small profile has every pass of every work, what bounds it, and prints as text", async () => {
  const progress: string[] = [];
  const report = await runProfile({
    sizes: [1000],
    turns: 2,
    blockMs: 1,
    batch: BATCH,
    onProgress: (text) => progress.push(text),
  });
  expect(report.schema).toBe("sluicegate.io/bench-profile/v1");
  expect(progress).toContain("1000 connections: new");
  const [size] = report.sizes;
  expect(size!.works.map(({ work }) => work)).toEqual(["forward", "reverse", "new"]);
  for (const { work, passes, ns, bound, distance, lines } of size!.works) {
    expect(passes.map(({ name }) => name)).toEqual(PASSES.map(({ name }) => name));
    expect(passes.reduce((sum, pass) => sum + pass.ns, 0)).toBeCloseTo(ns);
    expect(ns).toBeGreaterThan(0);
    if (work === "new") continue;
    expect(lines).toBeGreaterThan(1);
    expect(lines).toBeLessThan(1.2);
    expect(distance).toBeCloseTo(ns / bound!.ns);
  }
  expect(size!.tableBytes).toBe((1000 * 3 + 193) * 64);
  expect(Object.values(size!.memory).every((value) => value > 0 && Number.isFinite(value))).toBe(true);
  expect(size!.toPackage).toBeGreaterThan(0);
  const text = printProfile(report);
  for (const { name } of PASSES) expect(text).toContain(name);
  expect(text).toContain(`${size!.works[0]!.distance!.toFixed(1)} ×`);
  expect(text).toMatch(/through engine\.wasm: \d+\.\d\d at 1,000\n$/);
});
