import { formatAddress } from "../net/address.js";
import { bytesOfBase64 } from "../net/bytes.js";
import { type CtDecoder, type CtEntry, CtFrames, directionOf } from "./ct-list.js";
import { RecordFault } from "./fault.js";
import { type Fields, fieldsOf, integerOf, parseFields } from "./fields.js";
import type { FrameBuffer } from "./frame-buffer.js";

const MOST_U16 = 65_535;
const PROTOCOLS: Readonly<Record<number, string>> = { 1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", 132: "SCTP" };

/** A raw key of the original's maps: a tuple, perhaps in structures of its own. */
export interface RawKey {
  readonly sourceAddress: string;
  readonly destinationAddress: string;
  /** Host order. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly protocol: string;
  readonly flags: number;
}

/** Whether an object is an entry of a map: a key and a value. */
export function isMapEntry(fields: Fields): boolean {
  return "Key" in fields && "Value" in fields;
}

/**
 * Entries of `cilium bpf ct list global -o json`: keys and values of the map as they are, that is with source and destination address
 * exchanged (the ports are not) and ports in network byte order.
 */
export class CtJsonDecoder implements CtDecoder {
  readonly kind = "ct-list";
  readonly #frames: CtFrames;

  constructor(timeNs: bigint) {
    this.#frames = new CtFrames(timeNs);
  }

  get mostFrames(): number {
    return this.#frames.mostFrames;
  }

  decode(record: string, frames: FrameBuffer): string | undefined {
    return this.#frames.append(this.entry(record), frames);
  }

  entry(record: string): CtEntry {
    const fields = parseFields(record);
    const key = rawKey(fields.Key);
    const value = fieldsOf(fields.Value, "Value") ?? {};
    const seconds = (name: string) => Number(value[name] ?? 0);
    return {
      protocol: key.protocol,
      ...directionOf(key.flags),
      source: key.destinationAddress,
      sourcePort: key.sourcePort,
      destination: key.sourceAddress,
      destinationPort: key.destinationPort,
      flags: integerOf(value.Flags, "Value.Flags", MOST_U16),
      replied: ["RxPackets", "RxFlagsSeen", "LastRxReport"].some((name) => seconds(name) > 0),
      expires: Number.isInteger(value.Lifetime) ? seconds("Lifetime") : undefined,
      remaining: undefined,
      lastReport: Math.max(seconds("LastRxReport"), seconds("LastTxReport")),
    };
  }
}

/** @throws {RecordFault} where it is no key of a connection or NAT map */
function rawKey(value: unknown): RawKey {
  let fields = fieldsOf(value, "Key");
  while (fields && !("DestAddr" in fields)) fields = innerOf(fields);
  if (!fields)
    throw new RecordFault("Key", value, "a key with DestAddr, SourceAddr, DestPort, SourcePort and NextHeader");
  const number = (name: string, most: number) => integerOf(fields[name], `Key.${name}`, most);
  const nextHeader = number("NextHeader", 255);
  return {
    sourceAddress: rawAddress(fields.SourceAddr, "Key.SourceAddr"),
    destinationAddress: rawAddress(fields.DestAddr, "Key.DestAddr"),
    sourcePort: swap(number("SourcePort", MOST_U16)),
    destinationPort: swap(number("DestPort", MOST_U16)),
    protocol: PROTOCOLS[nextHeader] ?? `protocol ${nextHeader}`,
    flags: number("Flags", 255),
  };
}

/** The one structure in an object that holds nothing else. */
function innerOf(fields: Fields): Fields | undefined {
  const [only, ...others] = Object.values(fields);
  return others.length === 0 && typeof only === "object" && only !== null ? (only as Fields) : undefined;
}

/** An address as text, as a list of bytes, or as their base64. @returns canonical text   @throws {RecordFault} */
function rawAddress(value: unknown, path: string): string {
  const bytes = addressBytes(value);
  if (typeof bytes === "string") return bytes;
  const full = new Uint8Array(16);
  if (bytes?.length === 4) full.set([0xff, 0xff, ...bytes], 10);
  else if (bytes?.length === 16) full.set(bytes);
  else throw new RecordFault(path, value, "an address as text, bytes or base64");
  return formatAddress(full);
}

function addressBytes(value: unknown): string | readonly number[] | Uint8Array | undefined {
  if (Array.isArray(value))
    return value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte < 256) ? value : undefined;
  if (typeof value !== "string") return undefined;
  return /^[A-Za-z0-9+/]+=+$/.test(value) ? bytesOfBase64(value) : value;
}

function swap(port: number): number {
  return ((port & 0xff) << 8) | (port >> 8);
}
