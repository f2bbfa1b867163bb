import type { PolicyModel } from "../../src/config/types.js";
import { compilePolicy } from "../../src/engine/blob.js";
import type { EngineConfig } from "../../src/engine/engine-config.js";
import { formatAddress } from "../../src/net/address.js";
import { smallConfig } from "../engine/harness.js";
import { address, egress, policySet, prefix, smallModel, withSettings } from "../engine/model.js";

/** An engine that frames are sent through: its configuration, its policies, which node it plays. */
export interface World {
  readonly name: string;
  readonly config: EngineConfig;
  /** In force at first; the second one is what an order may bring in. */
  readonly blobs: readonly [Uint8Array, Uint8Array];
  /** Row of the node that it plays, or undefined: every node. */
  readonly ownNode?: number;
  /** What the original passes with its own address passes here, too. */
  readonly passesUnsupported: boolean;
}

export const ENDPOINTS = ["10.0.1.7", "10.0.1.8", "10.0.1.9"];
/** The same pods' other addresses. */
export const ENDPOINTS6 = ["fd00::7", "fd00::8", "fd00::9"];
export const EGRESS_IPS = ["203.0.113.10", "203.0.113.20"];
export const EGRESS_IPS6 = ["2001:db8::10", "2001:db8::20"];
export const NODES = ["172.18.0.3", "172.18.0.4", "172.18.0.2"];
export const REMOTES = ["198.51.100.1", "198.51.100.2", "192.168.7.7", "8.8.8.8"];
export const REMOTES6 = ["2001:db8:5::1", "2001:db8:5::2", "2001:db8:bad::1", "2001:4860:4860::8888"];

/** The small model with addresses of both families wherever there are any: pods, gateways, policies, exclusions, the cluster's own. */
export function dualStackModel(): PolicyModel {
  const base = smallModel();
  const other = (text: string) => address(ENDPOINTS6[ENDPOINTS.indexOf(text)]);
  return {
    ...base,
    endpoints: base.endpoints.map((pod) => {
      const [first] = pod.addresses;
      return { ...pod, addresses: [first, other(formatAddress(first))] };
    }),
    egresses: ["gw-a", "gw-b"].map((name, i) => egress(name, EGRESS_IPS[i], { egressIPv6: address(EGRESS_IPS6[i]) })),
    policySets: [
      policySet({ "0.0.0.0/0": 0, "192.168.0.0/16": "excluded", "::/0": 0, "2001:db8:bad::/48": "excluded" }),
      policySet({ "198.51.100.0/24": 1, "2001:db8:5::/64": 1 }),
    ],
    clusterPrefixes: [...base.clusterPrefixes, { prefix: prefix("fd00::/64"), why: "pod-cidr" }],
  };
}

/** The same after a change: policies in another order, and a gateway without an address of IPv6. */
function changed(model: PolicyModel): PolicyModel {
  const [first, second] = model.egresses;
  const egresses = [{ ...first, egressIPv6: undefined }, second];
  return { ...model, policies: [...model.policies].reverse(), egresses };
}

function world(name: string, overrides: Partial<EngineConfig>, ports = { low: 32_768, high: 65_535 }): World {
  const model = withSettings(dualStackModel(), ports);
  const later = changed(model);
  const sizes = { connections: 64, connections6: 64, fragments: 8, maxBatch: 64, arenaSize: 1 << 17 };
  const config = smallConfig(model, { ...sizes, ...overrides });
  const { natProfile } = config;
  return {
    name,
    config,
    blobs: [compilePolicy(model, { natProfile }), compilePolicy(later, { natProfile })],
    passesUnsupported: config.unsupported === "pass",
  };
}

/** Errors of the engine's own, fragments held, and links that some frames are too long for. */
const TELLING: Partial<EngineConfig> = { natProfile: "rfc", icmpErrors: true, mtu: 700, badChecksum: "drop" };

/** By the first byte of an input, modulo their number. The order is part of the corpus: add new ones at the end. */
export const WORLDS: readonly World[] = [
  world("every node, original profile", {}),
  world("every node, RFC profile", { natProfile: "rfc" }),
  world("unsupported frames pass", { unsupported: "pass" }),
  world("four NAT ports, and errors that say so", { bitmaps: 1, icmpErrors: true }, { low: 40_000, high: 40_003 }),
  world("sixteen connections", { connections: 16, connections6: 8, natProfile: "rfc" }),
  { ...world("a worker of a cluster", {}), ownNode: 2 },
  { ...world("a gateway of a cluster", {}), ownNode: 0 },
  world("no IPv6", { connections6: 0 }),
  world("one fragment at a time", { natProfile: "rfc", fragments: 1 }),
  world("no fragments", { natProfile: "rfc", fragments: 0 }),
  world("errors of its own", { ...TELLING, bitmaps: 1 }, { low: 40_000, high: 40_003 }),
  { ...world("a worker that tells its errors", TELLING), ownNode: 2 },
];
