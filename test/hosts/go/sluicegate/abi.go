// Code generated from abi.json by go generate. DO NOT EDIT.

package sluicegate

// Codes: version.
const (
	AbiVersion  = 4         // what abiVersion() returns
	BlobMagic   = 827344723 // first four bytes of a blob, "SGP1"
	BlobVersion = 1         // format of the blob
)

// Codes: error.
const (
	OK                     = 0   // done
	ErrorNotConfigured     = -1  // configure has not succeeded yet
	ErrorAlreadyConfigured = -2  // configure succeeded before
	ErrorConfigRange       = -3  // a value of the configuration record is outside its range, or an unknown flag is set
	ErrorMemory            = -4  // the tables do not fit into 4 GiB less one page, or the host refused to grow the memory
	ErrorBatchTooLarge     = -5  // process: more frames than CONFIG_MAX_BATCH_AT
	ErrorFrameOutsideArena = -6  // a frame record, or the policy blob, reaches past the arena
	ErrorBadHook           = -7  // a frame record names no hook that this engine has
	ErrorBadLinkType       = -8  // a frame record names no LINK_*
	ErrorPolicyHeader      = -9  // blob cut, wrong magic, wrong length, or NAT ports 0 or upside down
	ErrorPolicyVersion     = -10 // blob of another BLOB_VERSION
	ErrorPolicyTooLarge    = -11 // blob, one of its sections, or the number of a zone larger than configured; more than MEMBERS_MAX members or TIMEOUT_MAX_ROWS lifetime rows
	ErrorPolicySection     = -12 // a section is misaligned, begins in the header, reaches past the blob or shares bytes with another one, or there is no lifetime row
	ErrorPolicyReference   = -13 // a row refers to a row that does not exist, or holds a value out of range (kind, prefix length, host bits, reason, lifetime)
	ErrorPolicyOrder       = -14 // endpoints or changes are not in order, or two endpoints own one address at once; there is one change twice
	ErrorNoSuchGateway     = -15 // no node, policy or zone of that number in the policy in force
	ErrorBadState          = -16 // restore: the state is inconsistent; setGateway, setReachable: no such state; feedback: no such what
	ErrorNoPolicyLoaded    = -17 // loadPolicy has not succeeded yet
)

// ErrorNames has the printable names of these codes.
var ErrorNames = map[int]string{
	OK:                     "OK",
	ErrorNotConfigured:     "ERROR_NOT_CONFIGURED",
	ErrorAlreadyConfigured: "ERROR_ALREADY_CONFIGURED",
	ErrorConfigRange:       "ERROR_CONFIG_RANGE",
	ErrorMemory:            "ERROR_MEMORY",
	ErrorBatchTooLarge:     "ERROR_BATCH_TOO_LARGE",
	ErrorFrameOutsideArena: "ERROR_FRAME_OUTSIDE_ARENA",
	ErrorBadHook:           "ERROR_BAD_HOOK",
	ErrorBadLinkType:       "ERROR_BAD_LINK_TYPE",
	ErrorPolicyHeader:      "ERROR_POLICY_HEADER",
	ErrorPolicyVersion:     "ERROR_POLICY_VERSION",
	ErrorPolicyTooLarge:    "ERROR_POLICY_TOO_LARGE",
	ErrorPolicySection:     "ERROR_POLICY_SECTION",
	ErrorPolicyReference:   "ERROR_POLICY_REFERENCE",
	ErrorPolicyOrder:       "ERROR_POLICY_ORDER",
	ErrorNoSuchGateway:     "ERROR_NO_SUCH_GATEWAY",
	ErrorBadState:          "ERROR_BAD_STATE",
	ErrorNoPolicyLoaded:    "ERROR_NO_POLICY_LOADED",
}

// Codes: config_flag.
const (
	ConfigFlagTouch           = 1   // blind-store prefetch in pass 1
	ConfigFlagRfcProfile      = 2   // lifetimes follow RFC 5382/7857 transitions instead of the original's
	ConfigFlagUnsupportedPass = 4   // pass what cannot be translated, as the original does, instead of dropping it
	ConfigFlagBadChecksumDrop = 8   // drop frames with a wrong checksum instead of translating them as wrong as they are
	ConfigFlagNoPickUp        = 16  // drop a selected TCP or SCTP connection that is first seen in mid-stream (REASON_NO_STATE) instead of translating it
	ConfigFlagHoldFragments   = 32  // give later fragments back (ACTION_HOLD) until their first one comes, instead of dropping them
	ConfigFlagIcmpErrors      = 64  // say by ICMP errors why frames of endpoints were dropped, and drop those too long for a link (see "Frames of the engine's own")
	ConfigFlagNoSweep         = 128 // never look for expired connections by the way: the host calls advance from time to time
	ConfigFlagMask            = 255 // all flags that exist
)

