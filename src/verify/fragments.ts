import type { IpPacket } from "../net/decode.js";
import { addressKey } from "../net/tuple.js";
import type { Connection } from "./connections.js";

/** Datagrams remembered at once; the oldest goes first. */
const MAX_DATAGRAMS = 8192;

/** A later fragment that comes this much after the first one is of another datagram (RFC 8200 section 4.5 allows 60 s). */
const MAX_AGE_MS = 60_000;

/** Which connection the first fragment of a datagram belonged to, so that its later fragments can be judged. */
export class FragmentMemory {
  readonly #datagrams = new Map<string, { connection: Connection; atMs: number }>();

  /** Remembers `packet`, a first fragment, under its addresses before translation. */
  remember(bytes: Uint8Array, packet: IpPacket, connection: Connection, nowMs: number): void {
    const key = datagramKey(bytes, packet);
    this.#datagrams.delete(key);
    this.#datagrams.set(key, { connection, atMs: nowMs });
    const [oldest] = this.#datagrams.keys();
    if (this.#datagrams.size > MAX_DATAGRAMS) this.#datagrams.delete(oldest!);
  }

  /** The connection that a later fragment belongs to, where its first fragment was seen. */
  find(bytes: Uint8Array, packet: IpPacket, nowMs: number): Connection | undefined {
    const datagram = this.#datagrams.get(datagramKey(bytes, packet));
    return datagram && nowMs - datagram.atMs <= MAX_AGE_MS ? datagram.connection : undefined;
  }
}

function datagramKey(bytes: Uint8Array, packet: IpPacket): string {
  const addresses =
    addressKey(bytes, packet.sourceAt, packet.family) + addressKey(bytes, packet.destinationAt, packet.family);
  return addresses + String.fromCharCode(packet.protocol, packet.fragmentId & 0xffff, packet.fragmentId >>> 16);
}
