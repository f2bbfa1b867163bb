import * as layout from "../../assembly/outside/layout.js";
import { AddressPool } from "../config/address-pool.js";
import type { Endpoint, Policy, PolicyModel } from "../config/types.js";
import { nodeTable } from "../engine/blob.js";
import { type AddressBytes, formatAddress } from "../net/address.js";
import { earlierOf, laterOf } from "./time.js";

/** End of a span without bound. */
export const FOR_EVER = 0xffff_ffff_ffff_ffffn;

/** Nanoseconds since the epoch: `from` inclusive, `to` exclusive. */
export interface TimeSpan {
  readonly from: bigint;
  readonly to: bigint;
}

/** Manifests, and when they are in force. */
export interface ModelSpan extends TimeSpan {
  readonly model: PolicyModel;
}

export interface OwnershipSpan {
  readonly from: bigint;
  to: bigint;
  /** Number of the node that the endpoint runs on (`nodeNumbers`), NO_NODE where unknown. */
  readonly node: number;
}

/** One address of the cluster: an endpoint's (in its spans), a node's, an egress IP, or several of these. */
export interface KnownAddress {
  readonly bytes: AddressBytes;
  /** ADDRESS_* bits. */
  flags: number;
  readonly spans: OwnershipSpan[];
}

/** Numbers that nodes keep whatever manifests are in force, by name. Nodes beyond NO_NODE have none. */
export function nodeNumbers(models: readonly PolicyModel[]): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  for (const model of models) {
    for (const { name } of nodeTable(model)) {
      if (!numbers.has(name) && numbers.size < layout.NO_NODE) numbers.set(name, numbers.size);
    }
  }
  return numbers;
}

/** Every address that a frame may be recognised by, by its canonical text; in the order of the models. */
export function knownAddresses(
  phases: readonly ModelSpan[],
  nodes: ReadonlyMap<string, number>,
): ReadonlyMap<string, KnownAddress> {
  const known = new Map<string, KnownAddress>();
  const add = (bytes: AddressBytes, flag: number) => {
    const text = formatAddress(bytes);
    const row = known.get(text) ?? { bytes, flags: 0, spans: [] };
    known.set(text, row);
    row.flags |= flag;
    return row;
  };
  for (const phase of phases) {
    const { model } = phase;
    for (const endpoint of model.endpoints) {
      const node = (endpoint.node === undefined ? undefined : nodes.get(endpoint.node)) ?? layout.NO_NODE;
      for (const address of endpoint.addresses) addSpan(add(address, layout.ADDRESS_ENDPOINT), endpoint, phase, node);
    }
    for (const { internalIPs } of model.nodes) for (const address of internalIPs) add(address, layout.ADDRESS_NODE);
    for (const egress of model.egresses) {
      if (egress.gatewayIP) add(egress.gatewayIP, layout.ADDRESS_NODE);
      for (const address of [egress.egressIPv4, egress.egressIPv6, egress.claimsIPv4, egress.claimsIPv6]) {
        if (address) add(address, layout.ADDRESS_EGRESS);
      }
    }
    for (const address of pooledAddresses(model)) add(address, layout.ADDRESS_EGRESS);
  }
  return known;
}

/** What an endpoint owns of an address while the manifests that tell of it are in force; spans that touch become one. */
function addSpan({ spans }: KnownAddress, { fromNs, toNs }: Endpoint, phase: TimeSpan, node: number): void {
  const from = laterOf(fromNs ?? 0n, phase.from);
  const to = earlierOf(toNs ?? FOR_EVER, phase.to);
  if (from >= to) return;
  const last = spans.at(-1);
  if (last && last.to === from && last.node === node) last.to = to;
  else spans.push({ from, to, node });
}

/** Addresses of a pool, from the first one on, that may be given out to so many gateways: addresses in use elsewhere are left out. */
export function pooledCount(gateways: number): number {
  return gateways * 4;
}

/** Addresses that gateways may be given from `egressCIDRs` in the course of time. */
function* pooledAddresses({ policies, egresses }: PolicyModel): Generator<AddressBytes> {
  for (const policy of policies) {
    if (!policy.egressCIDRs || policy.egressCIDRs.length === 0) continue;
    const count = pooledCount(gatewayNodes(policy, egresses).size);
    for (const family of [4, 6] as const) {
      const pool = new AddressPool(policy.egressCIDRs, family);
      for (let i = 0; i < count; i++) {
        const address = pool.take();
        if (!address) break;
        yield address;
      }
    }
  }
}

/** Names of the nodes that are gateways of a policy. */
export function gatewayNodes(policy: Policy, egresses: PolicyModel["egresses"]): ReadonlySet<string> {
  return new Set(policy.egresses.map((index) => egresses[index]!.node));
}

/** Times at which an address changes its owner, ascending: those that the engine's policies hold, and perhaps more. */
export function ownerChanges(models: readonly PolicyModel[]): bigint[] {
  const times = new Set<bigint>();
  for (const { endpoints } of models) {
    for (const { fromNs, toNs } of endpoints) {
      if (fromNs !== undefined && fromNs !== 0n) times.add(fromNs);
      if (toNs !== undefined) times.add(toNs);
    }
  }
  return [...times].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