// Codes: region.
const (
	RegionArena       = 0  // frames, and the policy blob while it is loaded; any alignment
	RegionFrames      = 1  // frame records
	RegionVerdicts    = 2  // verdict records
	RegionCounters    = 3  // counters
	RegionEgressStats = 4  // egress statistics, CONFIG_EGRESSES_AT rows
	RegionConntrack   = 5  // conntrack lines of both families
	RegionState       = 6  // all that a saved state holds, regions 3 to 5 among it
	RegionHost        = 7  // CONFIG_HOST_SIZE_AT bytes that the engine never touches
	RegionOuter       = 8  // OUTER_SIZE bytes per frame record: what goes in front of a redirected frame
	RegionAddresses   = 9  // ADDRESS_SIZE bytes per IPv6 address that connections have to do with
	RegionReleased    = 10 // u32 count, then u32 each: numbers of held frames that are to be given again now
	RegionGenerated   = 11 // ICMP errors of the engine's own; empty without CONFIG_FLAG_ICMP_ERRORS
	RegionCount       = 12 // number of regions; there is none of a higher number
)

// Codes: frame_flag.
const (
	FrameFlagPartial  = 1 // transport checksum field holds the pseudo-header sum (transmit offload); of SCTP: its CRC32c is not computed, and stays as it is
	FrameFlagGso      = 2 // super-frame: longer than any MTU, IPv4 total length may be 0
	FrameFlagUplink   = 4 // hook from-network: it came over the gateway's own uplink, where nobody outside may address an endpoint itself: a frame to a selected endpoint opens no connection from outside (REASON_NO_REVERSE_MAPPING)
	FrameFlagReleased = 8 // it was held, and is given again because REGION_RELEASED names it; FRAME_TAG_AT says which
)

// Codes: hook.
const (
	HookFromEndpoint = 1 // an endpoint sends: SNAT
	HookFromNetwork  = 2 // the outside sends: reverse NAT
	HookFromOverlay  = 3 // another node sends: a VXLAN packet, outer headers included; refused with ERROR_BAD_HOOK until setOwnNode
)

// Codes: link.
const (
	LinkEthernet = 1 // with 802.1Q and 802.1ad tags
	LinkRaw      = 2 // IPv4 or IPv6 by version nibble
	LinkSll      = 3 // Linux cooked v1
	LinkSll2     = 4 // Linux cooked v2
	LinkNull     = 5 // 4 bytes of address family, either byte order
	LinkPpp      = 6 // with or without HDLC address and control
	LinkCount    = 7 // number of link types, 0 (none) included
)

// Codes: verdict_flag.
const (
	VerdictFlagCreated           = 1   // this frame opened a connection
	VerdictFlagGuessed           = 2   // direction-guessed: first frame seen in mid-stream
	VerdictFlagRemapped          = 4   // the connection's external tuple changed with this frame
	VerdictFlagPolicyChange      = 8   // ... because of the policy (else because its gateway is gone)
	VerdictFlagUnverifiable      = 16  // checksum-unverifiable: its checksum was not captured
	VerdictFlagHop               = 32  // one routed hop: TTL was decremented
	VerdictFlagNewConnectionKind = 64  // TCP or SCTP: a remap breaks it; else it rebinds
	VerdictFlagRelease           = 256 // the gateway of VERDICT_OLD_EGRESS_AT, on another node, may forget the connection
	VerdictFlagRestart           = 128 // with VERDICT_FLAG_REMAPPED: because its gateway lost its memory
)

// Codes: action.
const (
	ActionPass     = 1 // unchanged
	ActionSnat     = 2 // source rewritten: leaves from the gateway
	ActionReverse  = 3 // destination rewritten: goes on to the endpoint
	ActionRedirect = 4 // goes to another node, VERDICT_TARGET_AT: see Overlay
	ActionDrop     = 5 // unchanged, not to be sent
	ActionHold     = 6 // unchanged, to be kept until REGION_RELEASED names it: see Fragments
)

// ActionNames has the printable names of these codes.
var ActionNames = map[int]string{
	ActionPass:     "pass",
	ActionSnat:     "snat",
	ActionReverse:  "reverse",
	ActionRedirect: "redirect",
	ActionDrop:     "drop",
	ActionHold:     "hold",
}

