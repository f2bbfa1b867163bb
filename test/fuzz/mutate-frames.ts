import * as abi from "../../assembly/abi.js";
import { type IpPacket, isFragment, readBe16 } from "../../src/net/decode.js";
import type { Dice } from "../scenario-fuzz/dice.js";
import { addressOctets, concat, ethernet, icmpMessage, ipv4, ipv6, patterned, udp, vxlan } from "../support/frames.js";
import { type FrameInput, type FuzzRecord, MAX_FRAME, MAX_RECORDS, OP_BASE } from "./frame-input.js";
import { decodeRecord, fieldsOf, putBe, repairChecksums, repairLengths } from "./layout.js";
import { onLink, piecesOf } from "./seed-frames.js";
import { EGRESS_IPS, EGRESS_IPS6, ENDPOINTS, ENDPOINTS6, NODES, REMOTES, REMOTES6, WORLDS } from "./worlds.js";

const ODD_ADDRESSES = ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "169.254.1.1", "240.0.0.1"];
const ODD_ADDRESSES6 = ["::", "::1", "ff02::1", "fe80::1", "::ffff:10.0.1.7", "64:ff9b::a00:107"];
const ADDRESSES = [...ENDPOINTS, ...EGRESS_IPS, ...REMOTES, ...NODES, ...ODD_ADDRESSES].map(addressOctets);
const ADDRESSES6 = [...ENDPOINTS6, ...EGRESS_IPS6, ...REMOTES6, ...ODD_ADDRESSES6].map(addressOctets);
const VALUES8 = [0, 1, 6, 17, 44, 43, 47, 50, 51, 58, 59, 60, 132, 0x40, 0x45, 0x46, 0x4f, 0x60, 0x7f, 0x80, 0xff];
const VALUES16 = [
  0, 1, 7, 8, 19, 20, 21, 28, 53, 443, 0x2000, 0x4000, 8472, 0x86dd, 0x0800, 0x8100, 40_001, 0x7fff, 0x8000, 0xfffe,
  0xffff,
];
/** Milliseconds: nothing, just below and above lifetimes of either profile, a day, and what makes a coarse clock wrap. */
const GAPS = [
  0, 1, 99, 999, 9_999, 10_001, 29_999, 30_000, 60_001, 239_999, 240_001, 300_001, 7_440_001, 8_000_001, 86_400_000,
  0x7fff_ffff,
];

/** A new input: a few changes of records, and of the order and number of them. */
export function mutateInput(base: FrameInput, other: FrameInput, dice: Dice, seeds: readonly FuzzRecord[]): FrameInput {
  const input: FrameInput = { world: base.world, records: [...base.records] };
  if (dice.chance(5)) input.world = dice.int(0, WORLDS.length - 1);
  for (let left = dice.int(1, 4); left > 0; left--) mutateOnce(input, other, dice, seeds);
  return input;
}

function mutateOnce(input: FrameInput, other: FrameInput, dice: Dice, seeds: readonly FuzzRecord[]): void {
  const { records } = input;
  const at = records.length > 0 ? dice.int(0, records.length - 1) : -1;
  const roll = dice.int(0, 99);
  if (at < 0 || roll < 8) insert(records, dice.int(0, records.length), [dice.pick(seeds)]);
  else if (roll < 14) insert(records, at, [records[dice.int(0, records.length - 1)]]);
  else if (roll < 20) records.splice(at, dice.int(1, 3));
  else if (roll < 24) insert(records, at, slice(other.records, dice));
  else if (roll < 27) swap(records, at, dice.int(0, records.length - 1));
  else if (roll < 39) insert(records, at + 1, [answerTo(records[at], dice)]);
  else if (roll < 44) insert(records, at + 1, [errorAbout(records[at], dice)]);
  else if (roll < 48) insert(records, at, [order(dice)]);
  else if (roll < 52) breakUp(records, at, dice);
  else if (roll < 54) records[at] = alike(records[at], records[dice.int(0, records.length - 1)]);
  else if (roll < 58) records[at] = { ...records[at], gapMs: dice.chance(70) ? dice.pick(GAPS) : dice.int(0, 1 << 24) };
  else records[at] = mutateRecord(records[at], dice, dice.pick(other.records.length > 0 ? other.records : seeds));
}

function insert(records: FuzzRecord[], at: number, more: readonly FuzzRecord[]): void {
  records.splice(at, 0, ...more);
  records.length = Math.min(records.length, MAX_RECORDS);
}

function slice(records: readonly FuzzRecord[], dice: Dice): FuzzRecord[] {
  const from = dice.int(0, Math.max(0, records.length - 1));
  return records.slice(from, from + dice.int(1, 8));
}

