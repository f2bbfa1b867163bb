/**
 * The policy of a blob (docs/abi.md, "Policy blob"), as far as it speaks of IPv4: owners of addresses, longest prefix per set, egresses.
 * Health and zones of gateways are not known here: all are active.
 */
#ifndef POLICY_H
#define POLICY_H

#include "abi.h"
#include "bytes.h"
#include "hash.h"

#define NO_MATCH 0xfffffffeu

struct endpoint {
  /** Host order. Rows of one address stand side by side, in order of time. */
  uint32_t address;
  uint32_t set, node, uid_hash;
  uint32_t first_port, port_count;
  uint64_t from, to;
};

struct prefix {
  uint32_t set, address, value;
  /** Length + 1; 0 = an empty slot. */
  uint32_t used;
};

struct egress {
  uint64_t key;
  /** As on the wire; 0 = none. */
  uint32_t address;
  uint32_t node;
};

struct policy_row {
  uint32_t kind, first_member, members, timeout_row;
};

struct policy {
  uint64_t seed;
  struct endpoint *endpoints;
  uint32_t endpoint_count;
  /** Row of an address's first owner + 1, hashed; as many slots as `endpoint_mask` + 1. */
  uint32_t *endpoint_index;
  uint32_t endpoint_mask;
  struct prefix *prefixes;
  uint32_t prefix_mask;
  /** Per set, which prefix lengths (0 … 32) are in use. */
  uint64_t *set_lengths;
  /** First bytes of addresses of which CLUSTER_SET has a prefix. */
  uint32_t cluster_bytes[8];
  struct egress *egresses;
  uint32_t egress_count;
  /** Row of the first egress with an address + 1, hashed. */
  uint32_t *egress_index;
  uint32_t egress_mask;
  struct policy_row *rows;
  uint32_t *members;
  uint32_t *ports;
  uint32_t (*timeouts)[TIMEOUT_COUNT];
  uint64_t *changes;
  uint32_t change_count;
  uint32_t snat_low, snat_high;
};

static inline uint32_t slots_for(uint32_t rows) {
  uint32_t slots = 8;
  while (slots < rows * 2) slots <<= 1;
  return slots;
}

static inline uint32_t address_slot(const struct policy *policy, uint32_t address) {
  uint64_t h = (address ^ policy->seed) * HASH_M1;
  return (uint32_t)(h >> 32) ^ (uint32_t)(h >> 48);
}

static inline uint32_t prefix_slot(const struct policy *policy, uint32_t set, uint32_t length, uint32_t address) {
  uint64_t h = (((uint64_t)set << 38 | (uint64_t)length << 32 | address) ^ policy->seed) * HASH_M1;
  return (uint32_t)(h >> 32) ^ (uint32_t)(h >> 48);
}

static inline uint32_t network_of(uint32_t address, uint32_t length) {
  return length == 0 ? 0 : address & (uint32_t)(~(uint64_t)0 << (32 - length));
}

/** True where 16 address bytes are those of an IPv4 address, mapped. */
static inline bool is_mapped(const uint8_t *bytes) { return load64(bytes) == 0 && load32(bytes + 8) == 0xffff0000u; }

/** Row of who owns an address (host order) at `time`, or NO_INDEX. */
static inline uint32_t find_endpoint(const struct policy *policy, uint32_t address, uint64_t time) {
  uint32_t slot = address_slot(policy, address);
  uint32_t found;
  for (;; slot++) {
    found = policy->endpoint_index[slot & policy->endpoint_mask];
    if (!found) return NO_INDEX;
    if (policy->endpoints[found - 1].address == address) break;
  }
  for (uint32_t i = found - 1; i < policy->endpoint_count; i++) {
    const struct endpoint *row = &policy->endpoints[i];
    if (row->address != address) break;
    if (time >= row->from && (time < row->to || row->to == UINT64_MAX)) return i;
  }
  return NO_INDEX;
}

/** Row of the first egress with an address as on the wire, or NO_INDEX. */
static inline uint32_t find_egress(const struct policy *policy, uint32_t address) {
  for (uint32_t slot = address_slot(policy, address);; slot++) {
    uint32_t found = policy->egress_index[slot & policy->egress_mask];
    if (!found) return NO_INDEX;
    if (policy->egresses[found - 1].address == address) return found - 1;
  }
}

static inline uint32_t exact_prefix(const struct policy *policy, uint32_t set, uint32_t length, uint32_t address) {
  for (uint32_t slot = prefix_slot(policy, set, length, address);; slot++) {
    const struct prefix *row = &policy->prefixes[slot & policy->prefix_mask];
    if (!row->used) return NO_MATCH;
    if (row->set == set && row->address == address && row->used == length + 1) return row->value;
  }
}

/** Value of the longest prefix of a set that holds an address (host order), or NO_MATCH: one probe per length in use. */
static inline uint32_t longest_match(const struct policy *policy, uint32_t set, uint32_t address) {
  for (uint64_t lengths = policy->set_lengths[set]; lengths;) {
    uint32_t length = 63 - (uint32_t)__builtin_clzll(lengths);
    uint32_t found = exact_prefix(policy, set, length, network_of(address, length));
    if (found != NO_MATCH) return found;
    lengths ^= (uint64_t)1 << length;
  }
  return NO_MATCH;
}

