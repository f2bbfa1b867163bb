/*
 * The ABI of Sluicegate's engine.wasm, version 4, for hosts in C (C11) and C++ (C++11).
 * Made from assembly/abi.ts by `npm run abi`; docs/abi.md says what holds for each function and record.
 *
 * Offsets count from the first byte of a record in the engine's memory. Numbers in there are little-endian: a host of
 * another byte order reads them by offset, not through the structs.
 */
#ifndef SLUICEGATE_H
#define SLUICEGATE_H

#include <stddef.h>
#include <stdint.h>

/* Versions */
#define SG_ABI_VERSION 4u /* what abiVersion() returns */
#define SG_BLOB_MAGIC 827344723u /* first four bytes of a blob, "SGP1" */
#define SG_BLOB_VERSION 1u /* format of the blob */

/* Error codes */
#define SG_OK 0 /* done */
#define SG_ERROR_NOT_CONFIGURED (-1) /* configure has not succeeded yet */
#define SG_ERROR_ALREADY_CONFIGURED (-2) /* configure succeeded before */
#define SG_ERROR_CONFIG_RANGE (-3) /* a value of the configuration record is outside its range, or an unknown flag is set */
#define SG_ERROR_MEMORY (-4) /* the tables do not fit into 4 GiB less one page, or the host refused to grow the memory */
#define SG_ERROR_BATCH_TOO_LARGE (-5) /* process: more frames than CONFIG_MAX_BATCH_AT */
#define SG_ERROR_FRAME_OUTSIDE_ARENA (-6) /* a frame record, or the policy blob, reaches past the arena */
#define SG_ERROR_BAD_HOOK (-7) /* a frame record names no hook that this engine has */
#define SG_ERROR_BAD_LINK_TYPE (-8) /* a frame record names no LINK_* */
#define SG_ERROR_POLICY_HEADER (-9) /* blob cut, wrong magic, wrong length, or NAT ports 0 or upside down */
#define SG_ERROR_POLICY_VERSION (-10) /* blob of another BLOB_VERSION */
#define SG_ERROR_POLICY_TOO_LARGE (-11) /* blob, one of its sections, or the number of a zone larger than configured; more than MEMBERS_MAX members or TIMEOUT_MAX_ROWS lifetime rows */
#define SG_ERROR_POLICY_SECTION (-12) /* a section is misaligned, begins in the header, reaches past the blob or shares bytes with another one, or there is no lifetime row */
#define SG_ERROR_POLICY_REFERENCE (-13) /* a row refers to a row that does not exist, or holds a value out of range (kind, prefix length, host bits, reason, lifetime) */
#define SG_ERROR_POLICY_ORDER (-14) /* endpoints or changes are not in order, or two endpoints own one address at once; there is one change twice */
#define SG_ERROR_NO_SUCH_GATEWAY (-15) /* no node, policy or zone of that number in the policy in force */
#define SG_ERROR_BAD_STATE (-16) /* restore: the state is inconsistent; setGateway, setReachable: no such state; feedback: no such what */
#define SG_ERROR_NO_POLICY_LOADED (-17) /* loadPolicy has not succeeded yet */

/* Flags of the configuration */
#define SG_CONFIG_FLAG_TOUCH 1u /* blind-store prefetch in pass 1 */
#define SG_CONFIG_FLAG_RFC_PROFILE 2u /* lifetimes follow RFC 5382/7857 transitions instead of the original's */
#define SG_CONFIG_FLAG_UNSUPPORTED_PASS 4u /* pass what cannot be translated, as the original does, instead of dropping it */
#define SG_CONFIG_FLAG_BAD_CHECKSUM_DROP 8u /* drop frames with a wrong checksum instead of translating them as wrong as they are */
#define SG_CONFIG_FLAG_NO_PICK_UP 16u /* drop a selected TCP or SCTP connection that is first seen in mid-stream (REASON_NO_STATE) instead of translating it */
#define SG_CONFIG_FLAG_HOLD_FRAGMENTS 32u /* give later fragments back (ACTION_HOLD) until their first one comes, instead of dropping them */
#define SG_CONFIG_FLAG_ICMP_ERRORS 64u /* say by ICMP errors why frames of endpoints were dropped, and drop those too long for a link (see "Frames of the engine's own") */
#define SG_CONFIG_FLAG_NO_SWEEP 128u /* never look for expired connections by the way: the host calls advance from time to time */
#define SG_CONFIG_FLAG_MASK 255u /* all flags that exist */

/* Regions */
#define SG_REGION_ARENA 0u /* frames, and the policy blob while it is loaded; any alignment */
#define SG_REGION_FRAMES 1u /* frame records */
#define SG_REGION_VERDICTS 2u /* verdict records */
#define SG_REGION_COUNTERS 3u /* counters */
#define SG_REGION_EGRESS_STATS 4u /* egress statistics, CONFIG_EGRESSES_AT rows */
#define SG_REGION_CONNTRACK 5u /* conntrack lines of both families */
#define SG_REGION_STATE 6u /* all that a saved state holds, regions 3 to 5 among it */
#define SG_REGION_HOST 7u /* CONFIG_HOST_SIZE_AT bytes that the engine never touches */
#define SG_REGION_OUTER 8u /* OUTER_SIZE bytes per frame record: what goes in front of a redirected frame */
#define SG_REGION_ADDRESSES 9u /* ADDRESS_SIZE bytes per IPv6 address that connections have to do with */
#define SG_REGION_RELEASED 10u /* u32 count, then u32 each: numbers of held frames that are to be given again now */
#define SG_REGION_GENERATED 11u /* ICMP errors of the engine's own; empty without CONFIG_FLAG_ICMP_ERRORS */
#define SG_REGION_COUNT 12u /* number of regions; there is none of a higher number */

/* Flags of a frame record */
#define SG_FRAME_FLAG_PARTIAL 1u /* transport checksum field holds the pseudo-header sum (transmit offload); of SCTP: its CRC32c is not computed, and stays as it is */
#define SG_FRAME_FLAG_GSO 2u /* super-frame: longer than any MTU, IPv4 total length may be 0 */
#define SG_FRAME_FLAG_UPLINK 4u /* hook from-network: it came over the gateway's own uplink, where nobody outside may address an endpoint itself: a frame to a selected endpoint opens no connection from outside (REASON_NO_REVERSE_MAPPING) */
#define SG_FRAME_FLAG_RELEASED 8u /* it was held, and is given again because REGION_RELEASED names it; FRAME_TAG_AT says which */

/* Hooks */
#define SG_HOOK_FROM_ENDPOINT 1u /* an endpoint sends: SNAT */
#define SG_HOOK_FROM_NETWORK 2u /* the outside sends: reverse NAT */
#define SG_HOOK_FROM_OVERLAY 3u /* another node sends: a VXLAN packet, outer headers included; refused with ERROR_BAD_HOOK until setOwnNode */

/* Link types */
#define SG_LINK_ETHERNET 1u /* with 802.1Q and 802.1ad tags */
#define SG_LINK_RAW 2u /* IPv4 or IPv6 by version nibble */
#define SG_LINK_SLL 3u /* Linux cooked v1 */
#define SG_LINK_SLL2 4u /* Linux cooked v2 */
#define SG_LINK_NULL 5u /* 4 bytes of address family, either byte order */
#define SG_LINK_PPP 6u /* with or without HDLC address and control */
#define SG_LINK_COUNT 7u /* number of link types, 0 (none) included */

/* Flags of a verdict */
#define SG_VERDICT_FLAG_CREATED 1u /* this frame opened a connection */
#define SG_VERDICT_FLAG_GUESSED 2u /* direction-guessed: first frame seen in mid-stream */
#define SG_VERDICT_FLAG_REMAPPED 4u /* the connection's external tuple changed with this frame */
#define SG_VERDICT_FLAG_POLICY_CHANGE 8u /* ... because of the policy (else because its gateway is gone) */
#define SG_VERDICT_FLAG_UNVERIFIABLE 16u /* checksum-unverifiable: its checksum was not captured */
#define SG_VERDICT_FLAG_HOP 32u /* one routed hop: TTL was decremented */
#define SG_VERDICT_FLAG_NEW_CONNECTION_KIND 64u /* TCP or SCTP: a remap breaks it; else it rebinds */
#define SG_VERDICT_FLAG_RELEASE 256u /* the gateway of VERDICT_OLD_EGRESS_AT, on another node, may forget the connection */
#define SG_VERDICT_FLAG_RESTART 128u /* with VERDICT_FLAG_REMAPPED: because its gateway lost its memory */

