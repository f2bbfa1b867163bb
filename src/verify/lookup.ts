import type { Endpoint } from "../config/types.js";
import { addressKey, tupleKey, tupleOf } from "../net/tuple.js";
import type { Connection } from "./connections.js";
import type { Frame } from "./judge.js";

/** The connection that a frame from an endpoint belongs to: by its own ports, its first fragment's, or those of the packet it quotes. */
export function sentConnection({ judge, o, packet, nowMs }: Frame): Connection | undefined {
  if (packet.kind === "later-fragment") return judge.fragments.find(o.given, packet, nowMs);
  if (packet.inner) return judge.table.get(tupleKey(o.given, tupleOf(o.given, packet.inner, "destination")));
  return judge.table.get(tupleKey(o.given, tupleOf(o.given, packet, "source")));
}

/** The connection whose external tuple a frame from outside names: by its own ports, its first fragment's, or those of the packet it quotes. */
export function externalConnection({ judge, o, packet, nowMs }: Frame): Connection | undefined {
  if (packet.kind === "later-fragment") return judge.fragments.find(o.given, packet, nowMs);
  const isError = packet.kind === "icmp-error" && packet.inner;
  const tuple = isError ? tupleOf(o.given, packet.inner, "source") : tupleOf(o.given, packet, "destination");
  return judge.table.holderOf(tupleKey(o.given, tuple));
}

/** The connection that a frame from outside belongs to by what the endpoint received. */
export function receivedConnection({ judge, o: { captured }, packet }: Frame): Connection | undefined {
  if (packet.kind === "later-fragment" || packet.kind === "unreadable") return undefined;
  const { inner, destinationAt, family } = packet;
  if (!inner) return judge.table.get(tupleKey(captured, tupleOf(captured, packet, "destination")));
  // An error that is not addressed to whom it quotes is forged.
  if (addressKey(captured, destinationAt, family) !== addressKey(captured, inner.sourceAt, inner.family))
    return undefined;
  return judge.table.get(tupleKey(captured, tupleOf(captured, inner, "source")));
}

/** `known` where it is the connection that the frame of `endpoint` goes on with: not over by now, nor opened by the remote. */
export function ongoing(frame: Frame, endpoint: Endpoint, known = sentConnection(frame)): Connection | undefined {
  if (!known || known.start.direction === "inbound" || known.start.endpoint.uid !== endpoint.uid) return undefined;
  return frame.judge.table.mustBeDead(known, frame.nowMs) ? undefined : known;
}

/** A connection that policies no longer select, or that was refused, loses its mapping; if they select it again, it gets another. */
export function forgetTranslation({ judge, o, packet }: Frame): void {
  const key = tupleKey(o.given, tupleOf(o.given, packet, "source"));
  if (judge.table.get(key)?.start.direction === "outbound") judge.table.forget(key);
}
