import { onesSum, type TcpFields, tcp, text } from "../../support/frames.js";
import {
  type Dice,
  egressOf,
  type Flow,
  fromPod,
  fromRemote,
  type Header,
  headerOf,
  headerSize,
  type Kind,
  ip as packetOf,
  perFamily,
  STRANGER,
  type Step,
} from "./conversation.js";
import type { Side } from "./gateway.js";

interface Segment extends Partial<TcpFields> {
  /** Sent, but not taken into the numbers that follow: a copy, a probe, a stray. */
  readonly aside?: boolean;
  readonly note?: string;
  readonly wrong?: boolean;
  readonly ip?: Header;
}

/** Both ends of a TCP connection, writing down what they send. */
class Talk {
  readonly steps: Step[] = [];
  readonly #flow: Flow;
  readonly #dice: Dice;
  readonly #next: Record<Side, number>;
  readonly #headers: Record<Side, Header>;

  constructor(flow: Flow, dice: Dice) {
    this.#flow = flow;
    this.#dice = dice;
    // Some near the end of the number space, so that it wraps.
    this.#next = { pod: this.#first(), remote: this.#first() };
    this.#headers = { pod: headerOf(dice), remote: headerOf(dice) };
  }

  #first(): number {
    return this.#dice.chance(20) ? 0xffff_ff00 + this.#dice.below(0x100) : this.#dice.below(0xffff_ffff);
  }

  /** Next sequence number of a side. */
  next(side: Side): number {
    return this.#next[side];
  }

  send(from: Side, flags: string, segment: Segment = {}): this {
    const { aside, note, wrong, ip, ...given } = segment;
    const to = from === "pod" ? "remote" : "pod";
    const fields = {
      seq: this.#next[from],
      ack: flags.includes("ACK") ? this.#next[to] : 0,
      flags,
      window: 20_000 + this.#dice.below(40_000),
      ...given,
    };
    if (!aside) {
      const length = (fields.payload?.length ?? 0) + (/SYN|FIN/.test(flags) ? 1 : 0);
      this.#next[from] = (fields.seq + length) >>> 0;
    }
    const header = { ...this.#headers[from], ...ip };
    const flow = this.#flow;
    const packets: Step["packets"] =
      from === "pod"
        ? () => fromPod(flow, tcp({ srcPort: flow.port, dstPort: flow.remotePort, ...fields }), header)
        : (view) => fromRemote(flow, tcp({ srcPort: flow.remotePort, dstPort: view.port, ...fields }), header);
    this.steps.push({ from, packets, note, wrong });
    return this;
  }

  /** The last step once more, by the same host. */
  again(): this {
    this.steps.push(this.steps.at(-1)!);
    return this;
  }

  open(): this {
    const options = this.#dice.pick([undefined, SYN_OPTIONS]);
    const extra = options ? { options } : {};
    return this.send("pod", "SYN", extra).send("remote", "SYN ACK", extra).send("pod", "ACK");
  }

  /** A few messages either way, each acknowledged. */
  talk(messages = this.#dice.between(1, 4)): this {
    for (let i = 0; i < messages; i++) {
      const from = this.#dice.pick(SIDES);
      const payload = this.#dice.bytes(this.#dice.pick([1, 5, 64, 333, 1000]));
      this.send(from, "PSH ACK", { payload });
      if (this.#dice.chance(25)) this.again();
      this.send(other(from), "ACK");
    }
    return this;
  }

  close(first: Side): this {
    const second = other(first);
    return this.send(first, "FIN ACK").send(second, "ACK").send(second, "FIN ACK").send(first, "ACK");
  }
}

const TCP_OFFSET_AT = 12;
const TCP_CHECKSUM_AT = 16;
const SIDES: readonly Side[] = ["pod", "remote"];
/** Maximum segment size 1460, SACK permitted, window scale 7 (RFC 9293, 2018, 7323). */
const SYN_OPTIONS = Uint8Array.of(2, 4, 5, 180, 4, 2, 1, 3, 3, 7);

function other(side: Side): Side {
  return side === "pod" ? "remote" : "pod";
}

function kind(name: string, weight: number, write: (talk: Talk, dice: Dice, flow: Flow) => unknown): Kind {
  return {
    name,
    weight,
    steps(flow, dice) {
      const talk = new Talk(flow, dice);
      write(talk, dice, flow);
      return talk.steps;
    },
  };
}

/**
 * The urgent pointer that makes the checksum 0 once the egress IP is the source, where the pod keeps its port: a computed 0 is sent as 0
 * by TCP (RFC 9293), other than by UDP.
 */
function foldingUrgent(flow: Flow, fields: Partial<TcpFields>): number {
  const segment = tcp({ srcPort: flow.port, dstPort: flow.remotePort, ...fields });
  const after = packetOf({ src: egressOf(flow), dst: flow.remote }, segment);
  const at = headerSize(after) + TCP_CHECKSUM_AT;
  return onesSum(after.subarray(at, at + 2));
}

export const TCP_KINDS: readonly Kind[] = [
  kind("tcp", 12, (talk, dice) => {
    talk.open().talk();
    if (dice.chance(70)) talk.close(dice.pick(SIDES));
  }),
  kind("tcp-refused", 3, (talk) => talk.send("pod", "SYN").send("remote", "RST ACK", { seq: 0 })),
  kind("tcp-unanswered", 2, (talk) => talk.send("pod", "SYN").again().again()),
  kind("tcp-reset", 5, (talk, dice) => {
    const from = dice.pick(SIDES);
    talk
      .open()
      .talk(2)
      .send(from, dice.pick(["RST", "RST ACK"]));
    if (dice.chance(50)) talk.again();
  }),
  kind("tcp-half-close", 4, (talk, dice) => {
    const from = dice.pick(SIDES);
    talk.open().talk(1).send(from, "FIN ACK").send(other(from), "ACK");
    for (let i = dice.between(1, 3); i > 0; i--)
      talk.send(other(from), "PSH ACK", { payload: dice.bytes(200) }).send(from, "ACK");
    talk.send(other(from), "FIN ACK").send(from, "ACK");
  }),
  kind("tcp-both-close", 2, (talk, dice) => {
    talk.open().talk(1);
    const ack = { pod: talk.next("remote"), remote: talk.next("pod") };
    for (const from of SIDES) talk.send(from, "FIN ACK", { ack: ack[from] });
    for (const from of SIDES) talk.send(from, "ACK");
    if (dice.chance(50)) talk.again();
  }),
  kind("tcp-retransmission", 5, (talk, dice) => {
    talk.send("pod", "SYN").again().send("remote", "SYN ACK").again().send("pod", "ACK");
    for (let i = dice.between(1, 3); i > 0; i--) {
      const from = dice.pick(SIDES);
      talk.send(from, "PSH ACK", { payload: dice.bytes(500) });
      for (let j = dice.between(1, 3); j > 0; j--) talk.again();
      talk.send(other(from), "ACK");
    }
    const from = dice.pick(SIDES);
    talk.send(from, "FIN ACK").again().send(other(from), "FIN ACK").again().send(from, "ACK");
  }),
  kind("tcp-simultaneous-open", 3, (talk, dice) => {
    const first = { pod: talk.next("pod"), remote: talk.next("remote") };
    talk.send("pod", "SYN").send("remote", "SYN");
    for (const from of SIDES) talk.send(from, "SYN ACK", { seq: first[from], ack: (first[other(from)] + 1) >>> 0 });
    talk.talk(2);
    if (dice.chance(50)) talk.close("pod");
  }),
  kind("tcp-keepalive", 2, (talk, dice) => {
    talk.open().talk(1);
    const from = dice.pick(SIDES);
    const probe = { seq: (talk.next(from) - 1) >>> 0, aside: true };
    talk.send(from, "ACK", probe).send(other(from), "ACK").send(from, "ACK", probe).send(other(from), "ACK");
  }),
  kind("tcp-reopened", 3, (talk) => {
    talk.open().talk(1).close("pod");
    const note = "reopened";
    talk.send("pod", "SYN", { seq: (talk.next("pod") + 100_000) >>> 0, note }).send("remote", "SYN ACK");
    talk.send("pod", "ACK").talk(1).close("pod");
  }),
  kind("tcp-picked-up", 3, (talk) => {
    talk
      .send("pod", "PSH ACK", { payload: text("in the middle") })
      .send("remote", "ACK")
      .talk(2)
      .close("pod");
  }),
  kind("tcp-wrong-checksum", 2, (talk, dice) => {
    const checksum = { wrongBy: dice.between(1, 0xfffe) };
    talk.open().send(dice.pick(SIDES), "PSH ACK", { payload: dice.bytes(77), checksum, wrong: true });
  }),
  kind("tcp-folding-checksum", 2, (talk, _dice, flow) => {
    const fields = { seq: talk.next("pod"), ack: 0, flags: "SYN", window: 8192 };
    talk.send("pod", "SYN", { ...fields, urgent: foldingUrgent(flow, fields) }).send("remote", "RST ACK", { seq: 0 });
  }),
  kind("tcp-outside-window", 2, (talk, dice) => {
    talk.open().talk(1);
    const from = dice.pick(SIDES);
    const seq = (talk.next(from) + 0x2000_0000) >>> 0;
    const flags = dice.pick(["PSH ACK", "RST"]);
    talk.send(from, flags, { seq, payload: dice.bytes(10), aside: true, note: `outside the window, of the ${from}` });
    talk.send("pod", "PSH ACK", { payload: dice.bytes(9) }).send("remote", "ACK");
  }),
  kind("tcp-odd-flags", 2, (talk, dice) => {
    talk.open();
    const flags = dice.pick(["", "SYN FIN", "FIN SYN RST PSH ACK URG", "SYN RST", "URG PSH"]);
    const note = /SYN|RST/.test(flags) ? "impossible flags" : "no SYN, RST or ACK";
    talk.send("pod", flags, { aside: true, payload: new Uint8Array(0), note });
  }),
  kind("tcp-unsolicited", 2, (talk, dice, flow) => {
    const ip = { src: perFamily(flow, STRANGER) };
    talk.send("remote", dice.pick(["SYN", "ACK", "RST", "SYN ACK"]), { note: "unsolicited", ip });
  }),
  kind("tcp-broken-header", 2, (talk, dice) => {
    talk.send("pod", "SYN");
    const whole = talk.steps.pop()!;
    const words = dice.pick([0, 1, 4, 6, 15]);
    const packets: Step["packets"] = (view) => withDataOffset(whole.packets(view) as Uint8Array, words);
    talk.steps.push({ from: "pod", packets, wrong: true });
  }),
];

/** The packet with a TCP header that claims to have `words` 32-bit words; its checksum is wrong by that. */
function withDataOffset(packet: Uint8Array, words: number): Uint8Array {
  const out = packet.slice();
  out[headerSize(packet) + TCP_OFFSET_AT] = words << 4;
  return out;
}
