// The numbers that the engine and its hosts share. Compiled by asc and by tsc, so: integer constants only, no imports.
// All records are little-endian. Addresses are 16 bytes in network order, IPv4 as ::ffff:a.b.c.d. docs/abi.md explains each.

export const ABI_VERSION = 4;

// ---- Error codes: what exported functions return. 0 and positive values are success. -------------------------------------------------

export const OK = 0;
export const ERROR_NOT_CONFIGURED = -1;
export const ERROR_ALREADY_CONFIGURED = -2;
export const ERROR_CONFIG_RANGE = -3;
export const ERROR_MEMORY = -4;
export const ERROR_BATCH_TOO_LARGE = -5;
export const ERROR_FRAME_OUTSIDE_ARENA = -6;
export const ERROR_BAD_HOOK = -7;
export const ERROR_BAD_LINK_TYPE = -8;
export const ERROR_POLICY_HEADER = -9;
export const ERROR_POLICY_VERSION = -10;
export const ERROR_POLICY_TOO_LARGE = -11;
export const ERROR_POLICY_SECTION = -12;
export const ERROR_POLICY_REFERENCE = -13;
export const ERROR_POLICY_ORDER = -14;
export const ERROR_NO_SUCH_GATEWAY = -15;
export const ERROR_BAD_STATE = -16;
export const ERROR_NO_POLICY_LOADED = -17;

// ---- Configuration record: written by the host at `configAt()`, read once by `configure()`. ------------------------------------------

export const CONFIG_ARENA_SIZE_AT = 0; // u32, bytes for frames and for the policy blob while it is loaded
export const CONFIG_MAX_BATCH_AT = CONFIG_ARENA_SIZE_AT + 4; // u32, frame records of one `process` call
export const CONFIG_CONNECTIONS_AT = CONFIG_MAX_BATCH_AT + 4; // u32, connections of both families
export const CONFIG_CONNECTIONS6_AT = CONFIG_CONNECTIONS_AT + 4; // u32, how many of them may be IPv6; 0 = none is translated
export const CONFIG_ENDPOINTS_AT = CONFIG_CONNECTIONS6_AT + 4; // u32, endpoint rows
export const CONFIG_PREFIXES_AT = CONFIG_ENDPOINTS_AT + 4; // u32, prefixes over all policy sets
export const CONFIG_POLICIES_AT = CONFIG_PREFIXES_AT + 4; // u32
export const CONFIG_EGRESSES_AT = CONFIG_POLICIES_AT + 4; // u32, at most 65535
export const CONFIG_NODES_AT = CONFIG_EGRESSES_AT + 4; // u32
export const CONFIG_BLOB_SIZE_AT = CONFIG_NODES_AT + 4; // u32, largest policy blob, bytes
export const CONFIG_BITMAPS_AT = CONFIG_BLOB_SIZE_AT + 4; // u32, port bitmaps for (egress IP, remote, port, protocol) near exhaustion
export const CONFIG_HOST_SIZE_AT = CONFIG_BITMAPS_AT + 4; // u32, bytes set aside for the host's own use
export const CONFIG_FLAGS_AT = CONFIG_HOST_SIZE_AT + 4; // u32, CONFIG_FLAG_*
export const CONFIG_ZONES_AT = CONFIG_FLAGS_AT + 4; // u32, zones of nodes that policies may treat differently, at most 4096
export const CONFIG_TABLE_SEED_AT = CONFIG_ZONES_AT + 4; // u64, keys the tables' hash; never shows in results while no table is full
export const CONFIG_PLACEMENT_SEED_AT = CONFIG_TABLE_SEED_AT + 8; // u64, keys the choice of gateways
export const CONFIG_PORT_SEED_AT = CONFIG_PLACEMENT_SEED_AT + 8; // u64, keys the choice of NAT ports
export const CONFIG_TUNNEL_PORT_AT = CONFIG_PORT_SEED_AT + 8; // u32, UDP port of the overlay
export const CONFIG_FRAGMENTS_AT = CONFIG_TUNNEL_PORT_AT + 4; // u32, fragmented datagrams followed at a time, and frames held for them; 0 = none is translated
export const CONFIG_MTU_AT = CONFIG_FRAGMENTS_AT + 4; // u32, longest IP packet of a link, bytes; counts with CONFIG_FLAG_ICMP_ERRORS; 0 = any
export const CONFIG_SIZE = CONFIG_MTU_AT + 8;

