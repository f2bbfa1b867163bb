import * as abi from "../../assembly/abi.js";
import { EngineError } from "../errors.js";
import { formatAddress } from "../net/address.js";
import { decodeFrame, destinationAddress, sourceAddress } from "../net/decode.js";
import { checksumState, ipv4HeaderSum } from "../net/recount.js";
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
      checkFrames("reference kernel", kernel.frames, FRAME_BYTES, (source) => source === "203.0.113.200");
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
  const { frameBytes } = subject.traffic;
  const count = frames.length / frameBytes;
  return {
    restore,
    run,
    verify: () => {
      restore();
      subject.expect(direction === "forward" ? { snat: count } : { reverse: count }, `${direction} frames`, run);
      if (direction === "forward") checkFrames("forward", subject.frames, frameBytes, isEgressIP);
      else checkFrames("reverse", subject.frames, frameBytes, (_, destination) => isPod(destination));
    },
  };
}

/** First frames of as many connections as the engine has room for, into an empty table. Forgets all connections that there are. */
export function openingContestant(subject: Subject, batch: number): Contestant {
  const frames = subject.traffic.shuffledOpeners(TCP_SYN);
  const { connections } = subject.traffic;
  const restore = () => {
    subject.forgetConnections();
    subject.load(frames, abi.HOOK_FROM_ENDPOINT);
  };
  const run = () => subject.pass(batch);
  return {
    restore,
    run,
    verify: () => {
      restore();
      subject.expect({ snat: connections, opened: connections, live: connections }, "first frames", run);
      checkFrames("first frames", subject.frames, subject.traffic.frameBytes, isEgressIP);
    },
  };
}

function isEgressIP(source: string): boolean {
  return source.startsWith("203.0.113.") || source.startsWith("2001:db8::cb00:71");
}

function isPod(destination: string): boolean {
  return destination.startsWith("10.1.") || destination.startsWith("2001:db8::a01:");
}

/**
 * Decodes a sample of translated frames and counts their checksums anew.
 * @throws {EngineError} where an address is not what translation makes it, or a checksum is wrong
 */
export function checkFrames(
  what: string,
  frames: Uint8Array,
  frameBytes: number,
  isTranslated: (source: string, destination: string) => boolean,
): void {
  const count = frames.length / frameBytes;
  for (let i = 0; i < count; i += SAMPLE_STEP) {
    const frame = frames.subarray(i * frameBytes, (i + 1) * frameBytes);
    const packet = decodeFrame(frame, LINKTYPE_ETHERNET, frameBytes);
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