// Codes: reason.
const (
	ReasonNone                   = 0  // translated: nothing to explain
	ReasonNoPolicy               = 1  // pass: no policy selects this endpoint and destination
	ReasonExcluded               = 2  // pass: an excluded CIDR is the longest match
	ReasonClusterInternal        = 3  // pass: destination is a pod, a node, a pod CIDR or a service
	ReasonLinkLocal              = 4  // pass: link-local destination
	ReasonMulticast              = 5  // pass: multicast destination
	ReasonBroadcast              = 6  // pass: limited broadcast
	ReasonLoopback               = 7  // pass: loopback destination
	ReasonReplyOfInbound         = 8  // pass: answer of an endpoint in a connection that came from outside
	ReasonInbound                = 9  // pass: frame from outside in such a connection
	ReasonEndpointUnknown        = 10 // pass: nobody in the policy owns the endpoint address
	ReasonUnsupportedPassed      = 11 // pass: cannot be translated and CONFIG_FLAG_UNSUPPORTED_PASS is set
	ReasonNotIp                  = 12 // pass: ARP and the like
	ReasonNoEgressGateway        = 13 // drop: selected, but no gateway is eligible
	ReasonNoEgressIp             = 14 // drop: the gateway has no egress IP of this family
	ReasonNoNatMapping           = 15 // drop: every port towards this remote and port is in use
	ReasonNoReverseMapping       = 16 // drop: to an egress IP, but no connection is there; with FRAME_FLAG_UPLINK also straight to a selected endpoint
	ReasonReplyWithoutConnection = 17 // drop: in mid-stream to a selected endpoint without a connection
	ReasonFragmentUnsupported    = 18 // drop: selected fragment of an ICMP error, or any while CONFIG_FRAGMENTS_AT is 0
	ReasonTruncated              = 19 // drop: shorter on the wire than its headers say
	ReasonSnaplenCut             = 20 // drop: the capture cut it before its ports
	ReasonBadHeader              = 21 // drop: a header contradicts itself
	ReasonTtlExceeded            = 22 // drop: the routed hop to or from the gateway ends it
	ReasonUnsupportedProtocol    = 23 // drop: selected, of a protocol or ICMP type that is not translated
	ReasonIpv6Unsupported        = 24 // drop: selected IPv6 frame, while CONFIG_CONNECTIONS6_AT is 0
	ReasonTableFull              = 25 // drop: nothing in the table could be given up for this connection
	ReasonNotYetProgrammed       = 26 // pass: the longest match is PREFIX_NOT_YET
	ReasonIcmpErrorUnmatched     = 27 // drop: ICMP error about no known connection
	ReasonBadSource              = 28 // drop: source equals destination (land), or is in network 0, loopback, multicast, reserved or an egress IP
	ReasonGatewayDown            = 29 // drop: the gateway that it goes to does not answer; VERDICT_EGRESS_AT says which
	ReasonBadOverlay             = 30 // drop: no VXLAN packet for this node, or one of a connection that it has nothing to do with
	ReasonIcmpErrorNested        = 31 // drop: ICMP error about an ICMP error
	ReasonIcmpErrorFragment      = 32 // drop: ICMP error about a later fragment
	ReasonIcmpErrorMisdirected   = 33 // drop: ICMP error to another host than its quoted packet came from, or of an endpoint about another's packet
	ReasonBadChecksum            = 34 // drop: selected, with a wrong checksum, and CONFIG_FLAG_BAD_CHECKSUM_DROP is set
	ReasonSourceRoute            = 35 // drop: selected, with an IPv4 source route option
	ReasonBadDestination         = 36 // drop: selected, to network 0
	ReasonNoState                = 37 // drop: a TCP segment or SCTP packet in mid-stream of a connection that is not known, with CONFIG_FLAG_NO_PICK_UP
	ReasonFragmentWithoutFirst   = 38 // hold, drop: a later fragment whose first one has not come, did not come in time, or whose connection is gone
	ReasonFragmentOverlap        = 39 // drop: of a datagram that has overlapping fragments, from the first of them on
	ReasonFragmentDuplicate      = 40 // drop: the same bytes of a datagram once more
	ReasonFragmentTiny           = 41 // drop: a first fragment without its whole transport header
	ReasonFragmentIdTaken        = 42 // drop: another endpoint's datagram, under way to the same remote, has its identification
	ReasonSctpBad                = 43 // drop: an SCTP packet that no receiver takes: too short, bad chunks, a verification tag of 0 outside an INIT; with CONFIG_FLAG_BAD_CHECKSUM_DROP a wrong CRC32c, too
	ReasonProtocolConflict       = 44 // drop: a protocol without ports, of which another endpoint has the one mapping to this remote
	ReasonPacketTooBig           = 45 // drop: too long for a link on its way, and must not be fragmented; with CONFIG_FLAG_ICMP_ERRORS only
	ReasonCount                  = 46 // number of reasons
)

