/**
 * One byte beside each conntrack line: 0 = the line is free, else TAG_USED and seven bits of its key's hash. Those of the lines from a key's
 * home on are compared at once, from any line on, so lines are still taken in the order of linear probing.
 */
#ifndef TAGS_H
#define TAGS_H

#include "engine.h"
#include "hash.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define TAG_FREE 0
#define TAG_USED 0x80

static inline struct home home_of(const struct engine *e, uint64_t addresses, uint64_t key) {
  uint64_t hash = key_hash(addresses, key, e->table_seed);
  return (struct home){scale(hash, e->line_count), TAG_USED | ((uint32_t)hash & 0x7f)};
}

/** One bit for each of the WINDOW lines from `tags` on that has a tag. */
static inline uint32_t lines_with(const uint8_t *tags, uint32_t tag) {
#ifdef __SSE2__
  __m128i window = _mm_loadu_si128((const __m128i *)tags);
  return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(window, _mm_set1_epi8((char)tag)));
#else
  uint32_t bits = 0;
  for (uint32_t i = 0; i < WINDOW; i++) bits |= (uint32_t)(tags[i] == tag) << i;
  return bits;
#endif
}

/** The line that has a home's tag, else the free one that ends the search; it need not be the key's. */
static inline struct line *likely_line(const uint8_t *tags, struct line *lines, struct home home) {
  uint32_t same = lines_with(tags + home.slot, home.tag);
  uint32_t free = lines_with(tags + home.slot, TAG_FREE);
  /* At the window's end where there is neither. */
  uint32_t bits = same ? same : free | 1u << WINDOW;
  return lines + home.slot + __builtin_ctz(bits);
}

#endif
