import {
  ADDRESS_SIZE,
  CONFIG_ARENA_SIZE_AT,
  CONFIG_BITMAPS_AT,
  CONFIG_BLOB_SIZE_AT,
  CONFIG_CONNECTIONS_AT,
  CONFIG_CONNECTIONS6_AT,
  CONFIG_EGRESSES_AT,
  CONFIG_ENDPOINTS_AT,
  CONFIG_FLAG_ICMP_ERRORS,
  CONFIG_FLAG_MASK,
  CONFIG_FLAGS_AT,
  CONFIG_FRAGMENTS_AT,
  CONFIG_HOST_SIZE_AT,
  CONFIG_MAX_BATCH_AT,
  CONFIG_MTU_AT,
  CONFIG_NODES_AT,
  CONFIG_PLACEMENT_SEED_AT,
  CONFIG_POLICIES_AT,
  CONFIG_PORT_SEED_AT,
  CONFIG_PREFIXES_AT,
  CONFIG_SIZE,
  CONFIG_TABLE_SEED_AT,
  CONFIG_TUNNEL_PORT_AT,
  CONFIG_ZONES_AT,
  COUNTERS_SIZE,
  EGRESS_STATS_SIZE,
  ERROR_ALREADY_CONFIGURED,
  ERROR_CONFIG_RANGE,
  ERROR_MEMORY,
  FRAME_SIZE,
  GENERATED_ROWS_AT,
  GENERATED_SIZE,
  LINE_SIZE,
  OK,
  OUTER_SIZE,
  REGION_ADDRESSES,
  REGION_ARENA,
  REGION_CONNTRACK,
  REGION_COUNTERS,
  REGION_EGRESS_STATS,
  REGION_FRAMES,
  REGION_GENERATED,
  REGION_HOST,
  REGION_OUTER,
  REGION_RELEASED,
  REGION_STATE,
  REGION_VERDICTS,
  VERDICT_SIZE,
} from "../abi";

// Where everything lies. Sized once by `configure`, in one growth of the memory, so that views which hosts take afterwards stay valid.
//
//   static data | scratch | frames | verdicts | outer | generated | policy A | policy B | tags | [ clock | gateways | active members | error
//   limits | counters | egress stats | conntrack | port groups | bitmaps | IPv6 addresses | fragments ] | released | host | arena
//   [ … ] = REGION_STATE: what a saved state holds
//
// Behind the arena lie GUARD bytes that nobody uses: a load of a few bytes at the end of the last frame stays inside the memory.

/** Frames that pass 1 runs ahead of pass 2. */
export const BLOCK: u32 = 64;
/** See `Parsed.at`. */
export const PARSED_SIZE: u32 = 2 * FRAME_SIZE;

/** Lines looked at from a key's home on; see docs/decisions.md for the figures behind it. */
export const PROBE_LIMIT: u32 = 192;

/** Port groups (egress IP, remote, port, protocol) per connection the table is sized for, and how far one is searched. */
export const GROUP_SIZE: u32 = 32;
export const GROUP_PROBE_LIMIT: u32 = 192;

/** A bitmap of all ports, then for each 64 of them the earliest time at which one can be free. */
export const BITMAP_BITS_SIZE: u32 = 8192;
export const BITMAP_SIZE: u32 = BITMAP_BITS_SIZE + 1024 * 4 + 64;

/** A fragmented datagram (tables/fragments.ts), and a note of a frame that is held for one. */
export const FRAGMENT_SIZE: u32 = 320;
export const NOTE_SIZE: u32 = 12;

/** Clock block of the state: see tables/clock.ts. */
const CLOCK_SIZE: u32 = 128;

const PAGE: u64 = 65536;
const GUARD: u64 = 64;
const LIMIT: u64 = 0xffff0000;

export const configBlock: usize = memory.data(CONFIG_SIZE, 16);

export let isConfigured: bool = false;
export let configFlags: u32 = 0;
export let tableSeed: u64 = 0;
export let placementSeed: u64 = 0;
export let portSeed: u64 = 0;

export let maxBatch: u32 = 0;
export let maxConnections: u32 = 0;
export let maxConnections6: u32 = 0;
export let maxEndpoints: u32 = 0;
export let maxPrefixes: u32 = 0;
export let maxPolicies: u32 = 0;
export let maxEgresses: u32 = 0;
export let maxNodes: u32 = 0;
export let maxZones: u32 = 0;
export let tunnelPort: u32 = 0;
/** Longest IP packet of a link, bytes. */
export let mtu: u32 = 0;
export let maxBlob: u32 = 0;
export let maxBitmaps: u32 = 0;
export let maxFragments: u32 = 0;
/** Names on the list of released frames: of all that were held when the host last took it, and of a batch that has come since. */
export let maxReleased: u32 = 0;

/** Home lines of the conntrack table; PROBE_LIMIT more follow, so that probing never wraps. */
export let lineCount: u32 = 0;
export let groupCount: u32 = 0;
/** Rows for IPv6 addresses, and the slots, less one, over which they are hashed. */
export let addressCount: u32 = 0;
export let addressMask: u32 = 0;

