import { ethernet, icmpEcho, icmpMessage, ipv4, ipv6, type Layer4, patterned, tcp, udp } from "../support/frames.js";
import type { Dice } from "./dice.js";
import { twinOf } from "./dual-stack.js";

export const TCP = 6;
export const UDP = 17;
export const ICMP = 1;

/** One five-tuple as the endpoint sees it, in words of IPv4: frames of some have the twins of both addresses. An echo has its identifier as `port`, and no `remotePort`. */
export interface Flow {
  readonly protocol: typeof TCP | typeof UDP | typeof ICMP;
  readonly ip: string;
  readonly port: number;
  readonly remote: string;
  readonly remotePort: number;
  /** Who sent the first frame. */
  readonly opener: "endpoint" | "remote";
}

/** One captured frame, with what its bytes say. */
export interface FuzzFrame {
  /** Microseconds after the start of the capture. */
  readonly us: number;
  readonly bytes: Uint8Array;
  readonly flow: Flow;
  readonly isIpv6: boolean;
  /** `out` = sent by the endpoint. */
  readonly side: "out" | "in";
  /** `error`: an ICMP error about a frame of the flow; `piece`: a fragment of one. */
  readonly kind: "plain" | "error" | "piece";
  /** Words, of TCP only. */
  readonly flags: string;
}

/** Writes frames of one flow after the other, each with an IP ID of its own. */
export class FlowWriter {
  readonly frames: FuzzFrame[] = [];
  #id = 1;
  readonly #dice: Dice;
  readonly #isIpv6: (flow: Flow) => boolean;

  constructor(dice: Dice, isIpv6: (flow: Flow) => boolean) {
    this.#dice = dice;
    this.#isIpv6 = isIpv6;
  }

  /** TCP with these flags, a datagram or an echo. */
  plain(us: number, flow: Flow, side: "out" | "in", flags = "ACK"): FuzzFrame {
    const { protocol, ip, port, remote, remotePort } = flow;
    const isOut = side === "out";
    const [srcPort, dstPort] = isOut ? [port, remotePort] : [remotePort, port];
    const payload = patterned(/SYN|RST|FIN/.test(flags) ? 0 : this.#dice.int(0, 60), this.#id);
    const isReply = isOut === (flow.opener === "remote");
    const body =
      protocol === TCP
        ? tcp({ srcPort, dstPort, flags, payload, seq: this.#id * 100, ack: this.#ack() })
        : protocol === UDP
          ? udp({ srcPort, dstPort, payload })
          : icmpEcho({ id: port, seq: this.#id, reply: isReply, payload });
    const [src, dst] = isOut ? [ip, remote] : [remote, ip];
    const words = protocol === TCP ? flags : "";
    return this.#add({ us, flow, side, kind: "plain", flags: words }, src, dst, body, this.#ttl(isOut));
  }

  /** An ICMP error about `about`, by whoever received it or, where an endpoint receives it, by a router. */
  error(us: number, about: FuzzFrame): FuzzFrame {
    const { flow } = about;
    const side = about.side === "out" ? "in" : "out";
    const size = this.#dice.pick([28, 40, 200]) + (about.isIpv6 ? 20 : 0);
    const inner = about.bytes.subarray(14, Math.min(about.bytes.length, 14 + size));
    const code = this.#dice.pick([1, 3, 4]);
    const told = !about.isIpv6 ? { type: 3, code } : code === 4 ? { type: 2 } : { type: 1, code };
    const message = icmpMessage({ ...told, word: 1280, inner });
    const [src, dst] = side === "in" ? [this.#dice.pick(["192.0.2.33", flow.remote]), flow.ip] : [flow.ip, flow.remote];
    return this.#add({ us, flow, side, kind: "error", flags: "" }, src, dst, message, 64);
  }

  /** Nothing, what the next RST's sequence number is near to, or what it is far from. */
  #ack(): number {
    return [0, this.#id * 100, 2 ** 31][this.#id % 3]!;
  }

  #ttl(isOut: boolean): number {
    if (this.#dice.chance(isOut ? 2 : 3)) return isOut ? this.#dice.int(1, 2) : this.#dice.pick([1, 255]);
    return isOut ? 64 : 57;
  }

  #add(words: Omit<FuzzFrame, "bytes" | "isIpv6">, src: string, dst: string, body: Layer4, ttl: number): FuzzFrame {
    const isIpv6 = this.#isIpv6(words.flow);
    const id = this.#id++;
    const packet = isIpv6
      ? ipv6({ src: twinOf(src), dst: twinOf(dst), flowLabel: id, hopLimit: ttl }, body)
      : ipv4({ src, dst, id, ttl }, body);
    const frame = { ...words, isIpv6, bytes: ethernet(packet) };
    this.frames.push(frame);
    return frame;
  }
}
