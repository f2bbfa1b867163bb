import { expect, it } from "vitest";
import type { ReplayOptions } from "../../src/replay/options.js";
import { compareWorkers } from "../replay/worker-runs.js";
import { withFolder } from "../support/capture-read.js";
import { DUAL_STACK_FROM } from "./dual-stack.js";
import { rollCase, writeCase } from "./fuzz-case.js";
import { PIECES_FROM } from "./pieces.js";

const FIRST = Number(process.env.SLUICEGATE_WORKERS_SEED ?? 1);
const SEEDS = Number(process.env.SLUICEGATE_WORKERS_SEEDS ?? 2);

/** Replays of one random script in both topologies, with two and three workers and with one. */
function compare(seed: number): Promise<string[]> {
  return withFolder(async (folder) => {
    const base = writeCase(rollCase(seed), folder);
    const found: string[] = [];
    for (const topology of ["single", "cluster"] as const satisfies ReplayOptions["topology"][]) {
      const counts = seed % 2 === 0 ? [2] : [3];
      const result = await compareWorkers({ ...base, topology }, counts);
      found.push(...result.found.map((text) => `seed ${seed}, ${topology}, ${text}`));
    }
    return found;
  });
}

it.each([FIRST, DUAL_STACK_FROM + FIRST, PIECES_FROM + FIRST])(
  "random scripts over random traffic give the same for any number of workers: seeds from %i on",
  async (first) => {
    const found: string[] = [];
    for (let i = 0; i < SEEDS; i++) found.push(...(await compare(first + i)));
    expect(found).toEqual([]);
  },
  600_000,
);
