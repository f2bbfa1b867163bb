import { crc32c } from "./crc32c.js";
import { type Flow, type FlowStart, THINK_NS, type Workshop } from "./flow.js";
import { ipHeaderSize, PROTOCOL_SCTP } from "./frame-builder.js";
import type { Random } from "./random.js";

// RFC 9260 section 3.
const COMMON_HEADER_SIZE = 12;
const CHUNK_DATA = 0;
const CHUNK_INIT = 1;
const CHUNK_INIT_ACK = 2;
const CHUNK_SACK = 3;
const CHUNK_COOKIE_ECHO = 10;
const CHUNK_COOKIE_ACK = 11;
const CHUNK_SHUTDOWN = 7;
const CHUNK_SHUTDOWN_ACK = 8;
const CHUNK_SHUTDOWN_COMPLETE = 14;
const DATA_HEADER_SIZE = 16;
const INIT_SIZE = 20;
const SACK_SIZE = 16;
const COOKIE_SIZE = 32;
const PARAMETER_COOKIE = 7;
const WHOLE_MESSAGE = 0x03;
const RECEIVER_WINDOW = 106_496;

interface Step {
  readonly outbound: boolean;
  readonly chunk: number;
}

const OPENING: readonly Step[] = [
  { outbound: true, chunk: CHUNK_INIT },
  { outbound: false, chunk: CHUNK_INIT_ACK },
  { outbound: true, chunk: CHUNK_COOKIE_ECHO },
  { outbound: false, chunk: CHUNK_COOKIE_ACK },
];
const CLOSING: readonly Step[] = [
  { outbound: true, chunk: CHUNK_SHUTDOWN },
  { outbound: false, chunk: CHUNK_SHUTDOWN_ACK },
  { outbound: true, chunk: CHUNK_SHUTDOWN_COMPLETE },
];

/** An SCTP association that the endpoint opens: four-way handshake, data and its acknowledgements, a shutdown. */
export class SctpFlow implements Flow {
  left: number;
  readonly #opening: readonly Step[];
  readonly #closing: readonly Step[];
  readonly #endpointTag: number;
  readonly #remoteTag: number;
  #written = 0;
  #ipId: number;
  #transmission = 1;

  constructor(
    readonly start: FlowStart,
    replies: boolean,
    random: Random,
  ) {
    this.left = start.frames;
    this.#opening = OPENING.filter(({ outbound }) => outbound || replies);
    const closing = CLOSING.filter(({ outbound }) => outbound || replies);
    this.#closing = this.#opening.length + 1 + closing.length > start.frames ? [] : closing;
    this.#endpointTag = random.uint32() || 1;
    this.#remoteTag = random.uint32() || 1;
    this.#ipId = random.below(65_536);
  }

  write(workshop: Workshop): number {
    const place = this.#written++;
    this.left--;
    const step = this.#opening[place] ?? this.#closing[this.#closing.length - 1 - this.left];
    const dataPlace = place - this.#opening.length;
    const { outbound, chunk } = step ?? dataStep(dataPlace, workshop.replies);
    this.#packet(workshop, outbound, chunk);
    if (chunk === CHUNK_DATA) return this.start.gapNs * workshop.gaps.draw(workshop.random);
    workshop.sizes.note(workshop.frame.packetLength);
    return outbound && workshop.replies ? this.start.roundTripNs : THINK_NS;
  }

