import * as layout from "../../assembly/outside/layout.js";
import type { MergedIndex } from "../capture/merge.js";
import type { Egress } from "../config/types.js";
import {
  ACTION_REVERSE,
  ACTION_SNAT,
  FRAME_FLAG_GSO,
  FRAME_FLAG_PARTIAL,
  HOOK_FROM_ENDPOINT,
  REASON_FRAGMENT_WITHOUT_FIRST,
  VERDICT_FLAG_CREATED,
} from "../engine/codes.js";
import { describePolicy } from "../engine/describe-blob.js";
import { UsageError } from "../errors.js";
import { formatAddress } from "../net/address.js";
import { hexOf } from "../net/bytes.js";
import { takeAll } from "./drive.js";
import { connectionOf, keyOfPacket, type PacketKey, parseForPeople } from "./explain-packet.js";
import { gatewayCandidates, policyMatch } from "./explain-policy.js";
import type {
  Classification,
  ConntrackPair,
  FrameExplanation,
  ReplyExpectation,
  Translation,
} from "./explain-types.js";
import type { GatewayPlan } from "./gateway-plan.js";
import type { HeldFrame } from "./held-frames.js";
import type { ReplayOptions } from "./options.js";
import { outputLinkType } from "./outputs.js";
import { CILIUM_WOULD, nameOfAction, nameOfReason } from "./reasons.js";
import { type Inspector, Session } from "./session.js";
import { type ResolvedOptions, resolveOptions, startMachine } from "./setup.js";
import { openCaptures } from "./sources.js";
import { formatTime, nanoseconds } from "./time.js";
import type { Face } from "./viewpoint.js";

/**
 * Replays up to one frame, or up to the one that releases it where it is held, and tells what becomes of it, step by step.
 * @param frame 1-based number in capture order (merged order of several captures)
 * @throws {UsageError} where the captures have no such frame   @throws {CaptureError} at damage before it
 */
export async function explainFrame(options: ReplayOptions, frame: number): Promise<FrameExplanation> {
  const { outDir: _, saveState: __, onOutput: ___, ...rest } = options;
  if ((rest.workers ?? 1) > 1)
    throw new UsageError("--workers: one machine is looked at while it takes the frame, expected --workers 1");
  if (!Number.isSafeInteger(frame)) throw new UsageError(`frame is ${frame}, expected a whole number`);
  const resolved = resolveOptions({ ...rest, toFrame: Math.max(frame, rest.toFrame ?? Number.MAX_SAFE_INTEGER) });
  if (frame < resolved.fromFrame) {
    throw new UsageError(`frame is ${frame}, expected a number from ${resolved.fromFrame}`);
  }
  const merged = await openCaptures(resolved);
  try {
    const session = new Session(await startMachine(resolved), resolved);
    const explainer = new Explainer(session, resolved, frame);
    session.inspector = explainer;
    const damage = await takeAll(session, merged);
    if (explainer.explanation) return endHeld(explainer.explanation);
    if (damage) throw damage;
    throw new UsageError(`frame is ${frame}, expected 1 to ${session.framesPassed}: the captures have no more`);
  } finally {
    await merged.close();
  }
}

/** A frame that was held to the end of the captures never leaves. */
function endHeld(explanation: FrameExplanation): FrameExplanation {
  if (explanation.action !== "hold" || explanation.afterHold) return explanation;
  const reason = nameOfReason(REASON_FRAGMENT_WITHOUT_FIRST);
  return { ...explanation, afterHold: { action: "drop", reason, endedBy: "end-of-captures" } };
}

/** Looks at the machine right before and after one frame, and once more where the frame was held. */
class Explainer implements Inspector {
  readonly frame: number;
  explanation: FrameExplanation | undefined;
  isDone = false;
  readonly #session: Session;
  readonly #options: ResolvedOptions;
  #captured: Uint8Array = new Uint8Array(0);
  #key: PacketKey | undefined;
  #before: ConntrackPair | undefined;

  constructor(session: Session, options: ResolvedOptions, frame: number) {
    this.#session = session;
    this.#options = options;
    this.frame = frame;
  }