export const CONFIG_FLAG_TOUCH = 1; // blind-store prefetch in pass 1
export const CONFIG_FLAG_RFC_PROFILE = 2; // lifetimes follow RFC 5382/7857 transitions instead of the original's
export const CONFIG_FLAG_UNSUPPORTED_PASS = 4; // pass what cannot be translated, as the original does, instead of dropping it
export const CONFIG_FLAG_BAD_CHECKSUM_DROP = 8; // drop frames with a wrong checksum instead of translating them as wrong as they are
export const CONFIG_FLAG_NO_PICK_UP = 16; // drop a selected TCP connection that is first seen in mid-stream instead of translating it
export const CONFIG_FLAG_HOLD_FRAGMENTS = 32; // give later fragments back until their first one comes, instead of dropping them
export const CONFIG_FLAG_ICMP_ERRORS = 64; // say by ICMP errors why frames of endpoints were dropped, and drop those too long for a link
export const CONFIG_FLAG_NO_SWEEP = 128; // never look for expired connections by the way: the host calls `advance` from time to time
export const CONFIG_FLAG_MASK = 255;

// ---- Regions of memory: `regionAt(id)` and `regionSize(id)`. -------------------------------------------------------------------------

export const REGION_ARENA = 0;
export const REGION_FRAMES = 1;
export const REGION_VERDICTS = 2;
export const REGION_COUNTERS = 3;
export const REGION_EGRESS_STATS = 4;
export const REGION_CONNTRACK = 5;
export const REGION_STATE = 6; // all that a saved state holds, regions 3 to 5 among it
export const REGION_HOST = 7;
export const REGION_OUTER = 8; // OUTER_SIZE bytes per frame record: what goes in front of a redirected frame
export const REGION_ADDRESSES = 9; // ADDRESS_SIZE bytes per IPv6 address that connections refer to, by number
export const REGION_RELEASED = 10; // u32 count, then u32 each: frames that were held and are to be given again now; the host sets the count to 0
export const REGION_GENERATED = 11; // ICMP errors of the engine's own, with CONFIG_FLAG_ICMP_ERRORS
export const REGION_COUNT = 12;

// ---- Frame record: one per frame of a batch; host writes, engine reads. ---------------------------------------------------------------

export const FRAME_OFFSET_AT = 0; // u32, from the start of the arena
export const FRAME_CAPTURED_AT = FRAME_OFFSET_AT + 4; // u32, bytes present
export const FRAME_WIRE_AT = FRAME_CAPTURED_AT + 4; // u32, bytes on the wire
export const FRAME_HOOK_AT = FRAME_WIRE_AT + 4; // u8, HOOK_*
export const FRAME_LINK_AT = FRAME_HOOK_AT + 1; // u8, LINK_*
export const FRAME_FLAGS_AT = FRAME_LINK_AT + 1; // u16, FRAME_FLAG_*
export const FRAME_TIME_AT = FRAME_FLAGS_AT + 2; // u64, nanoseconds since the epoch
export const FRAME_TAG_AT = FRAME_TIME_AT + 8; // u64, the host's own; with FRAME_FLAG_RELEASED the low half is the number under which the frame was held
export const FRAME_SIZE = FRAME_TAG_AT + 8;

export const FRAME_FLAG_PARTIAL = 1; // transport checksum field holds the pseudo-header sum (transmit offload); SCTP: its CRC is not computed
export const FRAME_FLAG_GSO = 2; // super-frame: longer than any MTU, IPv4 total length may be 0
export const FRAME_FLAG_UPLINK = 4; // from-network: came over the gateway's own uplink, where nobody may address a selected endpoint itself
export const FRAME_FLAG_RELEASED = 8; // was held, and is given again because the list of released frames names it

export const HOOK_FROM_ENDPOINT = 1;
export const HOOK_FROM_NETWORK = 2;
export const HOOK_FROM_OVERLAY = 3; // a VXLAN packet of another node, outer headers included; engines with a node of their own only

