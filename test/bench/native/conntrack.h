/**
 * Conntrack: one open-addressed table of lines with linear probing by tags (tags.h), two lines per connection, removal by moving lines
 * back. A full table gives nothing up here: the program ends.
 */
#ifndef CONNTRACK_H
#define CONNTRACK_H

#include "clock.h"
#include "engine.h"
#include "lifetime.h"
#include "port-groups.h"
#include "tags.h"

#define NO_SLOT 0xffffffffu
/** Lines swept every so many frames, and for each new connection in a table that is getting full. */
#define SWEEP_LINES 16
#define SWEEP_PER_INSERTION 24
/** Lines that the sweep looks at without a branch between them. */
#define SWEEP_STEP 8
_Static_assert(SWEEP_LINES % SWEEP_STEP == 0 && SWEEP_PER_INSERTION % SWEEP_STEP == 0, "a sweep is whole steps");
/** Ports held down take at most this part of the connections that the table is sized for. */
#define HELD_SHIFT 2

static inline uint32_t slot_of(const struct engine *e, const struct line *line) { return (uint32_t)(line - e->lines); }

static inline bool is_of(const struct line *line, uint64_t addresses, uint64_t key) {
  return line->addresses == addresses && (line->second & KEY_MASK) == key;
}

/** Line of a key, or NULL. @param home `home_of` it */
static inline struct line *find_line(const struct engine *e, struct home home, uint64_t addresses, uint64_t key) {
  for (uint32_t slot = home.slot; slot < home.slot + PROBE_LIMIT; slot += WINDOW) {
    const uint8_t *tags = e->tags + slot;
    for (uint32_t equal = lines_with(tags, home.tag); equal; equal &= equal - 1) {
      struct line *line = &e->lines[slot + (uint32_t)__builtin_ctz(equal)];
      if (is_of(line, addresses, key)) return line;
    }
    if (lines_with(tags, TAG_FREE)) return NULL;
  }
  return NULL;
}

static inline struct line *claim(struct line *line, uint64_t addresses, uint64_t key) {
  memset(line, 0, sizeof *line);
  line->addresses = addresses;
  line->second = key;
  return line;
}

/** The first free line from a home on, for a key with that home. */
static inline struct line *take_line(struct engine *e, struct home home, uint64_t addresses, uint64_t key) {
  uint32_t slot = home.slot;
  uint32_t free;
  while (!(free = lines_with(e->tags + slot, TAG_FREE))) slot += WINDOW;
  slot += (uint32_t)__builtin_ctz(free);
  if (slot >= home.slot + PROBE_LIMIT) fail("conntrack: no line is free within %d of a key's home, expected a table with room", PROBE_LIMIT);
  e->tags[slot] = (uint8_t)home.tag;
  return claim(&e->lines[slot], addresses, key);
}

/** Empties a slot and closes the gap. @param partner slot to keep track of @returns where that is now */
static uint32_t remove_line(struct engine *e, uint32_t slot, uint32_t partner) {
  struct line *lines = e->lines;
  uint8_t *tags = e->tags;
  uint32_t gap = slot;
  for (uint32_t next = gap + 1; tags[next]; next++) {
    struct line *line = &lines[next];
    if (home_of(e, line->addresses, line->second & KEY_MASK).slot > gap) continue;
    lines[gap] = *line;
    tags[gap] = tags[next];
    if (next == partner) partner = gap;
    else lines[line->pair == next ? gap : line->pair].pair = gap;
    gap = next;
  }
  memset(&lines[gap], 0, sizeof *lines);
  tags[gap] = TAG_FREE;
  return partner;
}

static void forget(struct engine *e, struct line *line) {
  e->counters.live--;
  struct egress_stats *stats = &e->stats[line->egress];
  stats->live--;
  uint32_t expiry = expiry_of(e, line);
  uint64_t end = time_of(e, expiry < e->now_ms ? expiry : e->now_ms);
  if (end > stats->last_end) stats->last_end = end;
  release_port(e, line->flags & LINE_FLAG_PRIMARY ? other_line(e, line) : line);
}

static void drop_lines(struct engine *e, struct line *line) {
  uint32_t slot = slot_of(e, line);
  uint32_t partner = line->pair;
  bool held = is_held(line);
  uint32_t pair = remove_line(e, slot, partner);
  if (partner != slot) remove_line(e, pair, NO_SLOT);
  if (held) e->held--;
  else e->counters.entries--;
}

