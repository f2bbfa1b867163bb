import { NS_PER_MS } from "../config/time.js";
import type { PolicyModel } from "../config/types.js";
import { UsageError } from "../errors.js";
import { formatAddress } from "../net/address.js";
import type { ReplayOptions } from "../replay/options.js";
import { replay } from "../replay/replay.js";
import type { ReplayReport } from "../replay/report-types.js";
import { DEFAULT_SEED } from "../replay/setup.js";
import { formatTime } from "../replay/time.js";
import { type FailoverJob, type FailoverOutcome, type FailoverSetup, playFailure } from "./failover-job.js";
import { type Case, casesOf, type FailureTimes, MAX_RUNS, Span, timesOf } from "./failover-plan.js";
import { runInThreads } from "./job-pool.js";
import { type Assumptions, requireFiles, timedAssumptionsOf } from "./run.js";
import { gatewayNodes, requireGateway } from "./scenarios.js";
import { type Spread, spreadOf } from "./spread.js";

/** Broken connections listed per failure; all are counted. */
const MAX_LISTED = 1000;

/** What the failure of a gateway node would do, by node, time and how fast it is noticed. */
export interface FailoverReport extends Assumptions {
  schema: "sluicegate.io/failover/v1";
  /** How many there were from `seed` on. */
  seeds: number;
  from: string;
  to: string;
  /** Connections translated without any failure, in all and by gateway node. */
  connections: number;
  before: { node: string; connections: number }[];
  runs: number;
  /** Policies that go on sending to a node that fails, as the original does for this kind: `CiliumEgressGatewayPolicy`. */
  withoutFailover: { node: string; policy: string }[];
  failures: FailureRow[];
}

/** One failure, over all seeds. */
export interface FailureRow {
  node: string;
  at: string;
  /** As asked for, seconds; null = by the health checks of the manifests. */
  detect: number | null;
  /** Milliseconds; null where a run did not notice the failure within the captures. */
  detectedAfterMs: Spread | null;
  lostFrames: Spread;
  /** Connections that lost at least one frame, whatever became of them. */
  hit: Spread;
  broken: Spread;
  rebound: Spread;
  /** Shares of the connections taken from the detection on, the mean over the seeds under which any was. */
  sharesAfter: { node: string; share: number }[];
  /** Connections that break, those that break under the most seeds first. */
  connections: BreakingConnection[];
}

export interface BreakingConnection {
  fiveTuple: string;
  pod: string;
  /** Share of the seeds under which it breaks. */
  share: number;
}

export interface FailoverOptions extends ReplayOptions {
  /** Name of a gateway node, or `each`. */
  readonly kill: string;
  readonly at: FailureTimes;
  /** Milliseconds each; empty = by the health checks of the manifests. */
  readonly detectMs: readonly number[];
  readonly seeds: number;
  /** Worker threads; 0 = none, the jobs are done in this one. Results do not depend on it. */
  readonly workers: number;
  readonly onRun?: (done: number, runs: number) => void;
}

/** Plays failures of gateway nodes, each in a replay of its own. Throws as `replay` does. */
export async function playFailures(options: FailoverOptions): Promise<FailoverReport> {
  requireFiles(options.captures);
  const { kill, seeds, seed = DEFAULT_SEED, model } = options;
  if (kill !== "each") requireGateway(model, kill, "--kill");
  const nodes = kill === "each" ? gatewayNodes(model) : [kill];
  const setup = setupOf(options);
  const span = new Span();
  const { onProgress, onWarning } = options;
  const heard = { ...(onProgress && { onProgress }), ...(onWarning && { onWarning }) };
  const baseline = await replay({ ...setup, ...heard, seed, verify: false, observers: [span] });
  const cases = casesOf(nodes, timesOf(options.at, span), options.detectMs);
  const jobs = cases.flatMap((one) =>
    Array.from({ length: seeds }, (_, i): FailoverJob => ({ ...one, seed: seed + i })),
  );
  if (jobs.length > MAX_RUNS) throw new UsageError(`there are ${jobs.length} runs to do, expected at most ${MAX_RUNS}`);
  const outcomes = await playAll(setup, jobs, options);
  const pods = podsByAddress(options);
  return {
    ...headOf(baseline, span),
    seeds,
    runs: jobs.length,
    withoutFailover: withoutFailover(model, nodes),
    failures: cases.map((one, i) => rowOf(one, outcomes.slice(i * seeds, (i + 1) * seeds), span, pods)),
  };
}

function withoutFailover(
  { policies, egresses }: PolicyModel,
  nodes: readonly string[],
): { node: string; policy: string }[] {
  return policies
    .filter(({ kind }) => kind === "CiliumEgressGatewayPolicy")
    .flatMap((policy) => policy.egresses.map((index) => ({ node: egresses[index]!.node, policy: policy.name })))
    .filter(({ node }) => nodes.includes(node));
}

