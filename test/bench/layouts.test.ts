import { describe, expect, it, test } from "vitest";
import { instantiateKernel } from "../../src/bench/kernel.js";
import { filled, insertions, type LayoutName, lookups, OTHER_LAYOUTS } from "../../src/bench/layouts.js";

const LAYOUTS: readonly LayoutName[] = ["linear", "wide", ...OTHER_LAYOUTS];
const NO_KEY = 0xffffffff;

describe.each(LAYOUTS)("the layout %s", (name) => {
  it("finds every key that was entered in a line of its own, and none of as many others", async () => {
    for (const connections of [1, 7, 500, 20_000]) {
      const { exports, keys } = await filled(connections, name);
      expect(keys).toBe(connections * 2);
      if (name !== "wide") expect(exports.layoutUsed() >>> 0).toBe(keys);
      const wrong: number[] = [];
      for (let key = 0; key < keys * 2; key++) {
        if (exports.layoutFind(key) >>> 0 !== (key < keys ? key : NO_KEY)) wrong.push(key);
      }
      expect(wrong).toEqual([]);
    }
  });

  it("finds what is there and nothing else in every way of going ahead, also where a block is not full", async () => {
    const { exports } = await filled(3000, name);
    for (const ahead of [0, 1, 2]) {
      for (const count of [1, 63, 64, 65, 10_000]) {
        expect(exports.layoutLookup(count, 5, ahead, 0)).toBe(count);
        expect(exports.layoutLookup(count, 5, ahead, 1)).toBe(0);
      }
    }
  });

  it("is empty after it was cleared, and takes the same keys again", async () => {
    const { exports, keys } = await filled(500, name);
    exports.layoutClear();
    expect(exports.layoutLookup(1000, 5, 1, 0)).toBe(0);
    if (name !== "wide") expect(exports.layoutUsed()).toBe(0);
    expect(exports.layoutInsert(0, keys)).toBe(keys);
    expect(exports.layoutLookup(1000, 5, 1, 0)).toBe(1000);
  });
});

test("a cuckoo table moves lines to make room: 19 of 20 can be used, and all keys are still found", async () => {
  const { exports, keys } = await filled(2000, "cuckoo");
  const before = exports.layoutMoved();
  expect(before).toBeGreaterThan(0);
  expect(before).toBeLessThan(keys / 20);
  const more = 5700 - keys;
  expect(exports.layoutInsert(keys, more)).toBe(more);
  expect(exports.layoutUsed()).toBe(5700);
  expect(exports.layoutMoved()).toBeGreaterThan(before + 500);
  for (let key = 0; key < 5700; key++) expect(exports.layoutFind(key)).toBe(key);
  for (let key = 5700; key < 12_000; key++) expect(exports.layoutFind(key) >>> 0).toBe(NO_KEY);
});

test("a cuckoo table that is full refuses keys and keeps what it has", async () => {
  const { exports, keys } = await filled(1000, "cuckoo");
  const placed = keys + exports.layoutInsert(keys, 1500);
  expect(placed).toBeLessThanOrEqual(3000);
  expect(placed).toBeGreaterThan(2900);
  expect(exports.layoutUsed()).toBe(placed);
  const found = Array.from({ length: keys + 1500 }, (_, key) => exports.layoutFind(key) >>> 0);
  expect(found.slice(0, keys)).toEqual(Array.from({ length: keys }, (_, key) => key));
  expect(found.filter((key) => key !== NO_KEY).length).toBe(placed);
});

test("no figure is given for a table that lost its keys, or that is found to hold others", async () => {
  const table = await filled(500, "swiss");
  expect(() => lookups(table, 1).verify()).not.toThrow();
  expect(() => lookups(table, 1, true).verify()).not.toThrow();
  expect(() => insertions(table).verify()).not.toThrow();
  table.exports.layoutInsert(table.keys, 400);
  expect(() => lookups(table, 1, true).verify()).toThrow(/layout swiss: found \d+ keys, expected 0/);
  table.exports.layoutClear();
  expect(() => lookups(table, 1).verify()).toThrow(/layout swiss: found 0 keys, expected 131072/);
  const short = insertions({ ...table, keys: table.keys + 1 });
  table.exports.layoutInsert = () => table.keys;
  expect(() => short.verify()).toThrow(/layout swiss: placed 1000 keys in 0 lines, expected 1001/);
});

test("a layout that there is not is refused", async () => {
  const exports = await instantiateKernel();
  expect(exports.layoutFill(100, 5)).toBe(0);
});
