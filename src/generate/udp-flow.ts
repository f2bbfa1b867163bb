import { concatBytes, viewOf } from "../net/bytes.js";
import { utf8Bytes } from "../net/text.js";
import { type Flow, type FlowStart, THINK_NS, UDP_HEADER_SIZE, type Workshop } from "./flow.js";
import { type FrameBuilder, ipHeaderSize, PROTOCOL_UDP } from "./frame-builder.js";
import type { Random } from "./random.js";

/** What a UDP flow speaks, which decides lengths and directions. */
export type UdpApplication = "dns" | "ntp" | "stream";

// DNS (RFC 1035 section 4.1).
const DNS_RECURSION_DESIRED = 0x0100;
const DNS_ANSWER = 0x8180;
const DNS_QUESTION_TAIL = Uint8Array.of(7, ...utf8Bytes("example"), 0, 0, 1, 0, 1);
/** Pointer to the name asked for, type A, class IN, 300 s, four bytes: 192.0.2.1 (RFC 5737). */
const DNS_ADDRESS = Uint8Array.of(0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1);
const DNS_MAX_ADDRESSES = 8;

// NTP version 4 (RFC 5905 section 7.3).
const NTP_SIZE = 48;
const NTP_CLIENT = 0x23;
const NTP_SERVER = 0x24;
const NTP_STRATUM = 2;

/** UDP datagrams: questions and answers (DNS, NTP), or a stream both ways. */
export class UdpFlow implements Flow {
  left: number;
  #written = 0;
  #ipId: number;
  /** Share of a stream that the remote sends. */
  readonly #download: number;

  /** @param withoutChecksum sent with the checksum 0, "not computed", which only IPv4 allows */
  constructor(
    readonly start: FlowStart,
    readonly application: UdpApplication,
    readonly withoutChecksum: boolean,
    random: Random,
  ) {
    this.left = start.frames;
    this.#ipId = random.below(65_536);
    this.#download = random.chance(0.6) ? 0.8 : 0.5;
  }

  write(workshop: Workshop): number {
    const { frame, sizes, random } = workshop;
    const place = this.#written++;
    this.left--;
    const outbound = this.#isOutbound(place, workshop);
    const { path, ports } = this.start;
    this.#ipId = (this.#ipId + 1) & 0xffff;
    frame.start(path, outbound, PROTOCOL_UDP, this.#ipId);
    const at = frame.header(UDP_HEADER_SIZE);
    frame.view.setUint16(at, outbound ? ports.endpointPort : ports.remotePort);
    frame.view.setUint16(at + 2, outbound ? ports.remotePort : ports.endpointPort);
    this.#payload(workshop, outbound, place);
    finishUdp(frame, this.withoutChecksum);
    if (this.application === "stream") return this.start.gapNs * workshop.gaps.draw(random);
    sizes.note(frame.packetLength);
    return outbound ? this.start.roundTripNs : THINK_NS;
  }

  #isOutbound(place: number, { replies, random }: Workshop): boolean {
    if (!replies || place === 0) return true;
    return this.application === "stream" ? !random.chance(this.#download) : place % 2 === 0;
  }

  #payload({ frame, pool, random, sizes }: Workshop, outbound: boolean, place: number): void {
    if (this.application === "dns") {
      frame.appendBytes(dnsMessage(this.start.ports.endpointPort, place >> 1, outbound, random));
    } else if (this.application === "ntp") {
      frame.appendBytes(Uint8Array.of(outbound ? NTP_CLIENT : NTP_SERVER, NTP_STRATUM));
      frame.append(pool.draw(random, NTP_SIZE - 2), NTP_SIZE - 2);
    } else {
      const headers = ipHeaderSize(this.start.path.family) + UDP_HEADER_SIZE;
      const length = Math.max(0, sizes.draw(random) - headers);
      frame.append(pool.draw(random, length), length);
    }
  }
}

/** Writes length and checksum of the UDP header at `l4` and finishes the IP header. */
export function finishUdp(frame: FrameBuilder, withoutChecksum: boolean): void {
  const { view, l4 } = frame;
  view.setUint16(l4 + 4, frame.length - l4);
  // A checksum that comes out as 0 is sent as its other zero (RFC 768).
  if (!withoutChecksum) view.setUint16(l4 + 6, frame.checksum(PROTOCOL_UDP, UDP_HEADER_SIZE) || 0xffff);
  frame.finish();
}

/** A question for the IPv4 address of a name under `example`, or its answer with one to eight addresses. */
function dnsMessage(id: number, number: number, isQuestion: boolean, random: Random): Uint8Array {
  const label = utf8Bytes(`host-${(id * 31 + number).toString(36)}`);
  const answers = isQuestion ? 0 : random.between(1, DNS_MAX_ADDRESSES);
  const header = new Uint8Array(12);
  const view = viewOf(header);
  view.setUint16(0, (id + number) & 0xffff);
  view.setUint16(2, isQuestion ? DNS_RECURSION_DESIRED : DNS_ANSWER);
  view.setUint16(4, 1);
  view.setUint16(6, answers);
  const question = [header, Uint8Array.of(label.length), label, DNS_QUESTION_TAIL];
  return concatBytes([...question, ...Array.from({ length: answers }, () => DNS_ADDRESS)]);
}
