import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { MUTANTS } from "./mutants.js";

describe("the mutants that the NAT tests must tell (test/mutants/mutants.ts)", () => {
  it("are enough, each with a name of its own", () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(24);
    expect(new Set(MUTANTS.map(({ what }) => what)).size).toBe(MUTANTS.length);
    expect(MUTANTS.filter(({ test }) => test).length).toBeGreaterThanOrEqual(20);
  });

  it.each(MUTANTS)("can be planted: $what", ({ file, search, replace, killer }) => {
    expect(readFileSync(file, "utf8").split(search).length - 1, `${file} holds ${search}`).toBe(1);
    expect(replace).not.toBe(search);
    expect(existsSync(killer), killer).toBe(true);
  });
});
