import { firstDifference } from "../net/bytes.js";
import { PROTOCOL_TCP, PROTOCOL_UDP, readBe16, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from "../net/decode.js";
import type { Connection, ConnectionTable } from "./connections.js";

// Most frames are one more segment of a connection about which nothing has changed. What the rules ask of such a frame comes down to a few
// comparisons, which are made here without decoding it. A frame is only ever accepted: whatever is not exactly as expected goes through all
// rules, which then say what is wrong.

/** Whole TCP and UDP packets in IPv4 without options, over Ethernet without tags: where things lie. */
const ETHERTYPE_AT = 12;
const IP_AT = 14;
const LENGTH_AT = 16;
const FRAGMENT_AT = 20;
const TTL_AT = 22;
const PROTOCOL_AT = 23;
const HEADER_SUM_AT = 24;
const SOURCE_AT = 26;
const DESTINATION_AT = 30;
const SOURCE_PORT_AT = 34;
const DESTINATION_PORT_AT = 36;
const TCP_OFFSET_AT = 46;
const TCP_FLAGS_AT = 47;
const TCP_SUM_AT = 50;
const UDP_SUM_AT = 40;
const LEAST_TCP = 54;
const LEAST_UDP = 42;

const IPV4 = 0x0800;
const NO_OPTIONS = 0x45;
const LINKTYPE_ETHERNET = 1;

/** A connection as its next frames have to show it, where nothing else happens. */
export interface KnownFlow {
  readonly connection: Connection;
  /** Addresses of endpoint and remote, their two ports, protocol. */
  readonly own: number;
  readonly far: number;
  readonly ports: number;
  readonly protocol: number;
  /** Index into `PolicyModel.egresses`. */
  readonly egress: number;
  /** Routed hops between endpoint and gateway. */
  readonly hops: number;
  /** Egress IP. */
  readonly address: number;
  readonly natPort: number;
  /** Policy epoch at which this was so. */
  readonly epoch: number;
}

/** One frame: three buffers in which it lies at the same place. See `FrameObservation` for what is not explained. */
export interface PlainFrame {
  captured: Uint8Array;
  given: Uint8Array;
  result: Uint8Array;
  /** Offset of its first byte in all three. */
  at: number;
  /** Captured bytes, the same in all three. */
  length: number;
  linkType: number;
  /** True for snat at from-endpoint, false for reverse of a reply that an endpoint received. */
  isOut: boolean;
  egress: number;
  evictions: number;
  /** Milliseconds since `Verifier.startNs`. */
  nowMs: number;
}

const FIRST_SLOTS = 1024;
/** Slots that a key may lie in: nobody can make a lookup long by choosing tuples. */
const MOST_PROBES = 16;

/** Flows by their inside tuple, in an open-addressed table with linear probing, at most half full. */
export class KnownFlows {
  readonly #table: ConnectionTable;
  #flows = emptySlots(FIRST_SLOTS);
  #count = 0;

  constructor(table: ConnectionTable) {
    this.#table = table;
  }

  /**
   * Remembers what the next frames of a connection have to look like, by a frame of its endpoint that was found right.
   * @param given, result the frame before and after   @param hops routed ones between endpoint and gateway
   */
  learn(connection: Connection, given: Uint8Array, result: Uint8Array, linkType: number, egress: number, hops: number) {
    if (connection.flow || !isPlain(given, 0, given.length, linkType)) return;
    if ((this.#count + 1) * 2 > this.#flows.length) this.#rebuild();
    const own = be32(given, SOURCE_AT);
    const far = be32(given, DESTINATION_AT);
    const flow: KnownFlow = {
      connection,
      own,
      far,
      ports: be32(given, SOURCE_PORT_AT),
      protocol: given[PROTOCOL_AT]!,
      egress,
      hops,
      address: be32(result, SOURCE_AT),
      natPort: readBe16(result, SOURCE_PORT_AT),
      epoch: this.#table.epoch,
    };
    if (this.#put(flow)) connection.flow = flow;
  }

  /**
   * Whether a frame is one more of a flow, and right in every respect; its connection is refreshed then.
   * @returns false where all rules have to be asked, and nothing was done
   */
  accepts(frame: PlainFrame): boolean {
    const { given, result, at, isOut } = frame;
    if (!isPlain(given, at, frame.length, frame.linkType)) return false;
    const flow = isOut ? this.#sentIn(given, at) : this.#receivedIn(frame.captured, at);
    if (!flow || !this.#isOfNow(flow, frame)) return false;
    const outside = isOut ? result : given;
    const own = isOut ? SOURCE_AT : DESTINATION_AT;
    const ownPort = isOut ? SOURCE_PORT_AT : DESTINATION_PORT_AT;
    if (be32(outside, at + own) !== flow.address || readBe16(outside, at + ownPort) !== flow.natPort) return false;
    if (!isRewritten(frame, flow.hops)) return false;
    // What comes out is what the endpoint received.
    if (!isOut && !isSame(frame.captured, result, at, at + frame.length)) return false;
    const flags = flow.protocol === PROTOCOL_TCP ? given[at + TCP_FLAGS_AT]! : 0;
    this.#table.refresh(flow.connection, flags, isOut, frame.nowMs);
    return true;
  }

  /** Neither time nor anything that happened since can have changed or ended the connection. */
  #isOfNow(flow: KnownFlow, { egress, evictions, nowMs }: PlainFrame): boolean {
    const { connection } = flow;
    const table = this.#table;
    if (connection.flow !== flow || flow.epoch !== table.epoch) return false;
    return flow.egress === egress && table.evictions === evictions && table.mustLive(connection, nowMs);
  }

  /** The flow of a frame as its endpoint sent it. */
  #sentIn(bytes: Uint8Array, at: number): KnownFlow | undefined {
    const own = be32(bytes, at + SOURCE_AT);
    const far = be32(bytes, at + DESTINATION_AT);
    return this.#find(own, far, be32(bytes, at + SOURCE_PORT_AT), bytes[at + PROTOCOL_AT]!);
  }

  /** The flow of a frame as its endpoint received it. */
  #receivedIn(bytes: Uint8Array, at: number): KnownFlow | undefined {
    const own = be32(bytes, at + DESTINATION_AT);
    const far = be32(bytes, at + SOURCE_AT);
    const pair = be32(bytes, at + SOURCE_PORT_AT);
    return this.#find(own, far, ((pair << 16) | (pair >>> 16)) >>> 0, bytes[at + PROTOCOL_AT]!);
  }

  #find(own: number, far: number, ports: number, protocol: number): KnownFlow | undefined {
    const flows = this.#flows;
    const mask = flows.length - 1;
    let slot = mix(own, far, ports, protocol) & mask;
    for (let i = 0; i < MOST_PROBES; i++) {
      const flow = flows[slot];
      if (!flow) return undefined;
      if (flow.own === own && flow.far === far && flow.ports === ports && flow.protocol === protocol) return flow;
      slot = (slot + 1) & mask;
    }
    return undefined;
  }

  /** @returns false where its surroundings are full: then it goes the long way */
  #put(flow: KnownFlow): boolean {
    const { own, far, ports, protocol } = flow;
    const mask = this.#flows.length - 1;
    let slot = mix(own, far, ports, protocol) & mask;
    for (let i = 0; i < MOST_PROBES; i++) {
      const other = this.#flows[slot];
      const isSameKey =
        other && other.own === own && other.far === far && other.ports === ports && other.protocol === protocol;
      if (!other) this.#count++;
      if (!other || isSameKey) {
        this.#flows[slot] = flow;
        return true;
      }
      slot = (slot + 1) & mask;
    }
    return false;
  }

  /** Makes room, and keeps only flows that go on. */
  #rebuild(): void {
    const live = this.#flows.filter((flow): flow is KnownFlow => flow !== undefined && flow.connection.flow === flow);
    this.#flows = emptySlots(Math.max(FIRST_SLOTS, 2 ** Math.ceil(Math.log2((live.length + 1) * 4))));
    this.#count = 0;
    for (const flow of live) if (!this.#put(flow)) flow.connection.flow = undefined;
  }
}

