import type { Egress } from "../config/types.js";
import { egressKey } from "../engine/egress-key.js";
import type { AddressBytes } from "../net/address.js";
import { viewOf } from "../net/bytes.js";

// The choice of a gateway, computed again from its specification (docs/abi.md: Hashes) for people who ask why.

const MASK = 0xffff_ffff_ffff_ffffn;

/** An original five-tuple: source = endpoint, ports in host order; an echo has its identifier as source port. */
export interface OriginalTuple {
  readonly src: AddressBytes;
  readonly dst: AddressBytes;
  readonly srcPort: number;
  readonly dstPort: number;
  readonly protocol: number;
}

export function tupleHash(seed: bigint, tuple: OriginalTuple): bigint {
  let h = seed;
  for (const address of [tuple.src, tuple.dst]) for (const at of [0, 8]) h = absorb(h, be64(address, at));
  h = absorb(h, (BigInt(tuple.srcPort) << 32n) | (BigInt(tuple.dstPort) << 16n) | BigInt(tuple.protocol));
  h = ((h ^ (h >> 29n)) * 0xbf58476d1ce4e5b9n) & MASK;
  return h ^ (h >> 32n);
}

/** The highest score, compared unsigned, wins. @param hash tuple hash under the placement seed */
export function placementScore(hash: bigint, egress: Egress): bigint {
  let h = ((hash ^ egressKey(egress)) * 0xff51afd7ed558ccdn) & MASK;
  h = ((h ^ (h >> 33n)) * 0xc4ceb9fe1a85ec53n) & MASK;
  return h ^ (h >> 33n);
}

function absorb(h: bigint, word: bigint): bigint {
  const mixed = ((h ^ word) * 0x9e3779b97f4a7c15n) & MASK;
  return mixed ^ (mixed >> 32n);
}

function be64(bytes: Uint8Array, at: number): bigint {
  return viewOf(bytes).getBigUint64(at);
}
