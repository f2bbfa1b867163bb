import * as abi from "../../assembly/abi.js";
import { actionName, reasonName } from "../../src/engine/names.js";
import { formatAddress } from "../../src/net/address.js";
import {
  destinationAddress,
  type IpPacket,
  isEchoRequest,
  isFragment,
  isWhole,
  PROTOCOL_SCTP,
  readBe16,
  sourceAddress,
  sourcePort,
} from "../../src/net/decode.js";
import { checksumState, isSameSum, readLe32, sctpCrc, transportSum } from "../../src/net/recount.js";
import { portAtOf, tupleKey, tupleOf } from "../../src/net/tuple.js";
import { rewriteFindings } from "../../src/verify/rewrite.js";
import { addressOctets } from "../support/frames.js";
import { Finding } from "./finding.js";
import { judgeTold, type Told } from "./judge-told.js";
import { decodeRecord, IS_FORWARDED } from "./layout.js";
import { EGRESS_IPS, EGRESS_IPS6, ENDPOINTS, ENDPOINTS6, type World } from "./worlds.js";

/** One frame before and after, and what the engine said of it. */
export interface Processed {
  readonly hook: number;
  readonly link: number;
  readonly extra: number;
  /** Its record says that its transport checksum is a partial one. */
  readonly isPartial: boolean;
  /** … that it is a super-frame, and that it was held. */
  readonly isSuper: boolean;
  readonly isBack: boolean;
  readonly given: Uint8Array;
  readonly result: Uint8Array;
  readonly action: number;
  readonly reason: number;
  readonly flags: number;
  readonly length: number;
  readonly inner: number;
  /** Of its record, nanoseconds since the epoch. */
  readonly timeNs: bigint;
  /** Policies that were loaded before it. */
  readonly loads: number;
  /** The error of the engine's own about it. */
  readonly told: Told | undefined;
}

/** What earlier frames of an input have shown. */
export interface Seen {
  /** Pairs of remote and endpoint that are known to talk by the endpoint's own address. */
  readonly heard: Set<string>;
  /** Who stands behind an external tuple: the address and port of the endpoint that last sent through it. */
  readonly behind: Map<string, string>;
  /** By what all fragments of a datagram share the address that its first one got. */
  readonly datagrams: Map<string, string>;
  /** Times of the errors of the engine's own, by who had to wait for them. */
  readonly told: Map<string, bigint[]>;
}

export function nothingSeen(): Seen {
  return { heard: new Set(), behind: new Map(), datagrams: new Map(), told: new Map() };
}

const EGRESS_SET = new Set([...EGRESS_IPS, ...EGRESS_IPS6]);
const ENDPOINT_SET = new Set([...ENDPOINTS, ...ENDPOINTS6]);

/**
 * Judges one frame by rules that no code of the engine has a part in.
 * @param seen of the frames before; gets what this one adds
 * @throws Finding
 */
export function judgeFrame(world: World, p: Processed, seen: Seen): void {
  checkVerdict(p);
  if (p.told) judgeTold(world, p, p.told, seen.told);
  if (p.action === abi.ACTION_HOLD) checkHeld(p);
  if (!IS_FORWARDED.has(p.action)) {
    checkUntouched(p);
    if (p.action === abi.ACTION_PASS && p.hook === abi.HOOK_FROM_ENDPOINT) checkPassed(world, p, seen);
    return;
  }
  if (p.hook === abi.HOOK_FROM_OVERLAY) return judgeInner(world, p, seen);
  judgeRewrite(world, p, seen);
}

/** Only what has no transport header of its own waits for one. */
function checkHeld({ given, link, extra, hook }: Processed): void {
  const packet = decodeRecord({ bytes: given, link, extra });
  if (!packet?.fragmentOffset || hook === abi.HOOK_FROM_OVERLAY)
    throw new Finding("hold", `${packet?.kind ?? "no packet"} is held at hook ${hook}`);
}

function checkVerdict({ action, reason, length, given }: Processed): void {
  const isKnown = action >= abi.ACTION_PASS && action <= abi.ACTION_HOLD && reason < abi.REASON_COUNT;
  if (!isKnown) throw new Finding("verdict", `action ${action}, reason ${reason}`);
  const needsReason = !IS_FORWARDED.has(action);
  if (needsReason !== (reason !== abi.REASON_NONE))
    throw new Finding("verdict", `${actionName(action)} with reason ${reasonName(reason)}`);
  if (length > given.length) throw new Finding("verdict", `${length} bytes of a frame that has ${given.length}`);
}

/** What is passed or dropped keeps its bytes. */
function checkUntouched({ given, result, action, reason }: Processed): void {
  if (Buffer.compare(given, result) === 0) return;
  throw new Finding("untouched", `${actionName(action)} (${reasonName(reason)}) changed the frame`);
}

