import * as abi from "../../../assembly/abi.js";
import { NEAR } from "./scenes.js";
import type { Policy } from "./settings.js";

const E = abi;

/** A policy that is none: the blob of `near` with bytes changed. */
function broken(
  name: string,
  about: string,
  change: (blob: Uint8Array, view: DataView) => Uint8Array | undefined,
): Policy {
  const blob = NEAR.blob.slice();
  const changed = change(blob, new DataView(blob.buffer)) ?? blob;
  return { name: `broken-${name}`, about, model: undefined, blob: changed };
}

/** Where a section of a blob begins, and how many rows it has. */
function section(view: DataView, index: number): { rows: number; at: number } {
  const at = abi.BLOB_SECTIONS_AT + index * 8;
  return { rows: view.getUint32(at, true), at: view.getUint32(at + 4, true) };
}

const put32 = (at: (view: DataView) => number, value: number) => (blob: Uint8Array, view: DataView) => {
  view.setUint32(at(view), value, true);
  return blob;
};

const put16 = (at: number, value: number) => (blob: Uint8Array, view: DataView) => {
  view.setUint16(at, value, true);
  return blob;
};

/** Each with the code that refuses it, and why. */
export const BROKEN: readonly (readonly [policy: Policy, code: number, why: string])[] = [
  [
    broken(
      "magic",
      "another magic",
      put32(() => abi.BLOB_MAGIC_AT, 0x3250_4753),
    ),
    E.ERROR_POLICY_HEADER,
    "It does not begin with the magic number",
  ],
  [
    broken(
      "length",
      "a length that is not its own",
      put32(() => abi.BLOB_LENGTH_AT, 8),
    ),
    E.ERROR_POLICY_HEADER,
    "It says another length than it is given",
  ],
  [
    broken("cut", "the first 80 bytes", (blob) => blob.slice(0, 80)),
    E.ERROR_POLICY_HEADER,
    "It is shorter than a header",
  ],
  [
    broken("port-0", "NAT ports from 0 on", put16(abi.BLOB_SNAT_LOW_AT, 0)),
    E.ERROR_POLICY_HEADER,
    "NAT ports begin at 0",
  ],
  [
    broken("ports-upside-down", "NAT ports from 1024 to 1023", put16(abi.BLOB_SNAT_HIGH_AT, 1023)),
    E.ERROR_POLICY_HEADER,
    "The lowest NAT port is above the highest",
  ],
  [
    broken(
      "version",
      "version 2",
      put32(() => abi.BLOB_VERSION_AT, 2),
    ),
    E.ERROR_POLICY_VERSION,
    "It is of another format",
  ],
  [
    broken(
      "misaligned",
      "a section at an odd offset",
      put32(() => abi.BLOB_SECTIONS_AT + 4, abi.BLOB_HEADER_SIZE + 1),
    ),
    E.ERROR_POLICY_SECTION,
    "A section does not begin at a multiple of 8",
  ],
  [
    broken(
      "in-header",
      "a section in the header",
      put32(() => abi.BLOB_SECTIONS_AT + 4, 8),
    ),
    E.ERROR_POLICY_SECTION,
    "A section begins in the header",
  ],
  [
    broken(
      "past-end",
      "a section past the end",
      put32(() => abi.BLOB_SECTIONS_AT + abi.SECTION_CHANGES * 8, 12),
    ),
    E.ERROR_POLICY_SECTION,
    "A section reaches past the blob",
  ],
  [
    broken(
      "no-lifetimes",
      "no lifetime row",
      put32(() => abi.BLOB_SECTIONS_AT + abi.SECTION_TIMEOUTS * 8, 0),
    ),
    E.ERROR_POLICY_SECTION,
    "It has no lifetime row",
  ],
  [
    broken(
      "member",
      "a member that is no egress",
      put32((view) => section(view, abi.SECTION_MEMBERS).at, 99),
    ),
    E.ERROR_POLICY_REFERENCE,
    "A member is no egress",
  ],
  [
    broken(
      "egress-node",
      "an egress on no node",
      put32((view) => section(view, abi.SECTION_EGRESSES).at + abi.EGRESS_NODE_AT, 99),
    ),
    E.ERROR_POLICY_REFERENCE,
    "An egress is on no node",
  ],
  [
    broken(
      "kind",
      "a policy of kind 3",
      put32((view) => section(view, abi.SECTION_POLICIES).at + abi.POLICY_KIND_AT, 3),
    ),
    E.ERROR_POLICY_REFERENCE,
    "A policy is of no kind",
  ],
  [
    broken(
      "prefix-length",
      "a prefix of 129 bits",
      put32((view) => section(view, abi.SECTION_PREFIXES).at + abi.PREFIX_LENGTH_AT, 129),
    ),
    E.ERROR_POLICY_REFERENCE,
    "A prefix is longer than an address",
  ],
  [
    broken(
      "lifetime",
      "a lifetime above TIMEOUT_MAX_MS",
      put32((view) => section(view, abi.SECTION_TIMEOUTS).at, abi.TIMEOUT_MAX_MS + 1),
    ),
    E.ERROR_POLICY_REFERENCE,
    "A lifetime is longer than coarse time can tell",
  ],
  [
    broken("order", "the first two endpoints exchanged", (blob, view) => {
      const { at } = section(view, abi.SECTION_ENDPOINTS);
      const first = blob.slice(at, at + abi.ENDPOINT_SIZE);
      blob.copyWithin(at, at + abi.ENDPOINT_SIZE, at + 2 * abi.ENDPOINT_SIZE);
      blob.set(first, at + abi.ENDPOINT_SIZE);
      return blob;
    }),
    E.ERROR_POLICY_ORDER,
    "Endpoints are not in the order of their addresses",
  ],
];
