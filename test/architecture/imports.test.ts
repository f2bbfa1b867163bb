import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { faultOf, importsOf, roomOf } from "./rooms.js";

/** TypeScript files below a folder, as paths from the repository root. */
function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`);
}

/** What the checker says about one planted file. */
function faults(file: string, text: string): string[] {
  return importsOf(file, text).flatMap((line) => faultOf(line) ?? []);
}

describe("imports point one way", () => {
  test.each(["src", "assembly"])("no import in %s points down the table of rooms", (folder) => {
    const files = sources(folder);
    expect(files.length).toBeGreaterThan(5);
    expect(files.flatMap((file) => faults(file, readFileSync(file, "utf8")))).toEqual([]);
  });

  test("the reader sees imports at all: the engine room's abi, the net room's ipaddr.js", () => {
    const targets = (file: string) => importsOf(file, readFileSync(file, "utf8")).map((line) => line.target);
    expect(targets("src/engine/names.ts")).toContain("../../assembly/abi.js");
    expect(targets("src/net/address.ts")).toContain("ipaddr.js");
  });

  test("assembly/abi.ts imports nothing, so that both compilers can read it", () => {
    expect(importsOf("assembly/abi.ts", readFileSync("assembly/abi.ts", "utf8"))).toEqual([]);
  });

  test("only the engine room says WebAssembly", () => {
    const saying = sources("src").filter((file) => /\bWebAssembly\b/.test(readFileSync(file, "utf8")));
    expect(saying.filter((file) => roomOf(file) !== "src/engine")).toEqual([]);
  });
});

describe("the checker catches a planted violation", () => {
  test.each([
    ["src/engine/a.ts", 'import { replay } from "../replay/drive.js";', "src/engine may not import src/replay"],
    ["src/net/a.ts", 'import { x } from "../config/types.js";', "src/net may not import src/config"],
    ["src/capture/a.ts", 'export { x } from "../config/types.js";', "src/capture may not import src/config"],
    ["src/capture/a.ts", 'export * from "../engine/engine.js";', "src/capture may not import src/engine"],
    ["src/report/a.ts", 'const m = await import("../cli/main.js");', "src/report may not import src/cli"],
    [
      "src/verify/a.ts",
      'import { compilePolicy } from "../engine/blob.js";',
      "src/verify may take only types from src/engine",
    ],
    [
      "src/verify/a.ts",
      'import { type A, b } from "../config/types.js";',
      "src/verify may take only types from src/config",
    ],
    [
      "src/replay/a.ts",
      'import { ACTION_PASS } from "../../assembly/abi.js";',
      "src/replay may not import assembly/abi",
    ],
    ["src/replay/a.ts", 'import { Command } from "commander";', "src/replay may not use that package"],
    ["src/live/a.ts", 'import { x } from "../errors.js";', "room src/live is not in the table"],
    [
      "assembly/wire/a.ts",
      'import { find } from "../tables/conntrack";',
      "assembly/wire may not import assembly/tables",
    ],
    ["assembly/tables/a.ts", 'import { x } from "../path/verdict";', "assembly/tables may not import assembly/path"],
    ["assembly/abi.ts", 'import { x } from "./wire/bytes";', "assembly/abi may not import assembly/wire"],
    ["assembly/path/a.ts", 'import { readFileSync } from "node:fs";', "the engine knows no Node"],
    [
      "src/engine/a.ts",
      'import {\n  a,\n  b,\n} from "../gateway/health.js";',
      "src/engine may not import src/gateway",
    ],
    ["src/engine/a.ts", 'import "../index.js";', "src/engine may not import src/index"],
  ])("%s: %s", (file, text, fault) => {
    expect(faults(file, `// first line\n${text}\n`)).toEqual([expect.stringContaining(fault)]);
    expect(faults(file, `// first line\n${text}\n`)[0]).toMatch(new RegExp(`^${file.replaceAll(".", "\\.")}:2: `));
  });

  test.each([
    ["src/verify/a.ts", 'import type { PolicyModel } from "../config/types.js";'],
    ["src/verify/a.ts", 'import { type A, type B } from "../config/types.js";'],
    ["src/engine/a.ts", 'import { readFile } from "node:fs/promises";'],
    ["src/engine/a.ts", '// import { x } from "../replay/drive.js";'],
    ["src/engine/a.ts", '/*\nimport { x } from "../replay/drive.js";\n*/'],
    ["src/cli/main.ts", 'import { replay } from "../index.js";'],
    ["assembly/path/a.ts", 'import { x } from "./verdict";'],
  ])("and leaves a permitted one alone: %s: %s", (file, text) => {
    expect(faults(file, text)).toEqual([]);
  });
});
