import { LINE_SIZE, LINE_TOUCH_AT } from "../abi";
import { DRAWN_HASH_AT, DRAWN_HOME_AT, DRAWN_KEY_AT, DRAWN_SIZE, Key, Line } from "./keys";

// Bucketed cuckoo hashing: a key lies in one of two buckets of four 64-byte lines. Beside the lines lie the buckets' tags, four of 16 bits
// in one word, 0 = free, else the upper bit and 15 bits of the key's hash. The second bucket is made of the first one and the tag alone, and
// the first one of the second the same way (partial-key cuckoo hashing, Fan et al. 2014), so a line can move without its key being hashed.

const WAYS: u32 = 4;
const TAG_BITS: u32 = 16;
const TAG_MASK: u64 = 0xffff;
const EACH_TAG: u64 = 0x0001000100010001;
const EACH_TOP: u64 = 0x8000800080008000;

/** Buckets that an insertion looks at before it gives up. */
const SEARCH: u32 = 512;
// A bucket of the search: where it is reached from.
const STEP_BUCKET_AT: usize = 0; // u32
const STEP_FROM_AT: usize = 4; // u32, step of the search
const STEP_WAY_AT: usize = 8; // u32, line of that bucket that would move here
const STEP_SIZE: usize = 12;
const NOWHERE: u32 = 0xffffffff;

let stepsAt: usize = 0;
let tagsAt: usize = 0;
/** The first line; the last one ends where the table does. */
export let linesAt: usize = 0;
let bucketCount: u32 = 0;
/** Lines that insertions have moved since `clear`. */
export let moved: u32 = 0;

/** Lays the table out. @param at multiple of 64   @param lines rounded up to whole buckets   @returns its end */
export function layOut(at: usize, lines: u32): usize {
  bucketCount = (lines + WAYS - 1) / WAYS;
  stepsAt = at;
  tagsAt = (stepsAt + <usize>SEARCH * STEP_SIZE + 63) & ~63;
  linesAt = (tagsAt + <usize>bucketCount * 8 + 63) & ~63;
  return linesAt + <usize>bucketCount * WAYS * LINE_SIZE;
}

export function clear(): void {
  moved = 0;
}

/** Number of homes: buckets. */
export function homes(): u32 {
  return bucketCount;
}

class Cuckoo {
  @inline static tag(hash: u32): u32 {
    return (hash & 0x7fff) | 0x8000;
  }

  @inline static tags(bucket: u32): u64 {
    return load<u64>(tagsAt + <usize>bucket * 8);
  }

  @inline static line(bucket: u32, way: u32): usize {
    return linesAt + <usize>(bucket * WAYS + way) * LINE_SIZE;
  }

  /** The other bucket of a key that may lie in `bucket`. */
  @inline static other(bucket: u32, tag: u32): u32 {
    const sum = <u32>((<u64>(tag * 0x9e3779b1) * <u64>bucketCount) >> 32);
    return sum >= bucket ? sum - bucket : sum + bucketCount - bucket;
  }

  /** Upper bits of the tags that are equal; the lowest one is, those above it may be false. */
  @inline static matches(tags: u64, tag: u32): u64 {
    const difference = tags ^ (<u64>tag * EACH_TAG);
    return (difference - EACH_TAG) & ~difference & EACH_TOP;
  }

  @inline static wayOf(matches: u64): u32 {
    return <u32>ctz(matches) / TAG_BITS;
  }

  @inline static within(bucket: u32, tag: u32, addresses: u64, ports: u64): usize {
    let matches = Cuckoo.matches(Cuckoo.tags(bucket), tag);
    while (matches != 0) {
      const line = Cuckoo.line(bucket, Cuckoo.wayOf(matches));
      if (Line.holds(line, addresses, ports)) return line;
      matches &= matches - 1;
    }
    return 0;
  }

  @inline static probe(home: u32, tag: u32, addresses: u64, ports: u64): usize {
    const line = Cuckoo.within(home, tag, addresses, ports);
    if (line != 0) return line;
    return Cuckoo.within(Cuckoo.other(home, tag), tag, addresses, ports);
  }

  @inline static putTag(bucket: u32, way: u32, tag: u32): void {
    store<u16>(tagsAt + <usize>(bucket * WAYS + way) * 2, <u16>tag);
  }

  /** The tag of a way. */
  @inline static tagOf(tags: u64, way: u32): u32 {
    return <u32>((tags >> (way * TAG_BITS)) & TAG_MASK);
  }

  /** A free way of a bucket, or NOWHERE. */
  @inline static free(bucket: u32): u32 {
    const free = ~Cuckoo.tags(bucket) & EACH_TOP;
    return free == 0 ? NOWHERE : Cuckoo.wayOf(free);
  }
}

