import type { Endpoint } from "../config/types.js";
import { type IpPacket, isFragment, isWhole, readBe16, TCP_SYN } from "../net/decode.js";
import { checksumState, ipv4HeaderSum } from "../net/recount.js";
import { sctpFault } from "../net/sctp.js";
import { addressKey, tupleKey, tupleOf } from "../net/tuple.js";
import { checkSelected, pinsOf } from "./eligible.js";
import { egressAddressKey, type Frame } from "./judge.js";
import { forgetTranslation, isToSender, ongoing } from "./lookup.js";
import { beginsNothing, fragmentFault, hasPlainChain, malformation } from "./malformed.js";
import { mtuFor, mustStayWhole } from "./told.js";

/** Drops that only a frame which a policy selects can suffer. */
const POLICY =
  "no-egress-gateway no-egress-ip no-nat-mapping no-state ttl-exceeded unsupported-protocol protocol-conflict sctp-bad ipv6-unsupported source-route bad-destination packet-too-big";
const NEEDS_POLICY = setOf(POLICY);

/** Drops that end the mapping of the connection that the frame belongs to. */
const REFUSALS = setOf("no-egress-gateway no-egress-ip no-nat-mapping protocol-conflict");

/** Drops that speak of the frame's shape: a sound, whole one cannot suffer them. */
const SHAPE = "truncated bad-header snaplen-cut not-ip";
const SHAPE_REASONS = setOf(SHAPE);

/** Why an ICMP error is not translated: no known connection, about an error, about a later fragment, not for or of whom it quotes. */
export const ERROR_REASONS = ["unmatched", "nested", "fragment", "misdirected"].map((word) => `icmp-error-${word}`);

/** Everything that a frame may be dropped for; any other reason is a fault of its own. */
const KNOWN = setOf(`${SHAPE} table-full bad-source ${ERROR_REASONS.join(" ")} reply-without-connection`);
const KNOWN_INBOUND = setOf(
  "no-reverse-mapping ttl-exceeded unsupported-protocol sctp-bad ipv6-unsupported source-route",
);

const GRE = 47;
/** ESP, UDP-Lite and DCCP: 8 bytes of header at least. */
const WITH_HEADER = new Set([50, 136, 33]);
/** IPv4 and IPv6 in IP. */
const TUNNELS = new Set([4, 41]);
/** Hop-by-hop options, ICMP of either family, IGMP, AH, no next header, reserved. */
const NEVER_CARRIED = new Set([0, 1, 2, 51, 58, 59, 255]);

const LINKTYPE_ETHERNET = 1;
const ETHERNET_SIZE = 14;
const TAG_SIZE = 4;
const MAX_TAGS = 3;

function setOf(words: string): ReadonlySet<string> {
  return new Set(words.split(" "));
}

/** A frame from an endpoint that went nowhere: the reason given must hold. */
export function judgeEndpointDrop(frame: Frame): void {
  const { o, judge } = frame;
  checkShapeReason(frame);
  const endpoint = frame.endpoint;
  if (!endpoint || !NEEDS_POLICY.has(o.reason)) return;
  const index = checkSelected(frame, endpoint);
  if (index < 0) return;
  const refuted = refutation(frame, endpoint, index);
  if (refuted)
    frame.find(o.reason === "no-nat-mapping" ? "refused-while-free" : "drop-reason", "snat", "drop", refuted);
  if (!REFUSALS.has(o.reason)) return;
  const current = ongoing(frame, endpoint);
  if (current?.mapping) judge.table.refuse(current, frame.packet.tcpFlags, frame.nowMs);
  else forgetTranslation(frame);
}

/** The same for a frame from outside: only its shape can be judged here; missing replies are judged elsewhere. */
export function checkShapeReason(frame: Frame): void {
  const { o, packet } = frame;
  const ofHook = o.hook === "from-endpoint" ? NEEDS_POLICY : KNOWN_INBOUND;
  if (o.reason === "bad-checksum" && frame.judge.options.badChecksumsDrop) return;
  if (o.reason.startsWith("fragment-")) return checkFragmentReason(frame);
  if (o.action === "drop" && !KNOWN.has(o.reason) && !ofHook.has(o.reason))
    frame.find("drop-reason", "a reason to drop", o.reason, `nothing is dropped for this ${o.hook}`);
  checkErrorReason(frame);
  if (!SHAPE_REASONS.has(o.reason)) return;
  if (!(isFragment(packet) ? isSoundFragment(o.given, packet) : isSound(o.given, packet))) return;
  if (o.reason === "bad-header" && isBadHeader(frame)) return;
  const why = `a whole ${packet.kind} packet with right checksums`;
  frame.find("drop-reason", "a sound frame is not dropped for its shape", o.reason, why);
}

