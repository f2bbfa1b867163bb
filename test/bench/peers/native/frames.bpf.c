/*
 * The kernel's half of two comparisons. Every program here first writes the next frame of the benchmark's traffic (src/bench/traffic.ts)
 * over all headers of the buffer that it is given, since the kernel gives the same buffers again and again:
 *
 *   pick        nothing else; as live frames they are then given to the network stack, in a mere test run this is what is subtracted
 *   discard     nothing else, and drops the frame: what making frames costs by itself
 *   translate   source NAT in the shape of Cilium's egress gateway: policy by longest prefix, conntrack, NAT mapping, rewrite
 *
 * Numbers in variables are in host order unless they say otherwise.
 */
#include <linux/bpf.h>
#include <linux/types.h>

#define SEC(name) __attribute__((section(name), used))
#define INLINE static __attribute__((always_inline)) inline
#define LOAD8(p, at) (*(__u8 *)((p) + (at)))
#define LOAD16(p, at) __builtin_bswap16(*(__u16 *)((p) + (at)))
#define LOAD32(p, at) __builtin_bswap32(*(__u32 *)((p) + (at)))
#define STORE8(p, at, value) (*(__u8 *)((p) + (at)) = (value))
#define STORE16(p, at, value) (*(__u16 *)((p) + (at)) = __builtin_bswap16((__u16)(value)))
#define STORE32(p, at, value) (*(__u32 *)((p) + (at)) = __builtin_bswap32(value))

static void *(*const map_lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static long (*const map_update)(void *map, const void *key, const void *value, __u64 flags) = (void *)BPF_FUNC_map_update_elem;
static __u32 (*const random_number)(void) = (void *)BPF_FUNC_get_prandom_u32;
static __u64 (*const jiffies)(void) = (void *)BPF_FUNC_jiffies64;

/* A map as prog-run.c makes it; it may be told another number of entries. */
struct map {
  __u32 type, key_size, value_size, entries, flags;
};

/* What prog-run.c sets and reads, by the numbers in prog-run.ts. */
struct course {
  __u64 connections;
  __u64 in_order; /* 1: connection 0, 1, 2 …, to open each; 0: any, as a hash of the frame's number picks it */
  __u64 next;     /* number of the next frame */
  __u64 ip_sum;   /* sum of the IPv4 header's words that are the same in all frames */
  __u64 l4_sum;   /* the same of pseudo-header and segment */
  __u64 done;     /* frames that were written, and with `translate` translated */
  __u64 opened;   /* connections that were made */
  __u64 refused;  /* frames without policy, port or room */
};

struct map SEC("maps") course = {BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct course), 1, 0};

enum { ETHERNET = 14, IP_TOTAL = 50, L4 = ETHERNET + 20, FRAME_BYTES = 64, UDP = 17 };
enum { ENDPOINTS = 1024, FIRST_ENDPOINT = 0x0a010000, REMOTES = 4096, REMOTE_PORT = 53 };
#define FIRST_REMOTE 0xc6120000u

INLINE __u32 fold(__u32 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}

INLINE __u32 words(__u32 value) {
  return (value >> 16) + (value & 0xffff);
}

/* The finalizer of MurmurHash3: a permutation of 32-bit numbers. */
INLINE __u32 mix(__u32 h) {
  h = (h ^ (h >> 16)) * 0x85ebca6b;
  h = (h ^ (h >> 13)) * 0xc2b2ae35;
  return h ^ (h >> 16);
}

INLINE void write_frame(void *frame, struct course *c) {
  __u64 number = c->next++;
  __u32 connection = c->in_order ? number % c->connections : (__u32)((mix((__u32)number) * c->connections) >> 32);
  __u32 pod = connection % ENDPOINTS, own = connection / ENDPOINTS;
  __u32 source = FIRST_ENDPOINT + pod, remote = FIRST_REMOTE + connection * 0x9e3779b1u % REMOTES;
  __u32 port = 32768 + (own * 31 + pod * 7) % 28000;
  __u32 addresses = words(source) + words(remote);
  __u32 checksum = ~fold((__u32)c->l4_sum + addresses + port + REMOTE_PORT) & 0xffff;
  STORE32(frame, 0, 0x02000000);
  STORE32(frame, 4, 0x00010200);
  STORE32(frame, 8, 0x00000002);
  STORE32(frame, 12, 0x08004500);
  STORE32(frame, 16, IP_TOTAL << 16 | 0x1234);
  STORE32(frame, 20, 0x40004011);
  STORE16(frame, 24, ~fold((__u32)c->ip_sum + addresses));
  STORE32(frame, 26, source);
  STORE32(frame, 30, remote);
  STORE32(frame, 34, port << 16 | REMOTE_PORT);
  STORE16(frame, 38, IP_TOTAL - 20);
  STORE16(frame, 40, checksum ? checksum : 0xffff);
}

/* The course, with the next frame in the buffer; 0 where there is no room for one. */
INLINE struct course *begin(struct xdp_md *ctx) {
  void *frame = (void *)(long)ctx->data;
  __u32 zero = 0;
  struct course *c = map_lookup(&course, &zero);
  if (!c || frame + FRAME_BYTES > (void *)(long)ctx->data_end) return 0;
  write_frame(frame, c);
  return c;
}