  #packet(workshop: Workshop, outbound: boolean, chunk: number): void {
    const { frame } = workshop;
    const { path, ports } = this.start;
    this.#ipId = (this.#ipId + 1) & 0xffff;
    frame.start(path, outbound, PROTOCOL_SCTP, this.#ipId);
    const at = frame.header(COMMON_HEADER_SIZE);
    frame.view.setUint16(at, outbound ? ports.endpointPort : ports.remotePort);
    frame.view.setUint16(at + 2, outbound ? ports.remotePort : ports.endpointPort);
    // The tag of the receiver; the first packet cannot know it yet.
    if (chunk !== CHUNK_INIT) frame.view.setUint32(at + 4, outbound ? this.#remoteTag : this.#endpointTag);
    this.#chunk(workshop, outbound, chunk);
    frame.view.setUint32(at + 8, crc32c(frame.bytes, at, frame.length), true);
    frame.finish();
  }

  #chunk(workshop: Workshop, outbound: boolean, chunk: number): void {
    if (chunk === CHUNK_DATA) this.#dataChunk(workshop);
    else if (chunk === CHUNK_INIT || chunk === CHUNK_INIT_ACK) this.#initChunk(workshop, outbound, chunk);
    else if (chunk === CHUNK_SACK) this.#sackChunk(workshop);
    else if (chunk === CHUNK_COOKIE_ECHO) this.#cookieChunk(workshop);
    else if (chunk === CHUNK_SHUTDOWN) this.#shutdownChunk(workshop);
    else writeChunkHead(workshop, chunk, 4);
  }

  #dataChunk(workshop: Workshop): void {
    const { frame, pool, random, sizes } = workshop;
    const headers = ipHeaderSize(this.start.path.family) + COMMON_HEADER_SIZE + DATA_HEADER_SIZE;
    // Whole words, so that no padding is needed; a chunk holds at least one byte.
    const length = Math.max(4, (sizes.draw(random) - headers) & ~3);
    const at = writeChunkHead(workshop, CHUNK_DATA, DATA_HEADER_SIZE + length);
    frame.view.setUint8(at + 1, WHOLE_MESSAGE);
    frame.header(DATA_HEADER_SIZE - 4);
    frame.view.setUint32(at + 4, this.#transmission++);
    frame.append(pool.draw(random, length), length);
  }

  #initChunk(workshop: Workshop, outbound: boolean, chunk: number): void {
    const { frame } = workshop;
    const cookie = chunk === CHUNK_INIT_ACK ? 4 + COOKIE_SIZE : 0;
    const at = writeChunkHead(workshop, chunk, INIT_SIZE + cookie);
    frame.header(INIT_SIZE - 4);
    frame.view.setUint32(at + 4, outbound ? this.#endpointTag : this.#remoteTag);
    frame.view.setUint32(at + 8, RECEIVER_WINDOW);
    frame.view.setUint16(at + 12, 10); // streams out and in
    frame.view.setUint16(at + 14, 10);
    frame.view.setUint32(at + 16, 1); // first transmission number
    if (cookie === 0) return;
    const parameter = frame.header(4);
    frame.view.setUint16(parameter, PARAMETER_COOKIE);
    frame.view.setUint16(parameter + 2, cookie);
    frame.append(this.start.ports.endpointPort & ~1, COOKIE_SIZE);
  }

  /** The cookie that the remote gave, unchanged: the same place of the pool. */
  #cookieChunk(workshop: Workshop): void {
    writeChunkHead(workshop, CHUNK_COOKIE_ECHO, 4 + COOKIE_SIZE);
    workshop.frame.append(this.start.ports.endpointPort & ~1, COOKIE_SIZE);
  }

  #shutdownChunk(workshop: Workshop): void {
    const at = writeChunkHead(workshop, CHUNK_SHUTDOWN, 8);
    workshop.frame.header(4);
    workshop.frame.view.setUint32(at + 4, this.#transmission - 1);
  }

  #sackChunk(workshop: Workshop): void {
    const at = writeChunkHead(workshop, CHUNK_SACK, SACK_SIZE);
    workshop.frame.header(SACK_SIZE - 4);
    workshop.frame.view.setUint32(at + 4, this.#transmission - 1);
    workshop.frame.view.setUint32(at + 8, RECEIVER_WINDOW);
  }
}

/** Data one way, each acknowledged where answers are in the trace. */
function dataStep(place: number, replies: boolean): Step {
  const outbound = !replies || place % 2 === 0;
  return { outbound, chunk: outbound ? CHUNK_DATA : CHUNK_SACK };
}

function writeChunkHead({ frame }: Workshop, chunk: number, length: number): number {
  const at = frame.header(4);
  frame.view.setUint8(at, chunk);
  frame.view.setUint16(at + 2, length);
  return at;
}
