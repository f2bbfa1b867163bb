import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { missing, output, ROOT } from "./tools.js";

// What docs/sandbox.md says that the module cannot do, as Debian's wabt reads its bytes.

const lacking = missing(["wasm-objdump"]);
const WASM = join(ROOT, "build/engine.wasm");

describe.skipIf(lacking !== "")(`engine.wasm as wasm-objdump shows it${lacking && ` (missing: ${lacking})`}`, () => {
  const sections = lacking ? "" : output("wasm-objdump", ["-h", WASM]);
  const details = lacking ? "" : output("wasm-objdump", ["-x", WASM]);
  const code = lacking ? "" : output("wasm-objdump", ["-d", WASM]);
  /** How often such instructions stand in it. */
  const count = (names: string) => code.match(new RegExp(`\\| +(${names})\\b`, "g"))?.length ?? 0;

  it("has code, one memory and the exports, and neither imports nor tables", () => {
    const names = [...sections.matchAll(/^\s*(\w+) start=/gm)].map(([, name]) => name);
    expect(names).toEqual(expect.arrayContaining(["Memory", "Export", "Code"]));
    for (const name of ["Import", "Table", "Elem"]) expect(names).not.toContain(name);
    expect(details).toContain("Memory[1]");
  });

  it("calls functions by their numbers alone", () => {
    expect(count("call")).toBeGreaterThan(100);
    expect(count("call_indirect|return_call.*|table.*")).toBe(0);
  });

  it("has neither floating point nor vectors nor atomics", () => {
    expect(count("i64.*")).toBeGreaterThan(1000);
    expect(count("f32.*|f64.*|v128.*|[if][0-9]+x[0-9]+.*|[a-z0-9]+[.]atomic.*")).toBe(0);
  });

  it("takes memory at one place, and stops at none on purpose", () => {
    expect(count("memory.grow")).toBe(1);
    expect(count("unreachable")).toBe(0);
  });
});