export const LINK_ETHERNET = 1;
export const LINK_RAW = 2; // IPv4 or IPv6 by version nibble
export const LINK_SLL = 3;
export const LINK_SLL2 = 4;
export const LINK_NULL = 5; // 4 bytes of address family, either byte order
export const LINK_PPP = 6;
export const LINK_COUNT = 7;

// ---- Verdict record: one per frame of a batch; engine writes, host reads. --------------------------------------------------------------

export const VERDICT_ACTION_AT = 0; // u8, ACTION_*
export const VERDICT_REASON_AT = VERDICT_ACTION_AT + 1; // u8, REASON_*; REASON_NONE for snat and reverse
export const VERDICT_FLAGS_AT = VERDICT_REASON_AT + 1; // u16, VERDICT_FLAG_*
export const VERDICT_LENGTH_AT = VERDICT_FLAGS_AT + 2; // u32, captured bytes after rewriting; from-overlay: of the inner frame
export const VERDICT_EGRESS_AT = VERDICT_LENGTH_AT + 4; // u32, index into the blob's egresses; NO_INDEX where none applies
export const VERDICT_NAT_PORT_AT = VERDICT_EGRESS_AT + 4; // u16, NAT port or ICMP id, host order; 0 for protocols without ports
export const VERDICT_OLD_EGRESS_AT = VERDICT_NAT_PORT_AT + 2; // u16, egress before, with VERDICT_FLAG_REMAPPED
export const VERDICT_EGRESS_IP_AT = VERDICT_OLD_EGRESS_AT + 2; // 16 bytes, zero where none applies
export const VERDICT_TARGET_AT = VERDICT_EGRESS_IP_AT + 16; // 16 bytes, overlay target of a redirect
export const VERDICT_INNER_AT = VERDICT_TARGET_AT + 16; // u32, redirect: where the IP packet starts in the frame; from-overlay: where the inner frame; hold: number in the list of released frames does
export const VERDICT_NODE_AT = VERDICT_INNER_AT + 4; // u32, node: of a redirect's target, or what `locate` found
export const VERDICT_LIVE_AT = VERDICT_NODE_AT; // u32, engines that play every node, frames with a five-tuple off the straight line: translated connections after it, plus one; else as it was
export const VERDICT_SIZE = VERDICT_NODE_AT + 4;

// ---- Frames of the engine's own, at REGION_GENERATED: a count, then a row for each one that the last `process` call made. -----------------

export const GENERATED_COUNT_AT = 0; // u32, at most one for each frame of the batch
export const GENERATED_ROWS_AT = 16; // rows of GENERATED_SIZE bytes
export const GENERATED_FRAME_AT = 0; // u32, frame record of what the error is about
export const GENERATED_LENGTH_AT = GENERATED_FRAME_AT + 4; // u32, bytes of the packet
export const GENERATED_EGRESS_AT = GENERATED_LENGTH_AT + 4; // u32, index of the egress whose address it comes from
export const GENERATED_PACKET_AT = GENERATED_EGRESS_AT + 8; // 1280 bytes, an IP packet for the endpoint; GENERATED_LENGTH_AT says how many count
export const GENERATED_MAX = 1280;
export const GENERATED_SIZE = GENERATED_PACKET_AT + GENERATED_MAX;
export const GENERATED_BURST = 10; // errors of one kind that a node sends at once
export const GENERATED_INTERVAL_NS = 100000000; // nanoseconds of virtual time after which it may send one more

export const NO_INDEX = 0xffffffff;

export const VERDICT_FLAG_CREATED = 1; // this frame opened a connection
export const VERDICT_FLAG_GUESSED = 2; // direction-guessed: first frame seen in mid-stream
export const VERDICT_FLAG_REMAPPED = 4; // the connection's external tuple changed with this frame
export const VERDICT_FLAG_POLICY_CHANGE = 8; // ... because of the policy (else because its gateway is gone)
export const VERDICT_FLAG_UNVERIFIABLE = 16; // checksum-unverifiable: its checksum was not captured
export const VERDICT_FLAG_HOP = 32; // one routed hop: TTL was decremented
export const VERDICT_FLAG_NEW_CONNECTION_KIND = 64; // TCP or SCTP: a remap breaks it; else it rebinds
export const VERDICT_FLAG_RELEASE = 256; // the gateway of VERDICT_OLD_EGRESS_AT may forget the connection: it went elsewhere
export const VERDICT_FLAG_RESTART = 128; // ... because its gateway lost its memory and made the mapping anew

