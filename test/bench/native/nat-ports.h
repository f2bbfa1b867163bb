/**
 * Choice of the NAT port (docs/abi.md, "Hashes"): the endpoint's own, else up to 64 keyed candidates, else of those the one whose
 * hold-down ends first, else a search of all ports by bitmap. Complete: no refusal while no live connection has a port.
 */
#ifndef NAT_PORTS_H
#define NAT_PORTS_H

#include "conntrack.h"

#define CANDIDATES 64
#define NO_PORT 0xffffffffu

static const uint32_t STRIDES[8] = {7919, 10007, 12289, 16411, 20011, 24989, 29989, 40009};

/** Network-side key of a mapping to `port` (host order): the remote's port in front, ours behind. */
static inline uint64_t mapping_key(struct group_key k, uint32_t port) {
  return make_key(k.port | (uint32_t)swap16((uint16_t)port) << 16, k.protocol, HOOK_FROM_NETWORK);
}

static inline uint64_t mapping_addresses(struct group_key k) { return k.remote | (uint64_t)k.egress_ip << 32; }

static inline struct home mapping_home(const struct engine *e, struct group_key k, uint64_t key) {
  return home_of(e, mapping_addresses(k), key);
}

/** Network-side line of a port, live or held down; NULL = free. The expired are removed. */
static inline struct line *occupant_at(struct engine *e, struct home home, struct group_key k, uint64_t key) {
  struct line *line = find_line(e, home, mapping_addresses(k), key);
  return line == NULL || !is_expired(e, line) ? line : expire(e, line);
}

static inline struct line *occupant(struct engine *e, struct group_key k, uint32_t port) {
  uint64_t key = mapping_key(k, port);
  return occupant_at(e, mapping_home(e, k, key), k, key);
}

static inline uint32_t holder_expiry(struct engine *e, struct group_key k, uint32_t port) {
  struct line *line = occupant(e, k, port);
  return line == NULL || is_held(line) ? 0 : expiry_of(e, line);
}

/** Ends a port's hold-down, if it has one. */
static uint32_t take_held(struct engine *e, struct group_key k, uint32_t port) {
  struct line *line = occupant(e, k, port);
  if (line) remove_connection(e, line);
  return port;
}

static inline bool is_free_at(struct engine *e, struct home home, struct group_key k, uint64_t key, uint32_t port) {
  struct line *line = occupant_at(e, home, k, key);
  if (line == NULL) return true;
  if (!is_held(line)) return false;
  uint32_t until = expiry_of(e, line);
  if (e->held_port == HELD_NONE || until < e->held_until) {
    e->held_port = port;
    e->held_until = until;
  }
  return false;
}

/** Step 1. @param home `mapping_home` of the mapping that keeps the endpoint's own port */
static inline bool is_own_free(struct engine *e, struct group_key k, uint32_t own, struct home home) {
  e->held_port = HELD_NONE;
  if (is_exhausted(e, k)) return false;
  if (own - e->policy.snat_low >= port_count(e) || !is_free_at(e, home, k, mapping_key(k, own), own)) return false;
  e->counters.port_probes++;
  return true;
}

/** A stride that shares no factor with the number of ports, so that stepping by it meets every port once. */
static uint32_t stride_for(uint64_t random, uint32_t ports) {
  for (uint32_t i = 0; i < 8; i++) {
    uint32_t prime = STRIDES[((uint32_t)random + i + (PLANT == 5)) & 7];
    if (prime < ports && ports % prime != 0) return prime;
  }
  return 1;
}

/** Bits of a word that stand for ports of the range. */
static uint64_t inside_mask(const struct engine *e, uint32_t word) {
  uint32_t first = word << 6;
  uint64_t outside = 0;
  if (e->policy.snat_low > first) outside |= ((uint64_t)1 << (e->policy.snat_low - first)) - 1;
  if (e->policy.snat_high < first + 63) outside |= ~(((uint64_t)1 << (e->policy.snat_high - first)) * 2 - 1);
  return ~outside;
}

/** Removes the expired holders of a word's ports and sets its bound anew. */
static void renew_word(struct engine *e, struct bitmap *bitmap, uint32_t word, struct group_key k) {
  uint64_t left = inside_mask(e, word);
  e->counters.port_probes += (uint64_t)__builtin_popcountll(left);
  uint32_t bound = 0xffffffff;
  for (; left; left &= left - 1) {
    uint32_t port = (word << 6) + (uint32_t)__builtin_ctzll(left);
    uint32_t expiry = holder_expiry(e, k, port);
    if (!expiry) {
      clear_bit(bitmap, port);
      continue;
    }
    set_bit(bitmap, port, expiry);
    if (expiry < bound) bound = expiry;
  }
  bitmap->bounds[word] = bound;
}

