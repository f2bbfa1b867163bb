import { FRAME_BYTES } from "../../../src/bench/frames.js";

// The work of assembly/bench/reference.ts, batched, in plain JavaScript: what a translator would cost without WebAssembly. Same entries, same
// fill, same blocks; only the hash is of 32 bits, as JavaScript has no other whole numbers that are fast.

const TYPE_IPV4 = 0x0008; // as it lies in memory
const NOT_FIRST_OR_MORE = 0xff3f;
const TCP = 6;
const UDP = 17;
const SEED = 0x243f6a88;

/** Words of an entry of 64 bytes, one entry per direction of a connection. Addresses and ports as they lie in memory. */
const SOURCE = 0;
const DESTINATION = 1;
const PORTS = 2;
const PROTOCOL = 3; // with USED where the entry is in use
const SEEN = 4;
const ADDRESS = 5;
const PORT = 6;
const IP_DELTA = 7;
const L4_DELTA = 8;
const TOUCH = 15; // written blindly by pass 1
const ENTRY_WORDS = 16;
const USED = 1 << 8;

const BLOCK = 32;
const GUARD_ENTRIES = 192;
/** 203.0.113.200 as it lies in memory. */
const NEW_SOURCE = 0xc87100cb | 0;
const FIRST_PORT = 32768;

/** Where things lie in a frame, in words of 16 bits. */
const FRAME_WORDS = FRAME_BYTES / 2;
const TYPE_AT = 6;
const VERSION_AT = 7;
const TOTAL_AT = 8;
const FRAGMENT_AT = 10;
const TTL_PROTOCOL_AT = 11;
const IP_CHECKSUM_AT = 12;
const SOURCE_AT = 13;
const DESTINATION_AT = 15;

function swap(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8);
}

