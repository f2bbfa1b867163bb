import { defineConfig } from "vitest/config";
import { sourcePlatform } from "../source-platform.js";

/** System tests need Debian's tools and, for recording, root; they share the machine's namespaces, so files run one by one. */
export default defineConfig({
  plugins: [sourcePlatform],
  test: {
    include: ["test/system/**/*.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
});
