import * as layout from "../../assembly/outside/layout.js";
import type { MergedIndex } from "../capture/merge.js";
import {
  ACTION_DROP,
  ACTION_HOLD,
  ACTION_PASS,
  ACTION_REVERSE,
  ACTION_SNAT,
  FRAME_FLAG_RELEASED,
  REASON_FRAGMENT_WITHOUT_FIRST,
} from "../engine/codes.js";
import { formatAddress } from "../net/address.js";
import { decodeFrame, destinationPort, sourceAddress } from "../net/decode.js";
import { Verifier } from "../verify/verifier.js";
import type { Cluster } from "./cluster.js";
import type { Columns } from "./columns.js";
import { Course } from "./course.js";
import { answerFrame, kindOfError } from "./gateway-errors.js";
import { type HeldFrame, HeldFrames, type SavedFrame } from "./held-frames.js";
import { knownAddresses } from "./known-addresses.js";
import { LiveTrace } from "./live-trace.js";
import { movedConnection } from "./moved.js";
import { SourceCounts } from "./no-match.js";
import { Observer, outputLinkTypeOf } from "./observer.js";
import type { Outcome } from "./outcome.js";
import { type FrameSink, Outputs, outputTargets } from "./outputs.js";
import type { MovedConnection } from "./outside.js";
import { Overlay, overlayFile, type PacketSink } from "./overlay.js";
import type { ViewpointDecision } from "./report-types.js";
import { type Machine, type ResolvedOptions, viewpointOptions } from "./setup.js";
import { pieceSizes } from "./sources.js";
import { Tally } from "./tally.js";
import { frameTime, laterOf, nanoseconds } from "./time.js";
import { type Face, Viewpoints } from "./viewpoint.js";

/** Frames whose source is counted while no frame has matched an endpoint. */
const MAX_SOURCES_COUNTED = 1_000_000;
/**
 * The tables are looked through for expired connections after so many frames for each connection that there is room for: as many as a
 * table has lines per connection.
 */
const SWEPT_PER_CONNECTION = 3;
const OVERLAY_PORTS = new Set([8472, 4789, 6081]);

/** Where the frames of a replay go that takes one share of the remotes only; undefined = nowhere. */
export interface Sinks {
  readonly frames: FrameSink | undefined;
  readonly overlay: PacketSink | undefined;
}

/** Somebody who wants to look at the machine right before and after one frame. */
export interface Inspector {
  /** 1-based number. */
  readonly frame: number;
  /** @param slot place of the frame in the piece */
  before(slot: number, face: Face): void;
  after(slot: number, face: Face, index: MergedIndex): void;
  /** The frame was held and has been given again, in place `slot`. @param by number and time of the frame that released it */
  released(slot: number, held: HeldFrame, by: { readonly frame: number; readonly timeNs: bigint }): void;
  /** The piece has been verified. */
  judged(): void;
  /** True once all is known of the frame: nothing after it matters. */
  readonly isDone: boolean;
}

/** One replay: takes the pieces of the merged captures through the machine, writes and counts what becomes of their frames. */
export class Session {
  readonly machine: Machine;
  readonly options: ResolvedOptions;
  readonly tally = new Tally();
  readonly viewpoints: Viewpoints;
  readonly verifier: Verifier | undefined;
  readonly sources = new SourceCounts();
  readonly course: Course;
  /** Frames of the captures so far, those outside of the range among them. */
  framesPassed = 0;
  /** Frames that the range holds so far, and those of them that an endpoint sent or received. */
  framesRead = 0;
  framesMatched = 0;
  readonly framesOfFile: number[];
  inspector: Inspector | undefined;
  /** Milliseconds spent in the two modules, and frames given to the engine. */
  engineMs = 0;
  framesGiven = 0;
  /** Packets between the nodes of a cluster. */
  readonly overlay: Overlay | undefined;
  /** Where there are several shares: translated connections from frame to frame. */
  readonly trace: LiveTrace | undefined;
  readonly #outputs: FrameSink | undefined;
  readonly #observer: Observer | undefined;
  readonly #columns: Columns;
  readonly #arena: Uint8Array;
  /** LINKTYPE_* by number of the interface. */
  readonly #linkTypes: number[] = [];
  readonly #held: HeldFrames;
  /** Place of a frame that is given again: the one behind the piece, in the columns and in the arena. */
  readonly #spare: { readonly slot: number; readonly at: number };
  /** The frame in there. */
  #back: HeldFrame | undefined;
  /** Number of the frame by which it was released. */
  #releasedBy = 0;
  #piece = 0;
  #isPlaced = false;
  /** Frames after which the machine looks for expired connections, and how often so many have passed. */
  readonly #sweepEvery: number;
  #sweeps = 0;

