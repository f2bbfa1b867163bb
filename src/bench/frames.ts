import { addWords, fold } from "../net/recount.js";

/** Bytes of every benchmark frame, captured and on the wire, and the distance of their starts in the arena. */
export const FRAME_BYTES = 64;

export type Protocol = "tcp" | "udp";

export const TCP_SYN = 0x02;
export const TCP_SYN_ACK = 0x12;
export const TCP_ACK = 0x10;

const ETHERNET = 14;
const IP_TOTAL = FRAME_BYTES - ETHERNET;
const L4 = ETHERNET + 20;
const PROTOCOL_NUMBERS = { tcp: 6, udp: 17 } as const;

/** Addresses and ports of one packet, host order. */
export interface Tuple {
  src: number;
  dst: number;
  srcPort: number;
  dstPort: number;
}

/** Writes 64-byte Ethernet, IPv4, TCP or UDP frames with right checksums. One template per protocol; no object per frame. */
export class FrameWriter {
  readonly #template = new Uint8Array(FRAME_BYTES);
  readonly #ipSum: number;
  readonly #l4Sum: number;
  readonly #checksumAt: number;
  readonly #isTcp: boolean;

  constructor(protocol: Protocol) {
    const t = this.#template;
    const number = PROTOCOL_NUMBERS[protocol];
    this.#isTcp = protocol === "tcp";
    this.#checksumAt = L4 + (this.#isTcp ? 16 : 6);
    t.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
    t.set([0x45, 0, 0, IP_TOTAL, 0x12, 0x34, 0x40, 0, 64, number], ETHERNET);
    if (this.#isTcp) t.set([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0, 0xff, 0xff], L4 + 4);
    else t.set([0, IP_TOTAL - 20], L4 + 4);
    for (let i = L4 + (this.#isTcp ? 20 : 8); i < FRAME_BYTES; i++) t[i] = i;
    this.#ipSum = addWords(0, t, ETHERNET, L4);
    this.#l4Sum = addWords(number + IP_TOTAL - 20, t, L4, FRAME_BYTES);
  }

  /** Writes one frame at `view`'s byte `at`. @param tcpFlags ignored for UDP */
  write(view: DataView, at: number, tuple: Tuple, tcpFlags: number): void {
    new Uint8Array(view.buffer, view.byteOffset + at, FRAME_BYTES).set(this.#template);
    const addresses = (tuple.src >>> 16) + (tuple.src & 0xffff) + (tuple.dst >>> 16) + (tuple.dst & 0xffff);
    view.setUint32(at + ETHERNET + 12, tuple.src);
    view.setUint32(at + ETHERNET + 16, tuple.dst);
    view.setUint16(at + ETHERNET + 10, ~fold(this.#ipSum + addresses) & 0xffff);
    view.setUint16(at + L4, tuple.srcPort);
    view.setUint16(at + L4 + 2, tuple.dstPort);
    const flags = this.#isTcp ? tcpFlags : 0;
    if (this.#isTcp) view.setUint8(at + L4 + 13, flags);
    const sum = ~fold(this.#l4Sum + addresses + tuple.srcPort + tuple.dstPort + flags) & 0xffff;
    view.setUint16(at + this.#checksumAt, sum === 0 && !this.#isTcp ? 0xffff : sum);
  }
}

/** The tuple of an IPv4 frame without options at byte `at`. */
export function readTuple(view: DataView, at: number, tuple: Tuple): void {
  tuple.src = view.getUint32(at + ETHERNET + 12);
  tuple.dst = view.getUint32(at + ETHERNET + 16);
  tuple.srcPort = view.getUint16(at + L4);
  tuple.dstPort = view.getUint16(at + L4 + 2);
}
