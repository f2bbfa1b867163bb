import type { Egress } from "../config/types.js";
import {
  ACTION_HOLD,
  FRAME_FLAG_GSO,
  FRAME_FLAG_PARTIAL,
  FRAME_FLAG_RELEASED,
  HOOK_FROM_ENDPOINT,
  HOOK_FROM_NETWORK,
  REASON_FRAGMENT_WITHOUT_FIRST,
  VERDICT_FLAG_CREATED,
  VERDICT_FLAG_REMAPPED,
} from "../engine/codes.js";
import type { Engine } from "../engine/engine.js";
import { engineLink } from "../engine/link.js";
import { reasonName } from "../engine/names.js";
import { UsageError } from "../errors.js";
import { formatAddress } from "../net/address.js";
import { type EngineFrame, type FrameResult, VERDICTS } from "./frame.js";

/** Bytes of the longest frame. */
const MAX_LENGTH = 256 << 10;
const MAX_WIRE = 0xffff_ffff;

/** A frame that lies in the arena, or that waits. */
interface Given {
  readonly number: number;
  readonly timeNs: bigint;
  readonly offset: number;
  readonly length: number;
  readonly wire: number;
  readonly hook: number;
  readonly link: number;
  readonly flags: number;
}

interface Waiting extends Given {
  readonly bytes: Uint8Array;
}

/** @throws {UsageError} where it cannot be given to an engine: what a caller without types may give, too */
function checkFrame({ bytes, timeNs, hook = "from-endpoint", wireLength: wire }: EngineFrame): void {
  const refuse = (what: string, value: unknown, expected: string): never => {
    throw new UsageError(`frame: ${what} is ${value}, expected ${expected}`);
  };
  if (!(bytes instanceof Uint8Array)) refuse("bytes", typeof bytes, "a Uint8Array");
  if (bytes.length > MAX_LENGTH) refuse("length", bytes.length, `at most ${MAX_LENGTH} bytes`);
  if (typeof timeNs !== "bigint" || BigInt.asUintN(64, timeNs) !== timeNs)
    refuse("timeNs", timeNs, "a bigint of nanoseconds from 0 to 2^64 - 1");
  if (hook !== "from-endpoint" && hook !== "from-network") refuse("hook", hook, "from-endpoint or from-network");
  if (wire !== undefined && !(Number.isInteger(wire) && wire >= bytes.length && wire <= MAX_WIRE))
    refuse("wireLength", wire, `an integer from ${bytes.length}, the bytes that there are`);
}

