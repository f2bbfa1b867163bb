/** The hooks from-endpoint and from-network, off the straight line: connections that are new, end, or change their state. */
#ifndef PATH_H
#define PATH_H

#include "checksum.h"
#include "nat-ports.h"
#include "verdict.h"

/** What the word (TTL, protocol) adds to a checksum when the TTL falls by one, as words lie in memory. */
#define TTL_DELTA 0xfffe

#define FORWARD(p) (hook_of((p)->key) == HOOK_FROM_ENDPOINT)

/** How far an RST's sequence number may lie from what the endpoint acknowledged last (RFC 5961 section 3.2). */
#define RESET_WINDOW (1u << 24)

/** A frame under way: what was parsed, its verdict, its length, and flags that its verdict will have. */
struct passage {
  struct engine *e;
  struct parsed *p;
  struct verdict *v;
  uint32_t captured, flags;
};

static void drop(struct passage *s, uint32_t reason) { end_frame(s->e, s->v, ACTION_DROP, reason, s->flags, s->captured); }

static void pass(struct passage *s, uint32_t reason) { end_frame(s->e, s->v, ACTION_PASS, reason, s->flags, s->captured); }

static void count_frame(const struct parsed *p, struct line *line) {
  line->bytes += p->wire;
  line->packets++;
}

/** Rewrites a frame by a translated line and says so. The TTL was checked. */
static inline void translate(struct passage *s, struct line *line) {
  struct engine *e = s->e;
  struct parsed *p = s->p;
  bool forward = FORWARD(p);
  uint8_t *l3 = p->l3;
  uint8_t *l4 = l4_of(p);
  count_frame(p, line);
  store32(l3 + (forward ? IPV4_SRC_AT : IPV4_DST_AT), line->address);
  if (line->flags & LINE_FLAG_HOP) {
    l3[IPV4_TTL_AT]--;
    s->flags |= VERDICT_FLAG_HOP;
  }
  store16(l3 + IPV4_CHECKSUM_AT, (uint16_t)apply_delta(load16(l3 + IPV4_CHECKSUM_AT), line->ip_delta));
  store16(l4 + (forward ? 0 : 2), line->port);
  if (protocol_of(p->key) == TCP)
    store16(l4 + TCP_CHECKSUM_AT, (uint16_t)apply_delta(load16(l4 + TCP_CHECKSUM_AT), line->l4_delta));
  else store16(l4 + UDP_CHECKSUM_AT, (uint16_t)apply_udp_delta(load16(l4 + UDP_CHECKSUM_AT), line->l4_delta));
  struct egress_stats *stats = &e->stats[line->egress];
  if (forward) {
    stats->frames++;
    stats->bytes += p->wire;
    say(s->v, ACTION_SNAT, 0, s->flags, s->captured, line->egress, swap16(line->port), line->address);
    e->counters.actions[ACTION_SNAT]++;
    return;
  }
  stats->replies++;
  stats->reply_bytes += p->wire;
  uint32_t port = swap16((uint16_t)((uint32_t)p->key >> 16));
  say(s->v, ACTION_REVERSE, 0, s->flags, s->captured, line->egress, port, dst_of(p->addresses));
  e->counters.actions[ACTION_REVERSE]++;
}

static void note_ack(const struct parsed *p, struct line *line) {
  if (protocol_of(p->key) == TCP && is_inside(line)) line->ack = p->tcp_flags & ACK ? load32(l4_of(p) + TCP_ACK_AT) : 0;
}

/** True for an RST from outside that is no answer to what the endpoint sends. */
static bool is_forged(const struct engine *e, const struct parsed *p, const struct line *line) {
  if (protocol_of(p->key) != TCP || !(p->tcp_flags & RST) || !e->is_rfc || is_inside(line)) return false;
  uint32_t acknowledged = other_line(e, line)->ack;
  if (!acknowledged || PLANT == 7) return false;
  uint32_t ahead = swap32(load32(l4_of(p) + TCP_SEQUENCE_AT)) - swap32(acknowledged);
  return ahead + RESET_WINDOW > RESET_WINDOW << 1;
}