export const ACTION_PASS = 1;
export const ACTION_SNAT = 2;
export const ACTION_REVERSE = 3;
export const ACTION_REDIRECT = 4;
export const ACTION_DROP = 5;
export const ACTION_HOLD = 6;

// ---- Reasons. Names in src/engine/names.ts; a test proves the two lists complete. ------------------------------------------------------

export const REASON_NONE = 0;
// pass
export const REASON_NO_POLICY = 1;
export const REASON_EXCLUDED = 2;
export const REASON_CLUSTER_INTERNAL = 3;
export const REASON_LINK_LOCAL = 4;
export const REASON_MULTICAST = 5;
export const REASON_BROADCAST = 6;
export const REASON_LOOPBACK = 7;
export const REASON_REPLY_OF_INBOUND = 8;
export const REASON_INBOUND = 9;
export const REASON_ENDPOINT_UNKNOWN = 10;
export const REASON_UNSUPPORTED_PASSED = 11;
export const REASON_NOT_IP = 12;
// drop
export const REASON_NO_EGRESS_GATEWAY = 13;
export const REASON_NO_EGRESS_IP = 14;
export const REASON_NO_NAT_MAPPING = 15;
export const REASON_NO_REVERSE_MAPPING = 16;
export const REASON_REPLY_WITHOUT_CONNECTION = 17;
export const REASON_FRAGMENT_UNSUPPORTED = 18;
export const REASON_TRUNCATED = 19;
export const REASON_SNAPLEN_CUT = 20;
export const REASON_BAD_HEADER = 21;
export const REASON_TTL_EXCEEDED = 22;
export const REASON_UNSUPPORTED_PROTOCOL = 23;
export const REASON_IPV6_UNSUPPORTED = 24;
export const REASON_TABLE_FULL = 25;
export const REASON_NOT_YET_PROGRAMMED = 26;
export const REASON_ICMP_ERROR_UNMATCHED = 27;
export const REASON_BAD_SOURCE = 28; // land packet, loopback, multicast or egress address as source
export const REASON_GATEWAY_DOWN = 29; // the gateway it is sent to does not answer, and nobody has noticed yet
export const REASON_BAD_OVERLAY = 30; // no VXLAN packet for this node, or of a connection that it has nothing to do with
export const REASON_ICMP_ERROR_NESTED = 31; // an ICMP error about an ICMP error (RFC 1122 section 3.2.2)
export const REASON_ICMP_ERROR_FRAGMENT = 32; // an ICMP error about a later fragment, which shows no ports
export const REASON_ICMP_ERROR_MISDIRECTED = 33; // an ICMP error to another host than its quoted packet came from, or of another's packet
export const REASON_BAD_CHECKSUM = 34; // with CONFIG_FLAG_BAD_CHECKSUM_DROP only
export const REASON_SOURCE_ROUTE = 35; // IPv4 options that route it by way of others (RFC 7126 sections 4.3, 4.4)
export const REASON_BAD_DESTINATION = 36; // network 0: nobody is there (RFC 1812 section 5.3.7)
export const REASON_NO_STATE = 37; // CONFIG_FLAG_NO_PICK_UP: a TCP segment in mid-stream of a connection that is not known
export const REASON_FRAGMENT_WITHOUT_FIRST = 38; // a later fragment whose first one did not come, or was dropped
export const REASON_FRAGMENT_OVERLAP = 39; // of a datagram that has overlapping fragments (RFC 5722, RFC 8200 section 4.5)
export const REASON_FRAGMENT_DUPLICATE = 40; // the same bytes of a datagram once more (RFC 8200 section 4.5)
export const REASON_FRAGMENT_TINY = 41; // a first fragment that does not show its transport header (RFC 1858, RFC 7112)
export const REASON_FRAGMENT_ID_TAKEN = 42; // another endpoint's datagram under way to the same remote has its identification (RFC 6864)
export const REASON_SCTP_BAD = 43; // an SCTP packet that no receiver takes: too short, bad chunks; with CONFIG_FLAG_BAD_CHECKSUM_DROP a wrong CRC, too
export const REASON_PROTOCOL_CONFLICT = 44; // a protocol without ports: another endpoint has its one mapping to this remote
export const REASON_PACKET_TOO_BIG = 45; // with CONFIG_FLAG_ICMP_ERRORS only: too long for a link on its way, and must not be fragmented
export const REASON_COUNT = 46;

