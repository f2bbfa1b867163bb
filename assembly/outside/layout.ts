// The numbers that the outside simulator and its host share: where things lie in the engine's REGION_HOST. Compiled by asc and by tsc, so:
// integer constants only, no imports. All records are little-endian; "raw" means bytes as on the wire.

export const OUTSIDE_VERSION = 5;

// ---- Control block at the start of the host region. The host fills it before `attach`; addresses are absolute. -------------------------

export const CONTROL_VERSION_AT = 0; // u32, OUTSIDE_VERSION
export const CONTROL_ARENA_AT = CONTROL_VERSION_AT + 4; // u32
export const CONTROL_ENGINE_FRAMES_AT = CONTROL_ARENA_AT + 4; // u32, the engine's frame records
export const CONTROL_ENGINE_VERDICTS_AT = CONTROL_ENGINE_FRAMES_AT + 4; // u32, the engine's verdict records
export const CONTROL_BATCH_AT = CONTROL_ENGINE_VERDICTS_AT + 4; // u32, frames given to the engine at once, 1 … MAX_BATCH
export const CONTROL_MAPPINGS_AT = CONTROL_BATCH_AT + 4; // u32, MAPPING_SIZE each
export const CONTROL_MAPPING_SLOTS_AT = CONTROL_MAPPINGS_AT + 4; // u32, a power of two
export const CONTROL_ADDRESSES_AT = CONTROL_MAPPING_SLOTS_AT + 4; // u32, ADDRESS_SIZE each
export const CONTROL_ADDRESS_SLOTS_AT = CONTROL_ADDRESSES_AT + 4; // u32, a power of two, more than twice the addresses
export const CONTROL_SHORT_AT = CONTROL_ADDRESS_SLOTS_AT + 4; // u32, SHORT_SIZE each, as many as CONTROL_ADDRESS_SLOTS_AT
export const CONTROL_SPANS_AT = CONTROL_SHORT_AT + 4; // u32, SPAN_SIZE each
export const CONTROL_CHANGES_AT = CONTROL_SPANS_AT + 4; // u32, u64 each: times at which an address changes its owner, ascending
export const CONTROL_CHANGE_COUNT_AT = CONTROL_CHANGES_AT + 4; // u32
export const CONTROL_INTERFACES_AT = CONTROL_CHANGE_COUNT_AT + 4; // u32, INTERFACE_SIZE each
export const CONTROL_INTERFACE_COUNT_AT = CONTROL_INTERFACES_AT + 4; // u32, room
export const CONTROL_CAPACITY_AT = CONTROL_INTERFACE_COUNT_AT + 4; // u32, frames of one piece
export const CONTROL_COLUMNS_AT = CONTROL_CAPACITY_AT + 4; // COLUMN_COUNT × u32, addresses of the columns
const COLUMN_COUNT = 18;
export const CONTROL_PENDING_AT = CONTROL_COLUMNS_AT + COLUMN_COUNT * 4; // u32, PENDING_SIZE × MAX_BATCH
export const CONTROL_STAMPS_AT = CONTROL_PENDING_AT + 4; // u32, STAMP_COUNT × u32
export const CONTROL_COPIES_AT = CONTROL_STAMPS_AT + 4; // u32, COPY_SIZE each
export const CONTROL_COPY_SLOTS_AT = CONTROL_COPIES_AT + 4; // u32, a power of two
export const CONTROL_EVENTS_AT = CONTROL_COPY_SLOTS_AT + 4; // u32, EVENT_SIZE × EVENT_COUNT
export const CONTROL_GIVEN_AT = CONTROL_EVENTS_AT + 4; // u32, as large as the arena: frames as given to the engine; 0 = not kept
export const CONTROL_FILTER_AT = CONTROL_GIVEN_AT + 4; // u32, FILTER_SIZE each
export const CONTROL_FILTER_COUNT_AT = CONTROL_FILTER_AT + 4; // u32, instructions; 0 = every frame
export const CONTROL_FLAGS_AT = CONTROL_FILTER_COUNT_AT + 4; // u32, CONTROL_FLAG_*
export const CONTROL_TUNNEL_PORT_AT = CONTROL_FLAGS_AT + 4; // u32, of the cluster's overlay, host order
export const CONTROL_PARSED_AT = CONTROL_TUNNEL_PORT_AT + 4; // u32, PARSED_SIZE bytes of scratch
export const CONTROL_COUNTERS_AT = CONTROL_PARSED_AT + 4; // u32, the engine's counters
export const CONTROL_CONNECTIONS_AT = CONTROL_COUNTERS_AT + 4; // u32, that the engine has room for
export const CONTROL_EGRESS_NODES_AT = CONTROL_CONNECTIONS_AT + 4; // u32, u16 each by index of the egress: the unreachable node that its address is on, or NO_NODE
export const CONTROL_EGRESS_ROOM_AT = CONTROL_EGRESS_NODES_AT + 4; // u32, rows that there is room for
export const CONTROL_NODES_AT = CONTROL_EGRESS_ROOM_AT + 4; // u32, NODE_SIZE each
export const CONTROL_NODE_COUNT_AT = CONTROL_NODES_AT + 4; // u32, at most NO_NODE
export const CONTROL_DEAD_ADDRESSES_AT = CONTROL_NODE_COUNT_AT + 4; // u32, DEAD_SIZE each: egress IPs on unreachable nodes
export const CONTROL_DEAD_COUNT_AT = CONTROL_DEAD_ADDRESSES_AT + 4; // u32
export const CONTROL_UNREACHABLE_AT = CONTROL_DEAD_COUNT_AT + 4; // u32, nodes that do not answer; 0 = no frame is lost
export const CONTROL_READ_CLOCK_AT = 216; // u64, the latest timestamp classified so far
export const CONTROL_SEED_AT = CONTROL_READ_CLOCK_AT + 8; // u64, keys the tables' hashes; never shows in results while no table is full
export const CONTROL_CLOCK_AT = CONTROL_SEED_AT + 8; // u64, virtual time: the latest timestamp run through so far
export const CONTROL_MAPPING_COUNT_AT = CONTROL_CLOCK_AT + 8; // u32, mappings in the table now
export const CONTROL_MAPPING_HAND_AT = CONTROL_MAPPING_COUNT_AT + 4; // u32, where room is made next in a crowded table
export const CONTROL_EVICTED_AT = CONTROL_MAPPING_HAND_AT + 4; // u32, mappings given up for others
export const CONTROL_BROKEN_AT = CONTROL_EVICTED_AT + 4; // u32, mappings with MAPPING_FLAG_BROKEN
export const CONTROL_NEXT_CHANGE_AT = CONTROL_BROKEN_AT + 4; // u32, index of the next owner change
export const CONTROL_EVENT_COUNT_AT = CONTROL_NEXT_CHANGE_AT + 4; // u32, written by `run`
export const CONTROL_GIVEN_COUNT_AT = CONTROL_EVENT_COUNT_AT + 4; // u32, frames that the last `run` gave to the engine
export const CONTROL_BATCHES_AT = CONTROL_GIVEN_COUNT_AT + 4; // u32, batches of the last `run`
export const CONTROL_UNTIL_AT = 272; // u64, `run` stops before the first frame at or after this virtual time; all ones = never
export const CONTROL_LOST_AT = CONTROL_UNTIL_AT + 8; // u64, frames lost so far
export const CONTROL_WIDE_AT = CONTROL_LOST_AT + 8; // u32, WIDE_SIZE each: IPv6 addresses by number
export const CONTROL_WIDE_SLOTS_AT = CONTROL_WIDE_AT + 4; // u32, a power of two, at least 64
export const CONTROL_WIDE_COUNT_AT = CONTROL_WIDE_SLOTS_AT + 4; // u32, numbers given out so far
export const CONTROL_FRAGMENTS_AT = CONTROL_WIDE_COUNT_AT + 4; // u32, FRAGMENT_SIZE × FRAGMENT_SLOTS: ports of fragmented replies
export const CONTROL_RELEASED_AT = CONTROL_FRAGMENTS_AT + 4; // u32, the engine's list of released frames
export const CONTROL_SHARD_AT = CONTROL_RELEASED_AT + 4; // u32, frames of other shards than this one are left to others
export const CONTROL_SHARD_COUNT_AT = CONTROL_SHARD_AT + 4; // u32, 0 or 1 = all frames are taken here
export const CONTROL_SIZE = 320;

