import { be32, concat, icmpMessage, type Layer4, sctp } from "../../support/frames.js";
import { type ChunkName, chunk, sctpData, sctpPacket } from "../../support/sctp.js";
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
  PODS,
  ip as packetOf,
  perFamily,
  ROUTERS,
  STRANGER,
  type Step,
  type View,
} from "./conversation.js";
import { dissect } from "./dissect.js";
import { cut } from "./fragments.js";
import type { Side } from "./gateway.js";

/** What the packets of each side carry: the tag that the other one asked for in its INIT or INIT-ACK (RFC 9260 section 5.1). */
const TAGS: Readonly<Record<Side, number>> = { pod: 0x0506_0708, remote: 0x0102_0304 };
const CRC_AT = 8;

interface Packet {
  readonly flags?: number;
  readonly tag?: number;
  readonly note?: string;
  readonly wrong?: boolean;
  readonly ip?: Header;
}

/** Both ends of an association. */
class Association {
  readonly steps: Step[] = [];
  readonly #flow: Flow;
  readonly #headers: Record<Side, Header>;

  constructor(flow: Flow, dice: Dice) {
    this.#flow = flow;
    this.#headers = { pod: headerOf(dice), remote: headerOf(dice) };
  }

  /** A packet with these chunks. @param edit of its bytes */
  send(
    from: Side,
    names: ChunkName | readonly ChunkName[],
    packet: Packet = {},
    edit?: (bytes: Uint8Array) => void,
  ): this {
    const { flags = 0, tag = [names].flat().includes("INIT") ? 0 : TAGS[from] } = packet;
    return this.put(from, (src, dst) => edited(sctpPacket(src, dst, names, { flags, tag }), edit), packet);
  }

