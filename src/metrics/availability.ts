import type { MetricFamily, Sample } from "./prometheus.js";
import type { MetricsReport } from "./report.js";

type Failover = MetricsReport["failovers"][number];

/** Failures, their detection and what they cost, changes of health, and drains. */
export function availabilityMetrics(report: MetricsReport): MetricFamily[] {
  const { failovers, healthTransitions = [], drains = [] } = report;
  const ofFailovers = (value: (failover: Failover) => number) =>
    summed(failovers.map((failover) => [{ node: failover.node, event: failover.event }, value(failover)]));
  const ofDrains = (value: (drain: (typeof drains)[number]) => number | undefined) =>
    latest(drains.map((drain) => [{ node: drain.node }, value(drain)]));
  return [
    family(
      "sluicegate_failovers_total",
      "counter",
      "Events after which a gateway was no longer used.",
      ofFailovers(() => 1),
    ),
    family(
      "sluicegate_failover_lost_frames_total",
      "counter",
      "Frames sent to a gateway between its failure and the detection of it.",
      ofFailovers(({ lostFrames }) => lostFrames),
    ),
    family(
      "sluicegate_failover_broken_connections_total",
      "counter",
      "TCP and SCTP connections that the failure of a gateway broke.",
      ofFailovers(({ brokenConnections }) => brokenConnections),
    ),
    family(
      "sluicegate_failover_rebound_connections_total",
      "counter",
      "UDP and ICMP connections that went on under another address after the failure of a gateway.",
      ofFailovers(({ rebound = 0 }) => rebound),
    ),
    family(
      "sluicegate_failover_detection_seconds",
      "gauge",
      "Time from a gateway's last such event to its detection.",
      latest(failovers.map(({ node, event, at, detectedAt }) => [{ node, event }, secondsBetween(at, detectedAt)])),
    ),
    family(
      "sluicegate_health_transitions_total",
      "counter",
      "Changes of a node as the prober sees it.",
      summed(healthTransitions.map(({ node, what }) => [{ node, transition: what }, 1])),
    ),
    family(
      "sluicegate_drain_start_connections",
      "gauge",
      "Connections on a gateway when its last drain began.",
      ofDrains(({ connectionsAtStart }) => connectionsAtStart),
    ),
    family(
      "sluicegate_drain_live_connections",
      "gauge",
      "Connections left on a drained gateway at the end.",
      ofDrains(({ stillLive }) => stillLive),
    ),
    family(
      "sluicegate_drain_duration_seconds",
      "gauge",
      "Time until a drained gateway had no connection left; absent where it has some.",
      ofDrains(({ from, ranDryAt }) => (ranDryAt === null ? undefined : secondsBetween(from, ranDryAt))),
    ),
  ];
}

function family(name: string, type: MetricFamily["type"], help: string, samples: readonly Sample[]): MetricFamily {
  return { name, type, help, samples };
}

type Valued = readonly [labels: Record<string, string>, value: number | undefined];

/** One sample for each set of labels, with the sum of its values. */
function summed(values: readonly Valued[]): Sample[] {
  return collected(values, (before, value) => before + value);
}

/** The same with the last of its values. */
function latest(values: readonly Valued[]): Sample[] {
  return collected(values, (_, value) => value);
}

function collected(values: readonly Valued[], join: (before: number, value: number) => number): Sample[] {
  const samples = new Map<string, Sample>();
  for (const [labels, value] of values) {
    if (value === undefined) continue;
    const key = JSON.stringify(labels);
    const before = samples.get(key);
    samples.set(key, { labels, value: before ? join(before.value, value) : value });
  }
  return [...samples.values()];
}

/** @returns undefined where one of the two is no time: never detected */
function secondsBetween(from: string, to: string): number | undefined {
  const [start, end] = [nanosecondsOf(from), nanosecondsOf(to)];
  return start === undefined || end === undefined ? undefined : Number(end - start) / 1e9;
}

/** Nanoseconds since the epoch of an RFC 3339 time in UTC, as reports write it. */
function nanosecondsOf(time: string): bigint | undefined {
  const match = /^(.{19})\.(\d{9})Z$/.exec(time);
  const ms = match ? Date.parse(`${match[1]}Z`) : Number.NaN;
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n + BigInt(match![2]!);
}
