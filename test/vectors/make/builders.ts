import {
  be32,
  type ChecksumChoice,
  concat,
  icmpEcho,
  otherProtocol,
  patterned,
  tcp,
  text,
  udp,
} from "../../support/frames.js";

/** Over both families: builders by port of the endpoint or gateway. */
export const query =
  (payload: Uint8Array = text("question"), checksum?: ChecksumChoice) =>
  (srcPort: number) =>
    udp({ srcPort, dstPort: 53, payload, checksum });
export const reply =
  (payload: Uint8Array = text("answer"), checksum?: ChecksumChoice) =>
  (dstPort: number) =>
    udp({ srcPort: 53, dstPort, payload, checksum });
export const segment =
  (flags: string, payload: Uint8Array = new Uint8Array(0), checksum?: ChecksumChoice) =>
  (srcPort: number) =>
    tcp({ srcPort, dstPort: 443, flags, seq: 1000, payload, checksum });
export const answer =
  (flags: string, payload: Uint8Array = new Uint8Array(0)) =>
  (dstPort: number) =>
    tcp({ srcPort: 443, dstPort, flags, seq: 9000, ack: 1001, payload });
export const ping = (id: number) => icmpEcho({ id });
export const pong = (id: number) => icmpEcho({ id, reply: true });
export const GRE = (words = 0x0000_0800) => otherProtocol(47, concat(be32(words), patterned(24)));
export const ESP = (spi = 0x1111) => otherProtocol(50, concat(be32(spi), be32(1), patterned(24)));
