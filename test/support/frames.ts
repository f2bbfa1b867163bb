/**
 * Frames built in words for tests. Every length and checksum is right by a full recount unless a test asks otherwise,
 * and nothing here is shared with the product, so that a fault there cannot approve itself.
 *
 *   ethernet(ipv4({ src: ENDPOINT, dst: REMOTE }, udp({ srcPort: 4000, dstPort: 53, payload: text("hi") })))
 */
import { addOnes, addressOctets, be16, be32, concat, type Layer4, onesSum, padTo } from "./segments.js";

export * from "./segments.js";

export interface Ipv4Fields {
  src: string;
  dst: string;
  ttl?: number;
  id?: number;
  dontFragment?: boolean;
  moreFragments?: boolean;
  /** In bytes, a multiple of 8. */
  fragmentOffset?: number;
  trafficClass?: number;
  /** Padded with zero bytes to a multiple of 4. */
  options?: Uint8Array;
  headerChecksum?: number | { readonly wrongBy: number };
  /** Overrides the total length field, e.g. 0 for a packet larger than 65,535 bytes. */
  totalLength?: number;
}

export function ipv4(fields: Ipv4Fields, payload: Layer4): Uint8Array {
  const src = addressOctets(fields.src);
  const dst = addressOctets(fields.dst);
  const body = payload.bytes({ family: 4, src, dst });
  const options = padTo(fields.options ?? new Uint8Array(0), 4);
  const headerLength = 20 + options.length;
  const fragment =
    (fields.dontFragment ? 0x4000 : 0) | (fields.moreFragments ? 0x2000 : 0) | ((fields.fragmentOffset ?? 0) >> 3);
  const header = concat(
    Uint8Array.of(0x40 | (headerLength / 4), fields.trafficClass ?? 0),
    be16(fields.totalLength ?? headerLength + body.length),
    be16(fields.id ?? 0x1234),
    be16(fragment),
    Uint8Array.of(fields.ttl ?? 64, payload.protocol(4)),
    be16(0),
    src,
    dst,
    options,
  );
  const right = ~onesSum(header) & 0xffff;
  const wanted = fields.headerChecksum ?? right;
  header.set(be16(typeof wanted === "number" ? wanted : addOnes(right, wanted.wrongBy)), 10);
  return concat(header, body);
}

/** One IPv6 extension header: `body` is padded so that the whole is a multiple of 8 bytes. */
export interface Ipv6Extension {
  /** 0 hop-by-hop, 43 routing, 60 destination options, 51 authentication … */
  readonly type: number;
  readonly body?: Uint8Array;
}

export interface Ipv6Fields {
  src: string;
  dst: string;
  hopLimit?: number;
  trafficClass?: number;
  flowLabel?: number;
  extensions?: readonly Ipv6Extension[];
  /** Puts a fragment header (RFC 8200 section 4.5) last of the chain. */
  fragment?: { readonly id: number; readonly offset?: number; readonly more?: boolean };
}

export function ipv6(fields: Ipv6Fields, payload: Layer4): Uint8Array {
  const src = addressOctets(fields.src);
  const dst = addressOctets(fields.dst);
  const extensions = [...(fields.extensions ?? [])];
  const chain = extensions.map((extension) => extension.type);
  if (fields.fragment) chain.push(44);
  chain.push(payload.protocol(6));
  const parts = extensions.map((extension, i) => extensionBytes(extension, chain[i + 1]));
  if (fields.fragment) {
    const { id, offset = 0, more = false } = fields.fragment;
    parts.push(concat(Uint8Array.of(payload.protocol(6), 0), be16((offset & 0xfff8) | (more ? 1 : 0)), be32(id)));
  }
  const body = concat(...parts, payload.bytes({ family: 6, src, dst }));
  return concat(
    be32(0x60000000 + (fields.trafficClass ?? 0) * 0x10_0000 + (fields.flowLabel ?? 0)),
    be16(body.length),
    Uint8Array.of(chain[0], fields.hopLimit ?? 64),
    src,
    dst,
    body,
  );
}

/**
 * Cuts an IPv4 packet into fragments whose payloads have `sizes` bytes (multiples of 8 but for the last, which takes the rest).
 * The transport checksum stays that of the whole.
 */
export function ipv4FragmentsOf(packet: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const headerLength = (packet[0] & 15) * 4;
  const body = packet.subarray(headerLength);
  const flags = ((packet[6] << 8) | packet[7]) & 0x4000;
  return cuts(body.length, sizes).map(([from, to]) => {
    const header = packet.slice(0, headerLength);
    header.set(be16(headerLength + to - from), 2);
    header.set(be16(flags | (to < body.length ? 0x2000 : 0) | (from >> 3)), 6);
    header.set(be16(0), 10);
    header.set(be16(~onesSum(header) & 0xffff), 10);
    return concat(header, body.subarray(from, to));
  });
}