/** Plain data for the threads: callbacks stay here. */
function setupOf(options: FailoverOptions): FailoverSetup {
  const { kill: _k, at: _a, detectMs: _d, seeds: _s, workers: _w, onRun: _r, ...rest } = options;
  const { onProgress: _p, onDecision: _o, onWarning: _n, observers: _b, scenario: _c, stdin: _i, ...setup } = rest;
  return setup;
}

async function playAll(
  setup: FailoverSetup,
  jobs: readonly FailoverJob[],
  { workers, onRun }: FailoverOptions,
): Promise<FailoverOutcome[]> {
  const onDone = (done: number) => onRun?.(done, jobs.length);
  const module = new URL("./failover-worker.js", import.meta.url);
  if (workers > 0) return runInThreads<FailoverJob, FailoverOutcome>(jobs, { module, workers, setup, onDone });
  const outcomes: FailoverOutcome[] = [];
  for (const job of jobs) onDone(outcomes.push(await playFailure(setup, job)));
  return outcomes;
}

function headOf(
  report: ReplayReport,
  { startNs, endNs }: Span,
): Omit<FailoverReport, "seeds" | "runs" | "withoutFailover" | "failures"> {
  const before = new Map<string, number>();
  for (const { node, connections } of report.gateways) before.set(node, (before.get(node) ?? 0) + connections);
  return {
    schema: "sluicegate.io/failover/v1",
    ...timedAssumptionsOf(report),
    from: formatTime(startNs),
    to: formatTime(endNs),
    connections: report.gateways.reduce((sum, { connections }) => sum + connections, 0),
    before: [...before].map(([node, connections]) => ({ node, connections })),
  };
}

function rowOf(
  { kill, atMs, detectMs }: Case,
  outcomes: readonly FailoverOutcome[],
  { startNs }: Span,
  pods: ReadonlyMap<string, string>,
): FailureRow {
  const detected = outcomes.flatMap(({ detectedAfterMs }) => detectedAfterMs ?? []);
  return {
    node: kill,
    at: formatTime(startNs + BigInt(atMs) * NS_PER_MS),
    detect: detectMs === undefined ? null : detectMs / 1000,
    detectedAfterMs: detected.length === outcomes.length ? spreadOf(detected) : null,
    lostFrames: spreadOf(outcomes.map(({ lostFrames }) => lostFrames)),
    hit: spreadOf(outcomes.map(({ hit }) => hit)),
    broken: spreadOf(outcomes.map(({ broken }) => broken)),
    rebound: spreadOf(outcomes.map(({ rebound }) => rebound)),
    sharesAfter: sharesOf(outcomes),
    connections: breakingOf(outcomes, pods),
  };
}

function sharesOf(outcomes: readonly FailoverOutcome[]): FailureRow["sharesAfter"] {
  const sums = new Map<string, number>();
  const busy = outcomes.map(({ takenAfter }) => Object.entries(takenAfter)).filter((taken) => taken.length > 0);
  for (const taken of busy) {
    const all = taken.reduce((sum, [, n]) => sum + n, 0);
    for (const [node, n] of taken) sums.set(node, (sums.get(node) ?? 0) + n / all);
  }
  return [...sums]
    .map(([node, sum]) => ({ node, share: sum / busy.length }))
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}

function breakingOf(outcomes: readonly FailoverOutcome[], pods: ReadonlyMap<string, string>): BreakingConnection[] {
  const counts = new Map<string, number>();
  for (const { brokenConnections } of outcomes) {
    for (const fiveTuple of new Set(brokenConnections.map((row) => row.fiveTuple)))
      counts.set(fiveTuple, (counts.get(fiveTuple) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, MAX_LISTED)
    .map(([fiveTuple, n]) => ({ fiveTuple, pod: podOf(fiveTuple, pods), share: n / outcomes.length }));
}

/** Pods by address; where several own one after the other, the last. */
function podsByAddress({ model }: FailoverOptions): ReadonlyMap<string, string> {
  const rows = model.endpoints.flatMap(({ addresses, namespace, name }) =>
    addresses.map((address) => [formatAddress(address), `${namespace}/${name}`] as const),
  );
  return new Map(rows);
}

/** @param fiveTuple as reports write it: `tcp 10.1.1.10:40000 -> …` */
function podOf(fiveTuple: string, pods: ReadonlyMap<string, string>): string {
  const socket = fiveTuple.split(" ")[1] ?? "";
  return pods.get(socket) ?? pods.get(socket.replace(/:\d+$/, "").replace(/^\[|\]$/g, "")) ?? socket;
}
