import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compareFigures, differentTools, type Figures, type GateRow, printGate } from "../gate/figures.js";
import { measureEngine } from "../gate/measure.js";
import { MORE_INSTRUCTIONS, ONE_MORE_LINE } from "../gate/planted.js";
import { missing, ROOT } from "./tools.js";

// The regression gate (docs/performance.md): `npm run bench:gate` counts the same. Engines that are slower on purpose show that it can fail.

const absent = missing(["gcc", "wasm2c", "valgrind"]);
const baseline = JSON.parse(readFileSync(join(ROOT, "test/gate/baseline.json"), "utf8")) as Figures;

describe.skipIf(absent)(`the regression gate${absent && ` (missing: ${absent})`}`, () => {
  it("counts what the baseline says for the engine as it is", async () => {
    const now = await measureEngine();
    expect(differentTools(baseline, now)).toBeUndefined();
    const rows = compareFigures(baseline, now);
    const off = rows.filter(({ verdict }) => verdict !== "same");
    expect(off, printGate(rows, "npm run bench:gate -- --accept")).toEqual([]);
  });

  it("tells an engine that does more per frame, and one that touches a line more, where they do", async () => {
    const rows = compareFigures(baseline, await measureEngine([MORE_INSTRUCTIONS, ONE_MORE_LINE]));
    const verdictOf = (name: string, what: string) =>
      rows.find((row: GateRow) => row.name === name && row.what === what)?.verdict;
    for (const name of ["tcp-forward", "tcp-reverse", "udp-forward"]) {
      expect([name, verdictOf(name, "instructions")]).toEqual([name, "worse"]);
      expect([name, verdictOf(name, "conntrack")]).toEqual([name, "same"]);
    }
    expect(verdictOf("tcp-new", "conntrack")).toBe("worse");
    expect(verdictOf("tcp-new", "instructions")).toBe("same");
  });
});
