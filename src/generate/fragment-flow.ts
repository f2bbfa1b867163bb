import { type Flow, type FlowStart, THINK_NS, UDP_HEADER_SIZE, type Workshop } from "./flow.js";
import { complement, ETHERNET_SIZE, type FrameBuilder, PROTOCOL_FRAGMENT, PROTOCOL_UDP } from "./frame-builder.js";

const FRAGMENT_COUNT = 3;
/** Bytes of the datagram in each fragment but the last: multiples of 8 that fill a packet of 1,500 bytes. */
const FRAGMENT_SIZE = { 4: 1480, 6: 1448 } as const;
const FRAGMENT_HEADER_SIZE = 8;
const MORE_FRAGMENTS = 0x2000;
const OUT_OF_ORDER_SHARE = 0.1;
const ORDERS_WRONG: readonly (readonly number[])[] = [
  [2, 0, 1],
  [0, 2, 1],
  [1, 0, 2],
];

/** One UDP datagram in three fragments, now and then out of order. */
export class FragmentFlow implements Flow {
  left = FRAGMENT_COUNT;
  readonly #order: readonly number[];
  readonly #id: number;
  readonly #payloadAt: number;
  readonly #payloadLength: number;

  constructor(
    readonly start: FlowStart,
    { random, pool }: Workshop,
  ) {
    this.#order = random.chance(OUT_OF_ORDER_SHARE) ? ORDERS_WRONG[random.below(ORDERS_WRONG.length)]! : [0, 1, 2];
    this.#id = random.below(65_536);
    const size = FRAGMENT_SIZE[start.path.family];
    this.#payloadLength = 2 * size - UDP_HEADER_SIZE + random.between(100, 1000);
    this.#payloadAt = pool.draw(random, this.#payloadLength);
  }

  write(workshop: Workshop): number {
    const { frame } = workshop;
    const place = this.#order[FRAGMENT_COUNT - this.left]!;
    this.left--;
    const size = FRAGMENT_SIZE[this.start.path.family];
    const from = place * size;
    const total = UDP_HEADER_SIZE + this.#payloadLength;
    this.#ipHeader(frame, place, from);
    if (place === 0) this.#udpHeader(workshop);
    const skipped = place === 0 ? 0 : from - UDP_HEADER_SIZE;
    const length = Math.min(size, total - from) - (place === 0 ? UDP_HEADER_SIZE : 0);
    frame.append(this.#payloadAt + skipped, length);
    frame.finish();
    workshop.sizes.note(frame.packetLength);
    return THINK_NS;
  }

  #ipHeader(frame: FrameBuilder, place: number, from: number): void {
    const { path } = this.start;
    const more = place < FRAGMENT_COUNT - 1;
    frame.start(path, true, path.family === 4 ? PROTOCOL_UDP : PROTOCOL_FRAGMENT, this.#id);
    if (path.family === 4) {
      frame.view.setUint16(ETHERNET_SIZE + 6, (more ? MORE_FRAGMENTS : 0) | (from / 8));
      return;
    }
    const at = frame.header(FRAGMENT_HEADER_SIZE);
    frame.view.setUint8(at, PROTOCOL_UDP);
    frame.view.setUint16(at + 2, from | (more ? 1 : 0));
    frame.view.setUint32(at + 4, this.#id);
  }

  /** The checksum covers the whole datagram, so it is summed up before the payload is cut. */
  #udpHeader({ frame, pool }: Workshop): void {
    const { ports } = this.start;
    const at = frame.header(UDP_HEADER_SIZE);
    const length = UDP_HEADER_SIZE + this.#payloadLength;
    frame.view.setUint16(at, ports.endpointPort);
    frame.view.setUint16(at + 2, ports.remotePort);
    frame.view.setUint16(at + 4, length);
    const sum = pool.sum(this.#payloadAt, this.#payloadLength) + ports.endpointPort + ports.remotePort + length;
    frame.view.setUint16(at + 6, complement(sum + frame.pseudoHeaderSum(PROTOCOL_UDP, length)) || 0xffff);
  }
}
