/** All that one engine holds: configuration, policy, clock, tables, counters. */
#ifndef ENGINE_H
#define ENGINE_H

#include "abi.h"
#include "bytes.h"
#include "frame.h"
#include "policy.h"

/** Lines looked at from a key's home on, groups looked at from theirs. */
#define PROBE_LIMIT 192

/** Lines whose tags are compared at once. */
#define WINDOW 16

/** Frames that the first pass runs ahead of the second. */
#ifndef BLOCK
#define BLOCK 64
#endif

/** A conntrack line: a connection has one for each hook. One cache line, the same contents as the engine's. */
struct line {
  union {
    struct {
      /** As in the frame, network order. */
      uint32_t src, dst;
    };
    uint64_t addresses;
  };
  union {
    struct {
      uint32_t ports;
      /** `hook` 0 = an empty line. */
      uint8_t protocol, hook, state, class;
    };
    uint64_t second;
  };
  uint32_t pair, seen, epoch;
  /** Address and port to write, network order; connections that pass: `port` is the REASON_*. */
  uint32_t address;
  uint16_t port, l4_delta, ip_delta, egress;
  uint64_t bytes;
  uint32_t owner, packets;
  /** Endpoint's side: what its last segment acknowledged, network order, 0 = nothing. */
  uint32_t ack;
  uint8_t timeout_row, flags;
  uint16_t unused;
};
_Static_assert(sizeof(struct line) == 64, "a line is a cache line");

#define KEY_MASK 0x0000ffffffffffffu

/** Ports in use of one (egress IP, remote, remote port, protocol). */
struct group {
  uint32_t egress_ip, remote;
  /** Remote's port, network order; `protocol` 0 = an empty row. */
  uint16_t port, protocol;
  uint32_t used;
  /** Number of its bitmap, from 1; 0 = none. */
  uint32_t bitmap;
  uint32_t home;
  /** Coarse time before which no port can be free; 0 = not known. */
  uint32_t not_before;
  uint32_t unused;
};
_Static_assert(sizeof(struct group) == 32, "two groups share a cache line");

/** One bit per port that is taken, and per 64 ports the earliest coarse time at which one of them can be free. */
struct bitmap {
  uint64_t words[1024];
  uint32_t bounds[1024];
  /** Next free one. */
  uint32_t next;
  /** Words that were made true ahead of a search. */
  uint32_t built;
};

struct egress_stats {
  uint64_t connections, frames, bytes, replies, reply_bytes;
  uint32_t live, ports_peak;
  uint64_t last_end, unused;
};
_Static_assert(sizeof(struct egress_stats) == EGRESS_STATS_SIZE, "statistics are those of docs/abi.md");

struct counters {
  uint64_t reasons[64], actions[8];
  uint64_t opened, closed, expired, broken, rebound, live, peak, entries;
  uint64_t evicted_expired, evicted_closing, evicted_unreplied, evicted_established;
  uint64_t guessed, port_probes, bitmap_searches;
};
_Static_assert(offsetof(struct counters, opened) == COUNTER_OPENED_AT, "counters are those of docs/abi.md");
_Static_assert(offsetof(struct counters, bitmap_searches) == COUNTER_BITMAP_SEARCHES_AT, "counters are those of docs/abi.md");

/** What a frame finds that opens a connection: whose it is, what policy says, where its network side will lie if it keeps its port. */
struct outlook {
  uint32_t endpoint;
  struct decision decision;
  struct home reply_home;
};

struct engine {
  bool is_rfc, no_pick_up;
  uint64_t table_seed, placement_seed, port_seed;
  uint32_t max_connections, max_bitmaps;
  struct policy policy;

  /** Virtual time: see clock.h. */
  uint64_t now_ns, base_ns, next_tick;
  uint32_t now_ms;
  bool is_started;
  uint32_t epoch;

  uint32_t line_count;
  struct line *lines;
  /** One for each line: see tags.h. */
  uint8_t *tags;
  /** Next line of the sweep, and frames since the last one. */
  uint32_t sweep_at, sweep_due;
  /** Ports held down. */
  uint32_t held;

  uint32_t group_count;
  struct group *groups;
  struct bitmap *bitmaps;
  uint32_t bitmaps_used, free_bitmap;
  /** Bitmap that a search reads at this moment: it may not go. */
  uint32_t held_bitmap;
  /** Of the ports that a search has met held down, the one that is free first. */
  uint32_t held_port, held_until;

  struct counters counters;
  struct egress_stats *stats;
  struct parsed scratch[BLOCK];
  /** Of the same frames, where `look_ahead` has met one that may open a connection. */
  struct outlook outlooks[BLOCK];
  /** Connections that had been opened when it was last asked. */
  uint64_t opened_before;
};

#define HELD_NONE 0xffffffffu

/** @param record a configuration record as in docs/abi.md   @param blob a policy */
static void start_engine(struct engine *e, const uint8_t *record, const uint8_t *blob, size_t blob_length) {
  uint32_t flags = load32(record + CONFIG_FLAGS_AT);
  uint32_t known = CONFIG_FLAG_TOUCH | CONFIG_FLAG_RFC_PROFILE | CONFIG_FLAG_NO_PICK_UP | CONFIG_FLAG_HOLD_FRAGMENTS |
                   CONFIG_FLAG_UNSUPPORTED_PASS;
  if (flags & ~known) fail("configuration: flags are %u, expected none but %u", flags, known);
  e->is_rfc = (flags & CONFIG_FLAG_RFC_PROFILE) != 0;
  e->no_pick_up = (flags & CONFIG_FLAG_NO_PICK_UP) != 0;
  e->table_seed = load64(record + CONFIG_TABLE_SEED_AT);
  e->placement_seed = load64(record + CONFIG_PLACEMENT_SEED_AT);
  e->port_seed = load64(record + CONFIG_PORT_SEED_AT);
  e->max_connections = load32(record + CONFIG_CONNECTIONS_AT);
  e->max_bitmaps = load32(record + CONFIG_BITMAPS_AT);
  read_policy(&e->policy, blob, blob_length, e->table_seed);
  e->line_count = e->max_connections * 3;
  e->group_count = e->max_connections + (e->max_connections >> 1);
  e->lines = zeroed((size_t)(e->line_count + PROBE_LIMIT + 1) * sizeof *e->lines);
  e->tags = zeroed((size_t)e->line_count + PROBE_LIMIT + 1 + WINDOW);
  e->groups = zeroed((size_t)(e->group_count + PROBE_LIMIT + 1) * sizeof *e->groups);
  e->bitmaps = zeroed((size_t)e->max_bitmaps * sizeof *e->bitmaps);
  e->stats = zeroed((size_t)(e->policy.egress_count + 1) * sizeof *e->stats);
  e->epoch = 1;
}

#endif
