import { describe, expect, test } from "vitest";
import * as abi from "../../assembly/abi.js";
import { compilePolicy } from "../../src/engine/blob.js";
import { createEngine, startEngine } from "../../src/engine/engine.js";
import { DEFAULT_ENGINE_CONFIG, type EngineConfig, encodeEngineConfig } from "../../src/engine/engine-config.js";
import { type EngineExports, instantiateEngine } from "../../src/engine/load.js";
import { EngineError } from "../../src/errors.js";
import { fingerprint, run, smallConfig } from "./harness.js";
import { limitedEngine } from "./limited-module.js";
import { smallModel } from "./model.js";
import { mixedTraffic } from "./traffic.js";

// A runtime that refuses memory.grow (docs/abi.md, docs/sandbox.md). V8 does for a module whose memory has a maximum.

const PAGE = 65536;
const SMALL = smallConfig(smallModel());
const SMALL_PAGES = await pagesOf(SMALL);

/** Pages of the memory that a configuration comes to where there is no limit. */
async function pagesOf(config: EngineConfig): Promise<number> {
  const exports = await instantiateEngine();
  startEngine(config, exports);
  return exports.memory.buffer.byteLength / PAGE;
}

function configure(exports: EngineExports, config: EngineConfig): number {
  new Uint8Array(exports.memory.buffer).set(encodeEngineConfig(config), exports.configAt());
  return exports.configure();
}

describe("an engine whose memory may not grow as far as its configuration needs", () => {
  test("says ERROR_MEMORY and takes nothing: not a page, and no window onto the memory goes stale", async () => {
    const exports = await instantiateEngine(limitedEngine(SMALL_PAGES - 1));
    const buffer = exports.memory.buffer;
    expect(configure(exports, SMALL)).toBe(abi.ERROR_MEMORY);
    expect(exports.memory.buffer).toBe(buffer);
    expect(buffer.byteLength).toBe(PAGE);
  });

  test("is not configured: regions are empty, and every call says so", async () => {
    const exports = await instantiateEngine(limitedEngine(SMALL_PAGES - 1));
    configure(exports, SMALL);
    for (let region = 0; region <= abi.REGION_COUNT; region++) {
      expect([region, exports.regionAt(region), exports.regionSize(region)]).toEqual([region, 0, 0]);
    }
    const calls: Record<string, () => number> = {
      loadPolicy: () => exports.loadPolicy(0, 64),
      setGateway: () => exports.setGateway(0, 1),
      setReachable: () => exports.setReachable(0, 1),
      nodeLost: () => exports.nodeLost(0),
      setOwnNode: () => exports.setOwnNode(0),
      locate: () => exports.locate(1),
      feedback: () => exports.feedback(0, 0),
      setActive: () => exports.setActive(0, 0, 1, 0),
      process: () => exports.process(1),
      advance: () => exports.advance(1, 0),
      passTime: () => exports.passTime(1, 0),
      restore: () => exports.restore(),
    };
    const told = Object.entries(calls).map(([name, call]) => [name, call()]);
    expect(told).toEqual(Object.keys(calls).map((name) => [name, abi.ERROR_NOT_CONFIGURED]));
  });

  test("takes a smaller record afterwards, as often as it takes, and does what an engine without a limit does", async () => {
    const limited = await instantiateEngine(limitedEngine(SMALL_PAGES));
    for (const connections of [8 << 20, 1 << 20, 1 << 17]) {
      expect(configure(limited, { ...DEFAULT_ENGINE_CONFIG, connections })).toBe(abi.ERROR_MEMORY);
    }
    expect(configure(limited, { ...SMALL, connections: 1 })).toBe(abi.ERROR_CONFIG_RANGE);
    const engines = [startEngine(SMALL, limited), await createEngine(SMALL)];
    const [ours, theirs] = engines.map((engine) => {
      engine.loadPolicy(compilePolicy(smallModel()));
      return fingerprint(run(engine, mixedTraffic(600, 7)), engine.counters());
    });
    expect(ours).toBe(theirs);
    expect(limited.memory.buffer.byteLength / PAGE).toBe(SMALL_PAGES);
    expect(configure(limited, SMALL)).toBe(abi.ERROR_ALREADY_CONFIGURED);
  });

  test("starts where the limit is exactly what it needs", async () => {
    const exports = await instantiateEngine(limitedEngine(SMALL_PAGES));
    expect(configure(exports, SMALL)).toBe(abi.OK);
  });

  test("is an EngineError of this package, which says what is too small", async () => {
    const error: unknown = await createEngine(DEFAULT_ENGINE_CONFIG, limitedEngine(SMALL_PAGES)).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(EngineError);
    expect((error as EngineError).message).toContain("the configured tables do not fit");
  });
});
