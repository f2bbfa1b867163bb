import * as abi from "../../assembly/abi.js";
import type { NatProfile } from "../config/types.js";
import { UsageError } from "../errors.js";

/** Everything that is settled when an engine starts: table sizes, profile, seeds. Counts are rows, sizes are bytes. */
export interface EngineConfig {
  /** Bytes for frames, and for the policy blob while it is loaded. */
  readonly arenaSize: number;
  /** Frame records of one `process` call. */
  readonly maxBatch: number;
  /** Connections of both families. */
  readonly connections: number;
  /** How many of them may be IPv6; 0 = none is translated. */
  readonly connections6: number;
  readonly endpoints: number;
  /** Destination prefixes over all policy sets, the fixed and cluster-internal ones among them. */
  readonly prefixes: number;
  readonly policies: number;
  readonly egresses: number;
  readonly nodes: number;
  /** Zones of nodes, at most 4096. */
  readonly zones: number;
  /** UDP port of the overlay between nodes. */
  readonly tunnelPort: number;
  /** Largest policy blob. */
  readonly blobSize: number;
  /** Port bitmaps for (egress IP, remote, port, protocol) that are near exhaustion. */
  readonly bitmaps: number;
  /** Fragmented datagrams that are followed at a time, and fragments that are held for them; 0 = none is translated. */
  readonly fragments: number;
  /** Set aside behind the engine's tables for the host's own use. */
  readonly hostSize: number;
  /** Whose lifetimes and TCP transitions apply (design: two profiles). */
  readonly natProfile: NatProfile;
  /** What happens to a selected frame of a protocol that cannot be translated. */
  readonly unsupported: "drop" | "pass";
  /** What happens to a selected frame with a wrong checksum: it is translated and stays as wrong as it is, or it is dropped. */
  readonly badChecksum: "keep" | "drop";
  /** What happens to a selected TCP connection that is first seen in mid-stream. */
  readonly midStream: "pick-up" | "drop";
  /** ICMP errors of the engine's own, to endpoints whose frames were dropped. */
  readonly icmpErrors: boolean;
  /** Longest IP packet of a link, bytes; 0 = any. Counts with `icmpErrors` only: what is longer is dropped then. */
  readonly mtu: number;
  /**
   * Looks for expired connections by the way, a few lines per frame. Without that the host calls `advance` from time to time, and nothing but
   * the frames of a connection itself and searches for ports toward its remote decide between these calls when it leaves the table.
   */
  readonly sweeps: boolean;
  /** Blind-store prefetch: changes speed, never a result. */
  readonly touch: boolean;
  /** 64-bit seeds. The table seed never shows in results while no table is full. */
  readonly tableSeed: bigint;
  readonly placementSeed: bigint;
  readonly portSeed: bigint;
}

/** Design §3: 512 Ki connections, 16 Ki endpoints and prefixes, 1 Ki policies and egresses. */
export const DEFAULT_ENGINE_CONFIG: EngineConfig = {
  arenaSize: 16 << 20,
  maxBatch: 1 << 14,
  connections: 512 << 10,
  connections6: 0,
  endpoints: 16 << 10,
  prefixes: 16 << 10,
  policies: 1 << 10,
  egresses: 1 << 10,
  nodes: 1 << 10,
  zones: 64,
  tunnelPort: 8472,
  blobSize: 8 << 20,
  bitmaps: 64,
  fragments: 8 << 10,
  hostSize: 0,
  natProfile: "cilium",
  unsupported: "drop",
  badChecksum: "keep",
  midStream: "pick-up",
  icmpErrors: false,
  mtu: 1500,
  sweeps: true,
  touch: true,
  tableSeed: 0x5175_6963_6b67_6174n,
  placementSeed: 0n,
  portSeed: 0n,
};

/** How many connections an engine can be sized for. */
export const LEAST_CONNECTIONS = 16;
export const MOST_CONNECTIONS = 8 << 20;

const U32_FIELDS = [
  ["arenaSize", abi.CONFIG_ARENA_SIZE_AT],
  ["maxBatch", abi.CONFIG_MAX_BATCH_AT],
  ["connections", abi.CONFIG_CONNECTIONS_AT],
  ["connections6", abi.CONFIG_CONNECTIONS6_AT],
  ["endpoints", abi.CONFIG_ENDPOINTS_AT],
  ["prefixes", abi.CONFIG_PREFIXES_AT],
  ["policies", abi.CONFIG_POLICIES_AT],
  ["egresses", abi.CONFIG_EGRESSES_AT],
  ["nodes", abi.CONFIG_NODES_AT],
  ["blobSize", abi.CONFIG_BLOB_SIZE_AT],
  ["bitmaps", abi.CONFIG_BITMAPS_AT],
  ["fragments", abi.CONFIG_FRAGMENTS_AT],
  ["hostSize", abi.CONFIG_HOST_SIZE_AT],
  ["zones", abi.CONFIG_ZONES_AT],
  ["tunnelPort", abi.CONFIG_TUNNEL_PORT_AT],
  ["mtu", abi.CONFIG_MTU_AT],
] as const;

