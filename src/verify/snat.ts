import type { Egress, Endpoint, Policy } from "../config/types.js";
import { readBe16, sourceAddress, TCP_ACK, TCP_SYN } from "../net/decode.js";
import { addressKey, formatKeySocket, formatSocket, portAtOf, type Tuple, tupleKey, tupleOf } from "../net/tuple.js";
import type { Connection, Mapping } from "./connections.js";
import { checkChoice, checkReachable, checkSelected, memberOf, pinOf } from "./eligible.js";
import { egressAddressKey, type Frame, hopsOf } from "./judge.js";
import { ongoing } from "./lookup.js";
import { rewriteFindings } from "./rewrite.js";

/** A frame from an endpoint that left with an egress IP. */
export function judgeSnat(frame: Frame): void {
  const { judge, o, packet } = frame;
  const endpoint = frame.endpoint;
  const egress = judge.model.egresses[o.egress];
  if (!endpoint) {
    const source = formatSocket(sourceAddress(o.given, packet), 0);
    return frame.find("decision", "pass, endpoint-unknown", "snat", `${source} belongs to no endpoint at this time`);
  }
  if (!egress) {
    const range = `0 to ${judge.model.egresses.length - 1}`;
    return frame.find("egress-eligible", range, `${o.egress}`, "the frame left with the address of no gateway");
  }
  const hops = hopsOf(frame, endpoint, egress.node);
  frame.findAll(rewriteFindings(o.given, packet, o.result, "source", hops));
  checkReachable(frame, egress.node, endpoint);
  if (o.result.length !== o.given.length) return;
  if (packet.kind !== "icmp-error" && packet.kind !== "later-fragment") return judgeTranslated(frame, endpoint, egress);
  checkSourceAddress(frame, egress);
  if (packet.kind === "icmp-error") judgeError(frame, endpoint, egress);
  else judgeLaterFragment(frame, endpoint, egress);
}

function checkSourceAddress(frame: Frame, egress: Egress): void {
  const { o, packet } = frame;
  const expected = egressAddressKey(egress, packet.family);
  const got = addressKey(o.result, packet.sourceAt, packet.family);
  if (got === expected) return;
  const text = expected === undefined ? "no address of this family" : formatKeySocket(expected, 0);
  const used = formatSocket(sourceAddress(o.result, packet), 0);
  frame.find("egress-address", text, used, `gateway ${egress.node} has no other`);
}

/** A translated frame: who sent it through which gateway, the connection that it goes on with, and its external tuple. */
interface Translation {
  readonly endpoint: Endpoint;
  readonly egress: Egress;
  readonly current: Connection | undefined;
  readonly mapping: Mapping;
}

function judgeTranslated(frame: Frame, endpoint: Endpoint, egress: Egress): void {
  const { judge, o, packet, nowMs } = frame;
  const { table } = judge;
  const { tuple } = frame;
  const known = table.get(tupleKey(o.given, tuple));
  checkNotInbound(frame, known);
  const current = ongoing(frame, endpoint, known);
  const mapping = mappingOf(frame, tuple, portAtOf(packet, "source"), egress.node, current?.mapping);
  const isAsBefore = o.remapped === "" && mapping === current?.mapping && isSettled(frame, current);
  const connection = isAsBefore ? current : settle(frame, { endpoint, egress, current, mapping });
  if (mapping !== connection.mapping || !connection.isHolder) {
    checkUnshared(frame, connection, mapping);
    table.claim(connection, mapping);
  }
  table.refresh(connection, packet.tcpFlags, true, nowMs);
  frame.rememberFragment(connection);
}

/** Nothing happened since the connection's last frame that its gateway or tuple could depend on. */
function isSettled({ judge: { table } }: Frame, connection: Connection): boolean {
  return connection.epoch === table.epoch && connection.unseen === "" && !table.hasLostPin(connection);
}

