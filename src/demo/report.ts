import type { EgressRow } from "../replay/list-state.js";
import { formatTime } from "../replay/time.js";
import { GATEWAYS, MONITOR_IP, MONITOR_ZONE, SERVER_IP, SERVER_PORT } from "./cluster.js";
import { roundTripNs } from "./latency.js";
import type { Request } from "./monitor.js";
import { type DemoOptions, START_NS } from "./options.js";
import type { DemoEvent, DemoOutage, DemoReport } from "./report-types.js";

const MINUTE_MS = 60_000;
const NS_PER_MS = 1e6;

/** What a run leaves behind. */
export interface DemoRecord {
  readonly requests: readonly Request[];
  readonly lostAnswers: number;
  readonly events: readonly DemoEvent[];
  /** Who takes new connections: at the start and after every change. */
  readonly egressLists: readonly { readonly atMs: number; readonly rows: readonly EgressRow[] }[];
}

/** Puts what a run left behind into the form of a report. */
export function demoReport(options: DemoOptions, record: DemoRecord): DemoReport {
  const { seed, durationMs, requestsPerSecond } = options;
  const answered = record.requests.filter(isAnswered);
  return {
    schema: "sluicegate.io/demo-report/v1",
    seed,
    start: formatTime(START_NS),
    durationMs,
    requestsPerSecond,
    monitor: { address: MONITOR_IP, zone: MONITOR_ZONE },
    server: { address: SERVER_IP, port: SERVER_PORT },
    gateways: gatewayRows(record.requests, answered),
    requests: {
      sent: record.requests.length,
      answered: answered.length,
      lost: record.requests.length - answered.length,
    },
    outage: outageOf(options, record),
    rates: minutes(options, record.requests),
    egressLists: egressLists(options, record),
    events: [...record.events],
    log: record.requests.map((request) => ({
      sentMs: request.sentNs / NS_PER_MS,
      answeredBy: request.answeredBy ?? null,
      latencyMs: isAnswered(request) ? latencyMs(request) : null,
    })),
  };
}

type Answered = Request & { readonly answeredBy: string; readonly answeredNs: number };

function isAnswered(request: Request): request is Answered {
  return request.answeredNs !== undefined;
}

function latencyMs({ sentNs, answeredNs }: Answered): number {
  return (answeredNs - sentNs) / NS_PER_MS;
}

function gatewayRows(requests: readonly Request[], answered: readonly Answered[]): DemoReport["gateways"] {
  return GATEWAYS.map(({ node, zone, egressIP }) => {
    const latencies = answered
      .filter(({ answeredBy }) => answeredBy === egressIP)
      .map(latencyMs)
      .sort((a, b) => a - b);
    return {
      node,
      zone,
      egressIP,
      roundTripMs: roundTripNs(zone) / NS_PER_MS,
      requests: requests.filter(({ gateway }) => gateway === node).length,
      answered: latencies.length,
      medianLatencyMs: latencies[latencies.length >> 1] ?? null,
      maxLatencyMs: latencies.at(-1) ?? null,
    };
  });
}

function outageOf({ kill, atMs }: DemoOptions, { requests, lostAnswers, events }: DemoRecord): DemoOutage {
  const when = (what: string) => events.find((event) => event.node === kill && event.what === what)?.atMs ?? null;
  const lost = requests.filter((request) => !isAnswered(request));
  const readmittedAtMs = when("up-detected");
  const { egressIP } = GATEWAYS.find(({ node }) => node === kill)!;
  const again = requests.find(
    ({ answeredBy, sentNs }) =>
      answeredBy === egressIP && readmittedAtMs !== null && sentNs / NS_PER_MS >= readmittedAtMs,
  );
  const last = lost.at(-1);
  return {
    node: kill,
    atMs,
    detectedAtMs: when("down-detected"),
    lostRequests: lost.length,
    lostAnswers,
    lossWindowMs: last ? (last.sentNs - atMs * NS_PER_MS) / NS_PER_MS : null,
    backAtMs: when("node-up"),
    readmittedAtMs,
    usedAgainAtMs: again ? again.sentNs / NS_PER_MS : null,
  };
}

function minutes({ durationMs }: DemoOptions, requests: readonly Request[]): DemoReport["rates"] {
  const rows = Array.from({ length: Math.ceil(durationMs / MINUTE_MS) }, (_, minute) => ({
    fromMs: minute * MINUTE_MS,
    seconds: Math.min(MINUTE_MS, durationMs - minute * MINUTE_MS) / 1000,
    answered: GATEWAYS.map(() => 0),
    lost: 0,
  }));
  for (const { sentNs, answeredBy } of requests) {
    const row = rows[Math.floor(sentNs / NS_PER_MS / MINUTE_MS)]!;
    const gateway = GATEWAYS.findIndex(({ egressIP }) => egressIP === answeredBy);
    if (gateway < 0) row.lost++;
    else row.answered[gateway]!++;
  }
  return rows;
}

/** The list before the failure, the first without the gateway, and the first with it again. */
function egressLists({ kill }: DemoOptions, { egressLists: lists }: DemoRecord): DemoReport["egressLists"] {
  const has = (rows: readonly EgressRow[]) => rows.some(({ gateway }) => gateway === kill);
  const without = lists.findIndex(({ rows }) => !has(rows));
  const again = without < 0 ? -1 : lists.findIndex(({ rows }, i) => i > without && has(rows));
  const places = [
    ["before", 0],
    ["during", without],
    ["after", again],
  ] as const;
  return places.flatMap(([when, at]) => (at < 0 ? [] : [{ when, atMs: lists[at]!.atMs, rows: [...lists[at]!.rows] }]));
}
