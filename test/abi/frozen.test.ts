import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ABI_VERSION } from "../../assembly/abi.js";
import { packageFile } from "../../src/platform/node/wasm.js";
import { brokenPromises, type FrozenAbi, moduleFaults } from "./compare.js";
import { type AbiSources, promiseOf, SOURCES, stateLayout } from "./files.js";
import { wasmInterface } from "./wasm-exports.js";

// A version of the ABI is frozen once it is on record in test/abi/vN.json: whatever breaks a host of it needs another ABI_VERSION, which
// `npm run abi` then puts on record. Records of versions are never edited.

const ENGINE = wasmInterface(readFileSync(packageFile("build", "engine.wasm")));
const state = await stateLayout();
const now = promiseOf(SOURCES, state);
const frozen = frozenAbi(ABI_VERSION);

function frozenAbi(version: number): FrozenAbi {
  return JSON.parse(readFileSync(`test/abi/v${version}.json`, "utf8"));
}

describe("the ABI", () => {
  test("keeps what its version promised: functions, signatures, records, values, hashes", () => {
    expect(brokenPromises(frozen, now)).toEqual([]);
  });

  test("has every version since 4 on record, and none above the present one", () => {
    const versions = readdirSync("test/abi").flatMap((name) => /^v(\d+)\.json$/.exec(name)?.[1] ?? []);
    const expected = Array.from({ length: ABI_VERSION - 3 }, (_, i) => i + 4);
    expect(versions.map(Number).sort((a, b) => a - b)).toEqual(expected);
    for (const version of expected) expect(frozenAbi(version).abi.abiVersion).toBe(version);
  });

  test("is what build/engine.wasm exports: these functions of 32-bit integers, one memory, nothing else, no imports", () => {
    expect(moduleFaults(now.abi, ENGINE)).toEqual([]);
  });
});

/** The present ABI with one text of `assembly/abi.ts` replaced. */
function withConstants(from: string, to: string): FrozenAbi {
  expect(SOURCES.constants).toContain(from);
  return promiseOf({ ...SOURCES, constants: SOURCES.constants.replace(from, to) }, state);
}

function withAssembly(from: string | RegExp, to: string): FrozenAbi {
  const assembly: AbiSources["assembly"] = (path) => SOURCES.assembly(path).replace(from, to);
  return promiseOf({ ...SOURCES, assembly }, state);
}

describe("a host of the frozen version would break, and the comparison says so, when", () => {
  const add = (line: string) => withConstants("export const OK = 0;", `export const OK = 0;\n${line}`);
  test.each([
    [
      "a value changes",
      withConstants("HOOK_FROM_NETWORK = 2", "HOOK_FROM_NETWORK = 4"),
      "HOOK_FROM_NETWORK: was 2, is 4",
    ],
    ["a constant goes", withConstants("export const REASON_BROADCAST = 6;\n", ""), "REASON_BROADCAST: is gone"],
    [
      "a reason takes another one's place",
      withConstants("REASON_SCTP_BAD = 43", "REASON_SCTP_BAD = 46"),
      "REASON_SCTP_BAD: was 43, is 46",
    ],
    [
      "a new reason has an old one's value",
      add("export const REASON_MOON = 12;"),
      "REASON_MOON: is new and has the value of REASON_NOT_IP",
    ],
    ["an action is added", add("export const ACTION_SING = 7;"), "ACTION_SING: is new, and action takes no new values"],
    [
      "the blob gets a section",
      add("export const SECTION_MORE = 9;"),
      "SECTION_MORE: is new, and section takes no new values",
    ],
    ["a record grows", withConstants("FRAME_TAG_AT + 8;", "FRAME_TAG_AT + 16;"), "FRAME_SIZE: was 32, is 40"],
    [
      "a field gets another type",
      withConstants("// u32, bytes present", "// 4 bytes, present"),
      "FRAME_CAPTURED_AT: was u32 at 4, is 4 × u8 at 4",
    ],
    [
      "a field moves",
      withConstants("EGRESS_STATS_LAST_END_AT = 48", "EGRESS_STATS_LAST_END_AT = 56"),
      "EGRESS_STATS_LAST_END_AT: was u64 at 48, is u64 at 56",
    ],
    [
      "a field is added where the record takes none",
      add("export const ADDRESS_MORE_AT = 24; // u32"),
      "ADDRESS_MORE_AT: is new, and record address takes no new fields",
    ],
    [
      "a new field shares the bytes of an old one",
      add("export const VERDICT_MORE_AT = 52; // u32"),
      "VERDICT_MORE_AT: is new and lies in VERDICT_NODE_AT",
    ],
    ["a bound goes back", withConstants("REASON_COUNT = 46", "REASON_COUNT = 45"), "REASON_COUNT: was 46, is 45"],
    [
      "a function gets a parameter",
      withAssembly("setOwnNode(node: u32)", "setOwnNode(node: u32, zone: u32)"),
      "setOwnNode(): was (u32): i32, is (u32, u32): i32",
    ],
    [
      "a function returns another type",
      withAssembly("regionSize(id: u32): u32", "regionSize(id: u32): i32"),
      "regionSize(): was (u32): u32, is (u32): i32",
    ],
    ["a function is not exported any more", withAssembly(/^ {2}locate,\n(?=.*)/m, ""), "locate(): is gone"],
    [
      "a hash gives another number",
      promiseOf({ ...SOURCES, page: SOURCES.page.replace("8f128941f677cce5", "8f128941f677cce6") }, state),
      "hashes: vectors differ",
    ],
    [
      "a saved state has its lines elsewhere",
      promiseOf(SOURCES, { ...state, conntrack: state.conntrack! + 64 }),
      `saved state: conntrack was ${state.conntrack}, is ${state.conntrack! + 64}`,
    ],
    ["the version is another one", withConstants("ABI_VERSION = 4", "ABI_VERSION = 5"), "ABI_VERSION: was 4, is 5"],
  ] as const)("%s", (_, changed, fault) => {
    expect(brokenPromises(frozen, changed)).toEqual([fault]);
  });
});

