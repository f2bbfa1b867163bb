import type { PayloadPool } from "./payload.js";
import { type Family, writeEndpoint, writeEndpointMac, writeNodeMac, writeRemote } from "./population.js";

const MAX_FRAME_SIZE = 2048;
export const ETHERNET_SIZE = 14;
const IPV4_SIZE = 20;
const IPV6_SIZE = 40;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const DONT_FRAGMENT = 0x4000;
const ENDPOINT_TTL = 64;

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
export const PROTOCOL_FRAGMENT = 44;
export const PROTOCOL_ICMPV6 = 58;
export const PROTOCOL_SCTP = 132;

/** Who talks to whom in a frame. */
export interface Path {
  readonly family: Family;
  readonly endpoint: number;
  readonly remote: number;
  /** TTL of the remote's packets where the endpoint sees them. */
  readonly remoteTtl: number;
}

/**
 * Builds one Ethernet frame at a time in a buffer of its own: `start`, the header of the upper protocol at `l4`,
 * payload with `append`, then `finish`. Everything written is big-endian.
 */
export class FrameBuilder {
  readonly bytes = new Uint8Array(MAX_FRAME_SIZE);
  readonly view = new DataView(this.bytes.buffer);
  /** Length of the frame so far, bytes. */
  length = 0;
  /** Where the upper protocol's header starts. */
  l4 = 0;
  path: Path = { family: 4, endpoint: 0, remote: 0, remoteTtl: 64 };
  outbound = true;
  readonly #pool: PayloadPool;
  /** Sum of the words of the payload appended. */
  #payloadSum = 0;

  constructor(pool: PayloadPool) {
    this.#pool = pool;
  }

  /** Length of the IP packet. */
  get packetLength(): number {
    return this.length - ETHERNET_SIZE;
  }

  /** Writes the Ethernet and IP headers; their lengths and checksum follow in `finish`. */
  start(path: Path, outbound: boolean, protocol: number, ipId: number): void {
    this.path = path;
    this.outbound = outbound;
    this.#payloadSum = 0;
    const toAt = outbound ? 0 : 6;
    writeNodeMac(this.view, toAt);
    writeEndpointMac(this.view, 6 - toAt, path.endpoint);
    this.view.setUint16(12, path.family === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
    if (path.family === 4) this.#startIPv4(path, outbound, protocol, ipId);
    else this.#startIPv6(path, outbound, protocol);
    this.length = this.l4;
  }

  /** Room for a header of `size` bytes behind what is there, zeroed. @returns where it starts */
  header(size: number): number {
    const at = this.length;
    for (let i = at; i < at + size; i++) this.bytes[i] = 0;
    this.length = at + size;
    return at;
  }

  /** Appends bytes of the pool. */
  append(poolAt: number, length: number): void {
    if (length === 0) return;
    this.bytes.set(this.#pool.bytes.subarray(poolAt, poolAt + length), this.length);
    this.#payloadSum += this.#pool.sum(poolAt, length);
    this.length += length;
  }

  /** Appends other bytes; headers and bytes before have even length. */
  appendBytes(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.length);
    this.#payloadSum += sumOfBytes(bytes);
    this.length += bytes.length;
  }

  /** Writes the IP length and the IPv4 header checksum. */
  finish(): void {
    if (this.path.family === 6) {
      this.view.setUint16(ETHERNET_SIZE + 4, this.packetLength - IPV6_SIZE);
      return;
    }
    this.view.setUint16(ETHERNET_SIZE + 2, this.packetLength);
    writeIPv4Checksum(this.view, ETHERNET_SIZE);
  }

  /**
   * The checksum of the upper protocol over the header of `headerSize` bytes at `l4` and the payload appended.
   * Its own field must hold zero. With a protocol number other than ICMP it covers the pseudo-header too.
   */
  checksum(protocol: number, headerSize: number): number {
    const { view, l4 } = this;
    let sum = this.#payloadSum;
    for (let at = l4; at < l4 + headerSize; at += 2) sum += view.getUint16(at);
    if (protocol !== PROTOCOL_ICMP) sum += this.pseudoHeaderSum(protocol, this.length - l4);
    return complement(sum);
  }

  /** Sum of the words of the pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1). */
  pseudoHeaderSum(protocol: number, length: number): number {
    const from = ETHERNET_SIZE + (this.path.family === 6 ? 8 : 12);
    const to = from + (this.path.family === 6 ? 32 : 8);
    let sum = protocol + length;
    for (let at = from; at < to; at += 2) sum += this.view.getUint16(at);
    return sum;
  }

  #startIPv4(path: Path, outbound: boolean, protocol: number, ipId: number): void {
    const { view } = this;
    const at = ETHERNET_SIZE;
    view.setUint16(at, 0x4500); // version 4, header of five words, no service class
    view.setUint16(at + 4, ipId);
    view.setUint16(at + 6, DONT_FRAGMENT);
    view.setUint8(at + 8, outbound ? ENDPOINT_TTL : path.remoteTtl);
    view.setUint8(at + 9, protocol);
    writeEndpoint(view, at + (outbound ? 12 : 16), 4, path.endpoint);
    writeRemote(view, at + (outbound ? 16 : 12), 4, path.remote);
    this.l4 = at + IPV4_SIZE;
  }

  #startIPv6(path: Path, outbound: boolean, protocol: number): void {
    const { view } = this;
    const at = ETHERNET_SIZE;
    view.setUint32(at, 0x60000000); // version 6, no traffic class, no flow label
    view.setUint8(at + 6, protocol);
    view.setUint8(at + 7, outbound ? ENDPOINT_TTL : path.remoteTtl);
    writeEndpoint(view, at + (outbound ? 8 : 24), 6, path.endpoint);
    writeRemote(view, at + (outbound ? 24 : 8), 6, path.remote);
    this.l4 = at + IPV6_SIZE;
  }
}

/** Writes the checksum of the IPv4 header without options at `at` (RFC 791 section 3.1). */
export function writeIPv4Checksum(view: DataView, at: number): void {
  view.setUint16(at + 10, 0);
  let sum = 0;
  for (let word = at; word < at + IPV4_SIZE; word += 2) sum += view.getUint16(word);
  view.setUint16(at + 10, complement(sum));
}

/** One's complement of the folded sum (RFC 1071). `sum` is below 2^32. */
export function complement(sum: number): number {
  let folded = (sum & 0xffff) + (sum >>> 16);
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return ~folded & 0xffff;
}

export function ipHeaderSize(family: Family): number {
  return family === 4 ? IPV4_SIZE : IPV6_SIZE;
}

function sumOfBytes(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at++) sum += bytes[at]! * (at & 1 ? 1 : 256);
  return sum;
}
