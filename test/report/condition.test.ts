import { describe, expect, test } from "vitest";
import { parseCondition, type ReportNumbers } from "../../src/report/condition.js";

const NAMES = {
  frames: ["read", "drop", "lost"],
  connections: ["opened", "broken"],
  reasons: ["no-nat-mapping", "lost-and-found"],
  verification: ["framesChecked", "mismatches"],
};
const NUMBERS: ReportNumbers = {
  frames: { read: 100, drop: 3, lost: 0 },
  connections: { opened: 7, broken: 2 },
  reasons: { "no-nat-mapping": 3 },
  verification: { framesChecked: 90, mismatches: 0 },
};

function evaluate(text: string): string[] {
  return parseCondition(text, NAMES).evaluate(NUMBERS);
}

test("the names of a long section are listed in words, after those of the short ones", () => {
  const names = { reasons: Array.from({ length: 13 }, (_, i) => `r${13 - i}`), cuts: ["cut"] };
  expect(() => parseCondition("x>0", names)).toThrow(
    "expected the name of a number: cuts.{cut}, reasons.NAME with NAME one of r1 r10 r11",
  );
});

describe("a condition holds", () => {
  test.each([
    ["drop>0", ["frames.drop is 3, > 0"]],
    ["connections.broken >= 2", ["connections.broken is 2, >= 2"]],
    ["reasons.no-nat-mapping=3", ["reasons.no-nat-mapping is 3, = 3"]],
    ["no-nat-mapping != 0", ["reasons.no-nat-mapping is 3, != 0"]],
    ["lost>0 or drop>0", ["frames.drop is 3, > 0"]],
    ["broken>0 and drop>0", ["connections.broken is 2, > 0", "frames.drop is 3, > 0"]],
    ["not lost>0", ["not (frames.lost > 0)"]],
    ["lost>0 and drop>0 or broken>1", ["connections.broken is 2, > 1"]],
    ["mismatches<1", ["verification.mismatches is 0, < 1"]],
    ["drop>2.5", ["frames.drop is 3, > 2.5"]],
  ])("%s", (text, because) => {
    expect(evaluate(text)).toEqual(because);
  });
});

describe("a condition does not hold", () => {
  test.each([
    "lost>0",
    "drop>3",
    "lost>0 and (drop>0 or broken>0)",
    "not (drop>0)",
    "reasons.lost-and-found>0",
    "verification.mismatches>0",
  ])("%s", (text) => {
    expect(evaluate(text)).toEqual([]);
  });
});

describe("a condition that is wrong names the column and what was expected", () => {
  test.each([
    ["", "column 1 ends, expected the name of a number"],
    ["dorp>0", 'column 1 has "dorp", expected the name of a number: frames.{read,drop,lost}'],
    ["reasons.nonsense>0", 'column 1 has "reasons.nonsense"'],
    ["frames.broken>0", 'column 1 has "frames.broken"'],
    ["drop>", "column 6 ends, expected a number"],
    ["drop>x", 'column 6 has "x", expected a number'],
    ["drop 5", 'column 6 has "5", expected one of > >='],
    ["drop>0 lost>0", 'column 8 has "lost", expected and, or, or the end'],
    ["(drop>0", 'column 8 ends, expected ")"'],
    ["drop>0 and", "column 11 ends"],
    ["drop>0; rm", 'column 7 has ";"'],
    ["constructor>0", 'column 1 has "constructor"'],
    ["__proto__>0", 'column 1 has "_"'],
    [`${"(".repeat(60)}drop>0${")".repeat(60)}`, "at most 50 levels"],
    ["drop>0 or ".repeat(200), "at most 1000 characters"],
  ])("%s", (text, message) => {
    expect(() => evaluate(text)).toThrow(message);
  });
});