/** The frame's packet in pieces, in its place: in order or not, some twice, some over others, rarely without the first one. */
function breakUp(records: FuzzRecord[], at: number, dice: Dice): void {
  const record = records[at];
  const packet = decodeRecord(record);
  if (!packet || packet.kind === "unreadable" || isFragment(packet) || packet.end - packet.at < 48) return;
  const whole = record.bytes.slice(packet.at, packet.end);
  const sizes = Array.from({ length: dice.int(1, 4) }, () => dice.pick([8, 16, 24, 32, 40, 64, 1240]));
  const id = dice.int(1, 3);
  if (packet.family === 4) putBe(whole, 4, 2, id);
  const pieces = piecesOf(whole, sizes, id);
  if (dice.chance(15)) pieces.push(...piecesOf(whole, sizes.slice(1), id));
  if (dice.chance(15)) pieces.push(dice.pick(pieces));
  if (dice.chance(10)) pieces.splice(dice.int(0, pieces.length - 1), 1);
  if (dice.chance(60)) shuffle(pieces, dice);
  const parts = pieces.map((piece) => ({ ...record, extra: 0, gapMs: 1, bytes: onLink(piece, record.link) }));
  records.splice(at, 1);
  // Others come in between.
  for (const part of parts.reverse())
    insert(records, Math.min(records.length, at + dice.pick([0, 0, 0, 1, 2])), [part]);
}

function shuffle<T>(list: T[], dice: Dice): void {
  if (dice.chance(40)) list.reverse();
  else for (let i = list.length - 1; i > 0; i--) swap(list, i, dice.int(0, i));
}

/** A fragment with the identification, and the addresses, of another one. */
function alike(record: FuzzRecord, other: FuzzRecord): FuzzRecord {
  const [packet, model] = [decodeRecord(record), decodeRecord(other)];
  if (!packet || packet.family !== model?.family) return record;
  const bytes = record.bytes.slice();
  const size = packet.family === 4 ? 8 : 32;
  bytes.set(other.bytes.subarray(model.sourceAt, model.sourceAt + size), packet.sourceAt);
  putId(bytes, packet, model.fragmentId);
  repairChecksums(bytes, packet);
  return { ...record, bytes };
}

function putId(bytes: Uint8Array, packet: IpPacket, id: number): void {
  if (packet.family === 4) putBe(bytes, packet.at + 4, 2, id);
  else if (packet.fragmentAt >= 8) putBe(bytes, packet.fragmentAt - 4, 4, id);
}

/** Another place of the datagram, more to come or not, another identification. */
function otherPiece(record: FuzzRecord, dice: Dice): FuzzRecord {
  const packet = decodeRecord(record);
  if (!packet || (packet.family === 6 && packet.fragmentAt < 8)) return record;
  const bytes = record.bytes.slice();
  const units = Math.max(0, packet.fragmentOffset / 8 + dice.pick([-4, -1, 0, 0, 0, 1, 3, 8190]));
  const more = dice.chance(50) ? !packet.moreFragments : packet.moreFragments;
  if (packet.family === 4) putBe(bytes, packet.at + 6, 2, (more ? 0x2000 : 0) | (units & 0x1fff));
  else putBe(bytes, packet.fragmentAt - 6, 2, ((units & 0x1fff) << 3) | (more ? 1 : 0));
  if (dice.chance(30)) putId(bytes, packet, dice.int(1, 3));
  repairChecksums(bytes, decodeRecord({ ...record, bytes }) ?? packet);
  return { ...record, bytes };
}

/** An SCTP packet with another type, flags or length of one of its chunks, and a right CRC. */
function otherChunks(record: FuzzRecord, dice: Dice): FuzzRecord {
  const packet = decodeRecord(record);
  if (packet?.kind !== "sctp" || packet.transportAt + 16 > packet.end) return record;
  const bytes = record.bytes.slice();
  const at = packet.transportAt + 12;
  const roll = dice.int(0, 3);
  if (roll === 0) bytes[at] = dice.int(0, 16);
  else if (roll === 1) putBe(bytes, at + 2, 2, dice.pick([0, 3, 4, 5, 16, 19, 20, 0xffff, packet.end - at]));
  else if (roll === 2) bytes[at + 1] ^= 1 << dice.int(0, 7);
  else putBe(bytes, packet.transportAt + 4, 4, dice.pick([0, 1, 0xffff_ffff]));
  repairChecksums(bytes, packet);
  return { ...record, bytes };
}

function swap<T>(records: T[], a: number, b: number): void {
  [records[a], records[b]] = [records[b], records[a]];
}

/** What somebody tells the engine in between: see `FrameRun`. */
function order(dice: Dice): FuzzRecord {
  return {
    hook: OP_BASE + dice.int(0, 10),
    link: dice.int(0, 4),
    flags: dice.int(0, 4),
    gapMs: 0,
    extra: 0,
    bytes: EMPTY,
  };
}

