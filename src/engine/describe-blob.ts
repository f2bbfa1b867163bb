import * as abi from "../../assembly/abi.js";
import { EngineError } from "../errors.js";
import { formatAddress } from "../net/address.js";
import { ROW_SIZES, SECTION_NAMES } from "./blob-writer.js";

/** A policy blob read back: every field of every row, addresses as text (`undefined` where all 16 bytes are zero). */
export interface PolicyDescription {
  readonly length: number;
  readonly snatLow: number;
  readonly snatHigh: number;
  readonly nodes: readonly { readonly address: string | undefined; readonly zone: number }[];
  readonly egresses: readonly {
    readonly ipv4: string | undefined;
    readonly ipv6: string | undefined;
    readonly key: bigint;
    readonly node: number;
  }[];
  readonly policies: readonly {
    readonly kind: number;
    readonly members: readonly number[];
    readonly timeoutRow: number;
  }[];
  readonly prefixes: readonly {
    readonly set: number;
    /** Of the 16 bytes; an IPv4 /n shows as /(96 + n). */
    readonly text: string;
    readonly value: number;
  }[];
  readonly endpoints: readonly {
    readonly address: string;
    readonly from: bigint;
    readonly to: bigint;
    readonly set: number;
    readonly node: number;
    readonly uidHash: number;
    readonly identity: number;
    /** protocol << 16 | port */
    readonly ports: readonly number[];
  }[];
  readonly timeouts: readonly (readonly number[])[];
  readonly changes: readonly bigint[];
}

/** Counts that `configFor` sizes an engine by, by SECTION_*; read without looking at the rows. */
export function sectionCounts(blob: Uint8Array): number[] {
  const view = checkedView(blob);
  return ROW_SIZES.map((_, id) => view.getUint32(abi.BLOB_SECTIONS_AT + id * 8, true));
}

/** Highest number of a zone in the node table; 0 = no node has one. */
export function zoneCount(blob: Uint8Array): number {
  const view = checkedView(blob);
  const zones = rows(view, abi.SECTION_NODES, (at) => view.getUint32(at + abi.NODE_ZONE_AT, true));
  return zones.reduce((highest, zone) => Math.max(highest, zone), 0);
}

/**
 * Reads a blob that `compilePolicy` made. It is for tests and for people; the engine does its own, stricter checks.
 * @throws {EngineError} where header or section bounds are wrong
 */
export function describePolicy(blob: Uint8Array): PolicyDescription {
  const view = checkedView(blob);
  const u32List = (id: number) => rows(view, id, (at) => view.getUint32(at, true));
  const ports = u32List(abi.SECTION_PORTS);
  const members = u32List(abi.SECTION_MEMBERS);
  return {
    length: view.getUint32(abi.BLOB_LENGTH_AT, true),
    snatLow: view.getUint16(abi.BLOB_SNAT_LOW_AT, true),
    snatHigh: view.getUint16(abi.BLOB_SNAT_HIGH_AT, true),
    nodes: rows(view, abi.SECTION_NODES, (at) => ({
      address: addressAt(view, at + abi.NODE_ADDRESS_AT),
      zone: view.getUint32(at + abi.NODE_ZONE_AT, true),
    })),
    egresses: rows(view, abi.SECTION_EGRESSES, (at) => ({
      ipv4: addressAt(view, at + abi.EGRESS_IPV4_AT),
      ipv6: addressAt(view, at + abi.EGRESS_IPV6_AT),
      key: view.getBigUint64(at + abi.EGRESS_KEY_AT, true),
      node: view.getUint32(at + abi.EGRESS_NODE_AT, true),
    })),
    policies: rows(view, abi.SECTION_POLICIES, (at) => ({
      kind: view.getUint32(at + abi.POLICY_KIND_AT, true),
      members: piece(view, at, abi.POLICY_MEMBERS_AT, abi.POLICY_MEMBER_COUNT_AT, members),
      timeoutRow: view.getUint32(at + abi.POLICY_TIMEOUT_ROW_AT, true),
    })),
    prefixes: rows(view, abi.SECTION_PREFIXES, (at) => ({
      set: view.getUint32(at + abi.PREFIX_SET_AT, true),
      text: `${textAt(view, at + abi.PREFIX_BYTES_AT)}/${view.getUint32(at + abi.PREFIX_LENGTH_AT, true)}`,
      value: view.getUint32(at + abi.PREFIX_VALUE_AT, true),
    })),
    endpoints: rows(view, abi.SECTION_ENDPOINTS, (at) => endpointAt(view, at, ports)),
    timeouts: rows(view, abi.SECTION_TIMEOUTS, (at) =>
      Array.from({ length: abi.TIMEOUT_COUNT }, (_, kind) => view.getUint32(at + kind * 4, true)),
    ),
    changes: rows(view, abi.SECTION_CHANGES, (at) => view.getBigUint64(at, true)),
  };
}

