/**
 * A small cluster and a translator that shares nothing with the product: it builds the translated frame anew from words instead of
 * rewriting the given one, so that every checksum in it is a recount.
 */
import type { Egress, Endpoint, Policy, PolicyModel, PolicySetEntry, Timeouts } from "../../src/config/types.js";
import { type AddressBytes, type Prefix, parseAddress, parsePrefix } from "../../src/net/address.js";
import type { FrameObservation, NodeStanding, VerificationResult } from "../../src/verify/types.js";
import type { Verifier, VerifierOptions } from "../../src/verify/verifier.js";
import { ethernet, icmpEcho, ipv4, ipv6, type Layer4, patterned, tcp, udp } from "../support/frames.js";
import { TwinVerifier } from "./twin.js";

export const POD = "10.1.0.7";
export const POD_B = "10.1.0.8";
export const POD6 = "fd00:1::7";
export const REMOTE = "198.51.100.9";
export const REMOTE6 = "2001:db8:99::9";
export const EXCLUDED = "198.51.77.5";
/** On gateway gw-a, gw-b, gw-c; the endpoints run on worker-1 (one hop away), gw-a's egress IP also serves a pod on gw-a itself. */
export const EGRESS_A = "203.0.113.10";
export const EGRESS_B = "203.0.113.20";
export const EGRESS6_A = "2001:db8:aa::10";

export const CILIUM_TIMEOUTS: Timeouts = {
  tcpOpening: 60_000,
  tcpEstablished: 8_000_000,
  tcpClosing: 10_000,
  udp: 60_000,
  icmp: 60_000,
  other: 60_000,
};

/** How nodes stand; those that are not named are up. */
export function standing(nodes: Record<string, Partial<NodeStanding>>): ReadonlyMap<string, NodeStanding> {
  const up: NodeStanding = { health: "up", agent: "up", drained: false, removed: false };
  return new Map(Object.entries(nodes).map(([name, changes]) => [name, { ...up, ...changes }]));
}

/** gw-a is down, or takes no new connections; nobody is. */
export const A_DOWN = standing({ "gw-a": { health: "down" } });
export const A_DRAINED = standing({ "gw-a": { drained: true } });
export const ALL_UP = standing({});

export interface ModelChanges {
  policies?: readonly Partial<Policy>[];
  endpoints?: readonly Partial<Endpoint>[];
  snatPorts?: { low: number; high: number };
  timeouts?: Partial<Timeouts>;
  egresses?: readonly Egress[];
}

/** Two gateways of one HA policy for everything but 198.51.77.0/24 and the cluster; two pods on worker-1, POD_B serving TCP 8080. */
export function model(changes: ModelChanges = {}): PolicyModel {
  const policies = (changes.policies ?? [{}]).map((policy, i) => policyOf(policy, i));
  const entries = policies.flatMap((policy, i) => entriesOf(policy, i));
  const endpoints = (changes.endpoints ?? [{}, { name: "b", uid: "uid-b", addresses: [address(POD_B)] }]).map(
    endpointOf,
  );
  return {
    nodes: ["worker-1", "gw-a", "gw-b"].map((name) => ({ name, zone: undefined, labels: new Map(), internalIPs: [] })),
    endpoints,
    egresses: changes.egresses ?? [egress("gw-a", EGRESS_A, EGRESS6_A), egress("gw-b", EGRESS_B)],
    policies,
    policySets: [{ entries }],
    clusterPrefixes: [
      { prefix: prefix("10.1.0.0/16"), why: "pod-cidr" },
      { prefix: prefix("172.20.0.1/32"), why: "node" },
      { prefix: prefix("fd00:1::/64"), why: "pod-cidr" },
    ],
    settings: {
      snatPorts: { value: changes.snatPorts ?? { low: 32768, high: 65535 }, source: "default" },
      timeouts: { value: { ...CILIUM_TIMEOUTS, ...changes.timeouts }, source: "default" },
      tunnelPort: { value: 8472, source: "default" },
    },
    warnings: [],
    ignoredKinds: new Map(),
  };
}

