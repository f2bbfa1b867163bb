/**
 * Makes pcaps/records: what Cilium would have recorded of the traffic in pcaps/web and pcaps/snat, with its aggregation of events.
 * Usage, after `npm run build`: node test/records/make-records.mjs [FOLDER]
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { captureFrames } from "../../dist/src/capture/frames.js";
import { loadManifests } from "../../dist/src/config/load.js";
import { formatAddress } from "../../dist/src/net/address.js";
import {
  decodeFrame,
  destinationAddress,
  destinationPort,
  sourceAddress,
  sourcePort,
} from "../../dist/src/net/decode.js";
import { verifyCapturePair } from "../../dist/src/pair/verify-pair.js";

const FLAG_NAMES = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];
const PROTOCOLS = { tcp: "TCP", udp: "UDP", echo: "ICMP" };
/** A connection is reported again after this, as with the agent's default aggregation. */
const REPORT_NS = 5_000_000_000n;
/** Seconds since the boot of the node, and of a connection table's times, at the first frame. */
const UPTIME = 86_400n;

const folder = process.argv[2] ?? "pcaps/records";
const model = loadManifests(["pcaps/manifests"]);
const pods = new Map(model.endpoints.flatMap((pod) => pod.addresses.map((address) => [formatAddress(address), pod])));
mkdirSync(folder, { recursive: true });
const { flows, connections, startNs } = await observe("pcaps/web/in.pcap");
writeFileSync(join(folder, "flows.jsonl.gz"), gzipSync(`${flows.join("\n")}\n`, { level: 9 }));
write(
  "ct-list.txt",
  [...connections.values()].map((connection) => ctLine(connection, startNs)),
);
write("nat-list.txt", await natLines("pcaps/snat/inside.pcap", "pcaps/snat/uplink.pcap"));

function write(name, lines) {
  writeFileSync(join(folder, name), `${lines.join("\n")}\n`);
}

/** Plays the agent: a flow for the first packet of each kind of a connection's direction, and a table of connections. */
async function observe(capture) {
  const seen = { flows: [], connections: new Map(), startNs: undefined };
  const reported = new Map();
  for await (const { bytes, linkType, wireLength, timeNs } of captureFrames(capture, {})) {
    seen.startNs ??= timeNs;
    const packet = packetOf(bytes, linkType, wireLength);
    if (!packet) continue;
    const { connection, isReply } = track(seen.connections, packet, timeNs);
    const key = `${tupleOf(packet)} ${packet.flags}`;
    if (timeNs - (reported.get(key) ?? -REPORT_NS) < REPORT_NS) continue;
    reported.set(key, timeNs);
    seen.flows.push(...flowsOf(packet, timeNs, isReply, connection));
  }
  seen.flows.push(
    JSON.stringify({ lost_events: { source: "PERF_EVENT_RING_BUFFER", num_events_lost: 7 }, node_name: "w1" }),
  );
  return seen;
}

/** What counts of a frame between a pod and somebody else; undefined for others. */
function packetOf(bytes, linkType, wireLength) {
  const decoded = decodeFrame(bytes, linkType, wireLength);
  if (!decoded || !(decoded.kind in PROTOCOLS)) return undefined;
  const source = formatAddress(sourceAddress(bytes, decoded));
  const destination = formatAddress(destinationAddress(bytes, decoded));
  if (!pods.has(source) && !pods.has(destination)) return undefined;
  const isEcho = decoded.kind === "echo";
  return {
    kind: decoded.kind,
    source,
    destination,
    sourcePort: sourcePort(bytes, decoded),
    destinationPort: isEcho ? sourcePort(bytes, decoded) : destinationPort(bytes, decoded),
    flags: decoded.tcpFlags & 63,
    type: isEcho ? decoded.icmpType : -1,
    length: wireLength,
  };
}

function tupleOf({ kind, source, destination, sourcePort, destinationPort }) {
  return `${kind} ${source} ${sourcePort} ${destination} ${destinationPort}`;
}

function track(connections, packet, timeNs) {
  const { source, destination, sourcePort, destinationPort } = packet;
  const reverse = {
    ...packet,
    source: destination,
    destination: source,
    sourcePort: destinationPort,
    destinationPort: sourcePort,
  };
  const known = connections.get(tupleOf(packet));
  const opened = known ?? connections.get(tupleOf(reverse));
  const isReply = !known && opened !== undefined;
  const connection = opened ?? { ...packet, tx: counts(), rx: counts(), seenNonSyn: false };
  if (!opened) connections.set(tupleOf(packet), connection);
  const side = isReply ? connection.rx : connection.tx;
  side.packets++;
  side.bytes += packet.length;
  side.flags |= packet.flags;
  side.closing ||= (packet.flags & 5) !== 0;
  side.lastNs = timeNs;
  connection.seenNonSyn ||= packet.kind === "tcp" && (packet.flags & 2) === 0;
  return { connection, isReply };
}

function counts() {
  return { packets: 0, bytes: 0, flags: 0, closing: false, lastNs: 0n };
}

