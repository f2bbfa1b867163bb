import * as abi from "../../assembly/abi.js";
import { EngineError } from "../errors.js";
import { formatAddress } from "../net/address.js";
import { decodeFrame, destinationAddress, sourceAddress } from "../net/decode.js";
import { checksumState, ipv4HeaderSum } from "../net/recount.js";
import { evenly, type FrameLayout } from "./frame-layout.js";
import { FRAME_BYTES, TCP_SYN } from "./frames.js";
import type { ReferenceKernel } from "./kernel.js";
import type { Contestant } from "./measure.js";
import type { Subject } from "./subject.js";

/** Every so many frames one is decoded and its checksums are counted anew: a prime, so that it meets all places of a batch. */
const SAMPLE_STEP = 997;
const LINKTYPE_ETHERNET = 1;
const RIGHT_HEADER = 0xffff;

/** The reference kernel over its frames. @param batch frames per call; 1 = its one-at-a-time form */
export function kernelContestant(kernel: ReferenceKernel, batch: number): Contestant {
  return {
    restore: () => kernel.restore(),
    run: () => kernel.pass(batch),
    verify: () => {
      kernel.restore();
      const done = kernel.pass(batch);
      const frames = kernel.frames.length / FRAME_BYTES;
      if (done !== frames) {
        throw new EngineError(`benchmark: the reference kernel translated ${done} frames, expected ${frames}`);
      }
      checkFrames("reference kernel", kernel.frames, evenly(FRAME_BYTES), isKernelAddress);
    },
  };
}

/** Frames of established connections, as `Subject.establish` left them. @param frames see `Traffic` */
export function establishedContestant(
  subject: Subject,
  frames: Uint8Array,
  direction: "forward" | "reverse",
  batch: number,
): Contestant {
  const hook = direction === "forward" ? abi.HOOK_FROM_ENDPOINT : abi.HOOK_FROM_NETWORK;
  const restore = () => subject.load(frames, hook);
  const run = () => subject.pass(batch);
  const { layout } = subject.traffic;
  const count = layout.countIn(frames.length);
  return {
    restore,
    run,
    verify: () => {
      restore();
      subject.expect(direction === "forward" ? { snat: count } : { reverse: count }, `${direction} frames`, run);
      if (direction === "forward") checkFrames("forward", subject.frames, layout, isEgressIP);
      else checkFrames("reverse", subject.frames, layout, (_, destination) => isPod(destination));
    },
  };
}

/**
 * First frames of as many connections as the engine has room for, into an empty table. Forgets all connections that there are. Where the
 * frames of all do not fit into the arena, it takes several runs from the empty table to the full one.
 */
export function openingContestant(subject: Subject, batch: number): Contestant {
  const { connections, chunk, layout } = subject.traffic;
  const order = subject.traffic.shuffled();
  const rounds = Math.ceil(connections / chunk);
  const framesOf = (round: number) =>
    subject.traffic.openersOf(order.subarray(round * chunk, (round + 1) * chunk), TCP_SYN);
  const only = rounds === 1 ? framesOf(0) : undefined;
  let round = 0;
  const restore = () => {
    if (round === 0) subject.forgetConnections();
    subject.load(only ?? framesOf(round), abi.HOOK_FROM_ENDPOINT);
    round = (round + 1) % rounds;
  };
  const run = () => subject.pass(batch);
  return {
    restore,
    run,
    rounds,
    verify: () => {
      round = 0;
      subject.forgetConnections();
      subject.expect({ snat: connections, opened: connections, live: connections }, "first frames", () => {
        for (let i = 0; i < rounds; i++) {
          restore();
          run();
        }
      });
      checkFrames("first frames", subject.frames, layout, isEgressIP);
    },
  };
}

/** What `ReferenceKernel` translates to: one address for each lot of connections that it learnt at a time. */
function isKernelAddress(source: string): boolean {
  return source.startsWith("203.0.") && source.endsWith(".200");
}

function isEgressIP(source: string): boolean {
  return source.startsWith("203.0.113.") || source.startsWith("2001:db8::cb00:71");
}

function isPod(destination: string): boolean {
  return destination.startsWith("10.") || destination.startsWith("2001:db8::a01:");
}

/**
 * Decodes a sample of translated frames and counts their checksums anew.
 * @throws {EngineError} where an address is not what translation makes it, or a checksum is wrong
 */
export function checkFrames(
  what: string,
  frames: Uint8Array,
  layout: FrameLayout,
  isTranslated: (source: string, destination: string) => boolean,
): void {
  const count = layout.countIn(frames.length);
  for (let i = 0; i < count; i += SAMPLE_STEP) {
    const at = layout.offsetOf(i);
    const frame = frames.subarray(at, at + layout.lengthOf(i));
    const packet = decodeFrame(frame, LINKTYPE_ETHERNET, frame.length);
    if (!packet) throw new EngineError(`benchmark: ${what}: frame ${i} is no IP packet any more`);
    const source = formatAddress(sourceAddress(frame, packet));
    const destination = formatAddress(destinationAddress(frame, packet));
    if (!isTranslated(source, destination)) {
      throw new EngineError(
        `benchmark: ${what}: frame ${i} goes from ${source} to ${destination}, expected a translation`,
      );
    }
    const checksum = checksumState(frame, packet);
    const isHeaderRight = packet.family === 6 || ipv4HeaderSum(frame, packet) === RIGHT_HEADER;
    if (isHeaderRight && checksum === "right") continue;
    throw new EngineError(
      `benchmark: ${what}: frame ${i} has a ${checksum} transport checksum or a wrong header checksum`,
    );
  }
}