  /** @param sinks of one of several shares; left out = the options say which files are written */
  constructor(machine: Machine, options: ResolvedOptions, sinks?: Sinks) {
    this.machine = machine;
    this.options = options;
    const { engine, outside, region, addresses, notes, plan } = machine;
    this.#columns = outside.columns;
    this.#arena = engine.arena;
    this.framesOfFile = options.captures.map(() => 0);
    this.viewpoints = new Viewpoints({ ...viewpointOptions(options), addresses });
    if (notes) this.tally.restore(notes.tally);
    this.#held = new HeldFrames(notes?.held);
    const { frames, bytes } = pieceSizes(options.captures.length);
    this.#spare = { slot: frames, at: bytes };
    if (options.verify) {
      this.verifier = new Verifier(machine.first, {
        natProfile: options.natProfile,
        resumed: notes !== undefined,
        unsupportedPasses: options.unsupported === "pass",
        badChecksumsDrop: options.badChecksum === "drop",
        icmpErrors: options.icmpErrors,
        propagationMs: options.scenario?.propagationMs ?? 0,
      });
      for (const { picture, change } of machine.passed) this.verifier.policiesChanged(picture.model, change.atNs);
    }
    this.course = new Course(machine, this.verifier);
    if (this.verifier) this.#observer = new Observer(this.verifier, machine, this.course, options.captures);
    const targetOf = sinks ? undefined : outputTargets(options);
    this.#sweepEvery = options.connections * SWEPT_PER_CONNECTION;
    if (options.shard) this.trace = new LiveTrace(frames);
    if (machine.cluster) {
      const sink = sinks ? sinks.overlay : targetOf && overlayFile(targetOf);
      this.overlay = this.#watchOverlay(machine.cluster, sink);
    }
    if (sinks) this.#outputs = sinks.frames;
    else if (targetOf) {
      const buffers = region.outputs.map((at) => engine.host.subarray(at, at + (1 << 20)));
      this.#outputs = new Outputs(targetOf, plan.egresses, buffers);
    }
  }

  #watchOverlay(cluster: Cluster, sink: PacketSink | undefined): Overlay {
    const carried = {
      columns: this.#columns,
      names: () => cluster.names,
      slotOf: (frame: number) => this.machine.outside.slotOf(frame),
      numberOf: (slot: number) => (slot === this.#spare.slot ? this.#back!.number : this.framesPassed + slot + 1),
    };
    const overlay = new Overlay(carried, sink);
    cluster.fabric.watcher = overlay;
    return overlay;
  }

  /** Fragments that wait for their first one. */
  get heldCount(): number {
    return this.#held.size;
  }

  /** The same, for a saved state. */
  saveHeld(): SavedFrame[] {
    return this.#held.save();
  }

