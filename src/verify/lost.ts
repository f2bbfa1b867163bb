import { checkGateway, checkSelected } from "./eligible.js";
import type { Frame } from "./judge.js";
import { externalConnection, insideConnection, ongoing } from "./lookup.js";

/** A frame from an endpoint that was lost: its own node answers nothing, or the gateway that it was sent to. */
export function judgeLost(frame: Frame): void {
  const { judge, o, packet, nowMs } = frame;
  const { endpoint } = frame;
  const gateway = judge.model.egresses[o.egress]?.node;
  judge.log.note("lost");
  checkLostAt(frame, o.reason === "gateway-down" ? endpoint && gateway : endpoint?.node);
  if (o.reason !== "gateway-down" || !endpoint || gateway === undefined) return;
  const current = ongoing(frame, endpoint);
  if (packet.kind !== "icmp-error") {
    const policy = judge.model.policies[checkSelected(frame, endpoint)];
    if (policy) checkGateway(frame, policy, endpoint, current);
    if (current && current.pin !== gateway) judge.table.movePin(current, gateway);
  }
  if (current) judge.table.lose(current, packet.tcpFlags, nowMs);
}

/** A frame from outside that was lost: the gateway that holds its connection answers nothing, or the endpoint's node. */
export function judgeLostReply(frame: Frame): void {
  const { judge, o, packet, nowMs } = frame;
  judge.log.note("lost");
  const connection = o.view === "network" ? externalConnection(frame) : insideConnection(frame);
  if (!connection && judge.options.resumed) return;
  const node = (frame.endpoint ?? connection?.start.endpoint)?.node;
  checkLostAt(frame, o.reason === "gateway-down" ? connection?.mapping?.gateway : node);
  if (connection) judge.table.lose(connection, packet.tcpFlags, nowMs);
}

/** Frames are lost for two reasons only, and only where `node` answers nothing. */
function checkLostAt(frame: Frame, node: string | undefined): void {
  const { reason, unreachable } = frame.o;
  const isKnown = reason === "gateway-down" || reason === "node-down";
  if (isKnown && node !== undefined && unreachable?.has(node)) return;
  const why = isKnown ? "no such node is on the frame's way" : "frames are lost on dead nodes only";
  const dead = [...(unreachable ?? [])].join(", ") || "no node";
  frame.find("lost-reason", `${dead} answers nothing`, node ?? "an unknown node", why);
}