function judgeInner(world: World, p: Processed, seen: Seen): void {
  const { inner, length, given, result, action } = p;
  // On to another node: `inner` says where the IP packet starts, and every node looks at the packet once more.
  if (action === abi.ACTION_REDIRECT) return;
  if (inner + length > given.length) throw new Finding("verdict", `inner frame ${inner}+${length} of ${given.length}`);
  if (Buffer.compare(given.subarray(0, inner), result.subarray(0, inner)) !== 0)
    throw new Finding("out-of-frame", "the outer headers of an overlay packet were changed");
  const [before, after] = [given.subarray(inner, inner + length), result.subarray(inner, inner + length)];
  judgeRewrite(world, { ...p, link: abi.LINK_ETHERNET, extra: p.extra, given: before, result: after }, seen);
}

/** The rewrite, byte by byte and sum by sum; and whose addresses are on it afterwards. */
function judgeRewrite(world: World, p: Processed, seen: Seen): void {
  const packet = decodeRecord({ bytes: p.given, link: p.link, extra: p.extra });
  if (!packet) throw new Finding("forwarded", `${actionName(p.action)} of a frame without an IP packet`);
  if (isFragment(packet) && world.config.fragments === 0)
    throw new Finding("fragment", `${actionName(p.action)} of a fragment, and none is followed`);
  if (p.action === abi.ACTION_REDIRECT && p.hook === abi.HOOK_FROM_ENDPOINT) return;
  // A reply that an endpoint's own node takes from the overlay was translated by the gateway.
  if (p.action === abi.ACTION_REVERSE && p.hook === abi.HOOK_FROM_OVERLAY) return;
  const isSnat = p.action === abi.ACTION_SNAT;
  const hops = p.flags & abi.VERDICT_FLAG_HOP ? 1 : 0;
  const end = isSnat ? "source" : "destination";
  for (const { field, expected, got, why } of rewriteFindings({ o: p, packet }, end, hops)) {
    if (field === "transport-checksum" && isAsTold(p, packet)) continue;
    const what = `${actionName(p.action)}, ${packet.kind}`;
    throw new Finding(`rewrite ${field}`, `expected ${expected}, got ${got}: ${why} (${what})`);
  }
  const address = isSnat ? sourceAddress(p.result, packet) : destinationAddress(p.result, packet);
  const known = isSnat ? EGRESS_SET : ENDPOINT_SET;
  if (!known.has(formatAddress(address)))
    throw new Finding("leak", `${actionName(p.action)} with ${end} ${formatAddress(address)}`);
  if (isFragment(packet)) checkDatagram(p, packet, formatAddress(address), seen);
  if (packet.kind !== "icmp-error" && packet.kind !== "later-fragment") checkPartner(p, packet, seen);
}

/** Later fragments follow the first one: none leaves before it, and none by another address. */
function checkDatagram({ given, action }: Processed, packet: IpPacket, address: string, { datagrams }: Seen): void {
  const [source, destination] = [sourceAddress(given, packet), destinationAddress(given, packet)].map(formatAddress);
  const protocol = packet.family === 4 ? packet.protocol : 0;
  const key = `${action} ${source} ${destination} ${protocol} ${packet.fragmentId}`;
  if (packet.fragmentOffset === 0) datagrams.set(key, address);
  else if (datagrams.get(key) !== address)
    throw new Finding("fragment", `a later one goes by ${address}, the first by ${datagrams.get(key) ?? "nothing"}`);
}

/** A reply goes to whom its external tuple stands for, and to nobody else. */
function checkPartner({ action, given, result }: Processed, packet: IpPacket, { behind }: Seen): void {
  const isSnat = action === abi.ACTION_SNAT;
  const end = isSnat ? "source" : "destination";
  const portAt = portAtOf(packet, end);
  const inside = isSnat ? given : result;
  const address = formatAddress((isSnat ? sourceAddress : destinationAddress)(inside, packet));
  const partner = `${address} ${portAt < 0 ? 0 : readBe16(inside, portAt)}`;
  const external = tupleKey(isSnat ? result : given, tupleOf(isSnat ? result : given, packet, end));
  if (isSnat) behind.set(external, partner);
  else if (behind.get(external) !== partner)
    throw new Finding("wrong partner", `a reply to ${behind.get(external) ?? "nobody"} goes to ${partner}`);
}

/**
 * The record says whether the checksum is a partial one, and a host that says so wrongly gets what it asked for. A sum that looks partial
 * by chance and is not said to be one keeps its error.
 */