// ---- Counters: u64 each, at REGION_COUNTERS. -------------------------------------------------------------------------------------------

export const COUNTER_REASONS_AT = 0; // 64 × u64, frames per REASON_*; slots from REASON_COUNT on are 0
export const COUNTER_ACTIONS_AT = 64 * 8; // 8 × u64, frames per ACTION_*
export const COUNTER_OPENED_AT = COUNTER_ACTIONS_AT + 8 * 8; // u64, translated connections opened
export const COUNTER_CLOSED_AT = COUNTER_OPENED_AT + 8; // u64, removed after both sides had closed them
export const COUNTER_EXPIRED_AT = COUNTER_CLOSED_AT + 8; // u64, removed because of silence
export const COUNTER_BROKEN_AT = COUNTER_EXPIRED_AT + 8; // u64, TCP and SCTP connections whose external tuple changed in mid-connection
export const COUNTER_REBOUND_AT = COUNTER_BROKEN_AT + 8; // u64, the same for UDP and ICMP
export const COUNTER_LIVE_AT = COUNTER_REBOUND_AT + 8; // u64, translated connections in the table now
export const COUNTER_PEAK_AT = COUNTER_LIVE_AT + 8; // u64, most translated connections at once
export const COUNTER_ENTRIES_AT = COUNTER_PEAK_AT + 8; // u64, connections of any kind in the table now
export const COUNTER_EVICTED_EXPIRED_AT = COUNTER_ENTRIES_AT + 8; // u64, given up for a new one in a full table: expired already
export const COUNTER_EVICTED_CLOSING_AT = COUNTER_EVICTED_EXPIRED_AT + 8; // u64, ... closing
export const COUNTER_EVICTED_UNREPLIED_AT = COUNTER_EVICTED_CLOSING_AT + 8; // u64, ... never answered
export const COUNTER_EVICTED_ESTABLISHED_AT = COUNTER_EVICTED_UNREPLIED_AT + 8; // u64, ... established
export const COUNTER_GUESSED_AT = COUNTER_EVICTED_ESTABLISHED_AT + 8; // u64, direction-guessed
export const COUNTER_PORT_PROBES_AT = COUNTER_GUESSED_AT + 8; // u64, steps of the port search: ports and words of bitmaps looked at
export const COUNTER_BITMAP_SEARCHES_AT = COUNTER_PORT_PROBES_AT + 8; // u64, port searches that went past the candidates
export const COUNTER_REMOVED_AT = COUNTER_BITMAP_SEARCHES_AT + 8; // u64, translated connections dropped by a policy or owner change
export const COUNTER_FRAGMENTS_EVICTED_AT = COUNTER_REMOVED_AT + 8; // u64, datagrams given up for newer ones before their fragments were complete
export const COUNTER_GENERATED_AT = COUNTER_FRAGMENTS_EVICTED_AT + 8; // u64, ICMP errors of the engine's own
export const COUNTER_UNTOLD_AT = COUNTER_GENERATED_AT + 8; // u64, those that were not sent, as too many were before
export const COUNTERS_SIZE = 1024;

// ---- Egress statistics: one row per egress of the blob, at REGION_EGRESS_STATS. ---------------------------------------------------------

export const EGRESS_STATS_CONNECTIONS_AT = 0; // u64
export const EGRESS_STATS_FRAMES_AT = 8; // u64, translated
export const EGRESS_STATS_BYTES_AT = 16; // u64, on the wire
export const EGRESS_STATS_REPLIES_AT = 24; // u64, frames
export const EGRESS_STATS_REPLY_BYTES_AT = 32; // u64
export const EGRESS_STATS_LIVE_AT = 40; // u32, connections now
export const EGRESS_STATS_PORTS_PEAK_AT = 44; // u32, most ports in use at once toward one (remote, port, protocol)
export const EGRESS_STATS_LAST_END_AT = 48; // u64 ns, when the last connection that ended here ended; 0 = none did
export const EGRESS_STATS_SIZE = 64;