/** Takes a frame into the age and state of its connection. */
static void age(struct engine *e, const struct parsed *p, struct line *line) {
  if (is_forged(e, p, line)) return;
  note_ack(p, line);
  uint32_t class = line->class;
  refresh(e, line, p->tcp_flags);
  if (line->class == class || !(line->flags & LINE_FLAG_TRANSLATED)) return;
  port_expires_sooner(e, FORWARD(p) ? other_line(e, line) : line);
}

/** One more frame of a live connection. */
static void follow(struct passage *s, struct line *line) {
  bool translated = (line->flags & LINE_FLAG_TRANSLATED) != 0;
  if (translated && (line->flags & LINE_FLAG_HOP) && s->p->l3[IPV4_TTL_AT] <= 1) return drop(s, REASON_TTL_EXCEEDED);
  age(s->e, s->p, line);
  if (translated) return translate(s, line);
  count_frame(s->p, line);
  pass(s, line->port);
}

static inline uint64_t hash_of(const struct parsed *p, uint64_t seed) {
  uint32_t ports = swap32((uint32_t)p->key);
  return tuple_hash(seed, swap32(src_of(p->addresses)), swap32(dst_of(p->addresses)), ports >> 16, ports & 0xffff,
                    protocol_of(p->key));
}

static inline void put_mapping(struct line *line, uint32_t was, uint32_t address, uint32_t own, uint32_t port, bool hop) {
  uint32_t address_delta = delta32(was, address);
  line->address = address;
  line->port = (uint16_t)port;
  line->ip_delta = (uint16_t)(hop ? fold(address_delta + TTL_DELTA) : address_delta);
  line->l4_delta = (uint16_t)fold(address_delta + delta16(own, port));
}

static inline struct group_key group_key_for(const struct parsed *p, uint32_t egress_ip) {
  return (struct group_key){egress_ip, dst_of(p->addresses), (uint32_t)p->key >> 16, protocol_of(p->key)};
}

static inline const struct outlook *outlook_of(const struct engine *e, const struct parsed *p) {
  return &e->outlooks[p - e->scratch];
}

/** `mapping_home` of a mapping whose tags and group will be looked at: they are fetched. */
static inline struct home fetch_mapping(const struct engine *e, struct group_key k, uint64_t key) {
  struct home home = mapping_home(e, k, key);
  __builtin_prefetch(e->tags + home.slot, 1);
  __builtin_prefetch(&e->groups[group_home(e, k)], 1);
  return home;
}

