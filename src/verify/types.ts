/** How a node stands, as the gateways' operator sees it. */
export interface NodeStanding {
  readonly health: "up" | "suspect" | "down";
  readonly agent: "up" | "down";
  readonly drained: boolean;
  readonly removed: boolean;
}

/** What the engine did with one frame, as the verifier is told. Frames come in the order in which the engine took them. */
export interface FrameObservation {
  /** 1-based number of the input frame in capture order. */
  readonly frame: number;
  /** Orders mismatches where several verifiers judge shares of the frames: twice the number, one more where that frame released it. */
  readonly order?: number;
  /** Capture file (or files) it came from, for messages. */
  readonly capture: string;
  /** Virtual time, nanoseconds since the epoch; never runs backwards. */
  readonly timeNs: bigint;
  /** LINKTYPE_* of the frame's bytes. */
  readonly linkType: number;
  readonly hook: "from-endpoint" | "from-network";
  /** The bytes as captured: for a reply in endpoint view what the endpoint really received. */
  readonly captured: Uint8Array;
  /** The bytes that were given to the engine: `captured`, or for a reply in endpoint view what the outside would have sent. */
  readonly given: Uint8Array;
  /** The bytes after the engine; equal to `given` where it must not have touched them (pass, drop). */
  readonly result: Uint8Array;
  /** Bytes the frame had on the wire. */
  readonly wireLength: number;
  /** `hold` is not final: the frame comes once more, with the same bytes given, when it is decided what becomes of it. */
  readonly action: "pass" | "snat" | "reverse" | "drop" | "hold" | "lost" | "skipped";
  /** Reason name; empty for snat and reverse. */
  readonly reason: string;
  /** Index into `PolicyModel.egresses` for snat and reverse, where known for lost; -1 otherwise. */
  readonly egress: number;
  /** Network view: `given` and `captured` are the same and nothing says what the endpoint received. */
  readonly view: "endpoint" | "network";
  /**
   * The engine said that this connection's external tuple changed in mid-connection, and why: `policy-change`, `egress-ip-moved`,
   * `gateway-restart`, `failover`; else empty.
   */
  readonly remapped: string;
  /** How nodes stood, by name; one that is missing is up. The same object while nothing changes; undefined = all are up. */
  readonly statuses?: ReadonlyMap<string, NodeStanding>;
  /** Nodes that answered nothing, whether that was known or not; undefined = none. */
  readonly unreachable?: ReadonlySet<string>;
  /**
   * Live entries that the engine has evicted so far because its table was full (expired ones do not count). When it grows, the verifier
   * no longer insists that older mappings live. Left out = 0.
   */
  readonly evictions?: number;
  /** The same for fragmented datagrams that the engine gave up for newer ones. */
  readonly fragmentsEvicted?: number;
  /** The ICMP error (an IP packet) that the engine made about this frame; undefined = none. */
  readonly told?: Uint8Array | undefined;
}

/** A field of a frame that is not what it has to be. */
export interface Mismatch {
  readonly frame: number;
  /** Capture file that the frame came from. */
  readonly capture?: string;
  /** Virtual time in seconds since the first frame, e.g. `41.204`. */
  readonly at: string;
  /** Which invariant failed: one of `MISMATCH_FIELDS`. */
  readonly field: string;
  readonly expected: string;
  readonly got: string;
  /** One sentence: what rule was broken, with what the engine said. */
  readonly why: string;
}

/** What came of checking frames. */
export interface VerificationResult {
  readonly ok: boolean;
  readonly framesChecked: number;
  /** The first ones in full (bounded); `mismatchCount` counts all. */
  readonly mismatches: readonly Mismatch[];
  readonly mismatchCount: number;
  /** Replies that were missing or refused for reasons that a lifetime explains, and the like: counted, not faults. */
  readonly notes: Readonly<Record<string, number>>;
}
