import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { isNamed, type TestNames, testNames } from "./titles.js";

const PAGE = readFileSync("docs/conformance.md", "utf8");
const STATES = ["met", "deliberately not", "not applicable"];

interface Row {
  readonly section: string;
  readonly id: string;
  readonly state: string;
  readonly reason: string;
  readonly tests: readonly { readonly file: string; readonly title: string }[];
}

const ROWS: readonly Row[] = PAGE.split(/^## /m)
  .slice(1)
  .flatMap((part) => {
    const lines = part.split("\n");
    return lines.filter((line) => /^\| [^|]/.test(line)).map((line) => rowOf(lines[0]!, line));
  })
  .filter(({ id }) => id !== "");

function rowOf(section: string, line: string): Row {
  const cells = line.slice(1, -1).split("|");
  expect(cells, line).toHaveLength(5);
  const [id, , state, reason, tests] = cells.map((cell) => cell.trim());
  const named = tests!.split("<br>").filter((text) => text !== "");
  return { section, id: id!, state: state!, reason: reason!, tests: named.map(citation) };
}

function citation(text: string): { file: string; title: string } {
  const [, file, title] = /^`([^`]+)` "(.+)"$/.exec(text) ?? [];
  expect(title, text).toBeDefined();
  return { file: `test/${file}`, title: title! };
}

const req = (last: number, ...more: string[]) => [
  ...Array.from({ length: last }, (_, i) => `REQ-${i + 1}`).filter((id) => !more.includes(`${id}A`)),
  ...more,
];
const upTo = (last: number, prefix = "") => Array.from({ length: last }, (_, i) => `${prefix}${i + 1}`);

/** Every requirement that there is. */
const REQUIREMENTS: Record<string, readonly string[]> = {
  "RFC 4787: UDP": req(14, "REQ-3a"),
  "RFC 5382: TCP": req(10),
  "RFC 5508: ICMP": req(11, "REQ-1a", "REQ-3a", "REQ-3b", "REQ-3c", "REQ-3d"),
  "RFC 7857: updates to these three": [
    "TCP session tracking",
    "TCP transitory timers",
    "TCP RST",
    "Port overlapping",
    "Address pooling paired",
    "EIM protocol independence",
    "EIF protocol independence",
    "EIF mapping refresh",
    "Outbound refresh and error packets",
    "Port parity",
    "Port randomization",
    "IP identification",
    "ICMP query mapping timeout",
    "ICMP hairpinning",
  ],
  "RFC 6888: carrier-grade NAT": req(15, "REQ-11A", "REQ-11B", "REQ-11C", "REQ-11D"),
  "RFC 6056: port choice": upTo(8),
  "RFC 1624: checksums": upTo(12),
  "RFC 4884: ICMP extensions": upTo(5),
  "Cilium: the path of a packet": [
    ...upTo(3, "2."),
    ...upTo(12, "2.4."),
    ...upTo(2, "2.5."),
    ...upTo(6, "2.6."),
    ...upTo(5, "2.7."),
    ...upTo(5, "2.8."),
    ...upTo(7, "2.9."),
  ],
  "Cilium: maps": [...upTo(5, "3.1."), "3.2", "3.3", "3.4"],
  "Cilium: source NAT": [
    ...upTo(5, "4.1."),
    ...upTo(3, "4.2."),
    "4.3",
    ...upTo(10, "4.4."),
    ...upTo(3, "4.5."),
    "4.6",
    "4.7",
  ],
  "Cilium: connection tracking": [...upTo(2, "5.1."), ...upTo(10, "5.2.")],
  "Cilium: drop reasons": [
    ...[132, 134, 135, 137, 139, 141, 142, 143, 147, 153, 154, 155, 157, 160, 163, 167, 168, 169, 171, 173],
    ...[175, 190, 191, 194, 195, 196, 204, 206, 207],
  ].map(String),
};

const read = new Map<string, TestNames>();
function namesOf(file: string): TestNames {
  if (!read.has(file)) read.set(file, testNames(file, readFileSync(file, "utf8")));
  return read.get(file)!;
}

describe("docs/conformance.md", () => {
  test("has the sections that these tests know", () => {
    expect([...new Set(ROWS.map(({ section }) => section))]).toEqual(Object.keys(REQUIREMENTS));
  });

  test.each(Object.entries(REQUIREMENTS))("has one row for each requirement: %s", (section, ids) => {
    // Drop codes of one kind share a row.
    const found = ROWS.filter((row) => row.section === section).flatMap(({ id }) => id.split(", "));
    expect(found.toSorted()).toEqual(ids.toSorted());
  });

  test("knows three states", () => {
    expect(ROWS.filter(({ state }) => !STATES.includes(state))).toEqual([]);
  });

  test("names a test for whatever is met, and says why of everything else", () => {
    const isBare = ({ state, reason, tests }: Row) => (state === "met" ? tests.length === 0 : reason === "");
    expect(ROWS.filter(isBare)).toEqual([]);
  });

  test("names tests that exist", () => {
    const named = ROWS.flatMap(({ tests }) => tests);
    expect(named.length).toBeGreaterThan(100);
    expect(named.filter(({ file, title }) => !existsSync(file) || !isNamed(namesOf(file), title))).toEqual([]);
  });
});

describe("the reader of test files", () => {
  const names = testNames(
    "made-up.test.ts",
    `describe.skipIf(no)("group", () => {
       it("plain", () => {});
       test.each([["one", 1], ["two", 2]])("%s comes to %i", () => {});
       it(\`in \${RUNS} runs\`, run);
       other("no test", () => {});
     });`,
  );

  test("finds titles of tests and groups, also as templates", () => {
    expect(names.titles).toEqual(["group", "plain", "%s comes to %i", `in $\{RUNS} runs`]);
  });

  test.each(["plain", "%s comes to %i", "one comes to 1", `in $\{RUNS} runs`])("knows %j", (title) => {
    expect(isNamed(names, title)).toBe(true);
  });

  test.each(["plai", "plain?", "no test", "three comes to 1", "one comes to", "in 5 runs"])(
    "does not know %j",
    (title) => {
      expect(isNamed(names, title)).toBe(false);
    },
  );
});