function endpointAt(view: DataView, at: number, ports: readonly number[]): PolicyDescription["endpoints"][number] {
  return {
    address: textAt(view, at + abi.ENDPOINT_ADDRESS_AT),
    from: view.getBigUint64(at + abi.ENDPOINT_FROM_AT, true),
    to: view.getBigUint64(at + abi.ENDPOINT_TO_AT, true),
    set: view.getUint32(at + abi.ENDPOINT_SET_AT, true),
    node: view.getUint32(at + abi.ENDPOINT_NODE_AT, true),
    uidHash: view.getUint32(at + abi.ENDPOINT_UID_HASH_AT, true),
    identity: view.getUint32(at + abi.ENDPOINT_IDENTITY_AT, true),
    ports: piece(view, at, abi.ENDPOINT_PORTS_AT, abi.ENDPOINT_PORT_COUNT_AT, ports),
  };
}

/** The rows of one section, each read by `readRow`. */
function rows<Row>(view: DataView, id: number, readRow: (at: number) => Row): Row[] {
  const count = view.getUint32(abi.BLOB_SECTIONS_AT + id * 8, true);
  const offset = view.getUint32(abi.BLOB_SECTIONS_AT + id * 8 + 4, true);
  return Array.from({ length: count }, (_, i) => readRow(offset + i * ROW_SIZES[id]!));
}

function piece(view: DataView, at: number, firstAt: number, countAt: number, list: readonly number[]): number[] {
  const first = view.getUint32(at + firstAt, true);
  return list.slice(first, first + view.getUint32(at + countAt, true));
}

function addressAt(view: DataView, at: number): string | undefined {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, 16);
  return bytes.every((byte) => byte === 0) ? undefined : formatAddress(bytes);
}

function textAt(view: DataView, at: number): string {
  return formatAddress(new Uint8Array(view.buffer, view.byteOffset + at, 16));
}

function checkedView(blob: Uint8Array): DataView {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  if (blob.length < abi.BLOB_HEADER_SIZE) {
    throw new EngineError(`policy blob: has ${blob.length} bytes, expected at least ${abi.BLOB_HEADER_SIZE}`);
  }
  const magic = view.getUint32(abi.BLOB_MAGIC_AT, true);
  const version = view.getUint32(abi.BLOB_VERSION_AT, true);
  if (magic !== abi.BLOB_MAGIC || version !== abi.BLOB_VERSION) {
    const found = `starts with ${magic.toString(16)}, version ${version}`;
    throw new EngineError(
      `policy blob: ${found}, expected ${abi.BLOB_MAGIC.toString(16)}, version ${abi.BLOB_VERSION}`,
    );
  }
  for (let id = 0; id < abi.SECTION_COUNT; id++) checkSection(view, id);
  return view;
}

function checkSection(view: DataView, id: number): void {
  const count = view.getUint32(abi.BLOB_SECTIONS_AT + id * 8, true);
  const offset = view.getUint32(abi.BLOB_SECTIONS_AT + id * 8 + 4, true);
  const end = offset + count * ROW_SIZES[id]!;
  if (end <= view.byteLength) return;
  throw new EngineError(`policy blob: ${SECTION_NAMES[id]} end at byte ${end}, expected at most ${view.byteLength}`);
}
