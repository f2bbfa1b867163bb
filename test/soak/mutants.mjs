/**
 * Runs all NAT tests (test/nat, test/assembly) against an engine without a bug, then against each mutant of
 * test/mutants/mutants.ts until one fails, first those of the file that is meant to. Prints a row for each: what is wrong, and that test.
 * Usage: node test/soak/mutants.mjs
 * Exits with 1 where a mutant survives or cannot be planted.
 */
import { spawnSync } from "node:child_process";

const started = performance.now();
const options = ["--config", "test/mutants/soak.config.ts", "--disable-console-intercept"];
const { status, signal } = spawnSync("npx", ["vitest", "run", ...options], { stdio: "inherit" });
console.log(JSON.stringify({ seconds: Math.round((performance.now() - started) / 1000) }));
if (signal !== null) console.error(`ended by ${signal}`);
process.exitCode = status ?? 1;
