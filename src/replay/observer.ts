import * as layout from "../../assembly/outside/layout.js";
import type { MergedIndex } from "../capture/merge.js";
import { ACTION_REVERSE, ACTION_SNAT, HOOK_FROM_ENDPOINT, VERDICT_FLAG_REMAPPED } from "../engine/codes.js";
import type { PlainFrame, Verifier } from "../verify/verifier.js";
import type { Columns } from "./columns.js";
import type { Course } from "./course.js";
import type { HeldFrame } from "./held-frames.js";
import { causeOf } from "./moved.js";
import { outputLinkType } from "./outputs.js";
import { nameOfAction, nameOfReason } from "./reasons.js";
import type { Machine } from "./setup.js";
import { halves, millisecondsSince, nanoseconds } from "./time.js";
import type { Face } from "./viewpoint.js";

const NO_EGRESS = layout.NO_EGRESS;

/** LINKTYPE_* that the frame in place `i` is written with. */
export function outputLinkTypeOf(i: number, { flags, link }: Columns, face: Face): number {
  return outputLinkType(face, link[i]!, (flags[i]! & layout.SLOT_DECAPSULATED) !== 0);
}

/** Tells the verifier about every frame that the engine saw, with the bytes before and after. */
export class Observer {
  readonly #verifier: Verifier;
  readonly #machine: Machine;
  readonly #course: Course;
  readonly #captures: readonly string[];
  readonly #columns: Columns;
  readonly #arena: Uint8Array;
  /** The piece as captured, and its built frames as given to the engine; same offsets as in the arena. */
  readonly #captured: Uint8Array;
  readonly #given: Uint8Array;
  /** Virtual time. */
  #timeLow: number;
  #timeHigh: number;
  /** The frame at hand, as `Verifier.accept` takes it: one object for all. */
  readonly #plain: PlainFrame;
  /** Halves of `Verifier.startNs`, once that is known. */
  #start: readonly [low: number, high: number] | undefined;
  /** Fragmented datagrams given up by the end of the frames at hand: the verifier then insists on less. */
  #fragmentsEvicted = 0;

