import { type Flow, type FlowStart, THINK_NS, type Workshop } from "./flow.js";
import { ipHeaderSize, PROTOCOL_TCP } from "./frame-builder.js";
import type { Random } from "./random.js";

const HEADER_SIZE = 20;
/** Maximum segment size, window scale and selective acknowledgement, as Linux sends them, padded to words. */
const SYN_OPTIONS = Uint8Array.of(2, 4, 0x05, 0xb4, 1, 3, 3, 7, 1, 1, 4, 2);
const FIN = 0x01;
const SYN = 0x02;
const RST = 0x04;
const PSH = 0x08;
const ACK = 0x10;
const WINDOW = 64_240;
/** From this IP length on a segment counts as one of a bulk transfer, which mostly goes one way. */
const BULK_LENGTH = 576;

export type Ending = "fin" | "reset" | "silent";

/** A frame of the plan: who sends it, and its flags. Data frames find their direction when they are written. */
interface Step {
  readonly outbound: boolean;
  readonly flags: number;
}

const HANDSHAKE: readonly Step[] = [
  { outbound: true, flags: SYN },
  { outbound: false, flags: SYN | ACK },
  { outbound: true, flags: ACK },
];
const CLOSE: readonly Step[] = [
  { outbound: true, flags: FIN | ACK },
  { outbound: false, flags: FIN | ACK },
  { outbound: true, flags: ACK },
];
const RESET_BY_ENDPOINT: readonly Step[] = [{ outbound: true, flags: RST | ACK }];
const RESET_BY_REMOTE: readonly Step[] = [{ outbound: false, flags: RST | ACK }];

/** A TCP connection that the endpoint opens: handshake, data both ways with right numbers, an ending or none. */
export class TcpFlow implements Flow {
  left: number;
  readonly #opening: readonly Step[];
  readonly #closing: readonly Step[];
  /** Share of bulk segments that the remote sends. */
  readonly #download: number;
  #written = 0;
  #ipId: number;
  /** Next sequence number of either side. */
  #endpointSeq: number;
  #remoteSeq: number;

  constructor(
    readonly start: FlowStart,
    ending: Ending,
    replies: boolean,
    random: Random,
  ) {
    this.left = start.frames;
    const seen = (steps: readonly Step[]) => steps.filter(({ outbound }) => outbound || replies);
    this.#opening = seen(HANDSHAKE);
    this.#closing = seen(closingSteps(ending, replies, random));
    // A flow too short for handshake, request and ending falls silent.
    if (this.#opening.length + 1 + this.#closing.length > start.frames) this.#closing = [];
    this.#download = random.chance(0.8) ? 0.85 : 0.15;
    this.#ipId = random.below(65_536);
    this.#endpointSeq = random.uint32();
    this.#remoteSeq = random.uint32();
  }

  write(workshop: Workshop): number {
    const place = this.#written++;
    this.left--;
    const opening = this.#opening[place];
    if (opening) return this.#control(opening, workshop);
    const closing = this.#closing[this.#closing.length - 1 - this.left];
    if (closing) return this.#control(closing, workshop);
    return this.#data(place === this.#opening.length, workshop);
  }

  #control({ outbound, flags }: Step, workshop: Workshop): number {
    this.#segment(workshop, outbound, flags, 0);
    workshop.sizes.note(workshop.frame.packetLength);
    if (flags & (SYN | FIN)) this.#advance(outbound, 1);
    return outbound && flags & (SYN | FIN) ? this.start.roundTripNs : THINK_NS;
  }

