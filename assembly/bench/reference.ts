// The reference kernel: the least that any stateful translator does for a frame. `bench` divides the engine's times by this kernel's
// times in the same run, which takes the machine's speed and its noise out of them. FIXED: a change here makes all older figures void.
// It shares no code with the engine, so that a faster engine does not move its own yardstick.
//
// Per frame: parse Ethernet, IPv4, TCP or UDP; keyed hash; linear probing over 64-byte entries; store of the time last seen; rewrite of
// the source; two checksum updates (RFC 1624). No state machine, policy, counters, verdicts, lifetimes or frame records.

const ETHERNET_SIZE: usize = 14;
const TYPE_IPV4: u32 = 0x0008; // as it lies in memory
const TCP: u32 = 6;
const UDP: u32 = 17;

// Entry, one per direction of a connection.
const SRC_DST_AT: usize = 0; // u64, addresses as on the wire
const PORTS_AT: usize = 8; // u64: ports, protocol << 32, 1 << 40 where the entry is in use
const SEEN_AT: usize = 16; // u32
const ADDRESS_AT: usize = 20; // u32, new source
const PORT_AT: usize = 24; // u16
const IP_DELTA_AT: usize = 26; // u16
const L4_DELTA_AT: usize = 28; // u16
const TOUCH_AT: usize = 62; // u16, written blindly by pass 1
const ENTRY_SIZE: usize = 64;

const USED: u64 = 1 << 40;

/** Frames that pass 1 of the batched kernel runs ahead of pass 2: 32 was the best of 32, 64 and 128 at a million connections. */
const BLOCK: u32 = 32;
const PARSED_SIZE: u32 = 32;

/** Frames lie at multiples of this. */
const STRIDE: usize = 64;

const GUARD_ENTRIES: u32 = 192;
const PAGE: usize = 65536;
const SEED: u64 = 0x243f6a8885a308d3;

let scratchAt: usize = 0;
let entriesAt: usize = 0;
let entryCount: u32 = 0;
let framesAt: usize = 0;

/** Makes room for `connections` (two entries each, two thirds full) and `frames` of 64 bytes. @returns where frame 0 lies, 0 = no memory */
export function configure(connections: u32, frames: u32): usize {
  entryCount = connections * 3;
  scratchAt = (__heap_base + 63) & ~63;
  entriesAt = scratchAt + BLOCK * PARSED_SIZE;
  framesAt = entriesAt + <usize>(entryCount + GUARD_ENTRIES) * ENTRY_SIZE;
  const end = framesAt + <usize>frames * STRIDE + STRIDE;
  const more = <i32>((end + PAGE - 1) / PAGE) - memory.size();
  if (more > 0 && memory.grow(more) < 0) return 0;
  return framesAt;
}

/** Steps of the kernel. Static methods, as only those may carry the decorator that puts them into their callers: a call costs 1 ns. */
class Step {
  @inline static hash(addresses: u64, ports: u64): u32 {
    let h = (addresses ^ SEED) * 0x9e3779b97f4a7c15;
    h ^= h >> 32;
    h = (h ^ ports) * 0xbf58476d1ce4e5b9;
    h ^= h >> 29;
    h *= 0xff51afd7ed558ccd;
    return <u32>(((h >> 32) * <u64>entryCount) >> 32);
  }

  /** Offset of the transport header from the frame's start, or 0 where the frame is not plain IPv4 TCP or UDP. */
  @inline static transportOffset(frame: usize, length: u32): usize {
    if (length < 42 || <u32>load<u16>(frame, 12) != TYPE_IPV4) return 0;
    const ip = frame + ETHERNET_SIZE;
    const first = <u32>load<u8>(ip);
    const header = (first & 15) << 2;
    const total = <u32>bswap<u16>(load<u16>(ip, 2));
    if (first >> 4 != 4 || header < 20 || total < header + 8 || total + <u32>ETHERNET_SIZE > length) return 0;
    if (load<u16>(ip, 6) & 0xff3f) return 0;
    const protocol = <u32>load<u8>(ip, 9);
    if (protocol == TCP) return total < header + 20 ? 0 : ETHERNET_SIZE + header;
    return protocol == UDP ? ETHERNET_SIZE + header : 0;
  }

  @inline static portsOf(frame: usize, l4: usize): u64 {
    return <u64>load<u32>(frame + l4) | ((<u64>load<u8>(frame, 23)) << 32) | USED;
  }

  /** Entry of a key from its home on, or the first free one. */
  @inline static probe(home: usize, addresses: u64, ports: u64): usize {
    let entry = home;
    while (true) {
      const found = load<u64>(entry, PORTS_AT);
      if (found == ports && load<u64>(entry, SRC_DST_AT) == addresses) return entry;
      if (found == 0) return entry;
      entry += ENTRY_SIZE;
    }
  }

  @inline static fold(sum: u32): u32 {
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
  }

  /** RFC 1624 equation 3, the change given as a precomputed sum. */
  @inline static update(checksum: u32, delta: u32): u32 {
    return ~Step.fold((~checksum & 0xffff) + delta) & 0xffff;
  }

  @inline static rewrite(frame: usize, l4: usize, protocol: u32, entry: usize, now: u32): void {
    store<u32>(entry, now, SEEN_AT);
    store<u32>(frame, load<u32>(entry, ADDRESS_AT), 26);
    store<u16>(frame + l4, load<u16>(entry, PORT_AT));
    store<u16>(frame, <u16>Step.update(load<u16>(frame, 24), load<u16>(entry, IP_DELTA_AT)), 24);
    const at = frame + l4 + (protocol == TCP ? 16 : 6);
    const checksum = <u32>load<u16>(at);
    if (protocol == UDP && checksum == 0) return;
    const next = Step.update(checksum, load<u16>(entry, L4_DELTA_AT));
    store<u16>(at, <u16>(protocol == UDP && next == 0 ? 0xffff : next));
  }

