import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { faultOf, importsOf, reachedFrom, roomOf, targetPath } from "./rooms.js";

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

describe("the library in a browser", () => {
  const text = (file: string) => readFileSync(file, "utf8");
  const reached = reachedFrom("src/index.ts", "web", text);
  const files = [...new Set(reached.map((line) => targetPath(line, "web")))].filter((path) => path.startsWith("src/"));

  test("reaches all rooms but those of programs, and nothing of Node", () => {
    expect(files.length).toBeGreaterThan(200);
    expect(files).toContain("src/platform/web/files.ts");
    expect(reached.filter(({ target }) => target.startsWith("node:"))).toEqual([]);
    expect(files.filter((file) => /^src\/(?:cli|bench|platform\/node)\//.test(file))).toEqual([]);
    const packages = reached.map(({ target }) => target).filter((target) => !/^[.]|^#platform/.test(target));
    expect([...new Set(packages)].sort()).toEqual([
      "#page/assets.js",
      "@assemblyscript/loader",
      "ipaddr.js",
      "js-yaml",
    ]);
  });

  test("an import of Node's is seen through any number of files, and only where values are taken", () => {
    const files: Record<string, string> = {
      "src/index.ts": 'export { a } from "./net/a.js";\nexport type { b } from "./net/types.js";',
      "src/net/a.ts": 'import { c } from "#platform/c.js";',
      "src/platform/web/c.ts": 'import { d } from "node:fs";',
      "src/net/types.ts": 'import { e } from "node:net";',
    };
    const lines = reachedFrom("src/index.ts", "web", (file) => files[file]!);
    expect(lines.filter(({ target }) => target.startsWith("node:")).map(({ file }) => file)).toEqual([
      "src/platform/web/c.ts",
    ]);
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
    ["src/engine/a.ts", 'import { readFile } from "node:fs/promises";', "only src/platform/node knows Node"],
    ["src/engine/a.ts", 'import { sha256 } from "../platform/web/hash.js";', "expected #platform/…"],
    ["src/platform/web/a.ts", 'import { crc } from "../../capture/crc.js";', "src/platform may not import src/capture"],
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
    ["src/platform/node/a.ts", 'import { readFile } from "node:fs/promises";'],
    ["src/engine/a.ts", 'import { sha256 } from "#platform/hash.js";'],
    ["src/engine/a.ts", '// import { x } from "../replay/drive.js";'],
    ["src/engine/a.ts", '/*\nimport { x } from "../replay/drive.js";\n*/'],
    ["src/cli/main.ts", 'import { replay } from "../index.js";'],
    ["assembly/path/a.ts", 'import { x } from "./verdict";'],
  ])("and leaves a permitted one alone: %s: %s", (file, text) => {
    expect(faults(file, text)).toEqual([]);
  });
});
