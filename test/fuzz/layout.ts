import * as abi from "../../assembly/abi.js";
import { decodeFrame, type IpPacket, isFragment, isWhole, PROTOCOL_SCTP, PROTOCOL_UDP } from "../../src/net/decode.js";
import { addWords, fold, pseudoHeaderSum, sctpCrc } from "../../src/net/recount.js";
import type { FuzzRecord } from "./frame-input.js";

/** One header field of a frame: where it lies, and how many bytes it has. */
export interface FieldAt {
  readonly at: number;
  readonly size: number;
}

/** LINKTYPE_* by LINK_*. */
const LINK_TYPES = [-1, 1, 101, 113, 276, 0, 9];

export function linkTypeOf(link: number): number {
  return LINK_TYPES[link] ?? -1;
}

export function decodeRecord({
  bytes,
  link,
  extra,
}: Pick<FuzzRecord, "bytes" | "link" | "extra">): IpPacket | undefined {
  return decodeFrame(bytes, linkTypeOf(link), Math.max(0, bytes.length + extra));
}

/** The header fields of a frame, from the link layer on to the packet that an ICMP error quotes. */
export function fieldsOf(bytes: Uint8Array, packet: IpPacket | undefined): FieldAt[] {
  const fields: FieldAt[] = [];
  const linkEnd = packet ? packet.at : Math.min(bytes.length, 20);
  for (let at = 0; at + 2 <= linkEnd; at += 2) fields.push({ at, size: 2 });
  for (let part = packet; part; part = part.inner) fields.push(...packetFields(part));
  return fields.filter(({ at, size }) => at >= 0 && at + size <= bytes.length);
}

/** Offset and size within each header. */
const IPV4_FIELDS = [0, 1, 1, 1, 2, 2, 4, 2, 6, 2, 8, 1, 9, 1, 10, 2, 12, 4, 16, 4, 20, 2, 22, 2];
const IPV6_FIELDS = [0, 4, 4, 2, 6, 1, 7, 1, 8, 16, 24, 16, 40, 1, 41, 1, 42, 2, 44, 4];
const TRANSPORT_FIELDS = [0, 1, 1, 1, 0, 2, 2, 2, 4, 4, 4, 2, 6, 2, 8, 4, 12, 1, 13, 1, 14, 2, 16, 2, 18, 2, 20, 4];

function packetFields({ family, at, transportAt }: IpPacket): FieldAt[] {
  const header = pairs(family === 4 ? IPV4_FIELDS : IPV6_FIELDS, at);
  return transportAt < 0 ? header : [...header, ...pairs(TRANSPORT_FIELDS, transportAt)];
}

function pairs(numbers: readonly number[], base: number): FieldAt[] {
  const fields: FieldAt[] = [];
  for (let i = 0; i < numbers.length; i += 2) fields.push({ at: base + numbers[i], size: numbers[i + 1] });
  return fields;
}

export function putBe(bytes: Uint8Array, at: number, size: number, value: number): void {
  for (let i = size - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[at + i] = rest & 0xff;
}

/** Makes the length fields say what is there. */
export function repairLengths(bytes: Uint8Array, packet: IpPacket): void {
  const room = bytes.length - packet.at;
  if (packet.family === 4) putBe(bytes, packet.at + 2, 2, room);
  else putBe(bytes, packet.at + 4, 2, Math.max(0, room - 40));
  const udp = packet.transportAt;
  if (packet.protocol === PROTOCOL_UDP && udp >= 0 && udp + 6 <= bytes.length)
    putBe(bytes, udp + 4, 2, bytes.length - udp);
}

/** Makes every checksum right that can be recounted, inside first: the outer one covers what an ICMP error quotes. */
export function repairChecksums(bytes: Uint8Array, packet: IpPacket): void {
  if (packet.inner) repairChecksums(bytes, packet.inner);
  const { headerChecksumAt, checksumAt } = packet;
  if (headerChecksumAt >= 0 && packet.transportAt >= 0) {
    putBe(bytes, headerChecksumAt, 2, 0);
    putBe(bytes, headerChecksumAt, 2, 0xffff - fold(addWords(0, bytes, packet.at, packet.transportAt)));
  }
  if (checksumAt < 0 || isFragment(packet) || !isWhole(packet)) return;
  if (packet.protocol === PROTOCOL_SCTP) {
    if (checksumAt + 4 > packet.end) return;
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(checksumAt, sctpCrc(bytes, packet), true);
    return;
  }
  putBe(bytes, checksumAt, 2, 0);
  const sum = fold(addWords(pseudoHeaderSum(bytes, packet), bytes, packet.transportAt, packet.end));
  putBe(bytes, checksumAt, 2, sum === 0xffff && packet.protocol === PROTOCOL_UDP ? 0xffff : 0xffff - sum);
}

export const IS_FORWARDED: ReadonlySet<number> = new Set([abi.ACTION_SNAT, abi.ACTION_REVERSE, abi.ACTION_REDIRECT]);
