/**
 * Trials of `bench --against`, quick cases: engines with a planted slowdown of a tenth have to be told from the build, copies of the build
 * must not be. Each trial is a process of its own, as memory lies elsewhere in each. How much work takes a tenth is measured first.
 * Prints a row per trial. Dated results: docs/performance.md.
 * Usage: npm run bench:trials [-- TRIALS]
 * Exits with 1 where a slowdown passes or a copy fails, 2 where no slowdown of a tenth can be planted.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runBench } from "../../dist/src/bench/bench.js";
import { runBuilds } from "../../dist/src/bench/confirm.js";
import { median } from "../../dist/src/bench/statistics.js";
import { slowerBy } from "../../dist/test/gate/planted.js";
import { buildEngine } from "../../dist/test/verify/mutant.js";

const BUILD = "build/engine.wasm";
/** The case whose frames take a tenth more. */
const SLOWED = "forward/1000";
const [WANTED, LEAST, MOST] = [0.1, 0.09, 0.11];
const ATTEMPTS = 8;
/** What a multiplication adds, as a first guess. */
const PER_STEP = 0.02;

if (process.argv[2] === "--trial") {
  const { comparison } = await runBuilds({ quick: true, wasmFile: process.argv[3], against: BUILD });
  process.stdout.write(JSON.stringify(comparison));
} else {
  await trials(Number(process.argv[2] ?? 20));
}

async function trials(count) {
  const folder = mkdtempSync(join(tmpdir(), "sluicegate-trials-"));
  try {
    const slow = join(folder, "slow.wasm");
    const copy = join(folder, "copy.wasm");
    copyFileSync(BUILD, copy);
    if (!(await plantTenth(slow))) {
      process.exitCode = 2;
      return;
    }
    // In turns, so that what else the machine does meets both alike.
    const slowed = [];
    const copies = [];
    for (let i = 1; i <= count; i++) {
      slowed.push(trial(`slowdown ${i} of ${count}`, slow));
      copies.push(trial(`copy ${i} of ${count}`, copy));
    }
    const caught = slowed.filter(({ regressed }) => regressed).length;
    const passed = copies.filter(({ regressed }) => !regressed).length;
    console.log(`planted: ${percent(median(slowed.map(changeOf)))} in ${SLOWED}, median of all trials`);
    console.log(`${caught} of ${count} slowdowns caught, ${passed} of ${count} copies passed`);
    console.log(`slowdowns: ${verdicts(slowed)}`);
    console.log(`copies: ${verdicts(copies)}`);
    if (caught < count || passed < count) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Writes an engine whose frames take a tenth more time. @returns false where that cannot be had */
async function plantTenth(file) {
  let steps = 10;
  for (let i = 0; i < ATTEMPTS; i++) {
    writeFileSync(file, await buildEngine([slowerBy(steps)]));
    const { cases } = await runBench({ quick: true, wasmFile: file, against: BUILD, only: new Set([SLOWED]) });
    const change = cases[0].ratio.median - 1;
    console.log(`${steps} multiplications per frame: ${percent(change)} in ${SLOWED}`);
    if (change >= LEAST && change <= MOST) return true;
    const missing = Math.round((WANTED - change) / PER_STEP) || Math.sign(WANTED - change);
    steps = Math.max(1, steps + missing);
  }
  return false;
}

function trial(name, wasmFile) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [process.argv[1], "--trial", wasmFile], {
    encoding: "utf8",
    maxBuffer: 64 << 20,
  });
  if (status !== 0) throw new Error(`${name}: ${stderr}`);
  const comparison = JSON.parse(stdout);
  const rows = comparison.cases.map(
    ({ id, change, low, high, verdict }) => `${id} ${percent(change)} (${percent(low)} … ${percent(high)}) ${verdict}`,
  );
  console.log(`${name}: ${comparison.regressed ? "slower" : "not slower"}; ${rows.join("; ")}`);
  return comparison;
}

/** How often each verdict was given, over all cases of all trials. */
function verdicts(comparisons) {
  const counts = new Map();
  for (const { verdict } of comparisons.flatMap(({ cases }) => cases))
    counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  return [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(", ");
}

function changeOf({ cases }) {
  return cases.find(({ id }) => id === SLOWED).change;
}

function percent(share) {
  return `${share < 0 ? "−" : "+"}${(Math.abs(share) * 100).toFixed(1)} %`;
}
