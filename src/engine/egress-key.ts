import type { Egress } from "../config/types.js";
import { formatAddress } from "../net/address.js";
import { utf8Bytes } from "../net/text.js";

const FNV64_OFFSET = 0xcbf29ce484222325n;
const FNV64_PRIME = 0x100000001b3n;

/** FNV-1a, 64 bits, over the UTF-8 bytes of `text`. */
export function fnv1a64(text: string): bigint {
  let hash = FNV64_OFFSET;
  for (const byte of utf8Bytes(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV64_PRIME);
  return hash;
}

/**
 * What rendezvous hashing knows an egress by: FNV-1a-64 of `node/address`, the address being the IPv4 one, else the IPv6 one, else
 * empty. It depends on nothing else, so the order of manifests, other gateways and other policies never move a connection.
 */
export function egressKey(egress: Pick<Egress, "node" | "egressIPv4" | "egressIPv6">): bigint {
  const address = egress.egressIPv4 ?? egress.egressIPv6;
  return fnv1a64(`${egress.node}/${address ? formatAddress(address) : ""}`);
}
