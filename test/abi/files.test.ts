import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as abi from "../../assembly/abi.js";
import { ACTION_NAMES, REASON_NAMES } from "../../src/engine/names.js";
import { describeAbi, endOf, typeOf } from "./describe.js";
import { abiFiles, described, promiseOf, SOURCES, staleFiles, stateLayout } from "./files.js";
import { readHeadings, readTypes } from "./page.js";
import { readConstants, readFunctions } from "./source.js";

const FROZEN = `test/abi/v${abi.ABI_VERSION}.json`;
const read = (path: string) => (existsSync(path) ? readFileSync(path, "utf8") : undefined);

// `npm run abi`: writes the files anew, for a person to look at, and freezes a version that never was. A test run never does.
if (process.env.SLUICEGATE_WRITE_ABI === "1") {
  mkdirSync("abi", { recursive: true });
  for (const [path, text] of abiFiles(SOURCES)) writeFileSync(path, text);
  if (!existsSync(FROZEN))
    writeFileSync(FROZEN, `${JSON.stringify(promiseOf(SOURCES, await stateLayout()), undefined, 2)}\n`);
}

describe("abi/abi.json and abi/sluicegate.h", () => {
  test("are what assembly/abi.ts, the engine's exports and docs/abi.md give (`npm run abi` writes them anew)", () => {
    expect(staleFiles(SOURCES, read)).toEqual([]);
  });

  test("count as stale when a constant, a type, an export or a meaning changes, or a file is missing", () => {
    const both = ["abi/abi.json", "abi/sluicegate.h"];
    const changed = (from: string, to: string) => {
      expect(SOURCES.constants).toContain(from);
      return staleFiles({ ...SOURCES, constants: SOURCES.constants.replace(from, to) }, read);
    };
    expect(changed("REASON_COUNT = 46", "REASON_COUNT = 47")).toEqual(both);
    expect(changed("FRAME_TAG_AT + 8;", "FRAME_TAG_AT + 16;")).toEqual(both);
    expect(changed("// u32, bytes present", "// 4 bytes, present")).toEqual(both);
    const assembly = (path: string) => SOURCES.assembly(path).replace("setOwnNode(node: u32)", "setOwnNode(one: u32)");
    expect(staleFiles({ ...SOURCES, assembly }, read)).toEqual(both);
    const page = SOURCES.page.replace("| bytes present |", "| bytes that are there |");
    expect(staleFiles({ ...SOURCES, page }, read)).toEqual(both);
    expect(staleFiles(SOURCES, (path) => (path.endsWith(".h") ? undefined : read(path)))).toEqual(["abi/sluicegate.h"]);
  });

  test("hold every constant of the ABI once, with the value that both compilers see", () => {
    const { records, codes } = described(SOURCES);
    const listed = [
      ...records.flatMap(({ sizeConstant, size, fields }) => [
        ...(sizeConstant === undefined ? [] : [[sizeConstant, size]]),
        ...fields.map(({ constant, offset }) => [constant, offset]),
      ]),
      ...codes.flatMap((family) => family.codes.map(({ constant, value }) => [constant, value])),
    ] as [string, number][];
    const sorted = (rows: [string, number][]) => rows.sort(([a], [b]) => (a < b ? -1 : 1));
    expect(sorted(listed)).toEqual(sorted(Object.entries(abi) as [string, number][]));
  });

  test("say of every constant what it means", () => {
    const { records, codes } = described(SOURCES);
    const silent = [...records.flatMap(({ fields }) => fields), ...codes.flatMap((family) => family.codes)]
      .filter(({ meaning }) => meaning === undefined)
      .map(({ constant }) => constant);
    expect(silent).toEqual([]);
  });

  test("name actions and reasons as reports do", () => {
    const codes = new Map(described(SOURCES).codes.map((family) => [family.name, family.codes]));
    for (const [family, names] of [
      ["action", ACTION_NAMES],
      ["reason", REASON_NAMES],
    ] as const) {
      const labelled = codes.get(family)!.filter(({ label }) => label !== undefined);
      expect(labelled.map(({ label }) => label)).toEqual(labelled.map(({ value }) => names[value]));
      expect(labelled.length).toBe(names.filter((name) => name !== undefined && name !== "").length);
    }
  });
});

describe("what they are made from", () => {
  test("every field has a type in the source, and docs/abi.md gives it the same", () => {
    const onPage = readTypes(SOURCES.page);
    for (const { fields } of described(SOURCES).records)
      for (const { constant, type, count } of fields) {
        expect(onPage.has(constant), constant).toBe(true);
        expect(typeOf(constant, onPage.get(constant)!), constant).toEqual({ type, count });
      }
  });

  test("docs/abi.md names the parameters of every function in their order", () => {
    const headings = readHeadings(SOURCES.page);
    const functions = readFunctions(SOURCES.assembly);
    expect(Object.fromEntries(headings)).toEqual(
      Object.fromEntries(functions.map(({ name, parameters }) => [name, parameters.map((one) => one.name)])),
    );
  });

  test("fields lie where a processor reads them at once, but the byte counter of a conntrack line", () => {
    const sizes = { u8: 1, u16: 2, u32: 4, u64: 8, rows: 1 };
    const odd = described(SOURCES)
      .records.flatMap(({ fields }) => fields)
      .filter((field) => field.offset % sizes[field.type] !== 0);
    expect(odd.map(({ constant }) => constant)).toEqual(["LINE_BYTES_AT"]);
    expect(endOf({ offset: 4, type: "u64", count: 2 })).toBe(20);
  });

  const functions = readFunctions(SOURCES.assembly);
  test.each([
    ["a constant of no family", "export const COLOUR_RED = 1;", "COLOUR_RED: is in no family"],
    ["a field of no record", "export const COLOUR_RED_AT = 1; // u32", "COLOUR_RED_AT: is in no family"],
    [
      "a field without a type",
      "export const FRAME_MORE_AT = 40; // bytes",
      'FRAME_MORE_AT: "bytes" begins with no type',
    ],
    [
      "a field that overlaps",
      "export const FRAME_MORE_AT = 2; // u32",
      "frame: FRAME_OFFSET_AT ends at 4, FRAME_MORE_AT",
    ],
    [
      "a field behind its record",
      "export const FRAME_MORE_AT = 32; // u8",
      "frame: FRAME_MORE_AT ends at 33 of 32 bytes",
    ],
    ["what is no constant", "export function f(): void {}", "is no constant on one line"],
    ["an expression that nobody knows", "export const FRAME_FLAG_X = OTHER + 1;", "OTHER + 1 is no sum of products"],
  ])("%s is refused", (_, line, message) => {
    expect(() => describeAbi(readConstants(`${SOURCES.constants}\n${line}\n`), functions)).toThrow(message);
  });

  test("an export that nothing declares is refused", () => {
    const assembly = (path: string) => SOURCES.assembly(path).replaceAll("function nodeLost", "function nodeGone");
    expect(() => readFunctions(assembly)).toThrow("nothing declares nodeLost");
  });
});
