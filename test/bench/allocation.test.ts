import { type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { HOOK_FROM_ENDPOINT } from "../../assembly/abi.js";
import { TCP_ACK } from "../../src/bench/frames.js";
import { Subject } from "../../src/bench/subject.js";
import { Traffic } from "../../src/bench/traffic.js";

const FRAMES = 1_000_000;

let subject: Subject;
let forward: Uint8Array;

beforeAll(async () => {
  const traffic = new Traffic(1000, "tcp");
  forward = traffic.forward(TCP_ACK);
  subject = await Subject.create(traffic, {
    gateways: 4,
    policies: 1,
    maxBatch: 256,
    touch: true,
    wasm: undefined,
  });
  subject.establish(256);
  subject.load(forward, HOOK_FROM_ENDPOINT);
});

/** Garbage collections and growth of the heap while `work` runs; without the former the latter is all that was allocated. */
async function allocationsOf(work: () => void): Promise<{ collections: number; bytes: number }> {
  const entries: PerformanceEntry[] = [];
  const observer = new PerformanceObserver((list) => entries.push(...list.getEntries()));
  observer.observe({ entryTypes: ["gc"] });
  await setImmediate();
  const from = performance.now();
  const before = process.memoryUsage().heapUsed;
  work();
  const bytes = process.memoryUsage().heapUsed - before;
  const to = performance.now();
  await setImmediate();
  observer.disconnect();
  return { collections: entries.filter(({ startTime }) => startTime >= from && startTime <= to).length, bytes };
}

/** Frames of established connections, given to the engine as a driver does; restored in between. */
function feed(batch: number, frames: number): void {
  for (let fed = 0; fed < frames; ) {
    subject.engine.arena.set(forward);
    fed += subject.pass(batch);
  }
}

describe("the host's side of the hot path", () => {
  it.each([256, 1])("makes no object per frame, with %i frames per call", async (batch) => {
    // The first rounds compile functions, which takes heap of its own.
    feed(batch, FRAMES / 2);
    const memory = subject.engine.memory.size;
    const { collections, bytes } = await allocationsOf(() => feed(batch, FRAMES));
    expect(collections).toBe(0);
    // The smallest object has 12 bytes; this is a hundredth of one for each frame.
    expect(bytes).toBeLessThan(FRAMES * 0.12);
    expect(subject.engine.memory.size).toBe(memory);
  });

  it("would be found out: one small object per frame is far above that bound", async () => {
    const ring: { frame: number }[] = Array.from({ length: 1024 }, () => ({ frame: -1 }));
    const { collections, bytes } = await allocationsOf(() => {
      for (let i = 0; i < FRAMES; i++) ring[i % 1024] = { frame: i };
    });
    expect(ring[0]!.frame).toBeGreaterThan(0);
    expect(collections > 0 || bytes > FRAMES * 0.12 || bytes < 0).toBe(true);
  });
});