/** The same for an IPv6 packet without extension headers. */
export function ipv6FragmentsOf(packet: Uint8Array, sizes: readonly number[], id: number): Uint8Array[] {
  const body = packet.subarray(40);
  return cuts(body.length, sizes).map(([from, to]) => {
    const header = packet.slice(0, 40);
    header.set(be16(8 + to - from), 4);
    header[6] = 44;
    const fragment = concat(Uint8Array.of(packet[6], 0), be16(from | (to < body.length ? 1 : 0)), be32(id));
    return concat(header, fragment, body.subarray(from, to));
  });
}

/** All orders in which three fragments can come. */
export const ORDERS_OF_THREE = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

export interface EthernetFields {
  src?: string;
  dst?: string;
  /** Outermost first; `tpid` defaults to 0x8100. */
  vlans?: readonly { readonly id: number; readonly tpid?: number }[];
  /** Bytes after the packet (padding). */
  trailer?: Uint8Array;
  /** Overrides the EtherType that the packet's version gives. */
  etherType?: number;
}

export function ethernet(packet: Uint8Array, fields: EthernetFields = {}): Uint8Array {
  const tags = (fields.vlans ?? []).flatMap((vlan) => [be16(vlan.tpid ?? 0x8100), be16(vlan.id)]);
  return concat(
    macOctets(fields.dst ?? "02:00:00:00:00:02"),
    macOctets(fields.src ?? "02:00:00:00:00:01"),
    ...tags,
    be16(fields.etherType ?? etherTypeOf(packet)),
    packet,
    fields.trailer ?? new Uint8Array(0),
  );
}

/** 802.1ad: service tag outside, customer tag inside. */
export function qinq(packet: Uint8Array, outer: number, inner: number): Uint8Array {
  return ethernet(packet, { vlans: [{ id: outer, tpid: 0x88a8 }, { id: inner }] });
}

/** Linux cooked capture v1 (LINKTYPE 113). */
export function sll(packet: Uint8Array, packetType = 0): Uint8Array {
  const address = concat(macOctets("02:00:00:00:00:01"), be16(0));
  return concat(be16(packetType), be16(1), be16(6), address, be16(etherTypeOf(packet)), packet);
}

/** Linux cooked capture v2 (LINKTYPE 276). */
export function sll2(packet: Uint8Array, fields: { packetType?: number; interfaceIndex?: number } = {}): Uint8Array {
  const address = concat(macOctets("02:00:00:00:00:01"), be16(0));
  return concat(
    be16(etherTypeOf(packet)),
    be16(0),
    be32(fields.interfaceIndex ?? 2),
    be16(1),
    Uint8Array.of(fields.packetType ?? 0, 6),
    address,
    packet,
  );
}

/** BSD loopback (LINKTYPE 0): address family in the byte order of the capturing host. */
export function nullLink(packet: Uint8Array, order: "little" | "big" = "little"): Uint8Array {
  const family = be32(packet[0] >> 4 === 4 ? 2 : 30);
  return concat(order === "big" ? family : family.reverse(), packet);
}

/** OpenBSD loopback (LINKTYPE 108): the same, always big-endian. */
export function loopLink(packet: Uint8Array): Uint8Array {
  return nullLink(packet, "big");
}

/** PPP (LINKTYPE 9), with the HDLC address and control bytes unless told otherwise. */
export function ppp(packet: Uint8Array, hdlc = true): Uint8Array {
  const protocol = be16(packet[0] >> 4 === 4 ? 0x0021 : 0x0057);
  return concat(hdlc ? Uint8Array.of(0xff, 0x03) : new Uint8Array(0), protocol, packet);
}

/** VXLAN (RFC 7348) around an Ethernet frame, as UDP payload. */
export function vxlan(vni: number, frame: Uint8Array): Uint8Array {
  return concat(be32(0x08000000), be32(vni * 256), frame);
}

function extensionBytes(extension: Ipv6Extension, next: number): Uint8Array {
  const body = extension.body ?? new Uint8Array(6);
  if (extension.type === 51) {
    // RFC 4302: length in 4-byte units minus 2; the whole stays a multiple of 8 in IPv6.
    const whole = padTo(concat(Uint8Array.of(next, 0), body), 8);
    whole[1] = whole.length / 4 - 2;
    return whole;
  }
  const whole = padTo(concat(Uint8Array.of(next, 0), body), 8);
  whole[1] = whole.length / 8 - 1;
  return whole;
}

function cuts(length: number, sizes: readonly number[]): [number, number][] {
  const out: [number, number][] = [];
  let at = 0;
  for (const size of sizes) {
    if (size % 8 !== 0) throw new Error(`fragment size ${size} is no multiple of 8`);
    out.push([at, Math.min(at + size, length)]);
    at += size;
  }
  if (at < length) out.push([at, length]);
  return out;
}

function etherTypeOf(packet: Uint8Array): number {
  return packet[0] >> 4 === 6 ? 0x86dd : 0x0800;
}

function macOctets(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(":"), (part) => Number.parseInt(part, 16));
}