/** Judges what is new about a connection, the first frame or a later one. @returns the one there was, or a new one */
function settle(frame: Frame, translation: Translation): Connection {
  const { judge, o, nowMs } = frame;
  const { endpoint, egress, current, mapping } = translation;
  checkSourceAddress(frame, egress);
  checkNatPort(frame, mapping);
  const isDecided = current?.epoch === judge.table.epoch;
  const index = isDecided ? current.policy : checkSelected(frame, endpoint);
  const policy = judge.model.policies[index];
  if (policy) {
    const allowed = mayStay(frame, translation) ? judge.gateways.healthy : judge.gateways.active;
    checkChoice(frame, policy, allowed.call(judge.gateways, policy, endpoint));
    checkConstancy(frame, translation, policy);
  }
  const connection = current ?? frame.open("outbound", endpoint, index);
  connection.policy = index;
  connection.lifetimes = judge.lifetimesOf(index);
  connection.epoch = judge.table.epoch;
  connection.unseen = "";
  return connection;
}

/** True where the connection may have been on this gateway before, so that it need not be one that takes new connections. */
function mayStay({ judge }: Frame, { current, mapping }: Translation): boolean {
  if (!current?.mapping || current.unseen === "gateway") return current !== undefined;
  const { gateway, address } = current.mapping;
  return gateway === mapping.gateway && address === mapping.address && !judge.table.hasLostPin(current);
}

/**
 * The external tuple, read from the frame that left, or from the packet that it quotes; `before` where it is the same.
 * @param tuple of the packet before translation   @param portAt offset of the NAT port, -1 = none
 */
function mappingOf({ o }: Frame, tuple: Tuple, portAt: number, gateway: string, before?: Mapping): Mapping {
  const natPort = portAt < 0 ? 0 : readBe16(o.result, portAt);
  const address = addressKey(o.result, tuple.insideAt, tuple.family);
  if (before?.natPort === natPort && before.address === address && before.gateway === gateway) return before;
  return { key: tupleKey(o.result, { ...tuple, insidePort: natPort }), address, natPort, gateway };
}

/** Ports of TCP, UDP and SCTP come from the configured range; echo identifiers may be any. */
function checkNatPort(frame: Frame, { natPort }: Mapping): void {
  const { kind } = frame.packet;
  if (frame.judge.options.foreign || (kind !== "tcp" && kind !== "udp" && kind !== "sctp")) return;
  const { value, source } = frame.judge.model.settings.snatPorts;
  if (natPort >= value.low && natPort <= value.high) return;
  frame.find("nat-port", `${value.low} to ${value.high}`, `${natPort}`, `the range comes from ${source}`);
}

/** An answer to a connection that the remote opened keeps the endpoint's address. A SYN may open a connection of its own. */
function checkNotInbound(frame: Frame, known: Connection | undefined): void {
  if (known?.start.direction !== "inbound" || !frame.surelyLives(known)) return;
  if ((frame.packet.tcpFlags & (TCP_SYN | TCP_ACK)) === TCP_SYN) return;
  frame.find("inbound-translated", "pass, reply-of-inbound", "snat", "the remote opened this connection");
}

/** A connection keeps its gateway while that is healthy, and its external tuple unless a remapping with a cause is on record. */
function checkConstancy(frame: Frame, translation: Translation, policy: Policy): void {
  const { current, mapping } = translation;
  const { remapped } = frame.o;
  const before = current?.mapping;
  if (!before || current.unseen === "gateway") {
    if (remapped === "" || current || mayBeNewlySelected(frame)) return;
    return frame.find("remap-cause", "a new connection", remapped, "no frame of it was translated before");
  }
  const [expected, got] = [describe(before), describe(mapping)];
  const isChanged = before.key !== mapping.key;
  const isPinned = pinOf(frame, policy, current) !== undefined;
  if (remapped === "" && isChanged && current.unseen === "" && frame.judge.table.mustGoOn(current, frame.nowMs)) {
    const why = `no remapping is on record (${frame.judge.table.describeAge(current, frame.nowMs)})`;
    frame.find("tuple-changed", expected, got, why);
  } else if (isPinned && (before.gateway !== mapping.gateway || before.address !== mapping.address)) {
    frame.find("pin-moved", expected, got, `${before.gateway} is healthy and policy ${policy.name} has it`);
  } else if (remapped !== "" && !isCause(frame, translation, policy)) {
    const why = `the record says ${remapped}, but nothing of the kind happened`;
    frame.find("remap-cause", expected, got, why);
  }
}