  put(from: Side, layer4: (src: number, dst: number) => Layer4, { note, wrong, ip }: Packet = {}): this {
    const flow = this.#flow;
    const header = { ...this.#headers[from], ...ip };
    const packets: Step["packets"] =
      from === "pod"
        ? () => fromPod(flow, layer4(flow.port, flow.remotePort), header)
        : ({ port }) => fromRemote(flow, layer4(flow.remotePort, port), header);
    this.steps.push({ from, packets, note, wrong });
    return this;
  }

  chunks(from: Side, tag: number, chunks: Uint8Array): this {
    return this.put(from, (srcPort, dstPort) => sctp({ srcPort, dstPort, tag, chunks }));
  }

  again(): this {
    this.steps.push(this.steps.at(-1)!);
    return this;
  }

  open(): this {
    return this.send("pod", "INIT")
      .send("remote", "INIT-ACK")
      .send("pod", ["COOKIE-ECHO", "DATA"])
      .send("remote", ["COOKIE-ACK", "SACK"]);
  }

  talk(dice: Dice, messages = dice.between(1, 3)): this {
    for (let i = 0; i < messages; i++) {
      const from = dice.pick(["pod", "remote"] as const);
      this.data(from, dice.bytes(dice.pick([1, 4, 77, 1000])));
      if (dice.chance(25)) this.again();
      this.send(from === "pod" ? "remote" : "pod", dice.pick(["SACK", "HEARTBEAT"] as const));
    }
    return this;
  }

  data(from: Side, payload: Uint8Array, packet: Packet = {}): this {
    return this.put(from, (srcPort, dstPort) => withTag(sctpData({ srcPort, dstPort, payload }), TAGS[from]), packet);
  }

  close(first: Side): this {
    const second = first === "pod" ? "remote" : "pod";
    return this.send(first, "SHUTDOWN").send(second, "SHUTDOWN-ACK").send(first, "SHUTDOWN-COMPLETE");
  }
}

function edited(layer4: Layer4, edit: ((bytes: Uint8Array) => void) | undefined): Layer4 {
  return {
    protocol: layer4.protocol,
    bytes: (pseudo) => {
      const bytes = layer4.bytes(pseudo);
      edit?.(bytes);
      return bytes;
    },
  };
}

/** The bytes with another first word. */
function edited32(bytes: Uint8Array, word: number): Uint8Array {
  return concat(be32(word), bytes.subarray(4));
}

/** The packet with another verification tag and a right CRC. */
function withTag(layer4: Layer4, tag: number): Layer4 {
  return {
    protocol: layer4.protocol,
    bytes: (pseudo) => {
      const bytes = layer4.bytes(pseudo);
      const view = new DataView(bytes.buffer);
      const [srcPort, dstPort] = [view.getUint16(0), view.getUint16(2)];
      return sctp({ srcPort, dstPort, tag, chunks: bytes.subarray(12) }).bytes(pseudo);
    },
  };
}

function kind(name: string, weight: number, write: (talk: Association, dice: Dice, flow: Flow) => unknown): Kind {
  return {
    name,
    weight,
    steps(flow, dice) {
      const talk = new Association(flow, dice);
      write(talk, dice, flow);
      return talk.steps;
    },
  };
}

const SIDES: readonly Side[] = ["pod", "remote"];

/** Type and code of errors whose quotation is translated. */
const UNREACHABLE = { 4: 3, 6: 1 };
const PORT_UNREACHABLE = { 4: 3, 6: 4 };

function message(flow: Flow, inner: Uint8Array): Layer4 {
  return icmpMessage({ type: perFamily(flow, UNREACHABLE), code: perFamily(flow, PORT_UNREACHABLE), inner });
}

/** @param quoted a packet like the quoted one, whatever its ports */
function errorFrom(flow: Flow, dice: Dice, from: Side, quoted: Uint8Array): Step {
  const size = dice.pick([8, 8, 12, 20, 60]);
  const example = message(flow, quoted.slice(0, headerSize(quoted) + size));
  const crc = dissect(fromPod(flow, example)).get("quoted checksum");
  const router = dice.pick(perFamily(flow, ROUTERS));
  return {
    from,
    note: crc === undefined ? "" : `quoted CRC ${crc}`,
    packets: ({ atRemote, atPod }) => {
      const seen = from === "pod" ? atPod : atRemote;
      if (!seen) throw new Error("an error is about a packet that did not come through");
      const inner = seen.slice(0, headerSize(seen) + size);
      const told = message(flow, inner);
      return from === "pod" ? fromPod(flow, told) : packetOf({ src: router, dst: egressOf(flow) }, told);
    },
  };
}

export const SCTP_KINDS: readonly Kind[] = [
  kind("sctp", 5, (talk, dice) => {
    talk.open().talk(dice);
    if (dice.chance(70)) talk.close(dice.pick(SIDES));
  }),
  kind("sctp-abort", 2, (talk, dice) => {
    const from = dice.pick(SIDES);
    talk.open().talk(dice, 1).send(from, "ABORT");
    if (dice.chance(50)) talk.again();
  }),
  kind("sctp-refused", 2, (talk) => {
    talk.send("pod", "INIT").send("remote", "ABORT", { flags: 0 });
  }),
  kind("sctp-abort-reflected", 1, (talk, dice) => {
    // T bit: the sender has no association and returns the tag that it got (RFC 9260 section 3.3.7).
    talk.open().send("remote", "ABORT", { flags: 1, tag: TAGS.pod });
    if (dice.chance(50)) talk.again();
  }),
  kind("sctp-retransmission", 3, (talk, dice) => {
    talk.send("pod", "INIT").again().send("remote", "INIT-ACK").again();
    talk.send("pod", "COOKIE-ECHO").again().send("remote", "COOKIE-ACK").again();
    talk.data(dice.pick(SIDES), dice.bytes(100)).again().again();
    talk.send("pod", "SHUTDOWN").again().send("remote", "SHUTDOWN-ACK").again();
    talk.send("pod", "SHUTDOWN-COMPLETE").again();
  }),
  kind("sctp-crossing-inits", 1, (talk, dice) => {
    // Each side asks for the same tag in both of its packets (RFC 9260 section 5.2.1).
    const [mine, yours] = [chunk("INIT").subarray(4), edited32(chunk("INIT").subarray(4), TAGS.pod)];
    talk.chunks("pod", 0, chunk("INIT", { body: mine })).chunks("remote", 0, chunk("INIT", { body: yours }));
    talk.chunks("pod", TAGS.pod, chunk("INIT-ACK", { body: mine }));
    talk.chunks("remote", TAGS.remote, chunk("INIT-ACK", { body: yours }));
    talk.send("pod", "COOKIE-ECHO").send("remote", "COOKIE-ACK").talk(dice);
  }),
  {
    name: "sctp-collision",
    weight: 4,
    steps(flow, dice) {
      const pod = dice.pick(perFamily(flow, PODS).filter((address) => address !== flow.pod));
      const first = new Association({ ...flow, pod }, dice).send("pod", "INIT");
      const second = new Association(flow, dice).open().talk(dice, 2);
      if (dice.chance(50)) second.close(dice.pick(SIDES));
      return [...first.steps, ...second.steps];
    },
  },
  kind("sctp-picked-up", 1, (talk, dice) => {
    talk.data("pod", dice.bytes(20), { note: "DATA without an association" });
  }),
  kind("sctp-unsolicited", 1, (talk, dice, flow) => {
    const ip = { src: perFamily(flow, STRANGER) };
    talk.send("remote", dice.pick(["INIT", "DATA", "ABORT", "INIT-ACK"] as const), { note: "unsolicited", ip });
  }),
  kind("sctp-wrong-crc", 2, (talk, dice) => {
    const bit = 1 << dice.below(8);
    const spoil = (bytes: Uint8Array) => {
      bytes[CRC_AT + 1]! ^= bit;
    };
    talk.open().send(dice.pick(SIDES), "DATA", { wrong: true, note: `CRC wrong by ${bit * 256}` }, spoil);
  }),
  kind("sctp-wrong-tag", 1, (talk, dice) => {
    const from = dice.pick(SIDES);
    talk.open().send(from, dice.pick(["DATA", "ABORT", "SHUTDOWN"] as const), { tag: 0x0bad_0bad, note: "wrong tag" });
  }),
  kind("sctp-broken", 1, (talk, dice) => {
    const chunks = dice.pick([
      chunk("DATA", { length: 0 }),
      chunk("DATA", { length: 3 }),
      concat(chunk("INIT"), chunk("DATA")),
      concat(chunk("DATA"), chunk("INIT")),
      chunk("DATA", { length: 400 }),
      new Uint8Array(0),
    ]);
    const layer4 = (srcPort: number, dstPort: number) => sctp({ srcPort, dstPort, tag: TAGS.pod, chunks });
    talk.open().put("pod", layer4, { wrong: true, note: "broken chunks" });
  }),
  kind("sctp-errors", 3, (talk, dice, flow) => {
    const data = dice.bytes(64);
    talk.open().data("pod", data).data("remote", data);
    const view: View = { port: flow.port, atRemote: undefined, atPod: undefined };
    const [there, back] = talk.steps.slice(-2).map((step) => step.packets(view) as Uint8Array);
    talk.steps.push(errorFrom(flow, dice, "remote", there!), errorFrom(flow, dice, "pod", back!));
    talk.data("pod", data);
  }),
  kind("sctp-fragments", 2, (talk, dice) => {
    talk.open();
    const note = "fragments of SCTP";
    for (const from of SIDES) {
      talk.data(from, dice.bytes(2000), { ip: { dontFragment: false } });
      talk.steps.push(cut(talk.steps.pop()!, dice.pick([[1448], [552, 552], [48, 1000]]), undefined, note));
    }
    talk.talk(dice, 1);
  }),
];
