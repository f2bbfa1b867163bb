/**
 * Replays 20,000 random scripts (or the number given, from the seed given on) over random traffic in both topologies and checks every
 * result, in as many worker processes as there are cores.
 * Usage, after `npm run build`: node test/soak/scenario-fuzz.mjs [SCRIPTS [FIRST SEED]]
 * Exits with 1 where a script fails; its seed, and how to run it alone, are printed.
 */
import { spawnSync } from "node:child_process";

const [, , scripts = "20000", first = "1001"] = process.argv;
const env = { ...process.env, SLUICEGATE_FUZZ_SCRIPTS: scripts, SLUICEGATE_FUZZ_FIRST: first };
const started = performance.now();
const { status, signal } = spawnSync("npx", ["vitest", "run", "--config", "test/scenario-fuzz/soak.config.ts"], {
  env,
  stdio: "inherit",
});
console.log(
  JSON.stringify({
    scripts: Number(scripts),
    first: Number(first),
    seconds: Math.round((performance.now() - started) / 1000),
  }),
);
if (signal !== null) console.error(`ended by ${signal}`);
process.exitCode = status ?? 1;
