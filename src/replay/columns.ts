import * as layout from "../../assembly/outside/layout.js";
import type { HostRegion } from "./host-region.js";

/** One value per frame of the piece in memory: windows onto the engine's memory, valid for its life. */
export interface Columns {
  readonly offset: Uint32Array;
  readonly captured: Uint32Array;
  readonly wire: Uint32Array;
  readonly timeLow: Uint32Array;
  readonly timeHigh: Uint32Array;
  readonly interface: Uint32Array;
  /** LINK_*, of the inner frame where one was decapsulated. */
  readonly link: Uint8Array;
  /** HOOK_*; 0 = not given to the engine. */
  readonly hook: Uint8Array;
  /** FRAME_FLAG_* and SLOT_*. */
  readonly flags: Uint16Array;
  readonly action: Uint8Array;
  readonly reason: Uint8Array;
  readonly verdictFlags: Uint16Array;
  readonly egress: Uint16Array;
  readonly oldEgress: Uint16Array;
  readonly natPort: Uint16Array;
  /** Of a frame whose action is ACTION_HOLD: the number under which the engine will release it. */
  readonly holdNumber: Uint32Array;
  /** Live connections that the engine had evicted by then; only where frames as given are kept. */
  readonly evictions: Uint32Array;
  /** Translated connections after the frame, plus one; 0 = as many as before. Only where there are several shards. */
  readonly live: Uint32Array;
}

/** @param host the engine's host region   @param count frames of a piece */
export function columnsOf(host: Uint8Array, region: HostRegion, count: number): Columns {
  const at = (id: number) => host.byteOffset + region.columns[id]!;
  const bytes = (id: number) => new Uint8Array(host.buffer, at(id), count);
  const words = (id: number) => new Uint16Array(host.buffer, at(id), count);
  const longs = (id: number) => new Uint32Array(host.buffer, at(id), count);
  return {
    offset: longs(layout.COLUMN_OFFSET),
    captured: longs(layout.COLUMN_CAPTURED),
    wire: longs(layout.COLUMN_WIRE),
    timeLow: longs(layout.COLUMN_TIME_LOW),
    timeHigh: longs(layout.COLUMN_TIME_HIGH),
    interface: longs(layout.COLUMN_INTERFACE),
    link: bytes(layout.COLUMN_LINK),
    hook: bytes(layout.COLUMN_HOOK),
    flags: words(layout.COLUMN_FLAGS),
    action: bytes(layout.COLUMN_ACTION),
    reason: bytes(layout.COLUMN_REASON),
    verdictFlags: words(layout.COLUMN_VERDICT_FLAGS),
    egress: words(layout.COLUMN_EGRESS),
    oldEgress: words(layout.COLUMN_OLD_EGRESS),
    natPort: words(layout.COLUMN_NAT_PORT),
    holdNumber: longs(layout.COLUMN_HASH),
    evictions: longs(layout.COLUMN_EVICTIONS),
    live: longs(layout.COLUMN_LIVE),
  };
}
