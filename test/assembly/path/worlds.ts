import type { Policy, PolicyModel } from "../../../src/config/types.js";
import { egress, endpoint, model, node, policy, policySet, prefix } from "../../engine/model.js";

export const ENDPOINT = "10.1.0.7";
export const OTHER_ENDPOINT = "10.1.0.8";
/** Runs on gateway node gw-a itself: no routed hop to it. */
export const LOCAL_ENDPOINT = "10.1.1.7";
export const UNSELECTED = "10.1.0.99";
export const REMOTE = "198.51.100.20";
export const EXCLUDED_REMOTE = "192.0.2.9";
export const NODE_IP = "172.18.0.5";
export const EGRESS_IPS = ["203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"];
export const GATEWAYS = ["gw-a", "gw-b", "gw-c", "gw-d"];

/** Everything of three pods but 192.0.2.0/24 leaves through the first `gateways` of four; a fourth pod is selected by nothing. */
export function world(gateways: number, fields: Partial<Policy> = {}): PolicyModel {
  const names = GATEWAYS.slice(0, gateways);
  return model({
    nodes: [...names.map((name, i) => node(name, `172.18.0.${11 + i}`)), node("worker", NODE_IP)],
    egresses: names.map((name, i) => egress(name, EGRESS_IPS[i])),
    policies: [
      policy(
        "out",
        names.map((_, i) => i),
        fields,
      ),
    ],
    policySets: [policySet({ "0.0.0.0/0": 0, "192.0.2.0/24": "excluded", "::/0": 0 })],
    endpoints: [
      endpoint("web", [ENDPOINT, "fd00:1::7"], { node: "worker", servicePorts: [{ protocol: "TCP", port: 8080 }] }),
      endpoint("db", [OTHER_ENDPOINT], { node: "worker" }),
      endpoint("local", [LOCAL_ENDPOINT], { node: "gw-a" }),
      endpoint("idle", [UNSELECTED, "fd00:1::99"], { node: "worker", policySet: -1 }),
    ],
    clusterPrefixes: [
      { prefix: prefix("10.1.0.0/16"), why: "pod-cidr" },
      { prefix: prefix("172.18.0.0/24"), why: "node" },
    ],
  });
}