  /** No first fragment comes any more. */
  dropHeld(): void {
    this.verifier?.dropHeld(this.#held.size);
    for (const { flags } of this.#held.all()) this.tally.add(ACTION_DROP, REASON_FRAGMENT_WITHOUT_FIRST, flags, 0);
    this.#held.clear();
  }

  /** True once every frame of the range has been taken. */
  get isDone(): boolean {
    return this.framesPassed >= this.options.toFrame || this.inspector?.isDone === true;
  }

  /**
   * Takes one piece, which lies in the arena and in the columns that `index` stands for.
   * @param used bytes of the arena in use, where that is known
   * @returns decisions about interfaces that showed frames for the first time
   */
  take(index: MergedIndex, faces: readonly Face[], used?: number): ViewpointDecision[] {
    const decisions = this.#settleInterfaces(index, faces);
    const first = Math.min(index.count, Math.max(0, this.options.fromFrame - 1 - this.framesPassed));
    const end = Math.max(first, Math.min(index.count, this.options.toFrame - this.framesPassed));
    this.#countRead(index, first, end);
    if (used !== undefined) this.#observer?.keepAll(used);
    else this.#observer?.keepCaptured(index, first, end);
    if (!this.#isPlaced) this.#placeAddresses();
    this.machine.outside.classify(index.count, ++this.#piece);
    this.trace?.begin();
    if (this.#isSweepDue() && first === 0 && end > 0) this.#sweep();
    const observers = this.options.observers ?? [];
    const piece = { columns: this.#columns, index, faces, arena: this.#arena, first, end, passed: this.framesPassed };
    for (const observer of observers) observer.before?.(piece);
    this.#takeFrames(first, end, index, faces);
    for (const observer of observers) observer.after?.(piece);
    if (this.inspector) this.inspector.judged();
    if (this.framesMatched === 0) this.#countSources(index, first, end, faces);
    this.framesPassed += index.count;
    return decisions;
  }

  /**
   * Removes what has expired, once every so many frames of the captures: when a connection leaves the tables must not depend on how many
   * frames each of several machines gets.
   */
  #sweep(): void {
    const { outside, engines } = this.machine;
    engines.advance(nanoseconds(outside.clockLow, outside.clockHigh));
    this.trace?.settle(0, engines.live);
  }

  /** By the place of the piece in the captures alone, so that a replay in two parts does as one. */
  #isSweepDue(): boolean {
    const before = this.#sweeps;
    this.#sweeps = Math.floor(this.framesPassed / this.#sweepEvery);
    return this.#sweeps !== before;
  }

  /** The first piece of this replay is there: time begins, if no saved state says since when, and all know whose addresses are whose. */
  #placeAddresses(): void {
    const { machine, course } = this;
    const { phases } = machine.plan.queue;
    if (!course.hasBegun) course.begin(this.#virtualTime(0));
    this.verifier?.begin(this.#virtualTime(0));
    const isOne = phases.models.length === 1;
    const { startNs } = machine.plan;
    machine.outside.setAddresses(isOne ? machine.addresses : knownAddresses(phases.truth(startNs), machine.nodes));
    this.#isPlaced = true;
  }

  #takeFrames(first: number, end: number, index: MergedIndex, faces: readonly Face[]): void {
    const { course } = this;
    let settled = first;
    let at = first;
    while (at < end && !this.inspector?.isDone) {
      const now = this.#virtualTime(at);
      if (course.hasChangeBy(now)) {
        this.#settle(settled, at, index, faces);
        settled = at;
      }
      course.comeTo(now);
      this.trace?.settle(at, this.machine.engines.live);
      at = this.#runSome(at, end, index, faces);
      const released = this.machine.engine.takeReleased();
      if (released.length === 0) continue;
      this.#settle(settled, at, index, faces);
      settled = at;
      const by = { frame: this.framesPassed + at, timeNs: now };
      for (const number of released) this.#giveAgain(number, by);
    }
    this.#settle(settled, at, index, faces);
  }

  /** Frames `first` to `end` - 1 have been through the machine, and nothing changed in between. */
  #settle(first: number, end: number, index: MergedIndex, faces: readonly Face[]): void {
    this.#observer?.observe(first, end, this.framesPassed, index, faces);
    if (this.#outputs) this.#write(this.#outputs, first, end, faces);
    this.#count(first, end, index, faces);
    this.machine.errors?.clear();
  }

  /**
   * A held frame that the engine has released, whose piece of the capture may be gone.
   * @param hold number that the engine knew it by   @param by the frame that released it
   */
  #giveAgain(hold: number, by: Parameters<Inspector["released"]>[2]): void {
    const held = this.#held.take(hold);
    if (!held) return;
    const { slot, at } = this.#spare;
    const columns = this.#columns;
    this.#back = held;
    this.#releasedBy = by.frame;
    this.#arena.set(held.given, at);
    columns.offset[slot] = at;
    columns.captured[slot] = held.given.length;
    columns.wire[slot] = held.wire;
    columns.timeLow[slot] = held.timeLow;
    columns.timeHigh[slot] = held.timeHigh;
    columns.interface[slot] = held.interface;
    columns.link[slot] = held.link;
    columns.hook[slot] = held.hook;
    columns.holdNumber[slot] = hold;
    columns.live[slot] = 0;
    // A reply was built when it came.
    columns.flags[slot] = (held.flags & ~layout.SLOT_REPLY) | FRAME_FLAG_RELEASED;
    this.#run(slot, slot + 1);
    this.trace?.settle(by.frame - this.framesPassed - 1, this.machine.engines.live);
    columns.flags[slot] = held.flags;
    this.#observer?.observeReleased(slot, held, this.place(slot));
    if (this.#outputs) this.#writeFrame(this.#outputs, slot, held.number, held.linkType);
    if (held.number === this.inspector?.frame) this.inspector.released(slot, held, by);
    this.tally.add(columns.action[slot]!, columns.reason[slot]!, held.flags, columns.verdictFlags[slot]!);
    this.machine.errors?.clear();
    this.#back = undefined;
  }

  /** Orders what becomes of frames, whoever takes them: twice the number, and one more for one that comes when that frame releases it. */
  place(slot: number): number {
    return slot === this.#spare.slot ? 2 * this.#releasedBy + 1 : 2 * (this.framesPassed + slot + 1);
  }

  /** The same for the frame with a number that is being taken or written. */
  placeOf(number: number): number {
    return this.#back ? 2 * this.#releasedBy + 1 : 2 * number;
  }

  /** Virtual time of frame `slot`, where all frames before it have been taken. */
  #virtualTime(slot: number): bigint {
    const { timeLow, timeHigh } = this.#columns;
    const { outside } = this.machine;
    const time = frameTime(timeLow[slot]!, timeHigh[slot]!);
    const clock = nanoseconds(outside.clockLow, outside.clockHigh);
    return laterOf(time, clock);
  }

  /** What came of all frames. Nothing may be taken afterwards. */
  outcome(): Outcome {
    const { machine, tally, verifier, course, overlay } = this;
    const { outside, engines, plan } = machine;
    return {
      tally: tally.save(),
      places: tally.places,
      held: this.heldCount,
      counters: engines.counters(),
      evictedMappings: outside.evictedMappings,
      egresses: plan.egresses,
      startNs: plan.startNs,
      clockNs: nanoseconds(outside.clockLow, outside.clockHigh),
      course: course.outcome(),
      overlay: overlay?.report(),
      verification: verifier && { ...verifier.finish(), places: verifier.places },
      viewpoints: this.viewpoints.decisions(),
      framesOfFile: this.framesOfFile,
      framesRead: this.framesRead,
      framesMatched: this.framesMatched,
      framesGiven: this.framesGiven,
      engineMs: this.engineMs,
      sources: this.framesMatched === 0 ? this.sources.busiest(this.options.model, machine.addresses) : undefined,
    };
  }

  /** Writes out and closes the captures. @throws {OutputError} */
  closeOutputs(): void {
    this.#outputs?.close();
    this.overlay?.close();
  }

  /** Decides about interfaces that show frames for the first time, and tells the outside. */
  #settleInterfaces(index: MergedIndex, faces: readonly Face[]): ViewpointDecision[] {
    const numbers = this.#columns.interface;
    let decisions: ViewpointDecision[] = [];
    for (let i = 0; i < index.count; i++) {
      const number = numbers[i]!;
      if (this.#linkTypes[number] !== undefined) continue;
      const face = faces[number]!;
      if (!this.viewpoints.setting(face)) decisions = this.viewpoints.decide(this.#arena, index, faces);
      const setting = this.viewpoints.setting(face)!;
      this.machine.outside.setInterface(number, setting.link, setting.flags);
      this.#linkTypes[number] = face.interface.linkType;
    }
    return decisions;
  }

  #countRead(index: MergedIndex, first: number, end: number): void {
    const { wire, timeLow, timeHigh } = this.#columns;
    let bytes = 0;
    for (let i = first; i < end; i++) {
      bytes += wire[i]!;
      const file = index.source[i]!;
      this.framesOfFile[file] = this.framesOfFile[file]! + 1;
    }
    this.tally.bytes += bytes;
    this.framesRead += end - first;
    if (end === first) return;
    this.tally.firstNs ??= nanoseconds(timeLow[first]!, timeHigh[first]!);
    this.tally.lastNs = nanoseconds(timeLow[end - 1]!, timeHigh[end - 1]!);
  }

  /** Sources of frames while none has matched: for the message that says so. */
  #countSources(index: MergedIndex, first: number, end: number, faces: readonly Face[]): void {
    if (this.framesRead > MAX_SOURCES_COUNTED) return;
    for (let i = first; i < end; i++) {
      const at = index.offset[i]!;
      const frame = this.#arena.subarray(at, at + index.capturedLength[i]!);
      const packet = decodeFrame(
        frame,
        faces[index.interfaceIndex[i]!]!.interface.linkType,
        Math.max(frame.length, index.wireLength[i]!),
      );
      if (!packet) continue;
      const isOverlay = packet.kind === "udp" && OVERLAY_PORTS.has(destinationPort(frame, packet));
      this.sources.add(formatAddress(sourceAddress(frame, packet)), isOverlay);
    }
  }

  /** Takes frames from `at` on, up to where something changes or somebody wants to look. @returns the frame to go on with */
  #runSome(at: number, end: number, index: MergedIndex, faces: readonly Face[]): number {
    const slot = this.inspector ? this.inspector.frame - this.framesPassed - 1 : -1;
    if (slot !== at) return this.#run(at, slot > at && slot < end ? slot : end);
    const face = faces[this.#columns.interface[slot]!]!;
    this.inspector!.before(slot, face);
    this.#run(slot, slot + 1);
    this.inspector!.after(slot, face, index);
    return slot + 1;
  }

  #run(first: number, end: number): number {
    const { outside } = this.machine;
    const started = performance.now();
    const next = outside.run(first, end);
    if (first !== this.#spare.slot) this.trace?.follow(this.#columns.live, first, next);
    this.engineMs += performance.now() - started;
    this.framesGiven += outside.given;
    this.#noteMoved(outside.moved());
    return next;
  }

  #noteMoved(moved: readonly MovedConnection[]): void {
    for (const connection of moved) {
      const { isBroken, row } = movedConnection(connection, this.#columns, this.machine.plan);
      this.tally.addMoved(row, isBroken, this.place(connection.slot));
      this.course.moved(row, isBroken);
    }
  }

  #count(first: number, end: number, index: MergedIndex, faces: readonly Face[]): void {
    const { action, reason, flags, verdictFlags } = this.#columns;
    const { tally } = this;
    let matched = 0;
    for (const error of this.machine.errors?.all() ?? []) tally.addGenerated(kindOfError(error));
    for (let i = first; i < end; i++) {
      if (action[i] === layout.ACTION_ELSEWHERE) continue;
      const why = reason[i]!;
      if (action[i] === ACTION_HOLD) this.#keep(i, index, faces);
      else tally.add(action[i]!, why, flags[i]!, verdictFlags[i]!);
      if (action[i]! !== layout.ACTION_SKIPPED || OF_ENDPOINTS.has(why)) matched++;
    }
    this.framesMatched += matched;
  }

  #keep(slot: number, index: MergedIndex, faces: readonly Face[]): void {
    const captured = this.#observer?.captured ?? this.#arena;
    this.#held.keep(slot, this.#columns, this.#arena, captured, {
      number: this.framesPassed + slot + 1,
      file: index.source[slot]!,
      linkType: outputLinkTypeOf(slot, this.#columns, faces[this.#columns.interface[slot]!]!),
    });
  }

  #write(outputs: FrameSink, first: number, end: number, faces: readonly Face[]): void {
    const { action, flags, interface: numbers } = this.#columns;
    const { errors } = this.machine;
    for (let i = first; i < end; i++) {
      const what = action[i]!;
      const error = errors?.of(i);
      if (!error && what !== ACTION_SNAT && what !== ACTION_REVERSE && what !== ACTION_PASS) continue;
      const number = this.framesPassed + i + 1;
      const linkType =
        flags[i]! & layout.SLOT_DECAPSULATED
          ? outputLinkTypeOf(i, this.#columns, faces[numbers[i]!]!)
          : this.#linkTypes[numbers[i]!]!;
      if (error) this.#writeError(outputs, i, number, linkType, error);
      else this.#writeFrame(outputs, i, number, linkType);
    }
  }

  /** The ICMP error of a gateway's own about the frame in place `i`, as its sender gets it. */
  #writeError(outputs: FrameSink, i: number, number: number, linkType: number, error: Uint8Array): void {
    const { offset, captured, timeLow, timeHigh } = this.#columns;
    const at = offset[i]!;
    const frame = answerFrame(this.#arena.subarray(at, at + captured[i]!), linkType, error);
    outputs.endpoint(linkType, timeLow[i]!, timeHigh[i]!, frame.length, frame.length, number, frame, 0);
  }

  #writeFrame(outputs: FrameSink, i: number, number: number, linkType: number): void {
    const { action, egress, offset, captured, wire, timeLow, timeHigh } = this.#columns;
    const [low, high, held, size, at] = [timeLow[i]!, timeHigh[i]!, captured[i]!, wire[i]!, offset[i]!];
    const what = action[i]!;
    if (what === ACTION_SNAT) outputs.external(egress[i]!, linkType, low, high, held, size, number, this.#arena, at);
    else if (what === ACTION_REVERSE || what === ACTION_PASS)
      outputs.endpoint(linkType, low, high, held, size, number, this.#arena, at);
  }
}

/** Skipped frames that an endpoint sent or received all the same. */
const OF_ENDPOINTS: ReadonlySet<number> = new Set([
  layout.SKIP_DUPLICATE,
  layout.SKIP_FILTERED,
  layout.SKIP_AFTER_BREAK,
  layout.SKIP_UNASKED,
]);
