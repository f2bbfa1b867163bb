import type { Egress, Endpoint, Policy } from "../config/types.js";
import { readBe16, sourceAddress, TCP_ACK, TCP_SYN } from "../net/decode.js";
import { addressKey, formatKeySocket, formatSocket, portAtOf, type Tuple, tupleKey, tupleOf } from "../net/tuple.js";
import type { Connection, Mapping } from "./connections.js";
import { checkGateway, checkReachable, checkSelected, membersOf, pinsOf } from "./eligible.js";
import { egressAddressKey, type Frame, hopsOf } from "./judge.js";
import { ongoing } from "./lookup.js";
import { rewriteFindings } from "./rewrite.js";

/** A frame from an endpoint that left with an egress IP. */
export function judgeSnat(frame: Frame): void {
  const { judge, o, packet } = frame;
  const endpoint = frame.endpoint ?? frame.quotedEndpoint;
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
  frame.findAll(rewriteFindings(frame, "source", hops));
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
  if (mapping !== connection.mapping || connection.pin !== mapping.gateway || !connection.isHolder) {
    checkUnshared(frame, connection, mapping);
    table.claim(connection, mapping);
  }
  table.refresh(connection, packet.tcpFlags, true, nowMs);
  frame.rememberFragment(connection);
}

/** Nothing happened since the connection's last frame that its gateway or tuple could depend on. */
function isSettled({ judge: { table } }: Frame, connection: Connection): boolean {
  return (
    connection.epoch === table.epoch && connection.pin === connection.mapping?.gateway && !table.hasLostPin(connection)
  );
}

/** Judges what is new about a connection, the first frame or a later one. @returns the one there was, or a new one */
function settle(frame: Frame, translation: Translation): Connection {
  const { judge } = frame;
  const { endpoint, egress, current, mapping } = translation;
  checkSourceAddress(frame, egress);
  checkNatPort(frame, mapping);
  const isDecided = current?.epoch === judge.table.epoch;
  const index = isDecided ? current.policy : checkSelected(frame, endpoint);
  const policy = judge.model.policies[index];
  if (policy) {
    checkGateway(frame, policy, endpoint, current);
    checkConstancy(frame, translation, policy);
  }
  const connection = current ?? frame.open("outbound", endpoint, index);
  connection.policy = index;
  connection.lifetimes = judge.lifetimesOf(index);
  connection.epoch = judge.table.epoch;
  return connection;
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

/** A connection keeps its external tuple unless a remapping is on record, with a cause that happened. */
function checkConstancy(frame: Frame, { current, mapping }: Translation, policy: Policy): void {
  const { judge, o, nowMs } = frame;
  const before = current?.mapping;
  if (!before) {
    if (o.remapped === "" || mayBeNewlySelected(frame)) return;
    return frame.find("remap-cause", "a new connection", o.remapped, "no frame of it was translated before");
  }
  const [expected, got] = [describe(before), describe(mapping)];
  if (o.remapped === "" && before.key !== mapping.key && judge.table.mustGoOn(current, nowMs)) {
    const why = `no remapping is on record (${judge.table.describeAge(current, nowMs)})`;
    frame.find("tuple-changed", expected, got, why);
  }
  if (o.remapped === "" || (before.key !== mapping.key && isCause(frame, current, mapping, policy))) return;
  frame.find("remap-cause", expected, got, `the record says ${o.remapped}, but nothing of the kind happened`);
}

/** Whether what the record says happened to the connection since its last frame. */
function isCause(frame: Frame, connection: Connection, { gateway }: Mapping, policy: Policy): boolean {
  const { table, gateways } = frame.judge;
  const isOtherModel = connection.epoch !== table.epoch;
  const hasLostMapping = table.hasLostMapping(connection);
  const isNoMember = membersOf(frame, policy, connection.mapping!).length === 0;
  switch (frame.o.remapped) {
    case "policy-change":
      return isOtherModel && (hasLostMapping || isNoMember || pinsOf(frame, policy, connection).length === 0);
    case "egress-ip-moved":
      return isOtherModel && isNoMember;
    case "gateway-restart":
      return connection.pin === gateway && hasLostMapping;
    case "failover":
      // Once its pin is elsewhere than its mapping was, whatever moved it has passed.
      return (
        connection.pin !== connection.mapping!.gateway ||
        table.hasLostPin(connection) ||
        gateways.down.has(connection.pin!)
      );
    default:
      return false;
  }
}

/** A connection that left untranslated before, since its policy is new or was not programmed yet, is remapped at its first frame. */
function mayBeNewlySelected({ judge: { options, table }, o }: Frame): boolean {
  const mayBeNew = table.epoch > 0 || (options.propagationMs ?? 0) > 0;
  return options.resumed || (o.remapped === "policy-change" && mayBeNew);
}

/** From here on the search for a port may find none that was not in use lately. */
const SCARCE = 0.75;

/** An external tuple serves one connection at a time, and one that was freed nobody for a while unless ports are scarce (RFC 6888 REQ-8). */
function checkUnshared(frame: Frame, connection: Connection, mapping: Mapping): void {
  const { table, model } = frame.judge;
  const holder = table.holderOf(mapping.key);
  if (!holder || holder === connection || !frame.isOfNow(holder)) return;
  const { low, high } = model.settings.snatPorts.value;
  const isHeld = table.takenToward(mapping.key) < (high - low + 1) * SCARCE && table.mustHold(holder, frame.nowMs);
  if (!isHeld && !table.mustLive(holder, frame.nowMs)) return;
  const other = formatKeySocket(holder.start.insideAddress, holder.start.insidePort);
  const why = `${describe(mapping)} still serves ${other} (${table.describeAge(holder, frame.nowMs)})`;
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
  if (before && before.key !== shown.key && o.remapped === "") {
    const why = "the quoted packet must show the connection's tuple";
    frame.find("tuple-changed", describe(before), describe(shown), why);
  }
  if (connection.start.endpoint.uid !== endpoint.uid) judge.log.note("error-about-former-owner");
  connection.maybeAt = nowMs;
}

/** A later fragment carries no port: it leaves as its first one did, or else by a gateway that the policy permits, and keeps nothing alive. */
function judgeLaterFragment(frame: Frame, endpoint: Endpoint, egress: Egress): void {
  const { judge, o, packet, datagram, nowMs } = frame;
  const { connection, mapping } = datagram ?? {};
  if (!connection || !mapping) {
    judge.log.note("fragment-without-first-seen");
    const policy = judge.model.policies[checkSelected(frame, endpoint)];
    if (policy) checkGateway(frame, policy, endpoint);
    return;
  }
  const used = { ...mapping, address: addressKey(o.result, packet.sourceAt, packet.family), gateway: egress.node };
  if (describe(used) !== describe(mapping))
    frame.find("fragment", describe(mapping), describe(used), "its first fragment left by another way");
  const isCurrent = judge.table.get(connection.start.key) === connection;
  if (isCurrent && judge.table.mustBeDead(connection, nowMs))
    frame.find("mapping-outlived", "drop, fragment-without-first", "snat", judge.table.describeAge(connection, nowMs));
}

function describe(mapping: Mapping): string {
  return `${formatKeySocket(mapping.address, mapping.natPort)} on ${mapping.gateway}`;
}
