import { defineConfig } from "vitest/config";
import { sourcePlatform } from "./test/source-platform.js";

export default defineConfig({
  plugins: [sourcePlatform],
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/system/**", "**/node_modules/**"],
    testTimeout: 60_000,
    globalSetup: ["test/global-setup.ts"],
    setupFiles: ["test/setup.ts"],
  },
});
