import type { NatProfile } from "../config/types.js";
import type { Mismatch } from "../verify/types.js";

/** What a frame counts as; `skipped` frames never reached the engine. */
export type FrameAction = "pass" | "snat" | "reverse" | "drop" | "lost" | "skipped" | "hold";

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
  /** read = pass + snat + reverse + drop + lost + skipped + hold. `bytes` are those on the wire. */
  frames: {
    read: number;
    bytes: number;
    pass: number;
    snat: number;
    reverse: number;
    drop: number;
    lost: number;
    skipped: number;
    /** Fragments that wait for their first one in the state that was saved. */
    hold: number;
    generated: number;
  };
  /** With `--icmp-errors` what gateways told pods, by ICMP type and code (`icmp 3/13`, `icmpv6 1/1`); `untold` were too many at once. */
  generated?: { kinds: Record<string, number>; untold: number };
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
    /** Most at a time. One that has expired counts until the engine comes by and removes it. */
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
    /** Most ports in use at a time toward one (remote, port, protocol). That of an expired connection counts until the engine removes it. */
    portsPeak: number;
    portsLimit: number;
  }[];
  /** The first 100,000; `connections.broken` counts all. */
  broken: BrokenConnection[];
  /** UDP and ICMP connections that went on under another external tuple, and TCP ones that had not been opened yet; as many at most. */
  rebound: BrokenConnection[];
  /** Every time a node went down or was removed. */
  failovers: Failover[];
  /** What the prober of gateways made of the events: `suspect`, `down-detected`, `up-detected` and the like. */
  healthTransitions: HealthTransition[];
  /** Gateways that took no new connections because they were drained, from the start or by the scenario. */
  drains: Drain[];
  timeline: ReplayTimeline;
  /** What happened to the gateways, where a scenario was given. */
  scenario?: {
    name: string;
    file: string;
    propagationMs: number;
    probeIntervalMs: number;
    timeoutMs: number;
    failback: string;
    /** As the scenario has them: something done to a node, or (`manifests`) other manifests. */
    events: { at: string; node?: string; event: string; manifests?: string }[];
  };
  /** `single`: one engine played every node. */
  topology: "single" | "cluster";
  /**
   * What went between the nodes, where each was an engine of its own. Frames that do not fit the MTU are in `tooBig`; those of nodes whose
   * InternalIP the manifests lack in `unaddressed`: they are carried, and not written.
   */
  overlay?: { frames: number; bytes: number; tooBig: number; largest: number; mtu: number; unaddressed: number };
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
  observations: {
    partialChecksums: number;
    superFrames: number;
    decapsulated: number;
    checksumUnverifiable: number;
    /** Fragments that were held until their first one came, or in vain. */
    heldFragments: number;
  };
  /** Part of a capture that was replayed, where it was not all of it; frame numbers are 1-based and inclusive. */
  range?: { fromFrame: number; toFrame?: number };
  filter?: string;
  timing: { engineNsPerFrame: number; framesPerSecond: number; wallMs: number };
}

/** What an outage of a node led to. */
export interface Failover {
  node: string;
  /** `node-down` or `remove`. */
  event: string;
  at: string;
  /** Empty where nobody noticed before the node came back or the captures ended. */
  detectedAt: string;
  /** Frames lost because of the node until it came back: of its connections until they moved, and of endpoints that run on it. */
  lostFrames: number;
  /** Connections of the node whose external tuple changed because of this. */
  brokenConnections: number;
  rebound: number;
}

/** When the health of a node changed. */
export interface HealthTransition {
  node: string;
  what: string;
  at: string;
  /** Time of the event that it follows from. */
  causeAt?: string;
}

/** A node that was drained. */
export interface Drain {
  node: string;
  from: string;
  connectionsAtStart: number;
  /** When its last connection ended; null where some were left at the end, or when the drain ended. */
  ranDryAt: string | null;
  stillLive: number;
}

/** Virtual time in steps of equal width: 10 ms, doubled until 480 steps hold all of it. */
export interface ReplayTimeline {
  /** RFC 3339: begin of the first step. */
  from: string;
  stepMs: number;
  steps: number;
  /** Gateways that carried something; each list has one number per step. */
  gateways: {
    /** Index into `gateways` of the report. */
    gateway: number;
    /** Opened. */
    connections: number[];
    frames: number[];
    bytes: number[];
    replies: number[];
    /** Most ports in use toward one (remote, port, protocol), looked at where connections are opened. */
    ports: number[];
  }[];
  lost: number[];
  broken: number[];
  rebound: number[];
}

/** A connection whose external tuple changed in mid-connection. */
export interface BrokenConnection {
  /** RFC 3339 with nanoseconds. */
  at: string;
  fiveTuple: string;
  from: { node: string; egressIP: string };
  to: { node: string; egressIP: string } | null;
  /** `failover`, `gateway-restart`, `egress-ip-moved` or `policy-change`. */
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
