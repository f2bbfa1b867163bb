import { UsageError } from "../errors.js";
import type { ScenarioTime } from "../gateway/scenario.js";
import type { ReplayOptions } from "../replay/options.js";
import type { ReplayReport } from "../replay/report-types.js";
import { formatTime } from "../replay/time.js";
import type { ConnectionLog } from "./connection-log.js";
import { isClosed } from "./lifetime.js";
import type { LoggedConnection } from "./logged-connection.js";
import { destinationName, fiveTupleName, podName } from "./names.js";
import { endOf, isOneInstant, lifetimesOf } from "./one-instant.js";
import { useOf } from "./port-use.js";
import { type Assumptions, momentOf, requireFiles, runLogged, timedAssumptionsOf } from "./run.js";
import { healthOf, requireGateway, scenarioOf, sinceStart } from "./scenarios.js";

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
  /** All frames have one instant, as those of a connection table: `left` goes on to `dryByLifetimes`, and nothing more is seen. */
  oneInstant: boolean;
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
  /** By idle time, the shortest first, or where nobody knows it by lifetime, the longest first; up to 10,000. */
  connections: DeadlineConnection[];
}

/** A connection that is still open at the deadline. */
export interface DeadlineConnection {
  fiveTuple: string;
  pod: string;
  destination: string;
  /** These three are null where all frames have one instant. */
  openedAt: string | null;
  lastFrameAt: string | null;
  /** Without a frame until the deadline. */
  idleSeconds: number | null;
  /** Where all frames have one instant: when it ends if nothing more is sent, by the connection table where that says. */
  expiresAt?: string;
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
  const isInstant = isOneInstant(report);
  const deadlineNs =
    deadline && Number(isInstant ? sinceStart(deadline, log.startNs) : momentOf(deadline, log, "--deadline"));
  if (deadlineNs !== undefined && deadlineNs < atNs)
    throw new UsageError("--deadline lies before --at, expected a time after the drain");
  return isInstant ? drainAtOnce(node, deadlineNs, options) : drainReport({ node, atNs, deadlineNs, report, log });
}

/** A connection of the drained node with what it has left, nanoseconds since the first frame. */
interface Holding {
  readonly connection: LoggedConnection;
  readonly endNs: number;
}

/** Drains after the one instant of all frames: what is open then is on the node, and ends by its lifetime. */
async function drainAtOnce(node: string, deadlineNs: number | undefined, options: ReplayOptions): Promise<DrainReport> {
  requireFiles(options.captures);
  const { report, log } = await runLogged(options);
  const lifetimes = await lifetimesOf(options.captures);
  const held = log.connections
    .filter(({ egress, outcome }) => outcome === "snat" && report.gateways[egress]!.node === node)
    .map((connection): Holding => ({ connection, endNs: endOf(connection, lifetimes) }))
    .filter(({ endNs }) => endNs > log.clockNs)
    .sort((a, b) => b.endNs - a.endNs);
  const time = (ns: number) => formatTime(log.startNs + BigInt(Math.round(ns)));
  const last = held[0]?.endNs ?? 0;
  const leases = held.map(({ endNs, connection }) => ({ fromNs: 0, untilNs: endNs, own: connection.endpointPort }));
  return {
    schema: "sluicegate.io/drain/v1",
    ...timedAssumptionsOf(report),
    node,
    drainedAt: time(0),
    lastFrameAt: time(0),
    oneInstant: true,
    connectionsAtStart: held.length,
    left: useOf(leases, last, STEPS).steps,
    openedAfter: 0,
    ranDryAt: held.length === 0 ? time(0) : null,
    stillLive: held.length,
    dryByLifetimes: held.length === 0 ? null : time(last),
    ...(deadlineNs !== undefined && { deadline: deadlineAtOnce(held, deadlineNs, time) }),
  };
}

function deadlineAtOnce(held: readonly Holding[], deadlineNs: number, time: (ns: number) => string): DeadlineRow {
  const then = held.filter(({ endNs }) => endNs > deadlineNs);
  const open = then.filter(({ connection }) => !isClosed(connection.state));
  return {
    at: time(deadlineNs),
    cut: open.length,
    cutWhileInUse: 0,
    closed: then.length - open.length,
    connections: open.slice(0, MAX_LISTED).map(({ connection, endNs }) => ({
      fiveTuple: fiveTupleName(connection),
      pod: podName(connection),
      destination: destinationName(connection),
      openedAt: null,
      lastFrameAt: null,
      idleSeconds: null,
      expiresAt: time(endNs),
      isInUse: false,
    })),
  };
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
    oneInstant: false,
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
