import type { Egress, Endpoint, Policy } from "../config/types.js";
import { readBe16, sourceAddress, TCP_ACK, TCP_SYN } from "../net/decode.js";
import { addressKey, formatKeySocket, formatSocket, portAtOf, type Tuple, tupleKey, tupleOf } from "../net/tuple.js";
import type { Connection, Mapping } from "./connections.js";
import { checkChoice, checkReachable, checkSelected, memberOf, pinOf } from "./eligible.js";
import { describePolicy, egressAddressKey, type Frame, hopsOf, type Judge, startOf } from "./judge.js";
import { ongoing } from "./lookup.js";
import { rewriteFindings } from "./rewrite.js";

/** A frame from an endpoint that left with an egress IP. */
export function judgeSnat(judge: Judge, frame: Frame): void {
  const { o, packet } = frame;
  const endpoint = judge.ownerAt(frame, o.given, packet.sourceAt);
  const egress = judge.model.egresses[o.egress];
  if (!endpoint) {
    const source = formatSocket(sourceAddress(o.given, packet), 0);
    judge.find(frame, "decision", "pass, endpoint-unknown", "snat", `${source} belongs to no endpoint at this time`);
    return;
  }
  if (!egress) {
    const range = `0 to ${judge.model.egresses.length - 1}`;
    judge.find(frame, "egress-eligible", range, `${o.egress}`, "the frame left with the address of no gateway");
    return;
  }
  const hops = hopsOf(judge, frame, endpoint, egress.node);
  judge.findAll(frame, rewriteFindings(o.given, packet, o.result, "source", hops));
  checkReachable(judge, frame, egress.node, endpoint);
  if (o.result.length !== o.given.length) return;
  if (packet.kind !== "icmp-error" && packet.kind !== "later-fragment")
    return judgeTranslated(judge, frame, endpoint, egress);
  checkSourceAddress(judge, frame, egress);
  if (packet.kind === "icmp-error") judgeError(judge, frame, endpoint, egress);
  else judgeLaterFragment(judge, frame, endpoint, egress);
}

function checkSourceAddress(judge: Judge, frame: Frame, egress: Egress): void {
  const { o, packet } = frame;
  const expected = egressAddressKey(egress, packet.family);
  const got = addressKey(o.result, packet.sourceAt, packet.family);
  if (got === expected) return;
  const text = expected === undefined ? "no address of this family" : formatKeySocket(expected, 0);
  const used = formatSocket(sourceAddress(o.result, packet), 0);
  judge.find(frame, "egress-address", text, used, `gateway ${egress.node} has no other`);
}

/** A translated frame: who sent it through which gateway, the connection that it goes on with, and its external tuple. */
interface Translation {
  readonly endpoint: Endpoint;
  readonly egress: Egress;
  readonly tuple: Tuple;
  readonly current: Connection | undefined;
  readonly mapping: Mapping;
}

function judgeTranslated(judge: Judge, frame: Frame, endpoint: Endpoint, egress: Egress): void {
  const { o, packet, nowMs } = frame;
  const { table } = judge;
  const tuple = tupleOf(o.given, packet, "source");
  const known = table.get(tupleKey(o.given, tuple));
  checkNotInbound(judge, frame, known);
  const current = ongoing(judge, known, endpoint, nowMs);
  const mapping = mappingOf(frame, tuple, egress, current);
  const isAsBefore = o.remapped === "" && mapping === current?.mapping && isSettled(judge, current);
  const connection = isAsBefore ? current : settle(judge, frame, { endpoint, egress, tuple, current, mapping });
  if (mapping !== connection.mapping || !connection.isHolder) {
    checkUnshared(judge, frame, connection, mapping);
    table.claim(connection, mapping);
  }
  table.refresh(connection, packet.tcpFlags, true, nowMs);
  judge.rememberFragment(frame, connection);
}

/** Nothing happened since the connection's last frame that its gateway or tuple could depend on. */
function isSettled({ table }: Judge, connection: Connection): boolean {
  return connection.epoch === table.epoch && connection.unseen === "" && !table.hasLostPin(connection);
}