/** Takes a connection out with everything that it holds. All pointers to lines are void afterwards. */
static void remove_connection(struct engine *e, struct line *line) {
  if (line->flags & LINE_FLAG_TRANSLATED) {
    if (is_closing(line)) e->counters.closed++;
    else e->counters.expired++;
    forget(e, line);
  }
  drop_lines(e, line);
}

/** Makes a network-side line without a partner one that keeps its port from new connections. */
static struct line *hold_port(struct engine *e, uint32_t slot, uint32_t end) {
  struct line was = e->lines[slot];
  struct line *line = claim(&e->lines[slot], was.addresses, was.second & KEY_MASK);
  line->pair = slot;
  line->seen = end;
  line->timeout_row = was.timeout_row;
  line->egress = was.egress;
  line->class = TIMEOUT_HOLD;
  e->counters.entries--;
  e->held++;
  return line;
}

/** Takes an expired connection out. @returns the line that stays while its port is held down, or NULL; other pointers are void */
static struct line *expire(struct engine *e, struct line *line) {
  uint32_t end = expiry_of(e, line);
  uint32_t hold = line->flags & LINE_FLAG_TRANSLATED ? hold_of(e, line) : 0;
  bool is_over = e->now_ms - end >= hold;
  if (is_over || e->held >= e->max_connections >> HELD_SHIFT) {
    if (!is_over) e->counters.evicted_closing++;
    remove_connection(e, line);
    return NULL;
  }
  if (is_closing(line)) e->counters.closed++;
  else e->counters.expired++;
  forget(e, line);
  struct line *network = line->flags & LINE_FLAG_PRIMARY ? other_line(e, line) : line;
  return hold_port(e, remove_line(e, network->pair, slot_of(e, network)), end);
}

/** True for a line that has seen no frame for its lifetime; its partner may have. */
static inline bool is_silent(const struct engine *e, const struct line *line) {
  return (e->now_ms - line->seen >= lifetime_of(e, line)) & (line->hook != 0);
}

static inline bool has_silent(const struct engine *e, const struct line *lines) {
  bool found = false;
  for (uint32_t i = 0; i < SWEEP_STEP; i++) found |= is_silent(e, &lines[i]);
  return found;
}

/** Looks at the next lines and removes what has expired. @param lines whole steps */
static inline void sweep(struct engine *e, uint32_t lines) {
  uint32_t slot = e->sweep_at;
  uint32_t total = e->line_count + PROBE_LIMIT;
  for (uint32_t i = 0; i < lines; i += SWEEP_STEP) {
    if (likely(slot + SWEEP_STEP < total && !has_silent(e, &e->lines[slot]))) {
      slot += SWEEP_STEP;
      continue;
    }
    for (uint32_t j = 0; j < SWEEP_STEP; j++) {
      struct line *line = &e->lines[slot];
      if (is_silent(e, line) && is_expired(e, line)) expire(e, line);
      else slot++;
      if (slot >= total) slot = 0;
    }
  }
  e->sweep_at = slot;
}

/** Moves virtual time on without a frame and removes everything that has expired by then. */
static void advance(struct engine *e, uint64_t time) {
  tick(e, time);
  uint32_t total = e->line_count + PROBE_LIMIT;
  for (uint32_t slot = 0; slot < total;) {
    struct line *line = &e->lines[slot];
    if (line->hook && is_expired(e, line)) expire(e, line);
    else slot++;
  }
}

/** Two linked lines for a new connection; neither key is in the table. @returns the line of the first key */
static inline struct line *insert_pair(struct engine *e, uint64_t addresses_a, uint64_t key_a, struct home home_a,
                                       uint64_t addresses_b, uint64_t key_b, struct home home_b) {
  if (e->counters.entries * 4 >= (uint64_t)e->max_connections * 3) sweep(e, SWEEP_PER_INSERTION);
  if (e->counters.entries >= e->max_connections) fail("conntrack: %u connections, expected a table with room", e->max_connections);
  struct line *a = take_line(e, home_a, addresses_a, key_a);
  struct line *b = take_line(e, home_b, addresses_b, key_b);
  a->pair = slot_of(e, b);
  b->pair = slot_of(e, a);
  a->seen = b->seen = e->now_ms;
  e->counters.entries++;
  return a;
}

#endif