// ---- Conntrack lines at REGION_CONNTRACK. Two lines per connection, one for the key as seen at each hook: one line per lookup. ----------

export const LINE_SRC_AT = 0; // u32, source address as in the frame (network order bytes); IPv6: the number of an address row
export const LINE_DST_AT = LINE_SRC_AT + 4; // u32
export const LINE_PORTS_AT = LINE_DST_AT + 4; // 2 × 2 bytes, source and destination port as in the frame; ICMP: id as source (request) or destination (reply), beside 0 (echo) or 13 (timestamp)
export const LINE_PROTOCOL_AT = LINE_PORTS_AT + 4; // u8; ICMP for the echoes of both families
export const LINE_HOOK_AT = LINE_PROTOCOL_AT + 1; // u8, HOOK_* the key is seen at, | LINE_HOOK_ANSWER | LINE_HOOK_IPV6; 0 = empty slot
export const LINE_STATE_AT = LINE_HOOK_AT + 1; // u8, STATE_* bits
export const LINE_CLASS_AT = LINE_STATE_AT + 1; // u8, TIMEOUT_*: which lifetime applies
export const LINE_PAIR_AT = LINE_CLASS_AT + 1; // u32, slot of the other line
export const LINE_SEEN_AT = LINE_PAIR_AT + 4; // u32, last frame on this line, coarse milliseconds
export const LINE_EPOCH_AT = LINE_SEEN_AT + 4; // u32, policy epoch of the decision
export const LINE_ADDRESS_AT = LINE_EPOCH_AT + 4; // u32, address to write (network order bytes)
export const LINE_PORT_AT = LINE_ADDRESS_AT + 4; // u16, port to write (network order bytes); passed connections: REASON_*
export const LINE_L4_DELTA_AT = LINE_PORT_AT + 2; // u16, one's-complement change of the transport checksum
export const LINE_IP_DELTA_AT = LINE_L4_DELTA_AT + 2; // u16, of the IPv4 header checksum, TTL step included
export const LINE_EGRESS_AT = LINE_IP_DELTA_AT + 2; // u16, index of the egress: the pin
export const LINE_OWNER_AT = LINE_EGRESS_AT + 2; // u32, endpoint side of what is translated or redirected: policy index; else FNV-1a-32 of the endpoint's UID
export const LINE_BYTES_AT = LINE_OWNER_AT + 4; // u64, on the wire
export const LINE_PACKETS_AT = LINE_BYTES_AT + 8; // u32
export const LINE_ACK_AT = LINE_PACKETS_AT + 4; // u32, what the endpoint's last TCP segment acknowledged (network order bytes), 0 = nothing (endpoint side); creation time in ms (network side)
export const LINE_TIMEOUT_ROW_AT = LINE_ACK_AT + 4; // u8, row of the lifetime table
export const LINE_FLAGS_AT = LINE_TIMEOUT_ROW_AT + 1; // u8, LINE_FLAG_*
export const LINE_TOUCH_AT = LINE_FLAGS_AT + 1; // u16, written blindly by pass 1, read by nobody
export const LINE_SIZE = LINE_TOUCH_AT + 2; // 64

/** Set in LINE_HOOK_AT of an echo reply's key, or request and reply with id 0 would look alike. */
export const LINE_HOOK_ANSWER = 0x80;
/** Set in LINE_HOOK_AT of IPv6 keys: the line's addresses are numbers of address rows. */
export const LINE_HOOK_IPV6 = 0x40;
/** The HOOK_* in LINE_HOOK_AT. */
export const LINE_HOOK_MASK = 0x0f;

