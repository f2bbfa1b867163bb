import { OK } from "../abi";
import {
  COLUMN_ACTION,
  COLUMN_CAPTURED,
  COLUMN_EGRESS,
  COLUMN_EVICTIONS,
  COLUMN_FLAGS,
  COLUMN_HASH,
  COLUMN_HOOK,
  COLUMN_INTERFACE,
  COLUMN_LINK,
  COLUMN_LIVE,
  COLUMN_NAT_PORT,
  COLUMN_OFFSET,
  COLUMN_OLD_EGRESS,
  COLUMN_REASON,
  COLUMN_TIME_HIGH,
  COLUMN_TIME_LOW,
  COLUMN_VERDICT_FLAGS,
  COLUMN_WIRE,
  CONTROL_ADDRESS_SLOTS_AT,
  CONTROL_ADDRESSES_AT,
  CONTROL_ARENA_AT,
  CONTROL_BATCH_AT,
  CONTROL_CAPACITY_AT,
  CONTROL_COLUMNS_AT,
  CONTROL_COPIES_AT,
  CONTROL_COPY_SLOTS_AT,
  CONTROL_COUNTERS_AT,
  CONTROL_EGRESS_NODES_AT,
  CONTROL_EGRESS_ROOM_AT,
  CONTROL_ENGINE_FRAMES_AT,
  CONTROL_ENGINE_VERDICTS_AT,
  CONTROL_FRAGMENTS_AT,
  CONTROL_GIVEN_AT,
  CONTROL_MAPPING_SLOTS_AT,
  CONTROL_MAPPINGS_AT,
  CONTROL_NODE_COUNT_AT,
  CONTROL_NODES_AT,
  CONTROL_PARSED_AT,
  CONTROL_PENDING_AT,
  CONTROL_RELEASED_AT,
  CONTROL_SEED_AT,
  CONTROL_SHARD_AT,
  CONTROL_SHARD_COUNT_AT,
  CONTROL_SHORT_AT,
  CONTROL_STAMPS_AT,
  CONTROL_VERSION_AT,
  CONTROL_WIDE_AT,
  CONTROL_WIDE_SLOTS_AT,
  MAX_BATCH,
  NO_NODE,
  OUTSIDE_ERROR_CONTROL,
  OUTSIDE_ERROR_VERSION,
  OUTSIDE_VERSION,
} from "./layout";

// Where everything lies, taken from the control block once. Nothing but these globals lives outside of the host region.

export let control: usize = 0;
export let arenaAt: usize = 0;
export let engineFrames: usize = 0;
export let engineVerdicts: usize = 0;
export let batchSize: u32 = 0;
export let mappingsAt: usize = 0;
export let mappingMask: u32 = 0;
export let addressesAt: usize = 0;
export let addressMask: u32 = 0;
export let shortAt: usize = 0;
export let pendingAt: usize = 0;
/** Scratch of one `Parsed`. */
export let parsedAt: usize = 0;
export let stampsAt: usize = 0;
export let copiesAt: usize = 0;
export let copyMask: u32 = 0;
export let givenAt: usize = 0;
export let seed: u64 = 0;
/** The engine's counters. */
export let counters: usize = 0;
export let egressNodesAt: usize = 0;
export let egressRoom: u32 = 0;
export let nodesAt: usize = 0;
export let nodeCount: u32 = 0;
export let wideAt: usize = 0;
export let wideMask: u32 = 0;
export let fragmentsAt: usize = 0;
export let releasedAt: usize = 0;
export let shard: u32 = 0;
/** 1 = this is the only one. */
export let shardCount: u32 = 1;

function word(at: usize): u32 {
  return load<u32>(control + at);
}

/** A field of the control block that changes while frames are processed. */
export function field(at: usize): u32 {
  return load<u32>(control + at);
}

export function putField(at: usize, value: u32): void {
  store<u32>(control + at, value);
}

export function addToField(at: usize, value: i32): void {
  store<i32>(control + at, load<i32>(control + at) + value);
}

function column(id: usize): usize {
  return load<u32>(control + CONTROL_COLUMNS_AT + (id << 2));
}

/** Columns of the piece, by frame: layout.ts says what each holds. */
export let offsets: usize = 0;
export let captureds: usize = 0;
export let wires: usize = 0;
let timesLow: usize = 0;
let timesHigh: usize = 0;
export let interfaces: usize = 0;
export let links: usize = 0;
export let hooks: usize = 0;
export let slotFlags: usize = 0;
export let actions: usize = 0;
export let reasons: usize = 0;
export let verdictFlags: usize = 0;
export let egresses: usize = 0;
export let oldEgresses: usize = 0;
export let natPorts: usize = 0;
export let hashes: usize = 0;
export let evictions: usize = 0;
export let lives: usize = 0;

