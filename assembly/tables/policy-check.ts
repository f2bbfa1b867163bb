import {
  BLOB_HEADER_SIZE,
  BLOB_LENGTH_AT,
  BLOB_MAGIC,
  BLOB_MAGIC_AT,
  BLOB_SECTIONS_AT,
  BLOB_SNAT_HIGH_AT,
  BLOB_SNAT_LOW_AT,
  BLOB_VERSION,
  BLOB_VERSION_AT,
  CLUSTER_SET,
  EGRESS_NODE_AT,
  EGRESS_SIZE,
  ENDPOINT_FROM_AT,
  ENDPOINT_NODE_AT,
  ENDPOINT_PORT_COUNT_AT,
  ENDPOINT_PORTS_AT,
  ENDPOINT_SET_AT,
  ENDPOINT_SIZE,
  ENDPOINT_TO_AT,
  ERROR_POLICY_HEADER,
  ERROR_POLICY_ORDER,
  ERROR_POLICY_REFERENCE,
  ERROR_POLICY_SECTION,
  ERROR_POLICY_TOO_LARGE,
  ERROR_POLICY_VERSION,
  MEMBERS_MAX,
  NO_INDEX,
  NODE_SIZE,
  NODE_ZONE_AT,
  OK,
  POLICY_KIND_AT,
  POLICY_KIND_CILIUM,
  POLICY_KIND_ISOVALENT,
  POLICY_MEMBER_COUNT_AT,
  POLICY_MEMBERS_AT,
  POLICY_SIZE,
  POLICY_TIMEOUT_ROW_AT,
  PREFIX_EXCLUDED,
  PREFIX_LENGTH_AT,
  PREFIX_NOT_YET,
  PREFIX_SET_AT,
  PREFIX_SIZE,
  PREFIX_VALUE_AT,
  REASON_COUNT,
  SECTION_CHANGES,
  SECTION_COUNT,
  SECTION_EGRESSES,
  SECTION_ENDPOINTS,
  SECTION_MEMBERS,
  SECTION_NODES,
  SECTION_POLICIES,
  SECTION_PORTS,
  SECTION_PREFIXES,
  SECTION_TIMEOUTS,
  TIMEOUT_MAX_MS,
  TIMEOUT_MAX_ROWS,
  TIMEOUT_ROW_SIZE,
} from "../abi";
import { high, low, maskedHigh, maskedLow, sectionAt, sectionCount } from "./blob";
import { maxBlob, maxEgresses, maxEndpoints, maxNodes, maxPolicies, maxPrefixes, maxZones } from "./memory";

// Blobs come from anywhere. Everything in one that is later used as an index or a length is checked here, once.

function recordSize(id: u32): u32 {
  if (id == SECTION_NODES) return NODE_SIZE;
  if (id == SECTION_EGRESSES) return EGRESS_SIZE;
  if (id == SECTION_POLICIES) return POLICY_SIZE;
  if (id == SECTION_PREFIXES) return PREFIX_SIZE;
  if (id == SECTION_ENDPOINTS) return ENDPOINT_SIZE;
  if (id == SECTION_TIMEOUTS) return TIMEOUT_ROW_SIZE;
  return id == SECTION_CHANGES ? 8 : 4;
}

/** True where two sections have bytes in common: what is checked as the one would be used, and changed, as the other. */
function shareBytes(blob: usize, a: u32, b: u32): bool {
  const startA = sectionAt(blob, a);
  const startB = sectionAt(blob, b);
  const endA = <u64>startA + <u64>sectionCount(blob, a) * recordSize(a);
  const endB = <u64>startB + <u64>sectionCount(blob, b) * recordSize(b);
  return <u64>startA < endB && <u64>startB < endA && endA > <u64>startA && endB > <u64>startB;
}

