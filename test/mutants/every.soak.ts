import { expect, it } from "vitest";
import { MUTANTS } from "./mutants.js";
import { runAgainst } from "./run.js";

it("an engine without a bug passes all NAT tests", async () => {
  const { passed, failed } = await runAgainst([], [], 0);
  expect(failed).toEqual([]);
  console.log(`control: ${passed} tests passed`);
});

it.each(MUTANTS)("$what", async (mutant) => {
  // Whichever test fails first ends the run.
  const [first] = (await runAgainst([mutant], [], 1)).failed;
  expect(first).toBeDefined();
  console.log(`| ${mutant.what} | ${first?.replace("test/", "").replace(".test.ts", "")} |`);
});
