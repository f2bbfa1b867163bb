import * as abi from "../../assembly/abi.js";
import { actionName, reasonName } from "../../src/engine/names.js";
import { formatAddress } from "../../src/net/address.js";
import { decodePacket, destinationAddress, type IpPacket, sourceAddress } from "../../src/net/decode.js";
import { isToGroup } from "../../src/net/link-layer.js";
import { checksumState, ipv4HeaderSum } from "../../src/net/recount.js";
import { Finding } from "./finding.js";
import type { Processed } from "./judge-frame.js";
import { decodeRecord, linkTypeOf } from "./layout.js";
import { EGRESS_IPS, EGRESS_IPS6, type World } from "./worlds.js";

/** An ICMP error of the engine's own: the egress that it comes from, and the packet without a link header. */
export interface Told {
  readonly egress: number;
  readonly packet: Uint8Array;
}

interface Message {
  readonly type: number;
  readonly code: number;
}

/** Type and code by reason (docs/abi.md "Frames of the engine's own"). */
const MESSAGES: ReadonlyMap<number, readonly [v4: Message, v6: Message]> = new Map([
  [
    abi.REASON_NO_NAT_MAPPING,
    [
      { type: 3, code: 13 },
      { type: 1, code: 1 },
    ],
  ],
  [
    abi.REASON_TTL_EXCEEDED,
    [
      { type: 11, code: 0 },
      { type: 3, code: 0 },
    ],
  ],
  [
    abi.REASON_PACKET_TOO_BIG,
    [
      { type: 3, code: 4 },
      { type: 2, code: 0 },
    ],
  ],
]);
const EGRESS_SET = new Set([...EGRESS_IPS, ...EGRESS_IPS6]);
/** What VXLAN puts around a packet, the outer Ethernet header not counted. */
const OVERLAY_SIZE = 50;
const IPV6_MIN_MTU = 1280;

/**
 * Judges an error about a frame: who gets it, that a host would take it, what it quotes, and that nobody gets more than the bucket holds.
 * @param times of earlier ones, by who had to wait for them; gets this one's
 * @throws Finding
 */
export function judgeTold(world: World, p: Processed, told: Told, times: Map<string, bigint[]>): void {
  const about = decodeRecord({ bytes: p.given, link: p.link, extra: p.extra });
  const message = MESSAGES.get(p.reason)?.[about?.family === 6 ? 1 : 0];
  if (!about || !message || p.action !== abi.ACTION_DROP || p.hook !== abi.HOOK_FROM_ENDPOINT)
    fail(`one about ${about?.kind ?? "no packet"}, ${actionName(p.action)} (${reasonName(p.reason)}), hook ${p.hook}`);
  if (about.kind === "icmp-error" || about.fragmentOffset > 0) fail(`one about ${about.kind}`);
  if (isToGroup(p.given, linkTypeOf(p.link))) fail("one about a frame to a group");
  const { packet } = told;
  const error = decodePacket(packet, 0, packet.length, packet.length);
  if (error?.kind !== "icmp-error" || error.family !== about.family || error.length !== packet.length)
    fail(`${packet.length} bytes that are no error`);
  if (error.icmpType !== message.type || error.icmpCode !== message.code)
    fail(`${error.icmpType}/${error.icmpCode} because of ${reasonName(p.reason)}`);
  if (ipv4HeaderSum(packet, error) !== 0xffff || checksumState(packet, error) !== "right") fail("a wrong checksum");
  const [from, to] = [sourceAddress(packet, error), destinationAddress(packet, error)].map(formatAddress);
  const sender = formatAddress(sourceAddress(p.given, about));
  if (!EGRESS_SET.has(from) || to !== sender) fail(`from ${from} to ${to}, about a frame of ${sender}`);
  checkQuote(p.given, about, packet, error);
  if (p.reason === abi.REASON_PACKET_TOO_BIG) checkTooBig(world, p, about, packet, error);
  if (p.reason === abi.REASON_TTL_EXCEEDED && p.given[about.ttlAt] > 1) fail(`TTL ${p.given[about.ttlAt]} has ended`);
  checkAllowance(p, told, sender, times);
}

function fail(what: string): never {
  throw new Finding("told", what);
}

/** The packet as it came in, as far as it was captured: 576 bytes in all at most (RFC 1812 section 4.3.2.3), of IPv6 1,280 (RFC 4443 section 2.4). */
function checkQuote(given: Uint8Array, about: IpPacket, packet: Uint8Array, error: IpPacket): void {
  const head = error.transportAt + 8;
  const most = about.family === 4 ? 576 : 1280;
  const quoted = Math.min(about.end - about.at, most - head);
  const original = given.subarray(about.at, about.at + quoted);
  if (packet.length !== head + quoted) fail(`${packet.length} bytes, expected ${head + quoted}`);
  if (Buffer.compare(original, packet.subarray(head)) !== 0) fail("it quotes something else");
}

function checkTooBig({ config }: World, p: Processed, about: IpPacket, packet: Uint8Array, error: IpPacket): void {
  const view = new DataView(packet.buffer, packet.byteOffset);
  const mtu = about.family === 4 ? view.getUint16(error.transportAt + 6) : view.getUint32(error.transportAt + 4);
  const lengths = [config.mtu, config.mtu - OVERLAY_SIZE];
  const possible = about.family === 4 ? lengths : lengths.map((length) => Math.max(length, IPV6_MIN_MTU));
  if (!possible.includes(mtu)) fail(`an MTU of ${mtu}, expected ${possible.join(" or ")}`);
  const mayBeCut = about.family === 4 && (p.given[about.at + 6] & 0x40) === 0;
  if (about.length <= mtu || mayBeCut || p.isSuper) fail(`${about.length} bytes are too long for ${mtu}`);
}

/** Eleven errors of one bucket take one interval at least. Who has no port waits with all of that gateway, others with all of their node. */
function checkAllowance(p: Processed, { egress }: Told, sender: string, times: Map<string, bigint[]>): void {
  const who = p.reason === abi.REASON_NO_NAT_MAPPING ? `egress ${egress}` : sender;
  // A policy fills all buckets.
  const key = `${p.loads} ${who}`;
  const before = times.get(key) ?? [];
  const earlier = before.at(-abi.GENERATED_BURST);
  if (earlier !== undefined && p.timeNs - earlier < BigInt(abi.GENERATED_INTERVAL_NS))
    fail(`${abi.GENERATED_BURST + 1} of them within ${p.timeNs - earlier} ns for ${who}`);
  times.set(key, [...before, p.timeNs]);
}