/** Frames in an engine's arena on their way through it. */
export class Batch {
  #engine: Engine | undefined;
  /** In front of the place for a frame that is given again. */
  readonly #room: number;
  readonly #frames: Given[] = [];
  readonly #waiting = new Map<number, Waiting>();
  #end = 0;
  #given = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#room = engine.arena.length - MAX_LENGTH;
  }

  hasRoomFor({ bytes }: EngineFrame): boolean {
    const { maxBatch } = this.#engine!.config;
    return this.#frames.length < maxBatch && this.#end + (bytes?.length ?? 0) <= this.#room;
  }

  /** Copies a frame into the arena. @throws {UsageError} where it is none */
  add(frame: EngineFrame): void {
    const { bytes, timeNs, hook = "from-endpoint", linkType = 1, wireLength } = frame;
    checkFrame(frame);
    const link = engineLink(linkType);
    if (link === 0)
      throw new UsageError(`frame: linkType is ${linkType}, expected one of 0, 1, 9, 101, 108, 113, 228, 229, 276`);
    const flags = (frame.partialChecksum ? FRAME_FLAG_PARTIAL : 0) | (frame.superFrame ? FRAME_FLAG_GSO : 0);
    this.#engine!.arena.set(bytes, this.#end);
    this.#frames.push({
      number: this.#given++,
      timeNs,
      offset: this.#end,
      length: bytes.length,
      wire: wireLength ?? bytes.length,
      hook: hook === "from-network" ? HOOK_FROM_NETWORK : HOOK_FROM_ENDPOINT,
      link,
      flags,
    });
    this.#end += bytes.length;
  }

  get size(): number {
    return this.#frames.length;
  }

  /** Forgets what was added and not taken. */
  discard(): void {
    this.#frames.length = 0;
    this.#end = 0;
  }

  /** Takes everything that was added through the engine. @param egresses that verdicts name by index */
  run(egresses: readonly Egress[]): FrameResult[] {
    const results: FrameResult[] = [];
    const frames = this.#frames;
    const engine = this.#engine!;
    for (let at = 0; at < frames.length; ) {
      for (let i = at; i < frames.length; i++) this.#describe(i - at, frames[i]!);
      const done = engine.process(frames.length - at);
      this.#take(frames.slice(at, at + done), egresses, false, results);
      at += done;
      for (let again = engine.takeReleased(); again.length > 0; again = engine.takeReleased())
        for (const number of again) this.#giveAgain(number, egresses, results);
    }
    this.discard();
    return results;
  }

  /** Frames that wait will not be released any more. */
  dropHeld(): FrameResult[] {
    const reason = reasonName(REASON_FRAGMENT_WITHOUT_FIRST);
    const results = [...this.#waiting.values()].map(({ number, timeNs, bytes }): FrameResult => {
      return { frame: number, timeNs, action: "drop", reason, bytes, opened: false, moved: false, held: true };
    });
    this.#waiting.clear();
    return results;
  }

  dispose(): void {
    this.#engine = undefined;
    this.#waiting.clear();
  }

  #describe(i: number, { offset, length, wire, hook, link, flags, timeNs }: Given): void {
    const [low, high] = [Number(timeNs & 0xffff_ffffn), Number(timeNs >> 32n)];
    this.#engine!.setFrame(i, offset, length, wire, hook, link, flags, low, high);
  }

  #giveAgain(number: number, egresses: readonly Egress[], results: FrameResult[]): void {
    const waiting = this.#waiting.get(number);
    if (!waiting) return;
    const engine = this.#engine!;
    this.#waiting.delete(number);
    const frame = { ...waiting, offset: this.#room, flags: waiting.flags | FRAME_FLAG_RELEASED };
    engine.arena.set(waiting.bytes, frame.offset);
    this.#describe(0, frame);
    engine.setReleased(0, number);
    engine.process(1);
    this.#take([frame], egresses, true, results);
  }

  /** Reads what became of frames that were processed as the first ones of a batch. */
  #take(frames: readonly Given[], egresses: readonly Egress[], held: boolean, results: FrameResult[]): void {
    const engine = this.#engine!;
    const errors = new Map(engine.generated().map(({ frame, packet }) => [frame, packet.slice()]));
    frames.forEach((frame, i) => {
      const bytes = engine.arena.slice(frame.offset, frame.offset + engine.length(i));
      const action = VERDICTS.get(engine.action(i));
      if (action) results.push(this.#result(i, frame, action, bytes, egresses, held, errors.get(i)));
      else if (engine.action(i) === ACTION_HOLD) this.#waiting.set(engine.holdNumber(i), { ...frame, bytes });
    });
  }

  #result(
    i: number,
    { number, timeNs }: Given,
    action: FrameResult["action"],
    bytes: Uint8Array,
    egresses: readonly Egress[],
    held: boolean,
    icmpError: Uint8Array | undefined,
  ): FrameResult {
    const engine = this.#engine!;
    const flags = engine.flags(i);
    const egress = egresses[engine.egress(i)];
    const natPort = engine.natPort(i);
    return {
      frame: number,
      timeNs,
      action,
      reason: action === "snat" || action === "reverse" ? "" : reasonName(engine.reason(i)),
      bytes,
      ...(egress && { egress: { node: egress.node, address: formatAddress(engine.egressIP(i)) } }),
      ...(natPort !== 0 && { natPort }),
      opened: (flags & VERDICT_FLAG_CREATED) !== 0,
      moved: (flags & VERDICT_FLAG_REMAPPED) !== 0,
      held,
      ...(icmpError && { icmpError }),
    };
  }
}
