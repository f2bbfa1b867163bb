import { NS_PER_MS } from "../config/time.js";
import type { PolicyModel } from "../config/types.js";
import { formatAddress } from "../net/address.js";
import type { ReplayOptions } from "../replay/options.js";
import { replay } from "../replay/replay.js";
import type { ReplayReport } from "../replay/report-types.js";
import { DEFAULT_SEED, resolveOptions } from "../replay/setup.js";
import { formatTime } from "../replay/time.js";
import { ConnectionLog } from "./connection-log.js";
import { type FailoverJob, type FailoverOutcome, type FailoverSetup, playFailure } from "./failover-job.js";
import { type Case, casesOf, type FailureTimes, runsOf, Span, timesOf } from "./failover-plan.js";
import { runInThreads } from "./job-pool.js";
import type { LoggedConnection } from "./logged-connection.js";
import { fiveTupleName } from "./names.js";
import { type InstantEffect, instantEffect, isOneInstant, lifetimesOf } from "./one-instant.js";
import type { PinIndex } from "./pin-index.js";
import { type PinCoverage, type PinnedEffect, type PinnedTraffic, PinTracks } from "./pinned-traffic.js";
import { type Assumptions, requireFiles, requireFrames, runLogged, timedAssumptionsOf } from "./run.js";
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
  /** All frames have one instant, as those of a connection table: what is open then is hit, and breaks if it goes on. No time passes. */
  oneInstant: boolean;
  /** Policies that go on sending to a node that fails, as the original does for this kind: `CiliumEgressGatewayPolicy`. */
  withoutFailover: { node: string; policy: string }[];
  /** With `--pins`: how far they reach. */
  pins?: PinCoverage;
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
  /** With `--pins`: what of these numbers is of connections with a pin, and so by no simulation. Runs differ where detection does. */
  byPins?: { lostFrames: Spread; hit: Spread; broken: Spread; rebound: Spread };
  /** Connections that break, those that break under the most seeds first. */
  connections: BreakingConnection[];
}

/** A connection that a failure breaks. */
export interface BreakingConnection {
  fiveTuple: string;
  pod: string;
  /** Share of the seeds under which it breaks. */
  share: number;
  /** With `--pins`: whether its pin says so, else it is simulated. */
  byPin?: boolean;
}

/** Which failures are played, and how often. */
export interface FailoverOptions extends Omit<ReplayOptions, "workers"> {
  /** Name of a gateway node, or `each`. */
  readonly kill: string;
  readonly at: FailureTimes;
  /** Milliseconds each; empty = by the health checks of the manifests. */
  readonly detectMs: readonly number[];
  readonly seeds: number;
  /** What real gateways did: connections with a pin are on the gateway of it, whatever the seed. */
  readonly pins?: PinIndex;
  /** Worker threads; 0 = none, the jobs are done in this one. Results do not depend on it. */
  readonly workers: number;
  /** Told once how many runs there will be, before the first of them. */
  readonly onPlan?: (runs: number) => void;
  /** Told after each run. */
  readonly onRun?: (done: number, runs: number) => void;
}

/** Plays failures of gateway nodes, each in a replay of its own. Throws as `replay` does. */
export async function playFailures(options: FailoverOptions): Promise<FailoverReport> {
  requireFiles(options.captures);
  const { kill, seeds, seed = DEFAULT_SEED, model } = options;
  if (kill !== "each") requireGateway(model, kill, "--kill");
  const nodes = kill === "each" ? gatewayNodes(model) : [kill];
  const base = await playBaseline(options);
  if (isOneInstant(base.baseline)) return failuresAtOnce(options, base, nodes);
  const { baseline, span, pinned } = base;
  const times = timesOf(options.at, span);
  const runs = runsOf(nodes.length, times.length, options.detectMs.length, seeds);
  options.onPlan?.(runs);
  const cases = casesOf(nodes, times, options.detectMs);
  const jobs = cases.flatMap((one) =>
    Array.from({ length: seeds }, (_, i): FailoverJob => ({ ...one, seed: seed + i })),
  );
  const setup = { ...setupOf(options), ...(pinned && { pinnedFrames: pinned.frames() }) };
  const outcomes = await playAll(setup, jobs, options);
  const pods = podsByAddress(options);
  return {
    ...headOf(baseline, span, pinned),
    seeds,
    runs,
    oneInstant: false,
    withoutFailover: withoutFailover(model, nodes),
    ...(pinned && { pins: pinned.coverage }),
    failures: cases.map((one, i) => {
      const own = outcomes.slice(i * seeds, (i + 1) * seeds);
      return pinned ? pinnedRowOf(one, own, span, pods, pinned) : rowOf(one, own, span, pods);
    }),
  };
}

interface Baseline {
  readonly baseline: ReplayReport;
  readonly span: Span;
  readonly pinned: PinnedTraffic | undefined;
}

/** The captures without any failure. */
async function playBaseline(options: FailoverOptions): Promise<Baseline> {
  const { pins, seed = DEFAULT_SEED, model, onProgress, onWarning } = options;
  const [span, tracks] = [new Span(), pins && new PinTracks(pins)];
  const { natProfile } = resolveOptions(setupOf(options));
  const log = tracks && new ConnectionLog({ models: [model], natProfile, onFrame: tracks.note });
  const heard = { ...(onProgress && { onProgress }), ...(onWarning && { onWarning }) };
  const observers = log ? [span, log] : [span];
  const baseline = await replay({ ...setupOf(options), ...heard, seed, verify: false, observers });
  requireFrames(baseline, options);
  return { baseline, span, pinned: tracks?.resolve(baseline, model, span.startNs) };
}

