import { expect, it } from "vitest";
import { MUTANTS } from "./mutants.js";
import { runAgainst, type TestRun } from "./run.js";

const LISTED = 3;

/** A row of the table in docs/mutants.md. */
function row(what: string, { failed }: TestRun): string {
  const files = [...new Set(failed.map((name) => name.slice(0, name.indexOf(":"))))];
  const named = files.slice(0, LISTED).map((file) => `\`${file.slice("test/".length).replace(".test.ts", "")}\``);
  const more = files.length > LISTED ? ` and ${files.length - LISTED} more` : "";
  return `| ${what} | ${failed.length} | ${named.join(", ")}${more} |`;
}

it("an engine without a bug passes all NAT tests", async () => {
  const { passed, failed } = await runAgainst([], [], 0);
  expect(failed).toEqual([]);
  console.log(`control: ${passed} tests passed`);
});

it.each(MUTANTS)("$what", async (mutant) => {
  const run = await runAgainst([mutant], [], 0);
  console.log(row(mutant.what, run));
  expect(run.failed).not.toEqual([]);
});