/** Why no policy selects a remote whatever the source, or REASON_NONE. */
static inline uint32_t never_selected(const struct policy *policy, uint32_t remote) {
  uint32_t first = remote >> 24;
  if (!(policy->cluster_bytes[first >> 5] >> (first & 31) & 1)) return REASON_NONE;
  uint32_t reason = longest_match(policy, CLUSTER_SET, remote);
  return reason == NO_MATCH ? REASON_NONE : reason;
}

/** What policy says about a connection. */
struct decision {
  /** REASON_NONE: translate by `egress`. */
  uint32_t reason;
  uint32_t policy, egress;
};

static inline uint32_t match_policy(const struct policy *policy, uint32_t endpoint, uint32_t remote, uint32_t *selected) {
  uint32_t set = policy->endpoints[endpoint].set;
  if (set == CLUSTER_SET) return REASON_NO_POLICY;
  uint32_t value = longest_match(policy, set, remote);
  if (value == NO_MATCH) return REASON_NO_POLICY;
  if (value == PREFIX_EXCLUDED) return REASON_EXCLUDED;
  if (value == PREFIX_NOT_YET) return REASON_NOT_YET_PROGRAMMED;
  *selected = value;
  return REASON_NONE;
}

/** Policy by longest destination prefix, then the gateway. @param tuple the connection's hash under the placement seed */
static inline struct decision resolve(const struct policy *policy, uint32_t endpoint, uint32_t remote, uint64_t tuple) {
  struct decision d = {.policy = NO_INDEX, .egress = NO_INDEX};
  d.reason = match_policy(policy, endpoint, remote, &d.policy);
  if (d.reason != REASON_NONE) return d;
  const struct policy_row *row = &policy->rows[d.policy];
  const uint32_t *members = policy->members + row->first_member;
  if (row->kind == POLICY_KIND_CILIUM) {
    if (row->members) d.egress = members[policy->endpoints[endpoint].uid_hash % row->members];
  } else {
    uint64_t best = 0;
    for (uint32_t i = 0; i < row->members; i++) {
      uint64_t score = placement_score(tuple, policy->egresses[members[i]].key);
      if (PLANT == 3) score = ~score;
      if (d.egress != NO_INDEX && score <= best) continue;
      d.egress = members[i];
      best = score;
    }
  }
  if (d.egress == NO_INDEX) d.reason = REASON_NO_EGRESS_GATEWAY;
  else if (!policy->egresses[d.egress].address) d.reason = REASON_NO_EGRESS_IP;
  return d;
}

/** True for a `decision` that lets the frame through as it is. */
static inline bool is_passed(uint32_t reason) {
  return reason == REASON_NO_POLICY || reason == REASON_EXCLUDED || reason == REASON_NOT_YET_PROGRAMMED;
}

static inline bool has_service_port(const struct policy *policy, uint32_t endpoint, uint32_t protocol, uint32_t port) {
  const struct endpoint *row = &policy->endpoints[endpoint];
  for (uint32_t i = 0; i < row->port_count; i++)
    if (policy->ports[row->first_port + i] == (protocol << 16 | port)) return true;
  return false;
}

static inline const uint8_t *section(const uint8_t *blob, uint32_t id, uint32_t *count) {
  *count = load32(blob + BLOB_SECTIONS_AT + id * 8);
  return blob + load32(blob + BLOB_SECTIONS_AT + id * 8 + 4);
}

static void *copy_of(const void *from, size_t size) {
  void *to = zeroed(size);
  memcpy(to, from, size);
  return to;
}

static void read_endpoints(struct policy *policy, const uint8_t *blob) {
  uint32_t count;
  const uint8_t *row = section(blob, SECTION_ENDPOINTS, &count);
  policy->endpoints = zeroed(count * sizeof *policy->endpoints);
  policy->endpoint_mask = slots_for(count) - 1;
  policy->endpoint_index = zeroed((policy->endpoint_mask + 1) * sizeof(uint32_t));
  for (uint32_t i = 0; i < count; i++, row += ENDPOINT_SIZE) {
    if (!is_mapped(row)) continue;
    struct endpoint *to = &policy->endpoints[policy->endpoint_count++];
    to->address = swap32(load32(row + 12));
    to->from = load64(row + ENDPOINT_FROM_AT);
    to->to = load64(row + ENDPOINT_TO_AT);
    to->set = load32(row + ENDPOINT_SET_AT);
    to->node = load32(row + ENDPOINT_NODE_AT);
    to->uid_hash = load32(row + ENDPOINT_UID_HASH_AT);
    to->first_port = load32(row + ENDPOINT_PORTS_AT);
    to->port_count = load32(row + ENDPOINT_PORT_COUNT_AT);
    if (policy->endpoint_count > 1 && to[-1].address == to->address) continue;
    uint32_t slot = address_slot(policy, to->address);
    while (policy->endpoint_index[slot & policy->endpoint_mask]) slot++;
    policy->endpoint_index[slot & policy->endpoint_mask] = policy->endpoint_count;
  }
}