/* Actions */
#define SG_ACTION_PASS 1u /* unchanged */
#define SG_ACTION_SNAT 2u /* source rewritten: leaves from the gateway */
#define SG_ACTION_REVERSE 3u /* destination rewritten: goes on to the endpoint */
#define SG_ACTION_REDIRECT 4u /* goes to another node, VERDICT_TARGET_AT: see Overlay */
#define SG_ACTION_DROP 5u /* unchanged, not to be sent */
#define SG_ACTION_HOLD 6u /* unchanged, to be kept until REGION_RELEASED names it: see Fragments */

/* Reasons */
#define SG_REASON_NONE 0u /* translated: nothing to explain */
#define SG_REASON_NO_POLICY 1u /* pass: no policy selects this endpoint and destination */
#define SG_REASON_EXCLUDED 2u /* pass: an excluded CIDR is the longest match */
#define SG_REASON_CLUSTER_INTERNAL 3u /* pass: destination is a pod, a node, a pod CIDR or a service */
#define SG_REASON_LINK_LOCAL 4u /* pass: link-local destination */
#define SG_REASON_MULTICAST 5u /* pass: multicast destination */
#define SG_REASON_BROADCAST 6u /* pass: limited broadcast */
#define SG_REASON_LOOPBACK 7u /* pass: loopback destination */
#define SG_REASON_REPLY_OF_INBOUND 8u /* pass: answer of an endpoint in a connection that came from outside */
#define SG_REASON_INBOUND 9u /* pass: frame from outside in such a connection */
#define SG_REASON_ENDPOINT_UNKNOWN 10u /* pass: nobody in the policy owns the endpoint address */
#define SG_REASON_UNSUPPORTED_PASSED 11u /* pass: cannot be translated and CONFIG_FLAG_UNSUPPORTED_PASS is set */
#define SG_REASON_NOT_IP 12u /* pass: ARP and the like */
#define SG_REASON_NO_EGRESS_GATEWAY 13u /* drop: selected, but no gateway is eligible */
#define SG_REASON_NO_EGRESS_IP 14u /* drop: the gateway has no egress IP of this family */
#define SG_REASON_NO_NAT_MAPPING 15u /* drop: every port towards this remote and port is in use */
#define SG_REASON_NO_REVERSE_MAPPING 16u /* drop: to an egress IP, but no connection is there; with FRAME_FLAG_UPLINK also straight to a selected endpoint */
#define SG_REASON_REPLY_WITHOUT_CONNECTION 17u /* drop: in mid-stream to a selected endpoint without a connection */
#define SG_REASON_FRAGMENT_UNSUPPORTED 18u /* drop: selected fragment of an ICMP error, or any while CONFIG_FRAGMENTS_AT is 0 */
#define SG_REASON_TRUNCATED 19u /* drop: shorter on the wire than its headers say */
#define SG_REASON_SNAPLEN_CUT 20u /* drop: the capture cut it before its ports */
#define SG_REASON_BAD_HEADER 21u /* drop: a header contradicts itself */
#define SG_REASON_TTL_EXCEEDED 22u /* drop: the routed hop to or from the gateway ends it */
#define SG_REASON_UNSUPPORTED_PROTOCOL 23u /* drop: selected, of a protocol or ICMP type that is not translated */
#define SG_REASON_IPV6_UNSUPPORTED 24u /* drop: selected IPv6 frame, while CONFIG_CONNECTIONS6_AT is 0 */
#define SG_REASON_TABLE_FULL 25u /* drop: nothing in the table could be given up for this connection */
#define SG_REASON_NOT_YET_PROGRAMMED 26u /* pass: the longest match is PREFIX_NOT_YET */
#define SG_REASON_ICMP_ERROR_UNMATCHED 27u /* drop: ICMP error about no known connection */
#define SG_REASON_BAD_SOURCE 28u /* drop: source equals destination (land), or is in network 0, loopback, multicast, reserved or an egress IP */
#define SG_REASON_GATEWAY_DOWN 29u /* drop: the gateway that it goes to does not answer; VERDICT_EGRESS_AT says which */
#define SG_REASON_BAD_OVERLAY 30u /* drop: no VXLAN packet for this node, or one of a connection that it has nothing to do with */
#define SG_REASON_ICMP_ERROR_NESTED 31u /* drop: ICMP error about an ICMP error */
#define SG_REASON_ICMP_ERROR_FRAGMENT 32u /* drop: ICMP error about a later fragment */
#define SG_REASON_ICMP_ERROR_MISDIRECTED 33u /* drop: ICMP error to another host than its quoted packet came from, or of an endpoint about another's packet */
#define SG_REASON_BAD_CHECKSUM 34u /* drop: selected, with a wrong checksum, and CONFIG_FLAG_BAD_CHECKSUM_DROP is set */
#define SG_REASON_SOURCE_ROUTE 35u /* drop: selected, with an IPv4 source route option */
#define SG_REASON_BAD_DESTINATION 36u /* drop: selected, to network 0 */
#define SG_REASON_NO_STATE 37u /* drop: a TCP segment or SCTP packet in mid-stream of a connection that is not known, with CONFIG_FLAG_NO_PICK_UP */
#define SG_REASON_FRAGMENT_WITHOUT_FIRST 38u /* hold, drop: a later fragment whose first one has not come, did not come in time, or whose connection is gone */
#define SG_REASON_FRAGMENT_OVERLAP 39u /* drop: of a datagram that has overlapping fragments, from the first of them on */
#define SG_REASON_FRAGMENT_DUPLICATE 40u /* drop: the same bytes of a datagram once more */
#define SG_REASON_FRAGMENT_TINY 41u /* drop: a first fragment without its whole transport header */
#define SG_REASON_FRAGMENT_ID_TAKEN 42u /* drop: another endpoint's datagram, under way to the same remote, has its identification */
#define SG_REASON_SCTP_BAD 43u /* drop: an SCTP packet that no receiver takes: too short, bad chunks, a verification tag of 0 outside an INIT; with CONFIG_FLAG_BAD_CHECKSUM_DROP a wrong CRC32c, too */
#define SG_REASON_PROTOCOL_CONFLICT 44u /* drop: a protocol without ports, of which another endpoint has the one mapping to this remote */
#define SG_REASON_PACKET_TOO_BIG 45u /* drop: too long for a link on its way, and must not be fragmented; with CONFIG_FLAG_ICMP_ERRORS only */
#define SG_REASON_COUNT 46u /* number of reasons */

/* States of a gateway */
#define SG_GATEWAY_DOWN 0u /* not healthy: pins go, connections pick again, even if the gateway is back by then */
#define SG_GATEWAY_HEALTHY 1u /* keeps its connections, takes no new ones */
#define SG_GATEWAY_ACTIVE 2u /* healthy, and chosen for new connections */

/* What became of a frame elsewhere */
#define SG_FEEDBACK_FORGET 1u /* the connection ends here: it was refused, or has gone to another gateway */
#define SG_FEEDBACK_RESTART 2u /* the gateway made a new mapping for a connection that was pinned before: its state begins anew with this frame */
#define SG_FEEDBACK_REFUSED 3u /* with a REASON_* in bits 8 and up: it was dropped at its gateway; of a first fragment, so is the rest of its datagram */

/* Bits of LINE_HOOK_AT */
#define SG_LINE_HOOK_ANSWER 128u /* a bit of LINE_HOOK_AT, not of LINE_FLAGS_AT: the key of an echo or timestamp reply */
#define SG_LINE_HOOK_IPV6 64u /* another: the key of an IPv6 frame */
#define SG_LINE_HOOK_MASK 15u /* the bits of LINE_HOOK_AT that are the HOOK_* */

/* Bits of LINE_FLAGS_AT */
#define SG_LINE_FLAG_PRIMARY 1u /* key of the original direction */
#define SG_LINE_FLAG_TRANSLATED 2u /* address and port are rewritten; else the connection passes */
#define SG_LINE_FLAG_HOP 4u /* gateway and endpoint are on different nodes */
#define SG_LINE_FLAG_STEADY 8u /* a frame without SYN, FIN or RST on this line changes no state */
#define SG_LINE_FLAG_GUESSED 16u /* its direction was guessed: VERDICT_FLAG_GUESSED */
#define SG_LINE_FLAG_UNPINNED 128u /* its gateway was found down since its last frame: the next one picks as if it were new */
#define SG_LINE_FLAG_REDIRECT 64u /* a pin whose gateway is on another node: LINE_ADDRESS_AT is the overlay's VNI */
#define SG_LINE_FLAG_LOST 32u /* its gateway lost the mapping: a pin alone; LINE_PAIR_AT is the line itself, address and port are the old ones */

