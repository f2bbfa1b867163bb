import type { PolicyModel } from "../config/types.js";
import { decodeFrame } from "../net/decode.js";
import { checkChecksumRule } from "./checksums.js";
import { judgeEndpointDrop } from "./drops.js";
import { judgeFragment, judgeHold } from "./fragment-rules.js";
import { judgePass, judgeSkipped } from "./from-endpoint.js";
import { judgeEntering, judgeNetworkDrop, judgeReverse } from "./from-network.js";
import { Frame, Judge, type VerifierOptions } from "./judge.js";
import { judgeLost, judgeLostReply } from "./lost.js";
import { checkMalformedRule } from "./malformed.js";
import { checkSctpRule } from "./sctp.js";
import { judgeSnat } from "./snat.js";
import { judgeTold } from "./told.js";
import type { FrameObservation, VerificationResult } from "./types.js";

export type { VerifierOptions } from "./judge.js";

type Rules = Partial<Record<FrameObservation["action"], (frame: Frame) => void>>;

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
  #framesChecked = 0;

  constructor(model: PolicyModel, options: VerifierOptions) {
    this.#judge = new Judge(model, options);
  }

  /** Connections remembered now; for tests of the memory bound. */
  get connections(): number {
    return this.#judge.table.size;
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
    if (o.action !== "hold") this.#framesChecked++;
    const nowMs = judge.log.sinceStart(o.timeNs);
    judge.table.evictions = o.evictions ?? 0;
    judge.table.nowMs = nowMs;
    judge.changeStatuses(o.statuses);
    const packet = decodeFrame(o.given, o.linkType, o.wireLength);
    if (packet) {
      const frame = new Frame(judge, o, packet, nowMs);
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
    } else if (o.action === "snat" || o.action === "reverse") {
      const why = "only a frame with a readable IP header can be translated";
      judge.log.add(o, { field: "undecodable", expected: "pass or drop", got: o.action, why });
    }
    judge.table.sweep();
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