  constructor(verifier: Verifier, machine: Machine, course: Course, captures: readonly string[]) {
    const { engine, outside, region } = machine;
    this.#verifier = verifier;
    this.#machine = machine;
    this.#course = course;
    this.#captures = captures;
    this.#columns = outside.columns;
    this.#arena = engine.arena;
    this.#captured = engine.host.subarray(region.captured);
    this.#given = engine.host.subarray(region.given);
    this.#timeLow = outside.clockLow;
    this.#timeHigh = outside.clockHigh;
    this.#plain = {
      captured: this.#captured,
      given: this.#given,
      result: this.#arena,
      ...{ at: 0, length: 0, linkType: 0, isOut: false, egress: 0, evictions: 0, nowMs: 0 },
    };
  }

  /** Copies the bytes of frames `first` to `end` - 1 before anything is done to them. */
  keepCaptured(index: MergedIndex, first: number, end: number): void {
    for (let i = first; i < end; i++) {
      const at = index.offset[i]!;
      this.#captured.set(this.#arena.subarray(at, at + index.capturedLength[i]!), at);
    }
  }

  /** Copies the first `used` bytes of the arena before anything is done to them. */
  keepAll(used: number): void {
    this.#captured.set(this.#arena.subarray(0, used));
  }

  /** @param passed frames of the captures before this piece */
  observe(first: number, end: number, passed: number, index: MergedIndex, faces: readonly Face[]): void {
    const { hook, timeLow, timeHigh, interface: numbers } = this.#columns;
    this.#fragmentsEvicted = this.#machine.engines.counters().fragmentsEvicted;
    for (let i = first; i < end; i++) {
      this.#advance(timeLow[i]!, timeHigh[i]!);
      if (hook[i] === 0) continue;
      const linkType = outputLinkTypeOf(i, this.#columns, faces[numbers[i]!]!);
      if (!this.#accept(i, linkType)) this.#observeFrame(i, passed + i + 1, index.source[i]!, linkType);
    }
  }

  /** A held frame that was given again, in place `i`. @param order its place among what becomes of all frames */
  observeReleased(i: number, held: HeldFrame, order: number): void {
    const at = this.#columns.offset[i]!;
    this.#captured.set(held.captured, at);
    this.#given.set(held.given, at);
    this.#observeFrame(i, held.number, held.file, held.linkType, order);
  }

  /** Bytes of the piece as captured, at the same offsets as in the arena. */
  get captured(): Uint8Array {
    return this.#captured;
  }

  #advance(low: number, high: number): void {
    if (high < this.#timeHigh || (high === this.#timeHigh && low <= this.#timeLow)) return;
    this.#timeLow = low;
    this.#timeHigh = high;
  }

  /** What most frames are, without an object for each. @returns false where `#observeFrame` has to take it */
  #accept(i: number, linkType: number): boolean {
    const { offset, captured, flags, verdictFlags, action, egress, hook, evictions } = this.#columns;
    const seen = flags[i]!;
    const isOut = action[i] === ACTION_SNAT && hook[i] === HOOK_FROM_ENDPOINT;
    if (!isOut && !(action[i] === ACTION_REVERSE && hook[i] !== HOOK_FROM_ENDPOINT && seen & layout.SLOT_REPLY))
      return false;
    const start = this.#startOfTime();
    if (!start || verdictFlags[i]! & VERDICT_FLAG_REMAPPED || this.#machine.errors?.of(i)) return false;
    const plain = this.#plain;
    plain.given = seen & layout.SLOT_BUILT ? this.#given : this.#captured;
    plain.at = offset[i]!;
    plain.length = captured[i]!;
    plain.linkType = linkType;
    plain.isOut = isOut;
    plain.egress = egress[i]!;
    plain.evictions = evictions[i]!;
    plain.nowMs = millisecondsSince(start, this.#timeLow, this.#timeHigh);
    return this.#verifier.accept(plain, this.#course);
  }

  #startOfTime(): readonly [low: number, high: number] | undefined {
    const { startNs } = this.#verifier;
    if (!this.#start && startNs !== undefined) this.#start = halves(startNs);
    return this.#start;
  }

  #observeFrame(i: number, frame: number, file: number, linkType: number, order = 2 * frame): void {
    const { offset, captured, wire, flags, verdictFlags, action, reason, egress, oldEgress, hook } = this.#columns;
    const from = offset[i]!;
    const to = from + captured[i]!;
    const before = this.#captured.subarray(from, to);
    const seen = flags[i]!;
    this.#verifier.observe({
      frame,
      order,
      capture: this.#captures[file]!,
      timeNs: nanoseconds(this.#timeLow, this.#timeHigh),
      linkType,
      hook: hook[i] === HOOK_FROM_ENDPOINT ? "from-endpoint" : "from-network",
      captured: before,
      given: seen & layout.SLOT_BUILT ? this.#given.subarray(from, to) : before,
      result: this.#arena.subarray(from, to),
      wireLength: Math.max(wire[i]!, captured[i]!),
      action: nameOfAction(action[i]!) ?? "skipped",
      reason: nameOfReason(reason[i]!),
      egress: egress[i]! === NO_EGRESS ? -1 : egress[i]!,
      view: seen & layout.SLOT_REPLY || hook[i] === HOOK_FROM_ENDPOINT ? "endpoint" : "network",
      remapped: causeOf(verdictFlags[i]!, oldEgress[i]!, egress[i]!, this.#machine.plan),
      statuses: this.#course.statuses,
      unreachable: this.#course.unreachable,
      evictions: this.#columns.evictions[i]!,
      fragmentsEvicted: this.#fragmentsEvicted,
      told: this.#machine.errors?.of(i),
    });
  }
}
