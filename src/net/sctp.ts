/** The chunks of an SCTP packet (RFC 9260 section 3), read by the host: apart from the engine's own reading. */

const COMMON_HEADER = 12;
const CHUNK_HEADER = 4;
const INIT_HEADER = 20;

const ALONE = new Set([1, 2, 14]);

/**
 * What a chunk means to a connection, in TCP's flags: INIT opens (SYN), COOKIE-ACK answers (SYN and ACK), SHUTDOWN and its acknowledgement
 * close one side (FIN and ACK), ABORT and SHUTDOWN-COMPLETE end it (RST and ACK). INIT-ACK and COOKIE-ECHO have SCTP_STEP beside them.
 */
const MEANINGS: ReadonlyMap<number, number> = new Map([
  [1, 0x02],
  [2, 0x1a],
  [6, 0x14],
  [7, 0x11],
  [8, 0x11],
  [10, 0x18],
  [11, 0x12],
  [14, 0x14],
]);
const OTHER_CHUNK = 0x10;

/** A step of the handshake that opens nothing yet. */
export const SCTP_STEP = 0x08;

interface Chunk {
  readonly type: number;
  /** Offset into the bytes. */
  readonly at: number;
  /** As its header says, padding not counted. */
  readonly length: number;
}

/** Every chunk whose header was captured. @param from of the common header   @param end behind the captured bytes of the packet */
function* chunksOf(bytes: Uint8Array, from: number, end: number): Generator<Chunk> {
  for (let at = from + COMMON_HEADER; at + CHUNK_HEADER <= end; ) {
    const length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    yield { type: bytes[at]!, at, length };
    if (length < CHUNK_HEADER) return;
    at += Math.ceil(length / 4) * 4;
  }
}

/** What the packet means to a connection, in TCP's flags and SCTP_STEP; ACK where no chunk was captured. */
export function sctpFlags(bytes: Uint8Array, from: number, end: number): number {
  let flags = 0;
  for (const { type } of chunksOf(bytes, from, end)) flags |= MEANINGS.get(type) ?? OTHER_CHUNK;
  return flags === 0 ? OTHER_CHUNK : flags;
}

/**
 * Why no receiver takes the packet; empty where nothing that was captured speaks against it.
 * @param length bytes of the packet on the wire from its common header on
 */
export function sctpFault(bytes: Uint8Array, from: number, end: number, length: number): string {
  if (length < COMMON_HEADER + CHUNK_HEADER) return `${length} bytes hold no chunk`;
  let next = from + COMMON_HEADER;
  let count = 0;
  let lone = false;
  for (const { type, at, length: size } of chunksOf(bytes, from, end)) {
    const left = from + length - at;
    const least = type === 1 || type === 2 ? INIT_HEADER : CHUNK_HEADER;
    if (size < least || size > left) return `a chunk of ${size} bytes, ${left} are left`;
    const tag = bytes.subarray(from + 4, from + 8).some((byte) => byte !== 0);
    if (tag === (type === 1)) return tag ? "an INIT with a verification tag" : "a verification tag of 0";
    count++;
    lone ||= ALONE.has(type);
    if (lone && count > 1) return "a chunk that must be alone is not";
    next = at + Math.ceil(size / 4) * 4;
  }
  const rest = from + length - next;
  if (end < from + length && next + CHUNK_HEADER > end)
    return lone && rest > 0 ? "a chunk that must be alone is not" : "";
  return rest > 0 ? `${rest} bytes behind the last chunk` : "";
}