/**
 * Timestamp of frame `i` as captured. The last nanosecond of 64 bits, to which readers clamp nonsense, counts as the one before: where
 * ownership of addresses ends it stands for "never".
 */
export function frameTime(i: u32): u64 {
  const at = (<usize>i) << 2;
  const time = <u64>load<u32>(timesLow + at) | ((<u64>load<u32>(timesHigh + at)) << 32);
  return time == u64.MAX_VALUE ? time - 1 : time;
}

function takeColumns(): void {
  offsets = column(COLUMN_OFFSET);
  captureds = column(COLUMN_CAPTURED);
  wires = column(COLUMN_WIRE);
  timesLow = column(COLUMN_TIME_LOW);
  timesHigh = column(COLUMN_TIME_HIGH);
  interfaces = column(COLUMN_INTERFACE);
  links = column(COLUMN_LINK);
  hooks = column(COLUMN_HOOK);
  slotFlags = column(COLUMN_FLAGS);
  actions = column(COLUMN_ACTION);
  reasons = column(COLUMN_REASON);
  verdictFlags = column(COLUMN_VERDICT_FLAGS);
  egresses = column(COLUMN_EGRESS);
  oldEgresses = column(COLUMN_OLD_EGRESS);
  natPorts = column(COLUMN_NAT_PORT);
  hashes = column(COLUMN_HASH);
  evictions = column(COLUMN_EVICTIONS);
  lives = column(COLUMN_LIVE);
}

function isPowerOfTwo(value: u32): bool {
  return value != 0 && (value & (value - 1)) == 0;
}

/** Takes over a control block. @returns OK or OUTSIDE_ERROR_* */
export function attach(at: usize): i32 {
  control = at;
  if (word(CONTROL_VERSION_AT) != OUTSIDE_VERSION) return OUTSIDE_ERROR_VERSION;
  batchSize = word(CONTROL_BATCH_AT);
  const mappingSlots = word(CONTROL_MAPPING_SLOTS_AT);
  const addressSlots = word(CONTROL_ADDRESS_SLOTS_AT);
  const copySlots = word(CONTROL_COPY_SLOTS_AT);
  const wideSlots = word(CONTROL_WIDE_SLOTS_AT);
  if (batchSize == 0 || batchSize > <u32>MAX_BATCH || word(CONTROL_CAPACITY_AT) == 0) return OUTSIDE_ERROR_CONTROL;
  if (!isPowerOfTwo(mappingSlots) || mappingSlots < 64 || !isPowerOfTwo(addressSlots) || !isPowerOfTwo(copySlots))
    return OUTSIDE_ERROR_CONTROL;
  if (word(CONTROL_NODE_COUNT_AT) > <u32>NO_NODE || !isPowerOfTwo(wideSlots) || wideSlots < 64)
    return OUTSIDE_ERROR_CONTROL;
  arenaAt = word(CONTROL_ARENA_AT);
  engineFrames = word(CONTROL_ENGINE_FRAMES_AT);
  engineVerdicts = word(CONTROL_ENGINE_VERDICTS_AT);
  mappingsAt = word(CONTROL_MAPPINGS_AT);
  mappingMask = mappingSlots - 1;
  addressesAt = word(CONTROL_ADDRESSES_AT);
  addressMask = addressSlots - 1;
  shortAt = word(CONTROL_SHORT_AT);
  pendingAt = word(CONTROL_PENDING_AT);
  parsedAt = word(CONTROL_PARSED_AT);
  stampsAt = word(CONTROL_STAMPS_AT);
  copiesAt = word(CONTROL_COPIES_AT);
  copyMask = copySlots - 1;
  givenAt = word(CONTROL_GIVEN_AT);
  counters = word(CONTROL_COUNTERS_AT);
  egressNodesAt = word(CONTROL_EGRESS_NODES_AT);
  egressRoom = word(CONTROL_EGRESS_ROOM_AT);
  nodesAt = word(CONTROL_NODES_AT);
  nodeCount = word(CONTROL_NODE_COUNT_AT);
  wideAt = word(CONTROL_WIDE_AT);
  wideMask = wideSlots - 1;
  fragmentsAt = word(CONTROL_FRAGMENTS_AT);
  releasedAt = word(CONTROL_RELEASED_AT);
  shard = word(CONTROL_SHARD_AT);
  shardCount = word(CONTROL_SHARD_COUNT_AT);
  if (shardCount == 0) shardCount = 1;
  seed = load<u64>(control + CONTROL_SEED_AT);
  takeColumns();
  return OK;
}
