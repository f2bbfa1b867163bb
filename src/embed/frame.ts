import { ACTION_DROP, ACTION_PASS, ACTION_REVERSE, ACTION_SNAT } from "../engine/codes.js";

/** A frame that is given to an `Engine`. */
export interface EngineFrame {
  /** From the link-layer header on; at most 262,144. They are copied, and may be reused once the next frame is asked for. */
  readonly bytes: Uint8Array;
  /** Nanoseconds since the epoch, below 2^64. The engine's clock is the latest of all frames. */
  readonly timeNs: bigint;
  /** Where it comes in: sent by an endpoint (the default), or addressed to a gateway's egress IP by the outside. */
  readonly hook?: "from-endpoint" | "from-network";
  /** LINKTYPE_* number of captures; default 1, Ethernet. */
  readonly linkType?: number;
  /** Bytes on the wire, where not all were captured; default: as many as there are. */
  readonly wireLength?: number;
  /** Its transport checksum is left to the network card: the field holds the sum of the pseudo-header. */
  readonly partialChecksum?: boolean;
  /** It is longer than a link's frames: a network card cuts it into segments. */
  readonly superFrame?: boolean;
}

/** What an engine did with a frame: passed it untouched, translated its source, restored its destination, dropped it. */
export type FrameVerdict = "pass" | "snat" | "reverse" | "drop";

/** What became of one frame. */
export interface FrameResult {
  /** Number of the frame among those given to the engine, from 0. */
  readonly frame: number;
  /** Its own time, nanoseconds since the epoch. */
  readonly timeNs: bigint;
  readonly action: FrameVerdict;
  /** Why it passed or was dropped, by the name that reports use (`REASON_TEXTS` explains it); empty for the other two. */
  readonly reason: string;
  /** The frame as it leaves; a dropped one as it came. A copy. */
  readonly bytes: Uint8Array;
  /** Gateway node and egress IP by which it leaves, or came back. */
  readonly egress?: { readonly node: string; readonly address: string };
  /** Port of the egress IP, or the ICMP identifier that stands for it; of protocols without ports there is none. */
  readonly natPort?: number;
  /** It opened a connection. */
  readonly opened: boolean;
  /** Its connection has another egress or port from this frame on: TCP and SCTP connections break by that. */
  readonly moved: boolean;
  /** It is a fragment that had to wait for the first one of its packet, as those of profile `rfc` do. */
  readonly held: boolean;
  /** With `icmpErrors`: the ICMP error (an IP packet) that its sender gets because it was dropped. */
  readonly icmpError?: Uint8Array;
}

/** Actions of an engine that plays all nodes of a cluster; a held frame has none yet. */
export const VERDICTS: ReadonlyMap<number, FrameVerdict> = new Map([
  [ACTION_PASS, "pass"],
  [ACTION_SNAT, "snat"],
  [ACTION_REVERSE, "reverse"],
  [ACTION_DROP, "drop"],
]);
