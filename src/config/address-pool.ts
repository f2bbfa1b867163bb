import { type AddressBytes, type Family, type Prefix, prefixContains } from "../net/address.js";
import { addressKey } from "./addresses.js";

/** The addresses of some prefixes of one family in ascending order, prefix by prefix, first and last included; nothing is given twice. */
export class AddressPool {
  readonly #prefixes: readonly Prefix[];
  readonly #taken: Set<string>;
  #prefix = 0;
  #next: AddressBytes | undefined;

  /** @param taken keys (`addressKey`) of addresses that are never given */
  constructor(prefixes: readonly Prefix[], family: Family, taken: Iterable<string> = []) {
    this.#prefixes = prefixes.filter((prefix) => prefix.family === family);
    this.#taken = new Set(taken);
    this.#next = this.#prefixes[0]?.bytes.slice();
  }

  get isEmpty(): boolean {
    return this.#prefixes.length === 0;
  }

  /** The next free address, or undefined where the pool is exhausted. Work is bounded by the number of addresses taken. */
  take(): AddressBytes | undefined {
    while (this.#next) {
      const address = this.#next;
      this.#advance(address);
      const key = addressKey(address);
      if (this.#taken.has(key)) continue;
      this.#taken.add(key);
      return address;
    }
    return undefined;
  }

  #advance(address: AddressBytes): void {
    const following = successor(address);
    const prefix = this.#prefixes[this.#prefix]!;
    if (following && prefixContains(prefix, following)) {
      this.#next = following;
      return;
    }
    this.#prefix++;
    this.#next = this.#prefixes[this.#prefix]?.bytes.slice();
  }
}

function successor(address: AddressBytes): AddressBytes | undefined {
  const next = address.slice();
  for (let i = 15; i >= 0; i--) {
    next[i] = (next[i]! + 1) & 0xff;
    if (next[i] !== 0) return next;
  }
  return undefined;
}

/**
 * One address of `prefixes` for each of `nodes`, in their order; a node keeps the address that it had in `previous` as long as that
 * is still in the pool. A node beyond the end of the pool gets none.
 */
export function allocateAddresses(
  prefixes: readonly Prefix[],
  family: Family,
  nodes: readonly string[],
  previous: ReadonlyMap<string, AddressBytes> = new Map(),
): Map<string, AddressBytes> {
  const given = new Map<string, AddressBytes>();
  for (const node of nodes) {
    const address = previous.get(node);
    const isFree = address && ![...given.values()].some((other) => Buffer.compare(other, address) === 0);
    if (isFree && prefixes.some((prefix) => prefix.family === family && prefixContains(prefix, address)))
      given.set(node, address);
  }
  const pool = new AddressPool(prefixes, family, [...given.values()].map(addressKey));
  for (const node of nodes) {
    if (given.has(node)) continue;
    const address = pool.take();
    if (!address) break;
    given.set(node, address);
  }
  return given;
}
