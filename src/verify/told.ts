import type { Endpoint } from "../config/types.js";
import { firstDifference } from "../net/bytes.js";
import { type IpPacket, PROTOCOL_ICMP, PROTOCOL_ICMPV6, readBe16 } from "../net/decode.js";
import { isToGroup } from "../net/link-layer.js";
import { addWords, fold } from "../net/recount.js";
import { addressKey } from "../net/tuple.js";
import { checkSelected } from "./eligible.js";
import { egressAddressKey, type Frame } from "./judge.js";

// ICMP errors of the gateways' own: written anew here, from the dropped frame alone, and compared byte by byte.

/** Longest packet of any link; the overlay takes 50 bytes of it for its outer headers. IPv6 is never told of less than 1,280 (RFC 8201). */
const MTU = 1500;
const OVERLAY = 50;
const IPV6_LEAST = 1280;
/** Longest errors (RFC 1812 section 4.3.2.3, RFC 4443 section 2.4(c)). */
const LONGEST = { 4: 576, 6: 1280 } as const;
const HEADER = { 4: 20, 6: 40 } as const;
const ICMP_SIZE = 8;
const TTL = 64;
const DONT_FRAGMENT = 0x40;
const REDIRECT = { 4: 5, 6: 137 } as const;
/** First four bits of an IPv4 address, first byte of an IPv6 one. */
const MULTICAST = 0xe;
const MULTICAST_V6 = 0xff;

/** Type and code by the reason of the drop. */
const CODES: Readonly<Record<string, Readonly<Record<4 | 6, readonly [type: number, code: number]>>>> = {
  "no-nat-mapping": { 4: [3, 13], 6: [1, 1] },
  "ttl-exceeded": { 4: [11, 0], 6: [3, 0] },
  "packet-too-big": { 4: [3, 4], 6: [2, 0] },
};

/** The error that the engine made about a frame must be the one that RFCs ask for. That it makes one is not insisted on: they are limited. */
export function judgeTold(frame: Frame): void {
  const { o, judge, packet } = frame;
  if (!o.told) return;
  const code = CODES[o.reason]?.[packet.family];
  const isDrop = o.action === "drop" && o.hook === "from-endpoint";
  if (!judge.options.icmpErrors || !code || !isDrop || !frame.endpoint) {
    return frame.find("told", "none", "an ICMP error", "nothing about the frame calls for one");
  }
  const untold = taboo(frame);
  if (untold !== "") return frame.find("told", "none", "an ICMP error", `the frame is ${untold}`);
  const index = checkSelected(frame, frame.endpoint);
  if (index < 0) return;
  const source = addressKey(o.told, packet.family === 4 ? 12 : 8, packet.family);
  const isSource = (egress: number) => egressAddressKey(judge.model.egresses[egress]!, packet.family) === source;
  const egresses = judge.model.policies[index]!.egresses.filter(isSource);
  if (egresses.length === 0) {
    return frame.find("told", "the egress IP of a gateway", "another source", "only a gateway can have said so");
  }
  const mtu = o.reason === "packet-too-big" ? mtuFor(frame, frame.endpoint, egresses) : 0;
  const expected = errorAbout(o.given, packet, code, mtu, o.told);
  const at = firstDifference(expected, o.told);
  if (at < 0) return;
  frame.find("told", `${expected[at] ?? "end"}`, `${o.told[at] ?? "end"}`, `byte ${at} of the ICMP error`);
}

/** Why nobody may be told by ICMP about a frame, whatever became of it (RFC 1122 section 3.2.2, RFC 4443 section 2.4(e)); "" = one may. */
function taboo({ o, packet }: Frame): string {
  const { family, kind, icmpType } = packet;
  if (kind === "icmp-error" || icmpType === REDIRECT[family]) return "an ICMP error or redirect";
  if (kind === "later-fragment") return "not the first fragment of its datagram";
  const first = o.given[packet.destinationAt]!;
  const isMulticast = family === 4 ? first >> 4 === MULTICAST : first === MULTICAST_V6;
  if (isMulticast) return "sent to a multicast address";
  const isBroadcast = family === 4 && o.given.subarray(packet.destinationAt, packet.destinationAt + 4).every(isAllOnes);
  if (isBroadcast) return "sent to the broadcast address";
  return isToGroup(o.given, o.linkType) ? "sent to several hosts of its link" : "";
}

function isAllOnes(byte: number): boolean {
  return byte === 0xff;
}

/** Whether routers may cut it up (RFC 791: DF; RFC 8200 section 5: never). */
export function mustStayWhole(bytes: Uint8Array, packet: IpPacket): boolean {
  return packet.family === 6 || (bytes[packet.at + 6]! & DONT_FRAGMENT) !== 0;
}

/** Longest packet on the way from an endpoint to one of several gateways and out. @param egresses at least one */
export function mtuFor({ judge, packet }: Frame, { node }: Endpoint, egresses: readonly number[]): number {
  const isNear = (egress: number) => node === undefined || judge.model.egresses[egress]!.node === node;
  const longest = egresses.every(isNear) ? MTU : MTU - OVERLAY;
  return packet.family === 6 ? Math.max(longest, IPV6_LEAST) : longest;
}

/** @param told gives the source address, which is judged apart */
function errorAbout(
  given: Uint8Array,
  packet: IpPacket,
  [type, code]: readonly [number, number],
  mtu: number,
  told: Uint8Array,
): Uint8Array {
  const { family, at, end } = packet;
  const quoted = given.subarray(at, Math.min(end, at + LONGEST[family] - HEADER[family] - ICMP_SIZE));
  const size = HEADER[family] + ICMP_SIZE + quoted.length;
  const error = new Uint8Array(size);
  const view = new DataView(error.buffer);
  if (family === 4) {
    error.set([0x45, (given[at + 1]! & 0x1e) | 0xc0]);
    view.setUint16(2, size);
    error.set([DONT_FRAGMENT, 0, TTL, PROTOCOL_ICMP], 6);
    error.set(told.subarray(12, 16), 12);
    error.set(given.subarray(at + 12, at + 16), 16);
    view.setUint16(10, ~fold(addWords(0, error, 0, 20)) & 0xffff);
  } else {
    error[0] = 0x60;
    view.setUint16(4, size - 40);
    error.set([PROTOCOL_ICMPV6, TTL], 6);
    error.set(told.subarray(8, 24), 8);
    error.set(given.subarray(at + 8, at + 24), 24);
  }
  const icmp = HEADER[family];
  error.set([type, code], icmp);
  view.setUint32(icmp + 4, mtu);
  error.set(quoted, icmp + ICMP_SIZE);
  const pseudo = family === 4 ? 0 : addWords(PROTOCOL_ICMPV6 + readBe16(error, 4), error, 8, 40);
  view.setUint16(icmp + 2, ~fold(addWords(pseudo, error, icmp, size)) & 0xffff);
  return error;
}
