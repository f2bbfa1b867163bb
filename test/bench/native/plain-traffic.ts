import * as abi from "../../../assembly/abi.js";
import type { NatProfile, PolicyModel } from "../../../src/config/types.js";
import { egress, endpoint, model, node, policy, policySet, prefix } from "../../engine/model.js";
import { random } from "../../engine/traffic.js";
import { ethernet, ipv4, patterned, tcp, udp } from "../../support/frames.js";
import type { PlainFrame, PlainRun } from "./plain-run.js";

// Plain traffic that meets every part of what the reference does: connections that open, close, are reset, expire and begin again, ports
// that collide and run out, connections from outside, policies that select nothing, garbage that is still plain.

const PODS = ["10.0.1.7", "10.0.1.8", "10.0.1.9", "10.0.1.10"] as const;
const STRANGERS = ["10.0.9.9", "127.0.0.1", "203.0.113.10"] as const;
const REMOTES = ["198.51.100.1", "198.51.100.2", "198.51.100.3", "192.0.2.77"] as const;
const ODD_REMOTES = [
  "192.168.7.7",
  "10.0.1.8",
  "224.0.0.5",
  "0.0.0.9",
  "203.0.113.20",
  "255.255.255.255",
  "10.0.1.7",
] as const;
const EGRESS_IPS = ["203.0.113.10", "203.0.113.20", "203.0.113.30"] as const;
const FORTY_DAYS_NS = 40n * 86_400_000_000_000n;
const START_NS = 1_790_000_000_000_000_000n;
/** Connections that traffic goes on with: the youngest ones. */
const REMEMBERED = 3000;

/** Few ports, so that they run out; lifetimes of seconds. */
export function plainModel(ports: { readonly low: number; readonly high: number }): PolicyModel {
  const base = model({
    nodes: [node("gw-a", "172.18.0.3"), node("gw-b", "172.18.0.4"), node("worker", "172.18.0.2")],
    egresses: [
      egress("gw-a", EGRESS_IPS[0]),
      egress("gw-b", EGRESS_IPS[1]),
      egress("worker", EGRESS_IPS[2]),
      egress("gw-b", undefined),
    ],
    policies: [
      policy("web", [0, 1, 2], { timeouts: { udp: 3000 } }),
      policy("db", [1, 0], { kind: "CiliumEgressGatewayPolicy" }),
      policy("nobody", []),
      policy("no-address", [3]),
    ],
    policySets: [
      policySet({ "0.0.0.0/0": 0, "192.168.0.0/16": "excluded", "192.0.2.0/24": 2, "198.51.100.3/32": 1 }),
      policySet({ "198.51.100.0/24": 1, "198.51.100.3/32": 3 }),
    ],
    endpoints: [
      endpoint("web", [PODS[0]], { node: "worker", servicePorts: [{ protocol: "TCP", port: 8080 }] }),
      endpoint("db", [PODS[1]], { policySet: 1 }),
      endpoint("shop", [PODS[2]], { node: "gw-a" }),
      endpoint("idle", [PODS[3]], { policySet: -1, servicePorts: [{ protocol: "TCP", port: 8080 }] }),
    ],
    clusterPrefixes: [{ prefix: prefix("10.0.0.0/16"), why: "pod-cidr" }],
  });
  const setting = <T>(value: T) => ({ value, source: "test" });
  const timeouts = {
    tcpOpening: 4000,
    tcpEstablished: 20_000,
    tcpClosing: 1500,
    udp: 5000,
    icmp: 5000,
    other: 5000,
    tcpReset: 2500,
    portHold: 3000,
  };
  return { ...base, settings: { ...base.settings, snatPorts: setting(ports), timeouts: setting(timeouts) } };
}

export interface TrafficOptions {
  readonly frames: number;
  readonly seed: number;
  readonly natProfile: NatProfile;
  /** Source ports that endpoints use: few make them collide. */
  readonly sourcePorts: { readonly low: number; readonly count: number };
  /** One frame in so many opens a connection. */
  readonly openEvery: number;
}

interface Connection {
  readonly isTcp: boolean;
  readonly src: string;
  readonly dst: string;
  readonly srcPort: number;
  readonly dstPort: number;
  /** Where its answers go: egress IP and NAT port, or the endpoint itself. */
  readonly outside: string;
  readonly outsidePort: number;
  /** What the endpoint acknowledged last. */
  acknowledged: number;
}

type Next = (below: number) => number;

/** Lets generated frames through an engine, batch by batch, as answers depend on the ports that it gives. */
export function sendPlainTraffic(run: PlainRun, options: TrafficOptions): void {
  const next = random(options.seed);
  const connections: Connection[] = [];
  let timeNs = START_NS;
  let isLate = false;
  while (run.count < options.frames) {
    if (!isLate && run.count > options.frames / 2) {
      timeNs += FORTY_DAYS_NS;
      isLate = true;
    }
    const size = 1 + next(150);
    const opened: (Connection | undefined)[] = [];
    const frames = Array.from({ length: size }, (): PlainFrame => {
      timeNs += BigInt(next(4000) === 0 ? 3000 + next(30_000) : next(3)) * 1_000_000n + BigInt(next(900_000));
      const wanted = next(options.openEvery) === 0 ? opening(next, options) : undefined;
      opened.push(wanted);
      const known = connections[connections.length - 1 - next(Math.min(connections.length, REMEMBERED) || 1)];
      const made = wanted ? forwardFrame(next, wanted, true) : known ? later(next, known) : stray(next);
      // Older than the one before, now and then.
      return { ...made, timeNs: next(60) === 0 ? timeNs - 7_000_000n : timeNs };
    });
    for (const [i, verdict] of run.add(frames).entries()) {
      const connection = opened[i];
      if (!connection) continue;
      const isTranslated = verdict.action === abi.ACTION_SNAT;
      if (!isTranslated && verdict.action !== abi.ACTION_PASS) continue;
      const outside = isTranslated ? EGRESS_IPS[verdict.egress]! : connection.src;
      const outsidePort = isTranslated ? verdict.natPort : connection.srcPort;
      connections.push({ ...connection, outside, outsidePort });
    }
    if (connections.length > REMEMBERED * 2) connections.splice(0, REMEMBERED);
  }
}