function emptySlots(count: number): (KnownFlow | undefined)[] {
  return new Array<KnownFlow | undefined>(count).fill(undefined);
}

/** A whole packet in which everything lies in its usual place, and which neither opens nor ends a connection. */
function isPlain(bytes: Uint8Array, at: number, length: number, linkType: number): boolean {
  if (linkType !== LINKTYPE_ETHERNET || length < LEAST_UDP) return false;
  if (readBe16(bytes, at + ETHERTYPE_AT) !== IPV4 || bytes[at + IP_AT] !== NO_OPTIONS) return false;
  const end = IP_AT + readBe16(bytes, at + LENGTH_AT);
  if (end > length || (readBe16(bytes, at + FRAGMENT_AT) & 0x3fff) !== 0 || bytes[at + DESTINATION_AT] === 0)
    return false;
  if (bytes[at + PROTOCOL_AT] === PROTOCOL_UDP) return end >= LEAST_UDP && readBe16(bytes, at + UDP_SUM_AT) !== 0;
  if (bytes[at + PROTOCOL_AT] !== PROTOCOL_TCP || end < LEAST_TCP) return false;
  if ((bytes[at + TCP_FLAGS_AT]! & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) !== TCP_ACK) return false;
  const offset = (bytes[at + TCP_OFFSET_AT]! >> 4) * 4;
  return offset >= 20 && SOURCE_PORT_AT + offset <= end;
}