const SEED_FIELDS = [
  ["tableSeed", abi.CONFIG_TABLE_SEED_AT],
  ["placementSeed", abi.CONFIG_PLACEMENT_SEED_AT],
  ["portSeed", abi.CONFIG_PORT_SEED_AT],
] as const;

/** Numbers on the list of released frames at most: of all that were held when it was last taken, and of a batch that has come since. */
export function mostReleased({ fragments, maxBatch }: EngineConfig): number {
  return fragments + maxBatch;
}

/** @throws {UsageError} naming the field that is no unsigned 32-bit integer, or no unsigned 64-bit seed */
export function checkEngineConfig(config: EngineConfig): void {
  for (const [name] of U32_FIELDS) {
    const value = config[name];
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
      throw new UsageError(`engine configuration: ${name} is ${value}, expected an integer from 0 to 4294967295`);
    }
  }
  for (const [name] of SEED_FIELDS) {
    if (BigInt.asUintN(64, config[name]) !== config[name]) {
      throw new UsageError(`engine configuration: ${name} is ${config[name]}, expected an integer from 0 to 2^64 - 1`);
    }
  }
}

/** The configuration record (CONFIG_SIZE bytes): what `configure` reads and what a saved state is tied to. */
export function encodeEngineConfig(config: EngineConfig): Uint8Array {
  const view = new DataView(new ArrayBuffer(abi.CONFIG_SIZE));
  for (const [name, offset] of U32_FIELDS) view.setUint32(offset, config[name], true);
  view.setUint32(abi.CONFIG_FLAGS_AT, configFlags(config), true);
  for (const [name, offset] of SEED_FIELDS) view.setBigUint64(offset, config[name], true);
  return new Uint8Array(view.buffer);
}

/** The inverse of `encodeEngineConfig`, for tools that read a saved state without its engine. */
export function decodeEngineConfig(bytes: Uint8Array): EngineConfig {
  const view = new DataView(bytes.buffer, bytes.byteOffset, abi.CONFIG_SIZE);
  const flags = view.getUint32(abi.CONFIG_FLAGS_AT, true);
  const numbers = Object.fromEntries(U32_FIELDS.map(([name, offset]) => [name, view.getUint32(offset, true)]));
  const seeds = Object.fromEntries(SEED_FIELDS.map(([name, offset]) => [name, view.getBigUint64(offset, true)]));
  return {
    ...DEFAULT_ENGINE_CONFIG,
    ...numbers,
    ...seeds,
    natProfile: flags & abi.CONFIG_FLAG_RFC_PROFILE ? "rfc" : "cilium",
    unsupported: flags & abi.CONFIG_FLAG_UNSUPPORTED_PASS ? "pass" : "drop",
    badChecksum: flags & abi.CONFIG_FLAG_BAD_CHECKSUM_DROP ? "drop" : "keep",
    midStream: flags & abi.CONFIG_FLAG_NO_PICK_UP ? "drop" : "pick-up",
    icmpErrors: (flags & abi.CONFIG_FLAG_ICMP_ERRORS) !== 0,
    sweeps: (flags & abi.CONFIG_FLAG_NO_SWEEP) === 0,
    touch: (flags & abi.CONFIG_FLAG_TOUCH) !== 0,
  };
}

/** Names of the fields in which two configurations differ. */
export function configDifferences(a: EngineConfig, b: EngineConfig): string[] {
  const names = Object.keys(DEFAULT_ENGINE_CONFIG) as (keyof EngineConfig)[];
  return names.filter((name) => a[name] !== b[name]);
}

function configFlags(config: EngineConfig): number {
  const touch = config.touch ? abi.CONFIG_FLAG_TOUCH : 0;
  const rfc = config.natProfile === "rfc" ? abi.CONFIG_FLAG_RFC_PROFILE : 0;
  const pass = config.unsupported === "pass" ? abi.CONFIG_FLAG_UNSUPPORTED_PASS : 0;
  const recount = config.badChecksum === "drop" ? abi.CONFIG_FLAG_BAD_CHECKSUM_DROP : 0;
  const hold = config.natProfile === "rfc" ? abi.CONFIG_FLAG_HOLD_FRAGMENTS : 0;
  const drop = config.midStream === "drop" ? abi.CONFIG_FLAG_NO_PICK_UP : 0;
  const tell = config.icmpErrors ? abi.CONFIG_FLAG_ICMP_ERRORS : 0;
  const still = config.sweeps ? 0 : abi.CONFIG_FLAG_NO_SWEEP;
  return touch | rfc | pass | recount | hold | drop | tell | still;
}
