/**
 * npm run bench:peers -- [--json] [--docs] [--quick] [--four-million] [--from FILE]
 *
 * Sluicegate beside other programs that do the same work, or part of it, in one interleaved run. As root, on Linux; says what is missing.
 * Exit code: 0 done, 1 something is missing or did not do its work, 2 wrong usage.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { DOCUMENTS, documentsOf } from "./documents.js";
import { writeText } from "./native.js";
import { PeerError } from "./peer.js";
import { PEERS_SCHEMA, type PeersReport } from "./report.js";
import { type PeersOptions, runPeers } from "./run.js";
import { printPeers } from "./table.js";

const SIZES = [1000, 100_000, 1_000_000];
const FOUR_MILLION = 4_000_000;
const FULL = { rounds: 15, fileRounds: 7, frames: 1 << 17, blockMs: 60, packets: 1_000_000 };
const QUICK = { rounds: 5, fileRounds: 2, frames: 1 << 15, blockMs: 20, packets: 100_000 };
const USAGE = `Usage: npm run bench:peers -- [flags]

  --json           print one JSON document instead of a table
  --docs           write ${Object.values(DOCUMENTS).join(", ")}
  --quick          fewer and shorter rounds, smaller files: a first look
  --four-million   4,000,000 connections, too, which take some 5 GB
  --from FILE      take the figures of a run that --json printed instead of measuring
`;

function readOptions() {
  const flag = { type: "boolean", default: false } as const;
  try {
    return parseArgs({
      options: {
        json: flag,
        docs: flag,
        quick: flag,
        "four-million": flag,
        from: { type: "string" },
        help: { ...flag, short: "h" },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`bench:peers: ${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

/** A run that was kept. @throws {PeerError} where it is something else */
function readReport(file: string): PeersReport {
  const report = JSON.parse(readFileSync(file, "utf8")) as PeersReport;
  if (report.schema !== PEERS_SCHEMA)
    throw new PeerError(`${file}: schema is ${report.schema}, expected ${PEERS_SCHEMA}`);
  return report;
}

async function main(): Promise<void> {
  const values = readOptions();
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const options: PeersOptions = {
    ...(values.quick ? QUICK : FULL),
    sizes: values["four-million"] ? [...SIZES, FOUR_MILLION] : SIZES,
    command: ["npm run bench:peers --", ...process.argv.slice(2)].join(" ").replace(/ --$/, ""),
    onProgress: (text) => process.stderr.write(`${text}\n`),
  };
  const report = values.from === undefined ? await runPeers(options) : readReport(values.from);
  process.stdout.write(values.json ? `${JSON.stringify(report, undefined, 1)}\n` : printPeers(report));
  if (!values.docs) return;
  const page = readFileSync(DOCUMENTS.page, "utf8");
  const { figures, chart, page: filled } = documentsOf(report, page);
  writeText(DOCUMENTS.figures, figures);
  writeText(DOCUMENTS.chart, chart);
  writeText(DOCUMENTS.page, filled);
}

// Leaving by the usual way puts back what was set for the run, and removes its files.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

await main().catch((error: unknown) => {
  if (!(error instanceof Error)) throw error;
  process.stderr.write(`bench:peers: ${error instanceof PeerError ? error.message : error.stack}\n`);
  process.exitCode = 1;
});
