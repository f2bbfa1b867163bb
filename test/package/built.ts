import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

export const MAIN = "dist/src/cli/main.js";
/** Time that compiling may take on a busy machine: milliseconds. */
export const BUILD_MS = 180_000;

/** Compiles `dist` where it is missing or older than a source: tests of the built program must not judge yesterday's. */
export function ensureBuilt(): void {
  const newest = Math.max(...["src", "assembly/abi.ts", "assembly/outside/layout.ts", "package.json"].map(newestIn));
  if (existsSync(MAIN) && statSync(MAIN).mtimeMs > newest) return;
  execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"], { stdio: "inherit" });
}

function newestIn(path: string): number {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(...readdirSync(path).map((name) => newestIn(join(path, name))));
}
