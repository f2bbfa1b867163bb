/** The setting of the numbered NAT tests: profile `rfc`, one gateway, fixed addresses, and every oracle on every frame that comes out. */
import { expect } from "vitest";
import { FRAME_FLAG_PARTIAL, FRAME_FLAG_UPLINK, VERDICT_FLAG_HOP } from "../../assembly/abi.js";
import { PROFILE_TIMEOUTS } from "../../src/config/settings.js";
import type { NatProfile, PolicyModel } from "../../src/config/types.js";
import type { EngineConfig } from "../../src/engine/engine-config.js";
import type { FrameObservation } from "../../src/verify/types.js";
import type { Verifier, VerifierOptions } from "../../src/verify/verifier.js";
import { GatewayRig, type Outcome, type RigFrame } from "../assembly/path/gateway-rig.js";
import { egress, endpoint, model, node, policy, policySet, prefix, withSettings } from "../engine/model.js";
import { ethernet, ipv4, type Layer4 } from "../support/frames.js";
import { TwinVerifier } from "../verify/twin.js";
import { faultsOf } from "./oracles.js";
import { pairsIn } from "./pairs.js";

export type { Outcome } from "../assembly/path/gateway-rig.js";

export const INSIDE = "10.0.0.2";
export const OTHER_INSIDE = "10.0.0.3";
/** No endpoint: forwards for them. */
export const INSIDE_ROUTER = "10.0.0.254";
export const EXT = "192.0.2.1";
export const OTHER_EXT = "192.0.2.2";
export const REMOTE = "192.0.2.102";
export const OTHER_REMOTE = "192.0.2.103";
export const OUTSIDE_ROUTER = "192.0.2.254";
export const RFC_PORTS = { low: 1024, high: 65535 };

export interface NatOptions {
  readonly ports?: { low: number; high: number };
  readonly engine?: Partial<EngineConfig>;
  readonly verifier?: Partial<VerifierOptions>;
  /** Endpoints run on another node than the gateway. Default false: no routed hop. */
  readonly hop?: boolean;
  /** Whose lifetimes hold. Default rfc. */
  readonly timeouts?: NatProfile;
  /** Instead of `natModel`. */
  readonly model?: PolicyModel;
  /** Bytes of another build of the engine. */
  readonly wasm?: Uint8Array;
  /** Addresses of endpoints beside INSIDE and OTHER_INSIDE. */
  readonly more?: readonly string[];
}

/** Two endpoints, all of whose traffic leaves through one gateway with one egress IP; a second gateway serves nobody here. */
export function natModel({
  ports = RFC_PORTS,
  hop = false,
  timeouts = "rfc",
  more = [],
}: NatOptions = {}): PolicyModel {
  const at = { node: hop ? "worker" : "gw-a" };
  const base = model({
    nodes: [node("gw-a", "172.18.0.11"), node("gw-b", "172.18.0.12"), node("worker", "172.18.0.5")],
    egresses: [egress("gw-a", EXT), egress("gw-b", OTHER_EXT)],
    policies: [
      policy("out", [0], { destinations: [prefix("0.0.0.0/0")] }),
      policy("other", [1], { destinations: [prefix("0.0.0.0/0")] }),
    ],
    policySets: [policySet({ "0.0.0.0/0": 0 }), policySet({ "0.0.0.0/0": 1 })],
    endpoints: [INSIDE, OTHER_INSIDE, ...more].map((ip, i) => endpoint(`pod-${i}`, [ip], at)),
    clusterPrefixes: [{ prefix: prefix("10.0.0.0/24"), why: "pod-cidr" as const }],
  });
  return withSettings(base, ports, PROFILE_TIMEOUTS[timeouts]);
}

const START_NS = 1_790_000_000_000_000_000n;

/** An engine of profile `rfc`; what comes out is judged by the oracles and by the verifier, frame by frame. */
export class Nat {
  readonly rig: GatewayRig;
  readonly verifier: Verifier;
  readonly model: PolicyModel;
  readonly faults: string[] = [];
  #frames = 0;

  private constructor(rig: GatewayRig, natModel: PolicyModel, options: NatOptions) {
    this.rig = rig;
    this.model = natModel;
    this.verifier = new TwinVerifier(natModel, { natProfile: "rfc", ...options.verifier });
  }