/** What is untrue of any other frame, or of this fragment alone. What is said of it as a part of its datagram is judged with that. */
function checkFragmentReason(frame: Frame): void {
  const { o, packet, datagram } = frame;
  if (datagram || o.reason === "fragment-tiny") return;
  const isTranslatable =
    packet.kind === "later-fragment" || packet.kind === "tcp" || packet.kind === "udp" || packet.kind === "echo";
  if (o.reason === "fragment-unsupported" && isFragment(packet) && !isTranslatable) return;
  frame.find("drop-reason", "a reason that the frame shows", o.reason, `no such thing is said of this ${packet.kind}`);
}

/** More VLAN tags than any network stacks up, or what `malformation` finds. */
function isBadHeader({ o, packet }: Frame): boolean {
  const tags = (packet.at - ETHERNET_SIZE) / TAG_SIZE;
  if (o.linkType === LINKTYPE_ETHERNET && tags > MAX_TAGS) return true;
  return beginsNothing(packet) || malformation(o.given, packet, o.hook) === "bad-header";
}

/** What is said of an ICMP error shows in the packet that it quotes. */
function checkErrorReason(frame: Frame): void {
  const { o, packet } = frame;
  if (!ERROR_REASONS.includes(o.reason)) return;
  const { inner } = packet;
  const misdirected = () =>
    !inner ||
    !isToSender(o.given, packet, inner) ||
    addressKey(o.given, packet.sourceAt, packet.family) !== addressKey(o.given, inner.destinationAt, inner.family);
  const holds: Record<string, () => boolean> = {
    "icmp-error-nested": () => inner?.kind === "icmp-error",
    "icmp-error-fragment": () => inner?.kind === "later-fragment",
    "icmp-error-misdirected": misdirected,
  };
  if (packet.kind === "icmp-error" && (holds[o.reason]?.() ?? true)) return;
  frame.find("drop-reason", "a reason that the quoted packet shows", o.reason, `it quotes ${inner?.kind ?? "nothing"}`);
}

/** Nothing about the packet is unusual: whole, no fragment, no fault, every length consistent, checksums right. */
export function isSound(bytes: Uint8Array, packet: IpPacket): boolean {
  if (packet.fault !== "" || isFragment(packet) || !isWhole(packet) || !hasSaneLengths(bytes, packet)) return false;
  if (ipv4HeaderSum(bytes, packet) !== 0xffff) return false;
  return packet.kind === "other" || checksumState(bytes, packet) === "right";
}

/** The same for a fragment, as far as it goes alone. */
function isSoundFragment(bytes: Uint8Array, packet: IpPacket): boolean {
  const { kind, transportAt, at, family } = packet;
  if (packet.fault !== "" || !isWhole(packet) || fragmentFault(bytes, packet) !== "") return false;
  if (ipv4HeaderSum(bytes, packet) !== 0xffff || (family === 6 && transportAt !== at + 48)) return false;
  if (kind === "tcp") return bytes[transportAt + 12]! >> 4 >= 5;
  if (kind === "udp") return readBe16(bytes, transportAt + 4) >= 8;
  return kind === "later-fragment" || (kind === "echo" && packet.icmpCode === 0);
}