/** Failures after the one instant of all frames: nothing is replayed after it, so one run for each seed tells who is where. */
async function failuresAtOnce(
  options: FailoverOptions,
  { baseline, span, pinned }: Baseline,
  nodes: readonly string[],
): Promise<FailoverReport> {
  const { seeds, seed = DEFAULT_SEED, model, onRun, at } = options;
  const [atMs] = timesOf(at, span);
  const lifetimes = await lifetimesOf(options.captures);
  const outcomes: FailoverOutcome[][] = nodes.map(() => []);
  const effects: PinnedEffect[][] = nodes.map(() => []);
  const pins = pinned?.nodes();
  for (let i = 0; i < seeds; i++) {
    const run = await runLogged({ ...setupOf(options), seed: seed + i });
    const nodeOf = (one: LoggedConnection) => pins?.get(fiveTupleName(one)) ?? run.report.gateways[one.egress]?.node;
    nodes.forEach((kill, k) => {
      const effect = instantEffect(run, model, kill, lifetimes, nodeOf);
      outcomes[k]!.push(outcomeOf(effect));
      effects[k]!.push(pinnedPart(effect, pins));
    });
    onRun?.(i + 1, seeds);
  }
  const pods = podsByAddress(options);
  return {
    ...headOf(baseline, span, pinned),
    seeds,
    runs: seeds,
    oneInstant: true,
    withoutFailover: withoutFailover(model, nodes),
    ...(pinned && { pins: pinned.coverage }),
    failures: nodes.map((kill, k) => {
      const row = rowOf({ kill, atMs: atMs!, detectMs: undefined }, outcomes[k]!, span, pods);
      return pinned ? withPins(row, effects[k]!) : row;
    }),
  };
}

function outcomeOf({ open, broken, rebound }: InstantEffect): FailoverOutcome {
  return {
    detectedAfterMs: null,
    lostFrames: 0,
    hit: open.length,
    broken: broken.length,
    rebound: rebound.length,
    brokenConnections: broken,
    takenAfter: {},
  };
}

/** What of an effect pins say. */
function pinnedPart({ open, broken, rebound }: InstantEffect, pins: ReadonlyMap<string, string> | undefined) {
  const known = (names: readonly string[]) => names.filter((name) => pins?.has(name));
  return { lostFrames: 0, hit: known(open).length, broken: known(broken), rebound: known(rebound).length };
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
  const { kill: _k, at: _a, detectMs: _d, seeds: _s, workers: _w, onRun: _r, onPlan: _l, pins: _i, ...rest } = options;
  const { onProgress: _p, onDecision: _o, onWarning: _n, observers: _b, scenario: _c, stdin: _t, ...plain } = rest;
  const { onOutput: _u, signal: _g, ...setup } = plain;
  return setup;
}

async function playAll(
  setup: FailoverSetup,
  jobs: readonly FailoverJob[],
  { workers, onRun, signal }: FailoverOptions,
): Promise<FailoverOutcome[]> {
  const onDone = (done: number) => onRun?.(done, jobs.length);
  const module = "whatif/failover-worker.js";
  if (workers > 0) return runInThreads<FailoverJob, FailoverOutcome>(jobs, { module, workers, setup, onDone, signal });
  const outcomes: FailoverOutcome[] = [];
  for (const job of jobs) onDone(outcomes.push(await playFailure(signal ? { ...setup, signal } : setup, job)));
  return outcomes;
}

function headOf(
  report: ReplayReport,
  { startNs, endNs }: Span,
  pinned: PinnedTraffic | undefined,
): Omit<FailoverReport, "seeds" | "runs" | "oneInstant" | "withoutFailover" | "pins" | "failures"> {
  const before = new Map<string, number>();
  const add = (node: string, n: number) => before.set(node, (before.get(node) ?? 0) + n);
  for (const { node, connections } of report.gateways) add(node, connections);
  for (const [node, n] of pinned?.shifts(report.gateways) ?? []) add(node, n);
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

/** The same with what pins say added to what was simulated of the other connections. */
function pinnedRowOf(
  one: Case,
  outcomes: readonly FailoverOutcome[],
  span: Span,
  pods: ReadonlyMap<string, string>,
  pinned: PinnedTraffic,
): FailureRow {
  const effects = outcomes.map(({ detectedAfterMs: after }) =>
    pinned.effect(one.kill, one.atMs * 1e6, after === null ? undefined : (one.atMs + after) * 1e6),
  );
  const row = rowOf(
    one,
    outcomes.map((outcome, i) => withEffect(outcome, effects[i]!)),
    span,
    pods,
  );
  return withPins(row, effects);
}

/** A row with what of it pins say. @param effects by seed */
function withPins(row: FailureRow, effects: readonly PinnedEffect[]): FailureRow {
  const known = new Set(effects.flatMap(({ broken }) => broken));
  return {
    ...row,
    byPins: {
      lostFrames: spreadOf(effects.map(({ lostFrames }) => lostFrames)),
      hit: spreadOf(effects.map(({ hit }) => hit)),
      broken: spreadOf(effects.map(({ broken }) => broken.length)),
      rebound: spreadOf(effects.map(({ rebound }) => rebound)),
    },
    connections: row.connections.map((connection) => ({ ...connection, byPin: known.has(connection.fiveTuple) })),
  };
}

function withEffect(outcome: FailoverOutcome, { lostFrames, hit, broken, rebound }: PinnedEffect): FailoverOutcome {
  return {
    ...outcome,
    lostFrames: outcome.lostFrames + lostFrames,
    hit: outcome.hit + hit,
    broken: outcome.broken + broken.length,
    rebound: outcome.rebound + rebound,
    brokenConnections: [...outcome.brokenConnections, ...broken],
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
    for (const fiveTuple of new Set(brokenConnections)) counts.set(fiveTuple, (counts.get(fiveTuple) ?? 0) + 1);
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