/* Bits of LINE_STATE_AT */
#define SG_STATE_SEEN_NON_SYN 1u /* a TCP frame without SYN was seen */
#define SG_STATE_TX_CLOSING 2u /* FIN or RST in the original direction */
#define SG_STATE_RX_CLOSING 4u /* FIN or RST in the reply direction */
#define SG_STATE_TX_SYN 8u /* SYN in the original direction */
#define SG_STATE_RX_SYN 16u /* SYN in the reply direction */
#define SG_STATE_REPLIED 32u /* a frame of the reply direction was seen */
#define SG_STATE_RESET 64u /* profile rfc: an RST was seen and no data since */

/* Lifetime classes */
#define SG_TIMEOUT_TCP_OPENING 0u /* handshake not complete */
#define SG_TIMEOUT_TCP_ESTABLISHED 1u /* handshake complete, or data seen */
#define SG_TIMEOUT_TCP_CLOSING 2u /* closed by both sides */
#define SG_TIMEOUT_TCP_RESET 3u /* profile rfc: after an RST */
#define SG_TIMEOUT_UDP 4u /* since the last frame of either direction */
#define SG_TIMEOUT_ICMP 5u /* echo and timestamp */
#define SG_TIMEOUT_OTHER 6u /* any other protocol; in profile cilium SCTP, too, which goes by TCP's classes in profile rfc */
#define SG_TIMEOUT_HOLD 7u /* not of a connection: for how long the NAT port of a TCP connection that has ended goes to no new one; 0 = not at all */
#define SG_TIMEOUT_COUNT 8u /* u32 per row */
#define SG_TIMEOUT_ROW_SIZE 32u /* bytes of a row */
#define SG_TIMEOUT_MAX_ROWS 256u /* rows of the lifetime section */
#define SG_TIMEOUT_MAX_MS 1073741823u /* longest lifetime */

/* Sections of a policy blob */
#define SG_SECTION_NODES 0u /* node rows */
#define SG_SECTION_EGRESSES 1u /* egress rows: (gateway node, addresses) */
#define SG_SECTION_MEMBERS 2u /* u32 each: egress index */
#define SG_SECTION_POLICIES 3u /* policy rows */
#define SG_SECTION_PREFIXES 4u /* prefix rows, any order */
#define SG_SECTION_ENDPOINTS 5u /* sorted by address bytes, then by from */
#define SG_SECTION_PORTS 6u /* u32 each: protocol × 65,536 + port */
#define SG_SECTION_TIMEOUTS 7u /* rows of TIMEOUT_ROW_SIZE; row 0 is the default */
#define SG_SECTION_CHANGES 8u /* u64 each, ascending: times at which an address changes its owner */
#define SG_SECTION_COUNT 9u /* sections of a blob */

/* Flags of an egress */
#define SG_EGRESS_FLAG_MOVED 1u /* policies have its IPv4 address on other nodes only: mappings on it are void, pins on its node stay */
#define SG_EGRESS_FLAG_MOVED6 2u /* the same of its IPv6 address */

/* Kinds of policies */
#define SG_POLICY_KIND_CILIUM 1u /* member FNV-1a-32(UID) mod count, health ignored */
#define SG_POLICY_KIND_ISOVALENT 2u /* rendezvous over active members */
#define SG_MEMBERS_MAX 64u /* members of a policy of that kind at most */

/* Special numbers */
#define SG_NO_INDEX 4294967295u /* no row: verdict egress, endpoint node */
#define SG_PREFIX_EXCLUDED 4294967295u /* prefix value: longest match is an excluded CIDR */
#define SG_PREFIX_NOT_YET 4294967293u /* prefix value: selected by a policy that is not programmed yet; the frame passes */
#define SG_CLUSTER_SET 0u /* policy set of what no policy ever selects */

/* Overlay */
#define SG_OUTER_SIZE 64u /* bytes of the outer headers and the inner Ethernet header */
#define SG_VNI_HOST 1u /* never comes from another node: dropped */
#define SG_VNI_WORLD 2u /* replies */

/* Frames of the engine's own */
#define SG_GENERATED_MAX 1280u /* most bytes of a packet */
#define SG_GENERATED_BURST 10u /* errors that a node sends at once */
#define SG_GENERATED_INTERVAL_NS 100000000u /* nanoseconds after which it may send one more */

/* Fragments */
#define SG_FRAGMENT_MS 30000u /* milliseconds for which the rest of a datagram is waited for */

/* Record config: configAt(); the host writes it */
#define SG_CONFIG_ARENA_SIZE_AT 0u /* u32: bytes for frames and for the policy blob while it is loaded */
#define SG_CONFIG_MAX_BATCH_AT 4u /* u32: frame records of one process call, 1 to 65,536 */
#define SG_CONFIG_CONNECTIONS_AT 8u /* u32: IPv4 connections, 16 to 8,388,608 */
#define SG_CONFIG_CONNECTIONS6_AT 12u /* u32: how many of the connections may be IPv6, at most CONFIG_CONNECTIONS_AT; 0 = IPv6 is not translated */
#define SG_CONFIG_ENDPOINTS_AT 16u /* u32: endpoint rows, at most 4,194,304 */
#define SG_CONFIG_PREFIXES_AT 20u /* u32: prefixes over all policy sets, at most 4,194,304; also the highest number of a set */
#define SG_CONFIG_POLICIES_AT 24u /* u32: policy rows, at most 1,048,576 */
#define SG_CONFIG_EGRESSES_AT 28u /* u32: egress rows, at most 65,535 */
#define SG_CONFIG_NODES_AT 32u /* u32: node rows, at most 1,048,576 */
#define SG_CONFIG_BLOB_SIZE_AT 36u /* u32: largest policy blob, at most 1 GiB */
#define SG_CONFIG_BITMAPS_AT 40u /* u32: port bitmaps for (egress IP, remote, port, protocol) near exhaustion, at most 65,536 */
#define SG_CONFIG_HOST_SIZE_AT 44u /* u32: bytes set aside for the host's own use */
#define SG_CONFIG_FLAGS_AT 48u /* u32: CONFIG_FLAG_* */
#define SG_CONFIG_ZONES_AT 52u /* u32: highest number of a zone, at most 4,096 */
#define SG_CONFIG_TABLE_SEED_AT 56u /* u64: keys the tables' hash; never shows in results while no table is full */
#define SG_CONFIG_PLACEMENT_SEED_AT 64u /* u64: keys the choice of gateways */
#define SG_CONFIG_PORT_SEED_AT 72u /* u64: keys the choice of NAT ports */
#define SG_CONFIG_TUNNEL_PORT_AT 80u /* u32: UDP port of the overlay, at most 65,535 */
#define SG_CONFIG_FRAGMENTS_AT 84u /* u32: fragmented datagrams followed at a time, and fragments held for them, at most 1048576; 0 = selected fragments are dropped */
#define SG_CONFIG_MTU_AT 88u /* u32: longest IP packet of a link, bytes; counts with CONFIG_FLAG_ICMP_ERRORS; 0 = any */
#define SG_CONFIG_SIZE 96u /* bytes */

/* Record frame: REGION_FRAMES; the host writes it */
#define SG_FRAME_OFFSET_AT 0u /* u32: from the start of the arena */
#define SG_FRAME_CAPTURED_AT 4u /* u32: bytes present */
#define SG_FRAME_WIRE_AT 8u /* u32: bytes on the wire */
#define SG_FRAME_HOOK_AT 12u /* u8: HOOK_* */
#define SG_FRAME_LINK_AT 13u /* u8: LINK_* */
#define SG_FRAME_FLAGS_AT 14u /* u16: FRAME_FLAG_* */
#define SG_FRAME_TIME_AT 16u /* u64: nanoseconds since the epoch */
#define SG_FRAME_TAG_AT 24u /* u64: with FRAME_FLAG_RELEASED the number under which the frame was held, in the low half; else the host's own, which the engine never reads */
#define SG_FRAME_SIZE 32u /* bytes */

/* Record verdict: REGION_VERDICTS; the engine writes it */
#define SG_VERDICT_ACTION_AT 0u /* u8: ACTION_* */
#define SG_VERDICT_REASON_AT 1u /* u8: REASON_*; REASON_NONE for snat and reverse */
#define SG_VERDICT_FLAGS_AT 2u /* u16: VERDICT_FLAG_* */
#define SG_VERDICT_LENGTH_AT 4u /* u32: captured bytes after rewriting; hook from-overlay: of the inner frame */
#define SG_VERDICT_EGRESS_AT 8u /* u32: index into the blob's egresses; NO_INDEX where none applies */
#define SG_VERDICT_NAT_PORT_AT 12u /* u16: NAT port or ICMP id, host order */
#define SG_VERDICT_OLD_EGRESS_AT 14u /* u16: egress before, with VERDICT_FLAG_REMAPPED */
#define SG_VERDICT_EGRESS_IP_AT 16u /* 16 x u8: zero where none applies */
#define SG_VERDICT_TARGET_AT 32u /* 16 x u8: overlay target of a redirect */
#define SG_VERDICT_INNER_AT 48u /* u32: redirect: offset of the IP packet in the frame; hook from-overlay: of the inner frame; hold: number under which the frame will be released */
#define SG_VERDICT_NODE_AT 52u /* u32: node index: of a redirect's target, or what locate found */
#define SG_VERDICT_LIVE_AT 52u /* u32: engines that play every node, frames with a five-tuple: translated connections after the frame, plus one, where the frame may have changed that; else left as it was */
#define SG_VERDICT_SIZE 56u /* bytes */

