import * as abi from "../../assembly/abi.js";

/** Code to printable name; a hole is a code that `assembly/abi.ts` does not define. */
type NameTable = readonly (string | undefined)[];

/** REASON_* to the one name that counters, metrics, reports and tests use. REASON_NONE has the empty name: nothing to explain. */
export const REASON_NAMES: NameTable = table([
  [abi.REASON_NONE, ""],
  [abi.REASON_NO_POLICY, "no-policy"],
  [abi.REASON_EXCLUDED, "excluded"],
  [abi.REASON_CLUSTER_INTERNAL, "cluster-internal"],
  [abi.REASON_LINK_LOCAL, "link-local"],
  [abi.REASON_MULTICAST, "multicast"],
  [abi.REASON_BROADCAST, "broadcast"],
  [abi.REASON_LOOPBACK, "loopback"],
  [abi.REASON_REPLY_OF_INBOUND, "reply-of-inbound"],
  [abi.REASON_INBOUND, "inbound"],
  [abi.REASON_ENDPOINT_UNKNOWN, "endpoint-unknown"],
  [abi.REASON_UNSUPPORTED_PASSED, "unsupported-passed"],
  [abi.REASON_NOT_IP, "not-ip"],
  [abi.REASON_NO_EGRESS_GATEWAY, "no-egress-gateway"],
  [abi.REASON_NO_EGRESS_IP, "no-egress-ip"],
  [abi.REASON_NO_NAT_MAPPING, "no-nat-mapping"],
  [abi.REASON_NO_REVERSE_MAPPING, "no-reverse-mapping"],
  [abi.REASON_REPLY_WITHOUT_CONNECTION, "reply-without-connection"],
  [abi.REASON_FRAGMENT_UNSUPPORTED, "fragment-unsupported"],
  [abi.REASON_TRUNCATED, "truncated"],
  [abi.REASON_SNAPLEN_CUT, "snaplen-cut"],
  [abi.REASON_BAD_HEADER, "bad-header"],
  [abi.REASON_TTL_EXCEEDED, "ttl-exceeded"],
  [abi.REASON_UNSUPPORTED_PROTOCOL, "unsupported-protocol"],
  [abi.REASON_IPV6_UNSUPPORTED, "ipv6-unsupported"],
  [abi.REASON_TABLE_FULL, "table-full"],
  [abi.REASON_NOT_YET_PROGRAMMED, "not-yet-programmed"],
  [abi.REASON_ICMP_ERROR_UNMATCHED, "icmp-error-unmatched"],
  [abi.REASON_BAD_SOURCE, "bad-source"],
  [abi.REASON_GATEWAY_DOWN, "gateway-down"],
  [abi.REASON_BAD_OVERLAY, "bad-overlay"],
  [abi.REASON_ICMP_ERROR_NESTED, "icmp-error-nested"],
  [abi.REASON_ICMP_ERROR_FRAGMENT, "icmp-error-fragment"],
  [abi.REASON_ICMP_ERROR_MISDIRECTED, "icmp-error-misdirected"],
  [abi.REASON_BAD_CHECKSUM, "bad-checksum"],
  [abi.REASON_SOURCE_ROUTE, "source-route"],
  [abi.REASON_BAD_DESTINATION, "bad-destination"],
  [abi.REASON_NO_STATE, "no-state"],
  [abi.REASON_FRAGMENT_WITHOUT_FIRST, "fragment-without-first"],
  [abi.REASON_FRAGMENT_OVERLAP, "fragment-overlap"],
  [abi.REASON_FRAGMENT_DUPLICATE, "fragment-duplicate"],
  [abi.REASON_FRAGMENT_TINY, "fragment-tiny"],
  [abi.REASON_FRAGMENT_ID_TAKEN, "fragment-id-taken"],
  [abi.REASON_SCTP_BAD, "sctp-bad"],
  [abi.REASON_PROTOCOL_CONFLICT, "protocol-conflict"],
  [abi.REASON_PACKET_TOO_BIG, "packet-too-big"],
]);

/** ACTION_* to name. */
export const ACTION_NAMES: NameTable = table([
  [abi.ACTION_PASS, "pass"],
  [abi.ACTION_SNAT, "snat"],
  [abi.ACTION_REVERSE, "reverse"],
  [abi.ACTION_REDIRECT, "redirect"],
  [abi.ACTION_DROP, "drop"],
  [abi.ACTION_HOLD, "hold"],
]);

