import * as abi from "../../../assembly/abi.js";
import type { PolicyModel } from "../../../src/config/types.js";
import { nodeTable } from "../../../src/engine/blob.js";
import type { EngineCounters } from "../../../src/engine/counters.js";
import type { FrameObservation, NodeStanding } from "../../../src/verify/types.js";
import { faultsOf } from "../../nat/oracles.js";
import { TwinVerifier } from "../../verify/twin.js";
import type { ProbeVerdict } from "./probe.js";
import type { Given, Want } from "./say.js";
import type { Setting } from "./settings.js";

const LINKTYPES: Readonly<Record<number, number>> = {
  [abi.LINK_ETHERNET]: 1,
  [abi.LINK_RAW]: 101,
  [abi.LINK_SLL]: 113,
  [abi.LINK_SLL2]: 276,
  [abi.LINK_NULL]: 0,
  [abi.LINK_PPP]: 9,
};
const STANDINGS: Readonly<Record<number, Partial<NodeStanding>>> = {
  [abi.GATEWAY_DOWN]: { health: "down" },
  [abi.GATEWAY_HEALTHY]: { drained: true },
  [abi.GATEWAY_ACTIVE]: {},
};
const UP: NodeStanding = { health: "up", agent: "up", drained: false, removed: false };
/** An endpoint's own address may get out under these: the oracle knows neither policies nor what came before a frame, the verifier does. */
const MAY_LEAVE = new Set([
  "reply-of-inbound",
  "unsupported-passed",
  "no-policy",
  "excluded",
  "endpoint-unknown",
  "not-yet-programmed",
]);

/** Judges every frame by rules that share nothing with the engine: the verifier of replays, and the oracles of the numbered NAT tests. */
export class Referee {
  readonly proof = new Set<string>(["words"]);
  readonly #setting: Setting | undefined;
  #model: PolicyModel | undefined;
  #verifier: TwinVerifier | undefined;
  #frames = 0;
  #statuses: ReadonlyMap<string, NodeStanding> | undefined;
  readonly #unreachable = new Set<string>();

  constructor(setting: Setting | undefined) {
    this.#setting = setting;
  }

  load(model: PolicyModel, timeNs: bigint): void {
    this.#model = model;
    this.#statuses = undefined;
    if (this.#verifier) return this.#verifier.policiesChanged(model, timeNs);
    if (!this.#setting?.verifier) return;
    const { natProfile, unsupported, badChecksum, icmpErrors } = this.#setting.configuration.config;
    this.#verifier = new TwinVerifier(model, {
      natProfile,
      unsupportedPasses: unsupported === "pass",
      badChecksumsDrop: badChecksum === "drop",
      icmpErrors,
      ...this.#setting.verifier,
    });
  }

  call(name: string, [row, value]: readonly number[]): void {
    const node = this.#model && row !== undefined ? nodeTable(this.#model)[row]?.name : undefined;
    if (node === undefined) return;
    if (name === "setGateway") {
      this.#statuses = new Map(this.#statuses).set(node, { ...UP, ...STANDINGS[value!] });
      this.#verifier?.statusesChanged(this.#statuses);
    }
    if (name === "setReachable") value ? this.#unreachable.delete(node) : this.#unreachable.add(node);
    if (name === "nodeLost") this.#verifier?.nodeLost(node);
  }

  frame(given: Given, want: Want, got: ProbeVerdict, timeNs: bigint, counters: EngineCounters): void {
    this.#frames++;
    if (given.hook === "from-overlay" || want.action === "redirect") return;
    this.#oracles(given, want, got);
    const verifier = this.#verifier;
    if (!verifier) return;
    verifier.observe(this.#observation(given, want, got, timeNs, counters));
    this.proof.add("verifier");
  }

  /** @throws {Error} with what the verifier has found */
  finish(): void {
    const result = this.#verifier?.finish();
    if (result && !result.ok) throw new Error(`the verifier finds ${JSON.stringify(result.mismatches[0])}`);
  }

  #oracles({ hook, bytes, link = abi.LINK_ETHERNET, flags = 0 }: Given, want: Want, got: ProbeVerdict): void {
    if (link !== abi.LINK_ETHERNET || bytes[12] !== 8 || bytes[13] !== 0) return;
    const { action, reason } = want;
    const faults = faultsOf({
      hook: hook as "from-endpoint",
      given: bytes,
      result: got.result,
      action,
      reason: reason === "none" ? "" : reason,
      hop: want.flags.includes("hop"),
      partial: (flags & abi.FRAME_FLAG_PARTIAL) !== 0,
    }).filter((fault) => !(fault.startsWith("leaves with an inside source") && MAY_LEAVE.has(reason)));
    if (faults.length > 0) throw new Error(`the rules of every frame: ${faults.join("; ")}`);
    this.proof.add("rules");
  }

  #observation(
    given: Given,
    want: Want,
    got: ProbeVerdict,
    timeNs: bigint,
    counters: EngineCounters,
  ): FrameObservation {
    const { evictedClosing, evictedUnreplied, evictedEstablished, fragmentsEvicted } = counters;
    const { bytes } = given;
    return {
      frame: this.#frames,
      capture: "vector",
      timeNs,
      linkType: LINKTYPES[given.link ?? abi.LINK_ETHERNET]!,
      hook: given.hook as "from-endpoint",
      captured: bytes,
      given: bytes,
      result: got.result,
      wireLength: given.wire ?? bytes.length,
      action: want.reason === "gateway-down" ? "lost" : (want.action as FrameObservation["action"]),
      reason: want.reason === "none" ? "" : want.reason,
      egress: want.egress ?? -1,
      // What comes straight to an endpoint, and not over the uplink, was captured at the endpoint.
      view: want.action === "reverse" || (given.flags ?? 0) & abi.FRAME_FLAG_UPLINK ? "network" : "endpoint",
      remapped: causeOf(want),
      ...(this.#statuses && { statuses: this.#statuses }),
      ...(this.#unreachable.size > 0 && { unreachable: new Set(this.#unreachable) }),
      evictions: evictedClosing + evictedUnreplied + evictedEstablished,
      fragmentsEvicted,
      ...(want.told && { told: want.told.packet }),
    };
  }
}

function causeOf({ flags }: Want): string {
  if (!flags.includes("remapped")) return "";
  if (flags.includes("policy-change")) return "policy-change";
  return flags.includes("restart") ? "gateway-restart" : "failover";
}
