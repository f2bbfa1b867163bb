import { be16 } from "./bytes";
import { combine, delta32 } from "./checksum";
import { crcChange, crcOf } from "./crc32c";
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from "./transport";

// RFC 9260 section 3
//   |       Source Port Number      |    Destination Port Number    |
//   |                       Verification Tag                        |
//   |                           Checksum                            |
//   |  Chunk Type   |  Chunk Flags  |         Chunk Length          |  and so on, each chunk padded to four bytes
const TAG_AT: usize = 4;
export const SCTP_CHECKSUM_AT: usize = 8;
const CHUNKS_AT: u32 = 12;
const CHUNK_LENGTH_AT: usize = 2;
const CHUNK_HEADER: u32 = 4;
const INIT_SIZE: u32 = 20;
export const SCTP_MIN_SIZE: u32 = CHUNKS_AT + CHUNK_HEADER;

const INIT: u32 = 1;
const INIT_ACK: u32 = 2;
const ABORT: u32 = 6;
const SHUTDOWN: u32 = 7;
const SHUTDOWN_ACK: u32 = 8;
const COOKIE_ECHO: u32 = 10;
const COOKIE_ACK: u32 = 11;
const SHUTDOWN_COMPLETE: u32 = 14;

/** Beside other flags: a step of the handshake after which the association is not open yet, and which changes no other one. */
export const SCTP_STEP: u32 = 8;
/** What `chunkFlags` says of a packet that no receiver would take. */
export const SCTP_BAD: u32 = 0x100;

/**
 * What the chunks of a packet mean to a connection, as TCP flags: INIT is SYN, COOKIE-ACK answers it, SHUTDOWN and its acknowledgement
 * are FIN; ABORT and SHUTDOWN-COMPLETE, whether or not their sender knows the tag (T bit), are RST. Chunks that were not captured say ACK.
 * SCTP_BAD: no chunk, one shorter than its header or past the end, one that must be alone but is not (section 6.10), or a verification
 * tag of 0 but in an INIT (section 8.5.1). Each step takes four bytes at least.
 * @param length bytes on the wire   @param held bytes captured, at least the ports
 */
export function chunkFlags(l4: usize, length: u32, held: u32): u32 {
  if (length < SCTP_MIN_SIZE) return SCTP_BAD;
  let flags: u32 = 0;
  let isAlone = false;
  let at = CHUNKS_AT;
  while (at < length) {
    if (isAlone || at + CHUNK_HEADER > length) return SCTP_BAD;
    if (at + CHUNK_HEADER > held) return flags | TCP_ACK;
    const type = <u32>load<u8>(l4 + at);
    const size = be16(l4 + at + CHUNK_LENGTH_AT);
    if (size < (type == INIT || type == INIT_ACK ? INIT_SIZE : CHUNK_HEADER) || at + size > length) return SCTP_BAD;
    isAlone = type == INIT || type == INIT_ACK || type == SHUTDOWN_COMPLETE;
    if ((isAlone && at != CHUNKS_AT) || (load<u32>(l4, TAG_AT) == 0) != (type == INIT)) return SCTP_BAD;
    flags |= flagsOf(type);
    at += (size + 3) & ~3;
  }
  return flags;
}

function flagsOf(type: u32): u32 {
  if (type == INIT) return TCP_SYN;
  if (type == INIT_ACK) return TCP_SYN | TCP_ACK | SCTP_STEP;
  if (type == COOKIE_ECHO) return TCP_ACK | SCTP_STEP;
  if (type == COOKIE_ACK) return TCP_SYN | TCP_ACK;
  if (type == SHUTDOWN || type == SHUTDOWN_ACK) return TCP_FIN | TCP_ACK;
  return type == ABORT || type == SHUTDOWN_COMPLETE ? TCP_RST | TCP_ACK : TCP_ACK;
}

/** True where the CRC of the `length` bytes of a packet is right; its own field counts as zero (section 6.8). */
export function isCrcRight(l4: usize, length: u32): bool {
  return crcOf(l4, length, <u32>SCTP_CHECKSUM_AT) == load<u32>(l4, SCTP_CHECKSUM_AT);
}

/**
 * Writes a port and moves the CRC with it: right stays right, wrong stays wrong by the same difference.
 * @param at the port   @param port as on the wire   @param length bytes of the packet on the wire, 0 = the CRC stays
 */
export function putSctpPort(l4: usize, at: usize, port: u32, length: u32): void {
  const was = load<u32>(l4);
  store<u16>(at, <u16>port);
  const difference = was ^ load<u32>(l4);
  if (difference && length)
    store<u32>(l4, load<u32>(l4, SCTP_CHECKSUM_AT) ^ crcChange(difference, length), SCTP_CHECKSUM_AT);
}

/**
 * The same in a packet that an ICMP error quotes, of which the CRC need not be there. A CRC of 0 was none yet and stays.
 * @param length bytes of the packet on the wire, 0 = not known   @param end behind what was captured
 * @returns what the changes add to a checksum over them
 */
export function rewriteQuotedSctp(l4: usize, at: usize, port: u32, length: u32, end: usize): u32 {
  const was = load<u32>(l4);
  const crc: u32 = l4 + CHUNKS_AT <= end ? load<u32>(l4, SCTP_CHECKSUM_AT) : 0;
  putSctpPort(l4, at, port, crc ? length : 0);
  const change = delta32(was, load<u32>(l4));
  return crc ? combine(change, delta32(crc, load<u32>(l4, SCTP_CHECKSUM_AT))) : change;
}
