import { tupleOf } from "../net/tuple.js";
import { checkChoice, checkSelected, mayCarry, pinOf } from "./eligible.js";
import { type Frame, type Judge, startOf } from "./judge.js";
import { externalConnection, ongoing, receivedConnection, sentConnection } from "./lookup.js";

/** A frame from an endpoint that was lost: its own node answers nothing, or every gateway that it may have gone to. */
export function judgeLost(judge: Judge, frame: Frame): void {
  const { o, packet, nowMs } = frame;
  const { table, model } = judge;
  judge.log.note("lost");
  const endpoint = judge.ownerAt(frame, o.given, packet.sourceAt);
  if (o.reason !== "gateway-down" || !endpoint) return checkLostAt(judge, frame, [endpoint?.node]);
  const index = checkSelected(judge, frame, endpoint);
  const policy = model.policies[index];
  if (!policy) return;
  judge.hasHiddenMappings = true;
  const current = ongoing(judge, sentConnection(judge, frame), endpoint, nowMs);
  const allowed = mayCarry(judge, frame, policy, endpoint, current);
  if (o.egress >= 0) checkChoice(judge, frame, policy, allowed);
  const gateways = (o.egress >= 0 ? [o.egress] : allowed).map((egress) => model.egresses[egress]?.node);
  checkLostAt(judge, frame, gateways);
  if (packet.kind === "later-fragment" || packet.kind === "icmp-error") return;
  const isPinned = pinOf(judge, frame, policy, current) !== undefined;
  const start = startOf(o.given, tupleOf(o.given, packet, "source"), "outbound", endpoint);
  const connection = current ?? table.openUnsurely(start, judge.lifetimesOf(index), nowMs);
  connection.unseen = isPinned ? "tuple" : "gateway";
  table.lose(connection, packet.tcpFlags, nowMs);
}

/** A frame from outside that was lost: the gateway that holds its connection answers nothing, or the endpoint's node. */
export function judgeLostReply(judge: Judge, frame: Frame): void {
  const { o, packet, nowMs } = frame;
  judge.log.note("lost");
  const connection = o.view === "network" ? externalConnection(judge, frame) : receivedConnection(judge, frame);
  const endpoint = judge.ownerAt(frame, o.captured, packet.destinationAt) ?? connection?.start.endpoint;
  const gateways = connection?.mapping ? [connection.mapping.gateway] : judge.model.egresses.map(({ node }) => node);
  checkLostAt(judge, frame, o.reason === "gateway-down" ? gateways : [endpoint?.node]);
  if (connection) judge.table.lose(connection, packet.tcpFlags, nowMs);
}

/** Frames are lost for two reasons only, and only where one of `nodes` answers nothing. */
function checkLostAt(judge: Judge, frame: Frame, nodes: readonly (string | undefined)[]): void {
  const { reason, unreachable } = frame.o;
  const isKnown = reason === "gateway-down" || reason === "node-down";
  if (isKnown && nodes.some((node) => node !== undefined && unreachable?.has(node))) return;
  const expected = `${[...(unreachable ?? [])].join(", ") || "no node"} answers nothing`;
  const why = isKnown ? "no such node is on the frame's way" : "frames are lost on dead nodes only";
  judge.find(frame, "lost-reason", expected, nodes.join(", ") || "unknown", why);
}
