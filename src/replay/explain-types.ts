import type { ConntrackLine } from "../engine/conntrack.js";
import type { Mismatch } from "../verify/types.js";
import type { FrameAction, ViewpointDecision } from "./report-types.js";

/** One frame's walk through classification, engine and verification, as data. */
export interface FrameExplanation {
  readonly frame: number;
  /** RFC 3339 with nanoseconds. */
  readonly at: string;
  readonly file: string;
  readonly viewpoint: ViewpointDecision;
  readonly capturedLength: number;
  readonly wireLength: number;
  readonly action: FrameAction;
  /** Empty for snat and reverse. */
  readonly reason: string;
  /** What became of a frame whose action is `hold`. */
  readonly afterHold?: AfterHold;
  /** What the original does with such a frame, where it is dropped here. */
  readonly ciliumWould?: string;
  readonly parse: ParsedFrame | undefined;
  readonly classification: Classification;
  /** The connection's lines in the conntrack table, before and after the frame; absent = no entry. */
  readonly conntrack: { readonly before?: ConntrackPair; readonly after?: ConntrackPair };
  /** Absent where no policy was asked: the frame never reached the engine, or no endpoint is known. */
  readonly policy?: PolicyMatch;
  /** Gateways that the policy offers; empty where it offers none or none was asked. */
  readonly gateways: readonly GatewayCandidate[];
  readonly translation?: Translation;
  /** What a reply has to look like, and how long it may take. */
  readonly replyExpected?: ReplyExpectation;
  /** Hexadecimal; `given` only where the frame was rebuilt into what the outside would have sent. */
  readonly bytes: { readonly captured: string; readonly given?: string; readonly result: string };
  readonly mismatches: readonly Mismatch[];
}

/** The end of a fragment that was held until its first one came, or for as long as one waits for that. */
export interface AfterHold {
  readonly action: FrameAction;
  /** Empty for snat and reverse. */
  readonly reason: string;
  /** What ended the wait: its first fragment, a time that was over or room that was needed, or the captures. */
  readonly endedBy: "first-fragment" | "time-or-room" | "end-of-captures";
  /** The first fragment. */
  readonly first?: { readonly frame: number; readonly at: string };
  readonly translation?: Translation;
}

/** What a frame says. */
export interface ParsedFrame {
  readonly family: 4 | 6;
  readonly kind: string;
  readonly protocol: number;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly ttl: number;
  /** Words out of FIN SYN RST ACK. */
  readonly tcpFlags: string;
  readonly headerChecksum: "right" | "wrong" | "none";
  readonly transportChecksum: string;
  /** Where a header is damaged or missing. */
  readonly fault: string;
  readonly ipLength: number;
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
  /** The packet that an ICMP error quotes. */
  readonly inner?: ParsedFrame;
}

/** Where a frame enters, and why there. */
export interface Classification {
  /** Where it entered the engine; undefined = it did not. */
  readonly hook: "from-endpoint" | "from-network" | undefined;
  readonly sourceIs: string;
  readonly destinationIs: string;
  readonly decapsulated: boolean;
  readonly partialChecksum: boolean;
  readonly superFrame: boolean;
  /** A reply was built from what is known of the connection. */
  readonly replyBuilt: boolean;
}

/** A connection as the engine remembers it: a line for each of its two keys. */
export interface ConntrackPair {
  readonly original: ConntrackLine;
  readonly reply: ConntrackLine;
}

/** Which policy selects a frame, by which prefix. */
export interface PolicyMatch {
  readonly endpoint: string;
  readonly node: string | undefined;
  /** `selected`, or the reason why not. */
  readonly outcome: string;
  /** Prefix that decided; empty where none did. */
  readonly prefix: string;
  readonly policy: string;
  readonly kind: string;
}

/** A gateway that a connection could have, with its score: the highest is picked. */
export interface GatewayCandidate {
  readonly node: string;
  readonly egressIP: string;
  /** Hexadecimal rendezvous score, or the member's number for a CiliumEgressGatewayPolicy. */
  readonly score: string;
  /** What a new connection with this five-tuple picks. */
  readonly isPick: boolean;
  readonly isUsed: boolean;
}

/** What was rewritten. */
export interface Translation {
  readonly gateway: string;
  readonly egressIP: string;
  readonly natPort: number;
  /** The endpoint's own port was kept. */
  readonly portKept: boolean;
  readonly ttlBefore: number;
  readonly ttlAfter: number;
  /** This frame made the mapping. */
  readonly isNew: boolean;
}

/** What a reply has to be to be restored. */
export interface ReplyExpectation {
  readonly from: string;
  readonly to: string;
  readonly restoredTo: string;
  /** Milliseconds after the last frame of the connection. */
  readonly lifetimeMs: number;
}