const EMPTY = new Uint8Array(0);

/** One frame with 1 to 8 of its fields changed, or cut, spliced, wrapped; usually repaired afterwards, so that it gets past the parser. */
export function mutateRecord(record: FuzzRecord, dice: Dice, other: FuzzRecord): FuzzRecord {
  const roll = dice.int(0, 99);
  if (roll < 6) return cut(record, dice);
  if (roll < 10) return { ...record, bytes: spliced(record.bytes, other.bytes, dice) };
  if (roll < 14) return { ...record, bytes: concat(record.bytes, patterned(dice.int(1, 40))).slice(0, MAX_FRAME) };
  if (roll < 17) return { ...record, hook: dice.chance(90) ? dice.int(1, 3) : dice.int(0, 255) };
  if (roll < 20) return relinked(record, dice);
  if (roll < 23) return { ...record, flags: dice.chance(80) ? dice.int(0, 15) : dice.int(0, 0xffff) };
  if (roll < 26) return { ...record, extra: dice.pick([0, 1, 4, 46, 1400, -1, -20]) };
  if (roll < 28) return wrapped(record);
  if (roll < 31) return extended(record, dice);
  if (roll < 37) return otherPiece(record, dice);
  if (roll < 40) return otherChunks(record, dice);
  return changed(record, dice);
}

function changed(record: FuzzRecord, dice: Dice): FuzzRecord {
  const bytes = record.bytes.slice();
  const packet = decodeRecord(record);
  const fields = fieldsOf(bytes, packet);
  for (let left = dice.int(1, dice.chance(80) ? 3 : 8); left > 0 && bytes.length > 0; left--) {
    if (fields.length === 0 || dice.chance(8)) bytes[dice.int(0, bytes.length - 1)] = dice.int(0, 255);
    else changeField(bytes, dice.pick(fields), dice);
  }
  const after = { ...record, bytes };
  if (dice.chance(65)) repair(after, dice);
  return after;
}

function changeField(bytes: Uint8Array, { at, size }: { at: number; size: number }, dice: Dice): void {
  if (size === 16) return bytes.set(dice.pick(ADDRESSES6), at);
  if (size === 4 && dice.chance(60)) return bytes.set(dice.pick(ADDRESSES), at);
  const roll = dice.int(0, 3);
  if (roll === 0) bytes[at + dice.int(0, size - 1)] ^= 1 << dice.int(0, 7);
  else if (roll === 1 && size <= 2) putBe(bytes, at, size, dice.pick(size === 1 ? VALUES8 : VALUES16));
  else if (roll === 2) bytes[at + size - 1] += dice.chance(50) ? 1 : 255;
  else for (let i = 0; i < size; i++) bytes[at + i] = dice.int(0, 255);
}

/** Lengths and checksums made right, or one of them wrong by a little. */
function repair(record: FuzzRecord, dice: Dice): void {
  const packet = decodeRecord(record);
  if (!packet) return;
  if (dice.chance(70)) repairLengths(record.bytes, packet);
  const now = decodeRecord(record) ?? packet;
  repairChecksums(record.bytes, now);
  if (dice.chance(5)) breakSum(record.bytes, now, dice);
}

function breakSum(bytes: Uint8Array, { headerChecksumAt, checksumAt }: IpPacket, dice: Dice): void {
  const at = dice.pick([headerChecksumAt, checksumAt]);
  if (at >= 0 && at + 2 <= bytes.length) bytes[at + dice.int(0, 1)] ^= 1 << dice.int(0, 7);
}

/** Fewer bytes captured; on the wire as many as before, or as few as now. */
function cut(record: FuzzRecord, dice: Dice): FuzzRecord {
  const length = dice.int(0, record.bytes.length);
  const lost = record.bytes.length - length;
  return { ...record, bytes: record.bytes.slice(0, length), extra: dice.chance(50) ? record.extra + lost : 0 };
}

function spliced(a: Uint8Array, b: Uint8Array, dice: Dice): Uint8Array {
  const at = dice.int(0, a.length);
  return concat(a.subarray(0, at), b.subarray(Math.min(b.length, at))).slice(0, MAX_FRAME);
}

function relinked(record: FuzzRecord, dice: Dice): FuzzRecord {
  const packet = decodeRecord(record);
  const link = dice.chance(95) ? dice.int(1, abi.LINK_COUNT - 1) : dice.int(0, 255);
  return { ...record, link, bytes: packet ? onLink(record.bytes.subarray(packet.at), link) : record.bytes };
}