/* Record generated_head: REGION_GENERATED; the engine writes it */
#define SG_GENERATED_COUNT_AT 0u /* u32: rows of the last call */
#define SG_GENERATED_ROWS_AT 16u /* rows: of GENERATED_SIZE bytes each */

/* Record generated: REGION_GENERATED, from GENERATED_ROWS_AT on; the engine writes it */
#define SG_GENERATED_FRAME_AT 0u /* u32: frame record that it is about: time, link header and hook are the host's to take from there */
#define SG_GENERATED_LENGTH_AT 4u /* u32: bytes of the packet */
#define SG_GENERATED_EGRESS_AT 8u /* u32: egress whose address it comes from */
#define SG_GENERATED_PACKET_AT 16u /* 1280 x u8: IPv4 or IPv6 without a link header, to the frame's source; what is behind GENERATED_LENGTH_AT bytes counts for nothing */
#define SG_GENERATED_SIZE 1296u /* bytes */

/* Record counters: REGION_COUNTERS; the engine writes it */
#define SG_COUNTER_REASONS_AT 0u /* 64 x u64: frames per REASON_*, indexed by its value; slots from REASON_COUNT on are 0 */
#define SG_COUNTER_ACTIONS_AT 512u /* 8 x u64: frames per ACTION_*, indexed by its value */
#define SG_COUNTER_OPENED_AT 576u /* u64: translated connections opened */
#define SG_COUNTER_CLOSED_AT 584u /* u64: … removed after both sides had closed them */
#define SG_COUNTER_EXPIRED_AT 592u /* u64: … removed because of silence */
#define SG_COUNTER_BROKEN_AT 600u /* u64: TCP and SCTP connections whose external tuple changed in mid-connection */
#define SG_COUNTER_REBOUND_AT 608u /* u64: the same for UDP and ICMP */
#define SG_COUNTER_LIVE_AT 616u /* u64: translated connections in the table now */
#define SG_COUNTER_PEAK_AT 624u /* u64: most of them at once */
#define SG_COUNTER_ENTRIES_AT 632u /* u64: connections of any kind in the table now */
#define SG_COUNTER_EVICTED_EXPIRED_AT 640u /* u64: given up for a new one in a full table: expired already */
#define SG_COUNTER_EVICTED_CLOSING_AT 648u /* u64: … closing */
#define SG_COUNTER_EVICTED_UNREPLIED_AT 656u /* u64: … never answered */
#define SG_COUNTER_EVICTED_ESTABLISHED_AT 664u /* u64: … established (profile cilium only) */
#define SG_COUNTER_GUESSED_AT 672u /* u64: connections first seen in mid-stream: direction-guessed */
#define SG_COUNTER_PORT_PROBES_AT 680u /* u64: steps of the port search: ports and words of bitmaps looked at */
#define SG_COUNTER_BITMAP_SEARCHES_AT 688u /* u64: port searches that went past the candidates */
#define SG_COUNTER_REMOVED_AT 696u /* u64: translated connections ended by a policy or owner change */
#define SG_COUNTER_FRAGMENTS_EVICTED_AT 704u /* u64: fragmented datagrams given up for newer ones before they were complete */
#define SG_COUNTER_GENERATED_AT 712u /* u64: ICMP errors of the engine's own */
#define SG_COUNTER_UNTOLD_AT 720u /* u64: those that were not sent, as too many were before */
#define SG_COUNTERS_SIZE 1024u /* bytes */

/* Record egress_stats: REGION_EGRESS_STATS; the engine writes it */
#define SG_EGRESS_STATS_CONNECTIONS_AT 0u /* u64: connections opened through it */
#define SG_EGRESS_STATS_FRAMES_AT 8u /* u64: frames translated outbound */
#define SG_EGRESS_STATS_BYTES_AT 16u /* u64: their bytes on the wire */
#define SG_EGRESS_STATS_REPLIES_AT 24u /* u64: frames translated back */
#define SG_EGRESS_STATS_REPLY_BYTES_AT 32u /* u64: their bytes on the wire */
#define SG_EGRESS_STATS_LIVE_AT 40u /* u32: connections now */
#define SG_EGRESS_STATS_PORTS_PEAK_AT 44u /* u32: most ports in use at once toward one (remote, port, protocol) */
#define SG_EGRESS_STATS_LAST_END_AT 48u /* u64: nanoseconds, when the last connection that ended here ended; 0 = none has */
#define SG_EGRESS_STATS_SIZE 64u /* bytes */

/* Record line: REGION_CONNTRACK; the engine writes it */
#define SG_LINE_SRC_AT 0u /* u32: source address as in the frame, its four bytes in network order; IPv6: the number of a row in REGION_ADDRESSES */
#define SG_LINE_DST_AT 4u /* u32: destination address, likewise */
#define SG_LINE_PORTS_AT 8u /* 4 x u8: source, then destination port as in the frame (network order); ICMP: the id as source port of a request, as destination port of a reply; the other one is 0 of an echo, 13 of a timestamp; protocols without ports: 0 */
#define SG_LINE_PROTOCOL_AT 12u /* u8: IP protocol number */
#define SG_LINE_HOOK_AT 13u /* u8: HOOK_* the key is seen at, with LINE_HOOK_ANSWER for an echo or timestamp reply and LINE_HOOK_IPV6 for IPv6; 0 = empty slot */
#define SG_LINE_STATE_AT 14u /* u8: STATE_* bits */
#define SG_LINE_CLASS_AT 15u /* u8: TIMEOUT_*: which lifetime applies */
#define SG_LINE_PAIR_AT 16u /* u32: slot of the other line */
#define SG_LINE_SEEN_AT 20u /* u32: last frame on this line, coarse milliseconds */
#define SG_LINE_EPOCH_AT 24u /* u32: policy epoch of the decision */
#define SG_LINE_ADDRESS_AT 28u /* u32: address to write, likewise */
#define SG_LINE_PORT_AT 32u /* u16: port to write (network order); passed connections: u16 REASON_* */
#define SG_LINE_L4_DELTA_AT 34u /* u16: one's-complement change of the transport checksum; not used for SCTP, whose CRC32c follows the port alone */
#define SG_LINE_IP_DELTA_AT 36u /* u16: of the IPv4 header checksum, TTL step included */
#define SG_LINE_EGRESS_AT 38u /* u16: index of the egress: the pin */
#define SG_LINE_OWNER_AT 40u /* u32: endpoint side of what is translated or redirected: policy index; else UID hash of the endpoint */
#define SG_LINE_BYTES_AT 44u /* u64: on the wire, of frames on this line */
#define SG_LINE_PACKETS_AT 52u /* u32: frames on this line */
#define SG_LINE_ACK_AT 56u /* u32: what the endpoint's last TCP segment acknowledged, network order bytes, 0 = nothing: RSTs from outside are checked against it (endpoint side); creation time in ms (network side) */
#define SG_LINE_TIMEOUT_ROW_AT 60u /* u8: row of the lifetime table */
#define SG_LINE_FLAGS_AT 61u /* u8: LINE_FLAG_* */
#define SG_LINE_TOUCH_AT 62u /* u16: written blindly by pass 1, read by nobody */
#define SG_LINE_SIZE 64u /* bytes */

/* Record address: REGION_ADDRESSES; the engine writes it */
#define SG_ADDRESS_BYTES_AT 0u /* 16 x u8: the address */
#define SG_ADDRESS_USES_AT 16u /* u32: how many lines refer to it; 0 = a free row */
#define SG_ADDRESS_NEXT_AT 20u /* u32: number of the next row of the same hash, or of the next free row; 0 = the last */
#define SG_ADDRESS_SIZE 32u /* bytes */

/* Record blob: policy blob; the host writes it */
#define SG_BLOB_MAGIC_AT 0u /* u32: BLOB_MAGIC */
#define SG_BLOB_VERSION_AT 4u /* u32: BLOB_VERSION */
#define SG_BLOB_LENGTH_AT 8u /* u32: bytes of the whole blob */
#define SG_BLOB_SNAT_LOW_AT 12u /* u16: lowest NAT port */
#define SG_BLOB_SNAT_HIGH_AT 14u /* u16: highest */
#define SG_BLOB_SECTIONS_AT 16u /* 18 x u32: per section: rows, offset from the blob's first byte */
#define SG_BLOB_HEADER_SIZE 88u /* bytes */

