/**
 * Runs all NAT tests (test/nat, test/assembly) against an engine without a bug and then, until one fails, against each mutant of
 * test/mutants/mutants.ts. Prints a row for each: what is wrong, and the test that failed first.
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
