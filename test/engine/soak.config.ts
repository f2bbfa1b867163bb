import { defineConfig } from "vitest/config";
import { sourcePlatform } from "../source-platform.js";

// The long trials of the engine room, by hand: npx vitest run --config test/engine/soak.config.ts
export default defineConfig({
  plugins: [sourcePlatform],
  test: {
    include: ["test/engine/*.soak.ts", "test/engine/fuzz.test.ts", "test/nat/model.test.ts"],
    env: { SLUICEGATE_FUZZ_FACTOR: "100", SLUICEGATE_MODEL_RUNS: "10000" },
    testTimeout: 3_600_000,
    execArgv: ["--expose-gc"],
  },
});
