/** Pairs of captures in words, for tests. */
import type { PairFrame } from "../../src/pair/frame.js";
import { type PairOptions, type PairResult, verifyCapturePair } from "../../src/pair/verify-pair.js";
import { ethernet, ipv4, type Layer4, patterned, sll, tcp, udp } from "../support/frames.js";
import { EGRESS_A, model, POD, REMOTE, seconds } from "../verify/scene.js";

export const NAMES: PairOptions = { beforeName: "inside.pcap", afterName: "uplink.pcap" };

/** Two captures being written: what is put on a side gets the next number and the given second. */
export class Captures {
  readonly inside: PairFrame[] = [];
  readonly uplink: PairFrame[] = [];

  at(side: "inside" | "uplink", second: number, packet: Uint8Array, link: "ethernet" | "sll" = "ethernet"): this {
    const bytes =
      link === "sll"
        ? sll(packet)
        : ethernet(packet, { src: side === "inside" ? "02:00:00:00:01:01" : "02:00:00:00:02:02" });
    const frame = this[side].length + 1;
    this[side].push({
      frame,
      timeNs: seconds(second),
      linkType: link === "sll" ? 113 : 1,
      bytes,
      wireLength: bytes.length,
    });
    return this;
  }

  /** One packet of an endpoint, inside and 1 ms later on the uplink. */
  out(
    second: number,
    content: (srcPort: number) => Layer4,
    more: { src?: string; as?: string; natPort?: number; id?: number; dst?: string } = {},
  ): this {
    const { src = POD, as = EGRESS_A, natPort = 50000, id = 7, dst = REMOTE } = more;
    this.at("inside", second, ipv4({ src, dst, id, ttl: 64 }, content(40000)));
    return this.at("uplink", second + 0.001, ipv4({ src: as, dst, id, ttl: 62 }, content(natPort)));
  }

  /** Its answer, on the uplink and 1 ms later inside. */
  in(
    second: number,
    content: (dstPort: number) => Layer4,
    more: { to?: string; as?: string; natPort?: number; port?: number; id?: number } = {},
  ): this {
    const { to = POD, as = EGRESS_A, natPort = 50000, port = 40000, id = 9 } = more;
    this.at("uplink", second, ipv4({ src: REMOTE, dst: as, id, ttl: 60 }, content(natPort)));
    return this.at("inside", second + 0.001, ipv4({ src: REMOTE, dst: to, id, ttl: 58 }, content(port)));
  }

  verify(options: Partial<PairOptions> = {}): Promise<PairResult> {
    const byTime = (a: PairFrame, b: PairFrame) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0);
    return verifyCapturePair(this.inside.sort(byTime), this.uplink.sort(byTime), model(), {
      ...NAMES,
      skewNs: 0n,
      ...options,
    });
  }
}

export const segment =
  (seq: number, more = {}) =>
  (srcPort: number) =>
    tcp({ srcPort, dstPort: 443, seq, ack: 1, payload: patterned(50, seq), ...more });
export const answer = (seq: number) => (dstPort: number) =>
  tcp({ srcPort: 443, dstPort, seq, ack: 2, payload: patterned(60, seq) });
export const query = (text: number) => (srcPort: number) => udp({ srcPort, dstPort: 53, payload: patterned(40, text) });
export const fields = (result: PairResult) => result.verification.mismatches.map((mismatch) => mismatch.field);
