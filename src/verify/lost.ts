import { checkChoice, checkSelected, mayCarry, pinOf } from "./eligible.js";
import type { Frame } from "./judge.js";
import { externalConnection, ongoing, receivedConnection } from "./lookup.js";

/** A frame from an endpoint that was lost: its own node answers nothing, or every gateway that it may have gone to. */
export function judgeLost(frame: Frame): void {
  const { judge, o, packet, nowMs } = frame;
  const { table, model } = judge;
  judge.log.note("lost");
  const endpoint = frame.endpoint;
  if (o.reason !== "gateway-down" || !endpoint) return checkLostAt(frame, [endpoint?.node]);
  const index = checkSelected(frame, endpoint);
  const policy = model.policies[index];
  if (!policy) return;
  judge.hasHiddenMappings = true;
  const current = ongoing(frame, endpoint);
  const allowed = mayCarry(frame, policy, endpoint, current);
  if (o.egress >= 0) checkChoice(frame, policy, allowed);
  const gateways = (o.egress >= 0 ? [o.egress] : allowed).map((egress) => model.egresses[egress]?.node);
  checkLostAt(frame, gateways);
  if (packet.kind === "later-fragment" || packet.kind === "icmp-error") return;
  const isPinned = pinOf(frame, policy, current) !== undefined;
  const connection = current ?? frame.open("outbound", endpoint, index);
  // Whether the engine knows it is unsure.
  if (!current) connection.sureAt = Number.NEGATIVE_INFINITY;
  connection.unseen = isPinned ? "tuple" : "gateway";
  table.lose(connection, packet.tcpFlags, nowMs);
}

/** A frame from outside that was lost: the gateway that holds its connection answers nothing, or the endpoint's node. */
export function judgeLostReply(frame: Frame): void {
  const { judge, o, packet, nowMs } = frame;
  judge.log.note("lost");
  const connection = o.view === "network" ? externalConnection(frame) : receivedConnection(frame);
  const endpoint = frame.endpoint ?? connection?.start.endpoint;
  const gateways = connection?.mapping ? [connection.mapping.gateway] : judge.model.egresses.map(({ node }) => node);
  checkLostAt(frame, o.reason === "gateway-down" ? gateways : [endpoint?.node]);
  if (connection) judge.table.lose(connection, packet.tcpFlags, nowMs);
}

/** Frames are lost for two reasons only, and only where one of `nodes` answers nothing. */
function checkLostAt(frame: Frame, nodes: readonly (string | undefined)[]): void {
  const { reason, unreachable } = frame.o;
  const isKnown = reason === "gateway-down" || reason === "node-down";
  if (isKnown && nodes.some((node) => node !== undefined && unreachable?.has(node))) return;
  const expected = `${[...(unreachable ?? [])].join(", ") || "no node"} answers nothing`;
  const why = isKnown ? "no such node is on the frame's way" : "frames are lost on dead nodes only";
  frame.find("lost-reason", expected, nodes.join(", ") || "unknown", why);
}
