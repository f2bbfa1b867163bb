import {
  BLOB_SNAT_HIGH_AT,
  BLOB_SNAT_LOW_AT,
  CLUSTER_SET,
  EGRESS_FLAG_MOVED,
  EGRESS_FLAG_MOVED6,
  EGRESS_FLAGS_AT,
  EGRESS_IPV4_AT,
  EGRESS_IPV6_AT,
  EGRESS_NODE_AT,
  EGRESS_SIZE,
  ENDPOINT_ADDRESS_AT,
  ENDPOINT_FROM_AT,
  ENDPOINT_NODE_AT,
  ENDPOINT_PORT_COUNT_AT,
  ENDPOINT_PORTS_AT,
  ENDPOINT_SIZE,
  ENDPOINT_TO_AT,
  NO_INDEX,
  OK,
  POLICY_MEMBERS_AT,
  POLICY_SIZE,
  PREFIX_LENGTH_AT,
  PREFIX_SET_AT,
  PREFIX_SIZE,
  PREFIX_VALUE_AT,
  SECTION_CHANGES,
  SECTION_EGRESSES,
  SECTION_ENDPOINTS,
  SECTION_MEMBERS,
  SECTION_NODES,
  SECTION_POLICIES,
  SECTION_PORTS,
  SECTION_PREFIXES,
  SECTION_TIMEOUTS,
} from "../abi";
import { bit, high, highMask, low, sectionAt, sectionCount } from "./blob";
import { absorb, finish } from "./hash";
import { indexSlots, maxBlob, maxEgresses, maxEndpoints, maxPrefixes, policyAAt, policyBAt, tableSeed } from "./memory";
import { checkBlob } from "./policy-check";

// The policy as one versioned blob with two indexes over it. There are two copies of the room for it: a new blob is checked and indexed
// in the idle one, then the two are swapped, so a refused blob changes nothing.
//
//   blob | endpoint index | prefix index | egress address index (u32 row + 1 each) | per set: prefix lengths in use (a bit set, 0 … 128) |
//   first bytes of IPv4 addresses of which CLUSTER_SET has a prefix (a bit set, 0 … 255)
//
// In the copy addresses of endpoints and prefixes are two numbers each and not bytes: they are compared with every new connection's.

let policyAt: usize = 0;
let endpointIndexAt: usize = 0;
let prefixIndexAt: usize = 0;
let egressIndexAt: usize = 0;
let setMasksAt: usize = 0;
let clusterBytesAt: usize = 0;
let endpointMask: u32 = 0;
let prefixMask: u32 = 0;
let egressMask: u32 = 0;

// Sections of the blob in force, copied out of its header.
let endpointsAt: usize = 0;
let endpointTotal: u32 = 0;
let prefixesAt: usize = 0;
let policiesAt: usize = 0;
let membersAt: usize = 0;
export let egressesAt: usize = 0;
let portsAt: usize = 0;
export let nodesAt: usize = 0;
export let nodeTotal: u32 = 0;
export let egressTotal: u32 = 0;
export let policyTotal: u32 = 0;
export let timeoutsAt: usize = 0;
export let timeoutRows: u32 = 0;
export let changesAt: usize = 0;
export let changeTotal: u32 = 0;
export let snatLow: u32 = 0;
export let snatHigh: u32 = 0;
export let isPolicyLoaded: bool = false;
/**
 * Copies in which a policy has lain, of the two. Until then a copy's indexes are zero: all memory is at first, and nobody but the engine
 * writes here (docs/abi.md, Ownership).
 */
let copiesUsed: u32 = 0;

const MASK_SIZE: usize = 32;
const CLUSTER_BYTES_SIZE: usize = 32;
const FOR_EVER: u64 = <u64>-1;

function addressHash(h: u64, addressHigh: u64, addressLow: u64): u32 {
  return <u32>(finish(absorb(absorb(h, addressHigh), addressLow)) >> 32);
}

function prefixHash(set: u32, length: u32, addressHigh: u64, addressLow: u64): u32 {
  return addressHash(absorb(tableSeed, ((<u64>set) << 8) | <u64>length), addressHigh, addressLow);
}

/** Checks the blob at `source`, copies and indexes it, and puts it in force. */
export function loadBlob(source: usize, length: u32): i32 {
  const error = checkBlob(source, length);
  if (error != OK) return error;
  const blob = policyAt == policyAAt ? policyBAt : policyAAt;
  memory.copy(blob, source, length);
  putInForce(blob);
  turnAddresses();
  buildIndexes();
  return OK;
}

