import * as abi from "../../assembly/abi.js";
import { compilePolicy } from "../engine/blob.js";
import { createEngine, type Engine } from "../engine/engine.js";
import { DEFAULT_ENGINE_CONFIG, type EngineConfig } from "../engine/engine-config.js";
import type { EngineCode } from "../engine/load.js";
import { growFor } from "../engine/sizing.js";
import { EngineError } from "../errors.js";
import { benchCluster, type ClusterShape } from "./cluster.js";
import { TCP_ACK, TCP_SYN, TCP_SYN_ACK } from "./frames.js";
import type { Mappings, Traffic } from "./traffic.js";

/** Virtual time of the first frame, nanoseconds since the epoch, and how far a frame lies behind the one before it. */
export const START_NS = 1_790_000_000_000_000_000n;
const FRAME_GAP_NS = 1000;
/** Longer than any lifetime: silence after which every connection has expired. */
const EVERYTHING_EXPIRED_NS = 9_000_000_000_000n;

const FRAME_WORDS = abi.FRAME_SIZE / 4;
const OFFSET_WORD = abi.FRAME_OFFSET_AT / 4;
const CAPTURED_WORD = abi.FRAME_CAPTURED_AT / 4;
const WIRE_WORD = abi.FRAME_WIRE_AT / 4;
const TIME_LOW_WORD = abi.FRAME_TIME_AT / 4;

export interface SubjectOptions extends ClusterShape {
  /** Largest batch that will be asked for. */
  readonly maxBatch: number;
  readonly touch: boolean;
  /** Undefined = the package's build. */
  readonly wasm: string | EngineCode | undefined;
  /** Starts something else than the engine of `wasm`. */
  start?(config: EngineConfig): Promise<Engine>;
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
  #mappings: Mappings | undefined;

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
        arenaSize: traffic.layout.offsetOf(traffic.order.length),
        maxBatch: options.maxBatch,
        touch: options.touch,
      },
      blob,
    );
    const engine = await (options.start?.(config) ?? createEngine(config, options.wasm));
    engine.loadPolicy(blob);
    return new Subject(engine, traffic);
  }

  /** Puts frames into the arena and describes them to the engine. @param hook HOOK_* */
  load(frames: Uint8Array, hook: number): void {
    const { layout } = this.traffic;
    const frameBytes = layout.lengthOf(0);
    this.#count = layout.countIn(frames.length);
    this.engine.arena.set(frames);
    for (let i = 0; i < this.engine.config.maxBatch; i++) {
      this.engine.setFrame(i, 0, frameBytes, frameBytes, hook, abi.LINK_ETHERNET, 0, 0, 0);
    }
  }

  /** Bytes of the frames that were loaded, as the last pass left them. */
  get frames(): Uint8Array {
    return this.engine.arena.subarray(0, this.traffic.layout.offsetOf(this.#count));
  }

  /** Lets the engine process every loaded frame once, `batch` per call. @returns frames processed */
  pass(batch: number): number {
    return this.traffic.layout.isEven ? this.#passEven(batch) : this.#passMixed(batch);
  }

  #passEven(batch: number): number {
    const records = this.#records;
    const count = this.#count;
    const frameBytes = this.traffic.layout.lengthOf(0);
    for (let first = 0; first < count; first += batch) {
      const size = first + batch <= count ? batch : count - first;
      let offset = first * frameBytes;
      for (let word = OFFSET_WORD; word < size * FRAME_WORDS; word += FRAME_WORDS) {
        records[word] = offset;
        offset += frameBytes;
      }
      this.#stamp(size);
      this.engine.process(size);
    }
    return count;
  }

  #passMixed(batch: number): number {
    const records = this.#records;
    const count = this.#count;
    const { lengths, strides } = this.traffic.layout;
    let offset = 0;
    let place = 0;
    for (let first = 0; first < count; first += batch) {
      const size = first + batch <= count ? batch : count - first;
      for (let record = 0; record < size * FRAME_WORDS; record += FRAME_WORDS) {
        records[record + OFFSET_WORD] = offset;
        records[record + CAPTURED_WORD] = lengths[place]!;
        records[record + WIRE_WORD] = lengths[place]!;
        offset += strides[place]!;
        if (++place === lengths.length) place = 0;
      }
      this.#stamp(size);
      this.engine.process(size);
    }
    return count;
  }

  /** Virtual time is the latest seen: the first record of a batch moves it, the others keep a time long past. */
  #stamp(size: number): void {
    this.#records[TIME_LOW_WORD] = this.#timeLow;
    this.#records[TIME_LOW_WORD + 1] = this.#timeHigh;
    this.#timeLow += size * FRAME_GAP_NS;
    if (this.#timeLow >= 0x1_0000_0000) {
      this.#timeLow -= 0x1_0000_0000;
      this.#timeHigh++;
    }
  }

  /** Opens every connection and takes it to where frames change nothing but its age. @returns nothing; throws where work was not done */
  establish(batch: number): void {
    const { traffic } = this;
    const { connections } = traffic;
    const mappings = { src: new Uint32Array(connections), srcPort: new Uint16Array(connections) };
    this.#mappings = mappings;
    this.expect({ snat: connections, opened: connections }, "open connections", () => {
      this.#byChunk(batch, abi.HOOK_FROM_ENDPOINT, (first, count) => traffic.openers(TCP_SYN, first, count), mappings);
    });
    this.expect({ reverse: connections }, "answer connections", () => {
      this.#byChunk(batch, abi.HOOK_FROM_NETWORK, (first, count) => {
        const numbers = Uint32Array.from({ length: count }, (_, i) => first + i);
        return traffic.answers(mappings, numbers, TCP_SYN_ACK);
      });
    });
    this.expect({ snat: connections }, "confirm connections", () => {
      this.#byChunk(batch, abi.HOOK_FROM_ENDPOINT, (first, count) => traffic.openers(TCP_ACK, first, count));
    });
  }

  /** A frame for every connection, as many at a time as fit. @param mappings is filled from what became of them */
  #byChunk(
    batch: number,
    hook: number,
    framesOf: (first: number, count: number) => Uint8Array,
    mappings?: Mappings,
  ): void {
    const { connections, chunk } = this.traffic;
    for (let first = 0; first < connections; first += chunk) {
      this.load(framesOf(first, Math.min(chunk, connections - first)), hook);
      this.pass(batch);
      if (mappings) this.traffic.note(this.frames, first, mappings);
    }
  }

  /** Answers to established connections in the random order of the traffic. */
  answers(): Uint8Array {
    return this.traffic.answers(this.#whatWasMade(), this.traffic.order, TCP_ACK);
  }

  /** The first answer to each connection, in the order of their numbers. */
  firstAnswers(): Uint8Array {
    const everyone = Uint32Array.from({ length: this.traffic.connections }, (_, i) => i);
    return this.traffic.answers(this.#whatWasMade(), everyone, TCP_SYN_ACK);
  }

  #whatWasMade(): Mappings {
    if (!this.#mappings) throw new EngineError("benchmark: answers asked for before any connection was established");
    return this.#mappings;
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