function hasSaneLengths(bytes: Uint8Array, packet: IpPacket): boolean {
  const { transportAt } = packet;
  const length = packet.end - transportAt;
  // Super-frames of a network card say no length.
  if (readBe16(bytes, packet.at + (packet.family === 4 ? 2 : 4)) === 0) return false;
  if (packet.family === 6 && !hasPlainChain(bytes, packet)) return false;
  switch (packet.kind) {
    case "tcp":
      return length >= 20 && bytes[transportAt + 12]! >> 4 >= 5 && (bytes[transportAt + 12]! >> 4) * 4 <= length;
    case "udp":
      return length >= 8 && readBe16(bytes, transportAt + 4) === length;
    case "echo":
      // RFC 792: a timestamp has three times behind its identifier.
      return length >= (packet.icmpType === 13 || packet.icmpType === 14 ? 20 : 8) && packet.icmpCode === 0;
    case "sctp":
      return sctpFault(bytes, transportAt, packet.end, length) === "";
    case "other":
      return isCarried(bytes, packet);
    default:
      return false;
  }
}

/** Protocols without ports that a packet's family can carry by address alone. */
function isCarried(bytes: Uint8Array, { family, protocol, transportAt, end }: IpPacket): boolean {
  if (protocol === GRE)
    return end - transportAt >= 4 && (bytes[transportAt + 1]! & 7) === 0 && !(bytes[transportAt]! & 0x40);
  if (WITH_HEADER.has(protocol)) return end - transportAt >= 8;
  return TUNNELS.has(protocol) || (family === 4 && !NEVER_CARRIED.has(protocol));
}

/** Why the drop reason cannot hold; undefined where it may. */
function refutation(frame: Frame, endpoint: Endpoint, index: number): string | undefined {
  const { judge, o, packet } = frame;
  const policy = judge.model.policies[index]!;
  const current = ongoing(frame, endpoint);
  const pins = pinsOf(frame, policy, current);
  const active = judge.gateways.active(policy, endpoint);
  const egresses = pins.length > 0 ? pins : current ? judge.gateways.healthy(policy, endpoint) : active;
  switch (o.reason) {
    case "ttl-exceeded":
      return o.given[packet.ttlAt]! > 1 ? `TTL ${o.given[packet.ttlAt]} survives a hop` : undefined;
    case "no-egress-gateway":
      return pins.length + active.length > 0 ? `policy ${policy.name} has a gateway for this endpoint` : undefined;
    case "no-egress-ip": {
      const lacks = (egress: number) => egressAddressKey(judge.model.egresses[egress]!, packet.family) === undefined;
      return egresses.some(lacks) ? undefined : `every gateway of policy ${policy.name} has an egress IP`;
    }
    case "no-nat-mapping":
      return packet.kind === "other" ? `protocol ${packet.protocol} has no ports` : freePortProof(frame, egresses);
    case "protocol-conflict":
      return packet.kind === "other" ? freePortProof(frame, egresses) : `${packet.kind} has ports`;
    case "no-state":
      if ((packet.kind !== "tcp" && packet.kind !== "sctp") || packet.tcpFlags & TCP_SYN)
        return "no segment in mid-stream";
      return current?.mapping && frame.surelyLives(current) ? judge.table.describeAge(current, frame.nowMs) : undefined;
    case "packet-too-big":
      return judge.options.icmpErrors &&
        mtuFor(frame, endpoint, egresses) < packet.length &&
        mustStayWhole(o.given, packet)
        ? undefined
        : `${packet.length} bytes fit the way to a gateway, or may be cut up`;
    case "unsupported-protocol":
      return isSound(o.given, packet) ? `${packet.kind} is translated` : undefined;
    case "ipv6-unsupported":
      return packet.family === 4 ? "the packet is IPv4" : undefined;
    default:
      return undefined;
  }
}

/** Counts the external tuples taken toward this remote: where every eligible gateway has fewer than ports, a port was free. */
function freePortProof(frame: Frame, egresses: readonly number[]): string | undefined {
  const { judge, o, packet } = frame;
  if (judge.options.resumed || egresses.length === 0) return undefined;
  const { low, high } = judge.model.settings.snatPorts.value;
  const ports = packet.kind === "echo" ? 0x10000 : packet.kind === "other" ? 1 : high - low + 1;
  const inside = tupleKey(o.given, tupleOf(o.given, packet, "source")).slice(packet.family === 4 ? 2 : 8);
  const taken = egresses.map((index) => {
    const address = egressAddressKey(judge.model.egresses[index]!, packet.family);
    return address === undefined ? ports : judge.table.takenToward(address + inside);
  });
  const most = Math.max(...taken);
  return most < ports ? `${most} of ${ports} ports toward this remote are taken` : undefined;
}
