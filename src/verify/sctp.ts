import { isFragment, isWhole, PROTOCOL_SCTP } from "../net/decode.js";
import { checksumState } from "../net/recount.js";
import { sctpFault } from "../net/sctp.js";
import type { Frame } from "./judge.js";

/** Larger packets may not be as they were sent: a network card would have computed their CRC. */
const MTU = 1500;

/** An SCTP packet that no receiver takes is dropped under `sctp-bad`, and nothing else is. With `--bad-checksum drop` that is a wrong CRC, too. */
export function checkSctpRule(frame: Frame): void {
  const { judge, o, packet } = frame;
  if (judge.options.foreign) return;
  const fault = faultOf(frame);
  const isTranslated = o.action === "snat" || o.action === "reverse";
  if (isTranslated && fault !== "") frame.find("decision", "drop, sctp-bad", o.action, fault);
  if (o.reason !== "sctp-bad" || fault !== "") return;
  const what = packet.protocol === PROTOCOL_SCTP ? "a sound SCTP packet" : "no SCTP packet";
  frame.find("drop-reason", "a sound packet is not dropped under this name", o.reason, what);
}

/** Why no receiver takes the frame's SCTP packet; empty where one may, and for what is none or is a part of one. */
function faultOf({ judge, o, packet }: Frame): string {
  const { transportAt, end, at, length } = packet;
  if (packet.protocol !== PROTOCOL_SCTP || transportAt < 0 || isFragment(packet)) return "";
  const fault = sctpFault(o.given, transportAt, end, at + length - transportAt);
  if (fault !== "" || !judge.options.badChecksumsDrop || !isWhole(packet) || length > MTU) return fault;
  return checksumState(o.given, packet) === "wrong" ? "its CRC32c is wrong" : "";
}
