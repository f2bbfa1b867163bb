/** Frame records, and the parsing of plain frames: Ethernet without tags, IPv4 without options or fragments, TCP or UDP. */
#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>

#include "abi.h"
#include "bytes.h"

enum {
  ETHERNET_TYPE_AT = 12,
  ETHERNET_BYTES = 14,
  IPV4_LENGTH_AT = 2,
  IPV4_FRAGMENT_AT = 6,
  IPV4_TTL_AT = 8,
  IPV4_PROTOCOL_AT = 9,
  IPV4_CHECKSUM_AT = 10,
  IPV4_SRC_AT = 12,
  IPV4_DST_AT = 16,
  IPV4_BYTES = 20,
  TCP_SEQUENCE_AT = 4,
  TCP_ACK_AT = 8,
  TCP_OFFSET_AT = 12,
  TCP_FLAGS_AT = 13,
  TCP_CHECKSUM_AT = 16,
  TCP_BYTES = 20,
  UDP_LENGTH_AT = 4,
  UDP_CHECKSUM_AT = 6,
  UDP_BYTES = 8,
};

enum { TCP = 6, UDP = 17 };
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16, CONTROL = FIN | SYN | RST };

/** As they lie in memory. */
#define TYPE_IPV4 0x0008
#define VERSION_4_NO_OPTIONS 0x45
#define FRAGMENT_MASK 0xff3f

struct frame_record {
  uint32_t offset, captured, wire;
  uint8_t hook, link;
  uint16_t flags;
  uint64_t time, tag;
};
_Static_assert(sizeof(struct frame_record) == FRAME_SIZE, "frame records are those of docs/abi.md");
_Static_assert(offsetof(struct frame_record, hook) == FRAME_HOOK_AT, "frame records are those of docs/abi.md");
_Static_assert(offsetof(struct frame_record, time) == FRAME_TIME_AT, "frame records are those of docs/abi.md");

struct line;

/** Where probing for a key starts, and the tag that its line has (tags.h). */
struct home {
  uint32_t slot, tag;
};

/** What the first pass leaves of a frame for the second. */
struct parsed {
  /** Source (low) and destination as on the wire. */
  uint64_t addresses;
  /** Ports as on the wire | protocol << 32 | hook << 40. */
  uint64_t key;
  uint8_t *l3;
  struct home home;
  /** Most likely the key's. */
  struct line *line;
  uint32_t wire;
  uint8_t tcp_flags;
  /** Its `outlook` was written. */
  bool has_outlook;
};

static inline uint64_t make_key(uint32_t ports, uint32_t protocol, uint32_t hook) {
  return ports | (uint64_t)protocol << 32 | (uint64_t)hook << 40;
}

static inline uint32_t protocol_of(uint64_t key) { return (key >> 32) & 0xff; }
static inline uint32_t hook_of(uint64_t key) { return (uint32_t)(key >> 40); }
static inline uint32_t src_of(uint64_t addresses) { return (uint32_t)addresses; }
static inline uint32_t dst_of(uint64_t addresses) { return (uint32_t)(addresses >> 32); }
static inline uint8_t *l4_of(const struct parsed *p) { return p->l3 + IPV4_BYTES; }

/** Key of the answer to a frame with this key, seen at the other hook. */
static inline uint64_t answer_key(uint64_t key) {
  uint32_t ports = (uint32_t)key;
  uint32_t hook = hook_of(key) == HOOK_FROM_ENDPOINT ? HOOK_FROM_NETWORK : HOOK_FROM_ENDPOINT;
  return make_key(ports << 16 | ports >> 16, protocol_of(key), hook);
}

/** Checks every length once. @returns false where the frame is not plain, or has a fault */
static inline bool parse_plain(const struct frame_record *record, uint8_t *arena, struct parsed *p) {
  uint32_t captured = record->captured;
  /* Hook, link type and flags stand side by side. */
  uint32_t kind = load32(&record->hook);
  if (unlikely(kind >> 8 != LINK_ETHERNET || captured < ETHERNET_BYTES + IPV4_BYTES + TCP_BYTES)) return false;
  uint8_t *frame = arena + record->offset;
  uint8_t *l3 = frame + ETHERNET_BYTES;
  if (unlikely(load16(frame + ETHERNET_TYPE_AT) != TYPE_IPV4 || l3[0] != VERSION_4_NO_OPTIONS)) return false;
  uint32_t total = swap16(load16(l3 + IPV4_LENGTH_AT));
  if (unlikely(load16(l3 + IPV4_FRAGMENT_AT) & FRAGMENT_MASK || total + ETHERNET_BYTES > captured)) return false;
  const uint8_t *l4 = l3 + IPV4_BYTES;
  uint32_t protocol = l3[IPV4_PROTOCOL_AT];
  uint32_t tcp_flags = 0;
  if (likely(protocol == TCP)) {
    uint32_t header = (uint32_t)(l4[TCP_OFFSET_AT] >> 4) << 2;
    if (unlikely(header < TCP_BYTES || IPV4_BYTES + header > total)) return false;
    tcp_flags = l4[TCP_FLAGS_AT];
  } else {
    uint32_t stated = swap16(load16(l4 + UDP_LENGTH_AT));
    if (unlikely(protocol != UDP || stated < UDP_BYTES || IPV4_BYTES + stated > total)) return false;
  }
  p->addresses = load64(l3 + IPV4_SRC_AT);
  p->key = make_key(load32(l4), protocol, kind & 0xff);
  p->l3 = l3;
  p->wire = record->wire > captured ? record->wire : captured;
  p->tcp_flags = (uint8_t)tcp_flags;
  p->has_outlook = false;
  return true;
}

/** Flags that no segment has together: see RFC 9293 sections 3.1 and 3.10.7.4. */
static inline bool is_nonsense(uint32_t flags) {
  if (flags & SYN) return (flags & (FIN | RST)) != 0;
  return (flags & FIN) && (flags & (RST | ACK)) != ACK;
}

/** True for a segment that can be the first one seen of a connection. */
static inline bool is_plausible(uint32_t flags) { return (flags & (SYN | RST | ACK)) != 0; }

#endif
