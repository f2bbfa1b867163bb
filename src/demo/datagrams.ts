import { LINKTYPE_ETHERNET } from "../capture/types.js";
import { UDP_HEADER_SIZE } from "../generate/flow.js";
import { ETHERNET_SIZE, FrameBuilder, type Path, PROTOCOL_UDP } from "../generate/frame-builder.js";
import { PayloadPool } from "../generate/payload.js";
import type { Random } from "../generate/random.js";
import { finishUdp } from "../generate/udp-flow.js";
import { formatAddress } from "../net/address.js";
import { decodeFrame, destinationAddress, destinationPort, sourceAddress, sourcePort } from "../net/decode.js";
import { latin1Bytes, latin1Text } from "../net/text.js";
import { MONITOR_NUMBER, SERVER_NUMBER, SERVER_PORT } from "./cluster.js";

/** TTL of the server's packets where the gateways see them is 57: seven routers lie between. */
const SERVER_TTL = 57;
const PATH: Path = { family: 4, endpoint: MONITOR_NUMBER, remote: SERVER_NUMBER, remoteTtl: SERVER_TTL };
/** Place of the destination address in an Ethernet frame with an IPv4 packet. */
const DESTINATION_AT = ETHERNET_SIZE + 16;

/** What a UDP datagram says, whoever sent it. */
export interface Datagram {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly text: string;
}

/** Builds the frames of monitor and server, each a copy of its own. */
export class DatagramBuilder {
  readonly #frame: FrameBuilder;
  #ipId = 0;

  constructor(random: Random) {
    this.#frame = new FrameBuilder(new PayloadPool(random));
  }

  /** From the monitor's source port `port` to the server. */
  request(port: number, text: string): Uint8Array {
    this.#frame.start(PATH, true, PROTOCOL_UDP, this.#nextId());
    return this.#finish(port, SERVER_PORT, text);
  }

  /** From the server back to where a request came from, which is all that the server knows. */
  answer(to: Pick<Datagram, "source" | "sourcePort">, text: string): Uint8Array {
    this.#frame.start(PATH, false, PROTOCOL_UDP, this.#nextId());
    this.#frame.bytes.set(to.source.split(".").map(Number), DESTINATION_AT);
    return this.#finish(SERVER_PORT, to.sourcePort, text);
  }

  #finish(sourcePort: number, destinationPort: number, text: string): Uint8Array {
    const frame = this.#frame;
    const at = frame.header(UDP_HEADER_SIZE);
    frame.view.setUint16(at, sourcePort);
    frame.view.setUint16(at + 2, destinationPort);
    frame.appendBytes(latin1Bytes(text));
    finishUdp(frame, false);
    return frame.bytes.slice(0, frame.length);
  }

  #nextId(): number {
    this.#ipId = (this.#ipId + 1) & 0xffff;
    return this.#ipId;
  }
}

/** @returns what a frame says, or undefined where it is no whole UDP datagram */
export function readDatagram(frame: Uint8Array): Datagram | undefined {
  const packet = decodeFrame(frame, LINKTYPE_ETHERNET, frame.length);
  if (packet?.kind !== "udp" || packet.fault !== "") return undefined;
  return {
    source: formatAddress(sourceAddress(frame, packet)),
    sourcePort: sourcePort(frame, packet),
    destination: formatAddress(destinationAddress(frame, packet)),
    destinationPort: destinationPort(frame, packet),
    text: latin1Text(frame, packet.payloadAt, packet.end),
  };
}
