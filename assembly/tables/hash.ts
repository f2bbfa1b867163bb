// Hash functions. All are made of 64-bit low-half multiplications by odd constants and xor-shifts: what WebAssembly does well.

const M1: u64 = 0x9e3779b97f4a7c15;
const M2: u64 = 0xbf58476d1ce4e5b9;
const M3: u64 = 0xff51afd7ed558ccd;
const M4: u64 = 0xc4ceb9fe1a85ec53;

/** Placement in the tables: of a conntrack key, keyed by the table seed. Never shows in results while no table is full. */
export function keyHash(addresses: u64, key: u64, seed: u64): u64 {
  let h = (addresses ^ seed) * M1;
  h ^= h >> 32;
  h = (h ^ key ^ rotl<u64>(seed, 32)) * M2;
  h ^= h >> 29;
  h *= M3;
  return h ^ (h >> 32);
}

/** The same of an IPv6 key. @param src, dst where the 16 bytes of its addresses lie */
export function keyHash6(src: usize, dst: usize, key: u64, seed: u64): u64 {
  let h = absorb(seed, load<u64>(src));
  h = absorb(h, load<u64>(src, 8));
  h = absorb(h, load<u64>(dst));
  h = absorb(h, load<u64>(dst, 8));
  return finish(absorb(h, key));
}

/** Takes one 64-bit word into a running hash. */
export function absorb(h: u64, word: u64): u64 {
  h = (h ^ word) * M1;
  return h ^ (h >> 32);
}

/** Last mixing of a running hash. */
export function finish(h: u64): u64 {
  h = (h ^ (h >> 29)) * M2;
  return h ^ (h >> 32);
}

/**
 * Hash of an original five-tuple, shared by all engines of a cluster: the same for every host and table seed (docs/abi.md has vectors).
 * Addresses as two big-endian 64-bit numbers each, IPv4 mapped; ports in host order.
 */
export function tupleHash(
  seed: u64,
  srcHigh: u64,
  srcLow: u64,
  dstHigh: u64,
  dstLow: u64,
  srcPort: u32,
  dstPort: u32,
  protocol: u32,
): u64 {
  let h = absorb(seed, srcHigh);
  h = absorb(h, srcLow);
  h = absorb(h, dstHigh);
  h = absorb(h, dstLow);
  return finish(absorb(h, ((<u64>srcPort) << 32) | ((<u64>dstPort) << 16) | <u64>protocol));
}

/** `::ffff:a.b.c.d` as the low big-endian half of 16 address bytes; the high half is 0. */
const MAPPED: u64 = 0x0000ffff00000000;

/** The low half of an IPv4 address given as on the wire. */
export function mappedLow(raw: u32): u64 {
  return MAPPED | <u64>bswap<u32>(raw);
}

/** `tupleHash` of an IPv4 five-tuple; addresses in host order. */
export function tupleHash4(seed: u64, src: u32, dst: u32, srcPort: u32, dstPort: u32, protocol: u32): u64 {
  return tupleHash(seed, 0, MAPPED | <u64>src, 0, MAPPED | <u64>dst, srcPort, dstPort, protocol);
}

/** Rendezvous score of a gateway for a connection: the highest, compared unsigned, wins (Thaler and Ravishankar, 1998). */
export function placementScore(tuple: u64, egressKey: u64): u64 {
  let h = (tuple ^ egressKey) * M3;
  h ^= h >> 33;
  h *= M4;
  return h ^ (h >> 33);
}

/** `hash` scaled to 0 … count-1 without a division. */
export function scale(hash: u64, count: u32): u32 {
  return <u32>(((hash >> 32) * <u64>count) >> 32);
}
