import { defineConfig } from "vitest/config";
import { sourcePlatform } from "../source-platform.js";

/** The NAT tests against another engine (`run.ts`). */
export default defineConfig({
  plugins: [sourcePlatform],
  test: {
    include: ["test/nat/**/*.test.ts", "test/assembly/**/*.test.ts"],
    testTimeout: 60_000,
    setupFiles: ["test/setup.ts", "test/mutants/setup.ts"],
  },
});
