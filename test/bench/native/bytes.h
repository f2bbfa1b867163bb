/** Unaligned loads and stores, byte order, and how the program ends where it cannot go on. */
#ifndef BYTES_H
#define BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/** Number of a difference from the engine that is built in on purpose, so that tests can see it noticed; 0 = none. */
#ifndef PLANT
#define PLANT 0
#endif

static inline uint16_t load16(const void *at) {
  uint16_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static inline uint32_t load32(const void *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static inline uint64_t load64(const void *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static inline void store16(void *at, uint16_t value) { memcpy(at, &value, sizeof value); }

static inline void store32(void *at, uint32_t value) { memcpy(at, &value, sizeof value); }

/** Network order to host order, and back: this program, like the engine, runs on little-endian machines only. */
static inline uint16_t swap16(uint16_t value) { return __builtin_bswap16(value); }

static inline uint32_t swap32(uint32_t value) { return __builtin_bswap32(value); }

static inline uint64_t rotate64(uint64_t value, unsigned by) { return value << by | value >> (64 - by); }

/** Says where, what, and what should be; then the program ends with status 1. */
#define fail(...)                     \
  do {                                \
    fprintf(stderr, "native: ");      \
    fprintf(stderr, __VA_ARGS__);     \
    fprintf(stderr, "\n");            \
    exit(1);                          \
  } while (0)

/** 1 = large pieces of memory ask for pages of 2 MiB, as V8 does not. */
#ifndef HUGE_PAGES
#define HUGE_PAGES 0
#endif
#define HUGE_PAGE ((size_t)2 << 20)

/** Zeroed memory on a cache line of its own. */
static inline void *zeroed(size_t size) {
  size_t unit = HUGE_PAGES && size >= HUGE_PAGE ? HUGE_PAGE : 64;
  size_t whole = (size + unit - 1) & ~(unit - 1);
  void *at = aligned_alloc(unit, whole ? whole : unit);
  if (!at) fail("memory: %zu bytes are not to be had", size);
  if (unit == HUGE_PAGE) madvise(at, whole, MADV_HUGEPAGE);
  memset(at, 0, whole);
  return at;
}

#endif