function fold(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** RFC 1624 equation 3, the change given as a precomputed sum. */
function update(checksum: number, delta: number): number {
  return ~fold((~checksum & 0xffff) + delta) & 0xffff;
}

/** A translator with frames to run over. */
export class PlainKernel {
  readonly #pristine: Uint8Array;
  readonly #bytes: Uint8Array;
  readonly #frames: Uint16Array;
  readonly #entries: Int32Array;
  readonly #entryCount: number;
  // Of the frames of a block, between the passes.
  readonly #source = new Int32Array(BLOCK);
  readonly #destination = new Int32Array(BLOCK);
  readonly #ports = new Int32Array(BLOCK);
  readonly #home = new Int32Array(BLOCK);
  /** Transport header's word in the frame, 0 = not for us. */
  readonly #l4 = new Int32Array(BLOCK);
  #now = 1;

  /** Knows the connections of `frames`. @param frames of FRAME_BYTES each   @param connections distinct ones among them */
  constructor(frames: Uint8Array, connections: number) {
    this.#pristine = frames;
    this.#bytes = new Uint8Array(frames.length);
    this.#frames = new Uint16Array(this.#bytes.buffer);
    this.#entryCount = connections * 3;
    this.#entries = new Int32Array((this.#entryCount + GUARD_ENTRIES) * ENTRY_WORDS);
    this.restore();
    for (let i = 0; i < frames.length / FRAME_BYTES; i++) this.#learn(i);
  }

  /** Puts the frames back as they were before they were translated. */
  restore(): void {
    this.#bytes.set(this.#pristine);
  }

  /** The frames as the last pass left them. */
  get frames(): Uint8Array {
    return this.#bytes;
  }

  /** Translates every frame once. @returns frames translated */
  pass(): number {
    const count = this.#frames.length / FRAME_WORDS;
    this.#now++;
    let done = 0;
    for (let first = 0; first < count; first += BLOCK) {
      const size = Math.min(BLOCK, count - first);
      this.#parse(first, size);
      done += this.#finish(first, size);
    }
    return done;
  }

  /** Pass 1: stores blindly into the entry that pass 2 reads, so that cache misses overlap. */
  #parse(first: number, size: number): void {
    const frames = this.#frames;
    const entries = this.#entries;
    for (let i = 0; i < size; i++) {
      const at = (first + i) * FRAME_WORDS;
      const l4 = this.#transportWord(at);
      this.#l4[i] = l4;
      if (l4 === 0) continue;
      const source = frames[at + SOURCE_AT]! | (frames[at + SOURCE_AT + 1]! << 16);
      const destination = frames[at + DESTINATION_AT]! | (frames[at + DESTINATION_AT + 1]! << 16);
      const ports = frames[at + l4]! | (frames[at + l4 + 1]! << 16);
      const home = this.#homeOf(source, destination, ports, frames[at + TTL_PROTOCOL_AT]! >>> 8);
      entries[home + TOUCH] = i;
      this.#source[i] = source;
      this.#destination[i] = destination;
      this.#ports[i] = ports;
      this.#home[i] = home;
    }
  }

  #finish(first: number, size: number): number {
    const entries = this.#entries;
    let done = 0;
    for (let i = 0; i < size; i++) {
      const l4 = this.#l4[i]!;
      if (l4 === 0) continue;
      const at = (first + i) * FRAME_WORDS;
      const protocol = this.#frames[at + TTL_PROTOCOL_AT]! >>> 8;
      const entry = this.#probe(
        this.#home[i]!,
        this.#source[i]!,
        this.#destination[i]!,
        this.#ports[i]!,
        protocol | USED,
      );
      if (entries[entry + PROTOCOL] === 0) continue;
      this.#rewrite(at, l4, protocol, entry);
      done++;
    }
    return done;
  }

  #rewrite(at: number, l4: number, protocol: number, entry: number): void {
    const frames = this.#frames;
    const entries = this.#entries;
    entries[entry + SEEN] = this.#now;
    const address = entries[entry + ADDRESS]!;
    frames[at + SOURCE_AT] = address;
    frames[at + SOURCE_AT + 1] = address >>> 16;
    frames[at + l4] = entries[entry + PORT]!;
    frames[at + IP_CHECKSUM_AT] = update(frames[at + IP_CHECKSUM_AT]!, entries[entry + IP_DELTA]!);
    const checksumAt = at + l4 + (protocol === TCP ? 8 : 3);
    const checksum = frames[checksumAt]!;
    if (protocol === UDP && checksum === 0) return;
    const next = update(checksum, entries[entry + L4_DELTA]!);
    frames[checksumAt] = protocol === UDP && next === 0 ? 0xffff : next;
  }

  /** The transport header's word from the frame's start, or 0 where the frame is not plain IPv4 TCP or UDP. */
  #transportWord(at: number): number {
    const frames = this.#frames;
    if (frames[at + TYPE_AT] !== TYPE_IPV4) return 0;
    const version = frames[at + VERSION_AT]! & 0xff;
    const header = (version & 15) << 2;
    const total = swap(frames[at + TOTAL_AT]!);
    if (version >>> 4 !== 4 || header < 20 || total < header + 8 || total + 14 > FRAME_BYTES) return 0;
    if (frames[at + FRAGMENT_AT]! & NOT_FIRST_OR_MORE) return 0;
    const protocol = frames[at + TTL_PROTOCOL_AT]! >>> 8;
    if (protocol === TCP) return total < header + 20 ? 0 : (14 + header) >>> 1;
    return protocol === UDP ? (14 + header) >>> 1 : 0;
  }

  /** Word of the entry at which the search for a key begins. */
  #homeOf(source: number, destination: number, ports: number, protocol: number): number {
    let h = Math.imul(source ^ SEED, 0x9e3779b1);
    h = Math.imul(h ^ (h >>> 15) ^ destination, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13) ^ ports ^ protocol, 0xc2b2ae35);
    h ^= h >>> 16;
    return Math.floor(((h >>> 0) / 0x1_0000_0000) * this.#entryCount) * ENTRY_WORDS;
  }

  /** The entry of a key from its home on, or the first free one. */
  #probe(home: number, source: number, destination: number, ports: number, protocol: number): number {
    const entries = this.#entries;
    for (let entry = home; ; entry += ENTRY_WORDS) {
      const found = entries[entry + PROTOCOL];
      if (found === 0) return entry;
      if (
        found === protocol &&
        entries[entry + SOURCE] === source &&
        entries[entry + DESTINATION] === destination &&
        entries[entry + PORTS] === ports
      )
        return entry;
    }
  }

  /** Enters both directions of the connection of one frame, translated to NEW_SOURCE and a port by its number. */
  #learn(number: number): void {
    const frames = this.#frames;
    const at = number * FRAME_WORDS;
    const l4 = this.#transportWord(at);
    if (l4 === 0) return;
    const source = frames[at + SOURCE_AT]! | (frames[at + SOURCE_AT + 1]! << 16);
    const remote = frames[at + DESTINATION_AT]! | (frames[at + DESTINATION_AT + 1]! << 16);
    const protocol = frames[at + TTL_PROTOCOL_AT]! >>> 8;
    const [own, remotePort] = [frames[at + l4]!, frames[at + l4 + 1]!];
    const port = swap(FIRST_PORT | (number & 32767));
    if (!this.#enter(source, remote, own | (remotePort << 16), protocol, NEW_SOURCE, port)) return;
    // Its own number makes the reply's key unique where a port serves many connections.
    this.#enter(remote, (NEW_SOURCE + number) | 0, remotePort | (port << 16), protocol, source, own);
  }

  #enter(source: number, destination: number, ports: number, protocol: number, address: number, port: number): boolean {
    const entry = this.#probe(
      this.#homeOf(source, destination, ports, protocol),
      source,
      destination,
      ports,
      protocol | USED,
    );
    if (this.#entries[entry + PROTOCOL] !== 0) return false;
    const was = ~source;
    const ip = fold((was & 0xffff) + (was >>> 16) + (address & 0xffff) + (address >>> 16));
    const l4 = fold(ip + (~ports & 0xffff) + port);
    this.#entries.set([source, destination, ports, protocol | USED, 0, address, port, ip, l4], entry);
    return true;
  }
}
