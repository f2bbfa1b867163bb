import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ReplayOptions } from "../../src/replay/options.js";
import { replay } from "../../src/replay/replay.js";
import type { ReplayReport } from "../../src/replay/report-types.js";
import { readOutput } from "../replay/outputs-read.js";
import { type FuzzCase, rollCase, writeCase } from "./fuzz-case.js";
import { type Finding, trialOf } from "./ledger.js";
import { checkMoves } from "./moves.js";
import { checkOwners } from "./owners.js";
import { hasPieces } from "./pieces.js";
import {
  checkAddresses,
  checkDetection,
  checkHolders,
  checkLeaks,
  checkLosses,
  checkOverlay,
  checkTotals,
} from "./plain-checks.js";
import { checkReplies } from "./replies.js";

/** What a trial came to. */
export interface Verdict {
  readonly findings: readonly Finding[];
  readonly single: ReplayReport;
}

export interface RunOptions {
  /** Also with other batch sizes. */
  readonly batches?: boolean;
  /** Other builds of the two modules. */
  readonly replay?: Pick<ReplayOptions, "engineWasm" | "outsideWasm">;
}

const FILES = ["external.pcapng", "endpoint.pcapng"] as const;

/** Replays the trial of a seed in both topologies, files and all in an empty folder, and judges the results. */
export async function runSeed(seed: number, folder: string, options: RunOptions = {}): Promise<Verdict> {
  return runCase(rollCase(seed), folder, options);
}

/** As `runSeed`, for a trial that is there already. */
export async function runCase(fuzz: FuzzCase, folder: string, options: RunOptions = {}): Promise<Verdict> {
  mkdirSync(folder, { recursive: true });
  const base = { ...writeCase(fuzz, folder), ...options.replay };
  const run = (name: string, more: Pick<ReplayOptions, "topology" | "batchSize">) =>
    replay({ ...base, ...more, outDir: join(folder, name) });
  const single = await run("single", { topology: "single" });
  const cluster = await run("cluster", { topology: "cluster" });
  const findings = [...compareRuns(folder, "cluster", single, cluster), ...judge(fuzz, folder, single, cluster)];
  if (options.batches) {
    const topology = fuzz.seed % 2 === 0 ? "single" : "cluster";
    const other = await run("batches", { topology, batchSize: 1 });
    findings.push(...compareRuns(folder, "batches", single, other));
  }
  return { findings, single };
}

function judge(fuzz: FuzzCase, folder: string, single: ReplayReport, cluster: ReplayReport): Finding[] {
  const read = (name: string) => readFileSync(join(folder, name));
  const [external, endpoint] = FILES.map((name) => readOutput(read(join("single", name))));
  const trial = trialOf(fuzz, single, external, endpoint);
  const overlay = join("cluster", "overlay.pcapng");
  const totals = [
    ...checkTotals(trial),
    ...checkTotals({ ...trial, report: cluster }).map(({ check, text }) => ({ check: `cluster ${check}`, text })),
  ];
  // The checks that follow connections read ports, which pieces do not have.
  if (hasPieces(fuzz.seed)) return [...totals, ...checkAddresses(trial)];
  return [
    ...totals,
    ...checkLeaks(trial),
    ...checkOwners(trial),
    ...checkReplies(trial),
    ...checkMoves(trial),
    ...checkLosses(trial),
    ...checkDetection(trial),
    ...checkHolders(trial),
    ...(existsSync(join(folder, overlay)) ? checkOverlay(trial, read(overlay)) : []),
  ];
}

/**
 * Two replays of one trial that have to say the same: byte for byte what left, and all of the report but what counts the entries of tables,
 * of which a cluster has two where one engine has one.
 */
function compareRuns(folder: string, name: string, single: ReplayReport, other: ReplayReport): Finding[] {
  const files = FILES.filter((file) => {
    const [a, b] = ["single", name].map((run) => readFileSync(join(folder, run, file)));
    return !a.equals(b);
  });
  const reports = other.topology === "cluster" ? [single, other].map(withoutHeld) : [single, other];
  const [a, b] = reports.map(comparable);
  const keys = Object.keys(a).filter((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]));
  return [
    ...files.map((file) => ({ check: `${name}: ${file}`, text: "differs from topology single" })),
    ...keys.map((key) => ({ check: `${name}: report.${key}`, text: difference(a[key], b[key]) })),
  ];
}

/** The verifier sees a held fragment go when its node drops it. A node that gets no frames until the end of the capture does not know that its time is over. */
function withoutHeld(report: ReplayReport): ReplayReport {
  if (report.observations.heldFragments === 0) return report;
  return { ...report, verification: { ...report.verification, framesChecked: 0 } };
}

function comparable(report: ReplayReport): Record<string, unknown> {
  const { timing: _timing, topology: _topology, overlay: _overlay, connections, drains: _drains, ...rest } = report;
  const { broken, rebound } = connections;
  const busy = rest.timeline.gateways
    .map(({ ports: _ports, connections: _table, ...row }) => row)
    .filter(({ frames, replies }) => [...frames, ...replies].some((count) => count > 0));
  const timeline = { ...rest.timeline, gateways: busy };
  const gateways = rest.gateways.map(({ portsPeak: _peak, ...row }) => row);
  return { ...rest, connections: { broken, rebound }, timeline, gateways };
}

function difference(a: unknown, b: unknown): string {
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)];
  let at = 0;
  while (left[at] === right[at]) at++;
  const from = Math.max(0, at - 60);
  return `${left.slice(from, at + 60)} <> ${right.slice(from, at + 60)}`;
}