function checkSections(blob: usize, length: u32): i32 {
  for (let id: u32 = 0; id < <u32>SECTION_COUNT; id++) {
    const records = sectionCount(blob, id);
    const at = load<u32>(blob + BLOB_SECTIONS_AT + id * 8, 4);
    if (at < <u32>BLOB_HEADER_SIZE || at & 7) return ERROR_POLICY_SECTION;
    if (<u64>at + <u64>records * recordSize(id) > <u64>length) return ERROR_POLICY_SECTION;
  }
  if (sectionCount(blob, SECTION_ENDPOINTS) > maxEndpoints || sectionCount(blob, SECTION_PREFIXES) > maxPrefixes)
    return ERROR_POLICY_TOO_LARGE;
  if (sectionCount(blob, SECTION_POLICIES) > maxPolicies || sectionCount(blob, SECTION_EGRESSES) > maxEgresses)
    return ERROR_POLICY_TOO_LARGE;
  const rows = sectionCount(blob, SECTION_TIMEOUTS);
  if (sectionCount(blob, SECTION_NODES) > maxNodes || rows > <u32>TIMEOUT_MAX_ROWS) return ERROR_POLICY_TOO_LARGE;
  for (let id: u32 = 1; id < <u32>SECTION_COUNT; id++) {
    for (let other: u32 = 0; other < id; other++) if (shareBytes(blob, id, other)) return ERROR_POLICY_SECTION;
  }
  return rows == 0 ? ERROR_POLICY_SECTION : OK;
}

function checkNodes(blob: usize): i32 {
  const at = sectionAt(blob, SECTION_NODES);
  for (let i: u32 = 0; i < sectionCount(blob, SECTION_NODES); i++)
    if (load<u32>(at + <usize>i * NODE_SIZE, NODE_ZONE_AT) > maxZones) return ERROR_POLICY_TOO_LARGE;
  return OK;
}

function checkPolicies(blob: usize): i32 {
  const members = sectionCount(blob, SECTION_MEMBERS);
  const at = sectionAt(blob, SECTION_POLICIES);
  for (let i: u32 = 0; i < sectionCount(blob, SECTION_POLICIES); i++) {
    const row = at + <usize>i * POLICY_SIZE;
    const kind = load<u32>(row, POLICY_KIND_AT);
    if (kind != POLICY_KIND_CILIUM && kind != POLICY_KIND_ISOVALENT) return ERROR_POLICY_REFERENCE;
    if (kind == POLICY_KIND_ISOVALENT && load<u32>(row, POLICY_MEMBER_COUNT_AT) > <u32>MEMBERS_MAX)
      return ERROR_POLICY_TOO_LARGE;
    if (<u64>load<u32>(row, POLICY_MEMBERS_AT) + load<u32>(row, POLICY_MEMBER_COUNT_AT) > <u64>members)
      return ERROR_POLICY_REFERENCE;
    if (load<u32>(row, POLICY_TIMEOUT_ROW_AT) >= sectionCount(blob, SECTION_TIMEOUTS)) return ERROR_POLICY_REFERENCE;
  }
  const egresses = sectionCount(blob, SECTION_EGRESSES);
  for (let i: u32 = 0; i < members; i++) {
    if (load<u32>(sectionAt(blob, SECTION_MEMBERS) + <usize>i * 4) >= egresses) return ERROR_POLICY_REFERENCE;
  }
  for (let i: u32 = 0; i < egresses; i++) {
    if (
      load<u32>(sectionAt(blob, SECTION_EGRESSES) + <usize>i * EGRESS_SIZE, EGRESS_NODE_AT) >=
      sectionCount(blob, SECTION_NODES)
    ) {
      return ERROR_POLICY_REFERENCE;
    }
  }
  const words = sectionCount(blob, SECTION_TIMEOUTS) * (TIMEOUT_ROW_SIZE >> 2);
  for (let i: u32 = 0; i < words; i++) {
    if (load<u32>(sectionAt(blob, SECTION_TIMEOUTS) + <usize>i * 4) > <u32>TIMEOUT_MAX_MS)
      return ERROR_POLICY_REFERENCE;
  }
  return OK;
}