function opening(next: Next, { sourcePorts }: TrafficOptions): Connection {
  const src = next(100) === 0 ? STRANGERS[next(STRANGERS.length)]! : PODS[next(PODS.length)]!;
  const dst = next(30) === 0 ? ODD_REMOTES[next(ODD_REMOTES.length)]! : REMOTES[next(8) === 0 ? next(4) : 0]!;
  const isTcp = next(3) > 0;
  const srcPort = sourcePorts.low + next(sourcePorts.count);
  const dstPort = isTcp ? 443 : 53;
  return { isTcp, src, dst, srcPort, dstPort, outside: src, outsidePort: srcPort, acknowledged: 0 };
}

/** One more frame of a connection, from either side, or one that has nothing to do with any. */
function later(next: Next, connection: Connection): Omit<PlainFrame, "timeNs"> {
  const kind = next(40);
  if (kind === 0) return stray(next);
  return kind % 2 === 0 ? forwardFrame(next, connection, false) : answerFrame(next, connection);
}

const LATER_FLAGS = [
  "ACK",
  "ACK",
  "ACK",
  "PSH ACK",
  "PSH ACK",
  "FIN ACK",
  "RST",
  "RST ACK",
  "SYN",
  "FIN",
  "",
  "SYN FIN",
];
const ANSWER_FLAGS = ["SYN ACK", "SYN ACK", "ACK", "ACK", "PSH ACK", "FIN ACK", "RST", "SYN", "FIN"];

function forwardFrame(next: Next, c: Connection, isFirst: boolean): Omit<PlainFrame, "timeNs"> {
  const flags = isFirst && next(12) > 0 ? "SYN" : LATER_FLAGS[next(next(4) > 0 ? 5 : LATER_FLAGS.length)]!;
  if (flags.includes("ACK")) c.acknowledged = 1000 + next(1 << 20);
  const bytes = packet(next, c.isTcp, c.src, c.dst, c.srcPort, c.dstPort, flags, 1 + next(9), c.acknowledged);
  return { hook: abi.HOOK_FROM_ENDPOINT, ...bytes };
}

function answerFrame(next: Next, c: Connection): Omit<PlainFrame, "timeNs"> {
  const flags = ANSWER_FLAGS[next(next(4) > 0 ? 5 : ANSWER_FLAGS.length)]!;
  // Inside the window, or far from it.
  const seq = next(4) === 0 ? next(0x7fff_ffff) * 2 : c.acknowledged + next(1000);
  const bytes = packet(next, c.isTcp, c.dst, c.outside, c.dstPort, c.outsidePort, flags, seq, 1);
  return { hook: abi.HOOK_FROM_NETWORK, ...bytes };
}

/** To an egress IP or an endpoint, of nobody's connection so far; or what an endpoint's server says. */
function stray(next: Next): Omit<PlainFrame, "timeNs"> {
  const isTcp = next(3) > 0;
  const flags = ["SYN", "ACK", "SYN ACK", "RST", "", "FIN ACK"][next(6)]!;
  const pod = PODS[next(PODS.length)]!;
  const remote = next(12) === 0 ? ODD_REMOTES[next(ODD_REMOTES.length)]! : REMOTES[next(REMOTES.length)]!;
  const remotePort = 5000 + next(40);
  const port = next(2) === 0 ? 8080 : 40_000 + next(20);
  if (next(3) === 0) {
    const bytes = packet(next, isTcp, pod, remote, port, remotePort, flags, 1, 1);
    return { hook: abi.HOOK_FROM_ENDPOINT, ...bytes };
  }
  const dst = next(3) === 0 ? EGRESS_IPS[next(EGRESS_IPS.length)]! : next(10) === 0 ? "10.0.77.1" : pod;
  return { hook: abi.HOOK_FROM_NETWORK, ...packet(next, isTcp, remote, dst, remotePort, port, flags, 1, 1) };
}

function packet(
  next: Next,
  isTcp: boolean,
  src: string,
  dst: string,
  srcPort: number,
  dstPort: number,
  flags: string,
  seq: number,
  ack: number,
): { readonly bytes: Uint8Array; readonly wire: number } {
  const ip = { src, dst, ttl: next(60) === 0 ? 1 : 2 + next(62), id: next(65_536) };
  const payload = patterned(12 + next(20), next(200));
  const checksum = next(5) === 0 ? 0 : undefined;
  const l4 = isTcp ? tcp({ srcPort, dstPort, flags, seq, ack, payload }) : udp({ srcPort, dstPort, payload, checksum });
  const bytes = ethernet(ipv4(ip, l4));
  return { bytes, wire: bytes.length + next(3) * 100 };
}
