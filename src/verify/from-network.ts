import type { Endpoint } from "../config/types.js";
import { copyBytes, firstDifference } from "../net/bytes.js";
import { type IpPacket, isEchoRequest, readBe16, sourceAddress, TCP_ACK, TCP_SYN } from "../net/decode.js";
import { checksumState, ipv4HeaderSum } from "../net/recount.js";
import { addressKey, formatKeySocket, portAtOf, tupleOf } from "../net/tuple.js";
import type { Connection } from "./connections.js";
import { checkShapeReason, ERROR_REASONS } from "./drops.js";
import { checkReachable } from "./eligible.js";
import { DECISION_REASONS, servesPort } from "./from-endpoint.js";
import { type Frame, hopsOf } from "./judge.js";
import { externalConnection, insideConnection } from "./lookup.js";
import { rewriteFindings } from "./rewrite.js";

/** Drop reasons that say "this reply belongs to no mapping". */
const NO_MAPPING = new Set(["no-reverse-mapping", "reply-without-connection", ...ERROR_REASONS]);

/** A reply that came out with an endpoint's address. */
export function judgeReverse(frame: Frame): void {
  const { judge, o, packet, nowMs } = frame;
  const connection = externalConnection(frame);
  if (!connection?.mapping) return judgeUnknownReverse(frame);
  const { gateway } = connection.mapping;
  const hops = hopsOf(frame, connection.start.endpoint, gateway);
  frame.findAll(rewriteFindings(frame, "destination", hops));
  if (o.result.length === o.given.length) checkDestination(frame, connection);
  checkReachable(frame, gateway, connection.start.endpoint);
  checkRemembered(frame, connection, gateway);
  if (o.view === "endpoint") checkOwnReply(frame, connection, hops);
  if (packet.kind === "later-fragment") return;
  connection.maybeAt = nowMs;
  if (packet.kind === "icmp-error") return;
  judge.table.refresh(connection, packet.tcpFlags, false, nowMs);
  frame.rememberFragment(connection);
}

function judgeUnknownReverse(frame: Frame): void {
  const { judge, o, packet } = frame;
  const hops = packet.ttlAt < o.result.length ? o.given[packet.ttlAt]! - o.result[packet.ttlAt]! : 0;
  frame.findAll(rewriteFindings(frame, "destination", hops));
  if (judge.options.resumed) return judge.log.note("reply-to-unseen-connection");
  if (packet.kind === "later-fragment") return judge.log.note("fragment-without-first-seen");
  const why = "no connection that was seen holds this external tuple";
  frame.find("reply-destination", "drop, no-reverse-mapping", "reverse", why);
}

/** Neither time nor a loss of memory may have ended the mapping that a reply was restored by. */
function checkRemembered(frame: Frame, connection: Connection, gateway: string): void {
  const { table } = frame.judge;
  const isLost = table.hasLostMapping(connection);
  const expected = "drop, no-reverse-mapping";
  const forgetful = isLost ? gateway : connection.start.endpoint.node;
  if (isLost || table.hasLostEndpoint(connection))
    frame.find("mapping-lost", expected, "reverse", `${forgetful} forgot the connection since it last sent`);
  else if (table.mustBeDead(connection, frame.nowMs))
    frame.find("mapping-outlived", expected, "reverse", table.describeAge(connection, frame.nowMs));
}

function checkDestination(frame: Frame, connection: Connection): void {
  const { result } = frame.o;
  const { packet } = frame;
  const { insideAddress, insidePort } = connection.start;
  const address = addressKey(result, packet.destinationAt, packet.family);
  const quoted = packet.kind === "icmp-error" ? packet.inner : undefined;
  const portAt = quoted ? portAtOf(quoted, "source") : portAtOf(packet, "destination");
  const port = portAt < 0 ? insidePort : readBe16(result, portAt);
  const quotedAddress = quoted ? addressKey(result, quoted.sourceAt, packet.family) : insideAddress;
  if (address === insideAddress && quotedAddress === insideAddress && port === insidePort) return;
  const expected = formatKeySocket(insideAddress, insidePort);
  const got = formatKeySocket(address === insideAddress ? quotedAddress : address, port);
  frame.find("reply-destination", expected, got, "another endpoint holds this external tuple");
}

/** A reply may come so late that its external tuple serves another connection by now: then it is that one's, as it would really be. */
function checkOwnReply(frame: Frame, holder: Connection, hops: number): void {
  const { packet, o } = frame;
  const isLater = packet.kind === "later-fragment";
  const isOthers =
    isLater && addressKey(o.captured, packet.destinationAt, packet.family) !== holder.start.insideAddress;
  const own = isOthers ? undefined : isLater ? holder : insideConnection(frame);
  if (own === holder || (own && frame.surelyLives(own))) return checkRestored(frame, hops);
  frame.judge.log.note("reply after its external tuple passed to another connection");
}

/** Endpoint view: the frame that comes out must be the one that the endpoint really received. */
function checkRestored(frame: Frame, hops: number): void {
  const { captured, given, result } = frame.o;
  const { packet } = frame;
  const at = firstDifference(captured, result);
  if (at < 0) return;
  const comparable = copyBytes(captured);
  // A TTL of 255 cannot have been one more before the hop.
  if (hops > 0 && captured[packet.ttlAt] === 255 && given[packet.ttlAt] === 255) {
    copyOver(comparable, result, packet.ttlAt, 1);
    if (packet.headerChecksumAt >= 0) copyOver(comparable, result, packet.headerChecksumAt, 2);
  }
  for (const checksumAt of [packet.checksumAt, packet.headerChecksumAt, packet.inner?.checksumAt ?? -1]) {
    if (checksumAt >= 0 && isZeroForm(comparable, checksumAt) && isZeroForm(result, checksumAt))
      copyOver(comparable, result, checksumAt, 2);
  }
  const still = firstDifference(comparable, result);
  if (still < 0) return;
  const [expected, got] = [`${captured[still] ?? "end"}`, `${result[still] ?? "end"}`];
  frame.find("reply-restored", expected, got, `byte ${still} differs from what the endpoint received`);
}

