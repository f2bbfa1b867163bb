/** The outside world of a replay in miniature: turns a reply as an endpoint received it into what the remote sent to the egress IP. */
import { copyBytes } from "../../src/net/bytes.js";
import { type IpPacket, PROTOCOL_UDP, readBe16 } from "../../src/net/decode.js";
import { addWords, checksumState, fold, pseudoHeaderSum } from "../../src/net/recount.js";
import { portAtOf } from "../../src/net/tuple.js";

export interface ExternalSocket {
  /** Egress IP, 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly natPort: number;
}

/** A copy of `captured` with the external socket in place of the endpoint's, TTL plus `hops` (at most 255), checksums as right as before. */
export function buildReply(captured: Uint8Array, packet: IpPacket, socket: ExternalSocket, hops: number): Uint8Array {
  const out = copyBytes(captured);
  if (packet.inner) replaceEnd(out, captured, packet.inner, "source", socket);
  out[packet.ttlAt] = Math.min(255, captured[packet.ttlAt] + hops);
  replaceEnd(out, captured, packet, "destination", socket);
  return out;
}

function replaceEnd(
  out: Uint8Array,
  before: Uint8Array,
  packet: IpPacket,
  end: "source" | "destination",
  socket: ExternalSocket,
): void {
  // A quoted packet is translated by what changed in it, whatever its checksum holds.
  const partial = end === "destination" && checksumState(before, packet) === "partial";
  out.set(socket.address, end === "source" ? packet.sourceAt : packet.destinationAt);
  const portAt = portAtOf(packet, end);
  if (portAt >= 0) out.set([socket.natPort >> 8, socket.natPort & 0xff], portAt);
  if (packet.headerChecksumAt >= 0) {
    const headerEnd = Math.min(packet.end, packet.at + (before[packet.at] & 15) * 4);
    keepSum(out, before, packet.headerChecksumAt, (bytes) => addWords(0, bytes, packet.at, headerEnd));
  }
  if (packet.checksumAt < 0 || (packet.protocol === PROTOCOL_UDP && readBe16(before, packet.checksumAt) === 0)) return;
  if (partial) return putBe16(out, packet.checksumAt, pseudoHeaderSum(out, packet));
  const covered = (bytes: Uint8Array) =>
    addWords(pseudoHeaderSum(bytes, packet), bytes, packet.transportAt, packet.end);
  keepSum(out, before, packet.checksumAt, covered);
  if (packet.protocol === PROTOCOL_UDP && readBe16(out, packet.checksumAt) === 0)
    putBe16(out, packet.checksumAt, 0xffff);
}

/** Sets a checksum so that the sum over what it covers stays what it was: right stays right, wrong as wrong. */
function keepSum(out: Uint8Array, before: Uint8Array, at: number, sum: (bytes: Uint8Array) => number): void {
  const change = fold(fold(sum(before)) + (0xffff - fold(sum(out))));
  const field = fold(readBe16(out, at) + change);
  putBe16(out, at, field === 0xffff && readBe16(before, at) !== 0xffff ? 0 : field);
}

function putBe16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 0xff;
}
