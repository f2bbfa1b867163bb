import { GapFactors, PacketSizes } from "./distributions.js";
import type { Flow, Workshop } from "./flow.js";
import { FrameBuilder, PROTOCOL_ICMP, PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP } from "./frame-builder.js";
import { RecentPackets } from "./icmp-error-flow.js";
import { completeOptions, type GenerateOptions } from "./options.js";
import { PayloadPool } from "./payload.js";
import { KIND_ECHO, KIND_PROBE, KIND_QUERY, KIND_SCTP, KIND_TCP, KIND_UDP, makePlan, type Plan } from "./plan.js";
import { Population } from "./population.js";
import { Random } from "./random.js";
import { Schedule } from "./schedule.js";
import { FlowStarter } from "./starter.js";
import { Tuples } from "./tuples.js";

const GAP_SIGMA = 0.5;
/** Starts fall into this part of the trace; what is left is for flows to end in. */
const STARTING_PART = 0.9;
/** Every so many frames that an endpoint sends, one is kept for errors to quote. */
const KEEP_EVERY = 8;
const WORD = 2 ** 32;

/** Where frames go; `PcapWriter` is one. Every frame is Ethernet and whole. */
export interface FrameSink {
  /** Takes the next frame: time in two halves of nanoseconds, lengths, and bytes that lie at `at` of `source` until it returns. */
  frame(
    timeLow: number,
    timeHigh: number,
    capturedLength: number,
    wireLength: number,
    source: Uint8Array,
    at: number,
  ): void;
}

/** What was made. */
export interface GenerateSummary {
  readonly frames: number;
  readonly bytes: number;
  readonly flows: number;
  /** From the first frame to the last. */
  readonly seconds: number;
}

/**
 * Makes a synthetic trace as endpoints see it: many flows of usual forms between pods and remotes, in the order of time.
 * Every checksum is right unless the frame is one of the malformed ones or goes without. The same options give the same
 * frames on every machine. Memory grows with the flows (5 bytes each, more while a flow is alive), not with the frames.
 * @throws {UsageError} where an option is out of range
 */
export function generateCapture(given: Partial<GenerateOptions>, sink: FrameSink): GenerateSummary {
  return new Generator(completeOptions(given)).run(sink);
}

interface LiveFlow {
  readonly flow: Flow;
  readonly kind: number;
}

class Generator {
  readonly #options: GenerateOptions;
  readonly #plan: Plan;
  readonly #starts: Random;
  readonly #durationNs: number;
  readonly #workshop: Workshop;
  readonly #starter: FlowStarter;
  readonly #recent = new RecentPackets();
  readonly #live = new Schedule<LiveFlow>();
  readonly #clock: Clock;
  #started = 0;
  #nextStartNs = 0;
  #sentByEndpoints = 0;

  constructor(options: GenerateOptions) {
    this.#options = options;
    const random = new Random(options.seed);
    this.#plan = makePlan(options, random);
    this.#starts = new Random(random.uint32());
    this.#durationNs = (options.packets / options.packetsPerSecond) * 1e9;
    this.#clock = new Clock(options.startSeconds);
    const pool = new PayloadPool(random);
    this.#workshop = {
      random,
      pool,
      frame: new FrameBuilder(pool),
      sizes: new PacketSizes(options.sizes),
      gaps: new GapFactors(random, GAP_SIGMA),
      replies: options.replies,
    };
    this.#starter = new FlowStarter({
      options,
      population: new Population(options),
      tuples: new Tuples(options),
      workshop: this.#workshop,
      recent: this.#recent,
      durationNs: this.#durationNs,
    });
  }

  run(sink: FrameSink): GenerateSummary {
    const { frame } = this.#workshop;
    let frames = 0;
    let bytes = 0;
    let lastNs = 0;
    for (;;) {
      this.#startFlows();
      const timeNs = this.#live.nextTime;
      const live = this.#live.take();
      if (!live) break;
      const gapNs = live.flow.write(this.#workshop);
      this.#clock.set(timeNs);
      sink.frame(this.#clock.low, this.#clock.high, frame.length, frame.length, frame.bytes, 0);
      this.#keepForErrors(frame, live.kind);
      if (live.flow.left > 0) this.#live.add(timeNs + Math.ceil(gapNs), live);
      else this.#starter.end(live.flow, live.kind, timeNs);
      frames++;
      bytes += frame.length;
      lastNs = timeNs;
    }
    return { frames, bytes, flows: this.#options.flows, seconds: lastNs / 1e9 };
  }

  /** Starts every flow whose time has come before the next frame of a live one. */
  #startFlows(): void {
    const { kinds, frames } = this.#plan;
    const meanGapNs = (this.#durationNs * STARTING_PART) / kinds.length;
    while (this.#started < kinds.length && this.#nextStartNs <= this.#live.nextTime) {
      const at = this.#started++;
      const kind = kinds[at]!;
      const flow = this.#starter.start(kind, frames[at]!, this.#nextStartNs);
      this.#live.add(this.#nextStartNs, { flow, kind });
      this.#nextStartNs += Math.ceil(this.#starts.exponential() * meanGapNs);
    }
  }

  #keepForErrors(frame: FrameBuilder, kind: number): void {
    if (!frame.outbound || !QUOTABLE.has(kind)) return;
    if (this.#sentByEndpoints++ % KEEP_EVERY === 0) this.#recent.add(frame, QUOTABLE.get(kind)!);
  }
}

/** Kinds whose packets errors quote, with their protocol as far as errors differ by it. */
const QUOTABLE: ReadonlyMap<number, number> = new Map([
  [KIND_TCP, PROTOCOL_TCP],
  [KIND_PROBE, PROTOCOL_TCP],
  [KIND_UDP, PROTOCOL_UDP],
  [KIND_QUERY, PROTOCOL_UDP],
  [KIND_ECHO, PROTOCOL_ICMP],
  [KIND_SCTP, PROTOCOL_SCTP],
]);

/** Nanoseconds from the start of the trace to 64-bit nanoseconds since the epoch, in 32-bit words. */
class Clock {
  low = 0;
  high = 0;
  readonly #startLow: number;
  readonly #startHigh: number;

  constructor(startSeconds: number) {
    const start = BigInt(startSeconds) * 1_000_000_000n;
    this.#startLow = Number(start & 0xffffffffn);
    this.#startHigh = Number(start >> 32n);
  }

  /** @param sinceStartNs a whole number below 2^53 */
  set(sinceStartNs: number): void {
    const low = this.#startLow + (sinceStartNs >>> 0);
    this.low = low >>> 0;
    this.high = this.#startHigh + Math.floor(sinceStartNs / WORD) + (low >= WORD ? 1 : 0);
  }
}
