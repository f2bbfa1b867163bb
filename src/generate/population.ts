import { Zipf } from "./distributions.js";
import { type GenerateOptions, MAX_REMOTES } from "./options.js";
import type { Random } from "./random.js";

/** Pods per worker node, so that each node's /24 has room to spare. */
export const PODS_PER_NODE = 200;
const FIRST_HOST = 2;
/** 10.64.0.0/12, one /24 per node. */
const ENDPOINT_NET_V4 = 0x0a400000;
/** 2001:db8:64::/48, one /64 per node. */
const ENDPOINT_NET_V6 = [0x20010db8, 0x00640000] as const;
/** 198.18.0.0/15 (RFC 2544) and 2001:db8:5::/48 (RFC 3849). */
const REMOTE_NET_V4 = 0xc6120000;
const REMOTE_NET_V6 = [0x20010db8, 0x00050000] as const;
/** Spreads remotes over their net; odd, so that no two get the same place. */
const REMOTE_STRIDE = 40_503;
const REMOTE_OFFSET = 4660;
/** Locally administered: 02:00 and the number of the pod, 02:ff:00:00:00:01 for its node. */
const ENDPOINT_MAC_HIGH = 0x0200;
const NODE_MAC_HIGH = 0x02ff;
const NODE_MAC_LOW = 1;

const ENDPOINT_ZIPF = 1.0;
const REMOTE_ZIPF = 1.1;

export type Family = 4 | 6;

/** Who sends to whom: the address plan that capture and manifests share, and how busy each address is. */
export class Population {
  readonly #endpoints: Zipf;
  readonly #remotes: Zipf;
  readonly #endpointCount: number;
  readonly #endpointStride: number;

  constructor({ endpoints, remotes }: GenerateOptions) {
    this.#endpoints = new Zipf(endpoints, ENDPOINT_ZIPF);
    this.#remotes = new Zipf(remotes, REMOTE_ZIPF);
    this.#endpointCount = endpoints;
    this.#endpointStride = coprimeNear(endpoints);
  }

  /** Number of an endpoint; busy ones are spread over the nodes. */
  drawEndpoint(random: Random): number {
    return (this.#endpoints.draw(random) * this.#endpointStride) % this.#endpointCount;
  }

  drawRemote(random: Random): number {
    return this.#remotes.draw(random);
  }
}

export function endpointNode(endpoint: number): number {
  return Math.floor(endpoint / PODS_PER_NODE);
}

/** Host order. */
function endpointIPv4(endpoint: number): number {
  return ENDPOINT_NET_V4 + endpointNode(endpoint) * 256 + hostNumber(endpoint);
}

/** Host order. */
export function remoteIPv4(remote: number): number {
  return REMOTE_NET_V4 + remotePlace(remote);
}

export function writeEndpoint(view: DataView, at: number, family: Family, endpoint: number): void {
  if (family === 4) view.setUint32(at, endpointIPv4(endpoint));
  else writeIPv6(view, at, ENDPOINT_NET_V6[0], ENDPOINT_NET_V6[1] + endpointNode(endpoint), hostNumber(endpoint));
}

export function writeRemote(view: DataView, at: number, family: Family, remote: number): void {
  if (family === 4) view.setUint32(at, remoteIPv4(remote));
  else writeIPv6(view, at, REMOTE_NET_V6[0], REMOTE_NET_V6[1], remotePlace(remote));
}

export function writeEndpointMac(view: DataView, at: number, endpoint: number): void {
  view.setUint16(at, ENDPOINT_MAC_HIGH);
  view.setUint32(at + 2, endpoint);
}

export function writeNodeMac(view: DataView, at: number): void {
  view.setUint16(at, NODE_MAC_HIGH);
  view.setUint32(at + 2, NODE_MAC_LOW);
}

/** Text forms for manifests. */
export function endpointAddresses(endpoint: number): readonly [ipv4: string, ipv6: string] {
  const node = endpointNode(endpoint).toString(16);
  return [ipv4Text(endpointIPv4(endpoint)), `2001:db8:64:${node}::${hostNumber(endpoint).toString(16)}`];
}

/** Prefixes of the pods of a node. */
export function podCIDRs(node: number): readonly [ipv4: string, ipv6: string] {
  return [`${ipv4Text(ENDPOINT_NET_V4 + node * 256)}/24`, `2001:db8:64:${node.toString(16)}::/64`];
}

export function ipv4Text(address: number): string {
  return [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255].join(".");
}

function hostNumber(endpoint: number): number {
  return (endpoint % PODS_PER_NODE) + FIRST_HOST;
}

function remotePlace(remote: number): number {
  return (remote * REMOTE_STRIDE + REMOTE_OFFSET) % MAX_REMOTES;
}

function writeIPv6(view: DataView, at: number, first: number, second: number, last: number): void {
  view.setUint32(at, first);
  view.setUint32(at + 4, second);
  view.setUint32(at + 8, 0);
  view.setUint32(at + 12, last);
}

/** A number near 0.6 · `count` that shares no divisor with it. */
function coprimeNear(count: number): number {
  for (let candidate = Math.max(1, Math.floor(count * 0.618)); ; candidate++) {
    if (greatestCommonDivisor(candidate, count) === 1) return candidate;
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
