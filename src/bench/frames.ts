import { addWords, fold } from "../net/recount.js";
import { evenly, FrameLayout } from "./frame-layout.js";

/** Bytes of every IPv4 benchmark frame that is not of a mix, captured and on the wire, and the distance of their starts in the arena. */
export const FRAME_BYTES = 64;

/** Traffic of one kind; `tcp6` = TCP over IPv6. */
export type Protocol = "tcp" | "udp" | "tcp6";

/** Lengths of frames: all of FRAME_BYTES, or IMIX, packets of 40, 576 and 1500 bytes at 7:4:1. */
export type FrameSizes = "64" | "imix";

/** Where frames of one kind lie. */
export function frameLayout(protocol: Protocol, sizes: FrameSizes): FrameLayout {
  const header = protocol === "tcp6" ? IPV6 : IPV4;
  if (sizes === "64") return evenly(FRAME_BYTES - IPV4 + header);
  return new FrameLayout(
    IMIX_PACKETS.map((packet) => frameBytesOf(packet)),
    CACHE_LINE,
  );
}

/** @param packet bytes of the IP packet */
function frameBytesOf(packet: number): number {
  return Math.max(LEAST_FRAME, ETHERNET + packet);
}

/** The first 96 bits of every IPv6 address of the benchmark, 2001:db8::; what follows is the IPv4 address. */
const IPV6_PREFIX = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0];

/** The IPv6 address that stands for an IPv4 one given as text. */
export function ipv6Of(ipv4: string): string {
  return `2001:db8::${ipv4}`;
}

export const TCP_SYN = 0x02;
export const TCP_SYN_ACK = 0x12;
export const TCP_ACK = 0x10;

const ETHERNET = 14;
const IPV4 = 20;
const IPV6 = 40;
/** The shortest Ethernet frame without its check sequence: shorter packets are padded. */
const LEAST_FRAME = 60;
const CACHE_LINE = 64;
/** One of 1500, four of 576 and seven of 40 bytes, spread. */
const IMIX_PACKETS = [40, 576, 40, 40, 576, 40, 1500, 40, 576, 40, 576, 40];
const LEAST_IMIX = Math.min(...IMIX_PACKETS);
const PROTOCOL_NUMBERS = { tcp: 6, udp: 17, tcp6: 6 } as const;

/** Addresses and ports of one packet, host order; the last 32 bits of IPv6 addresses. */
export interface Tuple {
  src: number;
  dst: number;
  srcPort: number;
  dstPort: number;
}

/** Where the last 32 bits of the addresses, and the transport header, stand in a frame. */
interface Places {
  readonly src: number;
  readonly dst: number;
  readonly l4: number;
}
const IPV4_PLACES: Places = { src: ETHERNET + 12, dst: ETHERNET + 16, l4: ETHERNET + IPV4 };
const IPV6_PLACES: Places = { src: ETHERNET + 8 + 12, dst: ETHERNET + 24 + 12, l4: ETHERNET + IPV6 };

function placesOf(protocol: Protocol): Places {
  return protocol === "tcp6" ? IPV6_PLACES : IPV4_PLACES;
}

/** Writes Ethernet, IP, TCP or UDP frames with right checksums. One template per protocol; no object per frame. */
export class FrameWriter {
  readonly frameBytes: number;
  readonly #template: Uint8Array;
  readonly #places: Places;
  readonly #ipSum: number;
  readonly #l4Sum: number;
  readonly #checksumAt: number;
  readonly #isTcp: boolean;
  readonly #isIpv6: boolean;

  /** @param frameBytes of each frame; one of LEAST_FRAME bytes holds the shortest packet of the mix and padding */
  constructor(protocol: Protocol, frameBytes: number) {
    this.frameBytes = frameBytes;
    this.#template = new Uint8Array(this.frameBytes);
    this.#places = placesOf(protocol);
    this.#isTcp = protocol !== "udp";
    this.#isIpv6 = protocol === "tcp6";
    const t = this.#template;
    const number = PROTOCOL_NUMBERS[protocol];
    const { l4 } = this.#places;
    const end = frameBytes === LEAST_FRAME ? ETHERNET + LEAST_IMIX : frameBytes;
    const l4Bytes = end - l4;
    const [high, low] = [l4Bytes >> 8, l4Bytes & 255];
    this.#checksumAt = l4 + (this.#isTcp ? 16 : 6);
    t.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ...(this.#isIpv6 ? [0x86, 0xdd] : [8, 0])]);
    if (this.#isIpv6) t.set([0x60, 0, 0, 0, high, low, number, 64, ...IPV6_PREFIX], ETHERNET);
    else t.set([0x45, 0, (IPV4 + l4Bytes) >> 8, (IPV4 + l4Bytes) & 255, 0x12, 0x34, 0x40, 0, 64, number], ETHERNET);
    if (this.#isIpv6) t.set(IPV6_PREFIX, ETHERNET + 24);
    if (this.#isTcp) t.set([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0, 0xff, 0xff], l4 + 4);
    else t.set([high, low], l4 + 4);
    for (let i = l4 + (this.#isTcp ? 20 : 8); i < end; i++) t[i] = i;
    this.#ipSum = addWords(0, t, ETHERNET, l4);
    const pseudo = this.#isIpv6 ? addWords(0, t, ETHERNET + 8, l4) : 0;
    this.#l4Sum = addWords(pseudo + number + l4Bytes, t, l4, end);
  }

  /** Writes one frame at `view`'s byte `at`. @param tcpFlags ignored for UDP */
  write(view: DataView, at: number, tuple: Tuple, tcpFlags: number): void {
    const { src, dst, l4 } = this.#places;
    new Uint8Array(view.buffer, view.byteOffset + at, this.frameBytes).set(this.#template);
    const addresses = (tuple.src >>> 16) + (tuple.src & 0xffff) + (tuple.dst >>> 16) + (tuple.dst & 0xffff);
    view.setUint32(at + src, tuple.src);
    view.setUint32(at + dst, tuple.dst);
    if (!this.#isIpv6) view.setUint16(at + ETHERNET + 10, ~fold(this.#ipSum + addresses) & 0xffff);
    view.setUint16(at + l4, tuple.srcPort);
    view.setUint16(at + l4 + 2, tuple.dstPort);
    const flags = this.#isTcp ? tcpFlags : 0;
    if (this.#isTcp) view.setUint8(at + l4 + 13, flags);
    const sum = ~fold(this.#l4Sum + addresses + tuple.srcPort + tuple.dstPort + flags) & 0xffff;
    view.setUint16(at + this.#checksumAt, sum === 0 && !this.#isTcp ? 0xffff : sum);
  }
}

/** The tuple of such a frame at byte `at`. */
export function readTuple(view: DataView, at: number, tuple: Tuple, protocol: Protocol): void {
  const { src, dst, l4 } = placesOf(protocol);
  tuple.src = view.getUint32(at + src);
  tuple.dst = view.getUint32(at + dst);
  tuple.srcPort = view.getUint16(at + l4);
  tuple.dstPort = view.getUint16(at + l4 + 2);
}
