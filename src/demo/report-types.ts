import type { Happened } from "../gateway/happened.js";
import type { EgressRow } from "../replay/list-state.js";

/** What a demonstration showed. A pure function of its options. All times ending in `Ms` count from the first request. */
export interface DemoReport {
  schema: "sluicegate.io/demo-report/v1";
  seed: number;
  /** Virtual time of the first request, RFC 3339 with nanoseconds. */
  start: string;
  durationMs: number;
  requestsPerSecond: number;
  monitor: { address: string; zone: string };
  server: { address: string; port: number };
  gateways: {
    node: string;
    zone: string;
    egressIP: string;
    /** By the latencies between zones alone. */
    roundTripMs: number;
    /** Requests that left with its address, and those of them whose answers got back. */
    requests: number;
    answered: number;
    /** Over the answered ones; null where there are none. */
    medianLatencyMs: number | null;
    maxLatencyMs: number | null;
  }[];
  requests: { sent: number; answered: number; lost: number };
  outage: DemoOutage;
  /** By the minute in which requests were sent; the last may be shorter. */
  rates: {
    fromMs: number;
    seconds: number;
    /** Answers by gateway, in the order of `gateways`. */
    answered: number[];
    lost: number;
  }[];
  /** Who takes new connections, in the shape of `list egress`: at the start and after every change. */
  egressLists: { when: "before" | "during" | "after"; atMs: number; rows: EgressRow[] }[];
  /** What the health checks saw and what really happened, in order. */
  events: DemoEvent[];
  /** One entry per request, in the order of sending. */
  log: MonitorEntry[];
}

/** The failure of one gateway as the monitor and the health checks met it; null = did not happen within the demonstration. */
export interface DemoOutage {
  node: string;
  atMs: number;
  detectedAtMs: number | null;
  lostRequests: number;
  /** Those of them that got to the server, but whose answers met a dead gateway. */
  lostAnswers: number;
  /** When the last lost request was sent, counted from the failure. */
  lossWindowMs: number | null;
  backAtMs: number | null;
  readmittedAtMs: number | null;
  /** When the first request that it answered after its return was sent. */
  usedAgainAtMs: number | null;
}

/** Something that happened in a demonstration. */
export interface DemoEvent {
  atMs: number;
  node: string;
  /** An event of the scenario (`node-down` …), or what the health checks found (`suspect`, `down-detected`, `up-detected` …). */
  what: Happened["what"];
  /** Of a finding: when that happened which was found. */
  causeAtMs?: number;
}

/** One request of the monitor. */
export interface MonitorEntry {
  sentMs: number;
  /** Source address that the server saw; null = no answer within the time limit. */
  answeredBy: string | null;
  latencyMs: number | null;
}
