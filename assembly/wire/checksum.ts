// Internet checksum arithmetic (RFC 1071) on 16-bit words as they lie in memory. One's-complement sums do not care about byte order
// (RFC 1071 section 2(B)), so nothing is swapped: a delta made from raw words fits a checksum field read raw.

/** Folds a sum of raw words to 16 bits. `sum` may hold up to 2^16 words. */
export function fold(sum: u32): u32 {
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}

/** What the covered 32 bits `was` becoming `now` add to the complement of a checksum: RFC 1624 equation 3 without the last step. */
export function delta32(was: u32, now: u32): u32 {
  const sum = (~was & 0xffff) + (~was >> 16) + (now & 0xffff) + (now >> 16);
  return fold(sum);
}

/** The same for the 16 bytes at `was` and at `now`. */
export function delta128(was: usize, now: usize): u32 {
  let sum: u32 = 0;
  for (let at: usize = 0; at < 16; at += 4) sum += delta32(load<u32>(was + at), load<u32>(now + at));
  return fold(sum);
}

/** The same for one 16-bit word. */
export function delta16(was: u32, now: u32): u32 {
  return fold((~was & 0xffff) + (now & 0xffff));
}

/** One delta that does what `a` and then `b` would. */
export function combine(a: u32, b: u32): u32 {
  return fold(a + b);
}

/** The delta that undoes `delta`. */
export function negate(delta: u32): u32 {
  return ~delta & 0xffff;
}

/**
 * RFC 1624 equation 3, ~(~HC + delta): the checksum field after a change that `delta` describes. Complements and fold come to a subtraction
 * whose borrow is taken from its low end.
 */
export function applyDelta(checksum: u32, delta: u32): u32 {
  const difference = <i32>checksum - <i32>delta;
  return <u32>(difference + (difference >> 31)) & 0xffff;
}

/** Updates the checksum field at `at` by `delta`. @returns what the change of the field itself adds to a checksum over it */
export function replaceChecksum(at: usize, delta: u32): u32 {
  const was = <u32>load<u16>(at);
  const now = applyDelta(was, delta);
  store<u16>(at, <u16>now);
  return delta16(was, now);
}

/** UDP over IPv4: 0 means "not computed", so 0 stays 0 and a computed 0 is sent as 0xffff (RFC 768). */
export function applyUdpDelta(checksum: u32, delta: u32): u32 {
  if (checksum == 0) return 0;
  const next = applyDelta(checksum, delta);
  return next == 0 ? 0xffff : next;
}

/** A field that holds the uncomplemented pseudo-header sum for a network card to finish (transmit offload): only addresses enter it. */
export function applyPartialDelta(sum: u32, delta: u32): u32 {
  return fold((sum & 0xffff) + delta);
}

/** One's-complement sum of `length` bytes as raw words, an odd last byte padded with zero. Unfolded sums are carried in 64 bits. */
export function rawSum(at: usize, length: u32): u32 {
  let sum: u64 = 0;
  const end = at + length;
  while (at + 4 <= end) {
    sum += load<u32>(at);
    at += 4;
  }
  if (at + 2 <= end) {
    sum += load<u16>(at);
    at += 2;
  }
  if (at < end) sum += load<u8>(at);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  return fold(<u32>sum);
}
