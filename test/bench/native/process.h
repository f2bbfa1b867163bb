/**
 * A batch in blocks: the first pass parses, hashes and prefetches tags, then lines; the second takes the frames in order. What is not the
 * straight line is a call out of it. Between them, while connections open, what a new one needs is looked up and fetched.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "path.h"

/** How many frames ahead of the one that is parsed the next ones are fetched: processors stop fetching by themselves where a page ends. */
#ifndef FRAMES_AHEAD
#define FRAMES_AHEAD 32
#endif

#define STRAIGHT (LINE_FLAG_STEADY | LINE_FLAG_TRANSLATED)

/** Frames that were translated on the straight line, counted once per block. */
struct tally {
  uint64_t snat, reverse;
};

/** @param left frames of the batch from `records` on */
static inline void prepare(struct engine *e, const struct frame_record *records, uint8_t *arena, uint32_t size, uint32_t left,
                           uint32_t first) {
  const uint8_t *tags = e->tags;
  struct line *lines = e->lines;
  const struct line *swept = &e->lines[e->sweep_at + BLOCK];
  for (uint32_t i = 0; i < size; i++) {
    uint32_t ahead = i + FRAMES_AHEAD < left ? i + FRAMES_AHEAD : left - 1;
    __builtin_prefetch(arena + records[ahead].offset, 1);
    struct parsed *p = &e->scratch[i];
    if (unlikely(!parse_plain(&records[i], arena, p)))
      fail("frame %u of the batch is not plain: expected whole TCP or UDP over IPv4 and Ethernet", first + i);
    p->home = home_of(e, p->addresses, p->key);
    __builtin_prefetch(tags + p->home.slot);
    /* The sweep comes by in the next block. */
    __builtin_prefetch(swept + i);
  }
  for (uint32_t i = 0; i < size; i++) {
    struct parsed *p = &e->scratch[i];
    p->line = likely_line(tags, lines, p->home);
    __builtin_prefetch(p->line, 1);
  }
}

/** True where frame and line change nothing but the connection's age. */
static inline bool is_straight(const struct parsed *p, const struct line *line, uint32_t now, uint32_t epoch,
                               const uint32_t (*timeouts)[TIMEOUT_COUNT]) {
  uint32_t flags = line->flags;
  if ((flags & STRAIGHT) != STRAIGHT || (p->tcp_flags & CONTROL)) return false;
  if (now - line->seen >= timeouts[line->timeout_row][line->class] || line->epoch != epoch) return false;
  return !(flags & LINE_FLAG_HOP) || p->l3[IPV4_TTL_AT] > 1;
}

static inline void translate_straight(const struct parsed *p, struct line *line, struct verdict *v, uint32_t captured,
                                      uint32_t now, struct egress_stats *stats, struct tally *tally) {
  uint32_t wire = p->wire;
  uint64_t key = p->key;
  uint64_t addresses = p->addresses;
  uint8_t *l3 = p->l3;
  uint8_t *l4 = l3 + IPV4_BYTES;
  uint32_t address = line->address;
  uint32_t port = line->port;
  uint32_t egress = line->egress;
  uint32_t ip_delta = line->ip_delta;
  uint32_t l4_delta = line->l4_delta;
  bool hop = (line->flags & LINE_FLAG_HOP) != 0;
  line->seen = now;
  line->bytes += wire;
  line->packets++;
  if (hop) l3[IPV4_TTL_AT]--;
  store16(l3 + IPV4_CHECKSUM_AT, (uint16_t)apply_delta(load16(l3 + IPV4_CHECKSUM_AT), ip_delta));
  bool is_tcp = protocol_of(key) == TCP;
  if (is_tcp) store16(l4 + TCP_CHECKSUM_AT, (uint16_t)apply_delta(load16(l4 + TCP_CHECKSUM_AT), l4_delta));
  else store16(l4 + UDP_CHECKSUM_AT, (uint16_t)apply_udp_delta(load16(l4 + UDP_CHECKSUM_AT), l4_delta));
  uint32_t flags = hop ? VERDICT_FLAG_HOP : 0;
  struct egress_stats *row = &stats[egress];
  if (hook_of(key) == HOOK_FROM_ENDPOINT) {
    store32(l3 + IPV4_SRC_AT, address);
    store16(l4, (uint16_t)port);
    if (is_tcp) line->ack = load32(l4 + TCP_ACK_AT);
    row->frames++;
    row->bytes += wire;
    tally->snat++;
    say(v, ACTION_SNAT, 0, flags, captured, egress, swap16((uint16_t)port), address);
  } else {
    store32(l3 + IPV4_DST_AT, address);
    store16(l4 + 2, (uint16_t)port);
    row->replies++;
    row->reply_bytes += wire;
    tally->reverse++;
    say(v, ACTION_REVERSE, 0, flags, captured, egress, swap16((uint16_t)((uint32_t)key >> 16)), dst_of(addresses));
  }
}

static inline void settle(struct engine *e, const struct frame_record *records, struct verdict *verdicts, uint32_t size) {
  struct tally tally = {0, 0};
  struct egress_stats *stats = e->stats;
  const uint32_t (*timeouts)[TIMEOUT_COUNT] = (const uint32_t (*)[TIMEOUT_COUNT])e->policy.timeouts;
  uint32_t epoch = e->epoch;
  uint32_t due = e->sweep_due;
  uint32_t now = e->now_ms;
  uint64_t next = e->next_tick;
  for (uint32_t i = 0; i < size; i++) {
    if (unlikely(records[i].time >= next)) {
      tick(e, records[i].time);
      now = e->now_ms;
      next = e->next_tick;
    }
    struct parsed *p = &e->scratch[i];
    struct line *line = is_of(p->line, p->addresses, p->key) ? p->line : find_line(e, p->home, p->addresses, p->key);
    if (likely(line && is_straight(p, line, now, epoch, timeouts)))
      translate_straight(p, line, &verdicts[i], records[i].captured, now, stats, &tally);
    else take_frame(e, p, line, &verdicts[i], records[i].captured);
    if (++due == SWEEP_LINES) {
      due = 0;
      sweep(e, SWEEP_LINES);
    }
  }
  e->sweep_due = due;
  e->counters.actions[ACTION_SNAT] += tally.snat;
  e->counters.actions[ACTION_REVERSE] += tally.reverse;
}

/** Processes a batch of frame records, whose frames lie in `arena`. */
static void process(struct engine *e, const struct frame_record *records, uint8_t *arena, struct verdict *verdicts,
                    uint32_t count) {
  for (uint32_t first = 0; first < count; first += BLOCK) {
    uint32_t size = count - first < BLOCK ? count - first : BLOCK;
    prepare(e, records + first, arena, size, count - first, first);
    /* Where the last block has opened connections, this one will. */
    if (unlikely(e->counters.opened != e->opened_before)) look_ahead(e, size);
    e->opened_before = e->counters.opened;
    settle(e, records + first, verdicts + first, size);
  }
}

#endif
