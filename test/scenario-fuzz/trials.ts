import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunOptions, runSeed } from "./run.js";

/** Every so many trials are run with other batch sizes as well. */
const BATCHES_EVERY = 10;

/**
 * Runs the trial of a seed in a folder of its own, which is removed; with SLUICEGATE_FUZZ_FOLDER set, its files and outputs stay there.
 * @returns nothing where all is well, else what is wrong and how to run the trial alone
 */
export async function runTrial(seed: number, options: RunOptions = {}): Promise<string | undefined> {
  const kept = process.env.SLUICEGATE_FUZZ_FOLDER;
  const folder = kept === undefined ? mkdtempSync(join(tmpdir(), "sluicegate-fuzz-")) : join(kept, `seed-${seed}`);
  try {
    const { findings } = await runSeed(seed, folder, { batches: seed % BATCHES_EVERY === 0, ...options });
    if (findings.length === 0) return undefined;
    const rows = findings.slice(0, 8).map(({ check, text }) => `  ${check}: ${text}`);
    const more = findings.length > rows.length ? [`  and ${findings.length - rows.length} more`] : [];
    return [advice(seed), ...rows, ...more].join("\n");
  } catch (error) {
    return `${advice(seed)}\n  threw ${(error as Error).stack}`;
  } finally {
    if (kept === undefined) rmSync(folder, { recursive: true });
  }
}

function advice(seed: number): string {
  const variables = `SLUICEGATE_FUZZ_SEED=${seed} SLUICEGATE_FUZZ_FOLDER=fuzz-out`;
  return `seed ${seed}; alone, with its files: ${variables} npx vitest run test/scenario-fuzz/scenario-fuzz.test.ts`;
}

/** The trials of `count` seeds from `first` on, `step` apart. @returns what is wrong with the first `most` of those that fail */
export async function runTrials(first: number, count: number, step = 1, most = 10): Promise<string[]> {
  const failures: string[] = [];
  for (let i = 0; i < count && failures.length < most; i++) {
    const failure = await runTrial(first + i * step);
    if (failure === undefined) continue;
    failures.push(failure);
    console.log(failure);
  }
  return failures;
}