/** Opens a translated connection and sends its first frame through it. */
static inline void open_translated(struct passage *s, uint32_t endpoint, struct decision d) {
  struct engine *e = s->e;
  struct parsed *p = s->p;
  uint32_t node = e->policy.endpoints[endpoint].node;
  bool hop = node != NO_INDEX && node != e->policy.egresses[d.egress].node;
  if (hop && p->l3[IPV4_TTL_AT] <= 1) return drop(s, REASON_TTL_EXCEEDED);
  uint32_t address = e->policy.egresses[d.egress].address;
  uint32_t src = src_of(p->addresses);
  /* Both would stand in one header as source and destination. */
  if (address == dst_of(p->addresses)) return drop(s, REASON_BAD_SOURCE);
  uint32_t own = (uint32_t)p->key & 0xffff;
  uint32_t own_port = swap16((uint16_t)own);
  struct group_key k = group_key_for(p, address);
  uint64_t reply_key = mapping_key(k, own_port);
  struct home reply_home = p->has_outlook ? outlook_of(e, p)->reply_home : fetch_mapping(e, k, reply_key);
  uint32_t found = own_port;
  if (!is_own_free(e, k, own_port, reply_home)) {
    found = find_port(e, k, hash_of(p, e->port_seed));
    if (found == NO_PORT) return drop(s, REASON_NO_NAT_MAPPING);
    reply_key = mapping_key(k, found);
    reply_home = mapping_home(e, k, reply_key);
  }
  uint32_t port = swap16((uint16_t)found);
  struct line *line = insert_pair(e, p->addresses, p->key, p->home, mapping_addresses(k), reply_key, reply_home);
  struct line *network = other_line(e, line);
  bool guessed = protocol_of(p->key) == TCP && !(p->tcp_flags & SYN);
  uint32_t row = e->policy.rows[d.policy].timeout_row;
  line->flags = (uint8_t)(LINE_FLAG_PRIMARY | LINE_FLAG_TRANSLATED | (hop ? LINE_FLAG_HOP : 0) | (guessed ? LINE_FLAG_GUESSED : 0));
  network->flags = (uint8_t)(LINE_FLAG_TRANSLATED | (hop ? LINE_FLAG_HOP : 0));
  line->timeout_row = network->timeout_row = (uint8_t)row;
  put_mapping(line, src, address, own, port, hop);
  put_mapping(network, address, src, port, own, hop);
  line->egress = network->egress = (uint16_t)d.egress;
  line->owner = d.policy;
  network->owner = e->policy.endpoints[endpoint].uid_hash;
  line->epoch = network->epoch = e->epoch;
  network->ack = e->now_ms;
  set_state(e, line, first_state(e, protocol_of(p->key), p->tcp_flags));
  note_ack(p, line);
  struct egress_stats *stats = &e->stats[d.egress];
  e->counters.opened++;
  if (++e->counters.live > e->counters.peak) e->counters.peak = e->counters.live;
  stats->connections++;
  stats->live++;
  bool is_time = take_port(e, network);
  if (guessed) e->counters.guessed++;
  s->flags |= VERDICT_FLAG_CREATED | (guessed ? VERDICT_FLAG_GUESSED : 0);
  translate(s, line);
  if (is_time) build_ahead(e, k);
}

/** Remembers a connection that is not translated and lets its frame pass. @returns false where it is another live connection's */
static bool remember(struct passage *s, uint32_t endpoint, uint32_t reason, uint32_t other_reason, bool primary) {
  struct engine *e = s->e;
  struct parsed *p = s->p;
  uint64_t other_addresses = rotate64(p->addresses, 32);
  uint64_t other_key = answer_key(p->key);
  struct home other_home = home_of(e, other_addresses, other_key);
  struct line *holder = find_line(e, other_home, other_addresses, other_key);
  if (holder) {
    if (!is_expired(e, holder)) return false;
    expire(e, holder);
  }
  struct line *line = insert_pair(e, p->addresses, p->key, p->home, other_addresses, other_key, other_home);
  struct line *other = other_line(e, line);
  line->flags = primary ? LINE_FLAG_PRIMARY : 0;
  other->flags = primary ? 0 : LINE_FLAG_PRIMARY;
  line->port = (uint16_t)reason;
  other->port = (uint16_t)other_reason;
  line->owner = other->owner = e->policy.endpoints[endpoint].uid_hash;
  line->epoch = other->epoch = e->epoch;
  set_state(e, line, primary ? first_state(e, protocol_of(p->key), p->tcp_flags) : 0);
  if (!primary) refresh(e, line, p->tcp_flags);
  count_frame(p, line);
  s->flags |= VERDICT_FLAG_CREATED;
  return true;
}

static void open_passed(struct passage *s, uint32_t endpoint, uint32_t reason) {
  remember(s, endpoint, reason, reason, true);
  pass(s, reason);
}

/** A connection from outside, by its first frame or by an answer in mid-stream. */
static void open_inbound(struct passage *s, uint32_t endpoint, bool guessed) {
  bool inbound = !FORWARD(s->p);
  uint32_t reason = inbound ? REASON_INBOUND : REASON_REPLY_OF_INBOUND;
  uint32_t other = inbound ? REASON_REPLY_OF_INBOUND : REASON_INBOUND;
  if (!remember(s, endpoint, reason, other, inbound)) return drop(s, REASON_REPLY_WITHOUT_CONNECTION);
  if (guessed) {
    s->e->counters.guessed++;
    s->flags |= VERDICT_FLAG_GUESSED;
  }
  pass(s, reason);
}

