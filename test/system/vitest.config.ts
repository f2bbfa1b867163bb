import { defineConfig } from "vitest/config";

/** System tests need Debian's tools and, for recording, root; they share the machine's namespaces, so files run one by one. */
export default defineConfig({
  test: {
    include: ["test/system/**/*.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
});