describe("a host of the frozen version goes on working, and nothing is said, when", () => {
  const add = (line: string) => withConstants("export const OK = 0;", `export const OK = 0;\n${line}`);
  test.each([
    [
      "a reason is added behind the others",
      withConstants(
        "export const REASON_COUNT = 46;",
        "export const REASON_MOON = 46;\nexport const REASON_COUNT = 47;",
      ),
    ],
    ["an error code is added", add("export const ERROR_MOON = -18;")],
    [
      "a flag of the configuration is added",
      withConstants("CONFIG_FLAG_MASK = 255;", "CONFIG_FLAG_MASK = 511;\nexport const CONFIG_FLAG_MOON = 256;"),
    ],
    ["a flag of the verdict is added", add("export const VERDICT_FLAG_MOON = 512;")],
    ["a counter is added in the free bytes of its record", add("export const COUNTER_MOON_AT = 728; // u64, moons")],
    [
      "a setting is added in the padding of the configuration record",
      add("export const CONFIG_MOON_AT = 92; // u32, 0 = none"),
    ],
    [
      "a function is added",
      withAssembly(
        "export function abiVersion",
        "export function moon(): u32 {\n  return 1;\n}\n\nexport function abiVersion",
      ),
    ],
  ] as const)("%s", (_, changed) => {
    expect(brokenPromises(frozen, changed)).toEqual([]);
  });
});

describe("a module that is not what was described is found out when", () => {
  const first = ENGINE.functions[0]!;
  const withFirst = (changed: Partial<typeof first>) => ({
    ...ENGINE,
    functions: [{ ...first, ...changed }, ...ENGINE.functions.slice(1)],
  });
  test.each([
    [
      "a function is missing",
      { ...ENGINE, functions: ENGINE.functions.slice(1) },
      "abiVersion(): is not exported, expected (): i32",
    ],
    ["a parameter is more", withFirst({ parameters: ["i32"] }), "abiVersion(): is (i32): i32, expected (): i32"],
    ["a result is of another type", withFirst({ results: ["i64"] }), "abiVersion(): is (): i64, expected (): i32"],
    [
      "a function is there that no source declares",
      { ...ENGINE, functions: [...ENGINE.functions, { ...first, name: "moon" }] },
      "moon(): is (): i32, expected no such export",
    ],
    [
      "a global is exported",
      { ...ENGINE, others: [...ENGINE.others, { name: "moon", kind: "global" as const }] },
      "moon: a global that nobody described is exported",
    ],
    ["its memory has no name", { ...ENGINE, others: [] }, "memory: no memory of that name is exported"],
    ["it imports something", { ...ENGINE, imports: 1 }, "imports: 1, expected none"],
  ] as const)("%s", (_, module, fault) => {
    expect(moduleFaults(now.abi, module)).toEqual([fault]);
  });
});

test("words may get better without another version: meanings are not on record", () => {
  const page = SOURCES.page.replace("| bytes present |", "| bytes that are there |");
  expect(page).not.toBe(SOURCES.page);
  expect(promiseOf({ ...SOURCES, page }, state)).toEqual(now);
});

test("the reader of modules sees types, other exports and imports", () => {
  const module = Uint8Array.of(
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, 6, 1, 0x60, 1, 0x7e, 1, 0x7f], // type 0: (i64) -> i32
    ...[3, 2, 1, 0], // one function of it
    ...[5, 3, 1, 0, 1], // a memory
    ...[7, 9, 2, 1, 0x66, 0, 0, 1, 0x6d, 2, 0], // f, m
    ...[10, 6, 1, 4, 0, 0x41, 0, 0x0b],
  );
  expect(wasmInterface(module)).toEqual({
    functions: [{ name: "f", parameters: ["i64"], results: ["i32"] }],
    others: [{ name: "m", kind: "memory" }],
    imports: 0,
  });
  expect(() => wasmInterface(Uint8Array.of(1, 2, 3))).toThrow("no WebAssembly module");
  expect(() => wasmInterface(module.subarray(0, 30))).toThrow("cut");
});
