/**
 * Layouts of the conntrack lines by themselves, each beside linear probing: the tables of docs/performance.md. Numbers of connections may
 * go beyond those of `sluicegate bench`.
 * Usage, after `npm run build`: node test/soak/bench-layouts.mjs [CONNECTIONS[,CONNECTIONS…]] [PLACEMENTS] [TURNS]
 */
import { runBench } from "../../dist/src/bench/bench.js";
import { LAYOUT_WORKS, OTHER_LAYOUTS, otherLayoutIds } from "../../dist/src/bench/layouts.js";
import { printBench } from "../../dist/src/bench/print.js";
import { paint } from "../../dist/src/report/paint.js";

const NAMES = ["hits, in blocks", "hits, one by one", "misses, in blocks", "misses, one by one", "insertion"];

const sizes = (process.argv[2] ?? "1000,10000,100000,1000000,4000000").split(",").map(Number);
const placements = Number(process.argv[3] ?? 3);
const turns = Number(process.argv[4] ?? 7);
const report = await runBench({
  ...{ sizes, placements, turns, variantSize: 0 },
  only: new Set(sizes.flatMap(otherLayoutIds)),
  onProgress: (text) => console.error(text),
});
console.log(printBench(report, paint(false)));
LAYOUT_WORKS.forEach((work, i) => {
  console.log(`| ${NAMES[i]} | ${sizes.join(" | ")} |\n|---|${"---|".repeat(sizes.length)}`);
  const linear = sizes.map((size) => linearNs(work, size).toFixed(0));
  console.log(`| linear probing, ns | ${linear.join(" | ")} |`);
  for (const name of OTHER_LAYOUTS) {
    const ratios = sizes.map((size) => caseOf(name, work, size).ratio.median.toFixed(2));
    console.log(`| ${name} | ${ratios.join(" | ")} |`);
  }
  console.log();
});

function caseOf(name, work, size) {
  return report.cases.find(({ id }) => id === `layout-${name}${work}/${size}`);
}

/** What linear probing took beside the other layouts: the middle of their turns' medians. */
function linearNs(work, size) {
  const times = OTHER_LAYOUTS.map((name) => caseOf(name, work, size).yardstickNs.median).sort((a, b) => a - b);
  return times[times.length >> 1];
}