/** Only what translation changes has changed, and both checksums are as far off as before: what all other words come to cancels (RFC 1624). */
function isRewritten({ given, result, at, length, isOut }: PlainFrame, hops: number): boolean {
  const own = at + (isOut ? SOURCE_AT : DESTINATION_AT);
  const far = at + (isOut ? DESTINATION_AT : SOURCE_AT);
  const ownPort = at + (isOut ? SOURCE_PORT_AT : DESTINATION_PORT_AT);
  const farPort = at + (isOut ? DESTINATION_PORT_AT : SOURCE_PORT_AT);
  const isUdp = given[at + PROTOCOL_AT] === PROTOCOL_UDP;
  const sum = at + (isUdp ? UDP_SUM_AT : TCP_SUM_AT);
  const isKept =
    result[at + TTL_AT] === given[at + TTL_AT]! - hops &&
    given[at + PROTOCOL_AT] === result[at + PROTOCOL_AT] &&
    isSame(given, result, at, at + TTL_AT) &&
    isSame(given, result, far, far + 4) &&
    isSame(given, result, farPort, farPort + 2) &&
    isSame(given, result, at + DESTINATION_PORT_AT + 2, sum) &&
    isSame(given, result, sum + 2, at + length);
  if (!isKept) return false;
  const address = difference(given, result, own) + difference(given, result, own + 2);
  const header = address + difference(given, result, at + TTL_AT) + difference(given, result, at + HEADER_SUM_AT);
  const body = address + difference(given, result, ownPort) + difference(given, result, sum);
  if (header % 0xffff !== 0 || body % 0xffff !== 0) return false;
  // RFC 768: a computed zero is sent as ffff.
  return !(isUdp && readBe16(result, sum) === 0) && !isPartial(given, at, readBe16(given, sum));
}

/** Of one 16-bit word, before less after. */
function difference(given: Uint8Array, result: Uint8Array, at: number): number {
  return readBe16(given, at) - readBe16(result, at);
}

/** The field may hold the sum of the pseudo-header alone, as transmit offload leaves it. */
function isPartial(bytes: Uint8Array, at: number, field: number): boolean {
  let sum = bytes[at + PROTOCOL_AT]! + readBe16(bytes, at + LENGTH_AT) - (SOURCE_PORT_AT - IP_AT);
  for (let word = SOURCE_AT; word < SOURCE_PORT_AT; word += 2) sum += readBe16(bytes, at + word);
  return (sum - field) % 0xffff === 0;
}

/** Spans longer than this are compared by the platform's memory comparison. */
const LONG_SPAN = 96;

function isSame(a: Uint8Array, b: Uint8Array, from: number, to: number): boolean {
  if (to - from > LONG_SPAN) return firstDifference(a.subarray(from, to), b.subarray(from, to)) < 0;
  for (let at = from; at < to; at++) if (a[at] !== b[at]) return false;
  return true;
}

function be32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Spreads keys over the slots. */
function mix(own: number, far: number, ports: number, protocol: number): number {
  let h = Math.imul(own ^ protocol, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15) ^ far, 0x85ebca77);
  h = Math.imul(h ^ (h >>> 13) ^ ports, 0xc2b2ae3d);
  return (h ^ (h >>> 16)) >>> 0;
}
