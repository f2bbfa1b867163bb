import type { PolicyModel } from "../config/types.js";
import type { ScenarioTime } from "../gateway/scenario.js";
import type { ReplayOptions } from "../replay/options.js";
import type { ReplayReport } from "../replay/report-types.js";
import { formatTime } from "../replay/time.js";
import type { LoggedConnection } from "./logged-connection.js";
import { type Effect, effectOf, MidLife } from "./mid-life.js";
import {
  destinationName,
  fiveTupleName,
  type GatewayName,
  haveOneAddress,
  lastWayOf,
  podName,
  type Way,
  wayName,
  wayOf,
} from "./names.js";
import { pairUp } from "./pairs.js";
import { type Assumptions, assumptionsOf, type LoggedRun, momentOf, requireFiles, runLogged } from "./run.js";
import { healthOf, scenarioOf } from "./scenarios.js";

/** Connections listed one by one; all are counted. */
const MAX_LISTED = 10_000;

/** What differs between two sets of manifests under the same traffic. */
export interface DiffReport extends Assumptions {
  schema: "sluicegate.io/diff/v1";
  /** When the change takes place, RFC 3339; absent = at no time in particular: both sets were replayed from the start. */
  at?: string;
  /** Connections compared, and those of them that leave otherwise. */
  connections: number;
  changed: number;
  gatewayChanged: number;
  egressIPChanged: number;
  verdictChanged: number;
  /** TCP and SCTP connections that the change would cut, and others that would go on under another external tuple. */
  cut: number;
  rebound: number;
  /** Of both the most that live at one moment, and that moment: what a change at the worst time would cut. */
  worst?: { at: string; cut: number; rebound: number };
  /** By pod and destination, those with the most cuts first. */
  groups: DiffGroup[];
  /** The first `MAX_LISTED` of those that would be cut or rebound. */
  cutConnections: CutConnection[];
}

/** Connections of one pod to one destination, and what a change does to them. */
export interface DiffGroup {
  pod: string;
  destination: string;
  connections: number;
  cut: number;
  rebound: number;
  ways: { from: string; to: string; connections: number; cut: number; rebound: number }[];
}

/** A connection that a change of manifests cuts or rebinds. */
export interface CutConnection {
  fiveTuple: string;
  pod: string;
  from: string;
  to: string;
  /** `cut` or `rebound`. */
  effect: string;
  openedAt: string;
  lastFrameAt: string;
}

/** What two sets of manifests are compared by. */
export interface DiffOptions extends Omit<ReplayOptions, "model"> {
  readonly from: PolicyModel;
  readonly to: PolicyModel;
  /** When the manifests change; undefined = both are replayed from the start. */
  readonly at?: ScenarioTime;
}

/** Two ways of one connection. */
export interface Change {
  readonly connection: LoggedConnection;
  readonly from: Way;
  readonly to: Way;
  readonly effect: Effect;
}

/**
 * Replays captures under two sets of manifests, or with the change from one to the other at some time, and compares what becomes of each
 * connection. Without a time a connection counts as cut where a change in its middle would send it out by another external tuple,
 * whenever that comes. Throws as `replay` does.
 */
export async function diffManifests(options: DiffOptions): Promise<DiffReport> {
  const { from, to, at, ...rest } = options;
  requireFiles(options.captures);
  const before = await runLogged({ ...rest, model: from });
  if (at !== undefined) return diffAt({ ...rest, model: from }, to, at, before);
  const after = await runLogged({ ...rest, model: to, allowNoMatch: true });
  const midLife = new MidLife(to, before.log.startNs);
  const pairs = pairUp(before.log.connections, after.log.connections, "firstFrame");
  const changes = pairs.flatMap(({ connection, before: one, after: other }): Change[] => {
    const ways = { from: wayOf(one, before.report), to: wayOf(other, after.report) };
    if (wayName(ways.from) === wayName(ways.to)) return [];
    return [{ connection, ...ways, effect: midLife.effect(connection, ways.from, ways.to) }];
  });
  return diffReport(before.report, { changes, compared: pairs.length, startNs: before.log.startNs });
}

