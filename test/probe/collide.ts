// What an attacker would do who knew the table's seed: tried over millions of tuples, so it runs here. Compiled by the test that uses it.

import { keyHash, scale } from "../../assembly/tables/hash";

/** The first ports from `ports` on, as on the wire, that put a UDP key of hook from-endpoint into `slot` of `count`. */
export function portsInSlot(addresses: u64, ports: u32, seed: u64, count: u32, slot: u32): u32 {
  const rest: u64 = ((<u64>1) << 40) | ((<u64>17) << 32);
  while (scale(keyHash(addresses, rest | ports, seed), count) != slot) ports++;
  return ports;
}

/** Home slot of a conntrack key. */
export function homeOf(addresses: u64, key: u64, seed: u64, count: u32): u32 {
  return scale(keyHash(addresses, key, seed), count);
}
