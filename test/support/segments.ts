/** TCP, UDP, SCTP and ICMP in words, for `frames.ts`, which puts packets and frames around them. */
import { parseAddress } from "../../src/net/address.js";

/** A verbatim value, the pseudo-header sum that a sender with transmit offload leaves, or the right value plus an error. */
export type ChecksumChoice = number | "partial" | { readonly wrongBy: number };

/** What follows an IP header; it learns the addresses only when a packet is put around it. */
export interface Layer4 {
  protocol(family: 4 | 6): number;
  bytes(pseudo: PseudoHeader): Uint8Array;
}

export interface PseudoHeader {
  readonly family: 4 | 6;
  /** 4 or 16 bytes, network order. */
  readonly src: Uint8Array;
  readonly dst: Uint8Array;
}

export interface TcpFields {
  srcPort: number;
  dstPort: number;
  seq?: number;
  ack?: number;
  /** Words out of FIN SYN RST PSH ACK URG ECE CWR; default "ACK". */
  flags?: string;
  window?: number;
  urgent?: number | undefined;
  /** Padded with zero bytes to a multiple of 4. */
  options?: Uint8Array;
  payload?: Uint8Array;
  checksum?: ChecksumChoice | undefined;
}

export const TCP_FLAG_BITS: Record<string, number> = {
  FIN: 1,
  SYN: 2,
  RST: 4,
  PSH: 8,
  ACK: 16,
  URG: 32,
  ECE: 64,
  CWR: 128,
};

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** `length` bytes that depend on `seed`, so that a moved or swapped payload shows. */
export function patterned(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 97 + (i >> 8)) & 0xff);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** 4 bytes for a dotted quad, 16 for an IPv6 text. */
export function addressOctets(address: string): Uint8Array {
  const bytes = parseAddress(address);
  if (!bytes) throw new Error(`${address} is no address`);
  return address.includes(":") ? bytes : bytes.slice(12);
}

