import type { AzAffinity } from "../../src/config/types.js";
import { nodeObject, podObject } from "../support/objects.js";
import { twinOf, twinOfCidr } from "./dual-stack.js";

// A cluster in words: what manifests are made from, and what naive checks read instead of the product's model.

/** Seconds since the epoch at which every capture begins: 2026-09-21T14:13:20Z. */
export const START_SECONDS = 1_790_000_000;

export interface NodeWords {
  readonly name: string;
  readonly internalIP: string;
  readonly zone?: string;
  /** Label that egress groups select by; none = never a gateway. */
  readonly tier?: string;
  /** Addresses of its device eth1, the first of which policies that name the interface use; none = its devices are not known. */
  readonly addresses?: readonly string[];
  readonly drain?: boolean;
}

export interface PodWords {
  readonly name: string;
  readonly uid: string;
  readonly ip: string;
  /** Name of its node; none = not known. */
  readonly node?: string;
  readonly app: string;
  /** Milliseconds after the start of the capture, whole seconds. */
  readonly createdMs?: number;
  readonly deletedMs?: number;
  /** TCP container ports. */
  readonly ports: readonly number[];
}

/** How a group's gateways come by their egress IP. */
export type AddressWords = { readonly interface: string } | { readonly egressIP: string } | Record<string, never>;

export interface GroupWords {
  readonly tier: string;
  readonly address: AddressWords;
  readonly cap?: number;
}

export interface PolicyWords {
  readonly kind: "CiliumEgressGatewayPolicy" | "IsovalentEgressGatewayPolicy";
  readonly name: string;
  /** Days since 1970 at which it was created: older ones come first. */
  readonly createdDay: number;
  readonly apps: readonly string[];
  readonly destinations: readonly string[];
  readonly excluded: readonly string[];
  readonly pool?: readonly string[];
  readonly affinity?: AzAffinity;
  readonly groups: readonly GroupWords[];
}

export interface ClusterWords {
  readonly nodes: readonly NodeWords[];
  readonly pods: readonly PodWords[];
  readonly policies: readonly PolicyWords[];
}

const ZONE_LABEL = "topology.kubernetes.io/zone";

/** Text of a time `ms` after the start of the capture. */
export function timeText(ms: number): string {
  return new Date(START_SECONDS * 1000 + ms).toISOString();
}

/** The manifests as one list. @param dual with a twin in IPv6 of every address but those of nodes */
export function manifestsOf({ nodes, pods, policies }: ClusterWords, dual = false): string {
  const items = [
    ...nodes.map((node) => nodeOf(node, dual)),
    ...pods.map((pod) => podOf(pod, dual)),
    ...policies.map((policy) => policyObject(dual ? inBothFamilies(policy) : policy)),
  ];
  return JSON.stringify({ kind: "List", apiVersion: "v1", items }, undefined, 1);
}

function inBothFamilies(policy: PolicyWords): PolicyWords {
  const both = (cidrs: readonly string[]) => [...cidrs, ...cidrs.map(twinOfCidr)];
  const { destinations, excluded, pool } = policy;
  return { ...policy, destinations: both(destinations), excluded: both(excluded), ...(pool && { pool: both(pool) }) };
}

function nodeOf({ name, internalIP, zone, tier, addresses, drain }: NodeWords, dual: boolean): object {
  const eth1 = addresses?.flatMap((ip) => [`${ip}/24`, ...(dual ? [`${twinOf(ip)}/120`] : [])]);
  const interfaces = eth1 && JSON.stringify({ eth1, default: "eth1" });
  return nodeObject(name, internalIP, {
    labels: { name, ...(tier && { tier }), ...(zone && { [ZONE_LABEL]: zone }) },
    annotations: {
      ...(interfaces && { "sluicegate.io/interfaces": interfaces }),
      ...(drain && { "sluicegate.io/drain": "true" }),
    },
  });
}

function podOf({ name, ip, createdMs, deletedMs, ...words }: PodWords, dual: boolean): object {
  const time = (ms: number | undefined) => (ms === undefined ? undefined : timeText(ms));
  return podObject(name, ip, {
    ...words,
    created: time(createdMs),
    deleted: time(deletedMs),
    ...(dual && { otherIP: twinOf(ip) }),
  });
}

function policyObject(policy: PolicyWords): object {
  const { kind, name, createdDay, apps, destinations, excluded, pool, affinity, groups } = policy;
  const gateways = groups.map(({ tier, address, cap }) => ({
    nodeSelector: { matchLabels: { tier } },
    ...address,
    ...(cap !== undefined && { maxGatewayNodes: cap }),
  }));
  const isIsovalent = kind === "IsovalentEgressGatewayPolicy";
  return {
    apiVersion: isIsovalent ? "isovalent.com/v1" : "cilium.io/v2",
    kind,
    metadata: { name, uid: `uid-${name}`, creationTimestamp: new Date(createdDay * 86_400_000).toISOString() },
    spec: {
      selectors: apps.map((app) => ({ podSelector: { matchLabels: { app } } })),
      destinationCIDRs: destinations,
      ...(excluded.length > 0 && { excludedCIDRs: excluded }),
      ...(pool && { egressCIDRs: pool }),
      ...(affinity && { azAffinity: affinity }),
      ...(isIsovalent ? { egressGroups: gateways } : { egressGateways: gateways }),
    },
  };
}
