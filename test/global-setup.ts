import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const PAGE_SOURCES = "src/report/html/client";
const PAGE_SCRIPT = "build/page/assets.js";

/** The tests run against what `npm run build` makes; say so plainly where it is missing. */
export default function setup(): void {
  if (!existsSync("build/engine.wasm")) execFileSync("npm", ["run", "-s", "build:wasm"], { stdio: "inherit" });
  if (!isPageBuilt()) execFileSync("npm", ["run", "-s", "build:page"], { stdio: "inherit" });
}

/** The page's script is there, and none of its sources is younger: tests of a page must not judge yesterday's. */
function isPageBuilt(): boolean {
  if (!existsSync(PAGE_SCRIPT)) return false;
  const built = statSync(PAGE_SCRIPT).mtimeMs;
  return readdirSync(PAGE_SOURCES).every((name) => statSync(join(PAGE_SOURCES, name)).mtimeMs <= built);
}
