import { type AddressBytes, familyOf } from "../net/address.js";
import { isSameBytes } from "../net/bytes.js";
import { readAddress, readPrefix } from "./addresses.js";
import type { Field } from "./field.js";
import { type Metadata, readLabels, readMetadata } from "./metadata.js";
import type { CiliumEndpointRecord, ClusterRecords, PodRecord, Protocol, ServiceRecord } from "./records.js";

/** Takes a Node into `records`. */
export function readNode(object: Field, records: ClusterRecords): void {
  const metadata = readMetadata(object);
  if (!metadata) return;
  const node = records.node(metadata.name);
  if (!node.labelsFromCilium) node.labels = metadata.labels;
  const spec = object.get("spec");
  const annotations = object.get("metadata").get("annotations");
  if (spec.get("unschedulable").flag()) node.drain ??= "cordon";
  if (annotations.get("sluicegate.io/drain").text('"true" or "false"') === "true") node.drain = "annotation";
  for (const address of object.get("status").get("addresses").items()) {
    if (address.get("type").value === "InternalIP") addAddress(node.internalIPs, address.get("address"));
  }
  const listed = spec.get("podCIDRs").items();
  for (const cidr of listed.length > 0 ? listed : [spec.get("podCIDR")]) addPrefix(node.podCIDRs, cidr);
}

/** Takes a CiliumNode into `records`; its labels win over those of the Node, as the original looks at nothing else. */
export function readCiliumNode(object: Field, records: ClusterRecords): void {
  const metadata = readMetadata(object);
  if (!metadata) return;
  const node = records.node(metadata.name);
  if (metadata.labels.size > 0) {
    node.labels = metadata.labels;
    node.labelsFromCilium = true;
  }
  const spec = object.get("spec");
  for (const address of spec.get("addresses").items()) {
    const type = address.get("type").value;
    if (type === "InternalIP") addAddress(node.internalIPs, address.get("ip"));
    if (type === "CiliumInternalIP") addAddress(node.otherIPs, address.get("ip"));
  }
  const ipam = spec.get("ipam");
  for (const cidr of ipam.get("podCIDRs").items()) addPrefix(node.podCIDRs, cidr);
  for (const pool of ipam.get("pools").get("allocated").items()) {
    for (const cidr of pool.get("cidrs").items()) addPrefix(node.podCIDRs, cidr);
  }
}

function addAddress(list: AddressBytes[], field: Field): void {
  const address = readAddress(field);
  if (address && !list.some((known) => isSameBytes(known, address))) list.push(address);
}

function addPrefix(list: { text: string }[], field: Field): void {
  if (field.isMissing || field.value === "") return;
  const prefix = readPrefix(field);
  if (prefix && !list.some((known) => known.text === prefix.text)) list.push(prefix);
}

/** Reads a Pod. */
export function readPod(object: Field): PodRecord | undefined {
  const metadata = readMetadata(object);
  const spec = object.get("spec");
  const status = object.get("status");
  const addresses: AddressBytes[] = [];
  const listed = status.get("podIPs").items();
  for (const entry of listed) addAddress(addresses, entry.get("ip"));
  const single = status.get("podIP");
  if (listed.length === 0 && single.value !== "") addAddress(addresses, single);
  const phase = status.get("phase").value;
  return (
    metadata && {
      metadata,
      node: spec.get("nodeName").text() || undefined,
      serviceAccount: spec.get("serviceAccountName").text() || "default",
      hostNetwork: spec.get("hostNetwork").flag(),
      finished: phase === "Succeeded" || phase === "Failed",
      addresses,
      ports: readContainerPorts(spec),
      field: object.withoutValue(),
    }
  );
}

function readContainerPorts(spec: Field): PodRecord["ports"] {
  const ports: { name: string | undefined; protocol: Protocol; port: number }[] = [];
  for (const list of ["containers", "initContainers"]) {
    for (const container of spec.get(list).items()) {
      for (const entry of container.get("ports").items()) {
        const port = entry.get("containerPort").count(1, 65535);
        const protocol = readProtocol(entry.get("protocol"));
        if (port !== undefined && protocol) ports.push({ name: entry.get("name").text(), protocol, port });
      }
    }
  }
  return ports;
}

function readProtocol(field: Field): Protocol | undefined {
  if (field.isMissing) return "TCP";
  const known = (["TCP", "UDP", "SCTP"] as const).find((name) => name === field.value);
  if (!known) field.fault("TCP, UDP or SCTP");
  return known;
}