/** Sources that no host may use. Host order. */
static bool is_spoofed(const struct engine *e, uint32_t address) {
  uint32_t first = address >> 24;
  return find_egress(&e->policy, swap32(address)) != NO_INDEX || first == 0 || first == 127 || first >= 224;
}

/** A frame that is never translated: what no policy selects passes, the rest is dropped for `reason`. */
static void stateless(struct passage *s, uint32_t reason) {
  struct engine *e = s->e;
  bool outbound = FORWARD(s->p);
  uint32_t src = swap32(src_of(s->p->addresses));
  uint32_t dst = swap32(dst_of(s->p->addresses));
  uint32_t own = outbound ? src : dst;
  uint32_t remote = outbound ? dst : src;
  uint32_t endpoint = find_endpoint(&e->policy, own, e->now_ns);
  bool is_egress = !outbound && find_egress(&e->policy, swap32(own)) != NO_INDEX;
  uint32_t passes = REASON_ENDPOINT_UNKNOWN;
  uint32_t policy;
  if (endpoint == NO_INDEX && is_egress) passes = REASON_NONE;
  if (endpoint != NO_INDEX) {
    passes = never_selected(&e->policy, remote);
    if (!passes) passes = match_policy(&e->policy, endpoint, remote, &policy);
  }
  if (passes == REASON_ENDPOINT_UNKNOWN && outbound && is_spoofed(e, own)) return drop(s, REASON_BAD_SOURCE);
  if (passes) return pass(s, passes);
  drop(s, reason);
}

/** True for a frame that answers somebody: a SYN-ACK, or what comes in mid-stream from a port on which the endpoint serves. */
static bool is_answer(const struct engine *e, const struct parsed *p, uint32_t endpoint) {
  if (protocol_of(p->key) != TCP) return false;
  if (p->tcp_flags & SYN) return (p->tcp_flags & ACK) != 0;
  return has_service_port(&e->policy, endpoint, TCP, swap16((uint16_t)p->key));
}

/** The first frame of a connection, as far as is known. */
static void first_frame(struct passage *s) {
  struct engine *e = s->e;
  struct parsed *p = s->p;
  uint32_t src = swap32(src_of(p->addresses));
  uint32_t dst = swap32(dst_of(p->addresses));
  if (src == dst) return drop(s, REASON_BAD_SOURCE);
  uint32_t endpoint = p->has_outlook ? outlook_of(e, p)->endpoint : find_endpoint(&e->policy, src, e->now_ns);
  if (endpoint == NO_INDEX) return is_spoofed(e, src) ? drop(s, REASON_BAD_SOURCE) : pass(s, REASON_ENDPOINT_UNKNOWN);
  uint32_t never = never_selected(&e->policy, dst);
  if (never) return pass(s, never);
  if (dst >> 24 == 0) return stateless(s, REASON_BAD_DESTINATION);
  bool is_tcp = protocol_of(p->key) == TCP;
  if (is_tcp && !is_plausible(p->tcp_flags)) return stateless(s, REASON_BAD_HEADER);
  if (is_answer(e, p, endpoint)) return open_inbound(s, endpoint, true);
  struct decision d = p->has_outlook ? outlook_of(e, p)->decision
                                     : resolve(&e->policy, endpoint, dst, hash_of(p, e->placement_seed));
  if (d.reason == REASON_NONE) {
    if (e->no_pick_up && is_tcp && !(p->tcp_flags & SYN)) return drop(s, REASON_NO_STATE);
    return open_translated(s, endpoint, d);
  }
  if (is_passed(d.reason)) return open_passed(s, endpoint, d.reason);
  drop(s, d.reason);
}

/** @param line what conntrack has for the frame's key, NULL = nothing */
static void from_endpoint(struct passage *s, struct line *line) {
  struct engine *e = s->e;
  if (line && PLANT != 6 && is_expired(e, line)) {
    expire(e, line);
    line = NULL;
  }
  if (!line) return first_frame(s);
  bool outbound = (line->flags & LINE_FLAG_PRIMARY) != 0;
  /* Started again under the policy that it began under: its gateway and mapping stay. */
  if (outbound && restarts(line, s->p->tcp_flags) && (line->flags & LINE_FLAG_TRANSLATED))
    port_expires_sooner(e, other_line(e, line));
  /* A new connection of the endpoint over a closed one from outside. */
  if (!outbound && restarts(line, s->p->tcp_flags)) {
    remove_connection(e, line);
    return first_frame(s);
  }
  follow(s, line);
}

