import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

describe("docs/library.md", () => {
  const page = readFileSync("docs/library.md", "utf8");
  const rows = [...page.matchAll(/^\| `(\w+Error)` \| `([\w-]+)` \|/gm)].map(([, name, code]) => [name, code]);

  test("has a row for each class of errors that is exported, with its code", () => {
    const exported = [...readFileSync("src/index.ts", "utf8").matchAll(/\b(\w+Error)\b/g)].map(([, name]) => name);
    const base = new Set(["EgressError"]);
    expect(rows.map(([name]) => name).sort()).toEqual([...new Set(exported)].filter((name) => !base.has(name!)).sort());
  });

  test("has every code that there is, and no other", () => {
    const source = ["src/errors.ts", "src/replay/no-match.ts"].map((file) => readFileSync(file, "utf8")).join("\n");
    const raised = [...source.matchAll(/super\(\s*"([\w-]+)"/g)].map(([, code]) => code);
    const stated = /type ErrorCode = ([^;]+);/.exec(source)![1]!.match(/[\w-]+/g);
    expect([...new Set(rows.map(([, code]) => code))].sort()).toEqual([...new Set(raised)].sort());
    expect([...stated!].sort()).toEqual([...new Set(raised)].sort());
  });

  test("names functions that there are", () => {
    const index = readFileSync("src/index.ts", "utf8");
    const named = [...page.matchAll(/`(?:new )?(\w+)\(|^import \{ ([^}]+) \} from "sluicegate"/gm)];
    const names = named
      .flatMap(([, call, imports]) => (call ? [call] : imports!.split(", ")))
      .filter((name) => name !== "onOutput" && name !== "URL");
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(index))).toEqual([]);
  });
});
