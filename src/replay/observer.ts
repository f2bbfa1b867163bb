import * as layout from "../../assembly/outside/layout.js";
import type { MergedIndex } from "../capture/merge.js";
import { HOOK_FROM_ENDPOINT } from "../engine/codes.js";
import type { Verifier } from "../verify/verifier.js";
import type { Columns } from "./columns.js";
import type { Course } from "./course.js";
import type { HeldFrame } from "./held-frames.js";
import { causeOf } from "./moved.js";
import { outputLinkType } from "./outputs.js";
import { nameOfAction, nameOfReason } from "./reasons.js";
import type { Machine } from "./setup.js";
import { nanoseconds } from "./time.js";
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
  #clock = 0n;
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
    this.#clock = nanoseconds(outside.clockLow, outside.clockHigh);
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
      const time = nanoseconds(timeLow[i]!, timeHigh[i]!);
      if (time > this.#clock) this.#clock = time;
      if (hook[i] === 0) continue;
      const linkType = outputLinkTypeOf(i, this.#columns, faces[numbers[i]!]!);
      this.#observeFrame(i, passed + i + 1, index.source[i]!, linkType);
    }
  }

  /** The ICMP error of a gateway's own about frame `i`. */
  #told(i: number): { told?: Uint8Array } {
    const told = this.#machine.errors?.of(i);
    return told ? { told } : {};
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
      timeNs: this.#clock,
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
      ...this.#told(i),
    });
  }
}