/** HOOK_* to name. */
export const HOOK_NAMES: NameTable = table([
  [abi.HOOK_FROM_ENDPOINT, "from-endpoint"],
  [abi.HOOK_FROM_NETWORK, "from-network"],
  [abi.HOOK_FROM_OVERLAY, "from-overlay"],
]);

/** LINK_* to name. */
export const LINK_NAMES: NameTable = table([
  [abi.LINK_ETHERNET, "ethernet"],
  [abi.LINK_RAW, "raw"],
  [abi.LINK_SLL, "sll"],
  [abi.LINK_SLL2, "sll2"],
  [abi.LINK_NULL, "null"],
  [abi.LINK_PPP, "ppp"],
]);

/** GATEWAY_* to name. */
export const GATEWAY_STATE_NAMES: NameTable = table([
  [abi.GATEWAY_DOWN, "down"],
  [abi.GATEWAY_HEALTHY, "healthy"],
  [abi.GATEWAY_ACTIVE, "active"],
]);

/** Error code of an exported function to its name and to what it says about the call. */
const ERRORS = new Map<number, readonly [name: string, text: string]>([
  [abi.OK, ["ok", "no error"]],
  [abi.ERROR_NOT_CONFIGURED, ["not-configured", "the engine has not been configured"]],
  [abi.ERROR_ALREADY_CONFIGURED, ["already-configured", "the engine was configured before; it is configured once"]],
  [abi.ERROR_CONFIG_RANGE, ["config-range", "a value of the configuration is outside its range"]],
  [abi.ERROR_MEMORY, ["memory", "the configured tables do not fit into 32-bit memory, or the host has not that much"]],
  [abi.ERROR_BATCH_TOO_LARGE, ["batch-too-large", "more frames than the configured batch size"]],
  [abi.ERROR_FRAME_OUTSIDE_ARENA, ["frame-outside-arena", "a frame record points outside the arena"]],
  [abi.ERROR_BAD_HOOK, ["bad-hook", "a frame record names no known hook"]],
  [abi.ERROR_BAD_LINK_TYPE, ["bad-link-type", "a frame record names no known link type"]],
  [abi.ERROR_POLICY_HEADER, ["policy-header", "the policy blob is cut or its header is damaged"]],
  [abi.ERROR_POLICY_VERSION, ["policy-version", "the policy blob has another format version"]],
  [abi.ERROR_POLICY_TOO_LARGE, ["policy-too-large", "the policy blob has more rows than the engine is configured for"]],
  [abi.ERROR_POLICY_SECTION, ["policy-section", "a section of the policy blob lies outside it or holds a bad value"]],
  [abi.ERROR_POLICY_REFERENCE, ["policy-reference", "a row of the policy blob refers to a row that does not exist"]],
  [abi.ERROR_POLICY_ORDER, ["policy-order", "rows of the policy blob are not in order"]],
  [abi.ERROR_NO_SUCH_GATEWAY, ["no-such-gateway", "no node, policy or zone of that number"]],
  [abi.ERROR_BAD_STATE, ["bad-state", "the saved state is inconsistent, or no such gateway state"]],
  [abi.ERROR_NO_POLICY_LOADED, ["no-policy-loaded", "no policy has been loaded"]],
]);

/** @returns the name of a REASON_* code; `reason-N` for a code that this host does not know. */
export function reasonName(code: number): string {
  return REASON_NAMES[code] ?? `reason-${code}`;
}

/** @returns the name of an ACTION_* code; `action-N` for a code that this host does not know. */
export function actionName(code: number): string {
  return ACTION_NAMES[code] ?? `action-${code}`;
}

/** @returns the name of a HOOK_* code; `hook-N` for a code that this host does not know. */
export function hookName(code: number): string {
  return HOOK_NAMES[code] ?? `hook-${code}`;
}

/** @returns the name of an ERROR_* code; `error-N` for a code that this host does not know. */
export function errorName(code: number): string {
  return ERRORS.get(code)?.[0] ?? `error-${-code}`;
}

/** @returns what an ERROR_* code says, as half a sentence for the end of a message. */
export function errorText(code: number): string {
  return ERRORS.get(code)?.[1] ?? `an error that this host does not know (${code})`;
}

function table(rows: readonly (readonly [code: number, name: string])[]): NameTable {
  const names: (string | undefined)[] = [];
  for (const [code, name] of rows) {
    while (names.length <= code) names.push(undefined);
    names[code] = name;
  }
  return names;
}
