import * as abi from "../../assembly/abi.js";
import { compilePolicy } from "../engine/blob.js";
import { createEngine, type Engine } from "../engine/engine.js";
import { DEFAULT_ENGINE_CONFIG } from "../engine/engine-config.js";
import { growFor } from "../engine/sizing.js";
import { EngineError } from "../errors.js";
import { benchCluster, type ClusterShape } from "./cluster.js";
import { TCP_ACK, TCP_SYN, TCP_SYN_ACK } from "./frames.js";
import type { Traffic } from "./traffic.js";

/** Virtual time of the first frame, nanoseconds since the epoch, and how far a frame lies behind the one before it. */
export const START_NS = 1_790_000_000_000_000_000n;
const FRAME_GAP_NS = 1000;
/** Longer than any lifetime: silence after which every connection has expired. */
const EVERYTHING_EXPIRED_NS = 9_000_000_000_000n;

const FRAME_WORDS = abi.FRAME_SIZE / 4;
const OFFSET_WORD = abi.FRAME_OFFSET_AT / 4;
const TIME_LOW_WORD = abi.FRAME_TIME_AT / 4;

export interface SubjectOptions extends ClusterShape {
  /** Largest batch that will be asked for. */
  readonly maxBatch: number;
  readonly touch: boolean;
  readonly wasmFile: string | undefined;
}

/** What a pass over frames must have done, whoever measured it: counted by the engine, not by the harness. */
export interface WorkDone {
  readonly frames: number;
  readonly snat: number;
  readonly reverse: number;
  readonly other: number;
  readonly opened: number;
  readonly live: number;
}

/** One engine under measurement, with the frames of one kind of traffic in its arena. */
export class Subject {
  readonly engine: Engine;
  readonly traffic: Traffic;
  readonly #records: Uint32Array;
  #count = 0;
  #timeLow = 0;
  #timeHigh = 0;
  #translated: Uint8Array | undefined;

  private constructor(engine: Engine, traffic: Traffic) {
    this.engine = engine;
    this.traffic = traffic;
    const records = engine.regionBytes(abi.REGION_FRAMES);
    this.#records = new Uint32Array(records.buffer, records.byteOffset, records.length / 4);
    this.#setTime(START_NS);
  }

  /** Starts an engine that has room for exactly the connections of `traffic`. */
  static async create(traffic: Traffic, options: SubjectOptions): Promise<Subject> {
    const blob = compilePolicy(benchCluster(options));
    const config = growFor(
      {
        ...DEFAULT_ENGINE_CONFIG,
        connections: Math.max(16, traffic.connections),
        connections6: traffic.protocol === "tcp6" ? Math.max(16, traffic.connections) : 0,
        arenaSize: traffic.order.length * traffic.frameBytes,
        maxBatch: options.maxBatch,
        touch: options.touch,
      },
      blob,
    );
    const engine = await createEngine(config, options.wasmFile);
    engine.loadPolicy(blob);
    return new Subject(engine, traffic);
  }

  /** Puts frames into the arena and describes them to the engine. @param hook HOOK_* */
  load(frames: Uint8Array, hook: number): void {
    const { frameBytes } = this.traffic;
    this.#count = frames.length / frameBytes;
    this.engine.arena.set(frames);
    for (let i = 0; i < this.engine.config.maxBatch; i++) {
      this.engine.setFrame(i, 0, frameBytes, frameBytes, hook, abi.LINK_ETHERNET, 0, 0, 0);
    }
  }