/** An IPv6 packet with one more extension header in front of its payload, or its chain. */
function extended(record: FuzzRecord, dice: Dice): FuzzRecord {
  const packet = decodeRecord(record);
  const { bytes } = record;
  if (packet?.family !== 6 || packet.at + 40 > bytes.length) return record;
  const header = patterned(8 * dice.int(1, 3), dice.int(0, 3));
  const [nextAt, lengthAt] = [packet.at + 6, packet.at + 4];
  const type = dice.pick([0, 43, 44, 51, 60, 60, 135, 139]);
  header.set([bytes[nextAt], type === 44 ? 0 : header.length / 8 - 1, 0, 0]);
  const out = concat(bytes.subarray(0, packet.at + 40), header, bytes.subarray(packet.at + 40)).slice(0, MAX_FRAME);
  out[nextAt] = type;
  putBe(out, lengthAt, 2, readBe16(bytes, lengthAt) + header.length);
  return { ...record, bytes: out };
}

/** The frame as a packet between nodes. */
function wrapped(record: FuzzRecord): FuzzRecord {
  if (record.bytes.length > MAX_FRAME - 100 || record.link !== abi.LINK_ETHERNET) return record;
  const outer = udp({ srcPort: 50_001, dstPort: 8472, payload: vxlan(4711, record.bytes), checksum: 0 });
  return {
    ...record,
    hook: abi.HOOK_FROM_OVERLAY,
    extra: 0,
    bytes: ethernet(ipv4({ src: NODES[2], dst: NODES[0] }, outer)),
  };
}

/** The frame's way back: ends exchanged, from the other side, to an egress IP where it came from an endpoint. */
function answerTo(record: FuzzRecord, dice: Dice): FuzzRecord {
  const packet = decodeRecord(record);
  if (!packet) return record;
  const bytes = record.bytes.slice();
  const isOut = record.hook === abi.HOOK_FROM_ENDPOINT;
  exchange(bytes, packet.sourceAt, packet.destinationAt, packet.family === 4 ? 4 : 16);
  if (packet.destinationPortAt >= 0) exchange(bytes, packet.sourcePortAt, packet.destinationPortAt, 2);
  if (packet.kind === "echo" && dice.chance(80))
    bytes[packet.transportAt] ^= packet.icmpType === 13 || packet.icmpType === 14 ? 3 : packet.family === 4 ? 8 : 1;
  if (packet.kind === "tcp" && packet.transportAt + 14 <= bytes.length)
    bytes[packet.transportAt + 13] = dice.pick([0x12, 0x10, 0x18, 0x11, 0x14, 0x04]);
  const inside =
    packet.family === 4 ? dice.pick(isOut ? EGRESS_IPS : ENDPOINTS) : dice.pick(isOut ? EGRESS_IPS6 : ENDPOINTS6);
  bytes.set(addressOctets(inside), isOut ? packet.destinationAt : packet.sourceAt);
  repairChecksums(bytes, packet);
  return { ...record, hook: isOut ? abi.HOOK_FROM_NETWORK : abi.HOOK_FROM_ENDPOINT, gapMs: 1, bytes };
}

function exchange(bytes: Uint8Array, a: number, b: number, size: number): void {
  if (b + size > bytes.length) return;
  const first = bytes.slice(a, a + size);
  bytes.copyWithin(a, b, b + size);
  bytes.set(first, b);
}

/** An ICMP error about the frame, as it looked outside, quoted to some length. */
function errorAbout(record: FuzzRecord, dice: Dice): FuzzRecord {
  const packet = decodeRecord(record);
  if (!packet) return record;
  const quoted = record.bytes.slice(packet.at, packet.at + dice.pick([20, 24, 28, 40, 48, 56, 60, 128, 600]));
  const isOut = record.hook === abi.HOOK_FROM_ENDPOINT;
  const { family, sourceAt, destinationAt, at } = packet;
  const end = isOut ? sourceAt : destinationAt;
  const inside = family === 4 ? dice.pick(isOut ? EGRESS_IPS : ENDPOINTS) : dice.pick(isOut ? EGRESS_IPS6 : ENDPOINTS6);
  if (end - at + (family === 4 ? 4 : 16) <= quoted.length) quoted.set(addressOctets(inside), end - at);
  const type = family === 4 ? dice.pick([3, 3, 3, 11, 12, 4, 5]) : dice.pick([1, 2, 3, 4, 100]);
  const message = icmpMessage({ type, code: dice.int(0, 5), word: dice.pick([0, 1280, 0x0005_0500]), inner: quoted });
  const router = family === 4 ? "198.51.100.254" : REMOTES6[1];
  const [src, dst] = isOut ? [router, inside] : [inside, family === 4 ? REMOTES[0] : REMOTES6[0]];
  const bytes = onLink(family === 4 ? ipv4({ src, dst }, message) : ipv6({ src, dst }, message), record.link);
  return { ...record, hook: isOut ? abi.HOOK_FROM_NETWORK : abi.HOOK_FROM_ENDPOINT, extra: 0, gapMs: 1, bytes };
}
