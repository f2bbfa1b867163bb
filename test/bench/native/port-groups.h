/** How many ports each (egress IP, remote, remote port, protocol) has in use, and near exhaustion a bitmap of them. */
#ifndef PORT_GROUPS_H
#define PORT_GROUPS_H

#include "engine.h"
#include "lifetime.h"

/** From three quarters of the ports on, every so many new connections one more word of the bitmap is made true. */
#define BUILD_STEP 8

struct group_key {
  uint32_t egress_ip, remote;
  /** Network order. */
  uint32_t port;
  uint32_t protocol;
};

static inline uint32_t port_count(const struct engine *e) { return e->policy.snat_high - e->policy.snat_low + 1; }

static inline uint32_t word_count(const struct engine *e) {
  return (e->policy.snat_high >> 6) - (e->policy.snat_low >> 6) + 1;
}

static inline uint32_t group_home(const struct engine *e, struct group_key k) {
  uint64_t addresses = (uint64_t)k.egress_ip << 32 | k.remote;
  return scale(key_hash(addresses, (uint64_t)k.port << 16 | k.protocol, e->table_seed), e->group_count);
}

static inline bool is_group(const struct group *row, struct group_key k) {
  return row->egress_ip == k.egress_ip && row->remote == k.remote && row->port == k.port && row->protocol == k.protocol;
}

static inline struct group *find_group(const struct engine *e, struct group_key k) {
  struct group *row = &e->groups[group_home(e, k)];
  for (struct group *end = row + PROBE_LIMIT; row < end; row++) {
    if (is_group(row, k)) return row;
    if (!row->protocol) return NULL;
  }
  return NULL;
}

/** Row of a group, made where there is none; NULL where its surroundings are full. */
static inline struct group *group_for(const struct engine *e, struct group_key k) {
  uint32_t home = group_home(e, k);
  struct group *row = &e->groups[home];
  for (struct group *end = row + PROBE_LIMIT; row < end; row++) {
    if (is_group(row, k)) return row;
    if (row->protocol) continue;
    row->egress_ip = k.egress_ip;
    row->remote = k.remote;
    row->port = (uint16_t)k.port;
    row->protocol = (uint16_t)k.protocol;
    row->home = home;
    return row;
  }
  return NULL;
}

/** Empties a row and closes the gap (Knuth, TAOCP vol. 3, 6.4, algorithm R). */
static void remove_group(struct engine *e, struct group *row) {
  uint32_t gap = (uint32_t)(row - e->groups);
  for (uint32_t next = gap + 1; e->groups[next].protocol; next++) {
    if (e->groups[next].home > gap) continue;
    e->groups[gap] = e->groups[next];
    gap = next;
  }
  memset(&e->groups[gap], 0, sizeof *e->groups);
}

static inline struct bitmap *bitmap_at(const struct engine *e, uint32_t number) { return &e->bitmaps[number - 1]; }

static void set_bit(struct bitmap *bitmap, uint32_t port, uint32_t expiry) {
  bitmap->words[port >> 6] |= (uint64_t)1 << (port & 63);
  if (expiry < bitmap->bounds[port >> 6]) bitmap->bounds[port >> 6] = expiry;
}

static void clear_bit(struct bitmap *bitmap, uint32_t port) { bitmap->words[port >> 6] &= ~((uint64_t)1 << (port & 63)); }

/** All bounds of a new bitmap are 0: no word is true yet. @returns its number, 0 when all are out */
static uint32_t new_bitmap(struct engine *e) {
  uint32_t number = e->free_bitmap;
  if (number) e->free_bitmap = bitmap_at(e, number)->next;
  else if (e->bitmaps_used == e->max_bitmaps) return 0;
  else number = ++e->bitmaps_used;
  memset(bitmap_at(e, number), 0, sizeof(struct bitmap));
  return number;
}

static void free_bitmap(struct engine *e, uint32_t number) {
  memset(bitmap_at(e, number), 0, sizeof(struct bitmap));
  bitmap_at(e, number)->next = e->free_bitmap;
  e->free_bitmap = number;
}

static inline uint32_t our_port(const struct line *network) { return swap16((uint16_t)(network->ports >> 16)); }

static inline struct group_key group_key_of(const struct line *network) {
  return (struct group_key){network->dst, network->src, network->ports & 0xffff, network->protocol};
}

/** Counts a new mapping by its network-side line. @returns true where it is time to make the group's bitmap ready */
static inline bool take_port(struct engine *e, const struct line *network) {
  struct group *group = group_for(e, group_key_of(network));
  if (!group) return false;
  uint32_t used = ++group->used;
  struct egress_stats *stats = &e->stats[network->egress];
  if (used > stats->ports_peak) stats->ports_peak = used;
  if (group->bitmap) set_bit(bitmap_at(e, group->bitmap), our_port(network), expiry_of(e, network));
  if (used % BUILD_STEP != 0 || used < (port_count(e) >> 2) * 3) return false;
  return !group->bitmap || bitmap_at(e, group->bitmap)->built < word_count(e);
}

/** Undoes `take_port`; the line still stands. A bitmap goes back when half of the ports are free again. */
static void release_port(struct engine *e, const struct line *network) {
  struct group *group = find_group(e, group_key_of(network));
  if (!group) return;
  if (group->bitmap) clear_bit(bitmap_at(e, group->bitmap), our_port(network));
  group->not_before = 0;
  group->used = group->used > 1 ? group->used - 1 : 0;
  if (group->bitmap && group->bitmap != e->held_bitmap && group->used < port_count(e) >> 1) {
    free_bitmap(e, group->bitmap);
    group->bitmap = 0;
  }
  if (!group->used) remove_group(e, group);
}

/** True where the last search found every port taken and none can have expired since. */
static inline bool is_exhausted(const struct engine *e, struct group_key k) {
  if (likely(e->bitmaps_used == 0)) return false;
  const struct group *group = find_group(e, k);
  return group && e->now_ms < group->not_before;
}

/** A connection's lifetime may have got shorter: bounds must not lie behind its end. */
static void port_expires_sooner(struct engine *e, const struct line *network) {
  if (e->bitmaps_used == 0) return;
  struct group *group = find_group(e, group_key_of(network));
  if (!group || !group->bitmap) return;
  uint32_t *bound = &bitmap_at(e, group->bitmap)->bounds[our_port(network) >> 6];
  uint32_t expiry = expiry_of(e, network);
  if (expiry < *bound) *bound = expiry;
  if (expiry < group->not_before) group->not_before = expiry;
}

/** After a search: the bitmap goes to its group, or back where that has ended. @param not_before 0 = a port may be free now */
static void settle_bitmap(struct engine *e, struct group_key k, uint32_t number, uint32_t not_before) {
  struct group *group = find_group(e, k);
  if (!group) return free_bitmap(e, number);
  group->bitmap = number;
  group->not_before = not_before;
}

#endif