  /** Bytes of the frames that were loaded, as the last pass left them. */
  get frames(): Uint8Array {
    return this.engine.arena.subarray(0, this.#count * this.traffic.frameBytes);
  }

  /** Lets the engine process every loaded frame once, `batch` per call. @returns frames processed */
  pass(batch: number): number {
    const records = this.#records;
    const count = this.#count;
    const { frameBytes } = this.traffic;
    for (let first = 0; first < count; first += batch) {
      const size = first + batch <= count ? batch : count - first;
      let offset = first * frameBytes;
      for (let word = OFFSET_WORD; word < size * FRAME_WORDS; word += FRAME_WORDS) {
        records[word] = offset;
        offset += frameBytes;
      }
      // Virtual time is the latest seen: the first record of a batch moves it, the others keep a time long past.
      records[TIME_LOW_WORD] = this.#timeLow;
      records[TIME_LOW_WORD + 1] = this.#timeHigh;
      this.#timeLow += size * FRAME_GAP_NS;
      if (this.#timeLow >= 0x1_0000_0000) {
        this.#timeLow -= 0x1_0000_0000;
        this.#timeHigh++;
      }
      this.engine.process(size);
    }
    return count;
  }

  /** Opens every connection and takes it to where frames change nothing but its age. @returns nothing; throws where work was not done */
  establish(batch: number): void {
    const { connections } = this.traffic;
    this.expect({ snat: connections, opened: connections }, "open connections", () => {
      this.load(this.traffic.openers(TCP_SYN), abi.HOOK_FROM_ENDPOINT);
      this.pass(batch);
    });
    this.#translated = this.frames.slice();
    this.expect({ reverse: connections }, "answer connections", () => {
      this.load(this.firstAnswers(), abi.HOOK_FROM_NETWORK);
      this.pass(batch);
    });
    this.expect({ snat: connections }, "confirm connections", () => {
      this.load(this.traffic.openers(TCP_ACK), abi.HOOK_FROM_ENDPOINT);
      this.pass(batch);
    });
  }

  /** Answers to established connections in the random order of the traffic. */
  answers(): Uint8Array {
    return this.traffic.answers(this.#firstTranslated(), TCP_ACK, this.traffic.order);
  }

  /** The first answer to each connection, in the order of their numbers. */
  firstAnswers(): Uint8Array {
    return this.traffic.answers(this.#firstTranslated(), TCP_SYN_ACK);
  }

  #firstTranslated(): Uint8Array {
    if (!this.#translated) throw new EngineError("benchmark: answers asked for before any connection was established");
    return this.#translated;
  }

  /** Moves virtual time so far that every connection expires. The table is empty afterwards. */
  forgetConnections(): void {
    const now = BigInt(this.#timeLow) + (BigInt(this.#timeHigh) << 32n) + EVERYTHING_EXPIRED_NS;
    this.#setTime(now);
    this.engine.advance(this.#timeLow, this.#timeHigh);
    const { entries } = this.engine.counters();
    if (entries !== 0)
      throw new EngineError(`benchmark: ${entries} connections left, expected none after a long silence`);
  }

  /** Runs `work` and compares what the engine counted meanwhile. @throws {EngineError} where it is not what was expected */
  expect(expected: Partial<WorkDone>, what: string, work: () => void): void {
    const before = workDone(this.engine);
    work();
    const after = workDone(this.engine);
    const wanted: Record<string, number> = { snat: 0, reverse: 0, other: 0, opened: 0, ...expected };
    for (const [name, value] of Object.entries(wanted)) {
      const done = after[name as keyof WorkDone] - (name === "live" ? 0 : before[name as keyof WorkDone]);
      if (done === value) continue;
      throw new EngineError(`benchmark: ${what}: the engine counted ${done} ${name}, expected ${value}`);
    }
  }

  #setTime(ns: bigint): void {
    this.#timeLow = Number(ns & 0xffff_ffffn);
    this.#timeHigh = Number(ns >> 32n);
  }
}

/** Totals since the engine was started. */
export function workDone(engine: Engine): WorkDone {
  const { actions, opened, live } = engine.counters();
  const { snat = 0, reverse = 0, pass = 0, drop = 0, redirect = 0, hold = 0 } = actions;
  const other = pass + drop + redirect + hold;
  return { frames: snat + reverse + other, snat, reverse, other, opened, live };
}
