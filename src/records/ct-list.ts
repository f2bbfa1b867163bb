import { familyOf } from "../net/address.js";
import { TCP_ACK, TCP_FIN, TCP_SYN } from "../net/decode.js";
import type { RecordDecoder } from "./decoder.js";
import { RecordFault } from "./fault.js";
import { AddressReader } from "./fields.js";
import type { FrameBuffer } from "./frame-buffer.js";
import { answerTo, type RecordedPacket } from "./packet.js";
import { splitSocket } from "./sockets.js";

/** `TCP OUT …`: what every line of an entry begins with. */
const ENTRY = /^(\S+) (OUT|IN|SVC) (.*)$/;
const TUPLE = /^(\S+) -> (\S+)(?: (.*))?$/;

const RX_CLOSING = 1;
const TX_CLOSING = 2;
const SEEN_NON_SYN = 0x10;

/** Whether a line is that of an entry. */
export function isCtLine(line: string): boolean {
  const match = ENTRY.exec(line);
  return match !== null && TRANSPORTS[match[1]!.toUpperCase()] !== undefined && TUPLE.test(match[3]!);
}

const TRANSPORTS: Readonly<Record<string, "tcp" | "udp" | "sctp" | "echo-request">> = {
  TCP: "tcp",
  UDP: "udp",
  SCTP: "sctp",
  ICMP: "echo-request",
  ICMPV6: "echo-request",
};

/** One entry of a connection table, whichever way it was printed. */
export interface CtEntry {
  /** As printed: `TCP`. */
  readonly protocol: string;
  readonly direction: "OUT" | "IN" | "SVC";
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly related: boolean;
  readonly service: boolean;
  /** CT flag bits of the original. */
  readonly flags: number;
  /** Something came back. */
  readonly replied: boolean;
  /** When it ends, in seconds of its node's clock; undefined where the table does not say. */
  readonly expires: number | undefined;
  /** Seconds from the printing of the table to that, where it says so. */
  readonly remaining: number | undefined;
  /** When a packet was last seen either way, in seconds of the same clock; 0 where the table does not say. */
  readonly lastReport: number;
}

/** Reads entries of a connection table, whichever way it was printed. */
export interface CtDecoder extends RecordDecoder {
  /** @returns why it is none, or undefined where the text is no record at all   @throws {RecordFault} */
  entry(record: string): CtEntry | string | undefined;
}

export function isCtDecoder(decoder: RecordDecoder): decoder is CtDecoder {
  return decoder.kind === "ct-list";
}

/**
 * Frames of an entry, all at one instant: how the connection was opened, and how far it has come. A table says nothing of when a connection
 * began, nor of the frames since.
 */
export class CtFrames {
  readonly mostFrames = 5;
  readonly #timeNs: bigint;
  readonly #addresses = new AddressReader();

  constructor(timeNs: bigint) {
    this.#timeNs = timeNs;
  }

  /** @returns why there are none, or "" */
  append(entry: CtEntry, frames: FrameBuffer): string {
    const transport = TRANSPORTS[entry.protocol.toUpperCase()];
    if (!transport) return "no-transport";
    if (entry.related) return "related";
    if (entry.service || entry.direction === "SVC") return "service";
    if (entry.direction === "IN") return "inbound";
    const source = this.#addresses.read(entry.source, "source");
    const destination = this.#addresses.read(entry.destination, "destination");
    if (familyOf(source) !== familyOf(destination)) return "two-families";
    // The identifier of an echo stands in one of the two ports.
    const id = entry.sourcePort || entry.destinationPort;
    const ports = transport === "echo-request" ? { sourcePort: id, destinationPort: id } : entry;
    const first = {
      timeNs: this.#timeNs,
      source,
      destination,
      transport,
      sourcePort: ports.sourcePort,
      destinationPort: ports.destinationPort,
      tcpFlags: transport === "tcp" ? TCP_SYN : 0,
    };
    for (const packet of packetsOf(first, entry)) frames.append(packet);
    return "";
  }
}

