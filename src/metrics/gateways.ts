import type { MetricFamily } from "./prometheus.js";
import type { MetricsReport } from "./report.js";

type Row = MetricsReport["gateways"][number];

const FAMILIES: readonly (readonly [keyof Row & string, string, "counter" | "gauge", string])[] = [
  [
    "connections",
    "sluicegate_gateway_connections_total",
    "counter",
    "Connections opened through this gateway and egress IP.",
  ],
  [
    "frames",
    "sluicegate_gateway_frames_total",
    "counter",
    "Frames that left through this gateway under this egress IP.",
  ],
  ["bytes", "sluicegate_gateway_bytes_total", "counter", "Bytes on the wire of the frames that left."],
  ["replies", "sluicegate_gateway_replies_total", "counter", "Replies translated back by this gateway."],
  ["replyBytes", "sluicegate_gateway_reply_bytes_total", "counter", "Bytes on the wire of the replies."],
  [
    "portsPeak",
    "sluicegate_gateway_ports_peak",
    "gauge",
    "Most NAT ports in use at a time toward one remote address and port.",
  ],
  [
    "portsLimit",
    "sluicegate_gateway_ports_limit",
    "gauge",
    "NAT ports that there are toward one remote address and port.",
  ],
];

/** Per gateway node and egress IP, which the original has nothing for. */
export function gatewayMetrics({ gateways }: MetricsReport): MetricFamily[] {
  const rows = [...merged(gateways).values()];
  return FAMILIES.map(([field, name, type, help]) => ({
    name,
    type,
    help,
    samples: rows.map((row) => ({ labels: labelsOf(row), value: row[field] as number })),
  }));
}

function labelsOf({ node, egressIP, zone }: Row): Record<string, string> {
  return { node, egress_ip: egressIP, zone: zone ?? "" };
}

/** Rows that differ in nothing that shows (a node without any egress IP for two policies) are one series. */
function merged(gateways: readonly Row[]): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const row of gateways) {
    const key = JSON.stringify(labelsOf(row));
    const known = rows.get(key);
    rows.set(key, known ? sumOf(known, row) : row);
  }
  return rows;
}

function sumOf(a: Row, b: Row): Row {
  return {
    ...a,
    connections: a.connections + b.connections,
    frames: a.frames + b.frames,
    bytes: a.bytes + b.bytes,
    replies: a.replies + b.replies,
    replyBytes: a.replyBytes + b.replyBytes,
    portsPeak: Math.max(a.portsPeak, b.portsPeak),
  };
}
