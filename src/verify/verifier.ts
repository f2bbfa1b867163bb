import type { PolicyModel } from "../config/types.js";
import { decodeFrame } from "../net/decode.js";
import { judgeFromEndpoint } from "./from-endpoint.js";
import { judgeFromNetwork } from "./from-network.js";
import { type Frame, Judge, type VerifierOptions } from "./judge.js";
import type { FrameObservation, VerificationResult } from "./types.js";

export type { VerifierOptions } from "./judge.js";

/**
 * Judges what an engine did, frame by frame, by invariants alone (docs/architecture.md): it learns mappings by watching frames leave and
 * shares no code with the engine. It keeps state for connections that may be alive and forgets the rest.
 */
export class Verifier {
  readonly #judge: Judge;
  #framesChecked = 0;
  #healthy: ReadonlySet<string> | undefined;

  constructor(model: PolicyModel, options: VerifierOptions) {
    this.#judge = new Judge(model, options);
  }

  /** Connections remembered now; for tests of the memory bound. */
  get connections(): number {
    return this.#judge.table.size;
  }

  /** Takes the next frame, in the order in which the engine took them. The arrays are read during the call only. */
  observe(o: FrameObservation): void {
    const judge = this.#judge;
    this.#framesChecked++;
    const nowMs = judge.log.sinceStart(o.timeNs);
    judge.table.evictions = o.evictions ?? 0;
    if (o.healthy !== this.#healthy) this.#seeHealth(o.healthy);
    const packet = decodeFrame(o.given, o.linkType, o.wireLength);
    if (packet) {
      const frame: Frame = { o, packet, nowMs };
      if (o.hook === "from-endpoint") judgeFromEndpoint(judge, frame);
      else judgeFromNetwork(judge, frame);
    } else {
      this.#judgeUndecodable(o);
    }
    judge.table.sweep(nowMs);
  }

  /** Other policies hold from the next frame on (a scenario's `manifests` event). */
  policiesChanged(model: PolicyModel, timeNs: bigint): void {
    this.#judge.changePolicies(model, timeNs);
  }

  /** The gateway on `node` lost its mappings (it went down, or came back empty): they need not be restored any longer. */
  gatewayLost(node: string): void {
    this.#judge.table.gatewayLost(node);
  }

  finish(): VerificationResult {
    const { log } = this.#judge;
    return {
      ok: log.count === 0,
      framesChecked: this.#framesChecked,
      mismatches: log.mismatches,
      mismatchCount: log.count,
      notes: { ...log.notes },
    };
  }

  #judgeUndecodable(o: FrameObservation): void {
    if (o.action !== "snat" && o.action !== "reverse") return;
    const why = "only a frame with a readable IP header can be translated";
    this.#judge.log.add(o, { field: "undecodable", expected: "pass or drop", got: o.action, why });
  }

  /** A gateway that leaves the healthy set loses its mappings at that moment. */
  #seeHealth(healthy: ReadonlySet<string> | undefined): void {
    const before = this.#healthy ?? new Set(this.#judge.model.egresses.map((egress) => egress.node));
    this.#healthy = healthy;
    if (!healthy) return;
    for (const node of before) if (!healthy.has(node)) this.#judge.table.gatewayLost(node);
  }
}
