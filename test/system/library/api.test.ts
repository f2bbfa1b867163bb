import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

test("every name that the library exports is documented, and none speaks of types that are not exported", () => {
  const args = ["node_modules/typedoc/bin/typedoc", "--emit", "none", "--logLevel", "Warn"];
  expect(execFileSync(process.execPath, args, { encoding: "utf8" }).trim()).toBe("");
});