function checkPrefixes(blob: usize): i32 {
  const policies = sectionCount(blob, SECTION_POLICIES);
  for (let i: u32 = 0; i < sectionCount(blob, SECTION_PREFIXES); i++) {
    const row = sectionAt(blob, SECTION_PREFIXES) + <usize>i * PREFIX_SIZE;
    const set = load<u32>(row, PREFIX_SET_AT);
    const length = load<u32>(row, PREFIX_LENGTH_AT);
    const value = load<u32>(row, PREFIX_VALUE_AT);
    if (set > maxPrefixes || length > 128) return ERROR_POLICY_REFERENCE;
    if (set == CLUSTER_SET) {
      if (value == 0 || value >= <u32>REASON_COUNT) return ERROR_POLICY_REFERENCE;
    } else if (value != PREFIX_EXCLUDED && value != PREFIX_NOT_YET && value >= policies) return ERROR_POLICY_REFERENCE;
    if (maskedHigh(row, length) != high(row) || maskedLow(row, length) != low(row)) return ERROR_POLICY_REFERENCE;
  }
  return OK;
}

function checkEndpoints(blob: usize): i32 {
  const nodes = sectionCount(blob, SECTION_NODES);
  const ports = sectionCount(blob, SECTION_PORTS);
  let last: usize = 0;
  for (let i: u32 = 0; i < sectionCount(blob, SECTION_ENDPOINTS); i++) {
    const row = sectionAt(blob, SECTION_ENDPOINTS) + <usize>i * ENDPOINT_SIZE;
    const node = load<u32>(row, ENDPOINT_NODE_AT);
    if (node != NO_INDEX && node >= nodes) return ERROR_POLICY_REFERENCE;
    if (load<u32>(row, ENDPOINT_SET_AT) > maxPrefixes) return ERROR_POLICY_REFERENCE;
    if (<u64>load<u32>(row, ENDPOINT_PORTS_AT) + load<u32>(row, ENDPOINT_PORT_COUNT_AT) > <u64>ports)
      return ERROR_POLICY_REFERENCE;
    if (last != 0 && !inOrder(last, row)) return ERROR_POLICY_ORDER;
    last = row;
  }
  const changes = sectionAt(blob, SECTION_CHANGES);
  for (let i: u32 = 1; i < sectionCount(blob, SECTION_CHANGES); i++) {
    if (load<u64>(changes + <usize>i * 8) <= load<u64>(changes + <usize>(i - 1) * 8)) return ERROR_POLICY_ORDER;
  }
  return OK;
}

/** By address, then owners of one address one after the other. */
function inOrder(a: usize, b: usize): bool {
  if (high(a) != high(b)) return high(a) < high(b);
  if (low(a) != low(b)) return low(a) < low(b);
  return load<u64>(a, ENDPOINT_TO_AT) <= load<u64>(b, ENDPOINT_FROM_AT);
}

/** Why the blob of `length` bytes at `source` cannot be put in force, or OK. Afterwards every reference in it leads to a record of it. */
export function checkBlob(source: usize, length: u32): i32 {
  if (length < <u32>BLOB_HEADER_SIZE || load<u32>(source, BLOB_MAGIC_AT) != <u32>BLOB_MAGIC) return ERROR_POLICY_HEADER;
  if (load<u32>(source, BLOB_VERSION_AT) != <u32>BLOB_VERSION) return ERROR_POLICY_VERSION;
  if (load<u32>(source, BLOB_LENGTH_AT) != length) return ERROR_POLICY_HEADER;
  if (length > maxBlob) return ERROR_POLICY_TOO_LARGE;
  const lowest = <u32>load<u16>(source, BLOB_SNAT_LOW_AT);
  if (lowest == 0 || lowest > <u32>load<u16>(source, BLOB_SNAT_HIGH_AT)) return ERROR_POLICY_HEADER;
  let error = checkSections(source, length);
  if (error == OK) error = checkNodes(source);
  if (error == OK) error = checkPolicies(source);
  if (error == OK) error = checkPrefixes(source);
  if (error == OK) error = checkEndpoints(source);
  return error;
}