/** Plain RFC 1071 sum of 16-bit words, folded, not inverted; an odd last byte is padded with zero. */
export function onesSum(...parts: readonly Uint8Array[]): number {
  const all = concat(...parts);
  let sum = 0;
  for (let i = 0; i < all.length; i += 2) sum += all[i] * 256 + (all[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 65536);
  return sum;
}

export function pseudoHeaderBytes(pseudo: PseudoHeader, protocol: number, length: number): Uint8Array {
  if (pseudo.family === 4) {
    return concat(pseudo.src, pseudo.dst, Uint8Array.of(0, protocol), be16(length));
  }
  return concat(pseudo.src, pseudo.dst, be32(length), Uint8Array.of(0, 0, 0, protocol));
}

/** CRC32c (RFC 9260 appendix A) bit by bit: slow, plain, and hard to get wrong. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

export function tcp(fields: TcpFields): Layer4 {
  const options = padTo(fields.options ?? new Uint8Array(0), 4);
  let flags = 0;
  for (const word of (fields.flags ?? "ACK").split(/\s+/)) {
    if (word !== "" && TCP_FLAG_BITS[word] === undefined) throw new Error(`${word} is no TCP flag`);
    flags |= TCP_FLAG_BITS[word] ?? 0;
  }
  const header = concat(
    be16(fields.srcPort),
    be16(fields.dstPort),
    be32(fields.seq ?? 1),
    be32(fields.ack ?? 0),
    Uint8Array.of(((20 + options.length) / 4) << 4, flags),
    be16(fields.window ?? 8192),
    be16(0),
    be16(fields.urgent ?? 0),
    options,
  );
  const segment = concat(header, fields.payload ?? new Uint8Array(0));
  return transport(6, segment, 16, fields.checksum);
}

export function udp(fields: {
  srcPort: number;
  dstPort: number;
  payload?: Uint8Array;
  checksum?: ChecksumChoice | undefined;
}): Layer4 {
  const payload = fields.payload ?? new Uint8Array(0);
  const segment = concat(be16(fields.srcPort), be16(fields.dstPort), be16(8 + payload.length), be16(0), payload);
  return transport(17, segment, 6, fields.checksum);
}

/** SCTP with a right CRC32c unless `checksum` gives another (as the four bytes read big-endian). */
export function sctp(fields: {
  srcPort: number;
  dstPort: number;
  tag?: number;
  /** Whole chunks, each with its header; default one INIT. */
  chunks?: Uint8Array;
  checksum?: number | undefined;
}): Layer4 {
  const init = concat(Uint8Array.of(1, 0), be16(20), be32(0x01020304), be32(65536), be16(10), be16(10), be32(7));
  const packet = concat(
    be16(fields.srcPort),
    be16(fields.dstPort),
    be32(fields.tag ?? 0),
    be32(0),
    fields.chunks ?? init,
  );
  if (fields.checksum === undefined) new DataView(packet.buffer).setUint32(8, crc32c(packet), true);
  else packet.set(be32(fields.checksum), 8);
  return { protocol: () => 132, bytes: () => packet.slice() };
}

/** ICMP or ICMPv6 echo, whichever the packet around it needs. */
export function icmpEcho(fields: {
  id: number;
  seq?: number;
  reply?: boolean;
  payload?: Uint8Array;
  checksum?: ChecksumChoice | undefined;
}): Layer4 {
  const rest = concat(be16(fields.id), be16(fields.seq ?? 1), fields.payload ?? text("0123456789abcdef"));
  return {
    protocol: icmpProtocol,
    bytes: (pseudo) => {
      const type = pseudo.family === 4 ? (fields.reply ? 0 : 8) : fields.reply ? 129 : 128;
      return icmpBytes(pseudo, type, 0, rest, fields.checksum);
    },
  };
}

/** Any ICMP(v6) message: type, code, the four bytes after the checksum and the rest. `inner` of an error is an IP packet. */
export function icmpMessage(fields: {
  type: number;
  code?: number;
  /** The four bytes after the checksum, e.g. the MTU of a "too big". */
  word?: number;
  inner?: Uint8Array;
  checksum?: ChecksumChoice | undefined;
}): Layer4 {
  const rest = concat(be32(fields.word ?? 0), fields.inner ?? new Uint8Array(0));
  return {
    protocol: icmpProtocol,
    bytes: (pseudo) => icmpBytes(pseudo, fields.type, fields.code ?? 0, rest, fields.checksum),
  };
}

/** Bytes of a protocol that has no ports here (GRE 47, ESP 50, …). */
export function otherProtocol(protocol: number, payload: Uint8Array): Layer4 {
  return { protocol: () => protocol, bytes: () => payload };
}

export function be16(value: number): Uint8Array {
  return Uint8Array.of((value >> 8) & 0xff, value & 0xff);
}

export function be32(value: number): Uint8Array {
  return Uint8Array.of((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/** One's complement addition, so that a checksum is wrong by exactly `by` modulo 0xFFFF. */
export function addOnes(checksum: number, by: number): number {
  const sum = checksum + by;
  return sum > 0xffff ? (sum & 0xffff) + 1 : sum;
}

export function padTo(bytes: Uint8Array, multiple: number): Uint8Array {
  const rest = bytes.length % multiple;
  return rest === 0 ? bytes : concat(bytes, new Uint8Array(multiple - rest));
}

function transport(protocol: number, segment: Uint8Array, checksumAt: number, choice?: ChecksumChoice): Layer4 {
  return {
    protocol: () => protocol,
    bytes: (pseudo) => {
      const out = segment.slice();
      const pseudoBytes = pseudoHeaderBytes(pseudo, protocol, out.length);
      out.set(be16(chosenChecksum(choice, pseudoBytes, out, protocol === 17)), checksumAt);
      return out;
    },
  };
}

function chosenChecksum(
  choice: ChecksumChoice | undefined,
  pseudoBytes: Uint8Array,
  zeroed: Uint8Array,
  zeroMeansNone: boolean,
): number {
  if (typeof choice === "number") return choice;
  if (choice === "partial") return onesSum(pseudoBytes);
  const right = ~onesSum(pseudoBytes, zeroed) & 0xffff;
  const sum = choice ? addOnes(right, choice.wrongBy) : right;
  return sum === 0 && zeroMeansNone ? 0xffff : sum;
}

function icmpBytes(pseudo: PseudoHeader, type: number, code: number, rest: Uint8Array, choice?: ChecksumChoice) {
  const message = concat(Uint8Array.of(type, code, 0, 0), rest);
  const covered = pseudo.family === 4 ? new Uint8Array(0) : pseudoHeaderBytes(pseudo, 58, message.length);
  message.set(be16(chosenChecksum(choice, covered, message, false)), 2);
  return message;
}

function icmpProtocol(family: 4 | 6): number {
  return family === 4 ? 1 : 58;
}
