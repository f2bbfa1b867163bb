import { describe, expect, it, test } from "vitest";
import { HOOK_FROM_ENDPOINT } from "../../assembly/abi.js";
import {
  checkFrames,
  establishedContestant,
  kernelContestant,
  openingContestant,
} from "../../src/bench/contestants.js";
import { evenly } from "../../src/bench/frame-layout.js";
import { FRAME_BYTES, type Protocol, TCP_ACK, TCP_SYN } from "../../src/bench/frames.js";
import { ReferenceKernel } from "../../src/bench/kernel.js";
import { Subject, workDone } from "../../src/bench/subject.js";
import { Traffic } from "../../src/bench/traffic.js";

const CONNECTIONS = 500;
const OPTIONS = { gateways: 4, policies: 1, maxBatch: 64, touch: true, wasm: undefined };

async function establish(protocol: Protocol, policies = 1): Promise<{ subject: Subject; forward: Uint8Array }> {
  const traffic = new Traffic(CONNECTIONS, protocol);
  const subject = await Subject.create(traffic, { ...OPTIONS, policies });
  subject.establish(64);
  return { subject, forward: traffic.forward(TCP_ACK) };
}

describe.each<Protocol>(["tcp", "udp", "tcp6"])("an engine with %s connections", (protocol) => {
  it("is measured at work that its own counters confirm: forward, reverse and new, in any batch size", async () => {
    const { subject, forward } = await establish(protocol);
    const frames = subject.traffic.order.length;
    for (const batch of [1, 7, 64]) {
      for (const [contestant, work] of [
        [establishedContestant(subject, forward, "forward", batch), "snat"],
        [establishedContestant(subject, subject.answers(), "reverse", batch), "reverse"],
      ] as const) {
        const before = workDone(subject.engine);
        contestant.restore();
        expect(contestant.run()).toBe(frames);
        const after = workDone(subject.engine);
        expect(after[work] - before[work]).toBe(frames);
        expect(after.opened).toBe(before.opened);
        expect(() => contestant.verify()).not.toThrow();
      }
    }
    const opening = openingContestant(subject, 64);
    opening.restore();
    expect(workDone(subject.engine).live).toBe(0);
    expect(opening.run()).toBe(CONNECTIONS);
    expect(workDone(subject.engine).live).toBe(CONNECTIONS);
    expect(() => opening.verify()).not.toThrow();
  });
});

describe("more connections than frames in the arena", () => {
  const FEW = { minFrames: 64, maxFrames: 128 };

  it("are established and opened in several lots, all of them", async () => {
    const traffic = new Traffic(CONNECTIONS, "tcp", FEW);
    expect(traffic.order.length).toBe(128);
    expect(new Set(traffic.order).size).toBe(128);
    expect(Math.max(...traffic.order)).toBeGreaterThan(128);
    const subject = await Subject.create(traffic, OPTIONS);
    subject.establish(64);
    expect(workDone(subject.engine).live).toBe(CONNECTIONS);
    establishedContestant(subject, traffic.forward(TCP_ACK), "forward", 64).verify();
    establishedContestant(subject, subject.answers(), "reverse", 64).verify();
    const opening = openingContestant(subject, 64);
    opening.verify();
    expect(opening.rounds).toBe(4);
    let opened = 0;
    for (let round = 0; round < 4; round++) {
      opening.restore();
      expect(workDone(subject.engine).live).toBe(opened);
      opened += opening.run();
    }
    expect(opened).toBe(CONNECTIONS);
    expect(workDone(subject.engine).live).toBe(CONNECTIONS);
  });

  it("are learnt by the kernel in several lots", async () => {
    const traffic = new Traffic(CONNECTIONS, "tcp", FEW);
    const forward = traffic.forward(TCP_ACK);
    const lots = [0, 128, 256, 384].map((first) => traffic.openers(TCP_SYN, first, Math.min(128, CONNECTIONS - first)));
    const kernel = await ReferenceKernel.create(forward, CONNECTIONS, lots);
    kernelContestant(kernel, 64).verify();
    await expect(ReferenceKernel.create(forward, CONNECTIONS, lots.slice(1))).rejects.toThrow("made 744 entries");
  });
});

