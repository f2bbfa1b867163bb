/** The setting of the numbered NAT tests with addresses of both families, and IPv6 datagrams cut into fragments. */
import type { PolicyModel } from "../../src/config/types.js";
import { address, egress, endpoint, policy, policySet, prefix } from "../engine/model.js";
import { be16, be32, concat, ethernet, type Ipv6Extension, ipv6, type Layer4 } from "../support/frames.js";
import { EXT, INSIDE, natModel, OTHER_EXT, OTHER_INSIDE } from "./rig.js";

export const INSIDE6 = "fd00::2";
export const OTHER_INSIDE6 = "fd00::3";
export const EXT6 = "2001:db8:1::1";
export const REMOTE6 = "2001:db8:2::102";

export function dualModel(): PolicyModel {
  const base = natModel();
  const both = [prefix("0.0.0.0/0"), prefix("::/0")];
  return {
    ...base,
    egresses: [egress("gw-a", EXT, { egressIPv6: address(EXT6) }), egress("gw-b", OTHER_EXT)],
    policies: [policy("out", [0], { destinations: both }), policy("other", [1], { destinations: both })],
    policySets: [policySet({ "0.0.0.0/0": 0, "::/0": 0 }), policySet({ "0.0.0.0/0": 1, "::/0": 1 })],
    endpoints: [
      endpoint("pod-0", [INSIDE, INSIDE6], { node: "gw-a" }),
      endpoint("pod-1", [OTHER_INSIDE, OTHER_INSIDE6], { node: "gw-a" }),
    ],
    clusterPrefixes: [...base.clusterPrefixes, { prefix: prefix("fd00::/64"), why: "pod-cidr" as const }],
  };
}

const FRAGMENT = 44;

/** Where an IPv6 datagram is cut: behind the extension headers `before`; those `after` are in the fragmentable part. */
export interface Cut6 {
  readonly src: string;
  readonly dst: string;
  readonly l4: Layer4;
  readonly id?: number;
  readonly before?: readonly Ipv6Extension[];
  readonly after?: readonly Ipv6Extension[];
  readonly hopLimit?: number;
}

/** The datagram whole, as its sender would send it where it fits. */
export function whole6({ src, dst, l4, before = [], after = [], hopLimit = 64 }: Cut6): Uint8Array {
  return ipv6({ src, dst, hopLimit, extensions: [...before, ...after] }, l4);
}

/** Bytes `from` to `to` - 1 of the fragmentable part as a packet. @param next the next header it states, where it is not the right one */
export function piece6(cut: Cut6, from: number, to: number, next?: number): Uint8Array {
  const packet = whole6(cut);
  const start = 40 + sizeOf(cut.before ?? []);
  const body = packet.subarray(start);
  const head = packet.slice(0, start);
  const nextAt = start === 40 ? 6 : start - lastSize(cut.before ?? []);
  const header = concat(
    Uint8Array.of(next ?? head[nextAt]!, 0),
    be16(from | (to < body.length ? 1 : 0)),
    be32(cut.id ?? 7),
  );
  head[nextAt] = FRAGMENT;
  head.set(be16(start - 40 + 8 + to - from), 4);
  return concat(head, header, body.subarray(from, to));
}

/** All of a datagram in pieces of `sizes` bytes and the rest, as frames. */
export function pieces6(cut: Cut6, sizes: readonly number[]): Uint8Array[] {
  const end = whole6(cut).length - 40 - sizeOf(cut.before ?? []);
  const edges = [0];
  for (const size of sizes) edges.push(edges[edges.length - 1]! + size);
  edges.push(end);
  return edges.slice(1).map((to, i) => ethernet(piece6(cut, edges[i]!, to)));
}

const sizeOf = (extensions: readonly Ipv6Extension[]) => extensions.reduce((sum, one) => sum + bytesOf(one), 0);
const lastSize = (extensions: readonly Ipv6Extension[]) => bytesOf(extensions[extensions.length - 1]!);
const bytesOf = ({ body }: Ipv6Extension) => Math.ceil((2 + (body?.length ?? 6)) / 8) * 8;

/** What a receiver makes of IPv6 fragments (RFC 8200 section 4.5): the packet, or undefined where bytes are missing or came twice. */
export function reassemble6(frames: readonly Uint8Array[]): Uint8Array | undefined {
  const bytes = new Map<number, number>();
  let head: Uint8Array | undefined;
  let total = -1;
  for (const frame of frames) {
    const packet = frame.subarray(14);
    let [nextAt, at] = [6, 40];
    while (packet[nextAt] !== FRAGMENT) [nextAt, at] = [at, at + (packet[at + 1]! + 1) * 8];
    const word = (packet[at + 2]! << 8) | packet[at + 3]!;
    const from = word & 0xfff8;
    const body = packet.subarray(at + 8);
    for (const [i, byte] of body.entries()) {
      if (bytes.has(from + i)) return undefined;
      bytes.set(from + i, byte);
    }
    if (!(word & 1)) total = from + body.length;
    if (from > 0) continue;
    head = packet.slice(0, at);
    head[nextAt] = packet[at]!;
  }
  if (!head || bytes.size !== total) return undefined;
  head.set(be16(head.length - 40 + total), 4);
  return concat(
    head,
    Uint8Array.from({ length: total }, (_, i) => bytes.get(i) ?? -1),
  );
}
