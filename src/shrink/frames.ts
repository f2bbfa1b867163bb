import type { CaptureInput } from "../capture/input.js";
import { openCapture } from "../capture/open.js";
import type { OutputTarget } from "../capture/output-sink.js";
import { type CaptureInterface, createFrameIndex } from "../capture/types.js";
import { PcapngWriter } from "../capture/write.js";
import { formatAddress } from "../net/address.js";
import {
  decodeFrame,
  destinationAddress,
  destinationPort,
  type IpPacket,
  sourceAddress,
  sourcePort,
} from "../net/decode.js";

/** One frame of the capture, in memory. */
export interface HeldFrame {
  /** 1-based number in the capture. */
  readonly number: number;
  readonly interface: CaptureInterface;
  readonly timeLow: number;
  readonly timeHigh: number;
  readonly wireLength: number;
  readonly bytes: Uint8Array;
}

const MEMORY_SIZE = 4 << 20;
const INDEX_CAPACITY = 1 << 14;

/** A whole capture in memory. @throws {CaptureError} where it is damaged: what is left out of a damaged file mends it */
export async function holdFrames(input: CaptureInput): Promise<HeldFrame[]> {
  const reader = await openCapture(input);
  const memory = new Uint8Array(MEMORY_SIZE);
  const index = createFrameIndex(INDEX_CAPACITY);
  const frames: HeldFrame[] = [];
  try {
    while (await reader.next(memory, index)) {
      for (let i = 0; i < index.count; i++) {
        const at = index.offset[i]!;
        frames.push({
          number: frames.length + 1,
          interface: reader.interfaces[index.interfaceIndex[i]!]!,
          timeLow: index.timeLow[i]!,
          timeHigh: index.timeHigh[i]!,
          wireLength: index.wireLength[i]!,
          bytes: memory.slice(at, at + index.capturedLength[i]!),
        });
      }
    }
  } finally {
    await reader.close();
  }
  return frames;
}

/** Writes frames as pcapng; each keeps its number, time, link type, interface name and lengths. @throws {OutputError} */
export function writeFrames(target: OutputTarget, frames: readonly HeldFrame[]): void {
  const writer = new PcapngWriter(target);
  try {
    for (const { number, interface: from, timeLow, timeHigh, wireLength, bytes } of frames) {
      const id = writer.interfaceId(from.linkType, from.name ?? "");
      writer.frame(id, timeLow, timeHigh, bytes.length, wireLength, number, bytes, 0);
    }
  } finally {
    writer.close();
  }
}

/** Nanoseconds since the epoch. */
export function timeOf({ timeLow, timeHigh }: HeldFrame): bigint {
  return (BigInt(timeHigh) << 32n) | BigInt(timeLow);
}

function decoded({ bytes, interface: { linkType }, wireLength }: HeldFrame): IpPacket | undefined {
  return decodeFrame(bytes, linkType, wireLength);
}

/** What a frame belongs to, the same for both directions; an ICMP error belongs to the packet that it quotes. */
function flowOf(frame: HeldFrame): string {
  const packet = decoded(frame);
  if (!packet) return "no IP";
  const told = packet.inner ?? packet;
  const { bytes } = frame;
  const ends = [
    `${formatAddress(sourceAddress(bytes, told))} ${sourcePort(bytes, told)}`,
    `${formatAddress(destinationAddress(bytes, told))} ${told.kind === "echo" ? 0 : destinationPort(bytes, told)}`,
  ];
  if (told.kind === "echo")
    return `${told.protocol} ${sourcePort(bytes, told)} ${ends.map(addressIn).sort().join(" ")}`;
  if (told.kind === "later-fragment") return `fragment ${told.fragmentId} ${ends.map(addressIn).sort().join(" ")}`;
  return `${told.protocol} ${ends.sort().join(" ")}`;
}

function addressIn(end: string): string {
  return end.split(" ")[0]!;
}

/** Frames by the flow that they belong to, flows in the order in which they began. */
export function flowsOf(frames: readonly HeldFrame[]): HeldFrame[][] {
  const flows = new Map<string, HeldFrame[]>();
  for (const frame of frames) {
    const key = flowOf(frame);
    const flow = flows.get(key);
    if (flow) flow.push(frame);
    else flows.set(key, [frame]);
  }
  return [...flows.values()];
}

const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [1, "ICMP"],
  [6, "TCP"],
  [17, "UDP"],
  [58, "ICMPv6"],
  [132, "SCTP"],
]);
const TCP_FLAGS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];

/** A frame in one line: `TCP 10.1.1.10:40000 > 198.51.100.1:443 SYN, 74 bytes`. */
export function frameText(frame: HeldFrame): string {
  const packet = decoded(frame);
  const size = `${frame.wireLength} bytes`;
  if (!packet) return `no IP packet, ${size}`;
  const { bytes } = frame;
  const protocol = PROTOCOLS.get(packet.protocol) ?? `protocol ${packet.protocol}`;
  const [source, destination] = [
    formatAddress(sourceAddress(bytes, packet)),
    formatAddress(destinationAddress(bytes, packet)),
  ];
  const [from, to] =
    packet.sourcePortAt >= 0 && packet.kind !== "echo"
      ? [socket(source, sourcePort(bytes, packet)), socket(destination, destinationPort(bytes, packet))]
      : [source, destination];
  return `${protocol} ${from} > ${to}${detailOf(bytes, packet)}, ${size}`;
}

function detailOf(bytes: Uint8Array, packet: IpPacket): string {
  switch (packet.kind) {
    case "tcp":
      return TCP_FLAGS.filter((_, bit) => packet.tcpFlags & (1 << bit))
        .map((flag) => ` ${flag}`)
        .join("");
    case "echo":
      return ` type ${packet.icmpType}, id ${sourcePort(bytes, packet)}`;
    case "icmp-error":
    case "icmp-other":
      return ` type ${packet.icmpType}, code ${packet.icmpCode}`;
    case "later-fragment":
      return ` fragment ${packet.fragmentId} at ${packet.fragmentOffset}`;
    default:
      return packet.fault === "" ? "" : ` ${packet.fault}`;
  }
}

function socket(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
