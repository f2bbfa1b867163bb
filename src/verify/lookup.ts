import type { Endpoint } from "../config/types.js";
import type { IpPacket } from "../net/decode.js";
import { addressKey, tupleKey, tupleOf } from "../net/tuple.js";
import type { Connection } from "./connections.js";
import type { Frame } from "./judge.js";

/** The connection that the frame belongs to as its endpoint knows it: by its own ports, its first fragment's, or those of the packet it quotes. */
export function insideConnection(frame: Frame): Connection | undefined {
  const { judge, o, packet, insideBytes: bytes } = frame;
  const { kind, inner } = packet;
  const isOut = o.hook === "from-endpoint";
  if (kind === "later-fragment") return isOut ? followedConnection(frame) : undefined;
  if (!inner) return judge.table.get(tupleKey(bytes, frame.tuple));
  if (!isOut && !isToSender(bytes, packet, inner)) return undefined;
  return judge.table.get(tupleKey(bytes, tupleOf(bytes, inner, isOut ? "destination" : "source")));
}

/** The connection of a later fragment's first one, or the one that its endpoint has had under the same tuple since. */
function followedConnection({ judge, datagram }: Frame): Connection | undefined {
  const first = datagram?.connection;
  const now = first && judge.table.get(first.start.key);
  return now?.start.endpoint.uid === first?.start.endpoint.uid ? now : first;
}

/** The connection whose external tuple a frame from outside names: by its own ports, its first fragment's, or those of the packet it quotes. */
export function externalConnection(frame: Frame): Connection | undefined {
  const { judge, o, packet } = frame;
  if (packet.kind === "later-fragment") return followedConnection(frame);
  const quoted = packet.kind === "icmp-error" ? packet.inner : undefined;
  if (quoted && !isToSender(o.given, packet, quoted)) return undefined;
  const tuple = quoted ? tupleOf(o.given, quoted, "source") : tupleOf(o.given, packet, "destination");
  return judge.table.holderOf(tupleKey(o.given, tuple));
}

/** An error that is not addressed to whom it quotes is forged. */
export function isToSender(bytes: Uint8Array, packet: IpPacket, quoted: IpPacket): boolean {
  const to = addressKey(bytes, packet.destinationAt, packet.family);
  return to === addressKey(bytes, quoted.sourceAt, quoted.family);
}

/** `known` where it is the connection that the frame of `endpoint` goes on with: not over by now, nor opened by the remote. */
export function ongoing(frame: Frame, endpoint: Endpoint, known = insideConnection(frame)): Connection | undefined {
  if (!known || known.start.direction === "inbound" || known.start.endpoint.uid !== endpoint.uid) return undefined;
  return frame.judge.table.mustBeDead(known, frame.nowMs) ? undefined : known;
}

/** A connection that policies no longer select, or that was refused, loses its mapping; if they select it again, it gets another. */
export function forgetTranslation({ judge, o, packet }: Frame): void {
  if (packet.kind === "later-fragment") return;
  const key = tupleKey(o.given, tupleOf(o.given, packet, "source"));
  if (judge.table.get(key)?.start.direction === "outbound") judge.table.forget(key);
}