/** Judges what is new about a connection, the first frame or a later one. @returns the one there was, or a new one */
function settle(judge: Judge, frame: Frame, translation: Translation): Connection {
  const { o, nowMs } = frame;
  const { endpoint, egress, tuple, current, mapping } = translation;
  checkSourceAddress(judge, frame, egress);
  checkNatPort(judge, frame, mapping);
  const isDecided = current?.epoch === judge.table.epoch;
  const index = isDecided ? current.policy : checkSelected(judge, frame, endpoint);
  const policy = judge.model.policies[index];
  if (policy) {
    const allowed = mayStay(judge, translation) ? judge.gateways.healthy : judge.gateways.active;
    checkChoice(judge, frame, policy, allowed.call(judge.gateways, policy, endpoint));
    checkConstancy(judge, frame, translation, policy);
  }
  const lifetimes = judge.lifetimesOf(index);
  const connection = current ?? judge.table.open(startOf(o.given, tuple, "outbound", endpoint), lifetimes, nowMs);
  connection.policy = index;
  connection.lifetimes = lifetimes;
  connection.epoch = judge.table.epoch;
  connection.unseen = "";
  return connection;
}

/** True where the connection may have been on this gateway before, so that it need not be one that takes new connections. */
function mayStay(judge: Judge, { current, mapping }: Translation): boolean {
  if (!current?.mapping || current.unseen === "gateway") return current !== undefined;
  const { gateway, address } = current.mapping;
  return gateway === mapping.gateway && address === mapping.address && !judge.table.hasLostPin(current);
}

/** The external tuple, read from the frame that left; the connection's own mapping where it is the same. */
function mappingOf(frame: Frame, tuple: Tuple, egress: Egress, current: Connection | undefined): Mapping {
  const { o, packet } = frame;
  const portAt = portAtOf(packet, "source");
  const natPort = portAt < 0 ? 0 : readBe16(o.result, portAt);
  const address = addressKey(o.result, packet.sourceAt, packet.family);
  const before = current?.mapping;
  if (before?.natPort === natPort && before.address === address && before.gateway === egress.node) return before;
  return { key: tupleKey(o.result, { ...tuple, insidePort: natPort }), address, natPort, gateway: egress.node };
}

/** Ports of TCP, UDP and SCTP come from the configured range; echo identifiers may be any. */
function checkNatPort(judge: Judge, frame: Frame, { natPort }: Mapping): void {
  const { kind } = frame.packet;
  if (judge.options.foreign || (kind !== "tcp" && kind !== "udp" && kind !== "sctp")) return;
  const { value, source } = judge.model.settings.snatPorts;
  if (natPort >= value.low && natPort <= value.high) return;
  judge.find(frame, "nat-port", `${value.low} to ${value.high}`, `${natPort}`, `the range comes from ${source}`);
}

/** An answer to a connection that the remote opened keeps the endpoint's address. A SYN may open a connection of its own. */
function checkNotInbound(judge: Judge, frame: Frame, known: Connection | undefined): void {
  if (known?.start.direction !== "inbound" || !judge.surelyLives(known, frame)) return;
  if ((frame.packet.tcpFlags & (TCP_SYN | TCP_ACK)) === TCP_SYN) return;
  judge.find(frame, "inbound-translated", "pass, reply-of-inbound", "snat", "the remote opened this connection");
}

/** A connection keeps its gateway while that is healthy, and its external tuple unless a remapping with a cause is on record. */
function checkConstancy(judge: Judge, frame: Frame, translation: Translation, policy: Policy): void {
  const { current, mapping } = translation;
  const { remapped } = frame.o;
  const before = current?.mapping;
  if (!before || current.unseen === "gateway") {
    if (remapped === "" || current || mayBeNewlySelected(judge, remapped)) return;
    return judge.find(frame, "remap-cause", "a new connection", remapped, "no frame of it was translated before");
  }
  const [expected, got] = [describe(before), describe(mapping)];
  const isChanged = before.key !== mapping.key;
  const isPinned = pinOf(judge, frame, policy, current) !== undefined;
  if (remapped === "" && isChanged && current.unseen === "" && judge.table.mustGoOn(current, frame.nowMs)) {
    const why = `no remapping is on record (${judge.table.describeAge(current, frame.nowMs)})`;
    judge.find(frame, "tuple-changed", expected, got, why);
  } else if (isPinned && (before.gateway !== mapping.gateway || before.address !== mapping.address)) {
    judge.find(frame, "pin-moved", expected, got, `${before.gateway} is healthy and ${describePolicy(policy)} has it`);
  } else if (remapped !== "" && !isCause(judge, frame, translation, policy)) {
    const why = `the record says ${remapped}, but nothing of the kind happened`;
    judge.find(frame, "remap-cause", expected, got, why);
  }
}

