import { type Flow, type FlowStart, THINK_NS, UDP_HEADER_SIZE, type Workshop } from "./flow.js";
import { ETHERNET_SIZE, type FrameBuilder, PROTOCOL_UDP, writeIPv4Checksum } from "./frame-builder.js";
import { finishUdp } from "./udp-flow.js";

const PAYLOAD_SIZE = 100;
const CUT_IN_ADDRESSES = ETHERNET_SIZE + 15;

/** What is done to a good UDP frame. */
type Damage = (frame: FrameBuilder) => void;

const EITHER_FAMILY: readonly Damage[] = [
  function cutInAddresses(frame) {
    frame.length = CUT_IN_ADDRESSES;
  },
  function wrongVersion(frame) {
    frame.bytes[ETHERNET_SIZE] = (frame.bytes[ETHERNET_SIZE]! & 0x0f) | 0x50;
  },
  function udpLengthPastPacket(frame) {
    frame.view.setUint16(frame.l4 + 4, frame.length);
  },
  function udpLengthBelowHeader(frame) {
    frame.view.setUint16(frame.l4 + 4, UDP_HEADER_SIZE - 1);
  },
  function wrongUdpChecksum(frame) {
    frame.view.setUint16(frame.l4 + 6, frame.view.getUint16(frame.l4 + 6) ^ 0x5555);
  },
];

const IPV4: readonly Damage[] = [
  ...EITHER_FAMILY,
  function headerLengthBelowFive(frame) {
    frame.bytes[ETHERNET_SIZE] = 0x44;
    writeIPv4Checksum(frame.view, ETHERNET_SIZE);
  },
  function totalLengthPastFrame(frame) {
    frame.view.setUint16(ETHERNET_SIZE + 2, frame.packetLength + 200);
    writeIPv4Checksum(frame.view, ETHERNET_SIZE);
  },
  function wrongHeaderChecksum(frame) {
    frame.view.setUint16(ETHERNET_SIZE + 10, frame.view.getUint16(ETHERNET_SIZE + 10) ^ 0x5555);
  },
];

const IPV6: readonly Damage[] = [
  ...EITHER_FAMILY,
  function payloadLengthPastFrame(frame) {
    frame.view.setUint16(ETHERNET_SIZE + 4, frame.length + 200);
  },
];

/** One frame of an endpoint whose headers contradict themselves, the frame's length or a checksum. */
export class MalformedFlow implements Flow {
  left = 1;

  constructor(readonly start: FlowStart) {}

  write({ frame, pool, random, sizes }: Workshop): number {
    this.left--;
    const { path, ports } = this.start;
    frame.start(path, true, PROTOCOL_UDP, random.below(65_536));
    const at = frame.header(UDP_HEADER_SIZE);
    frame.view.setUint16(at, ports.endpointPort);
    frame.view.setUint16(at + 2, ports.remotePort);
    frame.append(pool.draw(random, PAYLOAD_SIZE), PAYLOAD_SIZE);
    finishUdp(frame, false);
    sizes.note(frame.packetLength);
    const damages = path.family === 4 ? IPV4 : IPV6;
    damages[random.below(damages.length)]!(frame);
    return THINK_NS;
  }
}
