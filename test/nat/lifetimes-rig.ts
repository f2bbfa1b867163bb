import type { NatProfile, PolicyModel, Timeouts } from "../../src/config/types.js";
import { type ConntrackLine, connections } from "../../src/engine/conntrack.js";
import type { EngineConfig } from "../../src/engine/engine-config.js";
import { GatewayRig, type Outcome, type RigFrame } from "../assembly/path/gateway-rig.js";
import { address, egress, endpoint, model, node, policy, policySet, prefix, withSettings } from "../engine/model.js";
import { ethernet, ipv4, ipv6, type Layer4, TCP_FLAG_BITS, tcp, udp } from "../support/frames.js";
import { EXT6, INSIDE6, REMOTE6 } from "./dual-stack.js";

// The scene of the numbered tests: one gateway, 64 pods on its own node (no routed hop), everything selected, profile rfc.

export const INSIDE = "10.0.0.2";
export const INSIDE_B = "10.0.0.3";
export const INSIDE_C = "10.0.0.4";
/** All of them, INSIDE, INSIDE_B and INSIDE_C first. */
export const HOSTS = Array.from({ length: 64 }, (_, i) => `10.0.0.${i + 2}`);
export const EXT = "192.0.2.1";
export const REMOTE = "192.0.2.102";
export const WEB = 80;
export const DNS = 53;
export const RFC_PORTS = { low: 1024, high: 65_535 };
/** Ports of the pool. */
export const POOL = RFC_PORTS.high - RFC_PORTS.low + 1;

/** Seconds of nat-requirements' table of timers (section 6.4). */
export const RFC = {
  opening: 240,
  established: 7440,
  closing: 240,
  reset: 240,
  udp: 300,
  icmp: 60,
  hold: 120,
} as const;
const RFC_TIMEOUTS: Timeouts = {
  tcpOpening: RFC.opening * 1000,
  tcpEstablished: RFC.established * 1000,
  tcpClosing: RFC.closing * 1000,
  tcpReset: RFC.reset * 1000,
  portHold: RFC.hold * 1000,
  udp: RFC.udp * 1000,
  icmp: RFC.icmp * 1000,
  other: 300_000,
};

export interface Scene extends Partial<EngineConfig> {
  readonly ports?: { readonly low: number; readonly high: number };
  readonly timeouts?: Partial<Timeouts>;
  /** Of the policy: they win over the settings'. */
  readonly policyTimeouts?: Partial<Timeouts>;
  readonly natProfile?: NatProfile;
}

function scene(timeouts: Partial<Timeouts> | undefined): PolicyModel {
  return model({
    nodes: [node("gw", "172.18.0.11")],
    egresses: [egress("gw", EXT, { egressIPv6: address(EXT6) })],
    policies: [policy("out", [0], { timeouts })],
    policySets: [policySet({ "0.0.0.0/0": 0, "::/0": 0 })],
    endpoints: HOSTS.map((host) => endpoint(`pod-${host}`, host === INSIDE ? [host, INSIDE6] : [host], { node: "gw" })),
    clusterPrefixes: [{ prefix: prefix("10.0.0.0/24"), why: "pod-cidr" }],
  });
}

/** A gateway of profile rfc with nothing in its table. */
export function gateway({
  ports = RFC_PORTS,
  timeouts = {},
  policyTimeouts,
  ...config
}: Scene = {}): Promise<GatewayRig> {
  const set = withSettings(scene(policyTimeouts), ports, { ...RFC_TIMEOUTS, ...timeouts });
  return GatewayRig.start(set, { natProfile: "rfc", ...config });
}

/** A frame that a pod sends to the remote. */
export function out(l4: Layer4, seconds: number, src = INSIDE, dst = REMOTE): RigFrame {
  return { hook: "from-endpoint", frame: ethernet(ipv4({ src, dst }, l4)), atMs: seconds * 1000 };
}

/** A frame that the remote sends to the external address. */
export function back(l4: Layer4, seconds: number, src = REMOTE): RigFrame {
  return { hook: "from-network", frame: ethernet(ipv4({ src, dst: EXT }, l4)), atMs: seconds * 1000 };
}

export function query(srcPort: number, seconds = 0, src = INSIDE, dst = REMOTE): RigFrame {
  return out(udp({ srcPort, dstPort: DNS }), seconds, src, dst);
}

export function answer(natPort: number, seconds: number): RigFrame {
  return back(udp({ srcPort: DNS, dstPort: natPort }), seconds);
}

export function send(flags: string, seconds: number, srcPort: number, src = INSIDE): RigFrame {
  return out(tcp({ srcPort, dstPort: WEB, flags }), seconds, src);
}

/** A segment of the remote to a NAT port. @param seq of an attacker: any */
export function receive(flags: string, seconds: number, natPort: number, seq = 1): RigFrame {
  return back(tcp({ srcPort: WEB, dstPort: natPort, flags, seq }), seconds);
}

const ETHERNET_AND_IPV4 = 14 + 20;

/** The same TCP segment without options and payload between the IPv6 addresses of INSIDE, EXT and REMOTE. */
export function over6({ frame, hook, ...rest }: RigFrame): RigFrame {
  const [src, dst] = hook === "from-endpoint" ? [INSIDE6, REMOTE6] : [REMOTE6, EXT6];
  const view = new DataView(frame.buffer, frame.byteOffset + ETHERNET_AND_IPV4);
  const flags = Object.entries(TCP_FLAG_BITS).filter(([, bit]) => view.getUint8(13) & bit);
  const segment = tcp({
    srcPort: view.getUint16(0),
    dstPort: view.getUint16(2),
    seq: view.getUint32(4),
    ack: view.getUint32(8),
    flags: flags.map(([word]) => word).join(" "),
  });
  return { ...rest, hook, frame: ethernet(ipv6({ src, dst }, segment)) };
}

/** SYN, SYN-ACK, ACK within one second. */
export function handshake(port: number, seconds = 0): RigFrame[] {
  return [send("SYN", seconds, port), receive("SYN ACK", seconds, port), send("ACK", seconds, port)];
}

/** The only connection of the table as its endpoint shows it; undefined where there is none. */
export function onlyLine(rig: GatewayRig): ConntrackLine | undefined {
  const [first, ...more] = connections(rig.engine.conntrack());
  if (more.length > 0) throw new Error(`${more.length + 1} connections, expected one at most`);
  return first?.original;
}

/** Plays frames that must all get through. */
export function play(rig: GatewayRig, frames: readonly RigFrame[]): Outcome[] {
  return rig.send(frames).map((outcome, i) => {
    if (outcome.action === "drop") throw new Error(`frame ${i} was dropped: ${outcome.reason}`);
    return outcome;
  });
}

/** Numbers from 0 to 2^32-1 that are the same on every run (xorshift32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