/* Record node: SECTION_NODES; the host writes it */
#define SG_NODE_ADDRESS_AT 0u /* 16 x u8: overlay target; zero = unknown */
#define SG_NODE_ZONE_AT 16u /* u32: 0 = no zone */
#define SG_NODE_FLAGS_AT 20u /* u32: reserved, 0 */
#define SG_NODE_SIZE 24u /* bytes */

/* Record egress: SECTION_EGRESSES; the host writes it */
#define SG_EGRESS_IPV4_AT 0u /* 16 x u8: zero = none */
#define SG_EGRESS_IPV6_AT 16u /* 16 x u8: zero = none */
#define SG_EGRESS_KEY_AT 32u /* u64: what placement knows it by (Hashes, below) */
#define SG_EGRESS_NODE_AT 40u /* u32: node index */
#define SG_EGRESS_FLAGS_AT 44u /* u32: EGRESS_FLAG_* */
#define SG_EGRESS_SIZE 48u /* bytes */

/* Record policy: SECTION_POLICIES; the host writes it */
#define SG_POLICY_KIND_AT 0u /* u32: POLICY_KIND_* */
#define SG_POLICY_MEMBERS_AT 4u /* u32: index into the members section of the first one */
#define SG_POLICY_MEMBER_COUNT_AT 8u /* u32: members; 0 = no-egress-gateway */
#define SG_POLICY_TIMEOUT_ROW_AT 12u /* u32: row of the lifetime section */
#define SG_POLICY_SIZE 16u /* bytes */

/* Record prefix: SECTION_PREFIXES; the host writes it */
#define SG_PREFIX_BYTES_AT 0u /* 16 x u8: host bits zero */
#define SG_PREFIX_SET_AT 16u /* u32: policy set; CLUSTER_SET holds what no policy selects */
#define SG_PREFIX_LENGTH_AT 20u /* u32: 0 … 128 over the 16 bytes */
#define SG_PREFIX_VALUE_AT 24u /* u32: policy index, PREFIX_EXCLUDED, PREFIX_NOT_YET, or (CLUSTER_SET) a REASON_* */
#define SG_PREFIX_SIZE 28u /* bytes */

/* Record endpoint: SECTION_ENDPOINTS; the host writes it */
#define SG_ENDPOINT_ADDRESS_AT 0u /* 16 x u8: one row per address of an endpoint */
#define SG_ENDPOINT_FROM_AT 16u /* u64: owns the address from (inclusive) */
#define SG_ENDPOINT_TO_AT 24u /* u64: to (exclusive); all ones = for ever */
#define SG_ENDPOINT_SET_AT 32u /* u32: policy set; CLUSTER_SET (0) = selected by no policy */
#define SG_ENDPOINT_NODE_AT 36u /* u32: node index or NO_INDEX */
#define SG_ENDPOINT_UID_HASH_AT 40u /* u32: FNV-1a-32 of the UID */
#define SG_ENDPOINT_PORTS_AT 44u /* u32: index into the ports section of the first port it serves on */
#define SG_ENDPOINT_PORT_COUNT_AT 48u /* u32: ports it serves on; a mid-stream frame from one is an answer */
#define SG_ENDPOINT_IDENTITY_AT 52u /* u32: Cilium identity, 0 = unknown */
#define SG_ENDPOINT_SIZE 56u /* bytes */

/* X(number, name in reports and metrics) */
#define SG_ACTIONS(X) \
  X(SG_ACTION_PASS, "pass") \
  X(SG_ACTION_SNAT, "snat") \
  X(SG_ACTION_REVERSE, "reverse") \
  X(SG_ACTION_REDIRECT, "redirect") \
  X(SG_ACTION_DROP, "drop") \
  X(SG_ACTION_HOLD, "hold")

/* X(number, name in reports and metrics) */
#define SG_REASONS(X) \
  X(SG_REASON_NO_POLICY, "no-policy") \
  X(SG_REASON_EXCLUDED, "excluded") \
  X(SG_REASON_CLUSTER_INTERNAL, "cluster-internal") \
  X(SG_REASON_LINK_LOCAL, "link-local") \
  X(SG_REASON_MULTICAST, "multicast") \
  X(SG_REASON_BROADCAST, "broadcast") \
  X(SG_REASON_LOOPBACK, "loopback") \
  X(SG_REASON_REPLY_OF_INBOUND, "reply-of-inbound") \
  X(SG_REASON_INBOUND, "inbound") \
  X(SG_REASON_ENDPOINT_UNKNOWN, "endpoint-unknown") \
  X(SG_REASON_UNSUPPORTED_PASSED, "unsupported-passed") \
  X(SG_REASON_NOT_IP, "not-ip") \
  X(SG_REASON_NO_EGRESS_GATEWAY, "no-egress-gateway") \
  X(SG_REASON_NO_EGRESS_IP, "no-egress-ip") \
  X(SG_REASON_NO_NAT_MAPPING, "no-nat-mapping") \
  X(SG_REASON_NO_REVERSE_MAPPING, "no-reverse-mapping") \
  X(SG_REASON_REPLY_WITHOUT_CONNECTION, "reply-without-connection") \
  X(SG_REASON_FRAGMENT_UNSUPPORTED, "fragment-unsupported") \
  X(SG_REASON_TRUNCATED, "truncated") \
  X(SG_REASON_SNAPLEN_CUT, "snaplen-cut") \
  X(SG_REASON_BAD_HEADER, "bad-header") \
  X(SG_REASON_TTL_EXCEEDED, "ttl-exceeded") \
  X(SG_REASON_UNSUPPORTED_PROTOCOL, "unsupported-protocol") \
  X(SG_REASON_IPV6_UNSUPPORTED, "ipv6-unsupported") \
  X(SG_REASON_TABLE_FULL, "table-full") \
  X(SG_REASON_NOT_YET_PROGRAMMED, "not-yet-programmed") \
  X(SG_REASON_ICMP_ERROR_UNMATCHED, "icmp-error-unmatched") \
  X(SG_REASON_BAD_SOURCE, "bad-source") \
  X(SG_REASON_GATEWAY_DOWN, "gateway-down") \
  X(SG_REASON_BAD_OVERLAY, "bad-overlay") \
  X(SG_REASON_ICMP_ERROR_NESTED, "icmp-error-nested") \
  X(SG_REASON_ICMP_ERROR_FRAGMENT, "icmp-error-fragment") \
  X(SG_REASON_ICMP_ERROR_MISDIRECTED, "icmp-error-misdirected") \
  X(SG_REASON_BAD_CHECKSUM, "bad-checksum") \
  X(SG_REASON_SOURCE_ROUTE, "source-route") \
  X(SG_REASON_BAD_DESTINATION, "bad-destination") \
  X(SG_REASON_NO_STATE, "no-state") \
  X(SG_REASON_FRAGMENT_WITHOUT_FIRST, "fragment-without-first") \
  X(SG_REASON_FRAGMENT_OVERLAP, "fragment-overlap") \
  X(SG_REASON_FRAGMENT_DUPLICATE, "fragment-duplicate") \
  X(SG_REASON_FRAGMENT_TINY, "fragment-tiny") \
  X(SG_REASON_FRAGMENT_ID_TAKEN, "fragment-id-taken") \
  X(SG_REASON_SCTP_BAD, "sctp-bad") \
  X(SG_REASON_PROTOCOL_CONFLICT, "protocol-conflict") \
  X(SG_REASON_PACKET_TOO_BIG, "packet-too-big")

/*
 * Exported functions, beside the memory `memory`. All parameters and results are 32 bits wide; i32 is an SG_ERROR_* below zero.
 *   abiVersion(): u32
 *   advance(timeLow: u32, timeHigh: u32): i32
 *   configAt(): usize
 *   configure(): i32
 *   feedback(i: u32, what: u32): i32
 *   loadPolicy(offset: u32, length: u32): i32
 *   locate(count: u32): i32
 *   nodeLost(node: u32): i32
 *   passTime(timeLow: u32, timeHigh: u32): i32
 *   process(count: u32): i32
 *   regionAt(id: u32): usize
 *   regionSize(id: u32): u32
 *   restore(): i32
 *   setActive(policy: u32, zone: u32, maskLow: u32, maskHigh: u32): i32
 *   setGateway(node: u32, state: u32): i32
 *   setOwnNode(node: u32): i32
 *   setReachable(node: u32, reachable: u32): i32
 */
