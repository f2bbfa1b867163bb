import type { Egress, Endpoint } from "../config/types.js";
import { destinationAddress, readBe16, sourceAddress, TCP_ACK, TCP_SYN } from "../net/decode.js";
import { addressKey, formatKeySocket, formatSocket, portAtOf, type Tuple, tupleKey, tupleOf } from "../net/tuple.js";
import type { Connection, Mapping } from "./connections.js";
import { checkDecision, checkHealth } from "./eligible.js";
import { egressAddressKey, type Frame, hopsOf, type Judge, startOf } from "./judge.js";
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
  judge.findAll(
    frame,
    rewriteFindings(o.given, packet, o.result, "source", hopsOf(judge, frame, endpoint, egress.node)),
  );
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
  judge.find(
    frame,
    "egress-address",
    text,
    formatSocket(sourceAddress(o.result, packet), 0),
    `gateway ${egress.node} has no other`,
  );
}

function judgeTranslated(judge: Judge, frame: Frame, endpoint: Endpoint, egress: Egress): void {
  const { o, packet, nowMs } = frame;
  const tuple = tupleOf(o.given, packet, "source");
  const known = judge.table.get(tupleKey(o.given, tuple));
  checkNotInbound(judge, frame, known);
  const current = isSame(judge, known, endpoint, nowMs) ? known : undefined;
  const isDecided = current?.epoch === judge.table.epoch;
  const mapping = mappingOf(frame, tuple, egress, current);
  if (mapping !== current?.mapping || !isDecided) {
    checkSourceAddress(judge, frame, egress);
    checkNatPort(judge, frame, mapping);
    if (current) checkConstancy(judge, frame, current, mapping);
  }
  const connection = current && isDecided ? current : decide(judge, frame, endpoint, tuple, current);
  checkHealth(judge, frame, connection.policy, egress);
  if (mapping !== connection.mapping || !connection.isHolder) {
    checkUnshared(judge, frame, connection, mapping);
    judge.table.claim(connection, mapping);
  }
  judge.table.refresh(connection, packet.tcpFlags, true, nowMs);
  judge.rememberFragment(frame, connection);
}

/** True where `known` is the connection that this endpoint's frame belongs to, not one that is over. */
function isSame(judge: Judge, known: Connection | undefined, endpoint: Endpoint, nowMs: number): boolean {
  if (!known || known.start.direction === "inbound" || known.start.endpoint.uid !== endpoint.uid) return false;
  return !judge.table.mustBeDead(known, nowMs);
}

/** Asks the policies, and gives the answer to the connection: to the one there is, or to a new one. */
function decide(
  judge: Judge,
  frame: Frame,
  endpoint: Endpoint,
  tuple: Tuple,
  current: Connection | undefined,
): Connection {
  const { o, packet, nowMs } = frame;
  const decision = judge.policies.decide(endpoint, destinationAddress(o.given, packet), packet.family);
  checkDecision(judge, frame, endpoint, decision);
  const connection =
    current ??
    judge.table.open(startOf(o.given, tuple, "outbound", endpoint, judge.lifetimesOf(decision.policy)), nowMs);
  connection.policy = decision.policy;
  connection.epoch = judge.table.epoch;
  return connection;
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
  const { low, high } = judge.model.settings.snatPorts.value;
  if (natPort >= low && natPort <= high) return;
  judge.find(
    frame,
    "nat-port",
    `${low} to ${high}`,
    `${natPort}`,
    `the range comes from ${judge.model.settings.snatPorts.source}`,
  );
}

/** An answer to a connection that the remote opened keeps the endpoint's address. A SYN may open a connection of its own. */
function checkNotInbound(judge: Judge, frame: Frame, known: Connection | undefined): void {
  if (known?.start.direction !== "inbound" || !judge.surelyLives(known, frame)) return;
  if ((frame.packet.tcpFlags & (TCP_SYN | TCP_ACK)) === TCP_SYN) return;
  judge.find(frame, "inbound-translated", "pass, reply-of-inbound", "snat", "the remote opened this connection");
}

/** A live connection keeps its external tuple unless a remapping with a cause is on record. */
function checkConstancy(judge: Judge, frame: Frame, current: Connection, mapping: Mapping): void {
  const before = current.mapping;
  if (!before || before.key === mapping.key) return;
  const { remapped } = frame.o;
  const [expected, got] = [describe(before), describe(mapping)];
  if (remapped === "") {
    if (!judge.table.mustLive(current, frame.nowMs)) return;
    judge.find(
      frame,
      "tuple-changed",
      expected,
      got,
      `no remapping is on record (${judge.table.describeAge(current, frame.nowMs)})`,
    );
    return;
  }
  if (remapped === "policy-change" && current.epoch !== judge.table.epoch) return;
  const { healthy } = frame.o;
  const gatewayFailed = judge.table.hasLostGateway(current) || (healthy !== undefined && !healthy.has(before.gateway));
  if (remapped === "failover" && gatewayFailed) return;
  judge.find(frame, "remap-cause", expected, got, `the record says ${remapped}, but nothing of the kind happened`);
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
    judge.find(
      frame,
      "decision",
      "drop, icmp-error-unmatched",
      "snat",
      "the quoted packet belongs to no translated connection",
    );
    return;
  }
  const natPortAt = portAtOf(inner, "destination");
  const natPort = natPortAt < 0 ? 0 : readBe16(o.result, natPortAt);
  const address = addressKey(o.result, inner.destinationAt, inner.family);
  const mapping = {
    key: tupleKey(o.result, { ...tuple, insidePort: natPort }),
    address,
    natPort,
    gateway: egress.node,
  };
  if (connection.mapping && connection.mapping.key !== mapping.key && o.remapped === "") {
    judge.find(
      frame,
      "tuple-changed",
      describe(connection.mapping),
      describe(mapping),
      "the quoted packet must show the connection's tuple",
    );
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
    checkDecision(
      judge,
      frame,
      endpoint,
      judge.policies.decide(endpoint, destinationAddress(o.given, packet), packet.family),
    );
    return;
  }
  connection.maybeAt = nowMs;
  if (connection.mapping?.gateway === egress.node) return;
  judge.find(
    frame,
    "egress-eligible",
    connection.mapping?.gateway ?? "none",
    egress.node,
    "the first fragment used another gateway",
  );
}

function describe(mapping: Mapping): string {
  return `${formatKeySocket(mapping.address, mapping.natPort)} on ${mapping.gateway}`;
}
