/** A record of the ABI: what the source's `PREFIX…_AT` constants are offsets in. */
export interface RecordFamily {
  readonly name: string;
  readonly prefix: string;
  /** Fields without the prefix, where others share it; left out = all. */
  readonly fields?: readonly string[];
  /** Constant with the record's bytes; left out = a head in front of rows. */
  readonly size?: string;
  readonly where: string;
  /** Who writes it; the other side reads. */
  readonly writer: "host" | "engine";
  /** Bytes that no field has may get one under the same ABI version. */
  readonly mayGrow: boolean;
}

/** Codes, bits and other numbers that belong together. */
export interface CodeFamily {
  readonly name: string;
  readonly title: string;
  readonly matches: RegExp;
  /**
   * `open`: values may be added under the same ABI version, because a host that does not know them stays right. `closed`: none, because it
   * would not.
   */
  readonly growth: "open" | "closed";
  /** Constant that says where the values end; it grows with an open family. */
  readonly bound?: string;
}

export const RECORDS: readonly RecordFamily[] = [
  { name: "config", prefix: "CONFIG_", size: "CONFIG_SIZE", where: "configAt()", writer: "host", mayGrow: true },
  { name: "frame", prefix: "FRAME_", size: "FRAME_SIZE", where: "REGION_FRAMES", writer: "host", mayGrow: true },
  {
    name: "verdict",
    prefix: "VERDICT_",
    size: "VERDICT_SIZE",
    where: "REGION_VERDICTS",
    writer: "engine",
    mayGrow: true,
  },
  {
    name: "generated_head",
    prefix: "GENERATED_",
    fields: ["COUNT_AT", "ROWS_AT"],
    where: "REGION_GENERATED",
    writer: "engine",
    mayGrow: true,
  },
  {
    name: "generated",
    prefix: "GENERATED_",
    fields: ["FRAME_AT", "LENGTH_AT", "EGRESS_AT", "PACKET_AT"],
    size: "GENERATED_SIZE",
    where: "REGION_GENERATED, from GENERATED_ROWS_AT on",
    writer: "engine",
    mayGrow: true,
  },
  {
    name: "counters",
    prefix: "COUNTER_",
    size: "COUNTERS_SIZE",
    where: "REGION_COUNTERS",
    writer: "engine",
    mayGrow: true,
  },
  {
    name: "egress_stats",
    prefix: "EGRESS_STATS_",
    size: "EGRESS_STATS_SIZE",
    where: "REGION_EGRESS_STATS",
    writer: "engine",
    mayGrow: true,
  },
  { name: "line", prefix: "LINE_", size: "LINE_SIZE", where: "REGION_CONNTRACK", writer: "engine", mayGrow: false },
  {
    name: "address",
    prefix: "ADDRESS_",
    size: "ADDRESS_SIZE",
    where: "REGION_ADDRESSES",
    writer: "engine",
    mayGrow: false,
  },
  { name: "blob", prefix: "BLOB_", size: "BLOB_HEADER_SIZE", where: "policy blob", writer: "host", mayGrow: false },
  { name: "node", prefix: "NODE_", size: "NODE_SIZE", where: "SECTION_NODES", writer: "host", mayGrow: false },
  { name: "egress", prefix: "EGRESS_", size: "EGRESS_SIZE", where: "SECTION_EGRESSES", writer: "host", mayGrow: false },
  { name: "policy", prefix: "POLICY_", size: "POLICY_SIZE", where: "SECTION_POLICIES", writer: "host", mayGrow: false },
  { name: "prefix", prefix: "PREFIX_", size: "PREFIX_SIZE", where: "SECTION_PREFIXES", writer: "host", mayGrow: false },
  {
    name: "endpoint",
    prefix: "ENDPOINT_",
    size: "ENDPOINT_SIZE",
    where: "SECTION_ENDPOINTS",
    writer: "host",
    mayGrow: false,
  },
];

/** The first family that matches a constant has it. */
export const CODES: readonly CodeFamily[] = [
  { name: "version", title: "Versions", matches: /^(ABI_VERSION|BLOB_VERSION|BLOB_MAGIC)$/, growth: "closed" },
  { name: "error", title: "Error codes", matches: /^(OK|ERROR_.+)$/, growth: "open" },
  {
    name: "config_flag",
    title: "Flags of the configuration",
    matches: /^CONFIG_FLAG_/,
    growth: "open",
    bound: "CONFIG_FLAG_MASK",
  },
  { name: "region", title: "Regions", matches: /^REGION_/, growth: "open", bound: "REGION_COUNT" },
  { name: "frame_flag", title: "Flags of a frame record", matches: /^FRAME_FLAG_/, growth: "open" },
  { name: "hook", title: "Hooks", matches: /^HOOK_/, growth: "open" },
  { name: "link", title: "Link types", matches: /^LINK_/, growth: "open", bound: "LINK_COUNT" },
  { name: "verdict_flag", title: "Flags of a verdict", matches: /^VERDICT_FLAG_/, growth: "open" },
  { name: "action", title: "Actions", matches: /^ACTION_/, growth: "closed" },
  { name: "reason", title: "Reasons", matches: /^REASON_/, growth: "open", bound: "REASON_COUNT" },
  { name: "gateway", title: "States of a gateway", matches: /^GATEWAY_/, growth: "closed" },
  { name: "feedback", title: "What became of a frame elsewhere", matches: /^FEEDBACK_/, growth: "open" },
  { name: "line_hook", title: "Bits of LINE_HOOK_AT", matches: /^LINE_HOOK_/, growth: "closed" },
  { name: "line_flag", title: "Bits of LINE_FLAGS_AT", matches: /^LINE_FLAG_/, growth: "closed" },
  { name: "state", title: "Bits of LINE_STATE_AT", matches: /^STATE_/, growth: "closed" },
  { name: "timeout", title: "Lifetime classes", matches: /^TIMEOUT_/, growth: "closed" },
  { name: "section", title: "Sections of a policy blob", matches: /^SECTION_/, growth: "closed" },
  { name: "egress_flag", title: "Flags of an egress", matches: /^EGRESS_FLAG_/, growth: "closed" },
  { name: "policy_kind", title: "Kinds of policies", matches: /^(POLICY_KIND_.+|MEMBERS_MAX)$/, growth: "closed" },
  {
    name: "policy_value",
    title: "Special numbers",
    matches: /^(NO_INDEX|CLUSTER_SET|PREFIX_EXCLUDED|PREFIX_NOT_YET)$/,
    growth: "closed",
  },
  { name: "overlay", title: "Overlay", matches: /^(OUTER_SIZE|VNI_.+)$/, growth: "closed" },
  { name: "generated", title: "Frames of the engine's own", matches: /^GENERATED_/, growth: "closed" },
  { name: "fragment", title: "Fragments", matches: /^FRAGMENT_/, growth: "closed" },
];