export const CONTROL_FLAG_UNSETTLED = 1; // policy or gateways changed in mid-run: any connection may be moved at its next frame

export const MAX_BATCH = 4096;
export const STAMP_COUNT = 16384;

// ---- Columns: one value per frame of the piece. The first six are filled by the capture reader. ------------------------------------------

export const COLUMN_OFFSET = 0; // u32, from the start of the arena
export const COLUMN_CAPTURED = 1; // u32
export const COLUMN_WIRE = 2; // u32
export const COLUMN_TIME_LOW = 3; // u32
export const COLUMN_TIME_HIGH = 4; // u32
export const COLUMN_INTERFACE = 5; // u32
export const COLUMN_LINK = 6; // u8, LINK_* of the frame as it is used
export const COLUMN_HOOK = 7; // u8, HOOK_*; 0 = not given to the engine
export const COLUMN_FLAGS = 8; // u16, FRAME_FLAG_* and SLOT_*
export const COLUMN_ACTION = 9; // u8, ACTION_*
export const COLUMN_REASON = 10; // u8, REASON_* of the engine or SKIP_*
export const COLUMN_VERDICT_FLAGS = 11; // u16, VERDICT_FLAG_*
export const COLUMN_EGRESS = 12; // u16, index; NO_EGRESS where none applies
export const COLUMN_OLD_EGRESS = 13; // u16
export const COLUMN_NAT_PORT = 14; // u16, host order
export const COLUMN_HASH = 15; // u32, of the connection that a reply may belong to; 0 = none. Once the frame was held, its number
export const COLUMN_EVICTIONS = 16; // u32, live connections evicted so far; where frames as given are kept
export const COLUMN_LIVE = 17; // u32, translated connections after the frame, plus one; 0 = as many as before; where there are several shards

