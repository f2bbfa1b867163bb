import type { AddressBytes, Prefix } from "../net/address.js";
import type { Field } from "./field.js";
import type { Metadata } from "./metadata.js";
import type { LabelSelector } from "./selector.js";
import type { AzAffinity, GroupStatus, Policy, Timeouts } from "./types.js";

export type Protocol = "TCP" | "UDP" | "SCTP";

/** What a Node and its CiliumNode say together. */
export interface NodeRecord {
  readonly name: string;
  labels: ReadonlyMap<string, string>;
  /** True once the labels are those of the CiliumNode, which the original goes by. */
  labelsFromCilium: boolean;
  readonly internalIPs: AddressBytes[];
  /** Addresses that the node answers to inside of the cluster, beyond its InternalIPs (router addresses). */
  readonly otherIPs: AddressBytes[];
  readonly podCIDRs: Prefix[];
  drain: "annotation" | "cordon" | undefined;
}

export interface PodRecord {
  readonly metadata: Metadata;
  readonly node: string | undefined;
  readonly serviceAccount: string;
  readonly hostNetwork: boolean;
  /** Succeeded or Failed: its address is free for others. */
  readonly finished: boolean;
  readonly addresses: readonly AddressBytes[];
  readonly ports: readonly { readonly name: string | undefined; readonly protocol: Protocol; readonly port: number }[];
  readonly field: Field;
}

export interface CiliumEndpointRecord {
  readonly metadata: Metadata;
  /** UID of the Pod that owns it, where stated. */
  readonly podUid: string | undefined;
  readonly identity: number | undefined;
  /** Labels as in `status.identity.labels`, with their sources resolved. */
  readonly labels: ReadonlyMap<string, string> | undefined;
  readonly nodeIP: AddressBytes | undefined;
  readonly addresses: readonly AddressBytes[];
  readonly field: Field;
}

export interface ServiceRecord {
  readonly namespace: string;
  readonly clusterIPs: readonly AddressBytes[];
  readonly selector: ReadonlyMap<string, string>;
  readonly targets: readonly { readonly protocol: Protocol; readonly port: number | string }[];
}

/** One rule of `selectors[]`; at least one selector is there. Keys are those of identity labels. */
export interface EndpointRule {
  readonly requirements: LabelSelector;
}

/** One entry of `egressGateways[]` or `egressGroups[]`. */
export interface GatewayRecord {
  readonly nodeSelector: LabelSelector;
  readonly interfaceName: string | undefined;
  readonly egressIP: AddressBytes | undefined;
  readonly maxGatewayNodes: number | undefined;
  readonly field: Field;
}

export interface PolicyRecord {
  readonly kind: Policy["kind"];
  readonly metadata: Metadata;
  readonly rules: readonly EndpointRule[];
  /** Pooled over all rules: an endpoint's node must match any of them; none = any node. */
  readonly nodeSelectors: readonly LabelSelector[];
  readonly destinations: readonly Prefix[];
  readonly excluded: readonly Prefix[];
  readonly gateways: readonly GatewayRecord[];
  readonly egressCIDRs: readonly Prefix[];
  readonly azAffinity: AzAffinity;
  readonly timeouts: Partial<Timeouts> | undefined;
  readonly status: readonly GroupStatus[];
  readonly field: Field;
}

/** Everything read, object by object, nothing resolved yet. */
export class ClusterRecords {
  readonly nodes = new Map<string, NodeRecord>();
  readonly pods: PodRecord[] = [];
  readonly ciliumEndpoints: CiliumEndpointRecord[] = [];
  /** Labels of CiliumIdentities by number. */
  readonly identities = new Map<number, ReadonlyMap<string, string>>();
  /** Labels of Namespaces by name. */
  readonly namespaces = new Map<string, ReadonlyMap<string, string>>();
  readonly services: ServiceRecord[] = [];
  readonly policies: PolicyRecord[] = [];
  ciliumConfig: Field | undefined;
  readonly objectCounts = new Map<string, number>();
  readonly ignoredKinds = new Map<string, number>();

  /** The record of a node, made where it is new. */
  node(name: string): NodeRecord {
    let record = this.nodes.get(name);
    if (!record) {
      record = {
        name,
        labels: new Map(),
        labelsFromCilium: false,
        internalIPs: [],
        otherIPs: [],
        podCIDRs: [],
        drain: undefined,
      };
      this.nodes.set(name, record);
    }
    return record;
  }
}
