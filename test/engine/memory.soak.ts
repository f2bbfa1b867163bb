import { expect, test } from "vitest";
import * as codes from "../../src/engine/codes.js";
import { place, startEngine } from "./harness.js";
import { NOON, smallModel } from "./model.js";
import { mixedTraffic } from "./traffic.js";

const FRAMES = 10_000_000;
const BATCH = 1000;

test("over 10 million frames neither the engine's memory nor the host's heap grows", async () => {
  const engine = await startEngine(smallModel());
  const traffic = mixedTraffic(BATCH, 33);
  const size = engine.memory.size;
  const offsets = place(engine, traffic);
  const lengths = traffic.map(({ bytes }) => bytes.length);
  const original = engine.arena.slice();
  const feed = (round: number) => {
    engine.arena.set(original);
    // 400 s per round: connections open, expire and reuse their ports, and 46 days in all make the coarse clock move its base.
    const time = NOON + BigInt(round) * 400_000_000_000n;
    const [low, high] = [Number(time & 0xffff_ffffn), Number(time >> 32n)];
    for (let i = 0; i < BATCH; i++) {
      const hook = traffic[i]!.hook === "from-endpoint" ? codes.HOOK_FROM_ENDPOINT : codes.HOOK_FROM_NETWORK;
      engine.setFrame(i, offsets[i]!, lengths[i]!, lengths[i]!, hook, codes.LINK_ETHERNET, 0, low, high);
    }
    engine.process(BATCH);
    let translated = 0;
    for (let i = 0; i < BATCH; i++) if (engine.action(i) === codes.ACTION_SNAT) translated++;
    return translated;
  };
  let translated = 0;
  for (let round = 0; round < 100; round++) translated += feed(round);
  const heap = heapAfterCollection();
  for (let round = 100; round < FRAMES / BATCH; round++) translated += feed(round);
  const { actions, opened, live } = engine.counters();
  expect(Object.values(actions).reduce((sum, count) => sum + count)).toBe(FRAMES);
  expect(actions.snat).toBe(translated);
  expect(opened).toBeGreaterThan(100_000);
  expect(live).toBeLessThanOrEqual(1024);
  expect(engine.memory.size).toBe(size);
  expect(heapAfterCollection() - heap).toBeLessThan(1_000_000);
});

function heapAfterCollection(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().heapUsed;
}
