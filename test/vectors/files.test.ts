import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { vectorFiles } from "./make/files.js";

// `npm run vectors`: writes the files anew, for a person to look at. A test run never does.
const files = await vectorFiles();
if (process.env.SLUICEGATE_WRITE_VECTORS === "1") for (const [path, text] of files) writeFileSync(path, text);

test("the files of vectors are what their descriptions give (`npm run vectors` writes them anew)", () => {
  const stale = [...files].filter(([path, text]) => !existsSync(path) || readFileSync(path, "utf8") !== text);
  expect(stale.map(([path]) => path)).toEqual([]);
  const committed = readdirSync("test/vectors").filter((name) => name.endsWith(".json"));
  expect(committed.map((name) => `test/vectors/${name}`).sort()).toEqual([...files.keys()].sort());
});