export function egress(node: string, v4: string, v6?: string): Egress {
  return {
    node,
    zone: undefined,
    gatewayIP: undefined,
    egressIPv4: address(v4),
    egressIPv6: v6 === undefined ? undefined : address(v6),
    assumed: false,
    interfaceName: undefined,
  };
}

export function address(text: string): AddressBytes {
  const bytes = parseAddress(text);
  if (!bytes) throw new Error(`${text} is no address`);
  return bytes;
}

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(`${text} is no prefix`);
  return parsed;
}

function policyOf(changes: Partial<Policy>, index: number): Policy {
  return {
    kind: "IsovalentEgressGatewayPolicy",
    name: `policy-${index}`,
    createdAt: `2025-01-0${index + 1}T00:00:00Z`,
    destinations: [prefix("0.0.0.0/0"), prefix("::/0")],
    excluded: [prefix("198.51.77.0/24")],
    egresses: [0, 1],
    azAffinity: "disabled",
    timeouts: undefined,
    ...changes,
  };
}

function entriesOf(policy: Policy, index: number): PolicySetEntry[] {
  const entry = (excluded: boolean) => (p: Prefix) => ({ prefix: p, excluded, policy: index });
  return [...policy.destinations.map(entry(false)), ...policy.excluded.map(entry(true))];
}

function endpointOf(changes: Partial<Endpoint>): Endpoint {
  return {
    namespace: "shop",
    name: "a",
    uid: "uid-a",
    addresses: [address(POD), address(POD6)],
    node: "worker-1",
    identity: 0,
    servicePorts: [{ protocol: "TCP", port: 8080 }],
    fromNs: undefined,
    toNs: undefined,
    policySet: 0,
    ...changes,
  };
}

/** What one frame carries, given the ports it is to have. */
export type Content = (srcPort: number, dstPort: number) => Layer4;

export const syn: Content = (srcPort, dstPort) => tcp({ srcPort, dstPort, flags: "SYN" });
export const synAck: Content = (srcPort, dstPort) => tcp({ srcPort, dstPort, flags: "SYN ACK", ack: 2 });
export const data: Content = (srcPort, dstPort) => tcp({ srcPort, dstPort, flags: "PSH ACK", payload: patterned(40) });
export const fin: Content = (srcPort, dstPort) => tcp({ srcPort, dstPort, flags: "FIN ACK" });
export const rst: Content = (srcPort, dstPort) => tcp({ srcPort, dstPort, flags: "RST" });
export const datagram: Content = (srcPort, dstPort) => udp({ srcPort, dstPort, payload: patterned(30) });
/** The port that stands for the identifier is the endpoint's, whichever side sends. */
export const ping: Content = (id) => icmpEcho({ id });
export const pong: Content = (_, id) => icmpEcho({ id, reply: true });

export interface Out {
  at?: number;
  from?: string;
  port?: number;
  to?: string;
  toPort?: number;
  content?: Content;
  /** Translated source; default EGRESS_A and the same port. */
  as?: string;
  natPort?: number;
  egress?: number;
  ttl?: number;
  hops?: number;
}

/** A scene in which frames pass and a verifier watches. Times are seconds. */
export class Scene {
  readonly verifier: Verifier;
  #frame = 0;
  #last: FrameObservation | undefined;

  constructor(m: PolicyModel = model(), options: Partial<VerifierOptions> = {}) {
    this.verifier = new TwinVerifier(m, { natProfile: "cilium", ...options });
  }

  /** A frame that an endpoint sends and that leaves translated. `more` overrides any part of the observation. */
  snat(out: Out = {}, more: Partial<FrameObservation> = {}): this {
    const { from = POD, port = 40000, to = REMOTE, toPort = 443, content = data, ttl = 64, hops = 1 } = out;
    const { as = from.includes(":") ? EGRESS6_A : EGRESS_A, natPort = port } = out;
    const given = packet(from, to, content(port, toPort), ttl);
    const result = packet(as, to, content(natPort, toPort), ttl - hops);
    const egress = out.egress ?? (as === EGRESS_B ? 1 : 0);
    return this.see({ timeNs: seconds(out.at), action: "snat", egress, captured: given, given, result, ...more });
  }

