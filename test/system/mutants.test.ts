import { describe, expect, it } from "vitest";
import { MUTANTS } from "../mutants/mutants.js";
import { runAgainst } from "../mutants/run.js";

// The NAT tests are tested here: engines with one bug each, against the file that is meant to notice it. All mutants against all files:
// node test/soak/mutants.mjs (docs/fuzzing.md).

const SHORT = MUTANTS.flatMap((mutant) => (mutant.test === undefined ? [] : [{ ...mutant, test: mutant.test }]));

describe("the NAT tests", () => {
  it("pass for an engine that is built the same way without a bug", async () => {
    const killers = [...new Set(SHORT.map(({ killer }) => killer))];
    const run = await runAgainst(
      [],
      killers,
      0,
      SHORT.map(({ test }) => test),
    );
    expect(run.failed).toEqual([]);
    expect(run.passed).toBeGreaterThanOrEqual(killers.length);
  });

  it.each(SHORT)("fail for an engine in which $what", async (mutant) => {
    expect((await runAgainst([mutant], [mutant.killer], 1, [mutant.test])).failed).not.toEqual([]);
  });
});
