import type { AddressBytes, Prefix } from "../net/address.js";

/** A node of the cluster. */
export interface ClusterNode {
  readonly name: string;
  readonly zone: string | undefined;
  readonly labels: ReadonlyMap<string, string>;
  readonly internalIPs: readonly AddressBytes[];
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
  /** Where encapsulated frames for this gateway go (its first IPv4 InternalIP, cilium-semantics §1.4). */
  readonly gatewayIP: AddressBytes | undefined;
  /** Undefined = `no-egress-ip` for that family. */
  readonly egressIPv4: AddressBytes | undefined;
  readonly egressIPv6: AddressBytes | undefined;
  /** True where the address is a guess because the node's devices are unknown. */
  readonly assumed: boolean;
  readonly interfaceName: string | undefined;
}

export type AzAffinity = "disabled" | "localOnly" | "localOnlyFirst" | "localPriority";

/** Lifetimes of connection states in milliseconds; a policy may override some (`sluicegate.io/timeouts`). */
export interface Timeouts {
  readonly tcpOpening: number;
  readonly tcpEstablished: number;
  readonly tcpClosing: number;
  readonly udp: number;
  readonly icmp: number;
  readonly other: number;
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
}

/** What one destination prefix of a policy set means. */
export interface PolicySetEntry {
  readonly prefix: Prefix;
  readonly excluded: boolean;
  /** Index into `PolicyModel.policies`. */
  readonly policy: number;
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

export interface ClusterSettings {
  readonly snatPorts: Setting<{ readonly low: number; readonly high: number }>;
  readonly timeouts: Setting<Timeouts>;
  readonly tunnelPort: Setting<number>;
}

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
}