function putInForce(blob: usize): void {
  policyAt = blob;
  const endpointSlots = indexSlots(maxEndpoints);
  const prefixSlots = indexSlots(maxPrefixes);
  endpointMask = endpointSlots - 1;
  prefixMask = prefixSlots - 1;
  endpointIndexAt = blob + ((maxBlob + 7) & ~7);
  prefixIndexAt = endpointIndexAt + <usize>endpointSlots * 4;
  egressMask = indexSlots(maxEgresses * 2) - 1;
  egressIndexAt = prefixIndexAt + <usize>prefixSlots * 4;
  setMasksAt = egressIndexAt + <usize>(egressMask + 1) * 4;
  clusterBytesAt = setMasksAt + <usize>(maxPrefixes + 2) * MASK_SIZE;
  endpointsAt = sectionAt(blob, SECTION_ENDPOINTS);
  endpointTotal = sectionCount(blob, SECTION_ENDPOINTS);
  prefixesAt = sectionAt(blob, SECTION_PREFIXES);
  policiesAt = sectionAt(blob, SECTION_POLICIES);
  policyTotal = sectionCount(blob, SECTION_POLICIES);
  membersAt = sectionAt(blob, SECTION_MEMBERS);
  egressesAt = sectionAt(blob, SECTION_EGRESSES);
  egressTotal = sectionCount(blob, SECTION_EGRESSES);
  portsAt = sectionAt(blob, SECTION_PORTS);
  nodesAt = sectionAt(blob, SECTION_NODES);
  nodeTotal = sectionCount(blob, SECTION_NODES);
  timeoutsAt = sectionAt(blob, SECTION_TIMEOUTS);
  timeoutRows = sectionCount(blob, SECTION_TIMEOUTS);
  changesAt = sectionAt(blob, SECTION_CHANGES);
  changeTotal = sectionCount(blob, SECTION_CHANGES);
  snatLow = load<u16>(blob, BLOB_SNAT_LOW_AT);
  snatHigh = load<u16>(blob, BLOB_SNAT_HIGH_AT);
  isPolicyLoaded = true;
}

/** Makes numbers of the addresses of endpoints and prefixes. */
function turnAddresses(): void {
  for (let i: u32 = 0; i < endpointTotal; i++) turn(endpointAt(i) + ENDPOINT_ADDRESS_AT);
  const prefixes = sectionCount(policyAt, SECTION_PREFIXES);
  for (let i: u32 = 0; i < prefixes; i++) turn(prefixesAt + <usize>i * PREFIX_SIZE);
}

function turn(address: usize): void {
  store<u64>(address, high(address));
  store<u64>(address, low(address), 8);
}

function buildIndexes(): void {
  if (copiesUsed == 2) memory.fill(endpointIndexAt, 0, clusterBytesAt + CLUSTER_BYTES_SIZE - endpointIndexAt);
  else copiesUsed++;
  for (let i: u32 = 0; i < endpointTotal; i++) {
    const row = endpointAt(i);
    const addressHigh = load<u64>(row);
    const addressLow = load<u64>(row, 8);
    const before = row - ENDPOINT_SIZE;
    if (i > 0 && addressHigh == load<u64>(before) && addressLow == load<u64>(before, 8)) continue;
    let slot = addressHash(tableSeed, addressHigh, addressLow) & endpointMask;
    while (load<u32>(endpointIndexAt + <usize>slot * 4)) slot = (slot + 1) & endpointMask;
    store<u32>(endpointIndexAt + <usize>slot * 4, i + 1);
  }
  for (let i: u32 = 0; i < egressTotal; i++) {
    indexEgressAddress(i, egressAt(i) + EGRESS_IPV4_AT);
    indexEgressAddress(i, egressAt(i) + EGRESS_IPV6_AT);
  }
  const prefixes = sectionCount(policyAt, SECTION_PREFIXES);
  for (let i: u32 = 0; i < prefixes; i++) {
    const row = prefixesAt + <usize>i * PREFIX_SIZE;
    const set = load<u32>(row, PREFIX_SET_AT);
    const length = load<u32>(row, PREFIX_LENGTH_AT);
    const addressHigh = load<u64>(row);
    const addressLow = load<u64>(row, 8);
    if (exactPrefix(set, length, addressHigh, addressLow) != NO_MATCH) continue;
    if (set == CLUSTER_SET) noteClusterBytes(length, addressHigh, addressLow);
    let slot = prefixHash(set, length, addressHigh, addressLow) & prefixMask;
    while (load<u32>(prefixIndexAt + <usize>slot * 4)) slot = (slot + 1) & prefixMask;
    store<u32>(prefixIndexAt + <usize>slot * 4, i + 1);
    const mask = setMasksAt + <usize>set * MASK_SIZE + <usize>(length >> 6) * 8;
    store<u64>(mask, load<u64>(mask) | bit(length & 63));
  }
}

