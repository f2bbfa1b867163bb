import { describe, expect, it } from "vitest";
import { compareFigures, differentTools, type Figures, type GateRow, printGate, type StartFigures } from "./figures.js";
import { moduleFigures } from "./module.js";

const NO_LINES = { policy: 0, tags: 0, conntrack: 0, ports: 0, addresses: 0, fragments: 0 };
const MODULE = { bytes: 60_000, code: 59_000, data: 30, memory: 1 };
const TOOLS = { gcc: "12.2.0", wasm2c: "1.0.32", valgrind: "3.19.0", asc: "0.28.20", arch: "x64" };

function figures(instructions: number, conntrack = 512, name = "tcp-forward"): Figures {
  const cases = { [name]: { instructions, lines: { ...NO_LINES, conntrack } } };
  return { tools: TOOLS, frames: 256, cases, module: MODULE, starts: {} };
}

const START = {
  instructions: { instantiate: 100, configure: 400, loadPolicy: 20_000, "first frame": 3000 },
  touched: 15,
  memory: 9,
};

function starts(more: Partial<StartFigures> = {}, module = MODULE): Figures {
  return { ...figures(400), cases: {}, module, starts: { "start-small": { ...START, ...more } } };
}

/** What is not the same, of a start. */
function changes(now: Figures): string[] {
  return compareFigures(starts(), now).flatMap(({ name, what, verdict }) =>
    verdict === "same" ? [] : [`${name} ${what} ${verdict}`],
  );
}

function verdicts(rows: readonly GateRow[]): string[] {
  return rows.filter(({ name }) => name !== "module").map(({ what, verdict }) => `${what} ${verdict}`);
}

describe("figures beside the baseline", () => {
  it.each([
    [400, "same"],
    [404, "same"],
    [404.1, "worse"],
    [396, "same"],
    [395.9, "better"],
  ])("400 instructions that are now %d are %s", (now, verdict) => {
    expect(verdicts(compareFigures(figures(400), figures(now)))).toEqual([
      `instructions ${verdict}`,
      "conntrack lines same",
    ]);
  });

  it.each([
    [513, "worse"],
    [511, "better"],
  ])("512 lines that are now %d are %s: there is no tolerance", (now, verdict) => {
    expect(verdicts(compareFigures(figures(400), figures(400, now)))).toEqual([
      "instructions same",
      `conntrack lines ${verdict}`,
    ]);
  });

  it("lines of a table that the baseline's frames never touched are worse", () => {
    const rows = compareFigures(figures(400, 0), figures(400, 1));
    expect(verdicts(rows)).toEqual(["instructions same", "conntrack lines worse"]);
  });

  it("a case that only one side has is new or gone, never passed over", () => {
    const rows = compareFigures(figures(400), figures(400, 512, "udp-forward"));
    const cases = rows.filter(({ name }) => name !== "module");
    expect(cases.map(({ name, verdict }) => `${name} ${verdict}`)).toEqual([
      ...["tcp-forward gone", "tcp-forward gone", "udp-forward new", "udp-forward new"],
    ]);
  });
});

describe("a start beside the baseline", () => {
  it("is the same within 50 instructions or 1 %, whichever is more", () => {
    const instructions = { ...START.instructions, instantiate: 150, loadPolicy: 20_200 };
    expect(changes(starts({ instructions }))).toEqual([]);
    const off = { ...START.instructions, instantiate: 151, configure: 349, loadPolicy: 20_201 };
    expect(changes(starts({ instructions: off }))).toEqual([
      ...["start-small instantiate worse", "start-small configure better", "start-small loadPolicy worse"],
    ]);
  });

  it("has no tolerance for pages", () => {
    expect(changes(starts({ touched: 16, memory: 8 }))).toEqual([
      ...["start-small pages touched worse", "start-small pages of memory better"],
    ]);
  });

  it("counts the module: 1 % of its bytes, none of its data and memory", () => {
    expect(changes(starts({}, { bytes: 60_600, code: 58_410, data: 30, memory: 1 }))).toEqual([]);
    expect(changes(starts({}, { bytes: 60_601, code: 58_409, data: 31, memory: 2 }))).toEqual([
      ...["module bytes worse", "module bytes of code better", "module bytes of data worse"],
      "module pages of memory worse",
    ]);
  });

  it("that only one side has is new or gone", () => {
    expect(changes(figures(400)).filter((row) => row.startsWith("start"))).toEqual([
      ...["instantiate", "configure", "loadPolicy", "first frame", "pages touched", "pages of memory"].map(
        (what) => `start-small ${what} gone`,
      ),
    ]);
  });
});

it("the module's figures are read from its bytes", () => {
  const section = (id: number, ...body: number[]) => [id, body.length, ...body];
  const wasm = Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(5, 1, 0, 3),
    ...section(10, 0),
    ...section(11, 2, ...[0, 0x41, 0x80, 0x10, 0x0b, 2, 7, 7], ...[0, 0x41, 8, 0x0b, 1, 9]),
  ]);
  expect(moduleFigures(wasm)).toEqual({ bytes: wasm.length, code: 1, data: 3, memory: 3 });
  expect(() => moduleFigures(Uint8Array.of(...wasm.subarray(0, 8), ...section(11, 1, 1, 1, 7)))).toThrow(
    "data segment of kind 1 1",
  );
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
      "case         counted          baseline       now   change",
      "tcp-forward  instructions       400.00    400.00  +0.00 %",
      "tcp-forward  conntrack lines      2.00      2.00  +0.00 %",
      "module       bytes            60000.00  60000.00  +0.00 %",
      "module       bytes of code    59000.00  59000.00  +0.00 %",
      "module       bytes of data       30.00     30.00  +0.00 %",
      "module       pages of memory      1.00      1.00  +0.00 %",
      "",
      "all 6 figures within 1 % (instructions, of starts 50 at least; bytes) and 0 (lines, pages, data) of the baseline",
      "",
    ].join("\n"),
  );
  const off = print(figures(380, 640));
  expect(off).toContain("tcp-forward  instructions       400.00    380.00   −5.00 %  better");
  expect(off).toContain("tcp-forward  conntrack lines      2.00      2.50  +25.00 %  worse");
  expect(off).toContain("1 worse, 1 otherwise off the baseline");
  expect(off).toContain("\n  npm run bench:gate -- --accept\n");
});