/** @param before the replay in which nothing changes */
async function diffAt(
  options: ReplayOptions,
  to: PolicyModel,
  at: ScenarioTime,
  before: LoggedRun,
): Promise<DiffReport> {
  const { startNs } = before.log;
  const atNs = Number(momentOf(at, before.log, "--at"));
  const scenario = scenarioOf("other manifests", healthOf(options.model), [{ at, manifests: "" }]);
  const after = await runLogged({ ...options, scenario, laterModels: [to] });
  const pairs = pairUp(before.log.connections, after.log.connections, "lastFrame");
  const changes = pairs.flatMap(({ connection, before: one, after: other }): Change[] => {
    const ways = { from: lastWayOf(one, before.report), to: lastWayOf(other, after.report) };
    if (wayName(ways.from) === wayName(ways.to) && !other?.moved) return [];
    const { firstNs, lastNs } = connection;
    const isAlive = ways.from.kind !== "drop" && firstNs < atNs && lastNs >= atNs;
    const keepsTuple = haveOneAddress(ways.from, ways.to) && !other?.moved;
    return [{ connection, ...ways, effect: isAlive && !keepsTuple ? effectOf(connection) : "none" }];
  });
  return diffReport(before.report, { changes, compared: pairs.length, startNs, atNs });
}

interface Changes {
  readonly changes: readonly Change[];
  readonly compared: number;
  /** Start of the log, nanoseconds since the epoch. */
  readonly startNs: bigint;
  /** When the change comes, since the start; undefined = at no time in particular. */
  readonly atNs?: number;
}

/** @param report of the replay before the change */
function diffReport(report: ReplayReport, { changes, compared, startNs, atNs }: Changes): DiffReport {
  const cuts = changes.filter(({ effect }) => effect !== "none");
  return {
    schema: "sluicegate.io/diff/v1",
    ...assumptionsOf(report),
    connections: compared,
    changed: changes.length,
    gatewayChanged: changes.filter(({ from, to }) => both(from, to, "node")).length,
    egressIPChanged: changes.filter(({ from, to }) => both(from, to, "egressIP")).length,
    verdictChanged: changes.filter(({ from, to }) => from.kind !== to.kind || from.kind !== "gateway").length,
    cut: cuts.filter(({ effect }) => effect === "cut").length,
    rebound: cuts.filter(({ effect }) => effect === "rebound").length,
    ...(atNs === undefined && worstOf(cuts, startNs)),
    groups: groupsOf(changes),
    cutConnections: cuts.slice(0, MAX_LISTED).map(({ connection, from, to, effect }) => ({
      fiveTuple: fiveTupleName(connection),
      pod: podName(connection),
      from: wayName(from),
      to: wayName(to),
      effect,
      openedAt: formatTime(startNs + BigInt(connection.firstNs)),
      lastFrameAt: formatTime(startNs + BigInt(connection.lastNs)),
    })),
    ...(atNs !== undefined && { at: formatTime(startNs + BigInt(atNs)) }),
  };
}

function both(from: Way, to: Way, key: keyof GatewayName): boolean {
  return from.kind === "gateway" && to.kind === "gateway" && from.gateway[key] !== to.gateway[key];
}

function groupsOf(changes: readonly Change[]): DiffGroup[] {
  const groups = new Map<string, DiffGroup>();
  for (const { connection, from, to, effect } of changes) {
    const names = { pod: podName(connection), destination: destinationName(connection) };
    const key = `${names.pod} ${names.destination}`;
    const group = groups.get(key) ?? { ...names, connections: 0, cut: 0, rebound: 0, ways: [] };
    groups.set(key, group);
    const route = { from: wayName(from), to: wayName(to) };
    let way = group.ways.find((known) => known.from === route.from && known.to === route.to);
    if (!way) {
      way = { ...route, connections: 0, cut: 0, rebound: 0 };
      group.ways.push(way);
    }
    for (const row of [group, way]) {
      row.connections++;
      if (effect !== "none") row[effect]++;
    }
  }
  for (const { ways } of groups.values()) ways.sort(byWeight);
  return [...groups.values()].sort(byWeight);
}

function byWeight(a: { cut: number; connections: number }, b: { cut: number; connections: number }): number {
  return b.cut - a.cut || b.connections - a.connections;
}

/** The moment at which most of these connections live: in `(firstNs, lastNs]`, since a change comes before the frames of its time. */
function worstOf(cuts: readonly Change[], startNs: bigint): Pick<DiffReport, "worst"> {
  const events = cuts.flatMap(({ connection: { firstNs, lastNs }, effect }) => [
    { ns: firstNs + 1, by: 1, effect },
    { ns: lastNs + 1, by: -1, effect },
  ]);
  events.sort((a, b) => a.ns - b.ns || a.by - b.by);
  const now = { cut: 0, rebound: 0 };
  let worst: DiffReport["worst"];
  for (const { ns, by, effect } of events) {
    if (effect !== "none") now[effect] += by;
    if (now.cut + now.rebound > (worst ? worst.cut + worst.rebound : 0))
      worst = { at: formatTime(startNs + BigInt(ns)), ...now };
  }
  return worst ? { worst } : {};
}