export const LINE_FLAG_PRIMARY = 1; // key of the original direction
export const LINE_FLAG_TRANSLATED = 2;
export const LINE_FLAG_HOP = 4; // gateway and endpoint are on different nodes
export const LINE_FLAG_STEADY = 8; // a frame without SYN, FIN or RST on this line changes no state
export const LINE_FLAG_GUESSED = 16;
export const LINE_FLAG_UNPINNED = 128; // its gateway was found down since its last frame: the next one picks as if new
export const LINE_FLAG_REDIRECT = 64; // its gateway is on another node: the address to write is the overlay's VNI
export const LINE_FLAG_LOST = 32; // its gateway lost the mapping: a pin alone, its own pair

export const STATE_SEEN_NON_SYN = 1;
export const STATE_TX_CLOSING = 2;
export const STATE_RX_CLOSING = 4;
export const STATE_TX_SYN = 8;
export const STATE_RX_SYN = 16;
export const STATE_REPLIED = 32;
export const STATE_RESET = 64;

// ---- Address rows at REGION_ADDRESSES: IPv6 addresses that lines refer to by number, from 1 on. -----------------------------------------

export const ADDRESS_BYTES_AT = 0; // 16 bytes
export const ADDRESS_USES_AT = 16; // u32, how many lines refer to it; 0 = a free row
export const ADDRESS_NEXT_AT = 20; // u32, next row of the same hash, or next free row; 0 = the last
export const ADDRESS_SIZE = 32;

// ---- Lifetime classes: a row of the blob's lifetime table holds one u32 of milliseconds for each. ----------------------------------------

export const TIMEOUT_TCP_OPENING = 0;
export const TIMEOUT_TCP_ESTABLISHED = 1;
export const TIMEOUT_TCP_CLOSING = 2;
export const TIMEOUT_TCP_RESET = 3;
export const TIMEOUT_UDP = 4;
export const TIMEOUT_ICMP = 5;
export const TIMEOUT_OTHER = 6;
export const TIMEOUT_HOLD = 7; // hold-down of a TCP port whose connection ended (RFC 6888 REQ-8); 0 = none
export const TIMEOUT_COUNT = 8;
export const TIMEOUT_ROW_SIZE = TIMEOUT_COUNT * 4;
export const TIMEOUT_MAX_ROWS = 256;
export const TIMEOUT_MAX_MS = 0x3fffffff;

// ---- Fragmented datagrams. -------------------------------------------------------------------------------------------------------------

export const FRAGMENT_MS = 30000; // so long after its first sight the rest of a datagram is waited for, as Linux does

// ---- Policy blob: one header, then sections at 8-byte aligned offsets from the blob's start. ---------------------------------------------

export const BLOB_MAGIC = 0x31504753; // "SGP1"
export const BLOB_VERSION = 1;
export const BLOB_MAGIC_AT = 0; // u32
export const BLOB_VERSION_AT = BLOB_MAGIC_AT + 4; // u32
export const BLOB_LENGTH_AT = BLOB_VERSION_AT + 4; // u32, bytes of the whole blob
export const BLOB_SNAT_LOW_AT = BLOB_LENGTH_AT + 4; // u16, lowest NAT port
export const BLOB_SNAT_HIGH_AT = BLOB_SNAT_LOW_AT + 2; // u16, highest
export const BLOB_SECTIONS_AT = BLOB_SNAT_HIGH_AT + 2; // 9 × { u32, u32 }, for each SECTION_* its rows and its offset from the blob's first byte
export const SECTION_NODES = 0;
export const SECTION_EGRESSES = 1;
export const SECTION_MEMBERS = 2; // u32 each: egress index
export const SECTION_POLICIES = 3;
export const SECTION_PREFIXES = 4;
export const SECTION_ENDPOINTS = 5; // sorted by address bytes, then by `from`
export const SECTION_PORTS = 6; // u32 each: protocol << 16 | port
export const SECTION_TIMEOUTS = 7; // rows of TIMEOUT_ROW_SIZE; row 0 is the default
export const SECTION_CHANGES = 8; // u64 each, ascending: times at which an address changes its owner
export const SECTION_COUNT = 9;
export const BLOB_HEADER_SIZE = BLOB_SECTIONS_AT + SECTION_COUNT * 8;

export const NODE_ADDRESS_AT = 0; // 16 bytes, overlay target; zero = unknown
export const NODE_ZONE_AT = 16; // u32, 0 = no zone
export const NODE_FLAGS_AT = 20; // u32, reserved, 0
export const NODE_SIZE = 24;

