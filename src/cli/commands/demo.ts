import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkModel } from "../../config/check.js";
import { loadManifests } from "../../config/load.js";
import { NS_PER_MS } from "../../config/time.js";
import type { PolicyModel } from "../../config/types.js";
import { disagreements } from "../../demo/agreement.js";
import { DemoCaptures } from "../../demo/capture.js";
import { demoManifests, demoScenario } from "../../demo/cluster.js";
import { completeDemoOptions, type DemoOptions } from "../../demo/options.js";
import type { DemoReport } from "../../demo/report-types.js";
import { simulateDemo } from "../../demo/simulate.js";
import { UsageError } from "../../errors.js";
import { readScenario } from "../../gateway/scenario.js";
import { replay } from "../../replay/replay.js";
import type { ReplayReport } from "../../replay/report-types.js";
import { demoLogLines } from "../../report/demo-log.js";
import { demoText } from "../../report/demo-view.js";
import { demoSections } from "../../report/html/demo.js";
import { reportPage } from "../../report/html/page.js";
import { counted } from "../../report/units.js";
import { type CommandRun, EXIT_MISMATCH, EXIT_OK } from "../commands.js";
import type { Console } from "../console.js";
import type { FlagValues } from "../flags.js";
import type { Moments } from "../moment.js";
import { makeFolder, refuseOverwriting, writeTextFile } from "../output-files.js";

const FILES = {
  pod: "demo.pcapng",
  server: "external.pcapng",
  manifests: "manifests.yaml",
  scenario: "scenario.yaml",
  log: "monitor.log",
  report: "demo.json",
} as const;

/** `demo`: a gateway fails and comes back, in virtual time and without any input. */
export const run: CommandRun = async (_args, flags, console) => {
  const options = completeDemoOptions(demoOptions(flags));
  if (flags.output === undefined && flags.html === undefined) {
    print(await simulateDemo(options), flags, console);
    return EXIT_OK;
  }
  return flags.output === undefined
    ? inTemporaryFolder((folder) => runWithFiles(folder, options, flags, console))
    : runWithFiles(flags.output, options, flags, console);
};

/** Writes everything, replays what the monitor saw, and compares. @returns the exit code */
async function runWithFiles(
  folder: string,
  options: DemoOptions,
  flags: FlagValues,
  console: Console,
): Promise<number> {
  const at = (name: keyof typeof FILES) => join(folder, FILES[name]);
  refuseOverwriting([...Object.values(FILES).map((name) => join(folder, name)), flags.html], []);
  makeFolder(folder);
  writeTextFile(at("manifests"), demoManifests());
  writeTextFile(at("scenario"), demoScenario(options));
  const report = await simulateInto(at("pod"), at("server"), options);
  writeTextFile(at("log"), `${demoLogLines(report, { colour: false, verbose: true }).join("\n")}\n`);
  writeTextFile(at("report"), `${JSON.stringify(report, undefined, 2)}\n`);
  const model = loadManifests([at("manifests")]);
  const scenario = readScenario(at("scenario"));
  const replayed = await replay({ captures: [at("pod")], model, scenario, seed: options.seed });
  if (flags.html !== undefined) writeTextFile(flags.html, demoPage(report, withoutFolder(replayed, folder), model));
  print(report, flags, console);
  const faults = disagreements(report, replayed);
  for (const fault of faults) console.err(`${fault}\n`);
  if (!flags.json && faults.length === 0) console.out(agreementText(replayed, flags.output, options));
  return faults.length === 0 ? EXIT_OK : EXIT_MISMATCH;
}

async function simulateInto(pod: string, server: string, options: DemoOptions): Promise<DemoReport> {
  const captures = new DemoCaptures(pod, server);
  try {
    return await simulateDemo(options, captures.taps);
  } finally {
    captures.close();
  }
}

function print(report: DemoReport, flags: FlagValues, console: Console): void {
  const style = { colour: console.colour, verbose: flags.verbose ?? false };
  console.out(flags.json ? `${JSON.stringify(report, undefined, 2)}\n` : demoText(report, style));
}

function demoPage(report: DemoReport, replayed: ReplayReport, model: PolicyModel): string {
  return reportPage(replayed, {
    title: "Sluicegate demonstration",
    sections: demoSections(report),
    policyTable: checkModel(model).rows,
  });
}

function agreementText(
  { frames, verification }: ReplayReport,
  folder: string | undefined,
  { seed }: DemoOptions,
): string {
  const checked = `${counted(verification.framesChecked, "frame")} checked, ${counted(frames.lost, "frame")} lost`;
  const text = `  a replay of what the monitor saw gives the same gateways and losses: ${checked}\n`;
  if (folder === undefined) return text;
  const [capture, manifests, scenario] = [FILES.pod, FILES.manifests, FILES.scenario].map((name) => join(folder, name));
  return `${text}  sluicegate replay ${capture} -m ${manifests} -s ${scenario} --seed ${seed}\n`;
}

async function inTemporaryFolder<T>(act: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "sluicegate-demo-"));
  try {
    return await act(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The report with bare file names, so that it does not depend on where the files lie. */
function withoutFolder(report: ReplayReport, folder: string): ReplayReport {
  const prefix = JSON.stringify(join(folder, "/")).slice(1, -1);
  return JSON.parse(JSON.stringify(report).replaceAll(prefix, "")) as ReplayReport;
}

function demoOptions(flags: FlagValues): Partial<DemoOptions> {
  const given = {
    seed: flags.seed,
    durationMs: flags.duration && milliseconds("--duration", flags.duration),
    requestsPerSecond: flags.rate,
    kill: flags.kill,
    atMs: flags.at && sinceStartMs(flags.at),
    downForMs: flags.downFor && milliseconds("--down-for", flags.downFor),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function sinceStartMs(at: Moments): number {
  if ("fromStartNs" in at) return milliseconds("--at", at.fromStartNs);
  throw new UsageError("--at names a date or several times, expected one since the first request such as 90s");
}

/** The scenario is written in milliseconds. */
function milliseconds(flag: string, ns: bigint): number {
  if (ns % NS_PER_MS === 0n) return Number(ns / NS_PER_MS);
  throw new UsageError(`${flag} is ${ns} ns, expected whole milliseconds`);
}