/* X(name, number of parameters, type of the result) */
#define SG_EXPORTS(X) \
  X(abiVersion, 0, uint32_t) \
  X(advance, 2, int32_t) \
  X(configAt, 0, uint32_t) \
  X(configure, 0, int32_t) \
  X(feedback, 2, int32_t) \
  X(loadPolicy, 2, int32_t) \
  X(locate, 1, int32_t) \
  X(nodeLost, 1, int32_t) \
  X(passTime, 2, int32_t) \
  X(process, 1, int32_t) \
  X(regionAt, 1, uint32_t) \
  X(regionSize, 1, uint32_t) \
  X(restore, 0, int32_t) \
  X(setActive, 4, int32_t) \
  X(setGateway, 2, int32_t) \
  X(setOwnNode, 1, int32_t) \
  X(setReachable, 2, int32_t)

/* The records as structs, checked against the offsets above. SG_NO_STRUCTS leaves them out. */
#ifndef SG_NO_STRUCTS
#ifdef __cplusplus
#define SG_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define SG_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif
#pragma pack(push, 1)

typedef struct sg_config {
  uint32_t arena_size;
  uint32_t max_batch;
  uint32_t connections;
  uint32_t connections6;
  uint32_t endpoints;
  uint32_t prefixes;
  uint32_t policies;
  uint32_t egresses;
  uint32_t nodes;
  uint32_t blob_size;
  uint32_t bitmaps;
  uint32_t host_size;
  uint32_t flags;
  uint32_t zones;
  uint64_t table_seed;
  uint64_t placement_seed;
  uint64_t port_seed;
  uint32_t tunnel_port;
  uint32_t fragments;
  uint32_t mtu;
  uint8_t reserved0[4];
} sg_config;

typedef struct sg_frame {
  uint32_t offset;
  uint32_t captured;
  uint32_t wire;
  uint8_t hook;
  uint8_t link;
  uint16_t flags;
  uint64_t time;
  uint64_t tag;
} sg_frame;

typedef struct sg_verdict {
  uint8_t action;
  uint8_t reason;
  uint16_t flags;
  uint32_t length;
  uint32_t egress;
  uint16_t nat_port;
  uint16_t old_egress;
  uint8_t egress_ip[16];
  uint8_t target[16];
  uint32_t inner;
  union {
    uint32_t node;
    uint32_t live;
  };
} sg_verdict;

typedef struct sg_generated {
  uint32_t frame;
  uint32_t length;
  uint32_t egress;
  uint8_t reserved0[4];
  uint8_t packet[1280];
} sg_generated;

typedef struct sg_counters {
  uint64_t reasons[64];
  uint64_t actions[8];
  uint64_t opened;
  uint64_t closed;
  uint64_t expired;
  uint64_t broken;
  uint64_t rebound;
  uint64_t live;
  uint64_t peak;
  uint64_t entries;
  uint64_t evicted_expired;
  uint64_t evicted_closing;
  uint64_t evicted_unreplied;
  uint64_t evicted_established;
  uint64_t guessed;
  uint64_t port_probes;
  uint64_t bitmap_searches;
  uint64_t removed;
  uint64_t fragments_evicted;
  uint64_t generated;
  uint64_t untold;
  uint8_t reserved0[296];
} sg_counters;

typedef struct sg_egress_stats {
  uint64_t connections;
  uint64_t frames;
  uint64_t bytes;
  uint64_t replies;
  uint64_t reply_bytes;
  uint32_t live;
  uint32_t ports_peak;
  uint64_t last_end;
  uint8_t reserved0[8];
} sg_egress_stats;

typedef struct sg_line {
  uint32_t src;
  uint32_t dst;
  uint8_t ports[4];
  uint8_t protocol;
  uint8_t hook;
  uint8_t state;
  uint8_t class_;
  uint32_t pair;
  uint32_t seen;
  uint32_t epoch;
  uint32_t address;
  uint16_t port;
  uint16_t l4_delta;
  uint16_t ip_delta;
  uint16_t egress;
  uint32_t owner;
  uint64_t bytes;
  uint32_t packets;
  uint32_t ack;
  uint8_t timeout_row;
  uint8_t flags;
  uint16_t touch;
} sg_line;

typedef struct sg_address {
  uint8_t bytes[16];
  uint32_t uses;
  uint32_t next;
  uint8_t reserved0[8];
} sg_address;

typedef struct sg_blob {
  uint32_t magic;
  uint32_t version;
  uint32_t length;
  uint16_t snat_low;
  uint16_t snat_high;
  uint32_t sections[18];
} sg_blob;

typedef struct sg_node {
  uint8_t address[16];
  uint32_t zone;
  uint32_t flags;
} sg_node;

typedef struct sg_egress {
  uint8_t ipv4[16];
  uint8_t ipv6[16];
  uint64_t key;
  uint32_t node;
  uint32_t flags;
} sg_egress;

typedef struct sg_policy {
  uint32_t kind;
  uint32_t members;
  uint32_t member_count;
  uint32_t timeout_row;
} sg_policy;

typedef struct sg_prefix {
  uint8_t bytes[16];
  uint32_t set;
  uint32_t length;
  uint32_t value;
} sg_prefix;

typedef struct sg_endpoint {
  uint8_t address[16];
  uint64_t from;
  uint64_t to;
  uint32_t set;
  uint32_t node;
  uint32_t uid_hash;
  uint32_t ports;
  uint32_t port_count;
  uint32_t identity;
} sg_endpoint;

#pragma pack(pop)

