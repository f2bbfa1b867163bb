import { type Flow, type FlowStart, THINK_NS, type Workshop } from "./flow.js";
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6 } from "./frame-builder.js";

const HEADER_SIZE = 8;
const PAYLOAD_SIZE = 56;
const ECHO_REQUEST = 8;
const ECHO_REPLY = 0;
const ECHO_REQUEST_V6 = 128;
const ECHO_REPLY_V6 = 129;

/** Pings with the endpoint's port as identifier, each answered where answers are in the trace. */
export class EchoFlow implements Flow {
  left: number;
  #written = 0;

  constructor(readonly start: FlowStart) {
    this.left = start.frames;
  }

  write({ frame, sizes, replies }: Workshop): number {
    const { path, ports } = this.start;
    const place = this.#written++;
    this.left--;
    const outbound = !replies || place % 2 === 0;
    const protocol = path.family === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
    frame.start(path, outbound, protocol, place & 0xffff);
    const at = frame.header(HEADER_SIZE);
    frame.view.setUint8(at, path.family === 4 ? typeV4(outbound) : typeV6(outbound));
    frame.view.setUint16(at + 4, ports.endpointPort);
    frame.view.setUint16(at + 6, (replies ? place >> 1 : place) & 0xffff);
    // An answer repeats the bytes of its question, so their place in the pool depends on the flow alone.
    frame.append(ports.endpointPort & ~1, PAYLOAD_SIZE);
    frame.view.setUint16(at + 2, frame.checksum(protocol, HEADER_SIZE));
    frame.finish();
    sizes.note(frame.packetLength);
    const { roundTripNs, gapNs } = this.start;
    return outbound && replies ? Math.min(roundTripNs, gapNs) : Math.max(THINK_NS, gapNs);
  }
}

function typeV4(outbound: boolean): number {
  return outbound ? ECHO_REQUEST : ECHO_REPLY;
}

function typeV6(outbound: boolean): number {
  return outbound ? ECHO_REQUEST_V6 : ECHO_REPLY_V6;
}
