import {
  LINE_ADDRESS_AT,
  LINE_BYTES_AT,
  LINE_CLASS_AT,
  LINE_FLAGS_AT,
  LINE_IP_DELTA_AT,
  LINE_L4_DELTA_AT,
  LINE_PACKETS_AT,
  LINE_PORT_AT,
  LINE_PORTS_AT,
  LINE_SEEN_AT,
  LINE_SRC_AT,
  LINE_TIMEOUT_ROW_AT,
} from "../abi";

// What all layouts of layout.ts have in common: the keys, their hash, and what is read and written where a key is found.

/** The bits of the second word of a line that belong to its key. */
const KEY_MASK: u64 = 0x0000ffffffffffff;
const USED: u64 = 1 << 40;
const SEED: u64 = 0x452821e638d01377;

/** What a lookup of one key says where there is no such key. */
export const NO_KEY: u32 = 0xffffffff;

/** Lookups that the pass of touches runs ahead of the pass of lookups. */
export const BLOCK: u32 = 64;

// Scratch of one lookup between the passes.
export const DRAWN_KEY_AT: usize = 0; // u32, number of the key
export const DRAWN_HOME_AT: usize = 4; // u32, line, group or bucket that its hash names
export const DRAWN_HASH_AT: usize = 8; // u32, bits of its hash that its home is not made of
export const DRAWN_SIZE: usize = 16;

/** Static methods, as only those may carry the decorator that puts them into their callers. */
export class Key {
  @inline static mix(value: u64): u64 {
    let h = (value ^ SEED) * 0x9e3779b97f4a7c15;
    h ^= h >> 32;
    h *= 0xbf58476d1ce4e5b9;
    return h ^ (h >> 29);
  }

  /** Addresses of key number `key`; its ports are made of them. */
  @inline static addresses(key: u32): u64 {
    return Key.mix(key);
  }

  @inline static ports(addresses: u64): u64 {
    return ((addresses * 0xff51afd7ed558ccd) >> 32) | ((<u64>6) << 32) | USED;
  }

  /** A keyed hash of two words as in the engine. */
  @inline static hash(addresses: u64, ports: u64): u64 {
    return Key.mix(Key.mix(addresses) ^ ports);
  }

  /** 0 … count - 1, by the upper half of the hash. */
  @inline static home(hash: u64, count: u32): u32 {
    return <u32>(((hash >> 32) * <u64>count) >> 32);
  }
}

/** A 64-byte line, whichever layout it lies in. */
export class Line {
  @inline static portsOf(line: usize): u64 {
    return load<u64>(line, LINE_PORTS_AT) & KEY_MASK;
  }

  @inline static holds(line: usize, addresses: u64, ports: u64): bool {
    return Line.portsOf(line) == ports && load<u64>(line, LINE_SRC_AT) == addresses;
  }

  @inline static enter(line: usize, key: u32, addresses: u64, ports: u64): void {
    store<u64>(line, addresses, LINE_SRC_AT);
    store<u64>(line, ports, LINE_PORTS_AT);
    store<u32>(line, key, LINE_ADDRESS_AT);
  }

  /** Reads and writes what a hit does. @returns 1; the compiler cannot know it, so the reads stay */
  @inline static hit(line: usize, now: u32): u32 {
    const deltas = load<u16>(line, LINE_L4_DELTA_AT) + load<u16>(line, LINE_IP_DELTA_AT);
    const kind = load<u8>(line, LINE_FLAGS_AT) | load<u8>(line, LINE_CLASS_AT) | load<u8>(line, LINE_TIMEOUT_ROW_AT);
    const wrote = load<u32>(line, LINE_ADDRESS_AT) ^ load<u16>(line, LINE_PORT_AT) ^ deltas ^ kind;
    store<u32>(line, now, LINE_SEEN_AT);
    store<u64>(line, load<u64>(line, LINE_BYTES_AT) + 64, LINE_BYTES_AT);
    store<u32>(line, load<u32>(line, LINE_PACKETS_AT) + 1, LINE_PACKETS_AT);
    return wrote != 0xffffffff ? 1 : 0;
  }
}