export let scratchAt: usize = 0;
export let framesAt: usize = 0;
export let verdictsAt: usize = 0;
export let outerAt: usize = 0;
export let generatedAt: usize = 0;
export let policyAAt: usize = 0;
export let policyBAt: usize = 0;
export let stateAt: usize = 0;
export let gatewaysAt: usize = 0;
export let activeAt: usize = 0;
/** Two rate limits for each node, and for no node: see path/generate.ts. */
export let limitsAt: usize = 0;
export let countersAt: usize = 0;
export let egressStatsAt: usize = 0;
export let linesAt: usize = 0;
/** One byte for each line: tables/tags.ts. Not part of the state, as they follow from the lines. */
export let tagsAt: usize = 0;
export let groupsAt: usize = 0;
export let bitmapsAt: usize = 0;
export let addressHeadsAt: usize = 0;
export let addressesAt: usize = 0;
export let fragmentHeadsAt: usize = 0;
export let fragmentMask: u32 = 0;
export let fragmentsAt: usize = 0;
export let notesAt: usize = 0;
export let releasedAt: usize = 0;
let hostAt: usize = 0;
export let hostSize: u32 = 0;
export let arenaAt: usize = 0;
export let arenaSize: u32 = 0;

let top: u64 = 0;

/** Takes the next `size` bytes, on a cache line of their own. */
function take(size: u64): usize {
  const at = (top + 63) & ~63;
  top = at + size;
  return <usize>at;
}

function config(at: usize): u32 {
  return load<u32>(configBlock + at);
}

/** Two lines per connection at two thirds full: linear probing stays short (docs/performance.md). */
function linesFor(connections: u32): u64 {
  return <u64>connections * 3;
}

/** Slots of an index over `rows` rows: a power of two, at most half full. */
export function indexSlots(rows: u32): u32 {
  let slots: u32 = 8;
  while (slots < rows * 2) slots <<= 1;
  return slots;
}

/** Bytes of one copy of the policy tables: the blob and its indexes; laid out by tables/policy.ts. */
function policySize(): u64 {
  const slots = <u64>indexSlots(maxEndpoints) + indexSlots(maxPrefixes) + indexSlots(maxEgresses * 2);
  return align8(maxBlob) + slots * 4 + <u64>(maxPrefixes + 2) * 32 + 32 + 64;
}

/** A mask of members for each policy and zone, zone 0 = none included. */
export function activeSize(): u64 {
  return <u64>maxPolicies * (maxZones + 1) * 8;
}

/** Of the region of frames of the engine's own. */
function generatedSize(): u64 {
  return configFlags & CONFIG_FLAG_ICMP_ERRORS ? GENERATED_ROWS_AT + <u64>maxBatch * GENERATED_SIZE : 0;
}

export function limitsSize(): u64 {
  return <u64>(maxNodes + 1) * 16;
}

function align8(size: u64): u64 {
  return (size + 7) & ~7;
}

function inRange(): bool {
  if (maxBatch == 0 || maxBatch > 65536 || maxConnections < 16 || maxConnections > 8 << 20) return false;
  if (maxConnections6 > maxConnections) return false;
  if (maxEndpoints > 4 << 20 || maxPrefixes > 4 << 20 || maxPolicies > 1 << 20 || maxNodes > 1 << 20) return false;
  if (maxZones > 4096 || tunnelPort > 65535) return false;
  if (maxEgresses > 65535 || maxBitmaps > 65536 || maxFragments > 1 << 20 || maxBlob > 1 << 30) return false;
  return (configFlags & ~CONFIG_FLAG_MASK) == 0;
}

/** Reads the configuration record and lays the memory out. Until it returns OK nothing else may be called. */
export function configure(): i32 {
  if (isConfigured) return ERROR_ALREADY_CONFIGURED;
  maxBatch = config(CONFIG_MAX_BATCH_AT);
  maxConnections = config(CONFIG_CONNECTIONS_AT);
  maxConnections6 = config(CONFIG_CONNECTIONS6_AT);
  maxEndpoints = config(CONFIG_ENDPOINTS_AT);
  maxPrefixes = config(CONFIG_PREFIXES_AT);
  maxPolicies = config(CONFIG_POLICIES_AT);
  maxEgresses = config(CONFIG_EGRESSES_AT);
  maxNodes = config(CONFIG_NODES_AT);
  maxZones = config(CONFIG_ZONES_AT);
  tunnelPort = config(CONFIG_TUNNEL_PORT_AT);
  mtu = config(CONFIG_MTU_AT);
  maxBlob = config(CONFIG_BLOB_SIZE_AT);
  maxBitmaps = config(CONFIG_BITMAPS_AT);
  maxFragments = config(CONFIG_FRAGMENTS_AT);
  maxReleased = maxFragments + maxBatch;
  configFlags = config(CONFIG_FLAGS_AT);
  if (!inRange()) return ERROR_CONFIG_RANGE;
  tableSeed = load<u64>(configBlock + CONFIG_TABLE_SEED_AT);
  placementSeed = load<u64>(configBlock + CONFIG_PLACEMENT_SEED_AT);
  portSeed = load<u64>(configBlock + CONFIG_PORT_SEED_AT);
  lineCount = <u32>linesFor(maxConnections);
  groupCount = maxConnections + (maxConnections >> 1);
  // A remote and an endpoint each at worst, and remotes of ports that are held down; all three of a connection that is just being made.
  addressCount = maxConnections6 ? maxConnections6 * 2 + (maxConnections6 >> 2) + maxEgresses + 3 : 0;
  addressMask = indexSlots(addressCount >> 1) - 1;
  fragmentMask = indexSlots(maxFragments >> 1) - 1;
  layOut();
  if (top + GUARD > LIMIT) return ERROR_MEMORY;
  const pages = (top + GUARD + PAGE - 1) / PAGE;
  const more = <i32>pages - memory.size();
  if (more > 0 && memory.grow(more) < 0) return ERROR_MEMORY;
  isConfigured = true;
  return OK;
}

