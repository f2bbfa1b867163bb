import { defineConfig } from "vitest/config";
import { sourcePlatform } from "../source-platform.js";

// Every mutant against all NAT tests, by hand: node test/soak/mutants.mjs
export default defineConfig({
  plugins: [sourcePlatform],
  test: {
    include: ["test/mutants/*.soak.ts"],
    testTimeout: 3_600_000,
  },
});
