// Keyed mixing of 64-bit words for the tables of the outside simulator: multiplications by odd constants and xor-shifts.

const M1: u64 = 0x9e3779b97f4a7c15;
const M2: u64 = 0xbf58476d1ce4e5b9;

/** Takes one word into a running hash. */
export function mix(hash: u64, value: u64): u64 {
  const h = (hash ^ value) * M1;
  return h ^ (h >> 32);
}

/** Last mixing: all bits of the result depend on all bits taken in. */
export function seal(hash: u64): u64 {
  const h = (hash ^ (hash >> 29)) * M2;
  return h ^ (h >> 32);
}
