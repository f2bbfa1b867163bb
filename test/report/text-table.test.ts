import { describe, expect, test } from "vitest";
import { bar, textTable } from "../../src/report/text-table.js";
import { bytes, count, counted, duration, percent, rate } from "../../src/report/units.js";

test("a table is as wide as its cells need, numbers stand right, and no line ends in spaces", () => {
  const lines = textTable(
    [{ title: "node" }, { title: "frames", align: "right" }, { title: "" }],
    [
      ["gateway-1", "7", "█▌"],
      ["b", "12,345", ""],
    ],
    { indent: "  " },
  );
  expect(lines).toEqual(["  node       frames", "  gateway-1       7  █▌", "  b          12,345"]);
});

describe("a bar", () => {
  test.each([
    [0, ""],
    [1, "████"],
    [2, "████"],
    [0.5, "██"],
    [1 / 32, "▏"],
    [0.0001, "▏"],
    [0.999, "████"],
    [Number.NaN, ""],
  ])("for a share of %d", (share, text) => {
    expect(bar(share, 4)).toBe(text);
  });
});

describe("units", () => {
  test.each([
    [count(1234567), "1,234,567"],
    [counted(1, "frame"), "1 frame"],
    [counted(0, "frame"), "0 frames"],
    [bytes(0), "0 B"],
    [bytes(1023), "1023 B"],
    [bytes(1024), "1.0 KiB"],
    [bytes(150 * 1024), "150 KiB"],
    [bytes(3.5 * 1024 ** 3), "3.5 GiB"],
    [percent(1, 3), "33.3 %"],
    [percent(1, 1e6), "<0.1 %"],
    [percent(0, 5), "0.0 %"],
    [percent(0, 0), "–"],
    [duration(48.26), "48.3 ns"],
    [duration(1240), "1.24 µs"],
    [duration(12_300_000), "12.3 ms"],
    [duration(4.561e9), "4.56 s"],
    [rate(999), "999"],
    [rate(12_345), "12.3 k"],
    [rate(1_234_567), "1.2 M"],
  ])("%s is %s", (got, wanted) => {
    expect(got).toBe(wanted);
  });
});
