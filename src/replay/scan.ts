import * as layout from "../../assembly/outside/layout.js";
import { type FrameIndex, LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2 } from "../capture/types.js";
import { formatAddress } from "../net/address.js";
import { hexOf } from "../net/bytes.js";
import {
  decodeFrame,
  destinationAddress,
  destinationPort,
  type IpPacket,
  readBe16,
  sourceAddress,
  sourcePort,
} from "../net/decode.js";
import type { KnownAddress } from "./known-addresses.js";

const OVERLAY_PORTS = [8472, 4789, 6081];
const GENEVE_PORT = 6081;
const WIREGUARD_PORT = 51871;
const PROTOCOL_ESP = 50;
const HEADERS_SIZE = 16; // UDP and VXLAN or the fixed part of Geneve
/** Copies of one packet lie closer together than any retransmission. */
const COPY_WINDOW_NS = BigInt(layout.COPY_WINDOW_MS) * 1_000_000n;
const COMPARED = 48;

interface Seen {
  readonly time: bigint;
  /** How often the packet was seen in each way. */
  readonly views: Map<string, number>;
}

/** Statistics of the first frames of one interface, for the decision about it. Host-side: an object per frame, a bounded number of them. */
export class Scan {
  frames = 0;
  /** Frames with an IP header. */
  packets = 0;
  fromEndpoint = 0;
  toEndpoint = 0;
  /** To an egress IP, from no node and no pod. */
  toEgress = 0;
  /** From a node or an egress IP to somewhere outside. */
  translated = 0;
  encrypted = 0;
  overlay = 0;
  overlayReadable = 0;
  /** Overlay packets whose inner frame is of a pod. */
  innerOfEndpoint = 0;
  /** Packets seen again in another way: another interface, direction, TTL, tag or MAC. */
  copies = 0;
  /** Packets seen a second time in the same way at once, and those seen more often: what repeats more than once is no mirror's doing. */
  twins = 0;
  repeats = 0;
  readonly #addresses: ReadonlyMap<string, KnownAddress>;
  readonly #overlayPorts: ReadonlySet<number>;
  readonly #seen = new Map<string, Seen>();

  constructor(addresses: ReadonlyMap<string, KnownAddress>, tunnelPort: number) {
    this.#addresses = addresses;
    this.#overlayPorts = new Set([...OVERLAY_PORTS, tunnelPort]);
  }

  add(memory: Uint8Array, index: FrameIndex, i: number, linkType: number): void {
    this.frames++;
    const frame = memory.subarray(index.offset[i]!, index.offset[i]! + index.capturedLength[i]!);
    const packet = decodeFrame(frame, linkType, Math.max(index.wireLength[i]!, frame.length));
    if (!packet) return;
    this.packets++;
    const time = (BigInt(index.timeHigh[i]!) << 32n) | BigInt(index.timeLow[i]!);
    const inner = this.#count(frame, packet);
    const innerPacket = inner && decodeFrame(inner, LINKTYPE_ETHERNET, inner.length);
    // Overlay packets are told apart by what they carry: their own IP ID is often zero.
    if (inner && innerPacket) this.#lookForCopy(inner, innerPacket, time, LINKTYPE_ETHERNET);
    else this.#lookForCopy(frame, packet, time, linkType);
  }