// ReasonNames has the printable names of these codes.
var ReasonNames = map[int]string{
	ReasonNoPolicy:               "no-policy",
	ReasonExcluded:               "excluded",
	ReasonClusterInternal:        "cluster-internal",
	ReasonLinkLocal:              "link-local",
	ReasonMulticast:              "multicast",
	ReasonBroadcast:              "broadcast",
	ReasonLoopback:               "loopback",
	ReasonReplyOfInbound:         "reply-of-inbound",
	ReasonInbound:                "inbound",
	ReasonEndpointUnknown:        "endpoint-unknown",
	ReasonUnsupportedPassed:      "unsupported-passed",
	ReasonNotIp:                  "not-ip",
	ReasonNoEgressGateway:        "no-egress-gateway",
	ReasonNoEgressIp:             "no-egress-ip",
	ReasonNoNatMapping:           "no-nat-mapping",
	ReasonNoReverseMapping:       "no-reverse-mapping",
	ReasonReplyWithoutConnection: "reply-without-connection",
	ReasonFragmentUnsupported:    "fragment-unsupported",
	ReasonTruncated:              "truncated",
	ReasonSnaplenCut:             "snaplen-cut",
	ReasonBadHeader:              "bad-header",
	ReasonTtlExceeded:            "ttl-exceeded",
	ReasonUnsupportedProtocol:    "unsupported-protocol",
	ReasonIpv6Unsupported:        "ipv6-unsupported",
	ReasonTableFull:              "table-full",
	ReasonNotYetProgrammed:       "not-yet-programmed",
	ReasonIcmpErrorUnmatched:     "icmp-error-unmatched",
	ReasonBadSource:              "bad-source",
	ReasonGatewayDown:            "gateway-down",
	ReasonBadOverlay:             "bad-overlay",
	ReasonIcmpErrorNested:        "icmp-error-nested",
	ReasonIcmpErrorFragment:      "icmp-error-fragment",
	ReasonIcmpErrorMisdirected:   "icmp-error-misdirected",
	ReasonBadChecksum:            "bad-checksum",
	ReasonSourceRoute:            "source-route",
	ReasonBadDestination:         "bad-destination",
	ReasonNoState:                "no-state",
	ReasonFragmentWithoutFirst:   "fragment-without-first",
	ReasonFragmentOverlap:        "fragment-overlap",
	ReasonFragmentDuplicate:      "fragment-duplicate",
	ReasonFragmentTiny:           "fragment-tiny",
	ReasonFragmentIdTaken:        "fragment-id-taken",
	ReasonSctpBad:                "sctp-bad",
	ReasonProtocolConflict:       "protocol-conflict",
	ReasonPacketTooBig:           "packet-too-big",
}

// Codes: gateway.
const (
	GatewayDown    = 0 // not healthy: pins go, connections pick again, even if the gateway is back by then
	GatewayHealthy = 1 // keeps its connections, takes no new ones
	GatewayActive  = 2 // healthy, and chosen for new connections
)

// Codes: feedback.
const (
	FeedbackForget  = 1 // the connection ends here: it was refused, or has gone to another gateway
	FeedbackRestart = 2 // the gateway made a new mapping for a connection that was pinned before: its state begins anew with this frame
	FeedbackRefused = 3 // with a REASON_* in bits 8 and up: it was dropped at its gateway; of a first fragment, so is the rest of its datagram
)

// Codes: line_hook.
const (
	LineHookAnswer = 128 // a bit of LINE_HOOK_AT, not of LINE_FLAGS_AT: the key of an echo or timestamp reply
	LineHookIpv6   = 64  // another: the key of an IPv6 frame
	LineHookMask   = 15  // the bits of LINE_HOOK_AT that are the HOOK_*
)

