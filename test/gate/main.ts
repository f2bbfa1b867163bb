/**
 * The regression gate: instructions and table lines per frame, and what a start costs, beside test/gate/baseline.json. See docs/performance.md.
 * Usage: npm run bench:gate [-- --accept]
 * Exit code 0: as the baseline says; 1: worse, or better without the baseline saying so; 2: cannot be compared.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { compareFigures, differentTools, type Figures, printGate } from "./figures.js";
import { measureEngine } from "./measure.js";

const BASELINE = "test/gate/baseline.json";
const ACCEPT = "npm run bench:gate -- --accept";

const options = process.argv.slice(2);
if (options.some((option) => option !== "--accept"))
  end(2, `unknown argument ${options.join(" ")}, expected --accept or none`);
const now = await measureEngine();
if (options.length > 0) {
  writeFileSync(BASELINE, `${JSON.stringify(now, undefined, 2)}\n`);
  console.log(`${BASELINE}: written; say in the commit why the figures changed`);
} else {
  const before = readBaseline();
  const why = differentTools(before, now);
  if (why !== undefined)
    end(2, `${BASELINE}: ${why}; count both sides with one set of tools: ${ACCEPT} on the commit before`);
  const rows = compareFigures(before, now);
  process.stdout.write(printGate(rows, ACCEPT));
  if (rows.some(({ verdict }) => verdict !== "same")) process.exitCode = 1;
}

function readBaseline(): Figures {
  try {
    return JSON.parse(readFileSync(BASELINE, "utf8")) as Figures;
  } catch (cause) {
    return end(2, `${BASELINE}: cannot be read (${(cause as Error).message}), expected what ${ACCEPT} writes`);
  }
}

function end(code: number, message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}