/** Reads a CiliumEndpoint. */
export function readCiliumEndpoint(object: Field): CiliumEndpointRecord | undefined {
  const metadata = readMetadata(object);
  const status = object.get("status");
  const identity = status.get("identity");
  const networking = status.get("networking");
  const addresses: AddressBytes[] = [];
  for (const pair of networking.get("addressing").items()) {
    for (const family of ["ipv4", "ipv6"]) {
      const field = pair.get(family);
      if (field.value !== "") addAddress(addresses, field);
    }
  }
  const owner = object
    .get("metadata")
    .get("ownerReferences")
    .items()
    .find((reference) => reference.get("kind").value === "Pod");
  const labels = identity.get("labels");
  const nodeField = networking.get("node");
  return (
    metadata && {
      metadata,
      podUid: owner?.get("uid").text(),
      identity: identity.get("id").count(0, 0xffff_ffff),
      labels: labels.isMissing ? undefined : resolveSources(labels.items().flatMap((label) => splitLabel(label))),
      nodeIP: nodeField.value === "" ? undefined : readAddress(nodeField),
      addresses,
      field: object.withoutValue(),
    }
  );
}

/** Takes a CiliumIdentity into `records`. */
export function readCiliumIdentity(object: Field, records: ClusterRecords): void {
  const metadata = readMetadata(object);
  if (!metadata) return;
  const number = /^\d{1,10}$/.test(metadata.name) ? Number(metadata.name) : undefined;
  if (number === undefined) {
    object.get("metadata").get("name").fault("the number of an identity");
    return;
  }
  records.identities.set(number, resolveSources([...readLabels(object.get("security-labels"))]));
}

/** `k8s:app=web` of a CiliumEndpoint. */
function splitLabel(field: Field): [string, string][] {
  const text = field.requiredText("a label such as k8s:app=web");
  if (text === undefined) return [];
  const equals = text.indexOf("=");
  return [equals < 0 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)]];
}

/** Selectors see labels of Kubernetes under their own keys and those of other sources as `source.key`. */
function resolveSources(labels: readonly (readonly [string, string])[]): ReadonlyMap<string, string> {
  return new Map(
    labels.map(([key, value]) => {
      const colon = key.indexOf(":");
      const source = colon < 0 ? "" : key.slice(0, colon);
      const bare = key.slice(colon + 1);
      return [["", "k8s", "any", "unspec"].includes(source) ? bare : `${source}.${bare}`, value];
    }),
  );
}

/** Takes a Namespace into `records`. */
export function readNamespace(object: Field, records: ClusterRecords): void {
  const metadata = readMetadata(object);
  if (metadata) records.namespaces.set(metadata.name, metadata.labels);
}

/** Reads a Service: its cluster IPs and the ports at which it reaches endpoints. */
export function readService(object: Field): ServiceRecord | undefined {
  const metadata: Metadata | undefined = readMetadata(object);
  const spec = object.get("spec");
  const clusterIPs: AddressBytes[] = [];
  const listed = spec.get("clusterIPs").items();
  for (const field of listed.length > 0 ? listed : [spec.get("clusterIP")]) {
    if (!field.isMissing && field.value !== "None" && field.value !== "") addAddress(clusterIPs, field);
  }
  const targets: { protocol: Protocol; port: number | string }[] = [];
  for (const entry of spec.get("ports").items()) {
    const protocol = readProtocol(entry.get("protocol"));
    const port = readTargetPort(entry);
    if (protocol && port !== undefined) targets.push({ protocol, port });
  }
  return metadata && { namespace: metadata.namespace, clusterIPs, selector: readLabels(spec.get("selector")), targets };
}

function readTargetPort(entry: Field): number | string | undefined {
  const target = entry.get("targetPort");
  const port = entry.get("port").count(1, 65535);
  if (target.isMissing || target.value === 0 || target.value === "") return port;
  if (typeof target.value !== "string") return target.count(1, 65535);
  return /^\d+$/.test(target.value) ? Number(target.value) : target.value;
}

/** First address of a family, or undefined. */
export function firstOfFamily(addresses: readonly AddressBytes[], family: 4 | 6): AddressBytes | undefined {
  return addresses.find((address) => familyOf(address) === family);
}
