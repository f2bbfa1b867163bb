import { describe, expect, it } from "vitest";
import { compareFigures, differentTools, type Figures, type GateRow, printGate } from "./figures.js";

const NO_LINES = { policy: 0, tags: 0, conntrack: 0, ports: 0, addresses: 0, fragments: 0 };
const TOOLS = { gcc: "12.2.0", wasm2c: "1.0.32", valgrind: "3.19.0", asc: "0.28.20", arch: "x64" };

function figures(instructions: number, conntrack = 512, name = "tcp-forward"): Figures {
  return { tools: TOOLS, frames: 256, cases: { [name]: { instructions, lines: { ...NO_LINES, conntrack } } } };
}

function verdicts(rows: readonly GateRow[]): string[] {
  return rows.map(({ what, verdict }) => `${what} ${verdict}`);
}

describe("figures beside the baseline", () => {
  it.each([
    [400, "same"],
    [404, "same"],
    [404.1, "worse"],
    [396, "same"],
    [395.9, "better"],
  ])("400 instructions that are now %d are %s", (now, verdict) => {
    expect(verdicts(compareFigures(figures(400), figures(now)))).toEqual([`instructions ${verdict}`, "conntrack same"]);
  });

  it.each([
    [513, "worse"],
    [511, "better"],
  ])("512 lines that are now %d are %s: there is no tolerance", (now, verdict) => {
    expect(verdicts(compareFigures(figures(400), figures(400, now)))).toEqual([
      "instructions same",
      `conntrack ${verdict}`,
    ]);
  });

  it("lines of a table that the baseline's frames never touched are worse", () => {
    const rows = compareFigures(figures(400, 0), figures(400, 1));
    expect(verdicts(rows)).toEqual(["instructions same", "conntrack worse"]);
  });

  it("a case that only one side has is new or gone, never passed over", () => {
    const rows = compareFigures(figures(400), figures(400, 512, "udp-forward"));
    expect(rows.map(({ name, verdict }) => `${name} ${verdict}`)).toEqual([
      ...["tcp-forward gone", "tcp-forward gone", "udp-forward new", "udp-forward new"],
    ]);
  });
});

it("figures of other tools are not compared, and the tool is named", () => {
  const other = { ...figures(400), tools: { ...TOOLS, gcc: "14.2.0" } };
  expect(differentTools(figures(400), other)).toBe(
    "gcc is 14.2.0 here, expected 12.2.0, which the baseline was counted with",
  );
  expect(differentTools(figures(400), { ...figures(400), frames: 64 })).toContain("64 frames per case");
  expect(differentTools(figures(400), figures(500))).toBeUndefined();
});

it("what is printed shows every figure and says how to accept a change", () => {
  const print = (now: Figures) => printGate(compareFigures(figures(400), now), "npm run bench:gate -- --accept");
  expect(print(figures(400))).toBe(
    [
      "case         per frame        baseline     now   change",
      "tcp-forward  instructions       400.00  400.00  +0.00 %",
      "tcp-forward  conntrack lines      2.00    2.00  +0.00 %",
      "",
      "all 2 figures within 1 % (instructions) and 0 (lines) of the baseline",
      "",
    ].join("\n"),
  );
  const off = print(figures(380, 640));
  expect(off).toContain("tcp-forward  instructions       400.00  380.00   −5.00 %  better");
  expect(off).toContain("tcp-forward  conntrack lines      2.00    2.50  +25.00 %  worse");
  expect(off).toContain("1 worse, 1 otherwise off the baseline");
  expect(off).toContain("\n  npm run bench:gate -- --accept\n");
});
