import { compilePolicy } from "../../src/engine/blob.js";
import type { EngineConfig } from "../../src/engine/engine-config.js";
import { smallConfig } from "../engine/harness.js";
import { smallModel, withSettings } from "../engine/model.js";

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
export const ENDPOINT6 = "fd00::7";
export const EGRESS_IPS = ["203.0.113.10", "203.0.113.20"];
export const EGRESS_IP6 = "2001:db8::20";
export const NODES = ["172.18.0.3", "172.18.0.4", "172.18.0.2"];
export const REMOTES = ["198.51.100.1", "198.51.100.2", "192.168.7.7", "8.8.8.8"];
export const REMOTES6 = ["2001:db8:5::1", "2001:db8:5::2"];

function world(name: string, overrides: Partial<EngineConfig>, ports = { low: 32_768, high: 65_535 }): World {
  const model = withSettings(smallModel(), ports);
  const later = { ...model, policies: [...model.policies].reverse(), egresses: model.egresses.slice(0, 2) };
  const config = smallConfig(model, { connections: 64, maxBatch: 64, arenaSize: 1 << 17, ...overrides });
  const { natProfile } = config;
  return {
    name,
    config,
    blobs: [compilePolicy(model, { natProfile }), compilePolicy(later, { natProfile })],
    passesUnsupported: config.unsupported === "pass",
  };
}

/** By the first byte of an input, modulo their number. The order is part of the corpus: add new ones at the end. */
export const WORLDS: readonly World[] = [
  world("every node, original profile", {}),
  world("every node, RFC profile", { natProfile: "rfc" }),
  world("unsupported frames pass", { unsupported: "pass" }),
  world("four NAT ports, and errors that say so", { bitmaps: 1, icmpErrors: true }, { low: 40_000, high: 40_003 }),
  world("sixteen connections", { connections: 16, natProfile: "rfc" }),
  { ...world("a worker of a cluster", {}), ownNode: 2 },
  { ...world("a gateway of a cluster", {}), ownNode: 0 },
];
