/** The hash functions of docs/abi.md, and the keyed one that places lines and groups in the tables. */
#ifndef HASH_H
#define HASH_H

#include "bytes.h"

#define HASH_M1 0x9e3779b97f4a7c15u
#define HASH_M2 0xbf58476d1ce4e5b9u
#define HASH_M3 0xff51afd7ed558ccdu
#define HASH_M4 0xc4ceb9fe1a85ec53u

/** Placement in the tables; it never shows in a result. */
static inline uint64_t key_hash(uint64_t addresses, uint64_t key, uint64_t seed) {
  uint64_t h = (addresses ^ seed) * HASH_M1;
  h ^= h >> 32;
  h = (h ^ key ^ rotate64(seed, 32)) * HASH_M2;
  h ^= h >> 29;
  h *= HASH_M3;
  return h ^ (h >> 32);
}

static inline uint64_t absorb(uint64_t h, uint64_t word) {
  h = (h ^ word) * HASH_M1;
  return h ^ (h >> 32);
}

/** Of an original five-tuple of IPv4; everything in host order. */
static inline uint64_t tuple_hash(uint64_t seed, uint32_t src, uint32_t dst, uint32_t src_port, uint32_t dst_port,
                                  uint32_t protocol) {
  const uint64_t mapped = (uint64_t)0xffff << 32;
  uint64_t h = absorb(seed, 0);
  h = absorb(h, mapped | src);
  h = absorb(h, 0);
  h = absorb(h, mapped | dst);
  h = absorb(h, (uint64_t)src_port << 32 | (uint64_t)dst_port << 16 | protocol);
  h = (h ^ (h >> 29)) * HASH_M2;
  return h ^ (h >> 32);
}

/** Rendezvous score of an egress for a connection: the highest wins. */
static inline uint64_t placement_score(uint64_t tuple, uint64_t egress_key) {
  uint64_t h = (tuple ^ egress_key) * HASH_M3;
  h ^= h >> 33;
  h *= HASH_M4;
  return h ^ (h >> 33);
}

/** `hash` scaled to 0 … count-1 without a division. */
static inline uint32_t scale(uint64_t hash, uint32_t count) { return (uint32_t)((hash >> 32) * count >> 32); }

#endif
