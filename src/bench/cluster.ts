import type { ClusterNode, Egress, Endpoint, Policy, PolicyModel, PolicySet, PolicySetEntry } from "../config/types.js";
import { type AddressBytes, parseAddress, parsePrefix } from "../net/address.js";
import { ipv6Of } from "./frames.js";
import { Random } from "./random.js";

// The cluster that benchmark traffic comes from: pods on one worker, gateways on other nodes (so frames take the routed hop), remotes in
// the range that RFC 2544 sets aside for benchmarks. IPv6 addresses end with the IPv4 ones.

/** Pods; each connection belongs to pod `number % ENDPOINT_COUNT`. */
export const ENDPOINT_COUNT = 1024;
/** First pod address, 10.1.0.0, and first remote, 198.18.0.0. */
export const ENDPOINT_BASE = 0x0a010000;
export const REMOTE_BASE = 0xc6120000;
export const REMOTE_COUNT = 4096;

const PREFIX_SEED = 1918;

export interface ClusterShape {
  readonly gateways: number;
  /** Policies; the pods share one set that holds one prefix for each. */
  readonly policies: number;
  /** Pods. Default ENDPOINT_COUNT with an address of either family; more of them have an IPv4 address only. */
  readonly endpoints?: number;
  /** Further prefixes of the first policy. Default 0. */
  readonly prefixes?: number;
}

/** @returns a model in which every pod may reach every remote through any of the gateways */
export function benchCluster(shape: ClusterShape): PolicyModel {
  const { endpoints = ENDPOINT_COUNT, prefixes = 0 } = shape;
  const setting = <T>(value: T) => ({ value, source: "benchmark" });
  const egresses = Array.from({ length: shape.gateways }, (_, i) => egress(i));
  const members = egresses.map((_, i) => i);
  const policies = Array.from({ length: shape.policies }, (_, i) => policy(i, members));
  return {
    nodes: [node("worker", "172.18.0.2"), ...egresses.map(({ node: name }, i) => node(name, gatewayIP(i)))],
    endpoints: Array.from({ length: endpoints }, (_, i) => endpoint(i, endpoints <= ENDPOINT_COUNT)),
    egresses,
    policies,
    policySets: [{ entries: [...policySet(shape.policies).entries, ...furtherPrefixes(prefixes)] }],
    clusterPrefixes: [],
    settings: {
      snatPorts: setting({ low: 32768, high: 65535 }),
      timeouts: setting({
        tcpOpening: 60_000,
        tcpEstablished: 8_000_000,
        tcpClosing: 10_000,
        udp: 60_000,
        icmp: 60_000,
        other: 60_000,
      }),
      tunnelPort: setting(8472),
    },
    warnings: [],
    ignoredKinds: new Map(),
  };
}

/** Lengths of the prefixes beside 0.0.0.0/0; each one in use costs a lookup a probe until it finds something. */
const PREFIX_LENGTHS = [32, 28, 24, 20, 16];

/** One policy selects everything; each further one adds a prefix: every fifth a remote's own address, the others spread over 192.0.0.0/2. */
function policySet(policies: number): PolicySet {
  const entries: PolicySetEntry[] = ["0.0.0.0/0", "::/0"].map((all) => ({
    prefix: cidr(all),
    excluded: false,
    policy: 0,
  }));
  const taken = new Set<string>();
  const random = new Random(PREFIX_SEED);
  for (let i = 1; i < policies; i++) {
    const length = PREFIX_LENGTHS[i % PREFIX_LENGTHS.length]!;
    let text = `${dotted(REMOTE_BASE + Math.floor(i / PREFIX_LENGTHS.length))}/32`;
    while (length !== 32 && (text.endsWith("/32") || taken.has(text))) {
      text = `${dotted((0xc0000000 + random.below(0x40000000)) & (-1 << (32 - length)))}/${length}`;
    }
    taken.add(text);
    entries.push({ prefix: cidr(text), excluded: false, policy: i });
  }
  return { entries };
}

/** Kinds of further prefixes: each has room for a quarter of four million, and none meets another. */
const FURTHER = [
  // Every second remote's own address, so that the others go through all lengths.
  { base: REMOTE_BASE, length: 32, step: 2 },
  { base: 0xc000_0000, length: 28, step: 16 },
  { base: 0xc100_0000, length: 26, step: 64 },
  { base: 0xc800_0000, length: 24, step: 256 },
] as const;

function furtherPrefixes(count: number): PolicySetEntry[] {
  return Array.from({ length: count }, (_, i) => {
    const { base, length, step } = FURTHER[i % FURTHER.length]!;
    const text = `${dotted(base + Math.floor(i / FURTHER.length) * step)}/${length}`;
    return { prefix: cidr(text), excluded: false, policy: 0 };
  });
}

function policy(number: number, egresses: readonly number[]): Policy {
  return {
    kind: "IsovalentEgressGatewayPolicy",
    name: `policy-${number}`,
    createdAt: undefined,
    destinations: [],
    excluded: [],
    egresses,
    azAffinity: "disabled",
    timeouts: undefined,
  };
}

function node(name: string, ip: string): ClusterNode {
  return { name, zone: undefined, labels: new Map(), internalIPs: [address(ip)] };
}

function gatewayIP(number: number): string {
  return `172.18.1.${number + 1}`;
}

function egress(number: number): Egress {
  return {
    node: `gateway-${number + 1}`,
    zone: undefined,
    gatewayIP: address(gatewayIP(number)),
    egressIPv4: address(`203.0.113.${number + 1}`),
    egressIPv6: address(ipv6Of(`203.0.113.${number + 1}`)),
    assumed: false,
    interfaceName: undefined,
  };
}

function endpoint(number: number, hasIpv6: boolean): Endpoint {
  const own = dotted(ENDPOINT_BASE + number);
  return {
    namespace: "bench",
    name: `pod-${number}`,
    uid: `bench-pod-${number}`,
    addresses: [address(own), ...(hasIpv6 ? [address(ipv6Of(own))] : [])],
    node: "worker",
    identity: 0,
    servicePorts: [],
    fromNs: undefined,
    toNs: undefined,
    policySet: 0,
  };
}

/** An IPv4 address given in host order as text. */
export function dotted(ip: number): string {
  return [24, 16, 8, 0].map((shift) => (ip >>> shift) & 255).join(".");
}

function address(text: string): AddressBytes {
  return parseAddress(text)!;
}

function cidr(text: string) {
  return parsePrefix(text)!;
}
