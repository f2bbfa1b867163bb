/**
 * How long a connection lives. Both lines carry the same state and class; a frame needs the line it hits alone unless it changes them.
 * Transitions of both profiles as far as TCP and UDP meet them (docs/conformance.md).
 */
#ifndef LIFETIME_H
#define LIFETIME_H

#include "engine.h"

#define BOTH_CLOSING (STATE_TX_CLOSING | STATE_RX_CLOSING)
#define BOTH_SYN (STATE_TX_SYN | STATE_RX_SYN)

static inline struct line *other_line(const struct engine *e, const struct line *line) { return &e->lines[line->pair]; }

static inline uint32_t lifetime_of(const struct engine *e, const struct line *line) {
  return e->policy.timeouts[line->timeout_row][line->class];
}

/** Milliseconds for which a NAT port serves nobody else after its connection's end (RFC 6888 REQ-8). */
static inline uint32_t hold_of(const struct engine *e, const struct line *line) {
  return line->protocol == TCP ? e->policy.timeouts[line->timeout_row][TIMEOUT_HOLD] : 0;
}

/** True for a line that stands for no connection, but keeps the port of one that has ended from new ones. */
static inline bool is_held(const struct line *line) { return line->class == TIMEOUT_HOLD; }

static inline bool is_expired(const struct engine *e, const struct line *line) {
  uint32_t lifetime = lifetime_of(e, line);
  return e->now_ms - line->seen >= lifetime && e->now_ms - other_line(e, line)->seen >= lifetime;
}

static inline uint32_t expiry_of(const struct engine *e, const struct line *line) {
  uint32_t other = other_line(e, line)->seen;
  return (line->seen > other ? line->seen : other) + lifetime_of(e, line);
}

static inline bool is_closing(const struct line *line) {
  return line->class == TIMEOUT_TCP_CLOSING || line->class == TIMEOUT_TCP_RESET;
}

static inline bool is_inside(const struct line *line) { return line->hook == HOOK_FROM_ENDPOINT; }

static inline uint32_t closing_bit(bool primary) { return primary ? STATE_TX_CLOSING : STATE_RX_CLOSING; }

static inline uint32_t syn_bit(bool primary) { return primary ? STATE_TX_SYN : STATE_RX_SYN; }

/** Profile rfc: both sides have sent a SYN, or what only follows a handshake was seen, and an answer. */
static inline bool is_open(uint32_t state) {
  return (state & BOTH_SYN) == BOTH_SYN ||
         (state & (STATE_REPLIED | STATE_SEEN_NON_SYN)) == (STATE_REPLIED | STATE_SEEN_NON_SYN);
}

/** RFC 6146 section 3.5.2.2, which RFC 7857 section 2 recommends; never an RST. @param inside the endpoint sent it */
static uint32_t next_rfc(uint32_t state, uint32_t flags, bool primary, bool inside) {
  bool is_over = (state & STATE_RESET) || (state & BOTH_CLOSING) == BOTH_CLOSING;
  if ((flags & (SYN | ACK)) == SYN && is_over) return syn_bit(primary) | (primary ? 0 : STATE_REPLIED);
  state &= ~(uint32_t)STATE_RESET;
  if (flags & SYN) state |= syn_bit(primary);
  else if (inside || !(state & BOTH_SYN)) state |= STATE_SEEN_NON_SYN;
  return (flags & FIN) && (inside || is_open(state)) ? state | closing_bit(primary) : state;
}

/** The original's transitions. */
static uint32_t next_cilium(uint32_t state, uint32_t flags, bool primary) {
  if (flags & SYN) {
    if (!(flags & ACK) && (state & BOTH_CLOSING)) return syn_bit(primary) | (primary ? 0 : STATE_REPLIED);
    state |= syn_bit(primary);
  } else {
    state |= STATE_SEEN_NON_SYN;
  }
  if ((flags & RST) && (state & BOTH_SYN) != BOTH_SYN) return state | BOTH_CLOSING;
  if (PLANT == 4) flags &= ~(uint32_t)FIN;
  return flags & (FIN | RST) ? state | closing_bit(primary) : state;
}

/** State after a connection's first frame, seen in the original direction. */
static uint32_t first_state(const struct engine *e, uint32_t protocol, uint32_t flags) {
  if (protocol != TCP) return 0;
  if (e->is_rfc) return flags & RST ? STATE_RESET : next_rfc(0, flags, true, true);
  uint32_t state = flags & SYN ? STATE_TX_SYN : 0;
  return flags & (FIN | RST) ? state | STATE_TX_CLOSING : state;
}

static uint32_t class_of(const struct engine *e, uint32_t protocol, uint32_t state) {
  if (protocol == UDP) return TIMEOUT_UDP;
  if (state & STATE_RESET) return TIMEOUT_TCP_RESET;
  if ((state & BOTH_CLOSING) == BOTH_CLOSING) return TIMEOUT_TCP_CLOSING;
  bool is_established = e->is_rfc ? is_open(state) : (state & STATE_SEEN_NON_SYN) != 0;
  return is_established ? TIMEOUT_TCP_ESTABLISHED : TIMEOUT_TCP_OPENING;
}

static inline void put_state(struct line *line, uint32_t state, uint32_t class) {
  bool primary = (line->flags & LINE_FLAG_PRIMARY) != 0;
  bool steady = (primary || (state & STATE_REPLIED)) &&
                (line->protocol == UDP || (class == TIMEOUT_TCP_ESTABLISHED && (state & STATE_SEEN_NON_SYN)));
  line->state = (uint8_t)state;
  line->class = (uint8_t)class;
  line->flags = (uint8_t)(steady ? line->flags | LINE_FLAG_STEADY : line->flags & ~LINE_FLAG_STEADY);
}

static void set_state(struct engine *e, struct line *line, uint32_t state) {
  uint32_t class = class_of(e, line->protocol, state);
  put_state(line, state, class);
  put_state(other_line(e, line), state, class);
}

/** An RST in profile rfc: RFC 7857 sections 2.3 and 7. */
static void reset(struct engine *e, struct line *line, uint32_t state, uint32_t next, bool primary) {
  if ((state & STATE_RESET) || (state & BOTH_CLOSING) == BOTH_CLOSING) return;
  uint32_t longest = e->now_ms + e->policy.timeouts[line->timeout_row][TIMEOUT_TCP_RESET];
  if (primary && expiry_of(e, line) <= longest) return;
  set_state(e, line, next | STATE_RESET);
  line->seen = e->now_ms;
}

/** Takes a frame of a live line into its state and age. */
static void refresh(struct engine *e, struct line *line, uint32_t flags) {
  bool primary = (line->flags & LINE_FLAG_PRIMARY) != 0;
  uint32_t state = line->state;
  uint32_t next = primary ? state : state | STATE_REPLIED;
  if (line->protocol == TCP) {
    if ((flags & RST) && e->is_rfc) return reset(e, line, state, next, primary);
    bool was_closed = (state & BOTH_CLOSING) == BOTH_CLOSING;
    next = e->is_rfc ? next_rfc(next, flags, primary, is_inside(line)) : next_cilium(next, flags, primary);
    /* The original's closing timer runs from the moment at which both sides have closed. */
    if (was_closed && !e->is_rfc && (next & BOTH_CLOSING) == BOTH_CLOSING) return;
  }
  if (next != state) set_state(e, line, next);
  line->seen = e->now_ms;
}

/** True for a SYN without ACK on a closing or reset connection. */
static inline bool restarts(const struct line *line, uint32_t flags) {
  return (flags & (SYN | ACK)) == SYN && (line->state & (BOTH_CLOSING | STATE_RESET));
}

#endif
