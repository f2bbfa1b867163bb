import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

/** The tests run against what `npm run build` makes; say so plainly where it is missing. */
export default function setup(): void {
  if (!existsSync("build/engine.wasm")) execFileSync("npm", ["run", "-s", "build:wasm"], { stdio: "inherit" });
}
