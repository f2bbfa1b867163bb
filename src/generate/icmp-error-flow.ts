import { type Flow, type FlowStart, THINK_NS, type Workshop } from "./flow.js";
import {
  ETHERNET_SIZE,
  type FrameBuilder,
  ipHeaderSize,
  type Path,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_UDP,
  writeIPv4Checksum,
} from "./frame-builder.js";
import type { Random } from "./random.js";

const HEADER_SIZE = 8;
const QUOTE_COUNT = 64;
/** Packets up to this length may be quoted whole; of longer ones the least is quoted. */
const WHOLE_QUOTE_SIZE = 512;
/** The least that a router must quote is the IP header and 8 bytes (RFC 792). */
const LEAST_BEHIND_HEADER = 8;
const LINK_MTU = 1400;

interface ErrorType {
  readonly type: number;
  readonly code: number;
  /** Written into the second word where the error tells of a packet that is too big. */
  readonly mtu: number;
}

const PORT_UNREACHABLE = { 4: { type: 3, code: 3, mtu: 0 }, 6: { type: 1, code: 4, mtu: 0 } } as const;
const FROM_ROUTERS: Readonly<Record<4 | 6, readonly ErrorType[]>> = {
  4: [
    { type: 11, code: 0, mtu: 0 }, // time exceeded in transit
    { type: 3, code: 1, mtu: 0 }, // host unreachable
    { type: 3, code: 4, mtu: LINK_MTU }, // fragmentation needed
  ],
  6: [
    { type: 3, code: 0, mtu: 0 }, // hop limit exceeded
    { type: 1, code: 3, mtu: 0 }, // address unreachable
    { type: 2, code: 0, mtu: LINK_MTU }, // packet too big
  ],
};

interface Quote {
  readonly path: Path;
  readonly protocol: number;
  /** The IP packet, whole or as far as the least that is quoted. */
  readonly bytes: Uint8Array;
}

/** The last packets that endpoints sent, for errors to quote. */
export class RecentPackets {
  readonly #quotes: Quote[] = [];
  #at = 0;

  add(frame: FrameBuilder, protocol: number): void {
    const isWhole = frame.packetLength <= WHOLE_QUOTE_SIZE;
    const size = isWhole ? frame.packetLength : ipHeaderSize(frame.path.family) + LEAST_BEHIND_HEADER;
    const bytes = frame.bytes.slice(ETHERNET_SIZE, ETHERNET_SIZE + size);
    this.#quotes[this.#at] = { path: frame.path, protocol, bytes };
    this.#at = (this.#at + 1) % QUOTE_COUNT;
  }

  draw(random: Random): Quote {
    return this.#quotes[random.below(this.#quotes.length)]!;
  }
}

/** One ICMP error about an earlier packet of the trace, from its remote or from a router on the way. */
export class IcmpErrorFlow implements Flow {
  left = 1;

  constructor(
    readonly start: FlowStart,
    readonly recent: RecentPackets,
  ) {}

  write({ frame, random, sizes }: Workshop): number {
    this.left--;
    const quote = this.recent.draw(random);
    const { family, remote } = quote.path;
    const fromRemote = quote.protocol === PROTOCOL_UDP;
    const error = fromRemote ? PORT_UNREACHABLE[family] : FROM_ROUTERS[family][random.below(3)]!;
    const path = { ...quote.path, remote: fromRemote ? remote : this.start.path.remote };
    const protocol = family === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
    frame.start(path, false, protocol, random.below(65_536));
    const at = frame.header(HEADER_SIZE);
    frame.view.setUint8(at, error.type);
    frame.view.setUint8(at + 1, error.code);
    frame.view.setUint32(at + 4, error.mtu);
    frame.appendBytes(quotedBytes(quote, random));
    frame.view.setUint16(at + 2, frame.checksum(protocol, HEADER_SIZE));
    frame.finish();
    sizes.note(frame.packetLength);
    return THINK_NS;
  }
}

/** The packet as it came to whoever complains: some hops older, and quoted as far as the sender of the error cares to. */
function quotedBytes({ path, bytes }: Quote, random: Random): Uint8Array {
  const least = Math.min(bytes.length, ipHeaderSize(path.family) + LEAST_BEHIND_HEADER);
  const quoted = bytes.slice(0, random.chance(0.5) ? least : bytes.length);
  const hops = random.between(1, 20);
  if (path.family === 6) {
    quoted[7] = quoted[7]! - hops;
    return quoted;
  }
  quoted[8] = quoted[8]! - hops;
  writeIPv4Checksum(new DataView(quoted.buffer), 0);
  return quoted;
}