/** True for the first frame of a connection from outside: a SYN, any datagram. */
static bool opens(const struct parsed *p) {
  return protocol_of(p->key) != TCP || (p->tcp_flags & (SYN | ACK)) == SYN;
}

static void from_network(struct passage *s, struct line *line) {
  struct engine *e = s->e;
  struct parsed *p = s->p;
  if (line && is_expired(e, line)) line = expire(e, line);
  if (line && is_held(line)) line = NULL;
  if (line) return follow(s, line);
  uint32_t src = swap32(src_of(p->addresses));
  uint32_t dst = swap32(dst_of(p->addresses));
  if (src == dst) return drop(s, REASON_BAD_SOURCE);
  if (find_egress(&e->policy, dst_of(p->addresses)) != NO_INDEX) return drop(s, REASON_NO_REVERSE_MAPPING);
  uint32_t endpoint = find_endpoint(&e->policy, dst, e->now_ns);
  if (endpoint == NO_INDEX) return pass(s, REASON_ENDPOINT_UNKNOWN);
  uint32_t never = never_selected(&e->policy, src);
  if (never) return pass(s, never);
  if (opens(p)) return open_inbound(s, endpoint, false);
  uint32_t port = swap16((uint16_t)((uint32_t)p->key >> 16));
  if (!(p->tcp_flags & SYN) && is_plausible(p->tcp_flags) && has_service_port(&e->policy, endpoint, TCP, port))
    return open_inbound(s, endpoint, true);
  uint32_t policy;
  uint32_t unselected = match_policy(&e->policy, endpoint, src, &policy);
  if (unselected) return pass(s, unselected);
  drop(s, REASON_REPLY_WITHOUT_CONNECTION);
}

/**
 * Looks ahead at the frames of a block that may open a connection and fetches what they will touch. Owners change before the first frame
 * or behind the last (clock.h), so whom an address belongs to may be asked before the frame's time has come.
 */
static __attribute__((noinline)) void look_ahead(struct engine *e, uint32_t size) {
  const struct policy *policy = &e->policy;
  uint32_t openers[BLOCK];
  uint32_t count = 0;
  for (uint32_t i = 0; i < size; i++) {
    struct parsed *p = &e->scratch[i];
    if (!FORWARD(p) || lines_with(e->tags + p->home.slot, p->home.tag)) continue;
    uint32_t endpoint = find_endpoint(policy, swap32(src_of(p->addresses)), e->now_ns);
    if (endpoint == NO_INDEX) continue;
    struct decision d = resolve(policy, endpoint, swap32(dst_of(p->addresses)), hash_of(p, e->placement_seed));
    if (d.reason != REASON_NONE) continue;
    struct group_key k = group_key_for(p, policy->egresses[d.egress].address);
    e->outlooks[i] = (struct outlook){endpoint, d, fetch_mapping(e, k, mapping_key(k, swap16((uint16_t)p->key)))};
    p->has_outlook = true;
    openers[count++] = i;
  }
  for (uint32_t i = 0; i < count; i++)
    __builtin_prefetch(likely_line(e->tags, e->lines, e->outlooks[openers[i]].reply_home), 1);
}

/** What is not the straight line. */
static __attribute__((noinline)) void take_frame(struct engine *e, struct parsed *p, struct line *line, struct verdict *v,
                                                  uint32_t captured) {
  struct passage s = {e, p, v, captured, 0};
  if (protocol_of(p->key) == TCP && is_nonsense(p->tcp_flags)) stateless(&s, REASON_BAD_HEADER);
  else if (FORWARD(p)) from_endpoint(&s, line);
  else from_network(&s, line);
}

#endif
