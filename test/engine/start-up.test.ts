import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CONFIG_SIZE, REGION_STATE } from "../../assembly/abi.js";
import { compilePolicy } from "../../src/engine/blob.js";
import { startEngine } from "../../src/engine/engine.js";
import { DEFAULT_ENGINE_CONFIG } from "../../src/engine/engine-config.js";
import { instantiateEngine } from "../../src/engine/load.js";
import { packageFile } from "../../src/platform/node/wasm.js";
import { moduleFigures } from "../gate/module.js";
import { ethernet, ipv4, text, udp } from "../support/frames.js";
import { runOne } from "./harness.js";
import { egress, endpoint, model, node, policy, policySet, smallModel } from "./model.js";

// What a start leaves alone: memory that a runtime gives is zero already, and costs nothing until somebody writes to it. How many
// instructions and pages it takes is counted by the gate (test/system/gate.test.ts).

const PAGE = 4096;
const STATE_HEAD_SIZE = 64;

const POD = "10.0.1.7";

function request(dst: string) {
  const packet = ipv4({ src: POD, dst }, udp({ srcPort: 40_000, dstPort: 53, payload: text("question") }));
  return { hook: "from-endpoint" as const, bytes: ethernet(packet) };
}

/** Pages of 4 KiB in which there is anything but zeros. */
function pagesInUse(memory: ArrayBuffer): number[] {
  const words = new BigUint64Array(memory);
  const perPage = PAGE / 8;
  const pages: number[] = [];
  for (let page = 0; page < words.length / perPage; page++) {
    if (words.subarray(page * perPage, (page + 1) * perPage).some((word) => word !== 0n)) pages.push(page);
  }
  return pages;
}

describe("a start with the default configuration", () => {
  test("an instance begins with one page of 64 KiB, and next to nothing is copied into it", () => {
    const { data, memory } = moduleFigures(readFileSync(packageFile("build", "engine.wasm")));
    expect(memory).toBe(1);
    expect(data).toBeLessThan(64);
  });

  test("configure leaves all of the 162 MiB zero that it lays out", async () => {
    const exports = await instantiateEngine();
    const before = new Uint8Array(exports.memory.buffer).slice();
    startEngine(DEFAULT_ENGINE_CONFIG, exports);
    const after = new Uint8Array(exports.memory.buffer);
    expect(after.length).toBe(2584 * 65536);
    after.fill(0, exports.configAt(), exports.configAt() + CONFIG_SIZE);
    expect(Buffer.compare(after.subarray(0, before.length), before)).toBe(0);
    expect(pagesInUse(exports.memory.buffer)).toEqual(pagesInUse(before.buffer));
  });

  test("the first frame leaves with anything in 161 of 41,344 pages at most", async () => {
    const exports = await instantiateEngine();
    const engine = startEngine(DEFAULT_ENGINE_CONFIG, exports);
    engine.loadPolicy(compilePolicy(smallModel()));
    expect(runOne(engine, request("198.51.100.1")).action).toBe("snat");
    expect(pagesInUse(exports.memory.buffer).length).toBeLessThanOrEqual(161);
  });
});

/** A policy for twelve pods, forty remotes and eight gateways: addresses differ with `which`, the blob's length does not. */
function policyNumber(which: number): Uint8Array<ArrayBuffer> {
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
  const remotes = numbers(40).map((i) => `198.51.${which}.${i}/32`);
  return compilePolicy(
    model({
      nodes: numbers(8).map((i) => node(`gw-${i}`, `172.18.${which}.${i + 1}`)),
      egresses: numbers(8).map((i) => egress(`gw-${i}`, `203.0.${which}.${i}`)),
      policies: [policy("only", [0])],
      policySets: [policySet(Object.fromEntries(remotes.map((remote) => [remote, 0])))],
      endpoints: numbers(12).map((i) => endpoint(`pod-${i}`, [`10.0.${which}.${i}`])),
    }),
  );
}

test("policies that come one after the other leave the memory as if nothing had been there before, both copies of it", async () => {
  const config = { ...DEFAULT_ENGINE_CONFIG, connections: 1024 };
  const after = async (...numbers: number[]) => {
    const exports = await instantiateEngine();
    const engine = startEngine(config, exports);
    for (const number of numbers) {
      engine.loadPolicy(policyNumber(number));
      expect(() => engine.loadPolicy(policyNumber(number).slice(0, 80))).toThrow(/policy-header/);
    }
    // The state begins with clocks, among them the epoch, which counts policies.
    const memory = Buffer.from(exports.memory.buffer);
    const state = exports.regionAt(REGION_STATE) >>> 0;
    return memory.fill(0, state, state + STATE_HEAD_SIZE);
  };
  const fresh = await after(4, 4);
  expect((await after(4)).equals(fresh)).toBe(false);
  expect((await after(1, 2, 4, 4)).equals(fresh)).toBe(true);
  expect((await after(1, 2, 3, 4, 4)).equals(fresh)).toBe(true);
});
