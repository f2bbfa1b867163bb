import type { AddressBytes } from "../net/address.js";
import { addressKey } from "./addresses.js";
import type { Field } from "./field.js";
import type { CiliumEndpointRecord, ClusterRecords, PodRecord } from "./records.js";
import { servicePortsOf } from "./service-ports.js";
import type { Endpoint } from "./types.js";

/** A pod as the network sees it, before it is settled which address it owns when. */
export interface Workload {
  readonly namespace: string;
  readonly name: string;
  /** UID of the CiliumEndpoint, which the gateway choice hashes; that of the Pod where there is none; `namespace/name` where nothing states one. */
  readonly uid: string;
  /** False where `uid` is a stand-in, so that the gateway that it hashes to is a guess. */
  readonly hasEndpointUid: boolean;
  readonly addresses: readonly AddressBytes[];
  readonly node: string | undefined;
  readonly identity: number;
  readonly labels: ReadonlyMap<string, string>;
  readonly servicePorts: Endpoint["servicePorts"];
  readonly createdNs: bigint | undefined;
  readonly deletedNs: bigint | undefined;
  readonly field: Field;
}

export interface WorkloadList {
  readonly workloads: readonly Workload[];
  /** Pods that are no endpoints, by reason. */
  readonly skipped: ReadonlyMap<string, number>;
}

/** Joins Pods with their CiliumEndpoints: the latter are the truth about address, labels and identity, the former about the life span. */
export function joinWorkloads(records: ClusterRecords): WorkloadList {
  const join = new Join(records);
  return { workloads: join.run(), skipped: join.skipped };
}

class Join {
  readonly skipped = new Map<string, number>();
  readonly #records: ClusterRecords;
  readonly #nodesByIP = new Map<string, string>();
  readonly #clusterName: string;
  readonly #ports: ReadonlyMap<PodRecord, Endpoint["servicePorts"]>;

  constructor(records: ClusterRecords) {
    this.#records = records;
    for (const node of records.nodes.values())
      for (const ip of node.internalIPs) this.#nodesByIP.set(addressKey(ip), node.name);
    const clusterName = records.ciliumConfig?.get("cluster-name").value;
    this.#clusterName = typeof clusterName === "string" ? clusterName : "default";
    this.#ports = servicePortsOf(records.pods, records.services);
  }

  run(): Workload[] {
    const workloads: Workload[] = [];
    const endpoints = mergeByUid(this.#records.ciliumEndpoints, () => false);
    const pods = mergeByUid(this.#records.pods, (pod) => pod.finished);
    const endpointOfPod = pairUp(pods, endpoints);
    const paired = new Set(endpointOfPod.values());
    for (const pod of pods) {
      const reason = pod.hostNetwork ? "host-network" : pod.finished ? "finished" : undefined;
      const endpoint = endpointOfPod.get(pod);
      const workload = reason ? undefined : endpoint ? this.#fromEndpoint(endpoint, pod) : this.#fromPod(pod);
      if (workload) workloads.push(workload);
      else if (reason) this.#skip(reason);
    }
    for (const endpoint of endpoints) {
      const workload = paired.has(endpoint) ? undefined : this.#fromEndpoint(endpoint, undefined);
      if (workload) workloads.push(workload);
    }
    return workloads;
  }

  #skip(reason: string): undefined {
    this.skipped.set(reason, (this.skipped.get(reason) ?? 0) + 1);
  }

  #fromPod(pod: PodRecord): Workload | undefined {
    if (pod.addresses.length === 0) return this.#skip("no-address");
    const { namespace, name, uid, createdNs, deletedNs } = pod.metadata;
    return {
      namespace,
      name,
      uid: uid ?? `${namespace}/${name}`,
      hasEndpointUid: false,
      addresses: pod.addresses,
      node: pod.node,
      identity: 0,
      labels: this.#podLabels(pod),
      servicePorts: this.#ports.get(pod) ?? [],
      createdNs,
      deletedNs,
      field: pod.field,
    };
  }