export const NO_EGRESS = 0xffff;

export const SLOT_BUILT = 0x100; // rewritten into what the outside would have sent
export const SLOT_DECAPSULATED = 0x200; // the inner frame of an overlay packet
export const SLOT_REPLY = 0x400; // from outside to an endpoint: a reply may have to be built

// ---- Actions and reasons of the host, beside those of the engine. -------------------------------------------------------------------------

export const ACTION_SKIPPED = 128;
export const ACTION_LOST = 129;
export const ACTION_ELSEWHERE = 130; // of another shard: not a frame of ours at all

export const SKIP_DUPLICATE = 128;
export const SKIP_ALREADY_TRANSLATED = 129;
export const SKIP_ENCRYPTED_UNDERLAY = 130;
export const SKIP_ENDPOINT_UNKNOWN = 131;
export const SKIP_NOT_IP = 132;
export const SKIP_LINK_TYPE = 133;
export const SKIP_FILTERED = 134;
export const SKIP_OVERLAY = 135; // an overlay packet that is not, or cannot be, decapsulated
export const SKIP_TRUNCATED = 136; // too short for addresses, on the wire
export const SKIP_CUT = 137; // too short for addresses, in the capture
export const SKIP_AFTER_BREAK = 138;
export const SKIP_BAD_HEADER = 139; // no IP version
export const SKIP_GATEWAY_DOWN = 140; // lost: its gateway does not answer
export const SKIP_NODE_DOWN = 141; // lost: the endpoint's own node does not answer
export const SKIP_UNASKED = 142; // an answer to what was dropped on its way out: nobody can have sent it

// ---- Interfaces: one row per interface of the merged captures. ------------------------------------------------------------------------------