/** The report of the pod's node; for the opening packet of a connection also the one of the overlay's other end. */
function flowsOf(packet, timeNs, isReply, connection) {
  const own = pods.get(packet.source) ?? pods.get(packet.destination);
  const isSent = pods.has(packet.source);
  const point = isSent ? "TO_OVERLAY" : "TO_ENDPOINT";
  const reports = [flow(packet, timeNs, isReply, own.node, point)];
  const isOpening = isSent && !isReply && connection.tx.packets === 1;
  if (isOpening) reports.push(flow(packet, timeNs + 150_000n, isReply, "gw-a", "TO_NETWORK"));
  return reports;
}

function flow(packet, timeNs, isReply, node, point) {
  const time = timeText(timeNs);
  return JSON.stringify({
    flow: {
      time,
      verdict: "FORWARDED",
      IP: { source: packet.source, destination: packet.destination, ipVersion: "IPv4" },
      l4: layer4(packet),
      source: endOf(packet.source),
      destination: endOf(packet.destination),
      Type: "L3_L4",
      node_name: node,
      event_type: { type: 4 },
      traffic_direction: pods.has(packet.source) ? "EGRESS" : "INGRESS",
      trace_observation_point: point,
      is_reply: isReply,
    },
    node_name: node,
    time,
  });
}

function layer4({ kind, sourcePort, destinationPort, flags, type }) {
  if (kind === "echo") return { ICMPv4: type === 0 ? {} : { type } };
  const ports = { source_port: sourcePort, destination_port: destinationPort };
  if (kind === "udp") return { UDP: ports };
  const set = FLAG_NAMES.filter((_, bit) => flags & (1 << bit)).map((name) => [name, true]);
  return { TCP: { ...ports, flags: Object.fromEntries(set) } };
}

function endOf(address) {
  const pod = pods.get(address);
  if (!pod) return { identity: 2, labels: ["reserved:world"] };
  return { identity: pod.identity, namespace: pod.namespace, pod_name: pod.name };
}

/** One line of `cilium bpf ct list global`. */
function ctLine({ kind, source, sourcePort, destination, destinationPort, tx, rx, seenNonSyn }, startNs) {
  const direction = pods.has(source) ? "OUT" : "IN";
  const uptime = (ns) => (ns === 0n ? 0n : UPTIME + (ns - startNs) / 1_000_000_000n);
  const [last] = [uptime(tx.lastNs), uptime(rx.lastNs)].sort((a, b) => Number(b - a));
  const lifetime = kind === "tcp" && seenNonSyn ? (tx.closing && rx.closing ? 10n : 8000n) : 60n;
  const names = [rx.closing && "RxClosing", tx.closing && "TxClosing", seenNonSyn && "SeenNonSyn"];
  const flags = Number(rx.closing) | (Number(tx.closing) << 1) | (Number(seenNonSyn) << 4);
  const hex = (value, digits) => `0x${value.toString(16).padStart(digits, "0")}`;
  // An echo's identifier is the port of its destination.
  const from = kind === "echo" ? 0 : sourcePort;
  return [
    `${PROTOCOLS[kind]} ${direction} ${source}:${from} -> ${destination}:${destinationPort} expires=${last + lifetime}`,
    `Packets=${tx.packets + rx.packets} Bytes=${tx.bytes + rx.bytes}`,
    `RxFlagsSeen=${hex(rx.flags, 2)} LastRxReport=${uptime(rx.lastNs)} TxFlagsSeen=${hex(tx.flags, 2)} LastTxReport=${uptime(tx.lastNs)}`,
    `Flags=${hex(flags, 4)} [ ${names
      .filter(Boolean)
      .map((name) => `${name} `)
      .join("")}]`,
    `RevNAT=0 SourceSecurityID=${pods.get(source)?.identity ?? 2} BackendID=0`,
  ].join(" ");
}

/** `cilium bpf nat list` of the Linux gateway's translations, as they stood at the last packet. */
async function natLines(inside, uplink) {
  const mappings = new Map();
  let lastNs = 0n;
  await verifyCapturePair(captureFrames(inside, {}), captureFrames(uplink, {}), model, {
    beforeName: inside,
    afterName: uplink,
    onMapping: (seen) => {
      const text = [
        socket(seen.endpoint, seen.endpointPort),
        socket(seen.remote, seen.remotePort),
        socket(seen.egressIP, seen.natPort),
      ];
      const key = `${seen.protocol} ${text.join(" ")}`;
      if (!mappings.has(key)) mappings.set(key, { protocol: seen.protocol, text, createdNs: seen.timeNs });
      if (seen.timeNs > lastNs) lastNs = seen.timeNs;
    },
  });
  return [...mappings.values()].flatMap(({ protocol, text: [endpoint, remote, external], createdNs }) => {
    const name = { 1: "ICMP", 6: "TCP", 17: "UDP" }[protocol];
    const rest = `Created=${lastNs / 1_000_000_000n - createdNs / 1_000_000_000n}sec ago NeedsCT=1`;
    return [
      `${name} OUT ${endpoint} -> ${remote} XLATE_SRC ${external} ${rest}`,
      `${name} IN ${remote} -> ${external} XLATE_DST ${endpoint} ${rest}`,
    ];
  });
}

function socket(address, port) {
  return `${formatAddress(address)}:${port}`;
}

function timeText(ns) {
  const seconds = new Date(Number(ns / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${(ns % 1_000_000_000n).toString().padStart(9, "0")}Z`;
}
