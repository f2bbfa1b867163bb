import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PROGRAMS } from "../../hosts/programs.js";
import { scratch } from "../tools.js";
import { BAD_ENGINES, BAD_INPUTS } from "./bad-inputs.js";
import { ENGINE, everywhere, host, inputOf, launch, NATIVE_STACK, outOf } from "./hosts.js";

/** What hosts say about what they cannot use. */
export function complaintTests(): void {
  describe("says on one line what is wrong with", () => {
    test.each(BAD_INPUTS)("$what", async ({ make, says }) => {
      const input = inputOf("web");
      const folder = scratch();
      const bad = { ...input, ...make(input, folder) };
      const all = await everywhere((program) => {
        const out = bad.out ?? join(folder, `${program.name}.pcap`);
        return host(program, "replay", "--policy", bad.policy, "--about", bad.about, bad.capture, out);
      });
      for (const [{ title }, { status, stdout, stderr }] of all) {
        expect({ status, stdout }, title).toEqual({ status: 2, stdout: "" });
        expect(stderr.replaceAll(`${folder}/`, ""), title).toMatch(says);
        expect(stderr.trim().split("\n").length, stderr).toBe(1);
      }
    });

    const loading = PROGRAMS.filter(({ flags }) => flags(ENGINE).length > 0);
    test.each(BAD_ENGINES)("an engine that $what", async ({ make, says }) => {
      const input = inputOf("web");
      const engine = join(scratch(), "engine.wasm");
      const bytes = make(readFileSync(ENGINE));
      if (bytes) writeFileSync(engine, bytes);
      const flags = ["--engine", engine, "--policy", input.policy, "--about", input.about];
      const all = await everywhere(
        (program) => launch(program, "replay", ...flags, input.capture, outOf(program)),
        loading,
      );
      for (const [{ title }, { status, stderr }] of all) {
        expect(status, stderr).toBe(2);
        expect(stderr, title).toMatch(says);
        expect(stderr, title).not.toMatch(NATIVE_STACK);
        expect(stderr).toContain("engine.wasm: ");
      }
    });

    test.each([
      ["no command", []],
      ["another command", ["fly"]],
      ["no operands", ["replay"]],
      ["too few rounds", ["replay", "--policy", "p", "--about", "a", "--rounds", "0", "in", "out"]],
      ["an unknown flag", ["replay", "--colour", "--policy", "p", "--about", "a", "in", "out"]],
    ])("%s, by exit code 2", async (_, args) => {
      for (const [{ title }, { status, stdout, stderr }] of await everywhere((program) => launch(program, ...args))) {
        expect({ status, stdout }, title).toEqual({ status: 2, stdout: "" });
        expect(stderr).toMatch(/usage|rounds/);
        expect(stderr, title).not.toMatch(NATIVE_STACK);
      }
    });
  });
}