function packetsOf(first: RecordedPacket, { flags, replied }: CtEntry): RecordedPacket[] {
  const packets = [first];
  const isTcp = first.transport === "tcp";
  if (replied) packets.push(answerTo(first, isTcp ? TCP_SYN | TCP_ACK : 0));
  if (!isTcp) return packets;
  if (flags & SEEN_NON_SYN) packets.push({ ...first, tcpFlags: TCP_ACK });
  if (flags & TX_CLOSING) packets.push({ ...first, tcpFlags: TCP_FIN | TCP_ACK });
  if (flags & RX_CLOSING) packets.push(answerTo(first, TCP_FIN | TCP_ACK));
  return packets;
}

/**
 * Lines of `cilium bpf ct list global`, old and new: `TCP OUT 10.1.0.7:51514 -> 198.51.100.10:443 expires=… RxPackets=… Flags=0x0010 [ … ]`.
 * Lines of other kinds (what kubectl says, blank ones) are no records.
 */
export class CtListDecoder implements CtDecoder {
  readonly kind = "ct-list";
  readonly #frames: CtFrames;

  constructor(timeNs: bigint) {
    this.#frames = new CtFrames(timeNs);
  }

  get mostFrames(): number {
    return this.#frames.mostFrames;
  }

  decode(record: string, frames: FrameBuffer): string | undefined {
    const entry = this.entry(record);
    return typeof entry === "object" ? this.#frames.append(entry, frames) : entry;
  }

  entry(record: string): CtEntry | string | undefined {
    const line = record.trimEnd();
    const head = ENTRY.exec(line);
    if (!head) return line.trim() === "" ? undefined : "not-an-entry";
    const [, protocol, direction, rest] = head as unknown as [string, string, CtEntry["direction"], string];
    const tuple = TUPLE.exec(rest);
    // Tables of single endpoints have no source address.
    if (!tuple) return "local-table";
    const [source, destination] = [splitSocket(tuple[1]!), splitSocket(tuple[2]!)];
    if (!source) throw new RecordFault("source", tuple[1], "ADDRESS:PORT");
    if (!destination) throw new RecordFault("destination", tuple[2], "ADDRESS:PORT");
    const values = tuple[3] ?? "";
    return {
      protocol,
      direction,
      source: source.address,
      sourcePort: source.port,
      destination: destination.address,
      destinationPort: destination.port,
      related: /^related\b/.test(values),
      service: /^(related )?service\b/.test(values),
      ...stateOf(values),
      ...timesOf(values),
    };
  }
}

/** Reads `Flags=0x0013` (old: `flags=13`) and whatever says that replies came: their count, flags or time. */
function stateOf(values: string): Pick<CtEntry, "flags" | "replied"> {
  const flags = /\bflags=(?:0x)?([0-9a-f]{1,8})\b/i.exec(values)?.[1];
  const replied = /\b(?:rx_?packets|rx_?flags_?seen|last_?rx_?report)=(?:0x)?0*[1-9a-f]/i.test(values);
  return { flags: flags === undefined ? 0 : Number.parseInt(flags, 16), replied };
}

/** Direction bits of a raw key: 0 out, 1 in, 2 related, 4 service. */
export function directionOf(flags: number): Pick<CtEntry, "direction" | "related" | "service"> {
  return { direction: flags & 1 ? "IN" : "OUT", related: (flags & 2) !== 0, service: (flags & 4) !== 0 };
}

/** Reads `expires=16785302 (remaining: 21534 sec(s)) … LastRxReport=16763748 … LastTxReport=16763748`. */
function timesOf(values: string): Pick<CtEntry, "expires" | "remaining" | "lastReport"> {
  const seconds = (pattern: RegExp) => {
    const text = pattern.exec(values)?.[1];
    return text === undefined ? undefined : Number(text);
  };
  return {
    expires: seconds(/\bexpires=(\d{1,10})\b/),
    remaining: seconds(/\bremaining: (-?\d{1,10}) sec/),
    lastReport: Math.max(seconds(/\bLastRxReport=(\d{1,10})\b/) ?? 0, seconds(/\bLastTxReport=(\d{1,10})\b/) ?? 0),
  };
}