function isAsTold({ given, result, isPartial }: Processed, packet: IpPacket): boolean {
  if (packet.protocol === PROTOCOL_SCTP) return isSctpAsTold(given, result, packet, isPartial);
  const looksPartial = checksumState(given, packet) === "partial";
  if (isPartial === looksPartial) return false;
  return isPartial || isSameSum(transportSum(given, packet), transportSum(result, packet));
}

/** The same of a CRC: one that was not computed stays as it is; a 0 that is not said to be such stays wrong by the same bits. */
function isSctpAsTold(given: Uint8Array, result: Uint8Array, packet: IpPacket, isPartial: boolean): boolean {
  const [before, after] = [given, result].map((bytes) => readLe32(bytes, packet.checksumAt));
  if (isPartial) return before === after;
  const moved = sctpCrc(given, packet) ^ sctpCrc(result, packet);
  // Where a frame was cut and its header does not say how long it was, how far a CRC moves is not known.
  const isKnown = isWhole(packet) || readBe16(given, packet.at + (packet.family === 4 ? 2 : 4)) !== 0;
  return before === 0 && !isFragment(packet) && (!isKnown || moved >>> 0 === after);
}

/** Router and neighbour messages with a hop limit of 255: behind a router it would be less, and nobody would take them (RFC 4861 section 7.1). */
function isNeighbourMessage(bytes: Uint8Array, { family, icmpType, ttlAt }: IpPacket): boolean {
  return family === 6 && icmpType >= 133 && icmpType <= 137 && bytes[ttlAt] === 255;
}

const [SYN, SYN_ACK, HANDSHAKE] = [0x02, 0x12, 0x17];

/** Nothing that a policy selects goes out with an endpoint's own address. */
function checkPassed(world: World, p: Processed, seen: Seen): void {
  const packet = decodeRecord({ bytes: p.given, link: p.link, extra: p.extra });
  if (!packet) return;
  const source = formatAddress(sourceAddress(p.given, packet));
  const destination = formatAddress(destinationAddress(p.given, packet));
  if (!isSelected(source, destination)) return;
  const pair = `${destination} ${source}`;
  if (p.reason === abi.REASON_REPLY_OF_INBOUND && (seen.heard.has(pair) || isAnswer(p.given, packet, source))) {
    seen.heard.add(pair);
    return;
  }
  if (p.reason === abi.REASON_UNSUPPORTED_PASSED && world.passesUnsupported) return;
  if (p.reason === abi.REASON_LINK_LOCAL && isNeighbourMessage(p.given, packet)) return;
  throw new Finding("leak", `${source} to ${destination} passes as ${reasonName(p.reason)} (${packet.kind})`);
}

/**
 * What can begin as an answer: an echo reply, a SYN with ACK and neither FIN nor RST, an INIT-ACK or COOKIE-ACK, a segment in mid-stream
 * from where a pod serves.
 */
function isAnswer(bytes: Uint8Array, packet: IpPacket, source: string): boolean {
  if (packet.kind === "echo") return !isEchoRequest(packet);
  if (packet.kind !== "tcp" && packet.kind !== "sctp") return false;
  const [isSyn, serves] = [(packet.tcpFlags & SYN) !== 0, [ENDPOINTS[0], ENDPOINTS6[0]].includes(source)];
  // A COOKIE-ACK answers whatever it is bundled with.
  const mask = packet.kind === "sctp" ? SYN_ACK : HANDSHAKE;
  return isSyn ? (packet.tcpFlags & mask) === SYN_ACK : serves && [8080, 53].includes(sourcePort(bytes, packet));
}

/** The same in IPv6: loopback, multicast, link-local, the cluster's pods and an exclusion are not selected. */
function isSelected6(source: string, destination: string): boolean {
  const digits = Buffer.from(addressOctets(destination)).toString("hex");
  if (source === ENDPOINTS6[1]) return digits.startsWith("20010db800050000");
  return source === ENDPOINTS6[0] && !/^(0{31}1|ff|fe[89ab]|fd000{12}|20010db80bad|0{20}ffff)/.test(digits);
}

/** The policies of the dual-stack model, read naively: by one prefix after the other. */
export function isSelected(source: string, destination: string): boolean {
  if (source.includes(":") || destination.includes(":")) return isSelected6(source, destination);
  if (source === ENDPOINTS[1]) return destination.startsWith("198.51.100.");
  if (source !== ENDPOINTS[0]) return false;
  const [a, b] = destination.split(".").map(Number);
  const isInternal = (a === 10 && b === 0) || destination === "172.18.0.2" || (a === 192 && b === 168);
  const isFixed = a === 127 || (a === 169 && b === 254) || (a >= 224 && a <= 239) || destination === "255.255.255.255";
  return !isInternal && !isFixed;
}
