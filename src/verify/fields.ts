import type { FrameObservation, Mismatch } from "./types.js";

/** Every invariant by its stable name, with what a person reads when it fails. */
export const MISMATCH_FIELDS = {
  length: "a rewritten frame changed its length",
  "header-bytes": "a header byte changed that must not",
  payload: "a payload byte changed",
  ttl: "TTL is not what the routed hops make it",
  "ip-checksum": "the IPv4 header checksum did not keep its rightness",
  "transport-checksum": "the transport checksum did not keep its rightness",
  "inner-checksum": "a checksum inside a quoted packet did not keep its rightness",
  fragment: "a fragment did not go the way of its datagram",
  untouched: "a frame that is not translated was changed",
  undecodable: "a frame without a readable IP header was translated",
  decision: "the policy decides otherwise",
  leak: "a selected frame left untranslated",
  "inbound-translated": "the answer to an inbound connection was translated",
  "egress-eligible": "the gateway is not one that the policy permits",
  "egress-healthy": "the gateway was not healthy",
  "egress-active": "a connection was given to a gateway that takes no new ones",
  "gateway-unreachable": "a gateway that could not be reached translated a frame",
  "endpoint-unreachable": "a frame of an endpoint on a dead node was translated",
  "pin-moved": "a connection left a gateway that was healthy",
  "egress-address": "the source is not the gateway's egress IP",
  "nat-port": "the NAT port lies outside the configured range",
  "tuple-shared": "an external tuple serves two live connections",
  "tuple-changed": "a live connection changed its external tuple",
  "remap-cause": "a remapping is on record without a cause",
  "reply-destination": "a reply went to the wrong endpoint",
  "reply-restored": "a restored reply is not what the endpoint received",
  "reply-not-reversed": "reply not reversed",
  "mapping-outlived": "a mapping outlived its longest lifetime",
  "mapping-lost": "a mapping was used after the memory of it was lost",
  "refused-while-free": "a connection was refused while NAT ports were free",
  "drop-reason": "a frame was dropped for a reason that does not hold",
  "lost-reason": "a frame was lost for a reason that does not hold",
  told: "an ICMP error of the gateway's own is not what the dropped frame calls for",
  hook: "an action that this hook does not have",
} as const;

export type MismatchField = keyof typeof MISMATCH_FIELDS;

/** What is wrong, before it is tied to a frame. */
export interface Finding {
  readonly field: MismatchField;
  readonly expected: string;
  readonly got: string;
  readonly why: string;
}

/** Collects mismatches: the first `limit` in full, all in number; what lifetimes and the like explain as notes. */
export class MismatchLog {
  readonly mismatches: Mismatch[] = [];
  /** Of each mismatch: `FrameObservation.order`. */
  readonly places: number[] = [];
  readonly notes: Record<string, number> = {};
  count = 0;
  readonly #limit: number;
  /** Of the first frame, nanoseconds since the epoch. */
  startNs: bigint | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Milliseconds since the first frame; exact to the microsecond for captures of a century. */
  sinceStart(timeNs: bigint): number {
    this.startNs ??= timeNs;
    return Number(timeNs - this.startNs) / 1e6;
  }

  add(o: FrameObservation, finding: Finding): void {
    this.count++;
    if (this.mismatches.length >= this.#limit) return;
    const { frame, capture, action, reason } = o;
    const at = (this.sinceStart(o.timeNs) / 1000).toFixed(3);
    const why = `${finding.why}; engine said ${reason === "" ? action : `${action}, ${reason}`}`;
    this.places.push(o.order ?? 2 * frame);
    this.mismatches.push({ frame, capture, at, ...finding, why });
  }

  note(name: string): void {
    this.notes[name] = (this.notes[name] ?? 0) + 1;
  }
}

/** A mismatch as people read it: where and what on the first line, then expected and got, then why. */
export function formatMismatch(mismatch: Mismatch): string {
  const { field, expected, got, why } = mismatch;
  const title: string = MISMATCH_FIELDS[field as MismatchField] ?? field;
  const where = `${mismatch.capture ?? "capture"} frame ${mismatch.frame} at ${mismatch.at} s`;
  return `${where}: ${title}\n  ${field}  expected ${expected}   got ${got}\n  ${why}`;
}
