import * as layout from "../../assembly/outside/layout.js";
import { ACTION_DROP, ACTION_HOLD, ACTION_PASS, ACTION_REVERSE, ACTION_SNAT } from "../engine/codes.js";
import { reasonName } from "../engine/names.js";
import type { FrameAction } from "./report-types.js";

/** The host's own reasons (SKIP_*): why a frame never reached the engine. Names that the engine has too mean the same. */
const SKIP_NAMES = new Map<number, string>([
  [layout.SKIP_DUPLICATE, "duplicate"],
  [layout.SKIP_ALREADY_TRANSLATED, "already-translated"],
  [layout.SKIP_ENCRYPTED_UNDERLAY, "encrypted-underlay"],
  [layout.SKIP_ENDPOINT_UNKNOWN, "endpoint-unknown"],
  [layout.SKIP_NOT_IP, "not-ip"],
  [layout.SKIP_LINK_TYPE, "unsupported-link-type"],
  [layout.SKIP_FILTERED, "filtered"],
  [layout.SKIP_OVERLAY, "overlay"],
  [layout.SKIP_TRUNCATED, "truncated"],
  [layout.SKIP_CUT, "snaplen-cut"],
  [layout.SKIP_AFTER_BREAK, "after-break"],
  [layout.SKIP_BAD_HEADER, "bad-header"],
  [layout.SKIP_GATEWAY_DOWN, "gateway-down"],
  [layout.SKIP_NODE_DOWN, "node-down"],
  [layout.SKIP_UNASKED, "answer-to-dropped"],
]);

/** First code of the host's reasons; the engine's are below. */
const FIRST_SKIP = 128;

/** @returns the one name of a reason code of the engine or of the host; empty for "none" */
export function nameOfReason(code: number): string {
  return code < FIRST_SKIP ? reasonName(code) : (SKIP_NAMES.get(code) ?? `skip-${code}`);
}

const ACTIONS = new Map<number, FrameAction>([
  [ACTION_PASS, "pass"],
  [ACTION_SNAT, "snat"],
  [ACTION_REVERSE, "reverse"],
  [ACTION_DROP, "drop"],
  [ACTION_HOLD, "hold"],
  [layout.ACTION_SKIPPED, "skipped"],
  [layout.ACTION_LOST, "lost"],
]);

/** @returns what a frame with this ACTION_* code counts as, or undefined for one that a replay with one engine never sees */
export function nameOfAction(code: number): FrameAction | undefined {
  return ACTIONS.get(code);
}

const UNTRANSLATED = "lets it out with the pod's own address, untranslated";

/** What the original does where Sluicegate drops (its egress SNAT and conntrack). Only reasons where it is known. */
export const CILIUM_WOULD: Readonly<Record<string, string>> = {
  "unsupported-protocol": UNTRANSLATED,
  "icmp-error-unmatched": UNTRANSLATED,
  "icmp-error-nested": UNTRANSLATED,
  "icmp-error-fragment": UNTRANSLATED,
  "icmp-error-misdirected": "translates it by the quoted packet alone",
  "fragment-unsupported": "translates it where the first fragment was seen, else drops it",
  "fragment-without-first": "drops it (First logical datagram fragment not found)",
  "fragment-overlap": "translates it where the first fragment was seen",
  "fragment-duplicate": "translates it once more",
  "fragment-tiny": "drops it as invalid",
  "fragment-id-taken": "translates it; the remote may put pieces of two datagrams together",
  "ipv6-unsupported": "translates it where IPv6 egress gateways are enabled",
  "sctp-bad": "translates it where SCTP is enabled, looking at its ports alone; else lets it out untranslated",
  "protocol-conflict": UNTRANSLATED,
  "source-route": "translates it; the node's own stack drops it before unless that is allowed",
  "no-egress-gateway": "drops it (No Egress Gateway found)",
  "no-egress-ip": "drops it (No Egress IP configured)",
  "no-nat-mapping":
    "drops it (No mapping for NAT masquerade), and does so already while ports are free: it tries 32 of them",
  "no-reverse-mapping": "hands it to the gateway node's own stack, which answers or drops it",
  "reply-without-connection": "delivers it to the pod if it is addressed to the pod itself",
  "ttl-exceeded": "drops it and answers with an ICMP time exceeded",
  "snaplen-cut": "translates it: the frame was whole on the wire",
  "bad-header": "drops it as invalid",
  truncated: "drops it as invalid",
};
