import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import * as abi from "../../assembly/abi.js";
import { compilePolicy } from "../../src/engine/blob.js";
import { createEngine } from "../../src/engine/engine.js";
import { encodeEngineConfig } from "../../src/engine/engine-config.js";
import { type EngineExports, instantiateEngine } from "../../src/engine/load.js";
import { run, smallConfig, startEngine } from "./harness.js";
import { smallModel } from "./model.js";
import { mixedTraffic } from "./traffic.js";

// Whatever a host passes in, the engine answers with a code. A trap would surface here as a RuntimeError; an endless loop as a timeout.

const ERRORS = Object.entries(abi)
  .filter(([name]) => name.startsWith("ERROR_"))
  .map(([, code]) => code);
const u32 = fc.oneof(
  fc.nat(70),
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.constantFrom(0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
);
/** The soak runs the same properties a hundred times as long. */
const FACTOR = Number(process.env.SLUICEGATE_FUZZ_FACTOR ?? 1);
const RUNS = { numRuns: 300 * FACTOR };

function expectCode(code: number, successes: readonly number[] = [abi.OK]): void {
  if (!successes.includes(code)) expect(ERRORS).toContain(code);
}

/** An engine below the Engine class, configured by the record as it is. */
async function rawEngine(config: Uint8Array): Promise<EngineExports> {
  const engine = await instantiateEngine();
  new Uint8Array(engine.memory.buffer, engine.configAt() >>> 0, abi.CONFIG_SIZE).set(config);
  return engine;
}

function region(engine: EngineExports, id: number): Uint8Array {
  return new Uint8Array(engine.memory.buffer, engine.regionAt(id) >>> 0, engine.regionSize(id) >>> 0);
}

describe("the engine answers with a code and never traps", () => {
  const blob = compilePolicy(smallModel());
  let engine: EngineExports;

  beforeEach(async () => {
    engine = await rawEngine(
      encodeEngineConfig(smallConfig(smallModel(), { connections: 64, maxBatch: 64, arenaSize: 1 << 16 })),
    );
    expect(engine.configure()).toBe(abi.OK);
    region(engine, abi.REGION_ARENA).set(blob);
    expect(engine.loadPolicy(0, blob.length)).toBe(abi.OK);
  });

  test("before it is configured", async () => {
    const raw = await rawEngine(new Uint8Array(abi.CONFIG_SIZE));
    expect(raw.loadPolicy(0, 100)).toBe(abi.ERROR_NOT_CONFIGURED);
    expect(raw.process(1)).toBe(abi.ERROR_NOT_CONFIGURED);
    expect(raw.advance(1, 1)).toBe(abi.ERROR_NOT_CONFIGURED);
    expect(raw.setGateway(0, 0)).toBe(abi.ERROR_NOT_CONFIGURED);
    expect(raw.setReachable(0, 0)).toBe(abi.ERROR_NOT_CONFIGURED);
    expect(raw.nodeLost(0)).toBe(abi.ERROR_NOT_CONFIGURED);
    expect(raw.setActive(0, 0, 1, 0)).toBe(abi.ERROR_NOT_CONFIGURED);
    expect(raw.restore()).toBe(abi.ERROR_NOT_CONFIGURED);
    for (let id = 0; id < abi.REGION_COUNT + 2; id++) expect(raw.regionSize(id)).toBe(0);
  });

  test("after a configuration that it refused: it has no regions, and takes another one", async () => {
    const raw = await rawEngine(encodeEngineConfig(smallConfig(smallModel())));
    const maxBatch = new DataView(raw.memory.buffer, raw.configAt() + abi.CONFIG_MAX_BATCH_AT, 4);
    const batch = maxBatch.getUint32(0, true);
    maxBatch.setUint32(0, 0xffff_ffff, true);
    expect(raw.configure()).toBe(abi.ERROR_CONFIG_RANGE);
    for (let id = 0; id < abi.REGION_COUNT; id++) expect([raw.regionAt(id), raw.regionSize(id)]).toEqual([0, 0]);
    maxBatch.setUint32(0, batch, true);
    expect(raw.configure()).toBe(abi.OK);
  });

  test("when it is configured twice", () => {
    expect(engine.configure()).toBe(abi.ERROR_ALREADY_CONFIGURED);
  });

  test("for any configuration record", async () => {
    const records = fc.oneof(
      fc.uint8Array({ minLength: abi.CONFIG_SIZE, maxLength: abi.CONFIG_SIZE }),
      fc.tuple(fc.nat(abi.CONFIG_FLAGS_AT / 4), u32).map(([field, value]) => {
        const record = encodeEngineConfig(smallConfig(smallModel()));
        new DataView(record.buffer).setUint32(field * 4, field === 0 ? value % (1 << 24) : value, true);
        return record;
      }),
    );
    await fc.assert(
      fc.asyncProperty(records, async (record) => {
        const raw = await rawEngine(record);
        expectCode(raw.configure());
        expectCode(raw.loadPolicy(0, 64));
      }),
      { numRuns: 150 * FACTOR },
    );
  });

  test("for the last instant of all, whichever way it comes", () => {
    sendRaw(engine, mixedTraffic(3, 1));
    expect(engine.passTime(0xffff_ffff, 0xffff_ffff)).toBe(abi.OK);
    expect(engine.advance(0xffff_ffff, 0xffff_ffff)).toBe(abi.OK);
  });

  test("for any arguments", () => {
    fc.assert(
      fc.property(u32, u32, (a, b) => {
        engine.regionAt(a);
        engine.regionSize(a);
        expectCode(engine.setGateway(a, b));
        expectCode(engine.setReachable(a, b));
        expectCode(engine.nodeLost(a));
        expectCode(engine.locate(a), [a]);
        expectCode(engine.feedback(a, b % 4));
        expectCode(engine.setActive(a, b, a, b));
        expectCode(engine.setActive(a % 4, b % 4, a, b));
        expectCode(engine.loadPolicy(a, b));
        expectCode(engine.process(a), [a]);
        expectCode(engine.passTime(a, b));
        expectCode(engine.advance(a, b));
      }),
      RUNS,
    );
  });

  test("for any frame records over any bytes", () => {
    const record = fc.record({
      offset: fc.oneof(fc.nat(600), u32),
      captured: fc.oneof(fc.nat(200), u32),
      wire: fc.oneof(fc.nat(200), u32),
      hook: fc.oneof(fc.constantFrom(abi.HOOK_FROM_ENDPOINT, abi.HOOK_FROM_NETWORK), fc.nat(255)),
      link: fc.oneof(fc.integer({ min: 1, max: abi.LINK_COUNT - 1 }), fc.nat(255)),
      flags: fc.nat(0xffff),
      time: fc.oneof(fc.bigInt(0n, 1n << 40n), fc.bigInt(0n, (1n << 64n) - 1n)),
    });
    fc.assert(
      fc.property(fc.array(record, { maxLength: 64 }), fc.uint8Array({ maxLength: 800 }), (records, bytes) => {
        region(engine, abi.REGION_ARENA).set(bytes);
        const { buffer } = engine.memory;
        records.forEach((fields, i) => {
          const view = new DataView(
            buffer,
            (engine.regionAt(abi.REGION_FRAMES) >>> 0) + i * abi.FRAME_SIZE,
            abi.FRAME_SIZE,
          );
          view.setUint32(abi.FRAME_OFFSET_AT, fields.offset, true);
          view.setUint32(abi.FRAME_CAPTURED_AT, fields.captured, true);
          view.setUint32(abi.FRAME_WIRE_AT, fields.wire, true);
          view.setUint8(abi.FRAME_HOOK_AT, fields.hook);
          view.setUint8(abi.FRAME_LINK_AT, fields.link);
          view.setUint16(abi.FRAME_FLAGS_AT, fields.flags, true);
          view.setBigUint64(abi.FRAME_TIME_AT, fields.time, true);
        });
        expectCode(engine.process(records.length), [records.length]);
      }),
      RUNS,
    );
  });

  test("for frames of every link type and length whose bytes end at the arena's end", () => {
    const arena = region(engine, abi.REGION_ARENA);
    const frames = mixedTraffic(200, 3).filter(({ bytes }) => bytes.length > 60);
    const view = new DataView(engine.memory.buffer, engine.regionAt(abi.REGION_FRAMES) >>> 0, abi.FRAME_SIZE);
    expect(frames.length).toBeGreaterThan(20);
    for (const { bytes, hook } of frames.slice(0, 20)) {
      for (let link = 1; link < abi.LINK_COUNT; link++) {
        for (let length = 0; length <= bytes.length; length++) {
          arena.set(bytes.subarray(0, length), arena.length - length);
          view.setUint32(abi.FRAME_OFFSET_AT, arena.length - length, true);
          view.setUint32(abi.FRAME_CAPTURED_AT, length, true);
          view.setUint32(abi.FRAME_WIRE_AT, bytes.length, true);
          view.setUint8(abi.FRAME_HOOK_AT, hook === "from-endpoint" ? abi.HOOK_FROM_ENDPOINT : abi.HOOK_FROM_NETWORK);
          view.setUint8(abi.FRAME_LINK_AT, link);
          if (engine.process(1) !== 1) expect.fail(`link ${link}, length ${length}`);
        }
      }
    }
  });

  test("for any bytes as a policy blob, and for any change of a right one", () => {
    const changes = fc.array(fc.tuple(fc.nat(blob.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    const words = fc.array(fc.tuple(fc.nat(blob.length / 4 - 1), u32), { minLength: 1, maxLength: 3 });
    const changed = fc.tuple(changes, words, fc.boolean()).map(([bytes, values, byWord]) => {
      const copy = Uint8Array.from(blob);
      if (byWord) for (const [at, value] of values) new DataView(copy.buffer).setUint32(at * 4, value, true);
      else for (const [at, value] of bytes) copy[at] = value;
      return copy;
    });
    const traffic = mixedTraffic(30, 5);
    const codes = new Set<number>();
    fc.assert(
      fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 400 })), (bytes) => {
        region(engine, abi.REGION_ARENA).set(bytes);
        const code = engine.loadPolicy(0, bytes.length);
        expectCode(code);
        codes.add(code);
        if (code === abi.OK) sendRaw(engine, traffic);
      }),
      { numRuns: 2000 * FACTOR },
    );
    expect([...codes].sort((a, b) => a - b).slice(-1)).toEqual([abi.OK]);
    expect(codes.size).toBeGreaterThan(4);
  });

  test("for any change of a saved state, refused or taken", () => {
    sendRaw(engine, mixedTraffic(60, 9));
    const state = region(engine, abi.REGION_STATE).slice();
    const used = [...state.keys()].filter((at) => state[at] !== 0);
    expect(used.length).toBeGreaterThan(500);
    const traffic = mixedTraffic(40, 13);
    const changes = fc.array(fc.tuple(fc.oneof(fc.constantFrom(...used), fc.nat(state.length - 1)), fc.nat(255)), {
      minLength: 1,
      maxLength: 8,
    });
    const codes = new Set<number>();
    fc.assert(
      fc.property(changes, (bytes) => {
        const target = region(engine, abi.REGION_STATE);
        target.set(state);
        for (const [at, value] of bytes) target[at] = value;
        const code = engine.restore();
        expectCode(code);
        codes.add(code);
        sendRaw(engine, traffic);
        expectCode(engine.advance(0xffff_ffff, 0x7000_0000));
      }),
      { numRuns: 5000 * FACTOR },
    );
    expect([...codes].sort()).toEqual([abi.ERROR_BAD_STATE, abi.OK]);
  });
});

