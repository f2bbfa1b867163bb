/** SCTP packets in words (RFC 9260 section 3.3): whole chunks, and packets of an association between two ports. */
import { be16, be32, concat, type Layer4, padTo, sctp } from "./segments.js";

const TYPES = {
  DATA: 0,
  INIT: 1,
  "INIT-ACK": 2,
  SACK: 3,
  HEARTBEAT: 4,
  ABORT: 6,
  SHUTDOWN: 7,
  "SHUTDOWN-ACK": 8,
  ERROR: 9,
  "COOKIE-ECHO": 10,
  "COOKIE-ACK": 11,
  "SHUTDOWN-COMPLETE": 14,
} as const;

export type ChunkName = keyof typeof TYPES;

const initBody = (tag: number) => concat(be32(tag), be32(65_536), be16(10), be16(10), be32(7));
const BODIES: Partial<Record<ChunkName, Uint8Array>> = {
  DATA: concat(be32(7), be16(1), be16(1), be32(0), Uint8Array.of(1, 2, 3, 4, 5)),
  INIT: initBody(0x0102_0304),
  "INIT-ACK": concat(initBody(0x0506_0708), be16(7), be16(12), be32(0x600d), be32(0xc00c1e)),
  SACK: concat(be32(7), be32(65_536), be32(0)),
  HEARTBEAT: concat(be16(1), be16(8), be32(42)),
  SHUTDOWN: be32(7),
  "COOKIE-ECHO": concat(be32(0x600d), be32(0xc00c1e)),
};

/** A chunk with its header and padding. @param flags e.g. the T bit, 1   @param length overrides the length field */
export function chunk(name: ChunkName | number, fields: { flags?: number; body?: Uint8Array; length?: number } = {}) {
  const { flags = 0, body = typeof name === "string" ? BODIES[name] : undefined } = fields;
  const type = typeof name === "number" ? name : TYPES[name];
  const bytes = body ?? new Uint8Array(0);
  return padTo(concat(Uint8Array.of(type, flags), be16(fields.length ?? 4 + bytes.length), bytes), 4);
}

/** One DATA chunk that ends in `payload`. */
export function sctpData(fields: { srcPort: number; dstPort: number; payload: Uint8Array }): Layer4 {
  const padding = new Uint8Array((4 - (fields.payload.length % 4)) % 4);
  return sctp({ ...fields, tag: 0x0102_0304, chunks: chunk("DATA", { body: concat(padding, fields.payload) }) });
}

/** A packet with one chunk of each name; the tag is 0 in an INIT and not else. */
export function sctpPacket(
  srcPort: number,
  dstPort: number,
  names: ChunkName | readonly ChunkName[],
  fields: { flags?: number; tag?: number; checksum?: number } = {},
): Layer4 {
  const all = typeof names === "string" ? [names] : names;
  const { flags = 0, tag = all.includes("INIT") ? 0 : 0x0102_0304, checksum } = fields;
  const chunks = concat(...all.map((name) => chunk(name, { flags })));
  return sctp({ srcPort, dstPort, tag, chunks, checksum });
}