export const INTERFACE_LINK_AT = 0; // u8, LINK_*; 0 = unsupported link type
export const INTERFACE_FLAGS_AT = 1; // u8, INTERFACE_FLAG_*
export const INTERFACE_SIZE = 4;
export const INTERFACE_FLAG_DECAPSULATE = 1;
export const INTERFACE_FLAG_COPIES = 2; // look for copies of one packet
export const INTERFACE_FLAG_TWINS = 4; // a mirror that shows every frame twice, byte for byte
export const INTERFACE_FLAG_NETWORK = 8; // network view: frames enter as they are

// ---- Known addresses. IPv4 ones have a compact table of their own in front, which stays in the cache. ----------------------------------------

export const SHORT_ADDRESS_AT = 0; // u32 raw
export const SHORT_INFO_AT = 4; // u32, ADDRESS_* flags; with ADDRESS_TIMED the full table says more; 0 = empty slot
export const SHORT_SIZE = 8;
export const ADDRESS_TIMED = 8; // an endpoint's, but not at all times

export const ADDRESS_BYTES_AT = 0; // 16 bytes, IPv4 mapped
export const ADDRESS_FLAGS_AT = 16; // u32, ADDRESS_*; 0 = empty slot
export const ADDRESS_SPANS_AT = 20; // u32, first span of the endpoint's ownership
export const ADDRESS_SPAN_COUNT_AT = 24; // u32
export const ADDRESS_SIZE = 32;
export const ADDRESS_ENDPOINT = 1;
export const ADDRESS_NODE = 2;
export const ADDRESS_EGRESS = 4;
export const SPAN_FROM_AT = 0; // u64 ns, inclusive
export const SPAN_TO_AT = 8; // u64 ns, exclusive; all ones = for ever
export const SPAN_NODE_AT = 16; // u32, number of the node that the endpoint runs on; NO_NODE where unknown
export const SPAN_SIZE = 24;

// ---- Nodes and gateways that do not answer. ----------------------------------------------------------------------------------------------------

export const NO_NODE = 0xffff;
export const NODE_FLAGS_AT = 0; // u32, NODE_FLAG_*
export const NODE_LOST_AT = 4; // u32, frames lost because of it, counted by `run`
export const NODE_SIZE = 8;
export const NODE_FLAG_UNREACHABLE = 1;

export const DEAD_BYTES_AT = 0; // 16 bytes, IPv4 mapped
export const DEAD_NODE_AT = 16; // u32, number of the node
export const DEAD_SIZE = 24;

// ---- What the outside knows: which external tuple an endpoint's connection has. ---------------------------------------------------------------

export const MAPPING_ADDRESSES_AT = 0; // u64 raw, endpoint and remote address; with WIDE_PROTOCOL their numbers
export const MAPPING_PORTS_AT = 8; // u32 raw, endpoint's and remote's port; ICMP: identifier and 0; without ports: 0
export const MAPPING_PROTOCOL_AT = 12; // u16, ICMP for echoes of both families, | WIDE_PROTOCOL
export const MAPPING_EGRESS_AT = 14; // u16
export const MAPPING_ADDRESS_AT = 16; // u32 raw, egress IP; with WIDE_PROTOCOL its number
export const MAPPING_NAT_PORT_AT = 20; // u16 raw
export const MAPPING_FLAGS_AT = 22; // u8, MAPPING_FLAG_*; 0 = empty slot
export const MAPPING_TOUCH_AT = 23; // u8, written blindly ahead of a lookup, read by nobody
export const MAPPING_USED_AT = 24; // u64 ns, made or last used for a reply
export const MAPPING_SIZE = 32;
export const MAPPING_FLAG_USED = 1;
export const MAPPING_FLAG_HOP = 2; // a routed hop lies between gateway and endpoint
export const MAPPING_FLAG_UNSENT = 8; // no tuple yet: nothing that its endpoint sent arrived, so nobody can have answered
export const MAPPING_FLAG_DROPPED = 16; // ... since it was dropped by the engine, not lost
export const MAPPING_FLAG_BROKEN = 4; // its external tuple changed in mid-connection: what follows could not have happened