  /** The reply to the frame that `snat` with the same words sends, captured at the endpoint. */
  reverse(out: Out = {}, more: Partial<FrameObservation> = {}): this {
    const { from = POD, port = 40000, to = REMOTE, toPort = 443, content = data, ttl = 50, hops = 1 } = out;
    const { as = from.includes(":") ? EGRESS6_A : EGRESS_A, natPort = port } = out;
    const captured = packet(to, from, content(toPort, port), ttl);
    const given = packet(to, as, content(toPort, natPort), Math.min(255, ttl + hops));
    const egress = out.egress ?? (as === EGRESS_B ? 1 : 0);
    const seen = { captured, given, result: captured, ...more };
    return this.see({ timeNs: seconds(out.at), hook: "from-network", action: "reverse", egress, ...seen });
  }

  /** A frame that an endpoint sends and that is passed, dropped or skipped. */
  fromEndpoint(
    action: FrameObservation["action"],
    reason: string,
    out: Out = {},
    more: Partial<FrameObservation> = {},
  ): this {
    const { from = POD, port = 40000, to = REMOTE, toPort = 443, content = data, ttl = 64 } = out;
    const given = packet(from, to, content(port, toPort), ttl);
    const seen = { captured: given, given, result: given, ...more };
    return this.see({ timeNs: seconds(out.at), action, reason, ...seen });
  }

  /** A frame from outside that is passed, dropped or skipped; `built` = it was addressed to the external tuple first. */
  fromNetwork(
    action: FrameObservation["action"],
    reason: string,
    out: Out = {},
    more: Partial<FrameObservation> = {},
  ): this {
    const { from = POD, port = 40000, to = REMOTE, toPort = 443, content = data, ttl = 50 } = out;
    const captured = packet(to, from, content(toPort, port), ttl);
    const given = out.as === undefined ? captured : packet(to, out.as, content(toPort, out.natPort ?? port), ttl + 1);
    const seen = { captured, given, result: given, ...more };
    return this.see({ timeNs: seconds(out.at), hook: "from-network", action, reason, ...seen });
  }

  see(o: Partial<FrameObservation> & Pick<FrameObservation, "given" | "result" | "captured" | "action">): this {
    this.#frame++;
    this.#last = {
      frame: this.#frame,
      capture: "scene.pcap",
      timeNs: seconds(0),
      linkType: 1,
      hook: "from-endpoint",
      wireLength: o.given.length,
      reason: "",
      egress: -1,
      view: "endpoint",
      remapped: "",
      ...o,
    };
    this.verifier.observe(this.#last);
    return this;
  }

  /** The frame that was seen last. */
  get last(): FrameObservation {
    if (!this.#last) throw new Error("no frame was seen yet");
    return this.#last;
  }

  get result(): VerificationResult {
    return this.verifier.finish();
  }

  /** `field at frame` of every mismatch; empty when all is right. */
  get faults(): string[] {
    return this.result.mismatches.map((mismatch) => `${mismatch.field} at ${mismatch.frame}`);
  }
}

/** The scene, in which another model is in force since second `at`. */
export function changed(scene: Scene, m: PolicyModel, at = 1): Scene {
  scene.verifier.policiesChanged(m, seconds(at));
  return scene;
}

/** The scene, in which a node has lost its memory. */
export function forgot(scene: Scene, node: string): Scene {
  scene.verifier.nodeLost(node);
  return scene;
}

/** An Ethernet frame around an IPv4 or IPv6 packet, as the addresses say. */
export function packet(src: string, dst: string, layer4: Layer4, ttl = 64): Uint8Array {
  return ethernet(src.includes(":") ? ipv6({ src, dst, hopLimit: ttl }, layer4) : ipv4({ src, dst, ttl }, layer4));
}

/** Nanoseconds since the epoch of a second of the scene. */
export function seconds(at = 0): bigint {
  return 1_700_000_000_000_000_000n + BigInt(Math.round(at * 1e9));
}

/** A copy with the bytes from `at` on replaced; negative `at` counts from the end. */
export function poke(frame: Uint8Array, at: number, ...bytes: number[]): Uint8Array {
  const copy = frame.slice();
  copy.set(bytes, at < 0 ? copy.length + at : at);
  return copy;
}
