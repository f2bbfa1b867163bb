import * as layout from "../../assembly/outside/layout.js";
import type { PolicyModel } from "../config/types.js";
import { type AddressBytes, formatAddress } from "../net/address.js";

/** End of a span without bound. */
export const FOR_EVER = 0xffff_ffff_ffff_ffffn;

/** Nanoseconds since the epoch: `from` inclusive, `to` exclusive. */
export interface OwnershipSpan {
  readonly from: bigint;
  readonly to: bigint;
}

/** One address of the cluster: an endpoint's (in its spans), a node's, an egress IP, or several of these. */
export interface KnownAddress {
  readonly bytes: AddressBytes;
  /** ADDRESS_* bits. */
  flags: number;
  readonly spans: OwnershipSpan[];
}

/** Every address that a frame may be recognised by, by its canonical text; in the order of the model. */
export function knownAddresses(model: PolicyModel): ReadonlyMap<string, KnownAddress> {
  const known = new Map<string, KnownAddress>();
  const add = (bytes: AddressBytes, flag: number) => {
    const text = formatAddress(bytes);
    const row = known.get(text) ?? { bytes, flags: 0, spans: [] };
    known.set(text, row);
    row.flags |= flag;
    return row;
  };
  for (const endpoint of model.endpoints) {
    for (const address of endpoint.addresses) {
      const row = add(address, layout.ADDRESS_ENDPOINT);
      row.spans.push({ from: endpoint.fromNs ?? 0n, to: endpoint.toNs ?? FOR_EVER });
    }
  }
  for (const node of model.nodes) for (const address of node.internalIPs) add(address, layout.ADDRESS_NODE);
  for (const egress of model.egresses) {
    if (egress.gatewayIP) add(egress.gatewayIP, layout.ADDRESS_NODE);
    for (const address of [egress.egressIPv4, egress.egressIPv6, egress.claimsIPv4, egress.claimsIPv6]) {
      if (address) add(address, layout.ADDRESS_EGRESS);
    }
  }
  return known;
}

/** Times at which an address changes its owner, ascending: the same that the engine's policy holds. */
export function ownerChanges(model: PolicyModel): bigint[] {
  const times = new Set<bigint>();
  for (const { fromNs, toNs } of model.endpoints) {
    if (fromNs !== undefined && fromNs !== 0n) times.add(fromNs);
    if (toNs !== undefined) times.add(toNs);
  }
  return [...times].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
