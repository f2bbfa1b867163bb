import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { INTERPRETED, PROGRAMS } from "../../hosts/programs.js";
import { readVectorFiles } from "../../vectors/read.js";
import { ROOT, run, scratch } from "../tools.js";
import { everywhere, host } from "./hosts.js";
import { plantAll } from "./planted.js";

/** The command `vectors`. */
export function vectorTests(): void {
  const files = readVectorFiles();
  const count = [...files.values()].reduce((sum, file) => sum + file.vectors.length, 0);
  const steps = [...files.values()].reduce(
    (sum, file) => sum + file.vectors.reduce((n, one) => n + one.steps.length, 0),
    0,
  );

  test.each([...PROGRAMS, INTERPRETED].map((program) => [program.title, program] as const))(
    "%s runs all vectors as expected",
    async (_, program) => {
      const done = await host(program, "vectors", join(ROOT, "test/vectors"));
      expect(done).toMatchObject({ status: 0, stderr: "" });
      const lines = done.stdout.trim().split("\n");
      expect(lines.length).toBe(files.size + 1);
      expect(lines.at(-1)).toBe(`${count} vectors, ${steps} steps: as expected`);
      expect(count).toBeGreaterThanOrEqual(597);
    },
  );

  test("the Go package's constants are those of abi.json", () => {
    const done = run("go", ["-C", join(ROOT, "test/hosts/go"), "test", "./..."]);
    expect(done.status, done.stdout + done.stderr).toBe(0);
  });

  describe("of a vector that was changed", () => {
    const folder = scratch();
    const changes = plantAll(folder);
    test.each(PROGRAMS.map((program) => [program.title, program] as const))(
      "%s tells each difference",
      async (_, program) => {
        const { status, stdout, stderr } = await host(program, "vectors", folder);
        expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
        const lines = stdout.trim().split("\n");
        expect(lines.filter((line) => line.includes(": expected "))).toEqual(changes.map(({ says }) => says));
        expect(lines.at(-1)).toMatch(
          new RegExp(`^${changes.length} vectors, \\d+ steps: ${changes.length} vectors differ$`),
        );
      },
    );

    test("is told by what it calls itself, where it is none", async () => {
      const other = join(scratch(), "other.json");
      writeFileSync(other, JSON.stringify({ schema: "sluicegate.io/vectors/v9" }));
      for (const [{ title }, { status, stderr }] of await everywhere((program) => host(program, "vectors", other)))
        expect({ status, stderr: stderr.trim() }, title).toEqual({
          status: 2,
          stderr: `${other}: schema is "sluicegate.io/vectors/v9", expected "sluicegate.io/vectors/v1"`,
        });
    });
  });
}
