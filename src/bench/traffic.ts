import { ENDPOINT_BASE, ENDPOINT_COUNT, REMOTE_BASE, REMOTE_COUNT } from "./cluster.js";
import { FrameWriter, type Protocol, readTuple, type Tuple } from "./frames.js";
import { shuffledRepeats } from "./random.js";

/** Frames in the arena at least: enough that they are streamed from memory, as captures are. */
const MIN_FRAMES = 1 << 16;
const ORDER_SEED = 20_261_122;
const DESTINATION_PORTS = { tcp: 443, udp: 53, tcp6: 443 } as const;

/** Frames of a fixed number of connections, laid out in random order, each connection equally often. */
export class Traffic {
  readonly connections: number;
  readonly protocol: Protocol;
  /** Connection of each frame of the random order. */
  readonly order: Uint32Array;
  readonly #writer: FrameWriter;

  constructor(connections: number, protocol: Protocol) {
    this.connections = connections;
    this.protocol = protocol;
    const repeats = Math.max(1, Math.ceil(MIN_FRAMES / connections));
    this.order = shuffledRepeats(connections * repeats, connections, ORDER_SEED);
    this.#writer = new FrameWriter(protocol);
  }

  /** Bytes of each frame. */
  get frameBytes(): number {
    return this.#writer.frameBytes;
  }

  /** One first frame per connection, in the order of their numbers. */
  openers(tcpFlags: number): Uint8Array {
    return this.#frames(this.connections, (i) => i, tcpFlags);
  }

  /** One first frame per connection, in random order. */
  shuffledOpeners(tcpFlags: number): Uint8Array {
    const order = shuffledRepeats(this.connections, this.connections, ORDER_SEED + 1);
    return this.#frames(this.connections, (i) => order[i]!, tcpFlags);
  }

  /** Frames from the endpoints, in random order. */
  forward(tcpFlags: number): Uint8Array {
    return this.#frames(this.order.length, (i) => this.order[i]!, tcpFlags);
  }

  /**
   * What the remotes answer.
   * @param translated one translated frame per connection, in the order of their numbers   @param order connection of each answer
   */
  answers(translated: Uint8Array, tcpFlags: number, order?: Uint32Array): Uint8Array {
    const count = order?.length ?? this.connections;
    const bytes = new Uint8Array(count * this.frameBytes);
    const view = new DataView(bytes.buffer);
    const seen = new DataView(translated.buffer, translated.byteOffset, translated.byteLength);
    const tuple: Tuple = { src: 0, dst: 0, srcPort: 0, dstPort: 0 };
    const answer: Tuple = { src: 0, dst: 0, srcPort: 0, dstPort: 0 };
    for (let i = 0; i < count; i++) {
      readTuple(seen, (order ? order[i]! : i) * this.frameBytes, tuple, this.protocol);
      answer.src = tuple.dst;
      answer.dst = tuple.src;
      answer.srcPort = tuple.dstPort;
      answer.dstPort = tuple.srcPort;
      this.#writer.write(view, i * this.frameBytes, answer, tcpFlags);
    }
    return bytes;
  }

  #frames(count: number, connectionOf: (i: number) => number, tcpFlags: number): Uint8Array {
    const bytes = new Uint8Array(count * this.frameBytes);
    const view = new DataView(bytes.buffer);
    const tuple: Tuple = { src: 0, dst: 0, srcPort: 0, dstPort: DESTINATION_PORTS[this.protocol] };
    for (let i = 0; i < count; i++) {
      originalTuple(connectionOf(i), tuple);
      this.#writer.write(view, i * this.frameBytes, tuple, tcpFlags);
    }
    return bytes;
  }
}

/** Source, remote and source port of a connection by its number, below 28,000 × ENDPOINT_COUNT; no two are alike. */
export function originalTuple(connection: number, tuple: Tuple): void {
  const pod = connection % ENDPOINT_COUNT;
  const own = Math.floor(connection / ENDPOINT_COUNT);
  tuple.src = ENDPOINT_BASE + pod;
  tuple.srcPort = 32768 + ((own * 31 + pod * 7) % 28000);
  tuple.dst = REMOTE_BASE + ((Math.imul(connection, 0x9e3779b1) >>> 0) % REMOTE_COUNT);
}
