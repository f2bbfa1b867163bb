import { ENDPOINT_BASE, ENDPOINT_COUNT, REMOTE_BASE, REMOTE_COUNT } from "./cluster.js";
import type { FrameLayout } from "./frame-layout.js";
import { type FrameSizes, FrameWriter, frameLayout, type Protocol, readTuple, type Tuple } from "./frames.js";
import { Random, shuffledRepeats } from "./random.js";

/** Frames in the arena at least: enough that they are streamed from memory, as captures are. */
const MIN_FRAMES = 1 << 16;
/** Frames in the arena at most, or those of large tables would take more memory than the tables. */
const MAX_FRAMES = 1 << 20;
const ORDER_SEED = 20_261_122;
const DESTINATION_PORTS = { tcp: 443, udp: 53, tcp6: 443 } as const;

export interface TrafficOptions {
  /** Default "64". Mixed sizes are for TCP over IPv4. */
  readonly sizes?: FrameSizes;
  /** Pods that the connections belong to. Default ENDPOINT_COUNT. */
  readonly endpoints?: number;
  /** Other bounds of the number of frames; for tests, and for frames that are to stay in the cache. */
  readonly minFrames?: number;
  readonly maxFrames?: number;
}

/** Address and port that the outside sees of each connection, host order. */
export interface Mappings {
  readonly src: Uint32Array;
  readonly srcPort: Uint16Array;
}

/**
 * Frames of a fixed number of connections, laid out in random order: each connection equally often, or, where there are more of them than
 * frames may be, one frame each of a random choice.
 */
export class Traffic {
  readonly connections: number;
  readonly protocol: Protocol;
  readonly layout: FrameLayout;
  /** Connection of each frame of the random order. */
  readonly order: Uint32Array;
  /** Connections whose first frames fit where the frames of `order` lie. */
  readonly chunk: number;
  readonly #endpoints: number;
  readonly #writers: readonly FrameWriter[];

  constructor(connections: number, protocol: Protocol, options: TrafficOptions = {}) {
    const { sizes = "64", endpoints = ENDPOINT_COUNT, minFrames = MIN_FRAMES, maxFrames = MAX_FRAMES } = options;
    this.connections = connections;
    this.protocol = protocol;
    this.#endpoints = endpoints;
    const repeats = Math.max(1, Math.ceil(minFrames / connections));
    this.order =
      connections > maxFrames
        ? randomChoice(maxFrames, connections, ORDER_SEED)
        : shuffledRepeats(connections * repeats, connections, ORDER_SEED);
    this.chunk = Math.min(connections, this.order.length);
    this.layout = frameLayout(protocol, sizes);
    const writers = new Map(this.layout.lengths.map((length) => [length, new FrameWriter(protocol, length)]));
    this.#writers = this.layout.lengths.map((length) => writers.get(length)!);
  }

  /** One first frame each of `count` connections from `first` on, in the order of their numbers. */
  openers(tcpFlags: number, first = 0, count = this.connections - first): Uint8Array {
    return this.#frames(count, (i) => first + i, tcpFlags);
  }

  /** Every connection once, in random order: of which `openersOf` makes first frames. */
  shuffled(): Uint32Array {
    return shuffledRepeats(this.connections, this.connections, ORDER_SEED + 1);
  }

  /** One first frame of each of these connections. */
  openersOf(connections: Uint32Array, tcpFlags: number): Uint8Array {
    return this.#frames(connections.length, (i) => connections[i]!, tcpFlags);
  }

  /** Frames from the endpoints, in random order. */
  forward(tcpFlags: number): Uint8Array {
    return this.#frames(this.order.length, (i) => this.order[i]!, tcpFlags);
  }

  /** What the remotes answer to these connections. */
  answers(mappings: Mappings, connections: ArrayLike<number>, tcpFlags: number): Uint8Array {
    const original = this.#tuple();
    const answer = { ...original };
    return this.#write(connections.length, tcpFlags, (i) => {
      const connection = connections[i]!;
      originalTuple(connection, original, this.#endpoints);
      answer.src = original.dst;
      answer.srcPort = original.dstPort;
      answer.dst = mappings.src[connection]!;
      answer.dstPort = mappings.srcPort[connection]!;
      return answer;
    });
  }

  /** Notes what translation made of first frames. @param frames as `openers` gave them, translated since   @param first connection of the first */
  note(frames: Uint8Array, first: number, mappings: Mappings): void {
    const view = new DataView(frames.buffer, frames.byteOffset, frames.byteLength);
    const tuple = this.#tuple();
    const count = this.layout.countIn(frames.length);
    for (let i = 0; i < count; i++) {
      readTuple(view, this.layout.offsetOf(i), tuple, this.protocol);
      mappings.src[first + i] = tuple.src;
      mappings.srcPort[first + i] = tuple.srcPort;
    }
  }

  #frames(count: number, connectionOf: (i: number) => number, tcpFlags: number): Uint8Array {
    const tuple = this.#tuple();
    return this.#write(count, tcpFlags, (i) => {
      originalTuple(connectionOf(i), tuple, this.#endpoints);
      return tuple;
    });
  }

  #write(count: number, tcpFlags: number, tupleOf: (i: number) => Tuple): Uint8Array {
    const bytes = new Uint8Array(this.layout.offsetOf(count));
    const view = new DataView(bytes.buffer);
    const writers = this.#writers;
    for (let i = 0; i < count; i++)
      writers[i % writers.length]!.write(view, this.layout.offsetOf(i), tupleOf(i), tcpFlags);
    return bytes;
  }

  #tuple(): Tuple {
    return { src: 0, dst: 0, srcPort: 0, dstPort: DESTINATION_PORTS[this.protocol] };
  }
}

/** Source, remote and source port of a connection by its number, below 28,000 × endpoints; no two are alike. */
export function originalTuple(connection: number, tuple: Tuple, endpoints: number = ENDPOINT_COUNT): void {
  const pod = connection % endpoints;
  const own = Math.floor(connection / endpoints);
  tuple.src = ENDPOINT_BASE + pod;
  tuple.srcPort = 32768 + ((own * 31 + pod * 7) % 28000);
  tuple.dst = REMOTE_BASE + ((Math.imul(connection, 0x9e3779b1) >>> 0) % REMOTE_COUNT);
}

/** `count` different numbers below `limit`, in random order: the first of a shuffle. */
function randomChoice(count: number, limit: number, seed: number): Uint32Array {
  const all = Uint32Array.from({ length: limit }, (_, i) => i);
  const random = new Random(seed);
  for (let i = 0; i < count; i++) {
    const j = i + random.below(limit - i);
    const was = all[i]!;
    all[i] = all[j]!;
    all[j] = was;
  }
  return all.slice(0, count);
}
