/** Virtual time: nanoseconds come in with frames, tables use coarse milliseconds since a base that moves. */
#ifndef CLOCK_H
#define CLOCK_H

#include "engine.h"

#define NS_PER_MS 1000000u
#define REBASE_AT_MS 0xc0000000u
#define REBASED_MS 0x40000000u

/** Sets coarse times back by `back`: what lies before the new base becomes "long ago". Bounds of ports are unknown then. */
static void rebase(struct engine *e, uint64_t back) {
  for (uint32_t i = 0; i < e->line_count + PROBE_LIMIT; i++) {
    struct line *line = &e->lines[i];
    if (line->hook) line->seen = line->seen > back ? (uint32_t)(line->seen - back) : 0;
  }
  if (!e->bitmaps_used) return;
  for (uint32_t i = 0; i < e->bitmaps_used; i++) {
    memset(e->bitmaps[i].bounds, 0, sizeof e->bitmaps[i].bounds);
    e->bitmaps[i].built = 0;
  }
  for (uint32_t i = 0; i < e->group_count + PROBE_LIMIT; i++) e->groups[i].not_before = 0;
}

/** Owners that change meanwhile are not followed: all changes must lie before the first frame or behind the last. */
static void refuse_changes(const struct engine *e, uint64_t from, uint64_t to) {
  for (uint32_t i = 0; i < e->policy.change_count; i++) {
    uint64_t change = e->policy.changes[i];
    if (change > from && change <= to) fail("policy: an address changes its owner at %llu, expected no change between frames", (unsigned long long)change);
  }
}

/** Moves virtual time to max(now, time). */
static void tick(struct engine *e, uint64_t time) {
  if (!e->is_started) {
    e->is_started = true;
    e->now_ns = time;
    /* Whole milliseconds, so that all engines of a cluster agree on when something expires. */
    e->base_ns = time - time % NS_PER_MS;
    e->next_tick = e->base_ns + NS_PER_MS;
    /* Coarse 0 is kept for "long ago". */
    e->now_ms = 1;
    return;
  }
  if (time <= e->now_ns) return;
  if (e->policy.change_count) refuse_changes(e, e->now_ns, time);
  e->now_ns = time;
  uint64_t elapsed = (time - e->base_ns) / NS_PER_MS + 1;
  e->now_ms = (uint32_t)elapsed;
  e->next_tick = e->base_ns + elapsed * NS_PER_MS;
  if (elapsed < REBASE_AT_MS) return;
  uint64_t back = elapsed - REBASED_MS;
  e->base_ns += back * NS_PER_MS;
  e->now_ms = REBASED_MS;
  rebase(e, back);
}

/** Nanoseconds at which a coarse time begins. */
static inline uint64_t time_of(const struct engine *e, uint32_t ms) { return e->base_ns + (uint64_t)ms * NS_PER_MS; }

#endif