// Codes: line_flag.
const (
	LineFlagPrimary    = 1   // key of the original direction
	LineFlagTranslated = 2   // address and port are rewritten; else the connection passes
	LineFlagHop        = 4   // gateway and endpoint are on different nodes
	LineFlagSteady     = 8   // a frame without SYN, FIN or RST on this line changes no state
	LineFlagGuessed    = 16  // its direction was guessed: VERDICT_FLAG_GUESSED
	LineFlagUnpinned   = 128 // its gateway was found down since its last frame: the next one picks as if it were new
	LineFlagRedirect   = 64  // a pin whose gateway is on another node: LINE_ADDRESS_AT is the overlay's VNI
	LineFlagLost       = 32  // its gateway lost the mapping: a pin alone; LINE_PAIR_AT is the line itself, address and port are the old ones
)

// Codes: state.
const (
	StateSeenNonSyn = 1  // a TCP frame without SYN was seen
	StateTxClosing  = 2  // FIN or RST in the original direction
	StateRxClosing  = 4  // FIN or RST in the reply direction
	StateTxSyn      = 8  // SYN in the original direction
	StateRxSyn      = 16 // SYN in the reply direction
	StateReplied    = 32 // a frame of the reply direction was seen
	StateReset      = 64 // profile rfc: an RST was seen and no data since
)

// Codes: timeout.
const (
	TimeoutTcpOpening     = 0          // handshake not complete
	TimeoutTcpEstablished = 1          // handshake complete, or data seen
	TimeoutTcpClosing     = 2          // closed by both sides
	TimeoutTcpReset       = 3          // profile rfc: after an RST
	TimeoutUdp            = 4          // since the last frame of either direction
	TimeoutIcmp           = 5          // echo and timestamp
	TimeoutOther          = 6          // any other protocol; in profile cilium SCTP, too, which goes by TCP's classes in profile rfc
	TimeoutHold           = 7          // not of a connection: for how long the NAT port of a TCP connection that has ended goes to no new one; 0 = not at all
	TimeoutCount          = 8          // u32 per row
	TimeoutRowSize        = 32         // bytes of a row
	TimeoutMaxRows        = 256        // rows of the lifetime section
	TimeoutMaxMs          = 1073741823 // longest lifetime
)

// Codes: section.
const (
	SectionNodes     = 0 // node rows
	SectionEgresses  = 1 // egress rows: (gateway node, addresses)
	SectionMembers   = 2 // u32 each: egress index
	SectionPolicies  = 3 // policy rows
	SectionPrefixes  = 4 // prefix rows, any order
	SectionEndpoints = 5 // sorted by address bytes, then by from
	SectionPorts     = 6 // u32 each: protocol × 65,536 + port
	SectionTimeouts  = 7 // rows of TIMEOUT_ROW_SIZE; row 0 is the default
	SectionChanges   = 8 // u64 each, ascending: times at which an address changes its owner
	SectionCount     = 9 // sections of a blob
)

// Codes: egress_flag.
const (
	EgressFlagMoved  = 1 // policies have its IPv4 address on other nodes only: mappings on it are void, pins on its node stay
	EgressFlagMoved6 = 2 // the same of its IPv6 address
)

// Codes: policy_kind.
const (
	PolicyKindCilium    = 1  // member FNV-1a-32(UID) mod count, health ignored
	PolicyKindIsovalent = 2  // rendezvous over active members
	MembersMax          = 64 // members of a policy of that kind at most
)

// Codes: policy_value.
const (
	NoIndex        = 4294967295 // no row: verdict egress, endpoint node
	PrefixExcluded = 4294967295 // prefix value: longest match is an excluded CIDR
	PrefixNotYet   = 4294967293 // prefix value: selected by a policy that is not programmed yet; the frame passes
	ClusterSet     = 0          // policy set of what no policy ever selects
)

// Codes: overlay.
const (
	OuterSize = 64 // bytes of the outer headers and the inner Ethernet header
	VniHost   = 1  // never comes from another node: dropped
	VniWorld  = 2  // replies
)

// Codes: generated.
const (
	GeneratedMax        = 1280      // most bytes of a packet
	GeneratedBurst      = 10        // errors that a node sends at once
	GeneratedIntervalNs = 100000000 // nanoseconds after which it may send one more
)

// Codes: fragment.
const (
	FragmentMs = 30000 // milliseconds for which the rest of a datagram is waited for
)