  before(slot: number, face: Face): void {
    this.#captured = this.#bytes(slot);
    const linkType = this.#linkType(slot, face);
    this.#key = keyOfPacket(this.#captured, linkType, this.#isOutbound(slot, linkType));
    this.#before = this.#key && connectionOf(this.#session.machine.engine.conntrack(), this.#key);
  }

  after(slot: number, face: Face, index: MergedIndex): void {
    const { columns } = this.#session.machine.outside;
    const action = nameOfAction(columns.action[slot]!) ?? "skipped";
    const reason = nameOfReason(columns.reason[slot]!);
    const linkType = this.#linkType(slot, face);
    const after = this.#key && connectionOf(this.#session.machine.engine.conntrack(), this.#key);
    const policy = this.#key && policyMatch(this.#plan.picture.model, this.#key, this.#time(slot));
    const given = columns.action[slot] === ACTION_SNAT ? this.#captured : this.#given(slot);
    const translation = this.#translation(slot, given);
    const reply = this.#reply(after);
    this.explanation = {
      frame: this.frame,
      at: formatTime(this.#time(slot)),
      file: this.#options.captures[index.source[slot]!]!,
      viewpoint: this.#session.viewpoints.setting(face)!.decision,
      capturedLength: columns.captured[slot]!,
      wireLength: columns.wire[slot]!,
      action,
      reason: action === "snat" || action === "reverse" ? "" : reason,
      ...(action === "drop" && CILIUM_WOULD[reason] && { ciliumWould: CILIUM_WOULD[reason] }),
      parse: parseForPeople(this.#captured, linkType, columns.wire[slot]!),
      classification: this.#classification(slot),
      conntrack: { ...(this.#before && { before: this.#before }), ...(after && { after }) },
      ...(policy && { policy: policy.match }),
      gateways: this.#key && policy ? this.#candidates(policy, this.#key, slot) : [],
      ...(translation && { translation }),
      ...(reply && { replyExpected: reply }),
      bytes: {
        captured: hex(this.#captured),
        ...(columns.flags[slot]! & layout.SLOT_BUILT && { given: hex(this.#given(slot)) }),
        result: hex(this.#bytes(slot)),
      },
      mismatches: [],
    };
    this.isDone = action !== "hold";
  }

  released(slot: number, { given }: HeldFrame, { frame, timeNs }: { frame: number; timeNs: bigint }): void {
    if (!this.explanation) return;
    const { columns } = this.#session.machine.outside;
    const action = nameOfAction(columns.action[slot]!) ?? "skipped";
    const isTranslated = action === "snat" || action === "reverse";
    // Which frame's time was too late for it depends on the size of batches.
    const isAlone = action === "drop" && columns.reason[slot] === REASON_FRAGMENT_WITHOUT_FIRST;
    const translation = this.#translation(slot, given);
    this.explanation = {
      ...this.explanation,
      afterHold: {
        action,
        reason: isTranslated ? "" : nameOfReason(columns.reason[slot]!),
        endedBy: isAlone ? "time-or-room" : "first-fragment",
        ...(!isAlone && { first: { frame, at: formatTime(timeNs) } }),
        ...(translation && { translation }),
      },
      bytes: { ...this.explanation.bytes, result: hex(this.#bytes(slot)) },
    };
    this.isDone = true;
  }

  /** The verifier has judged the frame. */
  judged(): void {
    const found = this.#session.verifier?.finish().mismatches.filter(({ frame }) => frame === this.frame) ?? [];
    if (this.explanation) this.explanation = { ...this.explanation, mismatches: found };
  }

  /** What is in force at the frame. */
  get #plan(): GatewayPlan {
    return this.#session.machine.plan;
  }

  #candidates(policy: NonNullable<ReturnType<typeof policyMatch>>, key: PacketKey, slot: number) {
    const used = this.#session.machine.outside.columns.egress[slot]!;
    return gatewayCandidates(this.#options, this.#plan.picture, policy, key, used === layout.NO_EGRESS ? -1 : used);
  }

  /** A frame that never entered the engine is an endpoint's own unless only its destination is one. */
  #isOutbound(slot: number, linkType: number): boolean {
    const hook = this.#session.machine.outside.columns.hook[slot]!;
    if (hook !== 0) return hook === HOOK_FROM_ENDPOINT;
    const key = keyOfPacket(this.#captured, linkType, true);
    return !key || this.#isEndpoint(key.source) || !this.#isEndpoint(key.destination);
  }

  #isEndpoint(address: string): boolean {
    return ((this.#session.machine.addresses.get(address)?.flags ?? 0) & layout.ADDRESS_ENDPOINT) !== 0;
  }

  #bytes(slot: number): Uint8Array {
    const { machine } = this.#session;
    const { offset, captured } = machine.outside.columns;
    return machine.engine.arena.slice(offset[slot]!, offset[slot]! + captured[slot]!);
  }

  #given(slot: number): Uint8Array {
    const { engine, outside, region } = this.#session.machine;
    const from = region.given + outside.columns.offset[slot]!;
    return engine.host.slice(from, from + outside.columns.captured[slot]!);
  }

  #linkType(slot: number, face: Face): number {
    const { link, flags } = this.#session.machine.outside.columns;
    return outputLinkType(face, link[slot]!, (flags[slot]! & layout.SLOT_DECAPSULATED) !== 0);
  }

  #time(slot: number): bigint {
    const { timeLow, timeHigh } = this.#session.machine.outside.columns;
    return nanoseconds(timeLow[slot]!, timeHigh[slot]!);
  }

  #classification(slot: number): Classification {
    const { hook, flags } = this.#session.machine.outside.columns;
    const seen = flags[slot]!;
    const entered = hook[slot]!;
    return {
      hook: entered === 0 ? undefined : entered === HOOK_FROM_ENDPOINT ? "from-endpoint" : "from-network",
      sourceIs: this.#whatIs(this.#key?.source),
      destinationIs: this.#whatIs(this.#key?.destination),
      decapsulated: (seen & layout.SLOT_DECAPSULATED) !== 0,
      partialChecksum: (seen & FRAME_FLAG_PARTIAL) !== 0,
      superFrame: (seen & FRAME_FLAG_GSO) !== 0,
      replyBuilt: (seen & layout.SLOT_BUILT) !== 0,
    };
  }

  #whatIs(address: string | undefined): string {
    const flags = address === undefined ? 0 : (this.#session.machine.addresses.get(address)?.flags ?? 0);
    const names = [
      flags & layout.ADDRESS_ENDPOINT ? "endpoint" : "",
      flags & layout.ADDRESS_NODE ? "node" : "",
      flags & layout.ADDRESS_EGRESS ? "egress IP" : "",
    ].filter((name) => name !== "");
    return names.length > 0 ? names.join(", ") : "outside";
  }

  /** @param given bytes before translation */
  #translation(slot: number, given: Uint8Array): Translation | undefined {
    const { action, egress, natPort, verdictFlags } = this.#session.machine.outside.columns;
    if ((action[slot] !== ACTION_SNAT && action[slot] !== ACTION_REVERSE) || !this.#key) return undefined;
    const row = this.#plan.egresses[egress[slot]!]!;
    const linkType = this.#key.linkType;
    return {
      gateway: row.node,
      egressIP: addressOf(row),
      natPort: natPort[slot]!,
      portKept: natPort[slot] === this.#key.endpointPort,
      ttlBefore: parseForPeople(given, linkType, given.length)?.ttl ?? 0,
      ttlAfter: parseForPeople(this.#bytes(slot), linkType, given.length)?.ttl ?? 0,
      isNew: (verdictFlags[slot]! & VERDICT_FLAG_CREATED) !== 0,
    };
  }

  #reply(after: ConntrackPair | undefined): ReplyExpectation | undefined {
    if (after?.original.reason !== 0) return undefined;
    const { original, reply } = after;
    const policy = describePolicy(this.#session.machine.driver.blob);
    return {
      from: `${reply.src}:${reply.srcPort}`,
      to: `${reply.dst}:${reply.dstPort}`,
      restoredTo: `${original.src}:${original.srcPort}`,
      lifetimeMs: policy.timeouts[original.lifetimeRow]?.[original.lifetimeClass] ?? 0,
    };
  }
}

function addressOf(egress: Egress): string {
  const address = egress.egressIPv4 ?? egress.egressIPv6;
  return address ? formatAddress(address) : "";
}

function hex(bytes: Uint8Array): string {
  return hexOf(bytes);
}