/** Whether what the record says happened to the connection since its last frame. */
function isCause(judge: Judge, frame: Frame, { current, mapping }: Translation, policy: Policy): boolean {
  const before = current?.mapping;
  if (!before || (before.key === mapping.key && current.unseen === "")) return false;
  const isOtherModel = current.epoch !== judge.table.epoch;
  const hasLostMemory = judge.table.hasLostGateway(current);
  const isSameGateway = before.gateway === mapping.gateway;
  switch (frame.o.remapped) {
    case "policy-change":
      return isOtherModel && (hasLostMemory || pinOf(judge, frame, policy, current) === undefined);
    case "egress-ip-moved":
      return isOtherModel && memberOf(judge, frame, policy, before) === undefined;
    case "gateway-restart":
      return isSameGateway && hasLostMemory;
    case "failover": {
      const isUnpinned = judge.table.hasLostPin(current) || judge.gateways.down.has(before.gateway);
      return isUnpinned || (!isSameGateway && hasLostMemory);
    }
    default:
      return false;
  }
}

/** A connection that left untranslated before, since its policy is new or was not programmed yet, is remapped at its first frame. */
function mayBeNewlySelected(judge: Judge, remapped: string): boolean {
  if (judge.options.resumed) return true;
  return remapped === "policy-change" && (judge.table.epoch > 0 || (judge.options.propagationMs ?? 0) > 0);
}

/** An external tuple serves one connection at a time. */
function checkUnshared(judge: Judge, frame: Frame, connection: Connection, mapping: Mapping): void {
  const holder = judge.table.holderOf(mapping.key);
  if (!holder || holder === connection || !judge.surelyLives(holder, frame)) return;
  const other = formatKeySocket(holder.start.insideAddress, holder.start.insidePort);
  const why = `${describe(mapping)} still serves ${other} (${judge.table.describeAge(holder, frame.nowMs)})`;
  judge.find(frame, "tuple-shared", "a free external tuple", describe(mapping), why);
}

/** An ICMP error that an endpoint sends about a reply: it must show the tuple that the remote knows. */
function judgeError(judge: Judge, frame: Frame, endpoint: Endpoint, egress: Egress): void {
  const { o, packet, nowMs } = frame;
  const inner = packet.inner;
  if (!inner) {
    judge.find(frame, "decision", "drop", "snat", "an ICMP error that quotes no packet belongs to no connection");
    return;
  }
  const tuple = tupleOf(o.given, inner, "destination");
  const connection = judge.table.get(tupleKey(o.given, tuple));
  if (connection?.start.direction !== "outbound") {
    if (judge.options.resumed) return judge.log.note("error-about-unseen-connection");
    const why = "the quoted packet belongs to no translated connection";
    return judge.find(frame, "decision", "drop, icmp-error-unmatched", "snat", why);
  }
  const natPortAt = portAtOf(inner, "destination");
  const natPort = natPortAt < 0 ? 0 : readBe16(o.result, natPortAt);
  const address = addressKey(o.result, inner.destinationAt, inner.family);
  const key = tupleKey(o.result, { ...tuple, insidePort: natPort });
  const before = connection.mapping;
  if (before && before.key !== key && o.remapped === "" && connection.unseen === "") {
    const got = describe({ key, address, natPort, gateway: egress.node });
    const why = "the quoted packet must show the connection's tuple";
    judge.find(frame, "tuple-changed", describe(before), got, why);
  }
  if (connection.start.endpoint.uid !== endpoint.uid) judge.log.note("error-about-former-owner");
  connection.maybeAt = nowMs;
}

/** A later fragment carries no port: its gateway must be that of its first fragment, or else one that the policy permits. */
function judgeLaterFragment(judge: Judge, frame: Frame, endpoint: Endpoint, egress: Egress): void {
  const { o, packet, nowMs } = frame;
  const connection = judge.fragments.find(o.given, packet, nowMs);
  if (!connection) {
    judge.log.note("fragment-without-first-seen");
    const policy = judge.model.policies[checkSelected(judge, frame, endpoint)];
    if (policy) checkChoice(judge, frame, policy, judge.gateways.healthy(policy, endpoint));
    return;
  }
  connection.maybeAt = nowMs;
  const gateway = connection.mapping?.gateway ?? "none";
  if (gateway !== egress.node)
    judge.find(frame, "egress-eligible", gateway, egress.node, "the first fragment used another gateway");
}

function describe(mapping: Mapping): string {
  return `${formatKeySocket(mapping.address, mapping.natPort)} on ${mapping.gateway}`;
}