/** Zero and ffff are one value in a one's complement sum. */
function isZeroForm(bytes: Uint8Array, at: number): boolean {
  const value = at + 2 <= bytes.length ? readBe16(bytes, at) : 1;
  return value === 0 || value === 0xffff;
}

function copyOver(to: Uint8Array, from: Uint8Array, at: number, length: number): void {
  to.set(from.subarray(at, at + length), at);
}

/** A frame from outside that entered as it came: no reply, or one that belongs to nobody. */
export function judgeEntering(frame: Frame): void {
  const { judge, o, packet, nowMs, endpoint } = frame;
  if (!endpoint) return;
  if (packet.kind === "icmp-error" || packet.kind === "later-fragment" || packet.kind === "unreadable") {
    return judgeMissingReply(frame);
  }
  const known = insideConnection(frame);
  if (known && !judge.table.mustBeDead(known, nowMs)) {
    if (known.start.direction === "inbound") return judge.table.refresh(known, packet.tcpFlags, true, nowMs);
    judgeMissingReply(frame);
    // Where the endpoint's own connection may be over, the remote may have opened another one in its place.
    if (o.reason !== "inbound" || frame.surelyLives(known)) return;
  }
  // An answer to what the endpoint sent untranslated, under the name of why that passed.
  if (DECISION_REASONS.has(o.reason)) return;
  if (!opensInbound(packet) && !servesPort(endpoint, packet, frame.tuple.insidePort)) return;
  checkNotDirect(frame, endpoint);
  judge.table.refresh(frame.open("inbound", endpoint, -1), packet.tcpFlags, true, nowMs);
}

/** At a gateway's uplink nobody reaches a selected endpoint by its own address. */
function checkNotDirect(frame: Frame, endpoint: Endpoint): void {
  const { judge, o, packet } = frame;
  if (o.view !== "network" || o.reason !== "inbound") return;
  const decision = judge.policies.decide(endpoint, sourceAddress(o.given, packet), packet.family);
  if (!decision.selected) return;
  frame.find(
    "decision",
    "drop, no-reverse-mapping",
    "pass, inbound",
    "it came straight to an endpoint over a gateway's uplink",
  );
}

/** A first SYN or INIT, a first datagram or an echo request opens an inbound connection; TCP and SCTP in mid-stream do not. */
function opensInbound(packet: IpPacket): boolean {
  if (packet.kind === "tcp" || packet.kind === "sctp") return (packet.tcpFlags & (TCP_SYN | TCP_ACK)) === TCP_SYN;
  return packet.kind === "echo" ? isEchoRequest(packet) : packet.kind !== "icmp-other";
}

/** A frame from outside that went nowhere. */
export function judgeNetworkDrop(frame: Frame): void {
  checkShapeReason(frame);
  judgeMissingReply(frame);
}

/** A frame that was not reversed although it may be a reply: a fault while the mapping must live, else explained and counted. */
function judgeMissingReply(frame: Frame): void {
  const { judge, o, packet, nowMs } = frame;
  if (o.action === "drop" && !NO_MAPPING.has(o.reason)) return;
  const connection = o.view === "network" ? externalConnection(frame) : insideConnection(frame);
  if (connection?.start.direction !== "outbound" || !connection.mapping) {
    if (o.action === "drop") judge.log.note(`reply to no connection: ${o.reason}`);
    return;
  }
  if (isOpening(packet)) return;
  const age = judge.table.describeAge(connection, nowMs);
  if (frame.surelyLives(connection)) {
    if (packet.kind === "icmp-error" && !isTranslatableError(o.given, packet))
      return judge.log.note("icmp-error not translated");
    const expected = formatKeySocket(connection.start.insideAddress, connection.start.insidePort);
    const { insidePort } = tupleOf(o.given, packet, "destination");
    const got = formatKeySocket(addressKey(o.given, packet.destinationAt, packet.family), insidePort);
    return frame.find("reply-not-reversed", expected, got, age);
  }
  const isOver = judge.table.mustBeDead(connection, nowMs);
  judge.log.note(isOver ? "reply after its mapping's lifetime" : "reply while its mapping may have ended");
}

/** A SYN or INIT from outside on a tuple in use may be a simultaneous open or a new inbound connection. */
function isOpening(packet: IpPacket): boolean {
  return (packet.tcpFlags & (TCP_SYN | TCP_ACK)) === TCP_SYN || isEchoRequest(packet);
}

/** Errors that every NAT must translate (RFC 5508 REQ-4): unreachable, time exceeded, too big, with right outer and quoted headers. */
function isTranslatableError(bytes: Uint8Array, packet: IpPacket): boolean {
  const { inner } = packet;
  const types = packet.family === 4 ? [3, 11] : [1, 2, 3];
  if (!inner || !types.includes(packet.icmpType) || checksumState(bytes, packet) !== "right") return false;
  return ipv4HeaderSum(bytes, inner) === 0xffff && inner.kind !== "unreadable" && inner.kind !== "later-fragment";
}