SEC("xdp/pick") int pick(struct xdp_md *ctx) {
  struct course *c = begin(ctx);
  if (!c) return XDP_ABORTED;
  c->done++;
  return XDP_PASS;
}

SEC("xdp/discard") int discard(struct xdp_md *ctx) {
  struct course *c = begin(ctx);
  if (!c) return XDP_ABORTED;
  c->done++;
  return XDP_DROP;
}

/* Policies as Cilium keeps them: one entry per endpoint and destination prefix, looked up for every frame. */
struct policy_key {
  __u32 prefix_length, source, destination; /* addresses as on the wire */
};
struct policy {
  __u32 egress_ip, gateway_ip;
};
struct tuple {
  __u32 destination, source;
  __u16 destination_port, source_port;
  __u8 protocol, direction;
  __u16 unused;
};
struct connection {
  __u64 packets, bytes;
  __u32 lifetime, flags;
  __u64 unused[3];
};
struct mapping {
  __u64 created;
  __u32 address;
  __u16 port, unused;
  __u64 reserved;
};

enum { OUTBOUND = 0, INBOUND = 1, PORT_TRIES = 32, UDP_LIFETIME = 60 };

struct map SEC("maps") policies = {BPF_MAP_TYPE_LPM_TRIE, sizeof(struct policy_key), sizeof(struct policy), 16384, BPF_F_NO_PREALLOC};
struct map SEC("maps") conntrack = {BPF_MAP_TYPE_LRU_HASH, sizeof(struct tuple), sizeof(struct connection), 65536, 0};
struct map SEC("maps") nat = {BPF_MAP_TYPE_LRU_HASH, sizeof(struct tuple), sizeof(struct mapping), 65536, 0};

/* Finds a free port, the endpoint's own one first, and enters the mapping of both directions. */
INLINE struct mapping *make_mapping(struct tuple *key, __u32 egress_ip) {
  struct tuple reply = {egress_ip, key->destination, key->source_port, key->destination_port, key->protocol, INBOUND, 0};
  struct mapping back = {jiffies(), key->source, key->source_port, 0, 0};
  struct mapping there = {back.created, egress_ip, 0, 0, 0};
  for (int i = 0; i < PORT_TRIES; i++) {
    if (i > 0) reply.destination_port = __builtin_bswap16(32768 + (random_number() & 32767));
    if (map_update(&nat, &reply, &back, BPF_NOEXIST) != 0) continue;
    there.port = reply.destination_port;
    if (map_update(&nat, key, &there, BPF_ANY) != 0) return 0;
    return map_lookup(&nat, key);
  }
  return 0;
}

INLINE void rewrite(void *frame, const struct mapping *m) {
  __u32 was = LOAD32(frame, 26), was_port = LOAD16(frame, 34);
  __u32 now = __builtin_bswap32(m->address), now_port = __builtin_bswap16(m->port);
  __u32 change = words(~was) + words(now); /* RFC 1624, equation 3 */
  STORE16(frame, 24, ~fold((~LOAD16(frame, 24) & 0xffff) + change));
  __u32 checksum = LOAD16(frame, 40);
  if (checksum) {
    checksum = ~fold((~checksum & 0xffff) + change + (~was_port & 0xffff) + now_port) & 0xffff;
    STORE16(frame, 40, checksum ? checksum : 0xffff);
  }
  STORE32(frame, 26, now);
  STORE16(frame, 34, now_port);
}

/* 1 where the frame left with another source. */
INLINE int translate_frame(void *frame, struct course *c) {
  if (LOAD16(frame, 12) != 0x0800 || LOAD8(frame, 14) != 0x45 || LOAD8(frame, 23) != UDP) return 0;
  if (LOAD16(frame, 20) & 0x3fff) return 0;
  struct tuple key = {*(__u32 *)(frame + 30), *(__u32 *)(frame + 26), *(__u16 *)(frame + 36), *(__u16 *)(frame + 34), UDP, OUTBOUND, 0};
  struct policy_key who = {64, key.source, key.destination};
  struct policy *policy = map_lookup(&policies, &who);
  if (!policy) return 0;
  __u32 until = (__u32)(jiffies() >> 8) + UDP_LIFETIME;
  struct connection *entry = map_lookup(&conntrack, &key);
  if (entry) {
    entry->lifetime = until;
    __sync_fetch_and_add(&entry->packets, 1);
    __sync_fetch_and_add(&entry->bytes, FRAME_BYTES);
  } else {
    struct connection fresh = {1, FRAME_BYTES, until, 0, {0, 0, 0}};
    if (map_update(&conntrack, &key, &fresh, BPF_ANY) != 0) return 0;
    c->opened++;
  }
  struct mapping *m = map_lookup(&nat, &key);
  if (!m) m = make_mapping(&key, policy->egress_ip);
  if (!m) return 0;
  rewrite(frame, m);
  return 1;
}

SEC("xdp/translate") int translate(struct xdp_md *ctx) {
  struct course *c = begin(ctx);
  void *frame = (void *)(long)ctx->data;
  if (!c || frame + FRAME_BYTES > (void *)(long)ctx->data_end) return XDP_ABORTED;
  if (translate_frame(frame, c)) c->done++;
  else c->refused++;
  return XDP_PASS;
}
