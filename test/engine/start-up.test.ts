import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CONFIG_SIZE } from "../../assembly/abi.js";
import { compilePolicy } from "../../src/engine/blob.js";
import { startEngine } from "../../src/engine/engine.js";
import { DEFAULT_ENGINE_CONFIG } from "../../src/engine/engine-config.js";
import { instantiateEngine } from "../../src/engine/load.js";
import { packageFile } from "../../src/platform/node/wasm.js";
import { moduleFigures } from "../gate/module.js";
import { ethernet, ipv4, text, udp } from "../support/frames.js";
import { runOne, smallConfig } from "./harness.js";
import { egress, endpoint, model, node, policy, policySet, smallModel } from "./model.js";

// What a start leaves alone: memory that a runtime gives is zero already, and costs nothing until somebody writes to it. How many
// instructions and pages it takes is counted by the gate (test/system/gate.test.ts).

const PAGE = 4096;

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

  test("configure writes to none of the 162 MiB that it lays out", async () => {
    const exports = await instantiateEngine();
    const before = new Uint8Array(exports.memory.buffer).slice();
    startEngine(DEFAULT_ENGINE_CONFIG, exports);
    const after = new Uint8Array(exports.memory.buffer);
    expect(after.length).toBe(2584 * 65536);
    after.fill(0, exports.configAt(), exports.configAt() + CONFIG_SIZE);
    expect(Buffer.compare(after.subarray(0, before.length), before)).toBe(0);
    expect(pagesInUse(exports.memory.buffer)).toEqual(pagesInUse(before.buffer));
  });

  test("four calls lead to the first frame, which leaves, with 161 of 41,344 pages written to", async () => {
    const exports = await instantiateEngine();
    const engine = startEngine(DEFAULT_ENGINE_CONFIG, exports);
    engine.loadPolicy(compilePolicy(smallModel()));
    expect(runOne(engine, request("198.51.100.1")).action).toBe("snat");
    expect(pagesInUse(exports.memory.buffer).length).toBeLessThanOrEqual(161);
  });
});

test("policies that come one after the other find nothing of larger ones before, in either copy of the tables", async () => {
  const remotes = Array.from({ length: 40 }, (_, i) => `198.51.100.${i + 1}`);
  const selecting = (count: number) =>
    model({
      nodes: [node("gw", "172.18.0.2")],
      egresses: [egress("gw", "203.0.113.1")],
      policies: [policy("only", [0])],
      policySets: [policySet(Object.fromEntries(remotes.slice(0, count).map((remote) => [`${remote}/32`, 0])))],
      endpoints: [endpoint("pod", [POD])],
    });
  const engine = startEngine(smallConfig(selecting(remotes.length)), await instantiateEngine());
  const selected = [40, 40, 2, 1, 40, 3].map((count) => {
    engine.loadPolicy(compilePolicy(selecting(count)));
    return remotes.filter((remote) => runOne(engine, request(remote)).action === "snat").length;
  });
  expect(selected).toEqual([40, 40, 2, 1, 40, 3]);
});
