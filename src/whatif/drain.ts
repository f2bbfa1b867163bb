import { UsageError } from "../errors.js";
import type { ScenarioTime } from "../gateway/scenario.js";
import type { ReplayOptions } from "../replay/options.js";
import type { ReplayReport } from "../replay/report-types.js";
import { formatTime } from "../replay/time.js";
import type { ConnectionLog } from "./connection-log.js";
import { isClosed } from "./lifetime.js";
import type { LoggedConnection } from "./logged-connection.js";
import { destinationName, fiveTupleName, podName } from "./names.js";
import { useOf } from "./port-use.js";
import { type Assumptions, momentOf, runLogged, timedAssumptionsOf } from "./run.js";
import { healthOf, requireGateway, scenarioOf } from "./scenarios.js";

const MAX_LISTED = 10_000;
const STEPS = 24;

/** How a drained gateway node empties. */
export interface DrainReport extends Assumptions {
  schema: "sluicegate.io/drain/v1";
  node: string;
  drainedAt: string;
  lastFrameAt: string;
  /** Connections of the node at that time, and the most there were in each of equal parts of the time from then to the last frame. */
  connectionsAtStart: number;
  left: number[];
  /** Connections that the node took after it was drained: none, unless no other gateway could (or its policy knows no drain). */
  openedAfter: number;
  /** Null where it did not run dry before the last frame. */
  ranDryAt: string | null;
  stillLive: number;
  /** When the last one would expire if nothing more were sent; null where the node ran dry. */
  dryByLifetimes: string | null;
  deadline?: DeadlineRow;
}

/** What is left at the deadline, and would be cut if the node went away then. */
export interface DeadlineRow {
  at: string;
  /** Connections that the node still holds and nobody has closed. */
  cut: number;
  /** Of these the ones that send or receive frames afterwards in the captures. */
  cutWhileInUse: number;
  /** Held as well, but closed by both sides or reset: only their ports wait for the end of their lifetimes. */
  closed: number;
  /** By idle time, the shortest first; up to 10,000. */
  connections: DeadlineConnection[];
}

export interface DeadlineConnection {
  fiveTuple: string;
  pod: string;
  destination: string;
  openedAt: string;
  lastFrameAt: string;
  /** Without a frame until the deadline. */
  idleSeconds: number;
  /** Frames of it follow after the deadline. */
  isInUse: boolean;
}

export interface DrainOptions extends ReplayOptions {
  readonly node: string;
  readonly at: ScenarioTime;
  readonly deadline?: ScenarioTime;
}

/** Replays captures with a gateway node drained at some time. Throws as `replay` does. */
export async function drainNode({ node, at, deadline, ...options }: DrainOptions): Promise<DrainReport> {
  requireGateway(options.model, node, "--node");
  const scenario = scenarioOf(`${node} is drained`, healthOf(options.model), [{ at, node, event: "drain" }]);
  const { report, log } = await runLogged({ ...options, scenario, ...(deadline && { snapshotAt: deadline }) });
  const atNs = Number(momentOf(at, log, "--at"));
  const deadlineNs = deadline && Number(momentOf(deadline, log, "--deadline"));
  if (deadlineNs !== undefined && deadlineNs < atNs)
    throw new UsageError("--deadline lies before --at, expected a time after the drain");
  return drainReport({ node, atNs, deadlineNs, report, log });
}

interface Drained {
  readonly node: string;
  readonly atNs: number;
  readonly deadlineNs: number | undefined;
  readonly report: ReplayReport;
  readonly log: ConnectionLog;
}

function drainReport({ node, atNs, deadlineNs, report, log }: Drained): DrainReport {
  const time = (ns: number) => formatTime(log.startNs + BigInt(Math.round(ns)));
  const own = log.connections.filter(({ egress }) => egress >= 0 && report.gateways[egress]!.node === node);
  const before = own.filter(({ firstNs, expiresNs }) => firstNs < atNs && expiresNs > atNs);
  const leases = own.map(({ firstNs, expiresNs, endpointPort }) => ({
    fromNs: Math.max(0, firstNs - atNs),
    untilNs: Math.max(0, expiresNs - atNs),
    own: endpointPort,
  }));
  const live = own.filter(({ expiresNs }) => expiresNs > log.clockNs);
  const last = own.reduce((latest, { expiresNs }) => Math.max(latest, expiresNs), atNs);
  return {
    schema: "sluicegate.io/drain/v1",
    ...timedAssumptionsOf(report),
    node,
    drainedAt: time(atNs),
    lastFrameAt: time(log.clockNs),
    connectionsAtStart: before.length,
    left: useOf(leases, Math.max(0, log.clockNs - atNs), STEPS).steps,
    openedAfter: own.filter(({ firstNs }) => firstNs >= atNs).length,
    ranDryAt: live.length === 0 ? time(last) : null,
    stillLive: live.length,
    dryByLifetimes: live.length === 0 ? null : time(last),
    ...(deadlineNs !== undefined && { deadline: deadlineRow(own, deadlineNs, log, time) }),
  };
}

function deadlineRow(
  own: readonly LoggedConnection[],
  deadlineNs: number,
  log: ConnectionLog,
  time: (ns: number) => string,
): DeadlineRow {
  const ours = new Set(own);
  const held = log.snapshot().filter(({ connection }) => ours.has(connection));
  const open = held.filter(({ state }) => !isClosed(state)).sort((a, b) => b.lastNs - a.lastNs);
  const isInUse = ({ lastNs }: LoggedConnection) => lastNs > deadlineNs;
  return {
    at: time(deadlineNs),
    cut: open.length,
    cutWhileInUse: open.filter(({ connection }) => isInUse(connection)).length,
    closed: held.length - open.length,
    connections: open.slice(0, MAX_LISTED).map(({ connection, lastNs }) => ({
      fiveTuple: fiveTupleName(connection),
      pod: podName(connection),
      destination: destinationName(connection),
      openedAt: time(connection.firstNs),
      lastFrameAt: time(lastNs),
      idleSeconds: (deadlineNs - lastNs) / 1e9,
      isInUse: isInUse(connection),
    })),
  };
}
