const POLYNOMIAL = 0xedb88320;
/** Slicing by four: table k holds the effect of a byte that k more bytes follow. */
const TABLES = makeTables();

/**
 * CRC-32 as in gzip (RFC 1952 section 8), reflected, polynomial edb88320.
 * @param previous the CRC of the bytes before these, 0 at the start
 */
export function crc32(bytes: Uint8Array, previous: number): number {
  const [table0, table1, table2, table3] = TABLES;
  let crc = ~previous;
  let at = 0;
  for (const whole = bytes.length - 3; at < whole; at += 4) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      table3[crc & 0xff]! ^ table2[(crc >>> 8) & 0xff]! ^ table1[(crc >>> 16) & 0xff]! ^ table0[(crc >>> 24) & 0xff]!;
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ table0[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}

function makeTables(): readonly [Int32Array, Int32Array, Int32Array, Int32Array] {
  const table0 = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    table0[byte] = crc;
  }
  const followedByZero = (table: Int32Array) => table.map((crc) => (crc >>> 8) ^ table0[crc & 0xff]!);
  const table1 = followedByZero(table0);
  const table2 = followedByZero(table1);
  return [table0, table1, table2, followedByZero(table2)];
}