/** @returns false where no way to a free line was found: nothing was changed then */
export function insert(key: u32): bool {
  const addresses = Key.addresses(key);
  const ports = Key.ports(addresses);
  const hash = Key.hash(addresses, ports);
  const tag = Cuckoo.tag(<u32>hash);
  let bucket = Key.home(hash, bucketCount);
  let way = Cuckoo.free(bucket);
  if (way == NOWHERE) {
    const other = Cuckoo.other(bucket, tag);
    way = Cuckoo.free(other);
    if (way == NOWHERE) {
      const last = search(bucket, other);
      if (last == NOWHERE) return false;
      way = displace(last);
      bucket = rootOf(last);
    } else {
      bucket = other;
    }
  }
  Cuckoo.putTag(bucket, way, tag);
  Line.enter(Cuckoo.line(bucket, way), key, addresses, ports);
  return true;
}

function step(number: u32): usize {
  return stepsAt + <usize>number * STEP_SIZE;
}

function putStep(number: u32, bucket: u32, from: u32, way: u32): void {
  store<u32>(step(number), bucket, STEP_BUCKET_AT);
  store<u32>(step(number), from, STEP_FROM_AT);
  store<u32>(step(number), way, STEP_WAY_AT);
}

/**
 * Searches breadth first for a bucket with a free line, from two full ones on along the other buckets of the keys that lie there.
 * @returns the step that reached it, or NOWHERE after SEARCH buckets
 */
function search(first: u32, second: u32): u32 {
  putStep(0, first, NOWHERE, 0);
  putStep(1, second, NOWHERE, 0);
  let end: u32 = 2;
  for (let from: u32 = 0; from < end; from++) {
    const bucket = load<u32>(step(from), STEP_BUCKET_AT);
    const tags = Cuckoo.tags(bucket);
    for (let way: u32 = 0; way < WAYS && end < SEARCH; way++) {
      const next = Cuckoo.other(bucket, Cuckoo.tagOf(tags, way));
      putStep(end, next, from, way);
      if (Cuckoo.free(next) != NOWHERE) return end;
      end++;
    }
  }
  return NOWHERE;
}

/** Moves the lines of the path to `last` one step on each, the last one first. @returns the way that came free in its first bucket */
function displace(last: u32): u32 {
  let to = load<u32>(step(last), STEP_BUCKET_AT);
  let free = Cuckoo.free(to);
  for (let at = last; load<u32>(step(at), STEP_FROM_AT) != NOWHERE; at = load<u32>(step(at), STEP_FROM_AT)) {
    const way = load<u32>(step(at), STEP_WAY_AT);
    const from = load<u32>(step(load<u32>(step(at), STEP_FROM_AT)), STEP_BUCKET_AT);
    memory.copy(Cuckoo.line(to, free), Cuckoo.line(from, way), LINE_SIZE);
    Cuckoo.putTag(to, free, Cuckoo.tagOf(Cuckoo.tags(from), way));
    moved++;
    to = from;
    free = way;
  }
  return free;
}

function rootOf(last: u32): u32 {
  let at = last;
  while (load<u32>(step(at), STEP_FROM_AT) != NOWHERE) at = load<u32>(step(at), STEP_FROM_AT);
  return load<u32>(step(at), STEP_BUCKET_AT);
}

/** @returns the line of a key, 0 = none */
export function find(key: u32): usize {
  const addresses = Key.addresses(key);
  const ports = Key.ports(addresses);
  const hash = Key.hash(addresses, ports);
  return Cuckoo.probe(Key.home(hash, bucketCount), Cuckoo.tag(<u32>hash), addresses, ports);
}

/**
 * Reads the tags and stores blindly into the first line that bears the key's.
 * @param both a pass over all tags of the block goes ahead of that   @returns a sum that keeps the loads
 */
export function touch(drawn: usize, size: u32, both: bool): u64 {
  let sum: u64 = 0;
  if (both) {
    for (let i: u32 = 0; i < size; i++) sum ^= Cuckoo.tags(load<u32>(drawn + <usize>i * DRAWN_SIZE, DRAWN_HOME_AT));
  }
  for (let i: u32 = 0; i < size; i++) {
    const tag = Cuckoo.tag(load<u32>(drawn, DRAWN_HASH_AT));
    let bucket = load<u32>(drawn, DRAWN_HOME_AT);
    let matches = Cuckoo.matches(Cuckoo.tags(bucket), tag);
    if (matches == 0) {
      bucket = Cuckoo.other(bucket, tag);
      matches = Cuckoo.matches(Cuckoo.tags(bucket), tag);
    }
    if (matches != 0) store<u16>(Cuckoo.line(bucket, Cuckoo.wayOf(matches)), <u16>i, LINE_TOUCH_AT);
    drawn += DRAWN_SIZE;
  }
  return sum;
}

/** @returns how many of the drawn keys were found */
export function lookup(drawn: usize, size: u32, now: u32): u32 {
  let found: u32 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const addresses = Key.addresses(load<u32>(drawn, DRAWN_KEY_AT));
    const ports = Key.ports(addresses);
    const tag = Cuckoo.tag(load<u32>(drawn, DRAWN_HASH_AT));
    const line = Cuckoo.probe(load<u32>(drawn, DRAWN_HOME_AT), tag, addresses, ports);
    if (line != 0) found += Line.hit(line, now);
    drawn += DRAWN_SIZE;
  }
  return found;
}