describe("IMIX frames", () => {
  it.each([1, 7, 64])("are translated like others, %i per call", async (batch) => {
    const traffic = new Traffic(CONNECTIONS, "tcp", { sizes: "imix", minFrames: 3000 });
    const subject = await Subject.create(traffic, OPTIONS);
    subject.establish(batch);
    establishedContestant(subject, traffic.forward(TCP_ACK), "forward", batch).verify();
    establishedContestant(subject, subject.answers(), "reverse", batch).verify();
    openingContestant(subject, batch).verify();
  });
});

test("each of many endpoints and a policy of many prefixes are met by the traffic", async () => {
  const many = new Traffic(CONNECTIONS, "tcp", { endpoints: 5000 });
  const subject = await Subject.create(many, { ...OPTIONS, endpoints: 5000, prefixes: 5000 });
  subject.establish(64);
  establishedContestant(subject, subject.answers(), "reverse", 64).verify();
  // Without that many endpoints the same traffic is nobody's.
  const few = await Subject.create(new Traffic(2000, "tcp", { endpoints: 5000 }), OPTIONS);
  expect(() => few.establish(64)).toThrow("open connections: the engine counted");
});

describe("verification of the work", () => {
  it("finds frames that were not translated because their connections are gone", async () => {
    const { subject, forward } = await establish("tcp");
    const contestant = establishedContestant(subject, subject.answers(), "reverse", 64);
    subject.forgetConnections();
    expect(() => contestant.verify()).toThrow(/reverse frames: the engine counted 0 reverse, expected \d+/);
    // From inside the same frames would open connections, which is other work than was to be measured.
    const forwardAgain = establishedContestant(subject, forward, "forward", 64);
    expect(() => forwardAgain.verify()).toThrow("forward frames: the engine counted 500 opened, expected 0");
  });

  it("finds a wrong checksum and a source that was not replaced in the sample that it recounts", async () => {
    const { subject, forward } = await establish("tcp");
    subject.load(forward, HOOK_FROM_ENDPOINT);
    subject.pass(64);
    const isTranslated = (source: string) => source.startsWith("203.0.113.");
    const good = subject.frames.slice();
    expect(() => checkFrames("forward", good, evenly(FRAME_BYTES), isTranslated)).not.toThrow();
    const flipped = good.slice();
    flipped[997 * FRAME_BYTES + 50]! ^= 1;
    expect(() => checkFrames("forward", flipped, evenly(FRAME_BYTES), isTranslated)).toThrow(
      /frame 997 has a wrong transport checksum/,
    );
    expect(() => checkFrames("forward", forward, evenly(FRAME_BYTES), isTranslated)).toThrow(
      /frame 0 goes from 10\.1\./,
    );
  });

  it("finds a kernel that translated less than all frames", async () => {
    const forward = new Traffic(CONNECTIONS, "tcp").forward(TCP_ACK);
    const kernel = await ReferenceKernel.create(forward, CONNECTIONS);
    const contestant = kernelContestant(kernel, 64);
    expect(() => contestant.verify()).not.toThrow();
    // The frames that it starts from: one now belongs to a connection that it does not know.
    forward[34]! ^= 0xff;
    expect(() => contestant.verify()).toThrow(/translated \d+ frames, expected \d+/);
  });
});

test("the kernel does the same to a frame one at a time and in blocks, over every batch size", async () => {
  const forward = new Traffic(CONNECTIONS, "tcp").forward(TCP_ACK);
  const kernel = await ReferenceKernel.create(forward, CONNECTIONS);
  const after = (batch: number) => {
    kernel.restore();
    expect(kernel.pass(batch)).toBe(forward.length / FRAME_BYTES);
    return Buffer.from(kernel.frames);
  };
  const single = after(1);
  expect(single.equals(Buffer.from(forward))).toBe(false);
  for (const batch of [2, 31, 32, 33, 256]) expect(after(batch).equals(single)).toBe(true);
});

test("a policy of many prefixes translates the same frames", async () => {
  const { subject, forward } = await establish("tcp", 2000);
  expect(() => establishedContestant(subject, forward, "forward", 64).verify()).not.toThrow();
});
