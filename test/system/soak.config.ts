import { defineConfig } from "vitest/config";
import { sourcePlatform } from "../source-platform.js";

// The long trials against the kernel, as root: npx vitest run --config test/system/soak.config.ts
export default defineConfig({
  plugins: [sourcePlatform],
  test: {
    include: ["test/system/**/*.soak.ts"],
    testTimeout: 3_600_000,
  },
});
