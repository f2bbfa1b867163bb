import type { PolicyModel } from "../config/types.js";
import { decodeFrame } from "../net/decode.js";
import { checkChecksumRule } from "./checksums.js";
import type { Connection } from "./connections.js";
import { judgeEndpointDrop } from "./drops.js";
import { judgeFragment, judgeHold } from "./fragment-rules.js";
import { judgePass, judgeSkipped } from "./from-endpoint.js";
import { judgeEntering, judgeNetworkDrop, judgeReverse } from "./from-network.js";
import { Frame, hopsOf, Judge, type VerifierOptions } from "./judge.js";
import { KnownFlows, type PlainFrame } from "./known-flows.js";
import { judgeLost, judgeLostReply } from "./lost.js";
import { checkMalformedRule } from "./malformed.js";
import { checkSctpRule } from "./sctp.js";
import { judgeSnat } from "./snat.js";
import { judgeTold } from "./told.js";
import type { FrameObservation, VerificationResult } from "./types.js";

export type { VerifierOptions } from "./judge.js";
export type { PlainFrame } from "./known-flows.js";

type Rules = Partial<Record<FrameObservation["action"], (frame: Frame) => void>>;

/** See `FrameObservation`. */
export type Circumstances = Pick<FrameObservation, "statuses" | "unreachable">;

/** What judges a frame, by its hook and by what became of it. An action that a hook lacks is one that no frame may have there. */
const RULES: Readonly<Record<FrameObservation["hook"], Rules>> = {
  "from-endpoint": {
    snat: judgeSnat,
    pass: judgePass,
    drop: judgeEndpointDrop,
    hold: judgeHold,
    lost: judgeLost,
    skipped: judgeSkipped,
  },
  "from-network": {
    reverse: judgeReverse,
    pass: judgeEntering,
    drop: judgeNetworkDrop,
    hold: judgeHold,
    lost: judgeLostReply,
    skipped: ({ judge, o }) => judge.log.note(`skipped: ${o.reason}`),
  },
};

/**
 * Judges what an engine did, frame by frame, by invariants alone (docs/architecture.md): it learns mappings by watching frames leave and
 * shares no code with the engine. It keeps state for connections that may be alive and forgets the rest.
 */
export class Verifier {
  readonly #judge: Judge;
  /** Undefined where every frame has to go through all rules. */
  readonly #known: KnownFlows | undefined;
  #framesChecked = 0;

  constructor(model: PolicyModel, options: VerifierOptions) {
    this.#judge = new Judge(model, options);
    const { foreign, badChecksumsDrop, thorough } = options;
    if (!foreign && !badChecksumsDrop && !thorough) this.#known = new KnownFlows(this.#judge.table);
  }

  /** Connections remembered now; for tests of the memory bound. */
  get connections(): number {
    return this.#judge.table.size;
  }

  /** What `PlainFrame.nowMs` counts from, nanoseconds since the epoch; undefined before the first frame. */
  get startNs(): bigint | undefined {
    return this.#judge.log.startNs;
  }

  /**
   * Takes the next frame if nothing about its connection has changed and everything is right. Only for frames that the engine translated
   * and said nothing else about. @param circumstances of the frame
   * @returns false where `observe` has to take it; nothing was done then
   */
  accept(frame: PlainFrame, { statuses, unreachable }: Circumstances): boolean {
    const judge = this.#judge;
    if (!this.#known || statuses !== judge.statuses || (unreachable && unreachable.size > 0)) return false;
    if (!this.#known.accepts(frame)) return false;
    this.#framesChecked++;
    return true;
  }

  /** Times in messages count from here on, not from the first frame that is observed. */
  begin(timeNs: bigint): void {
    this.#judge.log.sinceStart(timeNs);
  }

  /** No first fragment comes any more: so many frames that were held are dropped, and need no judging. */
  dropHeld(count: number): void {
    this.#framesChecked += count;
  }

  /** Takes the next frame, in the order in which the engine took them. The arrays are read during the call only. */
  observe(o: FrameObservation): void {
    const judge = this.#judge;
    if (this.#acceptObserved(o)) return;
    if (o.action !== "hold") this.#framesChecked++;
    const nowMs = judge.log.sinceStart(o.timeNs);
    judge.table.evictions = o.evictions ?? 0;
    judge.table.nowMs = nowMs;
    judge.changeStatuses(o.statuses);
    const packet = decodeFrame(o.given, o.linkType, o.wireLength);
    if (packet) {
      const frame = new Frame(judge, o, packet, nowMs);
      const { count } = judge.log;
      if (o.action === "pass" || o.action === "drop" || o.action === "hold") frame.checkUntouched();
      checkChecksumRule(frame);
      checkMalformedRule(frame);
      checkSctpRule(frame);
      judgeTold(frame);
      const isSettled = judgeFragment(frame);
      const rules = RULES[o.hook];
      const rule = rules[o.action];
      if (!rule)
        frame.find("hook", Object.keys(rules).join(", "), o.action, `no frame ${o.hook} can have come to this`);
      else if (!isSettled) rule(frame);
      if (frame.connection && judge.log.count === count) this.#learn(frame, frame.connection);
    } else if (o.action === "snat" || o.action === "reverse") {
      const why = "only a frame with a readable IP header can be translated";
      judge.log.add(o, { field: "undecodable", expected: "pass or drop", got: o.action, why });
    }
  }

  #acceptObserved(o: FrameObservation): boolean {
    const isOut = o.action === "snat" && o.hook === "from-endpoint";
    if (!isOut && !(o.action === "reverse" && o.hook === "from-network" && o.view === "endpoint")) return false;
    const { captured, given, result, linkType, egress, evictions = 0 } = o;
    const { length } = given;
    if (o.remapped !== "" || o.told || captured.length !== length || result.length !== length) return false;
    const nowMs = this.#judge.log.sinceStart(o.timeNs);
    return this.accept({ captured, given, result, at: 0, length, linkType, isOut, egress, evictions, nowMs }, o);
  }

  #learn(frame: Frame, connection: Connection): void {
    const { judge, o, packet, endpoint } = frame;
    const { start } = connection;
    const egress = judge.model.egresses[o.egress];
    if (!egress || packet.kind === "echo" || endpoint?.node !== start.endpoint.node) return;
    if (!judge.policies.hasOneOwner(start.insideAddress)) return;
    this.#known?.learn(connection, o.given, o.result, o.linkType, o.egress, hopsOf(frame, start.endpoint, egress.node));
  }

  /** Another model holds from the next frame on: other policies, or gateways that got other addresses. */
  policiesChanged(model: PolicyModel, timeNs: bigint): void {
    this.#judge.changePolicies(model, timeNs);
  }

  /** Nodes stand as `statuses` say from now on. Needed only where no frame may come before they stand differently again. */
  statusesChanged(statuses: FrameObservation["statuses"]): void {
    this.#judge.changeStatuses(statuses);
  }

  /** `node` lost its memory: its mappings as a gateway are gone, and the connections of the endpoints on it are over. */
  nodeLost(node: string): void {
    this.#judge.table.nodeLost(node);
  }

  /** Of each mismatch of the result: `FrameObservation.order`. */
  get places(): readonly number[] {
    return this.#judge.log.places;
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
}
