import { type IpPacket, readBe16 } from "../net/decode.js";
import { checksumState, ipv4HeaderSum } from "../net/recount.js";
import type { Frame } from "./judge.js";

/** Larger packets may have been put together or left unfinished by a network card: nobody can say that their checksums are wrong. */
const MTU = 1500;

/** Under `--bad-checksum drop` exactly the frames with a wrong checksum are dropped for it. */
export function checkChecksumRule(frame: Frame): void {
  const { judge, o, packet } = frame;
  if (!judge.options.badChecksumsDrop) return;
  const wrong = wrongChecksum(o.given, packet);
  const isTranslated = o.action === "snat" || o.action === "reverse";
  if (isTranslated && wrong !== "")
    frame.find("decision", "drop, bad-checksum", o.action, `the checksum of ${wrong} is wrong`);
  if (o.reason === "bad-checksum" && wrong === "")
    frame.find(
      "drop-reason",
      "a frame with right checksums is not dropped for them",
      o.reason,
      "all of them are right",
    );
}

/** Which checksum is wrong; empty where none surely is. What an ICMP error quotes counts as far as its IPv4 header goes (RFC 5508 REQ-3). */
function wrongChecksum(bytes: Uint8Array, packet: IpPacket): string {
  const lengthAt = packet.at + (packet.family === 4 ? 2 : 4);
  const isOffloaded =
    packet.length > MTU || readBe16(bytes, lengthAt) === 0 || checksumState(bytes, packet) === "partial";
  const isUnset = packet.family === 4 && readBe16(bytes, packet.headerChecksumAt) === 0;
  if (!(isOffloaded && isUnset) && ipv4HeaderSum(bytes, packet) !== 0xffff) return "the IPv4 header";
  if (isOffloaded) return "";
  const { inner } = packet;
  const isQuoted = inner?.family === 4 && inner.at + (bytes[inner.at]! & 15) * 4 <= packet.end;
  if (isQuoted && packet.kind === "icmp-error" && ipv4HeaderSum(bytes, inner) !== 0xffff)
    return "the quoted IPv4 header";
  // RFC 768: the checksum ends where the UDP length says, which need not be where the packet does.
  if (packet.kind === "udp" && readBe16(bytes, packet.transportAt + 4) !== packet.end - packet.transportAt) return "";
  // The rule about SCTP packets has a name of its own for this.
  if (packet.kind === "sctp") return "";
  return checksumState(bytes, packet) === "wrong" ? `the ${packet.kind} header` : "";
}