// Record config.
const (
	ConfigArenaSizeAt     = 0  // u32
	ConfigMaxBatchAt      = 4  // u32
	ConfigConnectionsAt   = 8  // u32
	ConfigConnections6At  = 12 // u32
	ConfigEndpointsAt     = 16 // u32
	ConfigPrefixesAt      = 20 // u32
	ConfigPoliciesAt      = 24 // u32
	ConfigEgressesAt      = 28 // u32
	ConfigNodesAt         = 32 // u32
	ConfigBlobSizeAt      = 36 // u32
	ConfigBitmapsAt       = 40 // u32
	ConfigHostSizeAt      = 44 // u32
	ConfigFlagsAt         = 48 // u32
	ConfigZonesAt         = 52 // u32
	ConfigTableSeedAt     = 56 // u64
	ConfigPlacementSeedAt = 64 // u64
	ConfigPortSeedAt      = 72 // u64
	ConfigTunnelPortAt    = 80 // u32
	ConfigFragmentsAt     = 84 // u32
	ConfigMtuAt           = 88 // u32
	ConfigSize            = 96 // bytes
)

// Record frame.
const (
	FrameOffsetAt   = 0  // u32
	FrameCapturedAt = 4  // u32
	FrameWireAt     = 8  // u32
	FrameHookAt     = 12 // u8
	FrameLinkAt     = 13 // u8
	FrameFlagsAt    = 14 // u16
	FrameTimeAt     = 16 // u64
	FrameTagAt      = 24 // u64
	FrameSize       = 32 // bytes
)

// Record verdict.
const (
	VerdictActionAt    = 0  // u8
	VerdictReasonAt    = 1  // u8
	VerdictFlagsAt     = 2  // u16
	VerdictLengthAt    = 4  // u32
	VerdictEgressAt    = 8  // u32
	VerdictNatPortAt   = 12 // u16
	VerdictOldEgressAt = 14 // u16
	VerdictEgressIpAt  = 16 // 16 x u8
	VerdictTargetAt    = 32 // 16 x u8
	VerdictInnerAt     = 48 // u32
	VerdictNodeAt      = 52 // u32
	VerdictLiveAt      = 52 // u32
	VerdictSize        = 56 // bytes
)

// Record generated_head.
const (
	GeneratedCountAt = 0  // u32
	GeneratedRowsAt  = 16 // rows
)

// Record generated.
const (
	GeneratedFrameAt  = 0    // u32
	GeneratedLengthAt = 4    // u32
	GeneratedEgressAt = 8    // u32
	GeneratedPacketAt = 16   // 1280 x u8
	GeneratedSize     = 1296 // bytes
)

// Record counters.
const (
	CounterReasonsAt            = 0    // 64 x u64
	CounterActionsAt            = 512  // 8 x u64
	CounterOpenedAt             = 576  // u64
	CounterClosedAt             = 584  // u64
	CounterExpiredAt            = 592  // u64
	CounterBrokenAt             = 600  // u64
	CounterReboundAt            = 608  // u64
	CounterLiveAt               = 616  // u64
	CounterPeakAt               = 624  // u64
	CounterEntriesAt            = 632  // u64
	CounterEvictedExpiredAt     = 640  // u64
	CounterEvictedClosingAt     = 648  // u64
	CounterEvictedUnrepliedAt   = 656  // u64
	CounterEvictedEstablishedAt = 664  // u64
	CounterGuessedAt            = 672  // u64
	CounterPortProbesAt         = 680  // u64
	CounterBitmapSearchesAt     = 688  // u64
	CounterRemovedAt            = 696  // u64
	CounterFragmentsEvictedAt   = 704  // u64
	CounterGeneratedAt          = 712  // u64
	CounterUntoldAt             = 720  // u64
	CountersSize                = 1024 // bytes
)

// Record egress_stats.
const (
	EgressStatsConnectionsAt = 0  // u64
	EgressStatsFramesAt      = 8  // u64
	EgressStatsBytesAt       = 16 // u64
	EgressStatsRepliesAt     = 24 // u64
	EgressStatsReplyBytesAt  = 32 // u64
	EgressStatsLiveAt        = 40 // u32
	EgressStatsPortsPeakAt   = 44 // u32
	EgressStatsLastEndAt     = 48 // u64
	EgressStatsSize          = 64 // bytes
)

