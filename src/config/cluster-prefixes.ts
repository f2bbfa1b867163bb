import { type AddressBytes, hostPrefix, type Prefix } from "../net/address.js";
import type { ClusterRecords } from "./records.js";
import type { ClusterPrefix } from "./types.js";
import type { Workload } from "./workloads.js";

/** Destinations inside of the cluster, each once: pods, nodes, podCIDRs, Services. Egress IPs are none of them. */
export function clusterPrefixes(
  workloads: readonly Workload[],
  records: ClusterRecords,
  serviceCIDRs: readonly Prefix[],
): ClusterPrefix[] {
  const prefixes = new Map<string, ClusterPrefix>();
  const add = (prefix: Prefix, why: ClusterPrefix["why"]) => {
    if (!prefixes.has(prefix.text)) prefixes.set(prefix.text, { prefix, why });
  };
  const addAll = (addresses: readonly AddressBytes[], why: ClusterPrefix["why"]) => {
    for (const address of addresses) add(hostPrefix(address), why);
  };
  for (const node of records.nodes.values()) {
    addAll(node.internalIPs, "node");
    addAll(node.otherIPs, "node");
    for (const cidr of node.podCIDRs) add(cidr, "pod-cidr");
  }
  for (const { addresses } of workloads) addAll(addresses, "pod");
  for (const { clusterIPs } of records.services) addAll(clusterIPs, "service");
  for (const cidr of serviceCIDRs) add(cidr, "service");
  return [...prefixes.values()];
}
