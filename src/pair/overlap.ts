import { type IpPacket, isWhole } from "../net/decode.js";
import { checksumState } from "../net/recount.js";
import { bareCompletePacket, cutSegment, isCuttable, payloadLength, sequenceOf } from "../net/segment.js";
import type { Kept } from "./frame.js";

/** Nanoseconds between two frames. */
export function distance(a: Kept, b: Kept): bigint {
  return a.timeNs > b.timeNs ? a.timeNs - b.timeNs : b.timeNs - a.timeNs;
}

/** The packet alone; a partial checksum is completed where the partner's is not partial, so that the two can be compared. */
export function completed(kept: Kept, partner: Kept): Uint8Array {
  return bareCompletePacket(kept.bytes, kept.packet, checksumState(partner.bytes, partner.packet) !== "partial");
}

/** The payload that two TCP packets share, as offsets into each; undefined for none, or where its bytes were not captured. */
export function overlap(
  kept: Kept,
  partner: Kept,
): { fromKept: number; fromPartner: number; length: number } | undefined {
  if (!isCuttable(kept.packet) || !isCuttable(partner.packet)) return undefined;
  const ahead = (sequenceOf(partner.bytes, partner.packet) - sequenceOf(kept.bytes, kept.packet)) | 0;
  const [fromKept, fromPartner] = [Math.max(0, ahead), Math.max(0, -ahead)];
  const length = Math.min(capturedPayload(kept.packet) - fromKept, capturedPayload(partner.packet) - fromPartner);
  return length > 0 ? { fromKept, fromPartner, length } : undefined;
}

function capturedPayload(packet: IpPacket): number {
  return packet.end - packet.payloadAt;
}

/** A packet whose checksum is as it should be, so that a piece of it may be given a right one. */
export function isSound({ bytes, packet }: Kept): boolean {
  const state = checksumState(bytes, packet);
  return isWhole(packet) && (state === "right" || state === "partial");
}

/** The piece of a packet that it shares with its partner; the packet itself where that is all of it. */
export function cutTo(kept: Kept, from: number, length: number, like: Kept): Uint8Array {
  if (from === 0 && length === payloadLength(kept.packet)) return bareCompletePacket(kept.bytes, kept.packet, true);
  return cutSegment(kept.bytes, kept.packet, from, from + length, like);
}
