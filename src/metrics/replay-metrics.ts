import { availabilityMetrics } from "./availability.js";
import { ciliumMetrics } from "./cilium.js";
import { gatewayMetrics } from "./gateways.js";
import { type MetricFamily, prometheusText, type Sample } from "./prometheus.js";
import type { MetricsReport } from "./report.js";

const CONNECTION_EVENTS = ["opened", "closed", "expired", "broken", "rebound", "removed"] as const;

/**
 * The numbers of a replay in Prometheus text format: the original's names where it has one, ours beside them. A pure function of the
 * report without its `timing`.
 */
export function replayMetrics(report: MetricsReport): string {
  return prometheusText(replayFamilies(report));
}

/** Every metric that there is, those without series among them. */
export function replayFamilies(report: MetricsReport): MetricFamily[] {
  return [
    ...ciliumMetrics(report),
    ...inputMetrics(report),
    ...frameMetrics(report),
    ...connectionMetrics(report),
    ...gatewayMetrics(report),
    ...availabilityMetrics(report),
    ...overlayMetrics(report),
    ...verificationMetrics(report),
  ];
}

function inputMetrics({ seed, natProfile, topology = "single", scenario, input }: MetricsReport): MetricFamily[] {
  const info = { seed: String(seed), nat_profile: natProfile, topology, scenario: scenario?.name ?? "" };
  const records = input.files.flatMap(({ name, records }): Sample[] => {
    if (!records) return [];
    const { kind, used, unused } = records;
    const results: [string, number][] = [["used", used], ...Object.entries(unused)];
    return results.map(([result, value]) => ({ labels: { file: name, kind, result }, value }));
  });
  return [
    gauge("sluicegate_replay_info", "What was replayed how; always 1.", [{ labels: info, value: 1 }]),
    counter(
      "sluicegate_input_frames_total",
      "Frames of each capture.",
      input.files.map(({ name, frames }) => ({ labels: { file: name }, value: frames })),
    ),
    counter("sluicegate_input_records_total", "Connection records of each file by what became of them.", records),
    gauge(
      "sluicegate_input_truncated",
      "1 where the last record of a capture was cut off.",
      bare(Number(input.truncated)),
    ),
  ];
}

function frameMetrics({ frames, reasonActions }: MetricsReport): MetricFamily[] {
  const others = Object.entries(reasonActions).flatMap(([reason, actions]) =>
    Object.entries(actions).map(([action, value]) => ({ labels: { action, reason }, value })),
  );
  return [
    counter("sluicegate_frames_total", "Frames by what became of them and why.", [
      { labels: { action: "snat" }, value: frames.snat },
      { labels: { action: "reverse" }, value: frames.reverse },
      ...others,
    ]),
    counter("sluicegate_frames_read_total", "Frames read, whatever became of them.", bare(frames.read)),
    counter("sluicegate_frames_lost_total", "Frames lost at a gateway or node that was down.", bare(frames.lost)),
    counter("sluicegate_read_bytes_total", "Bytes on the wire of the frames read.", bare(frames.bytes)),
  ];
}

function connectionMetrics({ connections }: MetricsReport): MetricFamily[] {
  const evictions = Object.entries(connections.evictions).map(([state, value]) => ({ labels: { state }, value }));
  return [
    counter(
      "sluicegate_connections_total",
      "Connections by what happened to them; opened ones count again under how they ended.",
      CONNECTION_EVENTS.map((event) => ({ labels: { event }, value: connections[event] })),
    ),
    counter("sluicegate_connections_evicted_total", "Connections given up because the table was full.", evictions),
    gauge("sluicegate_connections_peak", "Most connections in the table at a time.", bare(connections.peak)),
    gauge("sluicegate_connections_live", "Connections in the table at the end.", bare(connections.live)),
  ];
}

function overlayMetrics({ overlay }: MetricsReport): MetricFamily[] {
  const of = (value: number | undefined) => (value === undefined ? [] : bare(value));
  return [
    counter("sluicegate_overlay_frames_total", "Frames between nodes in the overlay.", of(overlay?.frames)),
    counter("sluicegate_overlay_bytes_total", "Bytes of the frames in the overlay.", of(overlay?.bytes)),
    counter("sluicegate_overlay_oversize_frames_total", "Overlay frames above the MTU.", of(overlay?.tooBig)),
  ];
}

function verificationMetrics({ verification }: MetricsReport): MetricFamily[] {
  const { enabled, ok, framesChecked, mismatchCount } = verification;
  const ifEnabled = (value: number) => (enabled ? bare(value) : []);
  return [
    gauge(
      "sluicegate_verification_enabled",
      "1 where frames were checked independently of the engine.",
      bare(Number(enabled)),
    ),
    gauge("sluicegate_verification_ok", "1 where no mismatch was found.", ifEnabled(Number(ok))),
    counter(
      "sluicegate_verification_frames_total",
      "Frames checked independently of the engine.",
      ifEnabled(framesChecked),
    ),
    counter("sluicegate_verification_mismatches_total", "Mismatches found.", ifEnabled(mismatchCount)),
  ];
}

function counter(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { name, type: "counter", help, samples };
}

function gauge(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { name, type: "gauge", help, samples };
}

function bare(value: number): Sample[] {
  return [{ labels: {}, value }];
}