  @inline static finish(frames: usize, count: u32, now: u32): u32 {
    let done: u32 = 0;
    let frame = frames;
    let scratch = scratchAt;
    for (let i: u32 = 0; i < count; i++) {
      const l4 = <usize>load<u32>(scratch, PARSED_L4_AT);
      if (l4 != 0) {
        const ports = load<u64>(scratch, PARSED_PORTS_AT);
        const entry = Step.probe(load<u32>(scratch, PARSED_ENTRY_AT), load<u64>(scratch, PARSED_ADDRESSES_AT), ports);
        if (load<u64>(entry, PORTS_AT) != 0) {
          Step.rewrite(frame, l4, <u32>(ports >> 32) & 0xff, entry, now);
          done++;
        }
      }
      frame += STRIDE;
      scratch += PARSED_SIZE;
    }
    return done;
  }
}

/** One frame at a time: frames `first` … `first + count - 1` of `length` bytes. @returns how many were translated */
export function single(first: u32, count: u32, length: u32, now: u32): u32 {
  let done: u32 = 0;
  let frame = framesAt + <usize>first * STRIDE;
  for (let i: u32 = 0; i < count; i++) {
    const l4 = Step.transportOffset(frame, length);
    if (l4 != 0) {
      const addresses = load<u64>(frame, 26);
      const ports = Step.portsOf(frame, l4);
      const entry = Step.probe(entriesAt + ((<usize>Step.hash(addresses, ports)) << 6), addresses, ports);
      if (load<u64>(entry, PORTS_AT) != 0) {
        Step.rewrite(frame, l4, load<u8>(frame, 23), entry, now);
        done++;
      }
    }
    frame += STRIDE;
  }
  return done;
}

/** The same in two passes over blocks: pass 1 stores blindly into the entry that pass 2 reads, so that cache misses overlap. */
export function batched(first: u32, count: u32, length: u32, now: u32): u32 {
  let done: u32 = 0;
  for (let from: u32 = 0; from < count; from += BLOCK) {
    const left = count - from;
    done += block(framesAt + <usize>(first + from) * STRIDE, left < BLOCK ? left : BLOCK, length, now);
  }
  return done;
}

// Scratch of one frame between the passes.
const PARSED_ADDRESSES_AT: usize = 0; // u64
const PARSED_PORTS_AT: usize = 8; // u64
const PARSED_ENTRY_AT: usize = 16; // u32
const PARSED_L4_AT: usize = 20; // u32, 0 = not for us

function block(frames: usize, count: u32, length: u32, now: u32): u32 {
  let frame = frames;
  let scratch = scratchAt;
  for (let i: u32 = 0; i < count; i++) {
    const l4 = Step.transportOffset(frame, length);
    store<u32>(scratch, <u32>l4, PARSED_L4_AT);
    if (l4 != 0) {
      const addresses = load<u64>(frame, 26);
      const ports = Step.portsOf(frame, l4);
      const entry = entriesAt + ((<usize>Step.hash(addresses, ports)) << 6);
      store<u16>(entry, <u16>i, TOUCH_AT);
      store<u64>(scratch, addresses, PARSED_ADDRESSES_AT);
      store<u64>(scratch, ports, PARSED_PORTS_AT);
      store<u32>(scratch, <u32>entry, PARSED_ENTRY_AT);
    }
    frame += STRIDE;
    scratch += PARSED_SIZE;
  }
  return Step.finish(frames, count, now);
}

/**
 * Enters the connections of the frames that lie there, with both directions, each translated to `address` and a port by its number.
 * @param address new source, as on the wire   @returns entries made: 2 per distinct connection
 */
export function learn(count: u32, length: u32, address: u32): u32 {
  let made: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const frame = framesAt + <usize>i * STRIDE;
    const l4 = Step.transportOffset(frame, length);
    if (l4 == 0) continue;
    const addresses = load<u64>(frame, 26);
    const ports = Step.portsOf(frame, l4);
    const source = <u32>addresses;
    const remote = <u32>(addresses >> 32);
    const own = <u32>ports & 0xffff;
    const remotePort = <u32>(ports >> 16) & 0xffff;
    const port = <u32>bswap<u16>(<u16>(32768 | (i & 32767)));
    if (!enter(addresses, ports, source, own, address, port)) continue;
    const replyPorts = <u64>remotePort | ((<u64>port) << 16) | (ports & 0xffff00000000) | USED;
    // Its own index makes the reply key unique where a port number serves many connections.
    enter(<u64>remote | ((<u64>(address + i)) << 32), replyPorts, address, port, source, own);
    made += 2;
  }
  return made;
}

function enter(addresses: u64, ports: u64, was: u32, own: u32, address: u32, port: u32): bool {
  const entry = Step.probe(entriesAt + ((<usize>Step.hash(addresses, ports)) << 6), addresses, ports);
  if (load<u64>(entry, PORTS_AT) != 0) return false;
  const ip = Step.fold((~was & 0xffff) + (~was >> 16) + (address & 0xffff) + (address >> 16));
  store<u64>(entry, addresses, SRC_DST_AT);
  store<u64>(entry, ports, PORTS_AT);
  store<u32>(entry, address, ADDRESS_AT);
  store<u16>(entry, <u16>port, PORT_AT);
  store<u16>(entry, <u16>ip, IP_DELTA_AT);
  store<u16>(entry, <u16>Step.fold(ip + (~own & 0xffff) + port), L4_DELTA_AT);
  return true;
}
