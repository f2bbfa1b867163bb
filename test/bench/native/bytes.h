/** Unaligned loads and stores, byte order, and how the program ends where it cannot go on. */
#ifndef BYTES_H
#define BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/** Zeroed memory on a cache line of its own. */
static inline void *zeroed(size_t size) {
  size_t whole = (size + 63) & ~(size_t)63;
  void *at = aligned_alloc(64, whole ? whole : 64);
  if (!at) fail("memory: %zu bytes are not to be had", size);
  memset(at, 0, whole);
  return at;
}

#endif