/** Marks the first bytes of the addresses that a prefix of `length` bits holds. */
static void note_cluster_bytes(struct policy *policy, uint32_t first, uint32_t length) {
  uint32_t count = length >= 8 ? 1 : 1u << (8 - length);
  for (uint32_t byte = first; byte < first + count; byte++) policy->cluster_bytes[byte >> 5] |= 1u << (byte & 31);
}

static void read_prefixes(struct policy *policy, const uint8_t *blob) {
  uint32_t count;
  const uint8_t *rows = section(blob, SECTION_PREFIXES, &count);
  uint32_t sets = 1;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t set = load32(rows + (size_t)i * PREFIX_SIZE + PREFIX_SET_AT);
    if (set >= sets) sets = set + 1;
  }
  for (uint32_t i = 0; i < policy->endpoint_count; i++)
    if (policy->endpoints[i].set >= sets) sets = policy->endpoints[i].set + 1;
  policy->set_lengths = zeroed(sets * sizeof(uint64_t));
  policy->prefix_mask = slots_for(count) - 1;
  policy->prefixes = zeroed((policy->prefix_mask + 1) * sizeof *policy->prefixes);
  for (uint32_t i = 0; i < count; i++) {
    const uint8_t *row = rows + (size_t)i * PREFIX_SIZE;
    uint32_t bits = load32(row + PREFIX_LENGTH_AT);
    if (bits < 96 || !is_mapped(row)) continue;
    struct prefix prefix = {load32(row + PREFIX_SET_AT), swap32(load32(row + 12)), load32(row + PREFIX_VALUE_AT), bits - 95};
    uint32_t slot = prefix_slot(policy, prefix.set, bits - 96, prefix.address);
    while (policy->prefixes[slot & policy->prefix_mask].used) slot++;
    policy->prefixes[slot & policy->prefix_mask] = prefix;
    policy->set_lengths[prefix.set] |= (uint64_t)1 << (bits - 96);
    if (prefix.set == CLUSTER_SET) note_cluster_bytes(policy, prefix.address >> 24, bits - 96);
  }
}

static void read_egresses(struct policy *policy, const uint8_t *blob) {
  const uint8_t *row = section(blob, SECTION_EGRESSES, &policy->egress_count);
  policy->egresses = zeroed(policy->egress_count * sizeof *policy->egresses);
  policy->egress_mask = slots_for(policy->egress_count) - 1;
  policy->egress_index = zeroed((policy->egress_mask + 1) * sizeof(uint32_t));
  for (uint32_t i = 0; i < policy->egress_count; i++, row += EGRESS_SIZE) {
    struct egress *to = &policy->egresses[i];
    to->key = load64(row + EGRESS_KEY_AT);
    to->node = load32(row + EGRESS_NODE_AT);
    to->address = is_mapped(row + EGRESS_IPV4_AT) ? load32(row + EGRESS_IPV4_AT + 12) : 0;
    if (!to->address || find_egress(policy, to->address) != NO_INDEX) continue;
    uint32_t slot = address_slot(policy, to->address);
    while (policy->egress_index[slot & policy->egress_mask]) slot++;
    policy->egress_index[slot & policy->egress_mask] = i + 1;
  }
}

/** Reads a blob that src/engine has written, which is sound: only its header is looked at. */
static void read_policy(struct policy *policy, const uint8_t *blob, size_t length, uint64_t seed) {
  if (length < BLOB_HEADER_SIZE || load32(blob) != BLOB_MAGIC || load32(blob + BLOB_VERSION_AT) != BLOB_VERSION)
    fail("policy: %zu bytes that are no blob of version %d", length, BLOB_VERSION);
  policy->seed = seed;
  policy->snat_low = load16(blob + BLOB_SNAT_LOW_AT);
  policy->snat_high = load16(blob + BLOB_SNAT_HIGH_AT);
  read_endpoints(policy, blob);
  read_prefixes(policy, blob);
  read_egresses(policy, blob);
  uint32_t count;
  const uint8_t *rows = section(blob, SECTION_MEMBERS, &count);
  policy->members = copy_of(rows, count * sizeof(uint32_t));
  rows = section(blob, SECTION_POLICIES, &count);
  _Static_assert(sizeof(struct policy_row) == POLICY_SIZE, "policy rows are those of docs/abi.md");
  policy->rows = copy_of(rows, (size_t)count * POLICY_SIZE);
  rows = section(blob, SECTION_PORTS, &count);
  policy->ports = copy_of(rows, count * sizeof(uint32_t));
  rows = section(blob, SECTION_TIMEOUTS, &count);
  policy->timeouts = copy_of(rows, (size_t)count * TIMEOUT_ROW_SIZE);
  rows = section(blob, SECTION_CHANGES, &policy->change_count);
  policy->changes = copy_of(rows, policy->change_count * sizeof(uint64_t));
}

#endif
