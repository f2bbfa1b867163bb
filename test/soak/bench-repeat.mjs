// Benchmark repeatability: the same build measured again and again, each run compared with the one before.
// Any "worse" is a false alarm. Also prints, per case, how far the normalised medians of the runs lie apart.
//
//   npm run build && node test/soak/bench-repeat.mjs [RUNS]
//
// Each run is a process of its own, as memory lies elsewhere in each. Dated results: docs/performance.md.

import { execFileSync } from "node:child_process";
import { compareBench, parseBenchReport } from "../../dist/src/bench/compare.js";

const runs = Number(process.argv[2] ?? 10);
const reports = [];
let compared = 0;
const alarms = [];
const open = [];

for (let run = 1; run <= runs; run++) {
  const text = execFileSync(process.execPath, ["dist/src/cli/main.js", "bench", "--quick", "--json"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: 64 << 20,
  });
  const report = parseBenchReport(text, `run ${run}`);
  const before = reports.at(-1);
  reports.push(report);
  if (!before) continue;
  for (const { id, verdict, change, noise, why } of compareBench(before, report).cases) {
    compared++;
    const line = `run ${run}: ${id} ${(change * 100).toFixed(1)} % (noise ${(noise * 100).toFixed(1)} %) ${why ?? ""}`;
    if (verdict === "worse") alarms.push(line);
    if (verdict === "inconclusive") open.push(line);
  }
  console.error(`run ${run} of ${runs}: ${alarms.length} false alarms in ${compared} comparisons`);
}

for (const { id } of reports[0].cases) {
  const ratios = reports.map(({ cases }) => cases.find((item) => item.id === id).ratio.median).sort((a, b) => a - b);
  const middle = ratios[ratios.length >> 1];
  const apart = ((ratios.at(-1) - ratios[0]) / middle) * 100;
  console.log(
    `${id.padEnd(28)} ${middle.toFixed(2)}  ${ratios[0].toFixed(2)} … ${ratios.at(-1).toFixed(2)}  ${apart.toFixed(0)} % apart`,
  );
}
console.log(`${compared} comparisons, ${alarms.length} false alarms, ${open.length} inconclusive`);
for (const line of [...alarms, ...open]) console.log(`  ${line}`);
