import {
  be16,
  concat,
  type Ipv4Fields,
  icmpEcho,
  icmpMessage,
  ipv4,
  type Layer4,
  onesSum,
  patterned,
  tcp,
} from "../../support/frames.js";
import {
  type Dice,
  EGRESS_IP,
  type Flow,
  FREE_PORT,
  fromPod,
  fromRemote,
  headerOf,
  type Kind,
  POD_ROUTER,
  ROUTERS,
  STRANGER,
  type Step,
  type View,
} from "./conversation.js";
import { reply, request } from "./udp.js";

/** Type, code and the four bytes after the checksum of an error (RFC 792, 1191, 1812). */
type Message = readonly [type: number, code: number, word: number];

const ERRORS: readonly Message[] = [
  ...Array.from({ length: 16 }, (_, code): Message => [3, code, code === 4 ? 1280 : 0]),
  [3, 4, 0],
  [3, 4, 68],
  [3, 4, 65535],
  [11, 0, 0],
  [11, 1, 0],
  [12, 0, 0x05000000],
  [12, 1, 0],
  [12, 2, 0],
];
/** RFC 1191: what path-MTU discovery needs. */
const TOO_BIG: Message = [3, 4, 1400];

const PROTOCOL_AT = 9;
const DST_AT = 16;

function ping(flow: Flow, seq: number, payload: Uint8Array, ip: Partial<Ipv4Fields> = {}): Step {
  return { from: "pod", packets: () => fromPod(flow, icmpEcho({ id: flow.port, seq, payload }), ip) };
}

function pong(flow: Flow, seq: number, payload: Uint8Array, ip: Partial<Ipv4Fields> = {}): Step {
  return {
    from: "remote",
    packets: (view) => fromRemote(flow, icmpEcho({ id: view.port, seq, payload, reply: true }), ip),
  };
}

/** How a connection begins about which errors are told; what comes through of it is quoted. */
const OPENINGS: readonly ((flow: Flow, dice: Dice) => { out: Step; back: Step })[] = [
  (flow, dice) => ({
    out: request(flow, { payload: dice.bytes(dice.pick([0, 40, 600])) }),
    back: reply(flow, { payload: dice.bytes(dice.pick([0, 40, 600])) }),
  }),
  (flow) => ({ out: request(flow, { checksum: 0 }), back: reply(flow, { checksum: 0 }) }),
  (flow, dice) => tcpOpening(flow, dice),
  (flow, dice) => tcpOpening(flow, dice),
  (flow, dice) => {
    const payload = dice.bytes(48);
    return { out: ping(flow, 7, payload), back: pong(flow, 7, payload) };
  },
  (flow) => {
    const ip = { options: Uint8Array.of(1, 1, 1, 1) };
    return { out: request(flow, { ip }), back: reply(flow, { ip }) };
  },
];

function tcpOpening(flow: Flow, dice: Dice): { out: Step; back: Step } {
  const seq = dice.below(0xffff_ffff);
  const out = tcp({ srcPort: flow.port, dstPort: flow.remotePort, seq, flags: "SYN" });
  return {
    out: { from: "pod", packets: () => fromPod(flow, out) },
    back: {
      from: "remote",
      packets: ({ port }) =>
        fromRemote(
          flow,
          tcp({ srcPort: flow.remotePort, dstPort: port, seq: 77, ack: (seq + 1) >>> 0, flags: "SYN ACK" }),
        ),
    },
  };
}

function seenBy(packet: Uint8Array | undefined): Uint8Array {
  if (!packet) throw new Error("an error is about a packet that did not come through");
  return packet;
}

/** Bytes of a packet's own header and of the first `data` bytes behind it. */
function quote(packet: Uint8Array, data: number): Uint8Array {
  return packet.slice(0, (packet[0]! & 15) * 4 + data);
}

function message([type, code, word]: Message, inner: Uint8Array, checksum?: { wrongBy: number }): Layer4 {
  return icmpMessage({ type, code, word, inner, checksum });
}

