import { be16, be32, concat, crc32c, onesSum } from "../../support/frames.js";

/** A packet as named fields, which together say all of it. Addresses are dotted or in hex, the rest numbers and hex. */
export type Fields = Map<string, string | number>;

const ICMP = 1;
const TCP = 6;
const UDP = 17;
const ICMPV6 = 58;
const SCTP = 132;
const ICMP_HEADER = 8;
const isExtension = (next: number) => next === 0 || next === 43 || next === 44 || next === 60;

/** Of a datagram that a fragment does not show whole. */
const UNKNOWN_LENGTH = 0x1_0000;

/** True for one of several fragments of a datagram; IPv6 only without other extension headers before its fragment header. */
export function isFragment(packet: Uint8Array): boolean {
  if (packet[0]! >> 4 === 6) return packet[6] === 44 && packet.length >= 48 && (be(packet, 42, 2) & 0xfff9) !== 0;
  return (be(packet, 6, 2) & 0x3fff) !== 0;
}

/** Where in its datagram what a packet carries begins, in bytes. */
export function fragmentOffset(packet: Uint8Array): number {
  if (!isFragment(packet)) return 0;
  return packet[0]! >> 4 === 6 ? be(packet, 42, 2) & 0xfff8 : (be(packet, 6, 2) & 0x1fff) * 8;
}

/** The datagram that fragments make up, or undefined where one is missing. */
export function assembled(pieces: readonly Uint8Array[]): Uint8Array | undefined {
  const inOrder = pieces.toSorted((one, other) => fragmentOffset(one) - fragmentOffset(other));
  const first = inOrder[0];
  if (!first || !inOrder.every(isFragment)) return undefined;
  const isIpv6 = first[0]! >> 4 === 6;
  const size = isIpv6 ? 40 : (first[0]! & 15) * 4;
  const bodies: Uint8Array[] = [];
  let end = 0;
  for (const piece of inOrder) {
    if (fragmentOffset(piece) !== end) return undefined;
    const body = piece.subarray(isIpv6 ? 48 : size);
    bodies.push(body);
    end += body.length;
  }
  const last = inOrder.at(-1)!;
  if ((isIpv6 ? last[43]! & 1 : last[6]! & 0x20) !== 0) return undefined;
  const header = first.slice(0, size);
  header.set(be16(isIpv6 ? end : size + end), isIpv6 ? 4 : 2);
  if (isIpv6) header[6] = first[40]!;
  else header.set(be16(0), 6);
  return concat(header, ...bodies);
}

/**
 * Takes a packet apart. Checksums are told by what they are wrong by, so that packets which differ in addresses and ports only can be
 * compared: 0 = right. In a quotation that is cut, where nobody can recount, it is the part that does not depend on either.
 */
export function dissect(packet: Uint8Array): Fields {
  const fields: Fields = new Map();
  putIp(fields, "", packet, false);
  return fields;
}

