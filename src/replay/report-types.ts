import type { NatProfile } from "../config/types.js";
import type { Mismatch } from "../verify/types.js";

/** What a frame counts as; `skipped` frames never reached the engine. */
export type FrameAction = "pass" | "snat" | "reverse" | "drop" | "lost" | "skipped";

/** The result of a replay: `report.json`. All but `timing` is a pure function of the inputs. */
export interface ReplayReport {
  schema: "sluicegate.io/replay-report/v1";
  seed: number;
  natProfile: NatProfile;
  input: {
    /** The last record of a capture was cut off. */
    truncated: boolean;
    files: {
      name: string;
      frames: number;
      truncated: boolean;
      /** Blocks that hold no frame and were passed over, by kind. */
      skippedBlocks: Record<string, number>;
      /** Frames whose record is odd, by what was done. */
      adjusted: Record<string, number>;
      /** The file holds connection records: how many, those that frames were made of, and why of others not. */
      records?: { kind: string; read: number; used: number; unused: Record<string, number> };
    }[];
    /** First and last timestamp, RFC 3339 with nanoseconds; absent where no frame was read. */
    firstFrame?: string;
    lastFrame?: string;
  };
  /** read = pass + snat + reverse + drop + lost + skipped. `bytes` are those on the wire. */
  frames: {
    read: number;
    bytes: number;
    pass: number;
    snat: number;
    reverse: number;
    drop: number;
    lost: number;
    skipped: number;
    generated: number;
  };
  /** Every read frame that is not snat or reverse, under exactly one reason. */
  reasons: Record<string, number>;
  /** For each reason how many of its frames count under which action. */
  reasonActions: Record<string, Partial<Record<FrameAction, number>>>;
  /** What the original does with frames that are dropped here, by reason. */
  ciliumWould: Record<string, string>;
  connections: {
    opened: number;
    closed: number;
    expired: number;
    broken: number;
    rebound: number;
    peak: number;
    /** Still in the table at the end. */
    live: number;
    /** Dropped because a policy or the owner of an address changed. */
    removed: number;
    /** First seen in mid-stream: which side opened them is a guess. */
    directionGuessed: number;
    /** Given up because the table was full. */
    evictions: { expired: number; closing: number; unreplied: number; established: number; mappings: number };
  };
  /** One row per pair of gateway node and egress IP, in the order of the policies. */
  gateways: {
    node: string;
    egressIP: string;
    assumed?: boolean;
    zone?: string;
    connections: number;
    frames: number;
    bytes: number;
    replies: number;
    replyBytes: number;
    portsPeak: number;
    portsLimit: number;
  }[];
  broken: BrokenConnection[];
  /** UDP and ICMP connections that went on under another external tuple. */
  rebound: BrokenConnection[];
  failovers: {
    node: string;
    event: string;
    at: string;
    detectedAt: string;
    lostFrames: number;
    brokenConnections: number;
  }[];
  verification: {
    enabled: boolean;
    ok: boolean;
    framesChecked: number;
    mismatches: Mismatch[];
    /** All of them; `mismatches` holds the first ones. */
    mismatchCount: number;
    /** What the verifier could not insist on, counted. */
    notes: Record<string, number>;
  };
  viewpoints: ViewpointDecision[];
  /** Values that were in force, and where each came from. */
  settings: Record<string, { value: string; source: string }>;
  /** Egress IPs that are guesses because the devices of their nodes are unknown. */
  assumedAddresses: { node: string; address: string; note: string }[];
  /** Frames by the flags that the engine saw or set. */
  observations: { partialChecksums: number; superFrames: number; decapsulated: number; checksumUnverifiable: number };
  /** Part of a capture that was replayed, where it was not all of it; frame numbers are 1-based and inclusive. */
  range?: { fromFrame: number; toFrame?: number };
  filter?: string;
  timing: { engineNsPerFrame: number; framesPerSecond: number; wallMs: number };
}

/** A connection whose external tuple changed in mid-connection. */
export interface BrokenConnection {
  /** RFC 3339 with nanoseconds. */
  at: string;
  fiveTuple: string;
  from: { node: string; egressIP: string };
  to: { node: string; egressIP: string } | null;
  cause: string;
}

/** What was decided for one interface of one capture, and why. */
export interface ViewpointDecision {
  file: string;
  /** Its name in the capture, else its number in the file. */
  interface: string;
  linkType: string;
  viewpoint: "endpoint" | "network";
  /** One packet may show up on it several times. */
  copies: boolean;
  /** Overlay packets are replaced by what they carry. */
  decapsulate: boolean;
  /** Sentences: what was seen, and what follows. */
  reasons: string[];
  /** What the user may want to do instead. */
  hints: string[];
  /** Frames that the decision is based on. */
  framesSeen: number;
}
