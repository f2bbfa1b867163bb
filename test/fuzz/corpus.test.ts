import { expect, it } from "vitest";
import { readCorpus } from "./corpus.js";
import { TARGET_NAMES, TARGETS } from "./targets/index.js";

/** Replays take their time. */
const TWICE_EVERY = 4;

it.each(TARGET_NAMES)(
  "T59 %s: every seed and every input of the corpus is taken without a finding, and comes to the same again",
  async (name) => {
    const target = await TARGETS[name].start();
    const inputs = [...target.seeds(), ...readCorpus(name)];
    expect(inputs.length).toBeGreaterThan(1);
    for (const [i, input] of inputs.entries()) {
      const first = [...(await target.execute(input))];
      if (i % TWICE_EVERY === 0) expect([...(await target.execute(input))]).toEqual(first);
    }
  },
  600_000,
);
