import type { AddressBytes, Prefix } from "../net/address.js";

/** A node of the cluster. */
export interface ClusterNode {
  readonly name: string;
  readonly zone: string | undefined;
  readonly labels: ReadonlyMap<string, string>;
  readonly internalIPs: readonly AddressBytes[];
  /** Why it takes no new connections from the start: annotation `sluicegate.io/drain: "true"`, or cordoned. */
  readonly drain?: "annotation" | "cordon";
}

/** One time span in which one workload owns one or more addresses. Several endpoints may own one address one after the other. */
export interface Endpoint {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly addresses: readonly AddressBytes[];
  /** Name of the node it runs on, where known. */
  readonly node: string | undefined;
  /** Cilium security identity, 0 where unknown. */
  readonly identity: number;
  /** containerPorts and Service targetPorts that reach it: a mid-stream frame from such a port is taken as a reply (design: Direction). */
  readonly servicePorts: readonly { readonly protocol: "TCP" | "UDP" | "SCTP"; readonly port: number }[];
  /** Owns its addresses from … (nanoseconds since the epoch, inclusive); undefined = since ever. */
  readonly fromNs: bigint | undefined;
  /** … to (exclusive); undefined = for ever. */
  readonly toNs: bigint | undefined;
  /** Index into `PolicyModel.policySets`; -1 = no policy selects it. */
  readonly policySet: number;
}

/** A pair (gateway node, egress addresses) that policies translate to. */
export interface Egress {
  /** Name of the gateway node. */
  readonly node: string;
  readonly zone: string | undefined;
  /** Where encapsulated frames for this gateway go (its first IPv4 InternalIP, as in the original). */
  readonly gatewayIP: AddressBytes | undefined;
  /** Undefined = `no-egress-ip` for that family. */
  readonly egressIPv4: AddressBytes | undefined;
  readonly egressIPv6: AddressBytes | undefined;
  /** True where the address is a guess because the node's devices are unknown. */
  readonly assumed: boolean;
  readonly interfaceName: string | undefined;
  /** Several selected nodes may hold this address, one at a time: taken over once all earlier nodes (by name) are down. */
  readonly claimsIPv4?: AddressBytes;
  readonly claimsIPv6?: AddressBytes;
  /** Why an address is missing or assumed, for people. */
  readonly note?: string;
}

/** How a policy prefers gateways in the zone of the endpoint. */
export type AzAffinity = "disabled" | "localOnly" | "localOnlyFirst" | "localPriority";

/** Lifetimes of connection states in milliseconds; a policy may override some (`sluicegate.io/timeouts`). */
export interface Timeouts {
  readonly tcpOpening: number;
  readonly tcpEstablished: number;
  readonly tcpClosing: number;
  readonly udp: number;
  readonly icmp: number;
  readonly other: number;
  /** After an RST, in profile rfc; absent = the profile's. */
  readonly tcpReset?: number;
  /** For how long the NAT port of a TCP connection that has ended goes to no other one; 0 = not at all, absent = the profile's. */
  readonly portHold?: number;
}

/** One entry of `egressGroups[]` of an IsovalentEgressGatewayPolicy. */
export interface EgressGroup {
  /** Indexes into `PolicyModel.egresses`, by node name. */
  readonly egresses: readonly number[];
  /** How many healthy members are active at a time; undefined = all. */
  readonly maxGatewayNodes: number | undefined;
  readonly interfaceName: string | undefined;
  readonly egressIP: AddressBytes | undefined;
}

/** One entry of `status.groupStatuses[]`: what the cluster's operator had decided when the dump was taken. */
export interface GroupStatus {
  readonly activeGatewayIPs: readonly AddressBytes[];
  readonly activeGatewayIPsByAZ: ReadonlyMap<string, readonly AddressBytes[]>;
  readonly healthyGatewayIPs: readonly AddressBytes[];
  /** Canonical text of the gateway IP → egress IPs. */
  readonly egressIPByGatewayIP: ReadonlyMap<string, readonly AddressBytes[]>;
}