export const EGRESS_IPV4_AT = 0; // 16 bytes, zero = none
export const EGRESS_IPV6_AT = 16; // 16 bytes, zero = none
export const EGRESS_KEY_AT = 32; // u64, what rendezvous hashing knows the gateway by (docs/abi.md)
export const EGRESS_NODE_AT = 40; // u32, node index
export const EGRESS_FLAGS_AT = 44; // u32, EGRESS_FLAG_*
export const EGRESS_SIZE = 48;
export const EGRESS_FLAG_MOVED = 1; // policies have its IPv4 address on other nodes only: mappings on it are void
export const EGRESS_FLAG_MOVED6 = 2; // the same of its IPv6 address

export const POLICY_KIND_AT = 0; // u32, POLICY_KIND_*
export const POLICY_MEMBERS_AT = 4; // u32, first member
export const POLICY_MEMBER_COUNT_AT = 8; // u32
export const POLICY_TIMEOUT_ROW_AT = 12; // u32
export const POLICY_SIZE = 16;
export const POLICY_KIND_CILIUM = 1; // member FNV-1a-32(UID) mod count, health ignored
export const POLICY_KIND_ISOVALENT = 2; // rendezvous over healthy members, at most MEMBERS_MAX of them
export const MEMBERS_MAX = 64;

export const PREFIX_BYTES_AT = 0; // 16 bytes, host bits zero
export const PREFIX_SET_AT = 16; // u32, policy set; CLUSTER_SET holds what no policy selects
export const PREFIX_LENGTH_AT = 20; // u32, 0 … 128 over the 16 bytes
export const PREFIX_VALUE_AT = 24; // u32, policy index, PREFIX_EXCLUDED, PREFIX_NOT_YET, or (CLUSTER_SET) a REASON_*
export const PREFIX_SIZE = 28;
export const PREFIX_EXCLUDED = 0xffffffff;
export const PREFIX_NOT_YET = 0xfffffffd; // selected, but not programmed yet: passes
export const CLUSTER_SET = 0;

export const ENDPOINT_ADDRESS_AT = 0; // 16 bytes
export const ENDPOINT_FROM_AT = 16; // u64 ns, owns the address from (inclusive)
export const ENDPOINT_TO_AT = 24; // u64 ns, to (exclusive); all ones = for ever
export const ENDPOINT_SET_AT = 32; // u32, policy set; CLUSTER_SET (0) = selected by no policy
export const ENDPOINT_NODE_AT = 36; // u32, node index or NO_INDEX
export const ENDPOINT_UID_HASH_AT = 40; // u32, FNV-1a-32 of the UID
export const ENDPOINT_PORTS_AT = 44; // u32, first of its service ports
export const ENDPOINT_PORT_COUNT_AT = 48; // u32
export const ENDPOINT_IDENTITY_AT = 52; // u32
export const ENDPOINT_SIZE = 56;

// ---- The overlay: outer headers that the engine writes and reads (RFC 7348 section 5), then the inner Ethernet header. ------------------

export const OUTER_SIZE = 64; // Ethernet 14, IPv4 20, UDP 8, VXLAN 8, inner Ethernet 14
export const VNI_HOST = 1; // never comes from another node
export const VNI_WORLD = 2; // replies

// ---- What became of a frame elsewhere: `feedback(i, what)`. ----------------------------------------------------------------------------

export const FEEDBACK_FORGET = 1; // its connection ends here: it was refused, or has gone to another gateway
export const FEEDBACK_RESTART = 2; // its gateway made a new mapping: the connection's state begins with this frame
export const FEEDBACK_REFUSED = 3; // | REASON_* << 8: it was dropped there; of a first fragment, so is the rest of its datagram

// ---- Gateway state: `setGateway(node, state)`. ---------------------------------------------------------------------------------------

export const GATEWAY_DOWN = 0; // not healthy: pins go, connections pick again
export const GATEWAY_HEALTHY = 1; // keeps its connections, takes no new ones
export const GATEWAY_ACTIVE = 2; // healthy, and chosen for new connections