  /** The labels that an identity would be made of: those of the pod, of its namespace, and what Cilium adds. */
  #podLabels(pod: PodRecord): ReadonlyMap<string, string> {
    const labels = new Map(pod.metadata.labels);
    const { namespace } = pod.metadata;
    for (const [key, value] of this.#records.namespaces.get(namespace) ?? [])
      labels.set(`io.cilium.k8s.namespace.labels.${key}`, value);
    labels.set("io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name", namespace);
    labels.set("io.kubernetes.pod.namespace", namespace);
    labels.set("io.cilium.k8s.policy.cluster", this.#clusterName);
    labels.set("io.cilium.k8s.policy.serviceaccount", pod.serviceAccount);
    return labels;
  }

  #fromEndpoint(endpoint: CiliumEndpointRecord, pod: PodRecord | undefined): Workload | undefined {
    const addresses = endpoint.addresses.length > 0 ? endpoint.addresses : (pod?.addresses ?? []);
    if (addresses.length === 0) return this.#skip("no-address");
    const labels = this.#identityLabels(endpoint);
    if (!labels) {
      endpoint.field.warn(
        "endpoint without identity",
        `${endpoint.field.label} has no identity with known labels yet, no policy can select it`,
      );
      this.#skip("no-identity");
    }
    const { namespace, name, uid, createdNs, deletedNs } = endpoint.metadata;
    const nodeByIP = endpoint.nodeIP && this.#nodesByIP.get(addressKey(endpoint.nodeIP));
    return {
      namespace,
      name,
      uid: uid ?? pod?.metadata.uid ?? `${namespace}/${name}`,
      hasEndpointUid: uid !== undefined,
      addresses,
      node: nodeByIP ?? pod?.node,
      identity: endpoint.identity ?? 0,
      labels: labels ?? new Map(),
      servicePorts: (pod && this.#ports.get(pod)) ?? [],
      createdNs: pod ? pod.metadata.createdNs : createdNs,
      deletedNs: pod ? pod.metadata.deletedNs : deletedNs,
      field: endpoint.field,
    };
  }

  #identityLabels(endpoint: CiliumEndpointRecord): ReadonlyMap<string, string> | undefined {
    if (endpoint.identity === undefined) return undefined;
    return this.#records.identities.get(endpoint.identity) ?? endpoint.labels;
  }
}

type Mergeable = PodRecord | CiliumEndpointRecord;

/**
 * One record per object, where several dumps hold it: the last one read that is deleted or finished, else the last one read. Objects without
 * UID are the same where namespace and name are.
 */
function mergeByUid<T extends Mergeable>(records: readonly T[], isOver: (record: T) => boolean): T[] {
  const byKey = new Map<string, T>();
  for (const record of records) {
    const { uid, namespace, name } = record.metadata;
    const key = uid === undefined ? `name ${namespace}/${name}` : `uid ${uid}`;
    const known = byKey.get(key);
    const keepsKnown = known && isLater(known, isOver) && !isLater(record, isOver);
    if (!keepsKnown) byKey.set(key, record);
  }
  return [...byKey.values()];
}

function isLater<T extends Mergeable>(record: T, isOver: (record: T) => boolean): boolean {
  return record.metadata.deletedNs !== undefined || isOver(record);
}

/** Finds the CiliumEndpoint of each Pod by the UID in its owner reference, else by name among Pods that no reference claims. */
function pairUp(
  pods: readonly PodRecord[],
  endpoints: readonly CiliumEndpointRecord[],
): Map<PodRecord, CiliumEndpointRecord> {
  const byUid = new Map<string, PodRecord>();
  const youngestByName = new Map<string, PodRecord>();
  for (const pod of pods) {
    const { uid, namespace, name, createdNs } = pod.metadata;
    if (uid !== undefined) byUid.set(uid, pod);
    const known = youngestByName.get(`${namespace}/${name}`);
    if (!known || (known.metadata.createdNs ?? 0n) <= (createdNs ?? 0n))
      youngestByName.set(`${namespace}/${name}`, pod);
  }
  const pairs = new Map<PodRecord, CiliumEndpointRecord>();
  for (const endpoint of endpoints) {
    const { namespace, name } = endpoint.metadata;
    const owner = endpoint.podUid === undefined ? undefined : byUid.get(endpoint.podUid);
    const pod = owner ?? (endpoint.podUid === undefined ? youngestByName.get(`${namespace}/${name}`) : undefined);
    if (pod) pairs.set(pod, endpoint);
  }
  return pairs;
}
