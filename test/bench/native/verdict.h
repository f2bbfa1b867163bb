/** Verdict records (docs/abi.md) and the counting of what they say. */
#ifndef VERDICT_H
#define VERDICT_H

#include "engine.h"

struct verdict {
  uint8_t action, reason;
  uint16_t flags;
  uint32_t length, egress;
  uint16_t nat_port, old_egress;
  /** `::ffff:` and the address; zero where none applies. */
  uint64_t egress_ip_high;
  uint32_t egress_ip_mark, egress_ip;
  uint64_t target[2];
  /** Of redirects, which this program has none of: never written. */
  uint32_t inner, node;
};
_Static_assert(sizeof(struct verdict) == VERDICT_SIZE, "verdicts are those of docs/abi.md");
_Static_assert(offsetof(struct verdict, egress_ip_high) == VERDICT_EGRESS_IP_AT, "verdicts are those of docs/abi.md");

#define MAPPED_MARK 0xffff0000u

/** A verdict as a whole. @param port host order   @param address egress IP, network order */
static inline void say(struct verdict *v, uint32_t action, uint32_t reason, uint32_t flags, uint32_t length,
                       uint32_t egress, uint32_t port, uint32_t address) {
  v->action = (uint8_t)action;
  v->reason = (uint8_t)reason;
  v->flags = (uint16_t)flags;
  v->length = length;
  v->egress = egress;
  v->nat_port = (uint16_t)port;
  v->old_egress = 0;
  v->egress_ip_high = 0;
  v->egress_ip_mark = address ? MAPPED_MARK : 0;
  v->egress_ip = address;
  v->target[0] = v->target[1] = 0;
}

static inline void end_frame(struct engine *e, struct verdict *v, uint32_t action, uint32_t reason, uint32_t flags,
                             uint32_t length) {
  say(v, action, reason, flags, length, NO_INDEX, 0, 0);
  e->counters.actions[action]++;
  e->counters.reasons[reason]++;
}

#endif