/** Free ports of a word by conntrack alone. */
static uint64_t free_in_word(struct engine *e, uint32_t word, struct group_key k) {
  uint64_t free = 0;
  uint64_t left = inside_mask(e, word);
  e->counters.port_probes += (uint64_t)__builtin_popcountll(left);
  for (; left; left &= left - 1) {
    uint32_t offset = (uint32_t)__builtin_ctzll(left);
    if (!holder_expiry(e, k, (word << 6) + offset)) free |= (uint64_t)1 << offset;
  }
  return free;
}

/** @param bitmap NULL = none to be had   @param from offset at which to begin */
static uint32_t search_words(struct engine *e, struct bitmap *bitmap, struct group_key k, uint32_t from) {
  uint32_t first = e->policy.snat_low >> 6;
  uint32_t words = word_count(e);
  uint32_t start = ((e->policy.snat_low + from) >> 6) - first;
  for (uint32_t i = 0; i < words; i++) {
    uint32_t word = first + (start + i < words ? start + i : start + i - words);
    uint64_t free;
    e->counters.port_probes++;
    if (bitmap) {
      if (bitmap->bounds[word] <= e->now_ms) renew_word(e, bitmap, word, k);
      free = ~bitmap->words[word] & inside_mask(e, word);
    } else {
      free = free_in_word(e, word, k);
    }
    if (free) return (word << 6) + (uint32_t)__builtin_ctzll(free);
  }
  return NO_PORT;
}

static uint32_t bitmap_for(struct engine *e, struct group_key k) {
  struct group *group = find_group(e, k);
  if (!group) return 0;
  return group->bitmap ? group->bitmap : new_bitmap(e);
}

/** Earliest coarse time at which a port of a full bitmap can be free. */
static uint32_t earliest(const struct engine *e, uint32_t number) {
  uint32_t time = 0xffffffff;
  for (uint32_t word = e->policy.snat_low >> 6; word <= e->policy.snat_high >> 6; word++) {
    uint32_t bound = bitmap_at(e, number)->bounds[word];
    if (bound < time) time = bound;
  }
  return time;
}

/** Step 4. */
static uint32_t search_all(struct engine *e, struct group_key k, uint32_t from) {
  e->counters.bitmap_searches++;
  uint32_t number = bitmap_for(e, k);
  if (!number) return search_words(e, NULL, k, from);
  e->held_bitmap = number;
  uint32_t free = search_words(e, bitmap_at(e, number), k, from);
  e->held_bitmap = 0;
  settle_bitmap(e, k, number, free == NO_PORT ? earliest(e, number) : 0);
  return free;
}

/** Steps 2 to 4: another free port, host order, or NO_PORT. @param random the tuple's hash under the port seed */
static uint32_t find_port(struct engine *e, struct group_key k, uint64_t random) {
  if (is_exhausted(e, k)) return NO_PORT;
  uint32_t low = e->policy.snat_low;
  uint32_t ports = port_count(e);
  uint32_t offset = scale(random, ports);
  uint32_t stride = stride_for(random, ports);
  uint32_t tries = ports < CANDIDATES ? ports : CANDIDATES;
  for (uint32_t i = 0; i < tries; i++) {
    uint64_t key = mapping_key(k, low + offset);
    if (is_free_at(e, mapping_home(e, k, key), k, key, low + offset)) {
      e->counters.port_probes += i + 2;
      return low + offset;
    }
    offset += stride;
    if (offset >= ports) offset -= ports;
  }
  e->counters.port_probes += tries + 1;
  if (e->held_port != HELD_NONE) return take_held(e, k, e->held_port);
  if (ports == tries) return NO_PORT;
  uint32_t found = search_all(e, k, offset);
  return found == NO_PORT ? found : take_held(e, k, found);
}

/** Makes the next 64 ports of a group's bitmap true, ahead of the search that will need it. */
static void build_ahead(struct engine *e, struct group_key k) {
  if (port_count(e) <= CANDIDATES) return;
  uint32_t number = bitmap_for(e, k);
  if (!number) return;
  e->held_bitmap = number;
  struct bitmap *bitmap = bitmap_at(e, number);
  renew_word(e, bitmap, (e->policy.snat_low >> 6) + bitmap->built++, k);
  e->held_bitmap = 0;
  settle_bitmap(e, k, number, 0);
}

#endif
