import type { Endpoint } from "../config/types.js";
import { type IpPacket, isEchoRequest, sourcePort, TCP_ACK, TCP_SYN } from "../net/decode.js";
import type { Decision } from "./interpreter.js";
import type { Frame } from "./judge.js";
import { forgetTranslation, insideConnection } from "./lookup.js";

/** Pass reasons that name the policies' decision and must therefore be the one that the interpreter finds. */
export const DECISION_REASONS = new Set(
  "no-policy excluded cluster-internal link-local multicast broadcast loopback not-yet-programmed".split(" "),
);

/** A frame that an endpoint sent and that left as it came. */
export function judgePass(frame: Frame): void {
  const { o } = frame;
  const endpoint = frame.endpoint;
  if (!endpoint) return;
  if (o.reason === "endpoint-unknown") return frame.findOwner(endpoint);
  const decision = frame.decide(endpoint);
  const answered = answersInbound(frame, endpoint);
  if (o.reason === "reply-of-inbound" && answered) return;
  if (decision.selected && o.reason === "link-local" && isNeighbourDiscovery(frame)) return;
  if (decision.selected) return judgeUntranslated(frame, decision, answered);
  forgetTranslation(frame);
  if (DECISION_REASONS.has(o.reason) && o.reason !== decision.reason)
    frame.find("decision", decision.reason, o.reason, `${decision.by} decides`);
  if (o.reason === "not-yet-programmed") checkDelay(frame, endpoint);
}

/** RFC 4861: router and neighbour messages never leave their link, which their hop limit of 255 proves (section 7.1). */
function isNeighbourDiscovery({ o, packet }: Frame): boolean {
  const isOne = packet.family === 6 && packet.icmpType >= 133 && packet.icmpType <= 137;
  return isOne && o.given[packet.ttlAt] === 255;
}

/** A selected frame that was not translated is a leak unless something that the user asked for explains it. */
function judgeUntranslated(frame: Frame, decision: Decision, answered: boolean): void {
  const { judge, o } = frame;
  if (o.reason === "unsupported-passed" && judge.options.unsupportedPasses) return judge.log.note("unsupported-passed");
  const policy = judge.model.policies[decision.policy]!;
  const why = answered
    ? "the frame answers an inbound connection but was passed for another reason"
    : `${decision.by} selects it and the remote opened no such connection`;
  frame.find("leak", `snat by ${policy.name}`, "the endpoint's own address", why);
}

/** Programming takes no longer than the scenario says, from the endpoint's creation or from the last change of policies on. */
function checkDelay(frame: Frame, { fromNs }: Endpoint): void {
  const { judge, o, nowMs } = frame;
  const delayMs = judge.options.propagationMs ?? 0;
  const isNew = fromNs !== undefined && Number(o.timeNs - fromNs) / 1e6 < delayMs;
  if (isNew || nowMs - judge.policiesChangedAtMs < delayMs) return judge.log.note("not-yet-programmed");
  frame.find("leak", "snat", "the endpoint's own address", `policies are programmed within ${delayMs / 1000} s`);
}

/** True where the frame answers a connection that the verifier saw the remote open, or whose shape says so (capture began in its middle). */
function answersInbound(frame: Frame, endpoint: Endpoint): boolean {
  const { judge, o, packet, nowMs } = frame;
  const known = insideConnection(frame);
  // What answers an inbound connection by now may be the rest of a datagram that has left translated.
  if (packet.kind === "later-fragment" && frame.datagram?.mapping) return false;
  if (known?.start.direction === "inbound" && !judge.table.mustBeDead(known, nowMs)) {
    if (packet.kind !== "icmp-error" && packet.kind !== "later-fragment") {
      judge.table.refresh(known, packet.tcpFlags, false, nowMs);
      frame.rememberFragment(known);
    }
    return true;
  }
  if (!looksLikeAnswer(o.given, packet, endpoint)) return false;
  if (known?.start.direction === "outbound" && frame.surelyLives(known)) return false;
  const opened = frame.open("inbound", endpoint, -1);
  judge.table.refresh(opened, packet.tcpFlags, false, nowMs);
  frame.rememberFragment(opened);
  return true;
}

/** The first frame of a connection seen in mid-stream: a SYN-ACK, an INIT-ACK, an echo reply, or a source port that the endpoint serves (design: Direction). */
function looksLikeAnswer(bytes: Uint8Array, packet: IpPacket, endpoint: Endpoint): boolean {
  if (packet.kind === "echo") return !isEchoRequest(packet);
  const syn = packet.tcpFlags & (TCP_SYN | TCP_ACK);
  if (syn === (TCP_SYN | TCP_ACK)) return true;
  if (syn === TCP_SYN) return false;
  return servesPort(endpoint, packet, sourcePort(bytes, packet));
}

/** True where `port` is among the endpoint's containerPorts or Service targetPorts for the packet's protocol. */
export function servesPort(endpoint: Endpoint, packet: IpPacket, port: number): boolean {
  const name = packet.kind === "tcp" ? "TCP" : packet.kind === "udp" ? "UDP" : packet.kind === "sctp" ? "SCTP" : "";
  return endpoint.servicePorts.some((service) => service.protocol === name && service.port === port);
}

/** A frame that never reached the engine, for all that it may be an endpoint's. */
export function judgeSkipped(frame: Frame): void {
  const { judge, o } = frame;
  judge.log.note(`skipped: ${o.reason}`);
  if (o.reason !== "endpoint-unknown" && o.reason !== "already-translated") return;
  const endpoint = frame.endpoint;
  if (endpoint) frame.findOwner(endpoint);
}