/** Whether what the record says happened to the connection since its last frame. */
function isCause(frame: Frame, { current, mapping }: Translation, policy: Policy): boolean {
  const before = current?.mapping;
  if (!before || (before.key === mapping.key && current.unseen === "")) return false;
  const isOtherModel = current.epoch !== frame.judge.table.epoch;
  const hasLostMemory = frame.judge.table.hasLostGateway(current);
  const isSameGateway = before.gateway === mapping.gateway;
  switch (frame.o.remapped) {
    case "policy-change":
      return isOtherModel && (hasLostMemory || pinOf(frame, policy, current) === undefined);
    case "egress-ip-moved":
      return isOtherModel && memberOf(frame, policy, before) === undefined;
    case "gateway-restart":
      return isSameGateway && hasLostMemory;
    case "failover": {
      const isUnpinned = frame.judge.table.hasLostPin(current) || frame.judge.gateways.down.has(before.gateway);
      return isUnpinned || (!isSameGateway && hasLostMemory);
    }
    default:
      return false;
  }
}

/** A connection that left untranslated before, since its policy is new or was not programmed yet, is remapped at its first frame. */
function mayBeNewlySelected({ judge: { options, table }, o }: Frame): boolean {
  const mayBeNew = table.epoch > 0 || (options.propagationMs ?? 0) > 0;
  return options.resumed || (o.remapped === "policy-change" && mayBeNew);
}

/** An external tuple serves one connection at a time. */
function checkUnshared(frame: Frame, connection: Connection, mapping: Mapping): void {
  const holder = frame.judge.table.holderOf(mapping.key);
  if (!holder || holder === connection || !frame.surelyLives(holder)) return;
  const other = formatKeySocket(holder.start.insideAddress, holder.start.insidePort);
  const why = `${describe(mapping)} still serves ${other} (${frame.judge.table.describeAge(holder, frame.nowMs)})`;
  frame.find("tuple-shared", "a free external tuple", describe(mapping), why);
}

/** An ICMP error that an endpoint sends about a reply: it must show the tuple that the remote knows. */
function judgeError(frame: Frame, endpoint: Endpoint, egress: Egress): void {
  const { judge, o, packet, nowMs } = frame;
  const inner = packet.inner;
  const unquoted = "an ICMP error that quotes no packet belongs to no connection";
  if (!inner) return frame.find("decision", "drop", "snat", unquoted);
  const tuple = tupleOf(o.given, inner, "destination");
  const connection = judge.table.get(tupleKey(o.given, tuple));
  if (connection?.start.direction !== "outbound") {
    if (judge.options.resumed) return judge.log.note("error-about-unseen-connection");
    const why = "the quoted packet belongs to no translated connection";
    return frame.find("decision", "drop, icmp-error-unmatched", "snat", why);
  }
  const before = connection.mapping;
  const shown = mappingOf(frame, tuple, portAtOf(inner, "destination"), egress.node, before);
  if (before && before.key !== shown.key && o.remapped === "" && connection.unseen === "") {
    const why = "the quoted packet must show the connection's tuple";
    frame.find("tuple-changed", describe(before), describe(shown), why);
  }
  if (connection.start.endpoint.uid !== endpoint.uid) judge.log.note("error-about-former-owner");
  connection.maybeAt = nowMs;
}

/** A later fragment carries no port: its gateway must be that of its first fragment, or else one that the policy permits. */
function judgeLaterFragment(frame: Frame, endpoint: Endpoint, egress: Egress): void {
  const { judge, o, packet, nowMs } = frame;
  const connection = judge.fragments.find(o.given, packet, nowMs);
  if (!connection) {
    judge.log.note("fragment-without-first-seen");
    const policy = judge.model.policies[checkSelected(frame, endpoint)];
    if (policy) checkChoice(frame, policy, judge.gateways.healthy(policy, endpoint));
    return;
  }
  connection.maybeAt = nowMs;
  const gateway = connection.mapping?.gateway ?? "none";
  if (gateway !== egress.node)
    frame.find("egress-eligible", gateway, egress.node, "the first fragment used another gateway");
}

function describe(mapping: Mapping): string {
  return `${formatKeySocket(mapping.address, mapping.natPort)} on ${mapping.gateway}`;
}