/** One accepted policy. */
export interface Policy {
  readonly kind: "CiliumEgressGatewayPolicy" | "IsovalentEgressGatewayPolicy";
  readonly name: string;
  readonly createdAt: string | undefined;
  readonly destinations: readonly Prefix[];
  readonly excluded: readonly Prefix[];
  /**
   * Indexes into `PolicyModel.egresses`. For a CiliumEgressGatewayPolicy sorted by gateway IP, and an endpoint uses number
   * FNV-1a-32(UID) mod length; for an IsovalentEgressGatewayPolicy all members of all its groups, sorted by node name.
   * Empty = `no-egress-gateway`.
   */
  readonly egresses: readonly number[];
  readonly azAffinity: AzAffinity;
  readonly timeouts: Partial<Timeouts> | undefined;
  /** Groups of an IsovalentEgressGatewayPolicy in manifest order. */
  readonly groups?: readonly EgressGroup[];
  /** Pool that active gateways get one address each from (`egressCIDRs`); empty where addresses are fixed. */
  readonly egressCIDRs?: readonly Prefix[];
  /** Initial state of the groups, where the manifest has it; same order as `groups`. */
  readonly groupStatuses?: readonly GroupStatus[];
}

/** What one destination prefix of a policy set means. */
export interface PolicySetEntry {
  readonly prefix: Prefix;
  readonly excluded: boolean;
  /** Index into `PolicyModel.policies`. */
  readonly policy: number;
  /** Selected, but not programmed yet: its traffic passes untranslated until it is. */
  readonly notYet?: boolean;
}

/** All prefixes that count for the endpoints that share this set: at most one entry per prefix, conflicts already resolved. */
export interface PolicySet {
  readonly entries: readonly PolicySetEntry[];
}

/** A destination that no policy ever selects. */
export interface ClusterPrefix {
  readonly prefix: Prefix;
  readonly why: "pod" | "node" | "pod-cidr" | "service";
}

/** Values of cilium-config (or flags, or our defaults) with where each came from, for the report. */
export interface Setting<T> {
  readonly value: T;
  readonly source: string;
}

/** Settings of the cluster, each with where it comes from. */
export interface ClusterSettings {
  readonly snatPorts: Setting<{ readonly low: number; readonly high: number }>;
  readonly timeouts: Setting<Timeouts>;
  readonly tunnelPort: Setting<number>;
  readonly natProfile?: Setting<NatProfile>;
  /** A gateway is down this long after its last good probe: milliseconds. */
  readonly healthTimeoutMs?: Setting<number>;
  /** Where each lifetime came from, as they may differ. */
  readonly timeoutSources?: Readonly<Record<keyof Timeouts, string>>;
}

/** Whose lifetimes and TCP states apply: those of the original, or those of the RFCs. */
export type NatProfile = "cilium" | "rfc";

/** A warning about manifests; printed as `file:line:column: text` where the place is known. */
export interface ManifestWarning {
  readonly file: string;
  readonly line: number | undefined;
  readonly column: number | undefined;
  readonly text: string;
}

/** Everything that manifests say, resolved: what the engine's policy blob is made from and what the verifier judges by. */
export interface PolicyModel {
  readonly nodes: readonly ClusterNode[];
  readonly endpoints: readonly Endpoint[];
  readonly egresses: readonly Egress[];
  readonly policies: readonly Policy[];
  readonly policySets: readonly PolicySet[];
  readonly clusterPrefixes: readonly ClusterPrefix[];
  readonly settings: ClusterSettings;
  readonly warnings: readonly ManifestWarning[];
  /** Objects of kinds that do not count, by kind. */
  readonly ignoredKinds: ReadonlyMap<string, number>;
  /** Objects of kinds that count, by kind. */
  readonly objectCounts?: ReadonlyMap<string, number>;
  /** Pods that are no endpoints, by reason: `host-network`, `finished`, `no-address`, `no-identity`, `address-taken`. */
  readonly skippedPods?: ReadonlyMap<string, number>;
  /** `data` of ConfigMap cilium-config, where the manifests have it. */
  readonly ciliumConfig?: ReadonlyMap<string, string>;
  /** True where every address was given to its last owner for all times, because the caller asked for it. */
  readonly ignoresOwnershipTimes?: boolean;
}