  #flags(frame: Uint8Array, packet: IpPacket): { src: number; dst: number } {
    const of = (bytes: Uint8Array) => this.#addresses.get(formatAddress(bytes))?.flags ?? 0;
    return { src: of(sourceAddress(frame, packet)), dst: of(destinationAddress(frame, packet)) };
  }

  /** @returns the inner frame of an overlay packet */
  #count(frame: Uint8Array, packet: IpPacket): Uint8Array | undefined {
    const { src, dst } = this.#flags(frame, packet);
    if (src & layout.ADDRESS_ENDPOINT) this.fromEndpoint++;
    if (dst & layout.ADDRESS_ENDPOINT) this.toEndpoint++;
    if ((src | dst) & layout.ADDRESS_ENDPOINT) return undefined;
    if (packet.kind === "udp" && this.#overlayPorts.has(destinationPort(frame, packet)))
      return this.#countOverlay(frame, packet);
    if (!((src | dst) & (layout.ADDRESS_NODE | layout.ADDRESS_EGRESS))) return undefined;
    if (isEncrypted(frame, packet)) this.encrypted++;
    else if (src) this.translated++;
    else if (dst & layout.ADDRESS_EGRESS) this.toEgress++;
    return undefined;
  }

  #countOverlay(frame: Uint8Array, packet: IpPacket): Uint8Array | undefined {
    this.overlay++;
    const inner = innerFrame(frame, packet);
    const innerPacket = inner && decodeFrame(inner, LINKTYPE_ETHERNET, inner.length);
    if (!inner) return undefined;
    this.overlayReadable++;
    if (!innerPacket) return inner;
    const { src, dst } = this.#flags(inner, innerPacket);
    if ((src | dst) & layout.ADDRESS_ENDPOINT) this.innerOfEndpoint++;
    return inner;
  }

  #lookForCopy(frame: Uint8Array, packet: IpPacket, time: bigint, linkType: number): void {
    const key = identityOf(frame, packet);
    const view = viewOf(frame, packet, linkType);
    const seen = this.#seen.get(key);
    const age = seen === undefined ? -1n : time - seen.time;
    if (!seen || age < 0n || age > COPY_WINDOW_NS) {
      this.#seen.set(key, { time, views: new Map([[view, 1]]) });
      return;
    }
    const times = (seen.views.get(view) ?? 0) + 1;
    seen.views.set(view, times);
    if (times === 1) this.copies++;
    else if (times === 2) this.twins++;
    else this.repeats++;
  }
}

function isEncrypted(frame: Uint8Array, packet: IpPacket): boolean {
  if (packet.protocol === PROTOCOL_ESP) return true;
  if (packet.kind !== "udp") return false;
  return destinationPort(frame, packet) === WIREGUARD_PORT || sourcePort(frame, packet) === WIREGUARD_PORT;
}

/** The Ethernet frame in a VXLAN or Geneve packet; undefined where there is none, or it was not captured. */
function innerFrame(frame: Uint8Array, packet: IpPacket): Uint8Array | undefined {
  const at = packet.transportAt + 8;
  if (at + 8 >= packet.end) return undefined;
  if (destinationPort(frame, packet) !== GENEVE_PORT) {
    return frame[at]! & 0x08 ? frame.subarray(packet.transportAt + HEADERS_SIZE, packet.end) : undefined;
  }
  const optionBytes = (frame[at]! & 0x3f) * 4;
  if (frame[at]! >> 6 !== 0 || readBe16(frame, at + 2) !== 0x6558) return undefined;
  return frame.subarray(packet.transportAt + HEADERS_SIZE + optionBytes, packet.end);
}

/** Text of what all copies of a packet share: all but TTL and header checksum. */
function identityOf(frame: Uint8Array, packet: IpPacket): string {
  const body = packet.transportAt >= 0 ? packet.transportAt : packet.at + (packet.family === 4 ? 20 : 40);
  const fixed =
    packet.family === 4
      ? [packet.at + 2, packet.at + 8, packet.at + 12, packet.at + 20]
      : [packet.at + 8, packet.at + 40];
  let text = `${packet.protocol}`;
  for (let i = 0; i + 1 < fixed.length; i += 2) text += hex(frame, fixed[i]!, fixed[i + 1]!);
  return text + hex(frame, body, Math.min(packet.end, body + COMPARED));
}

function viewOf(frame: Uint8Array, packet: IpPacket, linkType: number): string {
  const ttl = frame[packet.ttlAt]!;
  switch (linkType) {
    case LINKTYPE_ETHERNET:
      return `${ttl} ${hex(frame, 0, 14)}`;
    case LINKTYPE_LINUX_SLL:
      return `${ttl} ${hex(frame, 0, 2)}`;
    case LINKTYPE_LINUX_SLL2:
      return `${ttl} ${hex(frame, 4, 11)}`;
    default:
      return `${ttl}`;
  }
}

function hex(bytes: Uint8Array, from: number, to: number): string {
  return hexOf(bytes.subarray(from, Math.max(from, to)));
}