/** An error from outside about the last packet that reached the remote. @param edit what to quote of it */
function errorIn(
  src: string,
  what: Message,
  edit: (packet: Uint8Array, view: View) => Uint8Array,
  more: Partial<Step> = {},
): Step {
  return {
    from: "remote",
    packets: (view) => ipv4({ src, dst: EGRESS_IP }, message(what, edit(seenBy(view.atRemote), view))),
    ...more,
  };
}

/** How much of a packet errors quote: from the 8 bytes of RFC 792 to the 576 of RFC 1812. */
function cutOf(dice: Dice): number {
  return dice.pick([8, 8, 9, 12, 16, 17, 18, 20, 21, 28, 60, 548]);
}

/** RFC 4884 section 5: the quotation padded to 128 bytes, then one extension object. @param length in 32-bit words, as stated */
function extended(packet: Uint8Array): Uint8Array {
  const padded = new Uint8Array(128);
  padded.set(packet.subarray(0, 128));
  return concat(padded, Uint8Array.of(0x20, 0, 0, 0, 0, 8, 1, 1, 0x12, 0x34, 0x51, 0x40));
}

export const ICMP_KINDS: readonly Kind[] = [
  {
    name: "echo",
    weight: 8,
    steps(flow, dice) {
      const ip = headerOf(dice);
      const payload = dice.bytes(dice.pick([0, 1, 16, 56, 1400]));
      return Array.from({ length: dice.between(1, 4) }, (_, seq) => [
        ping(flow, seq, payload, ip),
        ...(dice.chance(80) ? [pong(flow, seq, payload, ip)] : []),
      ]).flat();
    },
  },
  {
    name: "echo-unsolicited",
    weight: 2,
    steps(flow, dice) {
      const isReply = dice.chance(50);
      return [
        {
          from: "remote",
          note: isReply ? "unsolicited echo reply" : "unsolicited",
          packets: () => fromRemote(flow, icmpEcho({ id: flow.port, reply: isReply }), { src: STRANGER }),
        },
      ];
    },
  },
  {
    name: "error-from-outside",
    weight: 14,
    steps(flow, dice) {
      const { out } = dice.pick(OPENINGS)(flow, dice);
      const [what, cut] = [dice.pick(ERRORS), cutOf(dice)];
      const src = dice.chance(50) ? flow.remote : dice.pick(ROUTERS);
      return [out, errorIn(src, what, (packet) => quote(packet, cut), { note: cutNote(cut) }), out];
    },
  },
  {
    name: "path-mtu",
    weight: 4,
    steps(flow, dice) {
      const big = request(flow, { payload: dice.bytes(1400), ip: { dontFragment: true } });
      const cut = cutOf(dice);
      const tooBig = errorIn(dice.pick(ROUTERS), TOO_BIG, (packet) => quote(packet, cut));
      return [big, tooBig, request(flow, { payload: dice.bytes(1300) }), reply(flow)];
    },
  },
  {
    name: "error-with-extensions",
    weight: 3,
    steps(flow, dice) {
      const { out } = dice.pick(OPENINGS)(flow, dice);
      // Right, not used, and beyond the end.
      const words = dice.pick([32, 0, 200]);
      return [out, errorIn(dice.pick(ROUTERS), [11, 0, words << 16], (packet) => extended(packet))];
    },
  },
  {
    name: "error-from-pod",
    weight: 8,
    steps(flow, dice) {
      const { out, back } = dice.pick(OPENINGS)(flow, dice);
      const [what, cut] = [dice.pick(ERRORS), cutOf(dice)];
      return [
        out,
        back,
        {
          from: "pod",
          note: cutNote(cut),
          packets: (view) => fromPod(flow, message(what, quote(seenBy(view.atPod), cut))),
        },
        back,
      ];
    },
  },
  {
    name: "error-from-pod-router",
    weight: 2,
    steps(flow, dice) {
      const { out, back } = dice.pick(OPENINGS)(flow, dice);
      return [
        out,
        back,
        {
          from: "pod",
          note: "of a router on the pods' side",
          packets: (view) =>
            ipv4({ src: POD_ROUTER, dst: flow.remote }, message([11, 0, 0], quote(seenBy(view.atPod), 8))),
        },
      ];
    },
  },
  {
    name: "error-forged",
    weight: 4,
    steps(flow, dice) {
      const { out } = OPENINGS[0]!(flow, dice);
      const forge = dice.pick([
        (packet: Uint8Array) => toPort(packet, FREE_PORT),
        (packet: Uint8Array) => withHeader(packet, DST_AT + 3, 250), // another remote
        (packet: Uint8Array) => withHeader(toPort(packet, FREE_PORT), PROTOCOL_AT, 6),
        (packet: Uint8Array) => ipv4({ src: EGRESS_IP, dst: flow.remote }, message([3, 3, 0], packet)), // about an error
      ]);
      return [out, errorIn(dice.pick(ROUTERS), [3, 1, 0], forge, { wrong: true }), reply(flow)];
    },
  },
  {
    name: "error-cut-short",
    weight: 2,
    steps(flow, dice) {
      const { out } = OPENINGS[0]!(flow, dice);
      const cut = dice.below(28);
      return [out, errorIn(dice.pick(ROUTERS), [3, 3, 0], (packet) => packet.slice(0, cut)), reply(flow)];
    },
  },
  {
    name: "error-wrong-checksum",
    weight: 2,
    steps(flow, dice) {
      const { out } = OPENINGS[0]!(flow, dice);
      const wrongBy = dice.between(1, 0xfffe);
      const broken: Step = {
        from: "remote",
        wrong: true,
        note: "wrong ICMP checksum",
        packets: (view) => fromRemote(flow, message([3, 1, 0], quote(seenBy(view.atRemote), 8), { wrongBy })),
      };
      return [out, broken, reply(flow)];
    },
  },
  {
    name: "error-wrong-inner-checksum",
    weight: 2,
    steps(flow, dice) {
      const { out } = OPENINGS[0]!(flow, dice);
      const more = { wrong: true, note: "wrong inner IPv4 checksum" };
      const edit = (packet: Uint8Array) => quote(changed(packet, 11, packet[11]! ^ 0x40), 8);
      return [out, errorIn(dice.pick(ROUTERS), [3, 1, 0], edit, more), reply(flow)];
    },
  },
  {
    name: "icmp-timestamp",
    weight: 1,
    steps(flow) {
      const query = (id: number, type: number) =>
        icmpMessage({ type, word: id * 0x10000 + 1, inner: patterned(12, 3) });
      return [
        { from: "pod", packets: () => fromPod(flow, query(flow.port, 13)) },
        { from: "remote", packets: (view) => fromRemote(flow, query(view.port, 14)) },
        { from: "pod", packets: () => fromPod(flow, query(flow.port, 13)) },
      ];
    },
  },
  {
    name: "icmp-other-types",
    weight: 1,
    steps: (flow, dice) => {
      const type = dice.pick([4, 5, 9, 10, 40, 42, 253]);
      return [
        {
          from: "pod",
          note: `type ${type}`,
          packets: () => fromPod(flow, icmpMessage({ type, inner: patterned(28, 5) })),
        },
      ];
    },
  },
];

/** Linux leaves the checksum of a quoted TCP header alone that is there but whose header is not complete. */
function cutNote(cut: number): string | undefined {
  return cut >= 18 && cut < 20 ? "quoted TCP header of 18 or 19 bytes" : undefined;
}

function changed(packet: Uint8Array, at: number, value: number): Uint8Array {
  const out = packet.slice();
  out[at] = value;
  return out;
}

/** The packet with another destination port. */
function toPort(packet: Uint8Array, port: number): Uint8Array {
  return changed(changed(packet, 22, port >> 8), 23, port & 0xff);
}

/** Changes a byte of an IPv4 header, whose checksum stays right. */
function withHeader(packet: Uint8Array, at: number, value: number): Uint8Array {
  const out = changed(changed(changed(packet, at, value), 10, 0), 11, 0);
  out.set(be16(~onesSum(out.subarray(0, (out[0]! & 15) * 4)) & 0xffff), 10);
  return out;
}
