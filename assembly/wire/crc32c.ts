// CRC32c (Castagnoli, RFC 9260 appendix A): the reflected form, bit 31 of a word is the coefficient of x^0. The register starts with ones
// and is complemented at the end; a packet stores it in little-endian order, so a field read raw is the number itself.

const POLYNOMIAL: u32 = 0x82f63b78;
const ONE_BYTE: u32 = 1 << 23; // x^8

/** Product of two polynomials modulo the CRC's. */
function multiply(a: u32, b: u32): u32 {
  let product: u32 = 0;
  for (; a; a <<= 1) {
    if (a >> 31) product ^= b;
    b = (b >> 1) ^ (b & 1 ? POLYNOMIAL : 0);
  }
  return product;
}

/**
 * What a CRC becomes another by when four bytes of what it covers change, which is all the same for a right CRC and for a wrong one: the
 * CRC is linear over GF(2), so only the difference counts, and the bytes behind it move it on by x^8 each. Takes time log(length).
 * @param difference the four bytes before xor after, read raw   @param length bytes from the first of them to the end of what is covered
 */
export function crcChange(difference: u32, length: u32): u32 {
  let power = ONE_BYTE;
  for (; length; length >>= 1) {
    if (length & 1) difference = multiply(difference, power);
    power = multiply(power, power);
  }
  return difference;
}

/**
 * The CRC of the `length` bytes at `at`, bit by bit: for checks that somebody asked for, not for every frame.
 * @param field offset of the four bytes that hold it: they count as zero
 */
export function crcOf(at: usize, length: u32, field: u32): u32 {
  let crc: u32 = 0xffffffff;
  for (let i: u32 = 0; i < length; i++) {
    if (i - field >= 4) crc ^= load<u8>(at + i);
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
  }
  return ~crc;
}