  /** @param isRequest the first data segment, which the endpoint sends */
  #data(isRequest: boolean, workshop: Workshop): number {
    const headers = ipHeaderSize(this.start.path.family) + HEADER_SIZE;
    const length = Math.max(headers, workshop.sizes.draw(workshop.random));
    const outbound = isRequest || !workshop.replies || this.#drawOutbound(length, workshop.random);
    const payload = length - headers;
    this.#segment(workshop, outbound, payload > 0 ? PSH | ACK : ACK, payload);
    this.#advance(outbound, payload);
    // What the remote sends unseen moves its numbers all the same.
    if (!workshop.replies) this.#advance(false, 1448);
    return isRequest ? this.start.roundTripNs : this.start.gapNs * workshop.gaps.draw(workshop.random);
  }

  #drawOutbound(length: number, random: Random): boolean {
    return !random.chance(length >= BULK_LENGTH ? this.#download : 1 - this.#download);
  }

  #segment({ frame, pool, random }: Workshop, outbound: boolean, flags: number, payload: number): void {
    const { path, ports } = this.start;
    const options = flags & SYN ? SYN_OPTIONS.length : 0;
    this.#ipId = (this.#ipId + 1) & 0xffff;
    frame.start(path, outbound, PROTOCOL_TCP, this.#ipId);
    const at = frame.header(HEADER_SIZE + options);
    const { view } = frame;
    view.setUint16(at, outbound ? ports.endpointPort : ports.remotePort);
    view.setUint16(at + 2, outbound ? ports.remotePort : ports.endpointPort);
    view.setUint32(at + 4, outbound ? this.#endpointSeq : this.#remoteSeq);
    if (flags & ACK) view.setUint32(at + 8, outbound ? this.#remoteSeq : this.#endpointSeq);
    view.setUint8(at + 12, ((HEADER_SIZE + options) / 4) << 4);
    view.setUint8(at + 13, flags);
    view.setUint16(at + 14, WINDOW);
    if (options > 0) frame.bytes.set(SYN_OPTIONS, at + HEADER_SIZE);
    if (payload > 0) frame.append(pool.draw(random, payload), payload);
    view.setUint16(at + 16, frame.checksum(PROTOCOL_TCP, HEADER_SIZE + options));
    frame.finish();
  }

  #advance(outbound: boolean, count: number): void {
    if (outbound) this.#endpointSeq = (this.#endpointSeq + count) >>> 0;
    else this.#remoteSeq = (this.#remoteSeq + count) >>> 0;
  }
}

/** One or two frames: an opening segment and, where there is an answer, its refusal. */
export class ProbeFlow implements Flow {
  left: number;
  #seq: number;
  #ipId: number;

  constructor(
    readonly start: FlowStart,
    random: Random,
  ) {
    this.left = start.frames;
    this.#seq = random.uint32();
    this.#ipId = random.below(65_536);
  }

  write({ frame, sizes, replies }: Workshop): number {
    const { path, ports } = this.start;
    const outbound = !replies || this.left === this.start.frames;
    this.left--;
    frame.start(path, outbound, PROTOCOL_TCP, this.#ipId++ & 0xffff);
    const at = frame.header(HEADER_SIZE);
    const { view } = frame;
    view.setUint16(at, outbound ? ports.endpointPort : ports.remotePort);
    view.setUint16(at + 2, outbound ? ports.remotePort : ports.endpointPort);
    view.setUint32(at + 4, outbound ? this.#seq : 0);
    view.setUint32(at + 8, outbound ? 0 : (this.#seq + 1) >>> 0);
    view.setUint8(at + 12, (HEADER_SIZE / 4) << 4);
    view.setUint8(at + 13, outbound ? SYN : RST | ACK);
    view.setUint16(at + 14, outbound ? WINDOW : 0);
    view.setUint16(at + 16, frame.checksum(PROTOCOL_TCP, HEADER_SIZE));
    frame.finish();
    sizes.note(frame.packetLength);
    return this.start.roundTripNs;
  }
}

function closingSteps(ending: Ending, replies: boolean, random: Random): readonly Step[] {
  if (ending === "silent") return [];
  if (ending === "fin") return CLOSE;
  return replies && random.chance(0.5) ? RESET_BY_REMOTE : RESET_BY_ENDPOINT;
}