// Record line.
const (
	LineSrcAt        = 0  // u32
	LineDstAt        = 4  // u32
	LinePortsAt      = 8  // 4 x u8
	LineProtocolAt   = 12 // u8
	LineHookAt       = 13 // u8
	LineStateAt      = 14 // u8
	LineClassAt      = 15 // u8
	LinePairAt       = 16 // u32
	LineSeenAt       = 20 // u32
	LineEpochAt      = 24 // u32
	LineAddressAt    = 28 // u32
	LinePortAt       = 32 // u16
	LineL4DeltaAt    = 34 // u16
	LineIpDeltaAt    = 36 // u16
	LineEgressAt     = 38 // u16
	LineOwnerAt      = 40 // u32
	LineBytesAt      = 44 // u64
	LinePacketsAt    = 52 // u32
	LineAckAt        = 56 // u32
	LineTimeoutRowAt = 60 // u8
	LineFlagsAt      = 61 // u8
	LineTouchAt      = 62 // u16
	LineSize         = 64 // bytes
)

// Record address.
const (
	AddressBytesAt = 0  // 16 x u8
	AddressUsesAt  = 16 // u32
	AddressNextAt  = 20 // u32
	AddressSize    = 32 // bytes
)

// Record blob.
const (
	BlobMagicAt    = 0  // u32
	BlobVersionAt  = 4  // u32
	BlobLengthAt   = 8  // u32
	BlobSnatLowAt  = 12 // u16
	BlobSnatHighAt = 14 // u16
	BlobSectionsAt = 16 // 18 x u32
	BlobHeaderSize = 88 // bytes
)

// Record node.
const (
	NodeAddressAt = 0  // 16 x u8
	NodeZoneAt    = 16 // u32
	NodeFlagsAt   = 20 // u32
	NodeSize      = 24 // bytes
)

// Record egress.
const (
	EgressIpv4At  = 0  // 16 x u8
	EgressIpv6At  = 16 // 16 x u8
	EgressKeyAt   = 32 // u64
	EgressNodeAt  = 40 // u32
	EgressFlagsAt = 44 // u32
	EgressSize    = 48 // bytes
)

// Record policy.
const (
	PolicyKindAt        = 0  // u32
	PolicyMembersAt     = 4  // u32
	PolicyMemberCountAt = 8  // u32
	PolicyTimeoutRowAt  = 12 // u32
	PolicySize          = 16 // bytes
)

// Record prefix.
const (
	PrefixBytesAt  = 0  // 16 x u8
	PrefixSetAt    = 16 // u32
	PrefixLengthAt = 20 // u32
	PrefixValueAt  = 24 // u32
	PrefixSize     = 28 // bytes
)

// Record endpoint.
const (
	EndpointAddressAt   = 0  // 16 x u8
	EndpointFromAt      = 16 // u64
	EndpointToAt        = 24 // u64
	EndpointSetAt       = 32 // u32
	EndpointNodeAt      = 36 // u32
	EndpointUidHashAt   = 40 // u32
	EndpointPortsAt     = 44 // u32
	EndpointPortCountAt = 48 // u32
	EndpointIdentityAt  = 52 // u32
	EndpointSize        = 56 // bytes
)

