/**
 * Benchmark repeatability: one build measured again and again, each run judged by the one before. Every "worse" is a false alarm.
 * Prints, per case, how far the runs' ratios lie apart. Dated results: docs/performance.md.
 * Usage, after `npm run build`: node test/soak/bench-repeat.mjs [RUNS]
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const runs = Number(process.argv[2] ?? 10);
const folder = mkdtempSync(join(tmpdir(), "sluicegate-bench-"));
const reports = [];
const comparisons = [];
try {
  for (let run = 1; run <= runs; run++) {
    // A process of its own each time, as memory lies elsewhere in each.
    const report = measure(run, reports.length > 0 ? join(folder, `${run - 1}.json`) : undefined);
    reports.push(report);
    if (report.comparison) comparisons.push(...report.comparison.cases.map((item) => ({ run, ...item })));
    console.error(`run ${run} of ${runs}: ${alarms().length} false alarms in ${comparisons.length} comparisons`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
for (const { id } of reports[0].cases) console.log(apart(id));
console.log(`${comparisons.length} comparisons, ${alarms().length} false alarms, ${open().length} inconclusive`);
for (const { run, id, change, low, high, why } of [...alarms(), ...open()]) {
  console.log(`  run ${run}: ${id} ${percent(change)} (${percent(low)} … ${percent(high)}) ${why ?? ""}`);
}

function measure(run, before) {
  const compare = before ? ["--compare", before] : [];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["dist/src/cli/main.js", "bench", "--quick", "--json", ...compare],
    { encoding: "utf8", maxBuffer: 64 << 20 },
  );
  if (status !== 0 && status !== 1) throw new Error(stderr);
  writeFileSync(join(folder, `${run}.json`), stdout);
  return JSON.parse(stdout);
}

function alarms() {
  return comparisons.filter(({ verdict }) => verdict === "worse");
}

function open() {
  return comparisons.filter(({ verdict }) => verdict === "inconclusive");
}

function apart(id) {
  const ratios = reports.map(({ cases }) => cases.find((item) => item.id === id).ratio.median).sort((a, b) => a - b);
  const middle = ratios[ratios.length >> 1];
  const range = `${ratios[0].toFixed(2)} … ${ratios.at(-1).toFixed(2)}`;
  return `${id.padEnd(28)} ${middle.toFixed(2)}  ${range}  ${percent((ratios.at(-1) - ratios[0]) / middle)} apart`;
}

function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}