  static async start(options: NatOptions = {}): Promise<Nat> {
    const used = options.model ?? natModel(options);
    const rig = await GatewayRig.start(used, { natProfile: "rfc", ...options.engine }, options.wasm);
    return new Nat(rig, used, options);
  }

  get counters() {
    return this.rig.engine.counters();
  }

  /** Every frame is judged in the order in which the engine took them: a first fragment before those that were held for it. */
  send(frames: readonly RigFrame[], batchSize?: number): Outcome[] {
    return this.rig.send(frames, batchSize, (sent, outcome) => this.#judge(sent, outcome));
  }

  one(frame: RigFrame): Outcome {
    return this.send([frame])[0];
  }

  /** An endpoint sends `l4` to the remote. */
  out(l4: Layer4, fields: { src?: string; dst?: string; atMs?: number; ttl?: number } = {}): Outcome {
    return this.one(outbound(l4, fields));
  }

  /** The outside sends `l4` to the egress IP. */
  back(l4: Layer4, fields: { src?: string; dst?: string; atMs?: number; ttl?: number } = {}): Outcome {
    return this.one(inbound(l4, fields));
  }

  /** Fails where any frame so far broke a rule that holds of all, or lines of the table are not in pairs (T28). */
  check(): void {
    pairsIn(this.rig.engine);
    expect(this.faults.slice(0, 5)).toEqual([]);
    expect(this.verifier.finish().mismatches.slice(0, 5)).toEqual([]);
    const { actions } = this.counters;
    expect(Object.values(actions).reduce((sum, count) => sum + count, 0)).toBe(this.#frames);
  }

  #judge(sent: RigFrame, outcome: Outcome): void {
    this.#frames++;
    // Counted before their time for the first ones of a batch: the verifier then insists on less.
    const { evictedClosing, evictedUnreplied, evictedEstablished, fragmentsEvicted } = this.counters;
    const { hook, frame: given, atMs = 0, link = 1, wire = given.length, flags = 0 } = sent;
    const { action, reason, frame: result } = outcome;
    const partial = (flags & FRAME_FLAG_PARTIAL) !== 0;
    const judged = { hook, given, result, action, reason, partial, hop: (outcome.flags & VERDICT_FLAG_HOP) !== 0 };
    if (link === 1 && given[12] === 8 && given[13] === 0)
      this.faults.push(...faultsOf(judged).map((fault) => `frame ${this.#frames}: ${fault}`));
    this.verifier.observe({
      frame: this.#frames,
      capture: "rig",
      timeNs: START_NS + BigInt(Math.round(atMs * 1e6)),
      linkType: link,
      hook,
      captured: given,
      given,
      result,
      wireLength: wire,
      action: action as FrameObservation["action"],
      reason,
      egress: action === "snat" || action === "reverse" ? outcome.egress : -1,
      view: "network",
      remapped: "",
      evictions: evictedClosing + evictedUnreplied + evictedEstablished,
      fragmentsEvicted,
      ...(outcome.told && { told: outcome.told }),
    });
  }
}

export function outbound(
  l4: Layer4,
  fields: { src?: string; dst?: string; atMs?: number; ttl?: number } = {},
): RigFrame {
  const { src = INSIDE, dst = REMOTE, ttl = 64, atMs = 0 } = fields;
  return { hook: "from-endpoint", frame: ethernet(ipv4({ src, dst, ttl }, l4)), atMs };
}

export function inbound(
  l4: Layer4,
  fields: { src?: string; dst?: string; atMs?: number; ttl?: number } = {},
): RigFrame {
  const { src = REMOTE, dst = EXT, ttl = 64, atMs = 0 } = fields;
  return { hook: "from-network", frame: ethernet(ipv4({ src, dst, ttl }, l4)), atMs };
}

/** The outside sends `l4` straight to an endpoint's own address, over the gateway's uplink. */
export function direct(l4: Layer4, fields: { src?: string; dst?: string; atMs?: number } = {}): RigFrame {
  return { ...inbound(l4, { dst: INSIDE, ...fields }), flags: FRAME_FLAG_UPLINK };
}

/** mulberry32: numbers from 0 to `below` - 1 that repeat from the seed. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000) * below);
  };
}

/** `length` random bytes. */
export function randomBytes(random: (below: number) => number, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random(256));
}