SG_STATIC_ASSERT(sizeof(sg_config) == SG_CONFIG_SIZE, "sg_config");
SG_STATIC_ASSERT(offsetof(sg_config, arena_size) == SG_CONFIG_ARENA_SIZE_AT, "sg_config.arena_size");
SG_STATIC_ASSERT(offsetof(sg_config, max_batch) == SG_CONFIG_MAX_BATCH_AT, "sg_config.max_batch");
SG_STATIC_ASSERT(offsetof(sg_config, connections) == SG_CONFIG_CONNECTIONS_AT, "sg_config.connections");
SG_STATIC_ASSERT(offsetof(sg_config, connections6) == SG_CONFIG_CONNECTIONS6_AT, "sg_config.connections6");
SG_STATIC_ASSERT(offsetof(sg_config, endpoints) == SG_CONFIG_ENDPOINTS_AT, "sg_config.endpoints");
SG_STATIC_ASSERT(offsetof(sg_config, prefixes) == SG_CONFIG_PREFIXES_AT, "sg_config.prefixes");
SG_STATIC_ASSERT(offsetof(sg_config, policies) == SG_CONFIG_POLICIES_AT, "sg_config.policies");
SG_STATIC_ASSERT(offsetof(sg_config, egresses) == SG_CONFIG_EGRESSES_AT, "sg_config.egresses");
SG_STATIC_ASSERT(offsetof(sg_config, nodes) == SG_CONFIG_NODES_AT, "sg_config.nodes");
SG_STATIC_ASSERT(offsetof(sg_config, blob_size) == SG_CONFIG_BLOB_SIZE_AT, "sg_config.blob_size");
SG_STATIC_ASSERT(offsetof(sg_config, bitmaps) == SG_CONFIG_BITMAPS_AT, "sg_config.bitmaps");
SG_STATIC_ASSERT(offsetof(sg_config, host_size) == SG_CONFIG_HOST_SIZE_AT, "sg_config.host_size");
SG_STATIC_ASSERT(offsetof(sg_config, flags) == SG_CONFIG_FLAGS_AT, "sg_config.flags");
SG_STATIC_ASSERT(offsetof(sg_config, zones) == SG_CONFIG_ZONES_AT, "sg_config.zones");
SG_STATIC_ASSERT(offsetof(sg_config, table_seed) == SG_CONFIG_TABLE_SEED_AT, "sg_config.table_seed");
SG_STATIC_ASSERT(offsetof(sg_config, placement_seed) == SG_CONFIG_PLACEMENT_SEED_AT, "sg_config.placement_seed");
SG_STATIC_ASSERT(offsetof(sg_config, port_seed) == SG_CONFIG_PORT_SEED_AT, "sg_config.port_seed");
SG_STATIC_ASSERT(offsetof(sg_config, tunnel_port) == SG_CONFIG_TUNNEL_PORT_AT, "sg_config.tunnel_port");
SG_STATIC_ASSERT(offsetof(sg_config, fragments) == SG_CONFIG_FRAGMENTS_AT, "sg_config.fragments");
SG_STATIC_ASSERT(offsetof(sg_config, mtu) == SG_CONFIG_MTU_AT, "sg_config.mtu");
SG_STATIC_ASSERT(sizeof(sg_frame) == SG_FRAME_SIZE, "sg_frame");
SG_STATIC_ASSERT(offsetof(sg_frame, offset) == SG_FRAME_OFFSET_AT, "sg_frame.offset");
SG_STATIC_ASSERT(offsetof(sg_frame, captured) == SG_FRAME_CAPTURED_AT, "sg_frame.captured");
SG_STATIC_ASSERT(offsetof(sg_frame, wire) == SG_FRAME_WIRE_AT, "sg_frame.wire");
SG_STATIC_ASSERT(offsetof(sg_frame, hook) == SG_FRAME_HOOK_AT, "sg_frame.hook");
SG_STATIC_ASSERT(offsetof(sg_frame, link) == SG_FRAME_LINK_AT, "sg_frame.link");
SG_STATIC_ASSERT(offsetof(sg_frame, flags) == SG_FRAME_FLAGS_AT, "sg_frame.flags");
SG_STATIC_ASSERT(offsetof(sg_frame, time) == SG_FRAME_TIME_AT, "sg_frame.time");
SG_STATIC_ASSERT(offsetof(sg_frame, tag) == SG_FRAME_TAG_AT, "sg_frame.tag");
SG_STATIC_ASSERT(sizeof(sg_verdict) == SG_VERDICT_SIZE, "sg_verdict");
SG_STATIC_ASSERT(offsetof(sg_verdict, action) == SG_VERDICT_ACTION_AT, "sg_verdict.action");
SG_STATIC_ASSERT(offsetof(sg_verdict, reason) == SG_VERDICT_REASON_AT, "sg_verdict.reason");
SG_STATIC_ASSERT(offsetof(sg_verdict, flags) == SG_VERDICT_FLAGS_AT, "sg_verdict.flags");
SG_STATIC_ASSERT(offsetof(sg_verdict, length) == SG_VERDICT_LENGTH_AT, "sg_verdict.length");
SG_STATIC_ASSERT(offsetof(sg_verdict, egress) == SG_VERDICT_EGRESS_AT, "sg_verdict.egress");
SG_STATIC_ASSERT(offsetof(sg_verdict, nat_port) == SG_VERDICT_NAT_PORT_AT, "sg_verdict.nat_port");
SG_STATIC_ASSERT(offsetof(sg_verdict, old_egress) == SG_VERDICT_OLD_EGRESS_AT, "sg_verdict.old_egress");
SG_STATIC_ASSERT(offsetof(sg_verdict, egress_ip) == SG_VERDICT_EGRESS_IP_AT, "sg_verdict.egress_ip");
SG_STATIC_ASSERT(offsetof(sg_verdict, target) == SG_VERDICT_TARGET_AT, "sg_verdict.target");
SG_STATIC_ASSERT(offsetof(sg_verdict, inner) == SG_VERDICT_INNER_AT, "sg_verdict.inner");
SG_STATIC_ASSERT(offsetof(sg_verdict, node) == SG_VERDICT_NODE_AT, "sg_verdict.node");
SG_STATIC_ASSERT(offsetof(sg_verdict, live) == SG_VERDICT_LIVE_AT, "sg_verdict.live");
SG_STATIC_ASSERT(sizeof(sg_generated) == SG_GENERATED_SIZE, "sg_generated");
SG_STATIC_ASSERT(offsetof(sg_generated, frame) == SG_GENERATED_FRAME_AT, "sg_generated.frame");
SG_STATIC_ASSERT(offsetof(sg_generated, length) == SG_GENERATED_LENGTH_AT, "sg_generated.length");
SG_STATIC_ASSERT(offsetof(sg_generated, egress) == SG_GENERATED_EGRESS_AT, "sg_generated.egress");
SG_STATIC_ASSERT(offsetof(sg_generated, packet) == SG_GENERATED_PACKET_AT, "sg_generated.packet");
SG_STATIC_ASSERT(sizeof(sg_counters) == SG_COUNTERS_SIZE, "sg_counters");
SG_STATIC_ASSERT(offsetof(sg_counters, reasons) == SG_COUNTER_REASONS_AT, "sg_counters.reasons");
SG_STATIC_ASSERT(offsetof(sg_counters, actions) == SG_COUNTER_ACTIONS_AT, "sg_counters.actions");
SG_STATIC_ASSERT(offsetof(sg_counters, opened) == SG_COUNTER_OPENED_AT, "sg_counters.opened");
SG_STATIC_ASSERT(offsetof(sg_counters, closed) == SG_COUNTER_CLOSED_AT, "sg_counters.closed");
SG_STATIC_ASSERT(offsetof(sg_counters, expired) == SG_COUNTER_EXPIRED_AT, "sg_counters.expired");
SG_STATIC_ASSERT(offsetof(sg_counters, broken) == SG_COUNTER_BROKEN_AT, "sg_counters.broken");
SG_STATIC_ASSERT(offsetof(sg_counters, rebound) == SG_COUNTER_REBOUND_AT, "sg_counters.rebound");
SG_STATIC_ASSERT(offsetof(sg_counters, live) == SG_COUNTER_LIVE_AT, "sg_counters.live");
SG_STATIC_ASSERT(offsetof(sg_counters, peak) == SG_COUNTER_PEAK_AT, "sg_counters.peak");
SG_STATIC_ASSERT(offsetof(sg_counters, entries) == SG_COUNTER_ENTRIES_AT, "sg_counters.entries");
SG_STATIC_ASSERT(offsetof(sg_counters, evicted_expired) == SG_COUNTER_EVICTED_EXPIRED_AT, "sg_counters.evicted_expired");
SG_STATIC_ASSERT(offsetof(sg_counters, evicted_closing) == SG_COUNTER_EVICTED_CLOSING_AT, "sg_counters.evicted_closing");
SG_STATIC_ASSERT(offsetof(sg_counters, evicted_unreplied) == SG_COUNTER_EVICTED_UNREPLIED_AT, "sg_counters.evicted_unreplied");
SG_STATIC_ASSERT(offsetof(sg_counters, evicted_established) == SG_COUNTER_EVICTED_ESTABLISHED_AT, "sg_counters.evicted_established");
SG_STATIC_ASSERT(offsetof(sg_counters, guessed) == SG_COUNTER_GUESSED_AT, "sg_counters.guessed");
SG_STATIC_ASSERT(offsetof(sg_counters, port_probes) == SG_COUNTER_PORT_PROBES_AT, "sg_counters.port_probes");
SG_STATIC_ASSERT(offsetof(sg_counters, bitmap_searches) == SG_COUNTER_BITMAP_SEARCHES_AT, "sg_counters.bitmap_searches");
SG_STATIC_ASSERT(offsetof(sg_counters, removed) == SG_COUNTER_REMOVED_AT, "sg_counters.removed");
SG_STATIC_ASSERT(offsetof(sg_counters, fragments_evicted) == SG_COUNTER_FRAGMENTS_EVICTED_AT, "sg_counters.fragments_evicted");
SG_STATIC_ASSERT(offsetof(sg_counters, generated) == SG_COUNTER_GENERATED_AT, "sg_counters.generated");
SG_STATIC_ASSERT(offsetof(sg_counters, untold) == SG_COUNTER_UNTOLD_AT, "sg_counters.untold");
SG_STATIC_ASSERT(sizeof(sg_egress_stats) == SG_EGRESS_STATS_SIZE, "sg_egress_stats");
SG_STATIC_ASSERT(offsetof(sg_egress_stats, connections) == SG_EGRESS_STATS_CONNECTIONS_AT, "sg_egress_stats.connections");
SG_STATIC_ASSERT(offsetof(sg_egress_stats, frames) == SG_EGRESS_STATS_FRAMES_AT, "sg_egress_stats.frames");
SG_STATIC_ASSERT(offsetof(sg_egress_stats, bytes) == SG_EGRESS_STATS_BYTES_AT, "sg_egress_stats.bytes");
SG_STATIC_ASSERT(offsetof(sg_egress_stats, replies) == SG_EGRESS_STATS_REPLIES_AT, "sg_egress_stats.replies");
SG_STATIC_ASSERT(offsetof(sg_egress_stats, reply_bytes) == SG_EGRESS_STATS_REPLY_BYTES_AT, "sg_egress_stats.reply_bytes");
SG_STATIC_ASSERT(offsetof(sg_egress_stats, live) == SG_EGRESS_STATS_LIVE_AT, "sg_egress_stats.live");
SG_STATIC_ASSERT(offsetof(sg_egress_stats, ports_peak) == SG_EGRESS_STATS_PORTS_PEAK_AT, "sg_egress_stats.ports_peak");
SG_STATIC_ASSERT(offsetof(sg_egress_stats, last_end) == SG_EGRESS_STATS_LAST_END_AT, "sg_egress_stats.last_end");
SG_STATIC_ASSERT(sizeof(sg_line) == SG_LINE_SIZE, "sg_line");
SG_STATIC_ASSERT(offsetof(sg_line, src) == SG_LINE_SRC_AT, "sg_line.src");
SG_STATIC_ASSERT(offsetof(sg_line, dst) == SG_LINE_DST_AT, "sg_line.dst");
SG_STATIC_ASSERT(offsetof(sg_line, ports) == SG_LINE_PORTS_AT, "sg_line.ports");
SG_STATIC_ASSERT(offsetof(sg_line, protocol) == SG_LINE_PROTOCOL_AT, "sg_line.protocol");
SG_STATIC_ASSERT(offsetof(sg_line, hook) == SG_LINE_HOOK_AT, "sg_line.hook");
SG_STATIC_ASSERT(offsetof(sg_line, state) == SG_LINE_STATE_AT, "sg_line.state");
SG_STATIC_ASSERT(offsetof(sg_line, class_) == SG_LINE_CLASS_AT, "sg_line.class_");
SG_STATIC_ASSERT(offsetof(sg_line, pair) == SG_LINE_PAIR_AT, "sg_line.pair");
SG_STATIC_ASSERT(offsetof(sg_line, seen) == SG_LINE_SEEN_AT, "sg_line.seen");
SG_STATIC_ASSERT(offsetof(sg_line, epoch) == SG_LINE_EPOCH_AT, "sg_line.epoch");
SG_STATIC_ASSERT(offsetof(sg_line, address) == SG_LINE_ADDRESS_AT, "sg_line.address");
SG_STATIC_ASSERT(offsetof(sg_line, port) == SG_LINE_PORT_AT, "sg_line.port");
SG_STATIC_ASSERT(offsetof(sg_line, l4_delta) == SG_LINE_L4_DELTA_AT, "sg_line.l4_delta");
SG_STATIC_ASSERT(offsetof(sg_line, ip_delta) == SG_LINE_IP_DELTA_AT, "sg_line.ip_delta");
SG_STATIC_ASSERT(offsetof(sg_line, egress) == SG_LINE_EGRESS_AT, "sg_line.egress");
SG_STATIC_ASSERT(offsetof(sg_line, owner) == SG_LINE_OWNER_AT, "sg_line.owner");
SG_STATIC_ASSERT(offsetof(sg_line, bytes) == SG_LINE_BYTES_AT, "sg_line.bytes");
SG_STATIC_ASSERT(offsetof(sg_line, packets) == SG_LINE_PACKETS_AT, "sg_line.packets");
SG_STATIC_ASSERT(offsetof(sg_line, ack) == SG_LINE_ACK_AT, "sg_line.ack");
SG_STATIC_ASSERT(offsetof(sg_line, timeout_row) == SG_LINE_TIMEOUT_ROW_AT, "sg_line.timeout_row");
SG_STATIC_ASSERT(offsetof(sg_line, flags) == SG_LINE_FLAGS_AT, "sg_line.flags");
SG_STATIC_ASSERT(offsetof(sg_line, touch) == SG_LINE_TOUCH_AT, "sg_line.touch");
SG_STATIC_ASSERT(sizeof(sg_address) == SG_ADDRESS_SIZE, "sg_address");
SG_STATIC_ASSERT(offsetof(sg_address, bytes) == SG_ADDRESS_BYTES_AT, "sg_address.bytes");
SG_STATIC_ASSERT(offsetof(sg_address, uses) == SG_ADDRESS_USES_AT, "sg_address.uses");
SG_STATIC_ASSERT(offsetof(sg_address, next) == SG_ADDRESS_NEXT_AT, "sg_address.next");
SG_STATIC_ASSERT(sizeof(sg_blob) == SG_BLOB_HEADER_SIZE, "sg_blob");
SG_STATIC_ASSERT(offsetof(sg_blob, magic) == SG_BLOB_MAGIC_AT, "sg_blob.magic");
SG_STATIC_ASSERT(offsetof(sg_blob, version) == SG_BLOB_VERSION_AT, "sg_blob.version");
SG_STATIC_ASSERT(offsetof(sg_blob, length) == SG_BLOB_LENGTH_AT, "sg_blob.length");
SG_STATIC_ASSERT(offsetof(sg_blob, snat_low) == SG_BLOB_SNAT_LOW_AT, "sg_blob.snat_low");
SG_STATIC_ASSERT(offsetof(sg_blob, snat_high) == SG_BLOB_SNAT_HIGH_AT, "sg_blob.snat_high");
SG_STATIC_ASSERT(offsetof(sg_blob, sections) == SG_BLOB_SECTIONS_AT, "sg_blob.sections");
SG_STATIC_ASSERT(sizeof(sg_node) == SG_NODE_SIZE, "sg_node");
SG_STATIC_ASSERT(offsetof(sg_node, address) == SG_NODE_ADDRESS_AT, "sg_node.address");
SG_STATIC_ASSERT(offsetof(sg_node, zone) == SG_NODE_ZONE_AT, "sg_node.zone");
SG_STATIC_ASSERT(offsetof(sg_node, flags) == SG_NODE_FLAGS_AT, "sg_node.flags");
SG_STATIC_ASSERT(sizeof(sg_egress) == SG_EGRESS_SIZE, "sg_egress");
SG_STATIC_ASSERT(offsetof(sg_egress, ipv4) == SG_EGRESS_IPV4_AT, "sg_egress.ipv4");
SG_STATIC_ASSERT(offsetof(sg_egress, ipv6) == SG_EGRESS_IPV6_AT, "sg_egress.ipv6");
SG_STATIC_ASSERT(offsetof(sg_egress, key) == SG_EGRESS_KEY_AT, "sg_egress.key");
SG_STATIC_ASSERT(offsetof(sg_egress, node) == SG_EGRESS_NODE_AT, "sg_egress.node");
SG_STATIC_ASSERT(offsetof(sg_egress, flags) == SG_EGRESS_FLAGS_AT, "sg_egress.flags");
SG_STATIC_ASSERT(sizeof(sg_policy) == SG_POLICY_SIZE, "sg_policy");
SG_STATIC_ASSERT(offsetof(sg_policy, kind) == SG_POLICY_KIND_AT, "sg_policy.kind");
SG_STATIC_ASSERT(offsetof(sg_policy, members) == SG_POLICY_MEMBERS_AT, "sg_policy.members");
SG_STATIC_ASSERT(offsetof(sg_policy, member_count) == SG_POLICY_MEMBER_COUNT_AT, "sg_policy.member_count");
SG_STATIC_ASSERT(offsetof(sg_policy, timeout_row) == SG_POLICY_TIMEOUT_ROW_AT, "sg_policy.timeout_row");
SG_STATIC_ASSERT(sizeof(sg_prefix) == SG_PREFIX_SIZE, "sg_prefix");
SG_STATIC_ASSERT(offsetof(sg_prefix, bytes) == SG_PREFIX_BYTES_AT, "sg_prefix.bytes");
SG_STATIC_ASSERT(offsetof(sg_prefix, set) == SG_PREFIX_SET_AT, "sg_prefix.set");
SG_STATIC_ASSERT(offsetof(sg_prefix, length) == SG_PREFIX_LENGTH_AT, "sg_prefix.length");
SG_STATIC_ASSERT(offsetof(sg_prefix, value) == SG_PREFIX_VALUE_AT, "sg_prefix.value");
SG_STATIC_ASSERT(sizeof(sg_endpoint) == SG_ENDPOINT_SIZE, "sg_endpoint");
SG_STATIC_ASSERT(offsetof(sg_endpoint, address) == SG_ENDPOINT_ADDRESS_AT, "sg_endpoint.address");
SG_STATIC_ASSERT(offsetof(sg_endpoint, from) == SG_ENDPOINT_FROM_AT, "sg_endpoint.from");
SG_STATIC_ASSERT(offsetof(sg_endpoint, to) == SG_ENDPOINT_TO_AT, "sg_endpoint.to");
SG_STATIC_ASSERT(offsetof(sg_endpoint, set) == SG_ENDPOINT_SET_AT, "sg_endpoint.set");
SG_STATIC_ASSERT(offsetof(sg_endpoint, node) == SG_ENDPOINT_NODE_AT, "sg_endpoint.node");
SG_STATIC_ASSERT(offsetof(sg_endpoint, uid_hash) == SG_ENDPOINT_UID_HASH_AT, "sg_endpoint.uid_hash");
SG_STATIC_ASSERT(offsetof(sg_endpoint, ports) == SG_ENDPOINT_PORTS_AT, "sg_endpoint.ports");
SG_STATIC_ASSERT(offsetof(sg_endpoint, port_count) == SG_ENDPOINT_PORT_COUNT_AT, "sg_endpoint.port_count");
SG_STATIC_ASSERT(offsetof(sg_endpoint, identity) == SG_ENDPOINT_IDENTITY_AT, "sg_endpoint.identity");
#endif /* SG_NO_STRUCTS */

#endif
