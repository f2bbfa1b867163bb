import type { Family } from "../../../src/net/address.js";
import {
  addOnes,
  be16,
  type Ipv4Fields,
  type Ipv6Extension,
  ipv4,
  ipv6,
  type Layer4,
  onesSum,
} from "../../support/frames.js";
import type { Side } from "./gateway.js";

/** Addresses of one role in either family. */
export type PerFamily<T> = Readonly<Record<Family, T>>;

export const EGRESS_IPS: PerFamily<string> = { 4: "203.0.113.1", 6: "2001:db8:cb00:7101::1" };
/** Every pod has an address of each family, in the same place of both lists. */
export const PODS: PerFamily<readonly string[]> = {
  4: ["10.1.0.7", "10.1.0.8", "10.1.3.9", "10.1.255.1"],
  6: ["fd00:10:1::7", "fd00:10:1::8", "fd00:10:1:3::9", "fd00:10:1:ff:ffff:ffff:ffff:ffff"],
};
/** A router on the pods' side: its errors quote pods' connections. */
export const POD_ROUTER: PerFamily<string> = { 4: "10.1.7.1", 6: "fd00:10:1:7::1" };
/** Ones on the remotes' side. */
export const ROUTERS: PerFamily<readonly string[]> = {
  4: ["198.18.0.1", "192.0.2.77"],
  6: ["2001:db8:c612::1", "2001:db8:c000:24d::"],
};
/** No pod ever talks to this host, and none to this port: what names them belongs to no connection, whatever ports a gateway chose. */
export const STRANGER: PerFamily<string> = { 4: "198.51.100.99", 6: "2001:db8:6433::99" };
export const FREE_PORT = 9999;
const REMOTES: PerFamily<readonly string[]> = {
  4: ["198.51.100.10", "198.51.100.11", "192.0.2.102", "8.8.8.8", "100.64.9.9"],
  6: ["2001:db8:6433::10", "2001:db8:6433::11", "2001:db8:6433:0:1::10", "2001:4860:4860::8888", "64:ff9b::808:808"],
};
const IPV6_FRAGMENT_HEADER = 44;
/** What identifies a datagram of IPv6 in fragments: this and its mark. */
export const FRAGMENT_ID = 0x5eed_0000;
/** How many of a hundred conversations are in IPv6, of the kinds that there are in both. */
const IPV6_PERCENT = 45;

/** Whom a conversation is between. For ICMP `port` is the id and `remotePort` means nothing. */
export interface Flow {
  readonly pod: string;
  readonly port: number;
  readonly remote: string;
  readonly remotePort: number;
}

/** What one gateway made of a conversation so far. */
export interface View {
  /** NAT port or ICMP id; the pod's own one until a packet came through. */
  port: number;
  /** The last packets that reached either side; of a datagram in fragments the first one. */
  atRemote: Uint8Array | undefined;
  atPod: Uint8Array | undefined;
}

/** One packet of a conversation, or the fragments of one. It is sent only after what the step before sent has come through. */
export interface Step {
  readonly from: Side;
  /** The same for both gateways but for what it takes from the view. Identifications (IPv6: flow labels) are put in by the caller. */
  packets(view: View): Uint8Array | readonly Uint8Array[];
  /** What is unusual about it, for the list of known differences. */
  readonly note?: string | undefined;
  /** Carries a checksum that is wrong on purpose. */
  readonly wrong?: boolean | undefined;
}

/** A kind of conversation: one small generator. */
export interface Kind {
  readonly name: string;
  /** How often it occurs, relative to the others. */
  readonly weight: number;
  /** Where it occurs; default in both. */
  readonly families?: readonly Family[];
  steps(flow: Flow, dice: Dice): Step[];
}

