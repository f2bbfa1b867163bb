import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compareFigures, differentTools, type Figures, type GateRow, printGate } from "../gate/figures.js";
import { measureEngine } from "../gate/measure.js";
import {
  CLEARS_INDEXES,
  CLEARS_TABLE,
  MORE_DATA,
  MORE_INSTRUCTIONS,
  ONE_MORE_LINE,
  ONE_MORE_PAGE,
  slowInstance,
} from "../gate/planted.js";
import type { Mutation } from "../verify/mutant.js";
import { missing, ROOT } from "./tools.js";

// The regression gate (docs/performance.md): `npm run bench:gate` counts the same. Engines that are slower on purpose show that it can fail.

const absent = missing(["gcc", "wasm2c", "valgrind"]);
const baseline = JSON.parse(readFileSync(join(ROOT, "test/gate/baseline.json"), "utf8")) as Figures;

/** What the gate says about an engine with `mutations`, by case and what is counted. */
async function verdicts(...mutations: Mutation[]) {
  const rows = compareFigures(baseline, await measureEngine(mutations));
  return (name: string, what: string) =>
    rows.find((row: GateRow) => row.name === name && row.what === what)?.verdict ?? "not counted";
}

describe.skipIf(absent)(`the regression gate${absent && ` (missing: ${absent})`}`, () => {
  it("counts what the baseline says for the engine as it is", async () => {
    const now = await measureEngine();
    expect(differentTools(baseline, now)).toBeUndefined();
    const rows = compareFigures(baseline, now);
    const off = rows.filter(({ verdict }) => verdict !== "same");
    expect(off, printGate(rows, "npm run bench:gate -- --accept")).toEqual([]);
  });

  it("tells what more is done per frame, which line more is touched, and a table that is cleared although it is zero", async () => {
    const verdictOf = await verdicts(MORE_INSTRUCTIONS, ONE_MORE_LINE, CLEARS_TABLE);
    for (const name of ["tcp-forward", "tcp-reverse", "udp-forward"]) {
      expect([name, verdictOf(name, "instructions")]).toEqual([name, "worse"]);
      expect([name, verdictOf(name, "conntrack lines")]).toEqual([name, "same"]);
    }
    expect(verdictOf("tcp-new", "conntrack lines")).toBe("worse");
    expect(verdictOf("tcp-new", "instructions")).toBe("same");
    for (const name of ["start-small", "start-default"]) {
      for (const what of ["configure", "pages touched"]) {
        expect([name, what, verdictOf(name, what)]).toEqual([name, what, "worse"]);
      }
      for (const what of ["instantiate", "loadPolicy", "pages of memory"]) {
        expect([name, what, verdictOf(name, what)]).toEqual([name, what, "same"]);
      }
    }
  });

  it("tells an engine that starts more slowly, whatever the reason, and frames that cost the same", async () => {
    const verdictOf = await verdicts(CLEARS_INDEXES, MORE_DATA, ONE_MORE_PAGE, slowInstance(1024));
    for (const what of ["instantiate", "loadPolicy", "pages touched", "pages of memory"]) {
      expect([what, verdictOf("start-default", what)]).toEqual([what, "worse"]);
    }
    for (const what of ["configure", "first frame"]) {
      expect([what, verdictOf("start-default", what)]).toEqual([what, "same"]);
    }
    for (const what of ["bytes", "bytes of data"]) expect([what, verdictOf("module", what)]).toEqual([what, "worse"]);
    for (const name of Object.keys(baseline.cases)) {
      expect([name, verdictOf(name, "instructions")]).toEqual([name, "same"]);
    }
  });
});
