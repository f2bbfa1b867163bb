import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadManifests } from "../../src/config/load.js";
import type { PolicyModel } from "../../src/config/types.js";
import { withFolder } from "../support/capture-read.js";
import { nodeObject, podObject } from "../support/objects.js";

/** IPv6 egress IPs of the gateways; their IPv4 ones are 203.0.113.10 and .11. */
export const GATEWAYS: Readonly<Record<string, string>> = { "gw-a": "2001:db8:aa::10", "gw-b": "2001:db8:aa::20" };

/** Pods on a worker, two gateways with addresses of both families; manifests as a user has them. */
export function dualStack(addresses: readonly string[]): Promise<PolicyModel> {
  return withFolder(async (folder) => {
    const nodes = Object.entries(GATEWAYS).map(([name, ip], i) =>
      nodeObject(name, `172.18.0.${i + 1}`, {
        labels: { role: "gw" },
        annotations: {
          "sluicegate.io/interfaces": JSON.stringify({ eth1: [`203.0.113.${i + 10}/24`, `${ip}/64`], default: "eth1" }),
        },
      }),
    );
    const worker = nodeObject("worker", "172.18.1.1", { labels: { role: "worker" }, annotations: {} });
    const pods = addresses.map((ip, i) =>
      podObject(`pod-${i}`, ip, { uid: `uid-${i}`, app: "client", node: "worker" }),
    );
    const policy = {
      apiVersion: "isovalent.com/v1",
      kind: "IsovalentEgressGatewayPolicy",
      metadata: { name: "out" },
      spec: {
        selectors: [{ podSelector: { matchLabels: { app: "client" } } }],
        destinationCIDRs: ["0.0.0.0/0", "::/0"],
        egressGroups: [{ nodeSelector: { matchLabels: { role: "gw" } }, interface: "eth1" }],
      },
    };
    const path = join(folder, "all.json");
    writeFileSync(path, JSON.stringify({ kind: "List", apiVersion: "v1", items: [...nodes, worker, ...pods, policy] }));
    return loadManifests([path]);
  });
}
