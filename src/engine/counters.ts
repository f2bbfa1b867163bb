import * as abi from "../../assembly/abi.js";
import type { EngineMemory } from "./memory.js";
import { ACTION_NAMES, REASON_NAMES } from "./names.js";

/** What an engine has counted since it started (or since the saved state it was given). */
export interface EngineCounters {
  /** Frames by reason name; only reasons that have a name (not snat, not reverse). */
  readonly reasons: Readonly<Record<string, number>>;
  /** Frames by action name. */
  readonly actions: Readonly<Record<string, number>>;
  /** Translated connections. */
  readonly opened: number;
  readonly closed: number;
  readonly expired: number;
  readonly broken: number;
  readonly rebound: number;
  /** Now, and the most at a time; here and there one that has expired counts until it is removed. */
  readonly live: number;
  readonly peak: number;
  /** Dropped by a policy or owner change. */
  readonly removed: number;
  /** Connections of any kind in the table now, passed ones included. */
  readonly entries: number;
  readonly evictedExpired: number;
  readonly evictedClosing: number;
  readonly evictedUnreplied: number;
  readonly evictedEstablished: number;
  readonly directionGuessed: number;
  /** Candidates that the port search looked at, and searches that went to a bitmap. */
  readonly portProbes: number;
  readonly bitmapSearches: number;
  /** Fragmented datagrams given up for newer ones before they were complete. */
  readonly fragmentsEvicted: number;
  /** ICMP errors of the engine's own, and those that were not sent as too many were before. */
  readonly generated: number;
  readonly untold: number;
}

/** What one egress of the policy blob has carried. Frames and bytes as on the wire. */
export interface EgressStats {
  readonly connections: number;
  readonly frames: number;
  readonly bytes: number;
  readonly replies: number;
  readonly replyBytes: number;
  readonly live: number;
  /** Most ports in use at once toward one (remote, port, protocol), those of expired connections that are not removed yet among them. */
  readonly portsPeak: number;
  /** When the last connection that ended here ended: nanoseconds of virtual time since the epoch; 0 = none has. */
  readonly lastEndNs: bigint;
}

const REASON_SLOTS = 64;
const ACTION_SLOTS = 8;

/** Reads the counters record at `at`. A reason or action that this host cannot name shows under its number, never vanishes. */
export function readCounters(memory: EngineMemory, at: number): EngineCounters {
  const count = (offset: number) => memory.u64(at + offset);
  return {
    reasons: named(memory, at + abi.COUNTER_REASONS_AT, REASON_SLOTS, "reason", REASON_NAMES),
    actions: named(memory, at + abi.COUNTER_ACTIONS_AT, ACTION_SLOTS, "action", ACTION_NAMES),
    opened: count(abi.COUNTER_OPENED_AT),
    closed: count(abi.COUNTER_CLOSED_AT),
    expired: count(abi.COUNTER_EXPIRED_AT),
    broken: count(abi.COUNTER_BROKEN_AT),
    rebound: count(abi.COUNTER_REBOUND_AT),
    live: count(abi.COUNTER_LIVE_AT),
    peak: count(abi.COUNTER_PEAK_AT),
    removed: count(abi.COUNTER_REMOVED_AT),
    entries: count(abi.COUNTER_ENTRIES_AT),
    evictedExpired: count(abi.COUNTER_EVICTED_EXPIRED_AT),
    evictedClosing: count(abi.COUNTER_EVICTED_CLOSING_AT),
    evictedUnreplied: count(abi.COUNTER_EVICTED_UNREPLIED_AT),
    evictedEstablished: count(abi.COUNTER_EVICTED_ESTABLISHED_AT),
    directionGuessed: count(abi.COUNTER_GUESSED_AT),
    portProbes: count(abi.COUNTER_PORT_PROBES_AT),
    bitmapSearches: count(abi.COUNTER_BITMAP_SEARCHES_AT),
    fragmentsEvicted: count(abi.COUNTER_FRAGMENTS_EVICTED_AT),
    generated: count(abi.COUNTER_GENERATED_AT),
    untold: count(abi.COUNTER_UNTOLD_AT),
  };
}

/** Reads one row of the egress statistics at `at`. */
export function readEgressStats(memory: EngineMemory, at: number): EgressStats {
  return {
    connections: memory.u64(at + abi.EGRESS_STATS_CONNECTIONS_AT),
    frames: memory.u64(at + abi.EGRESS_STATS_FRAMES_AT),
    bytes: memory.u64(at + abi.EGRESS_STATS_BYTES_AT),
    replies: memory.u64(at + abi.EGRESS_STATS_REPLIES_AT),
    replyBytes: memory.u64(at + abi.EGRESS_STATS_REPLY_BYTES_AT),
    live: memory.u32(at + abi.EGRESS_STATS_LIVE_AT),
    portsPeak: memory.u32(at + abi.EGRESS_STATS_PORTS_PEAK_AT),
    lastEndNs: memory.bigU64(at + abi.EGRESS_STATS_LAST_END_AT),
  };
}

/** Numbers per egress in what `takeTraffic` fills: connections opened, frames, bytes, replies, live connections, peak of ports. */
export const TRAFFIC_NUMBERS = 6;

/** Copies the row of the egress statistics at `at` to `into` from `to` on, and lets its peak of ports count anew. Makes no object. */
export function takeTrafficRow(memory: EngineMemory, at: number, into: Float64Array, to: number): void {
  into[to] = memory.u64(at + abi.EGRESS_STATS_CONNECTIONS_AT);
  into[to + 1] = memory.u64(at + abi.EGRESS_STATS_FRAMES_AT);
  into[to + 2] = memory.u64(at + abi.EGRESS_STATS_BYTES_AT);
  into[to + 3] = memory.u64(at + abi.EGRESS_STATS_REPLIES_AT);
  into[to + 4] = memory.u32(at + abi.EGRESS_STATS_LIVE_AT);
  into[to + 5] = memory.u32(at + abi.EGRESS_STATS_PORTS_PEAK_AT);
  memory.putU32(at + abi.EGRESS_STATS_PORTS_PEAK_AT, 0);
}

/** Sets the peak of ports in the row of the egress statistics at `at`. */
export function putPortsPeak(memory: EngineMemory, at: number, peak: number): void {
  memory.putU32(at + abi.EGRESS_STATS_PORTS_PEAK_AT, peak);
}

/** Named slots always show, unnamed ones only where they count something; code 0 has no name and is left out unless it counts. */
function named(
  memory: EngineMemory,
  at: number,
  slots: number,
  kind: string,
  names: readonly (string | undefined)[],
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let code = 0; code < slots; code++) {
    const count = memory.u64(at + code * 8);
    const name = names[code];
    if (name) counts[name] = count;
    else if (name === undefined && count > 0) counts[`${kind}-${code}`] = count;
  }
  return counts;
}

/** Sums of what two engines have counted; the peak is not that of both together. */
export function addCounters(a: EngineCounters, b: EngineCounters): EngineCounters {
  const sum = Object.entries(a).map(([key, value]) => {
    const other = b[key as keyof EngineCounters];
    return [key, typeof value === "number" ? value + (other as number) : addRecords(value, other as typeof value)];
  });
  return Object.fromEntries(sum) as unknown as EngineCounters;
}

function addRecords(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> {
  const sum = { ...a };
  for (const [key, value] of Object.entries(b)) sum[key] = (sum[key] ?? 0) + value;
  return sum;
}
