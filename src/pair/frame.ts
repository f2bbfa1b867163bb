import { copyBytes } from "../net/bytes.js";
import { decodeFrame, type IpPacket, readBe16 } from "../net/decode.js";
import { acknowledgementOf, payloadLength, sequenceOf } from "../net/segment.js";
import { addressKey, type InsideEnd, tupleKey, tupleOf } from "../net/tuple.js";

/** One frame of a capture, as `verifyCapturePair` takes it. `bytes` is read before the next frame is asked for. */
export interface PairFrame {
  /** 1-based number in its capture. */
  readonly frame: number;
  /** Nanoseconds since the epoch, by the clock of its capture. */
  readonly timeNs: bigint;
  readonly linkType: number;
  readonly bytes: Uint8Array;
  readonly wireLength: number;
}

/** `out` = from an endpoint to a remote, `in` = the other way. */
export type Direction = "out" | "in";

/** A frame that is kept until its partner can have come. */
export interface Kept {
  readonly frame: number;
  readonly timeNs: bigint;
  readonly bytes: Uint8Array;
  readonly packet: IpPacket;
  /** Paired at least once; for counting. */
  paired: boolean;
  /** Whole partner found: no other frame may have it. */
  taken: boolean;
}

/** What two copies of one packet have in common whatever a NAT does: from certain to likely. Equal strings make candidates. */
export interface PairKeys {
  /** Remote, sequence or content, and IP identification. */
  readonly exact: string;
  /** The same without the identification. */
  readonly loose: string;
  /**
   * TCP, for segments cut otherwise: remote, acknowledgement and each stretch of the sequence space that the payload touches, so that a bulk
   * transfer, which keeps one acknowledgement, has few frames per key. Else: remote, identification and length, the content may differ.
   */
  readonly wide: readonly string[];
}

/** Bytes of payload that are hashed: captures cut at different lengths agree on them. */
const HASHED_BYTES = 64;

/** Sequence numbers in one stretch of `PairKeys.wide`, as a power of two: about what a super-frame holds. */
const STRETCH_BITS = 16;

/** Decodes and copies a frame. @returns undefined for what is not IP or has no readable transport header */
export function keepFrame(frame: PairFrame): Kept | undefined {
  const packet = decodeFrame(frame.bytes, frame.linkType, frame.wireLength);
  if (!packet || packet.kind === "unreadable") return undefined;
  return {
    frame: frame.frame,
    timeNs: frame.timeNs,
    bytes: copyBytes(frame.bytes),
    packet,
    paired: false,
    taken: false,
  };
}

export function pairKeys(kept: Kept, direction: Direction): PairKeys {
  const { bytes, packet } = kept;
  const remoteAt = direction === "out" ? packet.destinationAt : packet.sourceAt;
  const head = direction + String.fromCharCode(packet.protocol) + addressKey(bytes, remoteAt, packet.family);
  const identification = String.fromCharCode(packet.fragmentId & 0xffff, packet.fragmentId >>> 16);
  const length = `${payloadLength(packet)}`;
  if (packet.kind === "tcp") {
    const { remotePort } = tupleOf(bytes, packet, insideEnd(direction));
    const acknowledgement = `${acknowledgementOf(bytes, packet)}`;
    const loose = `${head}${remotePort} ${sequenceOf(bytes, packet)} ${length} ${packet.tcpFlags} ${acknowledgement}`;
    const wide = stretches(kept).map((stretch) => `${head}${remotePort} ${acknowledgement} ${stretch} w`);
    return { exact: `${loose} ${identification}`, loose, wide };
  }
  const what = `${head}${packet.kind}${contentWords(bytes, packet, direction)} ${length}`;
  const loose = `${what} ${contentHash(bytes, packet)}`;
  return { exact: `${loose} ${identification}`, loose, wide: [`${what} ${identification} w`] };
}

/** The stretches of the sequence space that a TCP payload touches; none for one without payload. */
function stretches({ bytes, packet }: Kept): number[] {
  const length = payloadLength(packet);
  if (length <= 0) return [];
  const from = sequenceOf(bytes, packet) >>> 0;
  const found: number[] = [];
  for (let stretch = from >>> STRETCH_BITS; stretch <= Math.floor((from + length - 1) / 2 ** STRETCH_BITS); stretch++) {
    found.push(stretch % 2 ** (32 - STRETCH_BITS));
  }
  return found;
}

/** Which end of a frame of this direction NAT rewrites. */
export function insideEnd(direction: Direction): InsideEnd {
  return direction === "out" ? "source" : "destination";
}

/** The tuple at the inside end, or for frames without ports the address there: what the two captures show differently. */
export function insideKey(kept: Kept, direction: Direction): string {
  const { bytes, packet } = kept;
  if (packet.kind === "icmp-error" || packet.kind === "later-fragment") {
    return addressKey(bytes, direction === "out" ? packet.sourceAt : packet.destinationAt, packet.family);
  }
  return tupleKey(bytes, tupleOf(bytes, packet, insideEnd(direction)));
}

/** Header fields that tell packets apart and that NAT leaves alone. */
function contentWords(bytes: Uint8Array, packet: IpPacket, direction: Direction): string {
  if (packet.kind === "later-fragment") return ` ${packet.fragmentOffset} ${packet.moreFragments}`;
  if (packet.kind === "echo" || packet.kind === "icmp-other") return ` ${packet.icmpType} ${wordAt(bytes, packet, 6)}`;
  if (packet.kind === "icmp-error") {
    const { inner } = packet;
    const quoted = inner ? tupleOf(bytes, inner, direction === "out" ? "destination" : "source") : undefined;
    const quotes =
      inner && quoted
        ? `${addressKey(bytes, quoted.remoteAt, inner.family)}${quoted.remotePort} ${inner.fragmentId}`
        : "";
    return ` ${packet.icmpType} ${packet.icmpCode} ${wordAt(bytes, packet, 6)} ${quotes}`;
  }
  return ` ${tupleOf(bytes, packet, insideEnd(direction)).remotePort}`;
}

function wordAt(bytes: Uint8Array, packet: IpPacket, offset: number): number {
  const at = packet.transportAt + offset;
  return at + 2 <= packet.end ? readBe16(bytes, at) : 0;
}

/** FNV-1a over the first payload bytes; 0 for ICMP errors, whose quoted packet NAT changes. */
function contentHash(bytes: Uint8Array, packet: IpPacket): number {
  if (packet.kind === "icmp-error") return 0;
  let hash = 0x811c9dc5;
  const end = Math.min(packet.end, packet.payloadAt + HASHED_BYTES);
  for (let at = packet.payloadAt; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash >>> 0;
}
