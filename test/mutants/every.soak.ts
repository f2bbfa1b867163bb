import { expect, it } from "vitest";
import { MUTANTS } from "./mutants.js";
import { runAgainst } from "./run.js";

it("an engine without a bug passes all NAT tests", async () => {
  const { passed, failed } = await runAgainst([], [], 0);
  expect(failed).toEqual([]);
  console.log(`control: ${passed} tests passed`);
});

/** Runs the file that is meant to notice the mutant and, where that does not, all others; whichever test fails first ends the run. */
it.each(MUTANTS)("$what", async (mutant) => {
  const meant = (await runAgainst([mutant], [mutant.killer], 1)).failed[0];
  const first = meant ?? (await runAgainst([mutant], [], 1)).failed[0];
  expect(first).toBeDefined();
  const name = first?.replace("test/", "").replace(".test.ts", "");
  console.log(`| ${mutant.what} | ${meant ? "" : "other file: "}${name} |`);
});
