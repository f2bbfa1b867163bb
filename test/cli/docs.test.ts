import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/commands.js";
import { FLAGS, type Flag } from "../../src/cli/flags.js";
import { sluicegate } from "./fake-console.js";
import { fillDocs } from "./flag-docs.js";
import { masked, shownOutputs, withOutput } from "./shown-output.js";

const PAGES = ["README.md", "docs/cli.md", "docs/demo.md", "docs/what-if.md"];
const shown = (Object.values(FLAGS) as Flag[]).filter(({ hidden }) => !hidden).map(({ name }) => name);
/** Flags that every command has. */
const COMMON = new Set(["--help", "--version"]);

// `npm run docs`: writes the tables and outputs anew, for a person to look at. A test run never does.
if (process.env.SLUICEGATE_WRITE_DOCS === "1") {
  writeFileSync("docs/cli.md", fillDocs(readFileSync("docs/cli.md", "utf8"), COMMANDS));
  for (const file of PAGES) {
    let page = readFileSync(file, "utf8");
    for (const output of shownOutputs(page).reverse())
      page = withOutput(page, output, (await sluicegate(...output.argv)).stdout);
    writeFileSync(file, page);
  }
}

describe("docs/cli.md", () => {
  const page = readFileSync("docs/cli.md", "utf8");

  test("is what the table says (`npm run docs` writes it anew)", () => {
    expect(fillDocs(page, COMMANDS)).toBe(page);
  });

  test("names every flag", () => {
    expect(shown.filter((name) => !new RegExp(`${name}(?![a-z-])`).test(page))).toEqual([]);
  });
});

describe.each(PAGES)("%s", (file) => {
  const page = readFileSync(file, "utf8");

  test("names no flag that does not exist", () => {
    const named = [...page.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map(([name]) => name!.replace(/-$/, ""));
    expect([...new Set(named)].filter((name) => !shown.includes(name) && !COMMON.has(name))).toEqual([]);
  });

  test("names no command that does not exist", () => {
    const commands = new Set([...COMMANDS.map(({ name }) => name), "help", "COMMAND"]);
    const named = [...page.matchAll(/(?:npx |`|^|\$ )sluicegate ([a-zA-Z]+)/gm)].map(([, name]) => name!);
    expect(named.length).toBeGreaterThan(2);
    expect(named.filter((name) => !commands.has(name))).toEqual([]);
  });
});

describe("docs/what-if.md shows what the commands print", () => {
  const outputs = shownOutputs(readFileSync("docs/what-if.md", "utf8"));

  test("for every what-if", () => {
    expect([...new Set(outputs.map(({ argv }) => argv[0]))].sort()).toEqual([
      "diff",
      "drain",
      "failover",
      "ports",
      "zones",
    ]);
  });

  test.each(outputs.map((output) => [output.argv.join(" "), output] as const))("%s", async (_, { argv, text }) => {
    const { code, stdout } = await sluicegate(...argv);
    expect(code).toBe(argv[0] === "diff" ? 1 : 0);
    expect(text).toBe(stdout);
  });
});

describe("pages show what the commands print", () => {
  const outputs = PAGES.filter((page) => page !== "docs/what-if.md").flatMap((file) =>
    shownOutputs(readFileSync(file, "utf8")),
  );

  test("for a replay at least", () => {
    expect(outputs.map(({ argv }) => argv[0])).toContain("replay");
  });

  test.each(outputs.map((output) => [output.argv.join(" "), output] as const))("%s", async (_, { argv, text }) => {
    const { code, stdout } = await sluicegate(...argv);
    expect(code).toBe(0);
    expect(masked(text)).toBe(masked(stdout));
  });
});
