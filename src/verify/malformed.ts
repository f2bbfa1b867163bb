import { type IpPacket, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from "../net/decode.js";
import type { Frame } from "./judge.js";

const SOURCE_ROUTES = new Set([131, 137]);
/** Drop reasons that name what `malformation` finds and nothing else. */
const OWN_REASONS = new Set(["source-route", "bad-destination"]);

/** What no gateway may translate is dropped under the name of its fault; nothing else is dropped under that name. */
export function checkMalformedRule(frame: Frame): void {
  const { judge, o, packet } = frame;
  if (judge.options.foreign || packet.family !== 4) return;
  const fault = malformation(o.given, packet, o.hook);
  const isTranslated = o.action === "snat" || o.action === "reverse";
  if (isTranslated && fault !== "")
    frame.find("decision", `drop, ${fault}`, o.action, "such a packet must not be translated");
  if (OWN_REASONS.has(o.reason) && o.reason !== fault)
    frame.find("drop-reason", fault || "a packet without fault", o.reason, "the packet shows nothing of the kind");
}

/** The reason name of what is wrong with an IPv4 packet's options, TCP flags or destination; empty where nothing is. */
export function malformation(bytes: Uint8Array, packet: IpPacket, hook: Frame["o"]["hook"]): string {
  const options = optionFault(bytes, packet);
  if (options !== "") return options;
  if (packet.kind === "tcp" && isImpossible(packet.tcpFlags)) return "bad-header";
  return hook === "from-endpoint" && packet.kind !== "icmp-error" && bytes[packet.destinationAt] === 0
    ? "bad-destination"
    : "";
}

/** SYN with FIN or RST, FIN with RST, FIN without ACK (RFC 9293 section 3.10.7). */
function isImpossible(flags: number): boolean {
  const others = [TCP_SYN, TCP_FIN, TCP_RST].filter((flag) => flags & flag);
  return others.length > 1 || ((flags & TCP_FIN) !== 0 && (flags & TCP_ACK) === 0);
}

/** RFC 791 section 3.1: every option but end and no-operation says its length, which covers at least itself and stays in the header. */
function optionFault(bytes: Uint8Array, packet: IpPacket): string {
  const end = packet.at + (bytes[packet.at]! & 15) * 4;
  if (packet.transportAt < 0 || end > packet.end) return "";
  for (let at = packet.at + 20; at < end; ) {
    const type = bytes[at]!;
    if (type === 0) break;
    const length = type === 1 ? 1 : at + 1 < end ? bytes[at + 1]! : 0;
    if (length === 0 || (type !== 1 && length < 2) || at + length > end) return "bad-header";
    if (SOURCE_ROUTES.has(type)) return "source-route";
    at += length;
  }
  return "";
}

/** A segment without SYN, RST and ACK begins no connection. */
export function beginsNothing(packet: IpPacket): boolean {
  return packet.kind === "tcp" && packet.tcpFlags >= 0 && (packet.tcpFlags & (TCP_SYN | TCP_RST | TCP_ACK)) === 0;
}
