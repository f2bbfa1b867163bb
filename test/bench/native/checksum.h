/** Internet checksums (RFC 1071, RFC 1624) over 16-bit words as they lie in memory: byte order does not matter to such sums. */
#ifndef CHECKSUM_H
#define CHECKSUM_H

#include "bytes.h"

static inline uint32_t fold(uint32_t sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}

/** RFC 1624 equation 3 without the last step: what 32 covered bits that change add to the complement of a checksum. */
static inline uint32_t delta32(uint32_t was, uint32_t now) {
  return fold((~was & 0xffff) + (~was >> 16) + (now & 0xffff) + (now >> 16));
}

static inline uint32_t delta16(uint32_t was, uint32_t now) { return fold((~was & 0xffff) + (now & 0xffff)); }

static inline uint32_t apply_delta(uint32_t checksum, uint32_t delta) {
  uint32_t sum = (~checksum & 0xffff) + delta;
  if (PLANT == 1) return ~sum & 0xffff;
  return ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
}

/** UDP: 0 says that there is none, and a computed 0 is sent as 0xffff (RFC 768). */
static inline uint32_t apply_udp_delta(uint32_t checksum, uint32_t delta) {
  uint32_t next = apply_delta(checksum, delta);
  if (PLANT != 2 && checksum == 0) return 0;
  return next == 0 ? 0xffff : next;
}

#endif
