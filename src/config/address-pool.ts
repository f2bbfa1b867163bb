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

/** Who had an address before, and what stands in the way of a new one. */
export interface AllocationState {
  /** Address of a node so far. */
  readonly previous?: ReadonlyMap<string, AddressBytes>;
  /** Nodes that cannot do without: where the pool is exhausted they are given the address of one that can. */
  readonly active?: ReadonlySet<string>;
  /** Keys (`addressKey`) of addresses that nobody is given. */
  readonly taken?: Iterable<string>;
}

/**
 * One address of `prefixes` for each of `nodes`, who come in the order of their need. A node keeps the address that it had as long as that is
 * in the pool and no active one goes without: then the last one that is not active gives way. A node beyond the end of the pool gets none.
 */
export function allocateAddresses(
  prefixes: readonly Prefix[],
  family: Family,
  nodes: readonly string[],
  { previous = new Map(), active = new Set(), taken = [] }: AllocationState = {},
): Map<string, AddressBytes> {
  const given = new Map<string, AddressBytes>();
  const held = new Set(taken);
  for (const node of nodes) {
    const address = previous.get(node);
    if (!address || held.has(addressKey(address))) continue;
    if (!prefixes.some((prefix) => prefix.family === family && prefixContains(prefix, address))) continue;
    given.set(node, address);
    held.add(addressKey(address));
  }
  const pool = new AddressPool(prefixes, family, held);
  for (const node of nodes) {
    if (given.has(node)) continue;
    let address = pool.take();
    if (!address && active.has(node)) {
      const yielding = nodes.findLast((other) => given.has(other) && !active.has(other));
      if (yielding === undefined) break;
      address = given.get(yielding);
      given.delete(yielding);
    }
    if (address) given.set(node, address);
  }
  return given;
}
