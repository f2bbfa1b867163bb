import type {
  ClusterNode,
  Egress,
  Endpoint,
  Policy,
  PolicyModel,
  PolicySet,
  Timeouts,
} from "../../src/config/types.js";
import { type AddressBytes, type Prefix, parseAddress, parsePrefix } from "../../src/net/address.js";

/** A time in 2026 as nanoseconds since the epoch. */
export const NOON = 1_790_000_000_000_000_000n;

export const CILIUM_TIMEOUTS: Timeouts = {
  tcpOpening: 60_000,
  tcpEstablished: 8_000_000,
  tcpClosing: 10_000,
  udp: 60_000,
  icmp: 60_000,
  other: 60_000,
};

/** Address of a text that a test is sure of. */
export function address(text: string): AddressBytes {
  const bytes = parseAddress(text);
  if (!bytes) throw new Error(`${text} is no address`);
  return bytes;
}

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(`${text} is no CIDR`);
  return parsed;
}

export function node(name: string, ip: string, zone?: string): ClusterNode {
  return { name, zone, labels: new Map(), internalIPs: [address(ip)] };
}

export function endpoint(name: string, ips: string[], fields: Partial<Endpoint> = {}): Endpoint {
  return {
    namespace: "default",
    name,
    uid: `uid-${name}`,
    addresses: ips.map(address),
    node: undefined,
    identity: 0,
    servicePorts: [],
    fromNs: undefined,
    toNs: undefined,
    policySet: 0,
    ...fields,
  };
}

export function egress(nodeName: string, ipv4?: string, fields: Partial<Egress> = {}): Egress {
  return {
    node: nodeName,
    zone: undefined,
    gatewayIP: undefined,
    egressIPv4: ipv4 === undefined ? undefined : address(ipv4),
    egressIPv6: undefined,
    assumed: false,
    interfaceName: undefined,
    ...fields,
  };
}

export function policy(name: string, egresses: number[], fields: Partial<Policy> = {}): Policy {
  return {
    kind: "IsovalentEgressGatewayPolicy",
    name,
    createdAt: undefined,
    destinations: [],
    excluded: [],
    egresses,
    azAffinity: "disabled",
    timeouts: undefined,
    ...fields,
  };
}

/** A policy set in words: `{ "0.0.0.0/0": 0, "10.0.0.0/8": "excluded" }`. */
export function policySet(entries: Record<string, number | "excluded">): PolicySet {
  return {
    entries: Object.entries(entries).map(([cidr, value]) => ({
      prefix: prefix(cidr),
      excluded: value === "excluded",
      policy: value === "excluded" ? 0 : value,
    })),
  };
}

export function model(fields: Partial<PolicyModel>): PolicyModel {
  const setting = <T>(value: T) => ({ value, source: "test" });
  return {
    nodes: [],
    endpoints: [],
    egresses: [],
    policies: [],
    policySets: [],
    clusterPrefixes: [],
    settings: {
      snatPorts: setting({ low: 32768, high: 65535 }),
      timeouts: setting(CILIUM_TIMEOUTS),
      tunnelPort: setting(8472),
    },
    warnings: [],
    ignoredKinds: new Map(),
    ...fields,
  };
}

/** `model` with other settings. */
export function withSettings(
  base: PolicyModel,
  snatPorts: { low: number; high: number },
  timeouts: Timeouts = CILIUM_TIMEOUTS,
): PolicyModel {
  const setting = <T>(value: T) => ({ value, source: "test" });
  return { ...base, settings: { ...base.settings, snatPorts: setting(snatPorts), timeouts: setting(timeouts) } };
}

/**
 * Two gateways in two zones, a worker, three pods: `web` is selected for everything but 192.168.0.0/16, `db` by an original-style
 * policy, `idle` by none. 10.0.1.9 changes its owner at NOON.
 */
export function smallModel(): PolicyModel {
  return model({
    nodes: [
      node("gw-a", "172.18.0.3", "zone-1"),
      node("gw-b", "172.18.0.4", "zone-2"),
      node("worker", "172.18.0.2", "zone-1"),
    ],
    egresses: [
      egress("gw-a", "203.0.113.10"),
      egress("gw-b", "203.0.113.20"),
      egress("gw-b", undefined, { egressIPv6: address("2001:db8::20") }),
    ],
    policies: [
      policy("web-out", [0, 1], { timeouts: { udp: 30_000 } }),
      policy("db-out", [1], { kind: "CiliumEgressGatewayPolicy" }),
    ],
    policySets: [
      policySet({ "0.0.0.0/0": 0, "192.168.0.0/16": "excluded", "::/0": 0 }),
      policySet({ "198.51.100.0/24": 1 }),
    ],
    endpoints: [
      endpoint("web", ["10.0.1.7", "fd00::7"], {
        node: "worker",
        identity: 4711,
        servicePorts: [
          { protocol: "TCP", port: 8080 },
          { protocol: "UDP", port: 53 },
          { protocol: "TCP", port: 8080 },
        ],
      }),
      endpoint("db", ["10.0.1.8"], { policySet: 1, node: "elsewhere" }),
      endpoint("idle-new", ["10.0.1.9"], { policySet: -1, fromNs: NOON }),
      endpoint("idle-old", ["10.0.1.9"], { policySet: -1, toNs: NOON }),
    ],
    clusterPrefixes: [
      { prefix: prefix("10.0.0.0/16"), why: "pod-cidr" },
      { prefix: prefix("172.18.0.2/32"), why: "node" },
      { prefix: prefix("169.254.0.0/16"), why: "service" },
    ],
  });
}
