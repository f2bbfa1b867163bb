import { readdirSync, readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { LIBRARY as library, SCRIPT as script } from "#page/assets.js";
import { importsOf } from "../../architecture/rooms.js";

const CLIENT = "src/report/html/client";

describe("the page's script", () => {
  test("is one text without imports and exports, in which every module stands behind those that it needs", () => {
    expect(script).not.toMatch(/^\s*(?:import|export)\b/m);
    const place = (text: string) => script.indexOf(text);
    expect(place("function binsOf(")).toBeGreaterThan(0);
    expect(place("function binsOf(")).toBeLessThan(place("class TimelineView"));
    expect(place("class TimelineView")).toBeLessThan(place("function startCharts("));
    expect(place("function startCharts(")).toBeLessThan(place('getElementById("data")'));
  });

  test("and the library parse, and end no script element", () => {
    for (const text of [script, library]) {
      expect(() => runInNewContext(`() => {${text}}`)).not.toThrow();
      expect(text).not.toMatch(/<\/script|<!--/i);
    }
    expect(
      runInNewContext(`"use strict"; const window = undefined; ${library}; typeof uPlot`, { matchMedia: () => ({}) }),
    ).toBe("function");
  });

  test("imports nothing but its own modules", () => {
    const files = readdirSync(CLIENT).filter((name) => name.endsWith(".ts"));
    expect(files.length).toBeGreaterThan(10);
    const lines = files.flatMap((name) => importsOf(`${CLIENT}/${name}`, readFileSync(`${CLIENT}/${name}`, "utf8")));
    expect(lines.filter(({ target }) => !/^\.\/[\w-]+\.js$/.test(target))).toEqual([]);
  });
});