function layOut(): void {
  top = <u64>__heap_base;
  scratchAt = take(<u64>BLOCK * PARSED_SIZE);
  framesAt = take(<u64>maxBatch * FRAME_SIZE);
  verdictsAt = take(<u64>maxBatch * VERDICT_SIZE);
  outerAt = take(<u64>maxBatch * OUTER_SIZE);
  generatedAt = take(generatedSize());
  policyAAt = take(policySize());
  policyBAt = take(policySize());
  // The eight behind the last one are loaded with it.
  tagsAt = take(<u64>(lineCount + PROBE_LIMIT + 8));
  stateAt = take(CLOCK_SIZE);
  gatewaysAt = take(maxNodes);
  activeAt = take(activeSize());
  limitsAt = take(limitsSize());
  countersAt = take(COUNTERS_SIZE);
  // One row more, for connections whose egress a new policy no longer has.
  egressStatsAt = take(<u64>(maxEgresses + 1) * EGRESS_STATS_SIZE);
  linesAt = take(<u64>(lineCount + PROBE_LIMIT + 1) * LINE_SIZE);
  groupsAt = take(<u64>(groupCount + GROUP_PROBE_LIMIT + 1) * GROUP_SIZE);
  bitmapsAt = take(<u64>maxBitmaps * BITMAP_SIZE);
  addressHeadsAt = take(<u64>(addressMask + 1) * 4);
  addressesAt = take(<u64>(addressCount + 1) * ADDRESS_SIZE);
  fragmentHeadsAt = take(<u64>(fragmentMask + 1) * 4);
  fragmentsAt = take(<u64>(maxFragments + 1) * FRAGMENT_SIZE);
  notesAt = take(<u64>(maxFragments + 1) * NOTE_SIZE);
  releasedAt = take(<u64>(maxReleased + 1) * 4);
  hostAt = take(0);
  hostSize = config(CONFIG_HOST_SIZE_AT);
  take(hostSize);
  arenaAt = take(0);
  arenaSize = config(CONFIG_ARENA_SIZE_AT);
  take(arenaSize);
}

export function regionAt(id: u32): usize {
  if (!isConfigured) return 0;
  if (id == REGION_ARENA) return arenaAt;
  if (id == REGION_FRAMES) return framesAt;
  if (id == REGION_VERDICTS) return verdictsAt;
  if (id == REGION_OUTER) return outerAt;
  if (id == REGION_GENERATED) return generatedAt;
  if (id == REGION_COUNTERS) return countersAt;
  if (id == REGION_EGRESS_STATS) return egressStatsAt;
  if (id == REGION_CONNTRACK) return linesAt;
  if (id == REGION_STATE) return stateAt;
  if (id == REGION_HOST) return hostAt;
  if (id == REGION_ADDRESSES) return addressesAt;
  if (id == REGION_RELEASED) return releasedAt;
  return 0;
}

export function regionSize(id: u32): u32 {
  if (!isConfigured) return 0;
  if (id == REGION_ARENA) return arenaSize;
  if (id == REGION_FRAMES) return maxBatch * FRAME_SIZE;
  if (id == REGION_VERDICTS) return maxBatch * VERDICT_SIZE;
  if (id == REGION_OUTER) return maxBatch * OUTER_SIZE;
  if (id == REGION_GENERATED) return <u32>generatedSize();
  if (id == REGION_COUNTERS) return COUNTERS_SIZE;
  if (id == REGION_EGRESS_STATS) return maxEgresses * EGRESS_STATS_SIZE;
  if (id == REGION_CONNTRACK) return (lineCount + PROBE_LIMIT + 1) * LINE_SIZE;
  if (id == REGION_STATE) return <u32>(releasedAt - stateAt);
  if (id == REGION_HOST) return hostSize;
  if (id == REGION_ADDRESSES) return (addressCount + 1) * ADDRESS_SIZE;
  if (id == REGION_RELEASED) return (maxReleased + 1) * 4;
  return 0;
}
