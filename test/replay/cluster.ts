import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadManifests } from "../../src/config/load.js";
import type { PolicyModel } from "../../src/config/types.js";
import { withFolder } from "../support/capture-read.js";
import { nodeObject, podObject } from "../support/objects.js";

/** A cluster in words: everything that a replay test needs of manifests. */
export interface ClusterWords {
  /** Addresses of pods; each is one pod, selected by the policy unless listed in `idle`. */
  readonly pods: readonly string[];
  /** Addresses of pods that no policy selects. */
  readonly idle?: readonly string[];
  /** Name and egress IP of gateways; InternalIPs are 172.18.0.1, .2 … in this order. */
  readonly gateways?: Readonly<Record<string, string>>;
  /** Those of them that lack the label by which the policy selects gateways. */
  readonly unlabelled?: readonly string[];
  /** Node of all pods, InternalIP 172.18.1.1; left out = unknown, so there is no hop. */
  readonly worker?: string;
  readonly destinations?: readonly string[];
  readonly excluded?: readonly string[];
  /** Container ports of all pods (TCP). */
  readonly ports?: readonly number[];
  readonly snatPorts?: { readonly low: number; readonly high: number };
  readonly natProfile?: "cilium" | "rfc";
  readonly created?: string;
  readonly deleted?: string;
}

export const GATEWAYS = { "gw-a": "203.0.113.10", "gw-b": "203.0.113.20" } as const;
const LONG_AGO = "1970-01-01T00:00:00Z";

/** Writes the words as manifests and loads them, so that a test goes the way that a user's files go. */
export function clusterModel(words: ClusterWords): Promise<PolicyModel> {
  return withFolder(async (folder) => {
    const path = join(folder, "manifests");
    mkdirSync(path);
    writeFileSync(join(path, "all.json"), JSON.stringify({ kind: "List", apiVersion: "v1", items: itemsOf(words) }));
    return loadManifests([path], {
      settings: {
        ...(words.snatPorts && { snatPorts: words.snatPorts }),
        ...(words.natProfile && { natProfile: words.natProfile }),
      },
    });
  });
}

function itemsOf(words: ClusterWords): object[] {
  const { gateways = GATEWAYS, idle = [], pods } = words;
  const nodes = Object.entries(gateways).map(([name, egressIP], i) => {
    const interfaces = JSON.stringify({ eth1: [`${egressIP}/24`], default: "eth1" });
    const role = name.startsWith("gw") && !words.unlabelled?.includes(name) ? "gw" : "worker";
    return nodeObject(name, `172.18.0.${i + 1}`, {
      labels: { role },
      annotations: { "sluicegate.io/interfaces": interfaces },
    });
  });
  const worker =
    words.worker === undefined
      ? []
      : [nodeObject(words.worker, "172.18.1.1", { labels: { role: "worker" }, annotations: {} })];
  const pod = (name: string, app: string, ip: string) =>
    podObject(name, ip, { ...words, uid: `uid-${name}`, app, node: words.worker });
  const all = [
    ...pods.map((ip, i) => pod(`pod-${i}`, "client", ip)),
    ...idle.map((ip, i) => pod(`idle-${i}`, "idle", ip)),
  ];
  return [...nodes, ...worker, ...all, policy(words, Object.keys(gateways))];
}

function policy(words: ClusterWords, gateways: readonly string[]): object {
  return {
    apiVersion: "isovalent.com/v1",
    kind: "IsovalentEgressGatewayPolicy",
    metadata: { name: "out", uid: "uid-out", creationTimestamp: LONG_AGO },
    spec: {
      selectors: [{ podSelector: { matchLabels: { app: "client" } } }],
      destinationCIDRs: words.destinations ?? ["0.0.0.0/0", "::/0"],
      ...(words.excluded && { excludedCIDRs: words.excluded }),
      egressGroups: gateways.length === 0 ? [] : [{ nodeSelector: { matchLabels: { role: "gw" } }, interface: "eth1" }],
    },
  };
}
