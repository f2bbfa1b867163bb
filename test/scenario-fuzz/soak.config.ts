import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { sourcePlatform } from "../source-platform.js";

// Many scripts, a share of them for each worker process: node test/soak/scenario-fuzz.mjs [SCRIPTS [FIRST SEED]]
const workers = availableParallelism();

export default defineConfig({
  test: {
    maxWorkers: workers,
    projects: Array.from({ length: workers }, (_, worker) => ({
      plugins: [sourcePlatform],
      test: {
        name: `worker ${worker + 1} of ${workers}`,
        include: ["test/scenario-fuzz/scenario-fuzz.soak.ts"],
        env: { SLUICEGATE_FUZZ_WORKER: `${worker}`, SLUICEGATE_FUZZ_WORKERS: `${workers}` },
        // Processes: the engines of two threads would share one address space, of which each reserves much.
        pool: "forks" as const,
        testTimeout: 24 * 3_600_000,
      },
    })),
  },
});