/** Numbers that depend on a seed alone (xorshift32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1;
    for (let i = 0; i < 8; i++) this.below(2);
  }

  /** 0 … `limit`-1. */
  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return Math.floor((this.#state / 0x1_0000_0000) * limit);
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  /** An element, each as often as its weight says. */
  weighted<T extends { readonly weight: number }>(list: readonly T[]): T {
    let left = this.below(list.reduce((sum, { weight }) => sum + weight, 0));
    return list.find(({ weight }) => {
      left -= weight;
      return left < 0;
    })!;
  }
}

/** Five-tuples for conversations: none twice, and often the same source port of several pods toward one remote. */
export class Flows {
  readonly #dice: Dice;
  readonly #used = new Set<string>();
  readonly #last: Partial<Record<Family, Flow>> = {};

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  next(families: readonly Family[] = [4, 6]): Flow {
    const both = this.#dice.chance(IPV6_PERCENT) ? 6 : 4;
    const family = families.includes(both) ? both : families[0]!;
    for (;;) {
      const flow = this.#draw(family);
      const key = Object.values(flow).join();
      if (this.#used.has(key)) continue;
      this.#used.add(key);
      this.#last[family] = flow;
      return flow;
    }
  }

  #draw(family: Family): Flow {
    const dice = this.#dice;
    const pod = dice.pick(PODS[family]);
    const last = this.#last[family];
    if (last && dice.chance(40)) return { ...last, pod };
    const port = dice.chance(5) ? dice.between(1, 1023) : dice.between(1024, 65535);
    return { pod, port, remote: dice.pick(REMOTES[family]), remotePort: dice.pick([53, 80, 443, 8080, 5201, 40000]) };
  }
}

/** Header fields in IPv4's words. IPv6 takes `ttl` and `trafficClass` of them, and has extension headers instead of options. */
export type Header = Partial<Ipv4Fields> & { readonly extensions?: readonly Ipv6Extension[] };

export function familyOf(address: string): Family {
  return address.includes(":") ? 6 : 4;
}

/** What a table has for the family of a conversation. */
export function perFamily<T>(flow: Flow, table: PerFamily<T>): T {
  return table[familyOf(flow.pod)];
}

export function egressOf(flow: Flow): string {
  return perFamily(flow, EGRESS_IPS);
}

/** A packet of the family that its source address is of. */
export function ip(fields: Header & { readonly src: string; readonly dst: string }, layer4: Layer4): Uint8Array {
  if (familyOf(fields.src) === 4) return ipv4(fields, layer4);
  const { src, dst, ttl = 64, trafficClass = 0, extensions = [] } = fields;
  return ipv6({ src, dst, hopLimit: ttl, trafficClass, extensions }, layer4);
}

/** Bytes of a packet's own header, without IPv6 extension headers. */
export function headerSize(packet: Uint8Array): number {
  return packet[0]! >> 4 === 6 ? 40 : (packet[0]! & 15) * 4;
}

/** A packet of the pod, with header fields as real hosts vary them. */
export function fromPod(flow: Flow, layer4: Layer4, fields: Header = {}): Uint8Array {
  return ip({ src: flow.pod, dst: flow.remote, ...fields }, layer4);
}

/** A packet of the remote, or of whoever `fields.src` names, to the egress IP. */
export function fromRemote(flow: Flow, layer4: Layer4, fields: Header = {}): Uint8Array {
  return ip({ src: flow.remote, dst: egressOf(flow), ...fields }, layer4);
}

/** TTL, traffic class and DF as hosts differ in them. */
export function headerOf(dice: Dice): Header {
  return {
    ttl: dice.pick([64, 64, 128, 255, 3, 2]),
    trafficClass: dice.pick([0, 0, 0, 0x10, 0xb8, 2, 3]),
    dontFragment: dice.chance(70),
  };
}

/**
 * Writes the identification into an IPv4 header, or the flow label of an IPv6 one and what identifies its datagram, if it is a fragment;
 * a header checksum keeps its error.
 */
export function stamp(packet: Uint8Array, mark: number): Uint8Array {
  const out = packet.slice();
  if (out[0]! >> 4 === 6) {
    out.set(be16(mark), 2);
    if (out[6] === IPV6_FRAGMENT_HEADER) out.set(be16(mark), 46);
    return out;
  }
  const was = out.slice(4, 6);
  out.set(be16(mark), 4);
  const sum = addOnes(onesSum(out.subarray(10, 12)), addOnes(onesSum(was), ~mark & 0xffff));
  out.set(be16(sum), 10);
  return out;
}

/** What `stamp` wrote. */
export function markOf(packet: Uint8Array): number {
  const at = packet[0]! >> 4 === 6 ? 2 : 4;
  return packet[at]! * 256 + packet[at + 1]!;
}
