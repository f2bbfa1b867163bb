/** The IPv6 half of the numbered tests: two pods and one gateway with an address of each family, profile rfc. */
import type { EngineConfig } from "../../src/engine/engine-config.js";
import { GatewayRig } from "../assembly/path/gateway-rig.js";
import { address, egress, endpoint, model, node, policy, policySet, prefix, withSettings } from "../engine/model.js";
import { RFC_PORTS } from "./rig.js";

export const INSIDE = "fd00:1::2";
export const OTHER_INSIDE = "fd00:1::3";
export const EXT = "2001:db8:2::1";
export const REMOTE = "2001:db8:9::9";
export const OUTSIDE_ROUTER = "2001:db8:7::1";

export interface Scene6 extends Partial<EngineConfig> {
  /** Pods run on another node than the gateway. Default false: no routed hop. */
  readonly hop?: boolean;
}

export function gateway6({ hop = false, ...config }: Scene6 = {}): Promise<GatewayRig> {
  const at = { node: hop ? "worker" : "gw" };
  const dualStack = model({
    nodes: [node("gw", "172.18.0.11"), node("worker", "172.18.0.5")],
    egresses: [egress("gw", "192.0.2.1", { egressIPv6: address(EXT) })],
    policies: [policy("out", [0], { destinations: [prefix("0.0.0.0/0"), prefix("::/0")] })],
    policySets: [policySet({ "0.0.0.0/0": 0, "::/0": 0 })],
    endpoints: [endpoint("pod", [INSIDE, "10.0.0.2"], at), endpoint("other", [OTHER_INSIDE], at)],
    clusterPrefixes: [{ prefix: prefix("fd00:1::/64"), why: "pod-cidr" }],
  });
  return GatewayRig.start(withSettings(dualStack, RFC_PORTS), {
    natProfile: "rfc",
    connections6: config.connections ?? 4096,
    ...config,
  });
}
