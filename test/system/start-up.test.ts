import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DEFAULT_ENGINE_CONFIG, type EngineConfig } from "../../src/engine/engine-config.js";
import { CLEARS_TABLE, slowInstance } from "../gate/planted.js";
import { smallConfig } from "../gate/stage.js";
import { startRatio } from "../gate/start-time.js";
import { buildEngine } from "../verify/mutant.js";
import { ROOT } from "./tools.js";

// Start-up in a runtime, from bytes to the first frame that leaves, beside eight starts of the reference kernel in the same turns. What
// the gate counts it holds to the percent; this tells what only a runtime does. What is too slow is measured again, up to twice.

const REFERENCE = readFileSync(join(ROOT, "build/reference.wasm"));
const TURNS = 30;
const ATTEMPTS = 3;

/** About twice what was measured at a load of up to 5, and half of what the slower engines below come to (docs/performance.md). */
const STARTS = [
  { name: "small tables", config: smallConfig(), bound: 2.5, slower: slowInstance(1 << 22) },
  { name: "the default configuration", config: DEFAULT_ENGINE_CONFIG, bound: 15, slower: CLEARS_TABLE },
] as const;

function isTooSlow(wasm: Uint8Array, config: EngineConfig, bound: number): number[] {
  const ratios: number[] = [];
  while (ratios.length < ATTEMPTS) {
    ratios.push(startRatio(wasm, REFERENCE, config, TURNS));
    if (ratios.at(-1)! <= bound) return [];
  }
  return ratios;
}

describe.each(STARTS)("a start with $name", ({ config, bound, slower }) => {
  test(`takes at most ${bound} times as long as the yardstick's`, () => {
    expect(isTooSlow(readFileSync(join(ROOT, "build/engine.wasm")), config, bound)).toEqual([]);
  });

  test("is told from one that is slower on purpose", async () => {
    expect(isTooSlow(await buildEngine([slower]), config, bound)).toHaveLength(ATTEMPTS);
  });
});
