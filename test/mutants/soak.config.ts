import { defineConfig } from "vitest/config";

// Every mutant against all NAT tests, by hand: node test/soak/mutants.mjs
export default defineConfig({
  test: {
    include: ["test/mutants/*.soak.ts"],
    testTimeout: 3_600_000,
  },
});