function be(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + bytes[at + i]!;
  return value;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** A one's complement sum as an error: 0 where it is right (0 and 0xffff are the same number). */
function error(...parts: readonly Uint8Array[]): number {
  return onesSum(...parts) % 0xffff;
}

function putIp(fields: Fields, at: string, packet: Uint8Array, isQuoted: boolean): void {
  if (packet.length < 20) fields.set(`${at}ip.cut`, hex(packet));
  else if (packet[0]! >> 4 === 6) putIpv6(fields, at, packet, isQuoted);
  else putIpv4(fields, at, packet, isQuoted);
}

function putIpv4(fields: Fields, at: string, packet: Uint8Array, isQuoted: boolean): void {
  const size = (packet[0]! & 15) * 4;
  const total = be(packet, 2, 2);
  const [src, dst] = [packet.subarray(12, 16), packet.subarray(16, 20)];
  fields.set(`${at}ip.version and size`, packet[0]!);
  fields.set(`${at}ip.traffic class`, packet[1]!);
  fields.set(`${at}ip.total length`, total);
  fields.set(`${at}ip.id`, be(packet, 4, 2));
  fields.set(`${at}ip.fragment`, be(packet, 6, 2));
  fields.set(`${at}ip.ttl`, packet[8]!);
  fields.set(`${at}ip.protocol`, packet[9]!);
  fields.set(`${at}ip.checksum`, error(packet.subarray(0, size)));
  fields.set(`${at}ip.src`, src.join("."));
  fields.set(`${at}ip.dst`, dst.join("."));
  fields.set(`${at}ip.options`, hex(packet.subarray(20, size)));
  const body = packet.subarray(size, isQuoted ? packet.length : total);
  const length = isFragment(packet) ? UNKNOWN_LENGTH : total - size;
  if (be(packet, 6, 2) & 0x1fff) fields.set(`${at}payload`, hex(body));
  else putLayer4(fields, at, packet[9]!, body, concat(src, dst), length, isQuoted);
}

function putIpv6(fields: Fields, at: string, packet: Uint8Array, isQuoted: boolean): void {
  const length = be(packet, 4, 2);
  const [src, dst] = [packet.subarray(8, 24), packet.subarray(24, 40)];
  fields.set(`${at}ip.version, class and label`, be(packet, 0, 4));
  fields.set(`${at}ip.payload length`, length);
  fields.set(`${at}ip.next header`, packet[6]!);
  fields.set(`${at}ip.ttl`, packet[7]!);
  fields.set(`${at}ip.src`, hex(src));
  fields.set(`${at}ip.dst`, hex(dst));
  let next = packet[6]!;
  let from = 40;
  let isPart = false;
  while (isExtension(next) && from + 8 <= packet.length) {
    const size = next === 44 ? 8 : (packet[from + 1]! + 1) * 8;
    const isLater = next === 44 && (be(packet, from + 2, 2) & 0xfff8) !== 0;
    if (next === 44) {
      isPart = (be(packet, from + 2, 2) & 0xfff9) !== 0;
      fields.set(`${at}ip.fragment`, hex(packet.subarray(from, from + 4)));
      fields.set(`${at}ip.fragment id`, be(packet, from + 4, 4));
    } else fields.set(`${at}ip.extension ${from}`, hex(packet.subarray(from, from + size)));
    next = packet[from]!;
    from += size;
    if (isLater) next = 59;
  }
  const body = packet.subarray(from, isQuoted ? packet.length : 40 + length);
  putLayer4(fields, at, next, body, concat(src, dst), isPart ? UNKNOWN_LENGTH : 40 + length - from, isQuoted);
}

/** @param length what the IP header says   @param addresses source and destination */
function putLayer4(
  fields: Fields,
  at: string,
  protocol: number,
  body: Uint8Array,
  addresses: Uint8Array,
  length: number,
  isQuoted: boolean,
): void {
  const isIcmp = protocol === ICMP || protocol === ICMPV6;
  if (isIcmp && body.length >= ICMP_HEADER) return putIcmp(fields, at, protocol, body, addresses, length, isQuoted);
  if (![TCP, UDP, SCTP].includes(protocol) || body.length < 8) {
    fields.set(`${at}payload`, hex(body));
    return;
  }
  fields.set(`${at}source port`, be(body, 0, 2));
  fields.set(`${at}destination port`, be(body, 2, 2));
  const checksumAt = protocol === TCP ? 16 : protocol === UDP ? 6 : 8;
  const size = protocol === SCTP ? 4 : 2;
  if (body.length < checksumAt + size) {
    // Half a checksum depends on addresses and ports, too, and nobody can tell how.
    fields.set(`${at}transport`, hex(body.subarray(4, checksumAt)));
    return;
  }
  fields.set(`${at}checksum`, transportError(protocol, body, addresses, length));
  fields.set(`${at}transport`, hex(concat(body.subarray(4, checksumAt), body.subarray(checksumAt + size))));
}

function transportError(protocol: number, body: Uint8Array, addresses: Uint8Array, length: number): string | number {
  if (protocol === UDP && be(body, 6, 2) === 0) return "none";
  if (protocol === SCTP) {
    // It covers what lies in other fragments, and a port.
    if (length === UNKNOWN_LENGTH) return "in fragments";
    if (body.length < length) return hex(withoutPorts(body, length));
    const zeroed = concat(body.subarray(0, 8), new Uint8Array(4), body.subarray(12));
    return (crc32c(zeroed) ^ new DataView(body.buffer, body.byteOffset).getUint32(8, true)) >>> 0;
  }
  const stored = protocol === TCP ? body.subarray(16, 18) : body.subarray(6, 8);
  if (body.length < length) return error(addresses, body.subarray(0, 4), stored);
  const covered = protocol === UDP ? body.subarray(0, be(body, 4, 2)) : body;
  return error(addresses, be32(covered.length), be16(protocol), covered);
}

/** The CRC that a packet of SCTP would have with ports 0: CRCs are linear. @param length bytes of the packet */
function withoutPorts(body: Uint8Array, length: number): Uint8Array {
  const zeros = new Uint8Array(length);
  const change = crc32c(zeros) ^ crc32c(concat(body.subarray(0, 4), zeros.subarray(4)));
  const view = new DataView(body.buffer, body.byteOffset);
  return be32((view.getUint32(8, true) ^ change) >>> 0);
}

function putIcmp(
  fields: Fields,
  at: string,
  protocol: number,
  body: Uint8Array,
  addresses: Uint8Array,
  length: number,
  isQuoted: boolean,
): void {
  const [type, code] = [body[0]!, body[1]!];
  fields.set(`${at}icmp.type`, type);
  fields.set(`${at}icmp.code`, code);
  const pseudo = protocol === ICMPV6 ? concat(addresses, be32(length), be32(ICMPV6)) : new Uint8Array(0);
  const isWhole = body.length >= length;
  fields.set(
    `${at}icmp.checksum`,
    isWhole ? error(pseudo, body) : error(pseudo, body.subarray(2, 4), body.subarray(4, 6)),
  );
  if (isError(protocol, type) && !isQuoted) {
    fields.set(`${at}icmp.word`, hex(body.subarray(4, 8)));
    putIp(fields, `quoted ${at}`, body.subarray(ICMP_HEADER), true);
    return;
  }
  fields.set(`${at}icmp.id`, be(body, 4, 2));
  fields.set(`${at}payload`, hex(body.subarray(6)));
}

function isError(protocol: number, type: number): boolean {
  return protocol === ICMPV6 ? type < 128 : [3, 4, 5, 11, 12].includes(type);
}