// ---- IPv6 addresses of connections, by number from 1 on: 16 bytes at place number - 1; all zero = nobody's. ----------------------------------

export const WIDE_SIZE = 16;
export const WIDE_PROTOCOL = 0x100; // of a connection's protocol: its addresses are numbers of IPv6 ones

// ---- Frames of the running batch. ---------------------------------------------------------------------------------------------------------------

export const PENDING_SLOT_AT = 0; // u32, place in the piece
export const PENDING_KIND_AT = 4; // u32, PENDING_KIND_*
export const PENDING_ADDRESSES_AT = 8; // u64
export const PENDING_PORTS_AT = 16; // u32
export const PENDING_PROTOCOL_AT = 20; // u32
export const PENDING_SIZE = 24;
export const PENDING_KIND_OTHER = 0;
export const PENDING_KIND_CONNECTION = 1; // from an endpoint, with a five-tuple
export const PENDING_KIND_OPENING = 2; // ... a TCP SYN or an SCTP INIT
export const PARSED_SIZE = 64;

// ---- Events: connections whose external tuple changed. --------------------------------------------------------------------------------------------

export const EVENT_SLOT_AT = 0; // u32, place in the piece
export const EVENT_PROTOCOL_AT = 4; // u32, | WIDE_PROTOCOL
export const EVENT_ADDRESSES_AT = 8; // u64 raw; with WIDE_PROTOCOL numbers
export const EVENT_PORTS_AT = 16; // u32 raw
export const EVENT_SIZE = 24;
export const EVENT_COUNT = 8192;

// ---- Fragmented replies whose first fragment was seen. --------------------------------------------------------------------------------------

export const FRAGMENT_SLOTS = 4096; // a power of two
export const FRAGMENT_SIZE = 32;

// ---- Copies of one packet that a capture shows on several interfaces. --------------------------------------------------------------------------------

export const COPY_HASH_AT = 0; // u64; 0 = empty
export const COPY_TIME_AT = 8; // u64 ns, of the first copy
export const COPY_SLOT_AT = 16; // u32, place in the piece of the copy that is used
export const COPY_PIECE_AT = 20; // u32, number of the piece
export const COPY_RANK_AT = 24; // u32, how well the used copy fits the endpoint's side
export const COPY_VIEW_COUNT_AT = 28; // u32
export const COPY_VIEWS_AT = 32; // COPY_MAX_VIEWS × u32, hashes of where and how each copy was seen
export const COPY_MAX_VIEWS = 8;
export const COPY_SIZE = 64;
export const COPY_PROBES = 8;
export const COPY_WINDOW_MS = 20; // copies of one packet lie closer together than any retransmission

// ---- Filter: postfix instructions over a stack of truth values. ---------------------------------------------------------------------------------------

export const FILTER_CODE_AT = 0; // u32, FILTER_*
export const FILTER_VALUE_AT = 4; // u32, port, protocol or prefix length over 16 bytes
export const FILTER_BYTES_AT = 8; // 16 bytes, prefix
export const FILTER_SIZE = 24;
export const FILTER_MAX = 256;
export const FILTER_NOT = 1;
export const FILTER_AND = 2;
export const FILTER_OR = 3;
export const FILTER_NET = 4; // source or destination in the prefix
export const FILTER_SRC_NET = 5;
export const FILTER_DST_NET = 6;
export const FILTER_PORT = 7; // source or destination port
export const FILTER_SRC_PORT = 8;
export const FILTER_DST_PORT = 9;
export const FILTER_PROTOCOL = 10; // ICMP stands for ICMPv6 too
export const FILTER_VERSION = 11; // 4 or 6

// ---- Errors of `attach` and `run`, beside the engine's own (which are greater than -64). -----------------------------------------------------------------

export const OUTSIDE_ERROR_VERSION = -64;
export const OUTSIDE_ERROR_CONTROL = -65;