/** Marks the first bytes of the IPv4 addresses that a prefix of CLUSTER_SET holds. */
function noteClusterBytes(length: u32, addressHigh: u64, addressLow: u64): void {
  if (length < FIXED_BITS || !isMapped(addressHigh, addressLow)) return;
  const first = <u32>addressLow >> 24;
  const count: u32 = length >= FIXED_BITS + 8 ? 1 : 1 << (FIXED_BITS + 8 - length);
  for (let byte = first; byte < first + count; byte++) {
    const at = clusterBytesAt + <usize>(byte >> 3);
    store<u8>(at, <u8>(<u32>load<u8>(at) | ((<u32>1) << (byte & 7))));
  }
}

/** False where no prefix of CLUSTER_SET can hold an address: most remotes lie there, and there is nothing to be looked for. */
export function mayBeOfCluster(addressHigh: u64, addressLow: u64): bool {
  if (!isMapped(addressHigh, addressLow)) return true;
  const first = <u32>addressLow >> 24;
  return ((load<u8>(clusterBytesAt + <usize>(first >> 3)) >> <u8>(first & 7)) & 1) != 0;
}

function isMapped(addressHigh: u64, addressLow: u64): bool {
  return addressHigh == 0 && addressLow >> 32 == 0xffff;
}

function indexEgressAddress(egress: u32, address: usize): void {
  if ((high(address) == 0 && low(address) == 0) || findEgressAddress(high(address), low(address)) != NO_INDEX) return;
  let slot = addressHash(tableSeed, high(address), low(address)) & egressMask;
  while (load<u32>(egressIndexAt + <usize>slot * 4)) slot = (slot + 1) & egressMask;
  store<u32>(egressIndexAt + <usize>slot * 4, egress + 1);
}

/** True for an address that some gateway translates to. */
export function isEgressAddress(addressHigh: u64, addressLow: u64): bool {
  return findEgressAddress(addressHigh, addressLow) != NO_INDEX;
}

/** The first egress with this address, or NO_INDEX. */
export function findEgressAddress(addressHigh: u64, addressLow: u64): u32 {
  let slot = addressHash(tableSeed, addressHigh, addressLow) & egressMask;
  while (true) {
    const found = load<u32>(egressIndexAt + <usize>slot * 4);
    if (!found) return NO_INDEX;
    const row = egressAt(found - 1);
    if (high(row + EGRESS_IPV4_AT) == addressHigh && low(row + EGRESS_IPV4_AT) == addressLow) return found - 1;
    if (high(row + EGRESS_IPV6_AT) == addressHigh && low(row + EGRESS_IPV6_AT) == addressLow) return found - 1;
    slot = (slot + 1) & egressMask;
  }
}

export function endpointAt(row: u32): usize {
  return endpointsAt + <usize>row * ENDPOINT_SIZE;
}

/** When next an address gets an owner that is on another node than the one before; u64.MAX_VALUE = never. `findMove` says so. */
export let moveAt: u64 = u64.MAX_VALUE;

/** Looks for the first such time after `time`. Rows of one address lie side by side. */
export function findMove(time: u64): void {
  moveAt = u64.MAX_VALUE;
  for (let i: u32 = 1; i < endpointTotal; i++) {
    const row = endpointAt(i);
    const from = load<u64>(row, ENDPOINT_FROM_AT);
    if (from <= time || from >= moveAt) continue;
    const before = endpointAt(i - 1);
    if (memory.compare(row + ENDPOINT_ADDRESS_AT, before + ENDPOINT_ADDRESS_AT, 16) != 0) continue;
    if (load<u32>(row, ENDPOINT_NODE_AT) != load<u32>(before, ENDPOINT_NODE_AT)) moveAt = from;
  }
}

/** True where policies have the address of an egress, of one family, on other nodes only. */
export function hasMoved(egress: u32, isIpv6: bool): bool {
  const flag: u32 = isIpv6 ? EGRESS_FLAG_MOVED6 : EGRESS_FLAG_MOVED;
  return egress < egressTotal && (load<u32>(egressAt(egress), EGRESS_FLAGS_AT) & flag) != 0;
}

export function egressAt(row: u32): usize {
  return egressesAt + <usize>row * EGRESS_SIZE;
}