// Records has the fields of each record.
var Records = map[string][]Field{
	"config": {
		{"arena_size", 0, "u32", 1},
		{"max_batch", 4, "u32", 1},
		{"connections", 8, "u32", 1},
		{"connections6", 12, "u32", 1},
		{"endpoints", 16, "u32", 1},
		{"prefixes", 20, "u32", 1},
		{"policies", 24, "u32", 1},
		{"egresses", 28, "u32", 1},
		{"nodes", 32, "u32", 1},
		{"blob_size", 36, "u32", 1},
		{"bitmaps", 40, "u32", 1},
		{"host_size", 44, "u32", 1},
		{"flags", 48, "u32", 1},
		{"zones", 52, "u32", 1},
		{"table_seed", 56, "u64", 1},
		{"placement_seed", 64, "u64", 1},
		{"port_seed", 72, "u64", 1},
		{"tunnel_port", 80, "u32", 1},
		{"fragments", 84, "u32", 1},
		{"mtu", 88, "u32", 1},
	},
	"frame": {
		{"offset", 0, "u32", 1},
		{"captured", 4, "u32", 1},
		{"wire", 8, "u32", 1},
		{"hook", 12, "u8", 1},
		{"link", 13, "u8", 1},
		{"flags", 14, "u16", 1},
		{"time", 16, "u64", 1},
		{"tag", 24, "u64", 1},
	},
	"verdict": {
		{"action", 0, "u8", 1},
		{"reason", 1, "u8", 1},
		{"flags", 2, "u16", 1},
		{"length", 4, "u32", 1},
		{"egress", 8, "u32", 1},
		{"nat_port", 12, "u16", 1},
		{"old_egress", 14, "u16", 1},
		{"egress_ip", 16, "u8", 16},
		{"target", 32, "u8", 16},
		{"inner", 48, "u32", 1},
		{"node", 52, "u32", 1},
		{"live", 52, "u32", 1},
	},
	"generated_head": {
		{"count", 0, "u32", 1},
		{"rows", 16, "rows", 1},
	},
	"generated": {
		{"frame", 0, "u32", 1},
		{"length", 4, "u32", 1},
		{"egress", 8, "u32", 1},
		{"packet", 16, "u8", 1280},
	},
	"counters": {
		{"reasons", 0, "u64", 64},
		{"actions", 512, "u64", 8},
		{"opened", 576, "u64", 1},
		{"closed", 584, "u64", 1},
		{"expired", 592, "u64", 1},
		{"broken", 600, "u64", 1},
		{"rebound", 608, "u64", 1},
		{"live", 616, "u64", 1},
		{"peak", 624, "u64", 1},
		{"entries", 632, "u64", 1},
		{"evicted_expired", 640, "u64", 1},
		{"evicted_closing", 648, "u64", 1},
		{"evicted_unreplied", 656, "u64", 1},
		{"evicted_established", 664, "u64", 1},
		{"guessed", 672, "u64", 1},
		{"port_probes", 680, "u64", 1},
		{"bitmap_searches", 688, "u64", 1},
		{"removed", 696, "u64", 1},
		{"fragments_evicted", 704, "u64", 1},
		{"generated", 712, "u64", 1},
		{"untold", 720, "u64", 1},
	},
	"egress_stats": {
		{"connections", 0, "u64", 1},
		{"frames", 8, "u64", 1},
		{"bytes", 16, "u64", 1},
		{"replies", 24, "u64", 1},
		{"reply_bytes", 32, "u64", 1},
		{"live", 40, "u32", 1},
		{"ports_peak", 44, "u32", 1},
		{"last_end", 48, "u64", 1},
	},
	"line": {
		{"src", 0, "u32", 1},
		{"dst", 4, "u32", 1},
		{"ports", 8, "u8", 4},
		{"protocol", 12, "u8", 1},
		{"hook", 13, "u8", 1},
		{"state", 14, "u8", 1},
		{"class", 15, "u8", 1},
		{"pair", 16, "u32", 1},
		{"seen", 20, "u32", 1},
		{"epoch", 24, "u32", 1},
		{"address", 28, "u32", 1},
		{"port", 32, "u16", 1},
		{"l4_delta", 34, "u16", 1},
		{"ip_delta", 36, "u16", 1},
		{"egress", 38, "u16", 1},
		{"owner", 40, "u32", 1},
		{"bytes", 44, "u64", 1},
		{"packets", 52, "u32", 1},
		{"ack", 56, "u32", 1},
		{"timeout_row", 60, "u8", 1},
		{"flags", 61, "u8", 1},
		{"touch", 62, "u16", 1},
	},
	"address": {
		{"bytes", 0, "u8", 16},
		{"uses", 16, "u32", 1},
		{"next", 20, "u32", 1},
	},
	"blob": {
		{"magic", 0, "u32", 1},
		{"version", 4, "u32", 1},
		{"length", 8, "u32", 1},
		{"snat_low", 12, "u16", 1},
		{"snat_high", 14, "u16", 1},
		{"sections", 16, "u32", 18},
	},
	"node": {
		{"address", 0, "u8", 16},
		{"zone", 16, "u32", 1},
		{"flags", 20, "u32", 1},
	},
	"egress": {
		{"ipv4", 0, "u8", 16},
		{"ipv6", 16, "u8", 16},
		{"key", 32, "u64", 1},
		{"node", 40, "u32", 1},
		{"flags", 44, "u32", 1},
	},
	"policy": {
		{"kind", 0, "u32", 1},
		{"members", 4, "u32", 1},
		{"member_count", 8, "u32", 1},
		{"timeout_row", 12, "u32", 1},
	},
	"prefix": {
		{"bytes", 0, "u8", 16},
		{"set", 16, "u32", 1},
		{"length", 20, "u32", 1},
		{"value", 24, "u32", 1},
	},
	"endpoint": {
		{"address", 0, "u8", 16},
		{"from", 16, "u64", 1},
		{"to", 24, "u64", 1},
		{"set", 32, "u32", 1},
		{"node", 36, "u32", 1},
		{"uid_hash", 40, "u32", 1},
		{"ports", 44, "u32", 1},
		{"port_count", 48, "u32", 1},
		{"identity", 52, "u32", 1},
	},
}