/** Frames one at a time at the start of the arena, below the Engine class. */
function sendRaw(engine: EngineExports, frames: ReturnType<typeof mixedTraffic>): void {
  const arena = region(engine, abi.REGION_ARENA);
  const view = new DataView(engine.memory.buffer, engine.regionAt(abi.REGION_FRAMES) >>> 0, abi.FRAME_SIZE);
  for (const { bytes, hook, wire, atNs } of frames) {
    arena.set(bytes);
    view.setUint32(abi.FRAME_OFFSET_AT, 0, true);
    view.setUint32(abi.FRAME_CAPTURED_AT, bytes.length, true);
    view.setUint32(abi.FRAME_WIRE_AT, wire!, true);
    view.setUint8(abi.FRAME_HOOK_AT, hook === "from-endpoint" ? abi.HOOK_FROM_ENDPOINT : abi.HOOK_FROM_NETWORK);
    view.setUint8(abi.FRAME_LINK_AT, abi.LINK_ETHERNET);
    view.setUint16(abi.FRAME_FLAGS_AT, 0, true);
    view.setBigUint64(abi.FRAME_TIME_AT, atNs!, true);
    if (engine.process(1) !== 1) expect.fail("a batch of one frame was refused");
  }
}

describe("memory", () => {
  test("stands still over 200,000 frames, and every view taken before stays valid", async () => {
    const engine = await startEngine(smallModel());
    const size = engine.memory.size;
    const { arena } = engine;
    const traffic = mixedTraffic(20_000, 21);
    for (let round = 0; round < 10; round++) run(engine, traffic, 1024);
    const { actions } = engine.counters();
    expect(Object.values(actions).reduce((sum, count) => sum + count)).toBe(200_000);
    expect(engine.memory.size).toBe(size);
    expect(arena.buffer.byteLength).toBe(size);
  });

  test("is what the configuration needs: the default takes less than 512 MB", async () => {
    const engine = await createEngine(smallConfig(smallModel(), { connections: 512 << 10 }));
    expect(engine.memory.size).toBeLessThan(512_000_000);
  });
});