/** Node of an egress of the policy in force. */
export function nodeOf(egress: u32): u32 {
  return load<u32>(egressAt(egress), EGRESS_NODE_AT);
}

export function policyRow(policy: u32): usize {
  return policiesAt + <usize>policy * POLICY_SIZE;
}

/** Egress index of member `i` of the policy at `row`. */
export function memberOf(row: usize, i: u32): u32 {
  return load<u32>(membersAt + <usize>(load<u32>(row, POLICY_MEMBERS_AT) + i) * 4);
}

/**
 * Row of the endpoint that owns an address at `time`, or NO_INDEX. Address as two big-endian halves.
 * Owners of one address stand in order of time: the walk is over those only.
 */
export function findEndpoint(addressHigh: u64, addressLow: u64, time: u64): u32 {
  let slot = addressHash(tableSeed, addressHigh, addressLow) & endpointMask;
  let found: u32 = 0;
  while (true) {
    found = load<u32>(endpointIndexAt + <usize>slot * 4);
    if (!found) return NO_INDEX;
    const row = endpointAt(found - 1);
    if (load<u64>(row) == addressHigh && load<u64>(row, 8) == addressLow) break;
    slot = (slot + 1) & endpointMask;
  }
  for (let i = found - 1; i < endpointTotal; i++) {
    const row = endpointAt(i);
    if (load<u64>(row) != addressHigh || load<u64>(row, 8) != addressLow) break;
    if (ownsAt(i, time)) return i;
  }
  return NO_INDEX;
}

/** True where an endpoint has its address at `time`. */
export function ownsAt(endpoint: u32, time: u64): bool {
  const row = endpointAt(endpoint);
  const to = load<u64>(row, ENDPOINT_TO_AT);
  return time >= load<u64>(row, ENDPOINT_FROM_AT) && (time < to || to == FOR_EVER);
}

/** True where one of the endpoint's service ports is `port`. */
export function hasServicePort(endpoint: u32, protocol: u32, port: u32): bool {
  const row = endpointAt(endpoint);
  const first = load<u32>(row, ENDPOINT_PORTS_AT);
  const ports = load<u32>(row, ENDPOINT_PORT_COUNT_AT);
  for (let i: u32 = 0; i < ports; i++) {
    if (load<u32>(portsAt + <usize>(first + i) * 4) == ((protocol << 16) | port)) return true;
  }
  return false;
}

export const NO_MATCH: u32 = 0xfffffffe;

/** Mapped addresses begin with 96 fixed bits: IPv6 prefixes shorter than that, `::/0` first of all, do not speak of IPv4. */
const FIXED_BITS: u32 = 96;
const MAPPED_LENGTHS: u64 = 0xffffffff00000000;

/** Value of the longest prefix of `set` that holds the address, or NO_MATCH. Cost: one probe per prefix length in use, longest first. */
export function longestMatch(set: u32, addressHigh: u64, addressLow: u64): u32 {
  const masks = setMasksAt + <usize>set * MASK_SIZE;
  const mapped = isMapped(addressHigh, addressLow);
  // Lengths 128, then 127 … 64, then 63 … 0.
  for (let word: i32 = 2; word >= 0; word--) {
    let lengths = load<u64>(masks + <usize>word * 8);
    if (mapped && word < 2) lengths &= word == 1 ? MAPPED_LENGTHS : 0;
    while (lengths) {
      const last = 63 - <u32>clz<u64>(lengths);
      const length = ((<u32>word) << 6) + last;
      const found = exactPrefix(
        set,
        length,
        addressHigh & highMask(length),
        addressLow & (length <= 64 ? 0 : highMask(length - 64)),
      );
      if (found != NO_MATCH) return found;
      lengths ^= bit(last);
    }
  }
  return NO_MATCH;
}

function exactPrefix(set: u32, length: u32, addressHigh: u64, addressLow: u64): u32 {
  let slot = prefixHash(set, length, addressHigh, addressLow) & prefixMask;
  while (true) {
    const found = load<u32>(prefixIndexAt + <usize>slot * 4);
    if (!found) return NO_MATCH;
    const row = prefixesAt + <usize>(found - 1) * PREFIX_SIZE;
    if (
      load<u32>(row, PREFIX_SET_AT) == set &&
      load<u32>(row, PREFIX_LENGTH_AT) == length &&
      load<u64>(row) == addressHigh &&
      load<u64>(row, 8) == addressLow
    ) {
      return load<u32>(row, PREFIX_VALUE_AT);
    }
    slot = (slot + 1) & prefixMask;
  }
}
