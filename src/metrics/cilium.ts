import type { MetricFamily, Sample } from "./prometheus.js";
import type { MetricsReport } from "./report.js";

/**
 * Texts under which the original counts the drops that it has, too, and the direction where there is one only. Drops for other reasons are
 * not under its names: it would not have dropped those frames.
 */
const DROPS: Readonly<Record<string, { readonly reason: string; readonly direction: "EGRESS" | "UNKNOWN" }>> = {
  "no-nat-mapping": { reason: "No mapping for NAT masquerade", direction: "EGRESS" },
  "unsupported-protocol": { reason: "Unsupported protocol for NAT masquerade", direction: "EGRESS" },
  "no-egress-gateway": { reason: "No egress gateway found", direction: "EGRESS" },
  "no-egress-ip": { reason: "No Egress IP configured", direction: "EGRESS" },
  "ttl-exceeded": { reason: "TTL exceeded", direction: "UNKNOWN" },
  "fragment-without-first": { reason: "First logical datagram fragment not found", direction: "UNKNOWN" },
  "table-full": { reason: "CT: Map insertion failed", direction: "UNKNOWN" },
  truncated: { reason: "CT: Truncated or invalid header", direction: "UNKNOWN" },
};

/** What the original's agents export under the same names, of all gateways together. */
export function ciliumMetrics(report: MetricsReport): MetricFamily[] {
  return [
    {
      name: "cilium_nat_endpoint_max_connection",
      type: "gauge",
      help: "Highest share of the NAT ports toward one remote that were in use at a time, by address family.",
      samples: portShares(report),
    },
    {
      name: "cilium_drop_count_total",
      type: "counter",
      help: "Frames dropped for reasons that the original has, too, under its texts.",
      samples: dropSamples(report),
    },
    {
      name: "cilium_forward_count_total",
      type: "counter",
      help: "Frames let through: translated on the way out, translated back, or passed untouched (direction UNKNOWN).",
      samples: [
        { labels: { direction: "EGRESS" }, value: report.frames.snat },
        { labels: { direction: "INGRESS" }, value: report.frames.reverse },
        { labels: { direction: "UNKNOWN" }, value: report.frames.pass },
      ],
    },
  ];
}

function portShares({ gateways }: MetricsReport): Sample[] {
  const most = new Map<string, number>();
  for (const { egressIP, portsPeak, portsLimit } of gateways) {
    if (egressIP === "" || portsLimit === 0) continue;
    const family = egressIP.includes(":") ? "ipv6" : "ipv4";
    most.set(family, Math.max(most.get(family) ?? 0, portsPeak / portsLimit));
  }
  return [...most].map(([family, value]) => ({ labels: { family }, value }));
}

function dropSamples({ reasonActions }: MetricsReport): Sample[] {
  return Object.entries(reasonActions).flatMap(([reason, { drop = 0 }]) => {
    const labels = DROPS[reason];
    return labels && drop > 0 ? [{ labels: { ...labels }, value: drop }] : [];
  });
}
