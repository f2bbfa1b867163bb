import { be16, concat, icmpEcho, icmpMessage, type Layer4, onesSum, patterned, tcp } from "../../support/frames.js";
import {
  type Dice,
  EGRESS_IPS,
  egressOf,
  type Flow,
  FREE_PORT,
  familyOf,
  fromPod,
  fromRemote,
  type Header,
  headerOf,
  headerSize,
  type Kind,
  type PerFamily,
  POD_ROUTER,
  ip as packetOf,
  perFamily,
  ROUTERS,
  STRANGER,
  type Step,
  type View,
} from "./conversation.js";
import { reply, request } from "./udp.js";

/** Type, code and the four bytes after the checksum of an error (RFC 792, 1191, 1812; 4443). */
type Message = readonly [type: number, code: number, word: number];

const ERRORS4: readonly Message[] = [
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
/** Those of RFC 4443, and types that it leaves for errors to come. */
const ERRORS6: readonly Message[] = [
  ...Array.from({ length: 8 }, (_, code): Message => [1, code, 0]),
  [2, 0, 1280],
  [2, 0, 0],
  [2, 0, 0xffff_ffff],
  [3, 0, 0],
  [3, 1, 0],
  [4, 0, 40],
  [4, 1, 6],
  [4, 2, 0],
  [5, 0, 0],
  [127, 9, 0],
];
const ERRORS: PerFamily<readonly Message[]> = { 4: ERRORS4, 6: ERRORS6 };
/** RFC 1191, RFC 8201: what path-MTU discovery needs. */
const TOO_BIG: PerFamily<Message> = { 4: [3, 4, 1400], 6: [2, 0, 1400] };
const UNREACHABLE: PerFamily<Message> = { 4: [3, 1, 0], 6: [1, 3, 0] };
const PORT_UNREACHABLE: PerFamily<Message> = { 4: [3, 3, 0], 6: [1, 4, 0] };
const TIME_EXCEEDED: PerFamily<Message> = { 4: [11, 0, 0], 6: [3, 0, 0] };

const PROTOCOL_AT: PerFamily<number> = { 4: 9, 6: 6 };
const LAST_OF_DST_AT: PerFamily<number> = { 4: 19, 6: 39 };

function ping(flow: Flow, seq: number, payload: Uint8Array, ip: Header = {}): Step {
  return { from: "pod", packets: () => fromPod(flow, icmpEcho({ id: flow.port, seq, payload }), ip) };
}

function pong(flow: Flow, seq: number, payload: Uint8Array, ip: Header = {}): Step {
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
  (flow) => {
    const checksum = perFamily(flow, { 4: 0, 6: undefined });
    return { out: request(flow, { checksum }), back: reply(flow, { checksum }) };
  },
  (flow, dice) => tcpOpening(flow, dice),
  (flow, dice) => tcpOpening(flow, dice),
  (flow, dice) => {
    const payload = dice.bytes(48);
    return { out: ping(flow, 7, payload), back: pong(flow, 7, payload) };
  },
  (flow) => {
    const ip = { options: Uint8Array.of(1, 1, 1, 1), extensions: [{ type: 60 }] };
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
  return packet.slice(0, headerSize(packet) + data);
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
    packets: (view) =>
      packetOf({ src, dst: EGRESS_IPS[familyOf(src)] }, message(what, edit(seenBy(view.atRemote), view))),
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
          packets: () =>
            fromRemote(flow, icmpEcho({ id: flow.port, reply: isReply }), { src: perFamily(flow, STRANGER) }),
        },
      ];
    },
  },
  {
    name: "error-from-outside",
    weight: 14,
    steps(flow, dice) {
      const { out } = dice.pick(OPENINGS)(flow, dice);
      const [what, cut] = [dice.pick(perFamily(flow, ERRORS)), cutOf(dice)];
      const src = dice.chance(50) ? flow.remote : dice.pick(perFamily(flow, ROUTERS));
      return [out, errorIn(src, what, (packet) => quote(packet, cut), { note: cutNote(cut) }), out];
    },
  },
  {
    name: "path-mtu",
    weight: 4,
    steps(flow, dice) {
      const big = request(flow, { payload: dice.bytes(1400), ip: { dontFragment: true } });
      const cut = cutOf(dice);
      const tooBig = errorIn(dice.pick(perFamily(flow, ROUTERS)), perFamily(flow, TOO_BIG), (packet) =>
        quote(packet, cut),
      );
      return [big, tooBig, request(flow, { payload: dice.bytes(1300) }), reply(flow)];
    },
  },
  {
    name: "error-with-extensions",
    weight: 3,
    steps(flow, dice) {
      const { out } = dice.pick(OPENINGS)(flow, dice);
      // Right, not used, and beyond the end; in 4-byte words of the second byte, for IPv6 8-byte ones of the first.
      const words = dice.pick([32, 0, 200]);
      const word = familyOf(flow.pod) === 4 ? words << 16 : words << 23;
      const [type, code] = perFamily(flow, TIME_EXCEEDED);
      return [out, errorIn(dice.pick(perFamily(flow, ROUTERS)), [type, code, word], (packet) => extended(packet))];
    },
  },
  {
    name: "error-from-pod",
    weight: 8,
    steps(flow, dice) {
      const { out, back } = dice.pick(OPENINGS)(flow, dice);
      const [what, cut] = [dice.pick(perFamily(flow, ERRORS)), cutOf(dice)];
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
            packetOf(
              { src: perFamily(flow, POD_ROUTER), dst: flow.remote },
              message(perFamily(flow, TIME_EXCEEDED), quote(seenBy(view.atPod), 8)),
            ),
        },
      ];
    },
  },
  {
    name: "error-forged",
    weight: 4,
    steps(flow, dice) {
      const { out } = OPENINGS[0]!(flow, dice);
      const family = familyOf(flow.pod);
      const forge = dice.pick([
        (packet: Uint8Array) => toPort(packet, FREE_PORT),
        (packet: Uint8Array) => withHeader(packet, LAST_OF_DST_AT[family], 250), // another remote
        (packet: Uint8Array) => withHeader(toPort(packet, FREE_PORT), PROTOCOL_AT[family], 6),
        (packet: Uint8Array) =>
          packetOf({ src: egressOf(flow), dst: flow.remote }, message(PORT_UNREACHABLE[family], packet)), // about an error
      ]);
      return [
        out,
        errorIn(dice.pick(perFamily(flow, ROUTERS)), perFamily(flow, UNREACHABLE), forge, { wrong: true }),
        reply(flow),
      ];
    },
  },
  {
    name: "error-cut-short",
    weight: 2,
    steps(flow, dice) {
      const { out } = OPENINGS[0]!(flow, dice);
      const cut = dice.below(familyOf(flow.pod) === 4 ? 28 : 48);
      return [
        out,
        errorIn(dice.pick(perFamily(flow, ROUTERS)), perFamily(flow, PORT_UNREACHABLE), (packet) =>
          packet.slice(0, cut),
        ),
        reply(flow),
      ];
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
        packets: (view) =>
          fromRemote(flow, message(perFamily(flow, UNREACHABLE), quote(seenBy(view.atRemote), 8), { wrongBy })),
      };
      return [out, broken, reply(flow)];
    },
  },
  {
    name: "error-wrong-inner-checksum",
    weight: 2,
    families: [4],
    steps(flow, dice) {
      const { out } = OPENINGS[0]!(flow, dice);
      const more = { wrong: true, note: "wrong inner IPv4 checksum" };
      const edit = (packet: Uint8Array) => quote(changed(packet, 11, packet[11]! ^ 0x40), 8);
      return [out, errorIn(dice.pick(perFamily(flow, ROUTERS)), perFamily(flow, UNREACHABLE), edit, more), reply(flow)];
    },
  },
  {
    name: "icmp-timestamp",
    weight: 1,
    families: [4],
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
    weight: 2,
    steps: (flow, dice) => {
      const type = dice.pick(
        familyOf(flow.pod) === 4
          ? [4, 5, 9, 10, 40, 42, 253]
          : [130, 131, 132, 133, 135, 136, 137, 139, 140, 143, 144, 200, 255],
      );
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
  const at = headerSize(packet) + 2;
  return changed(changed(packet, at, port >> 8), at + 1, port & 0xff);
}

/** Changes a byte of an IP header; the checksum of an IPv4 one stays right. */
function withHeader(packet: Uint8Array, at: number, value: number): Uint8Array {
  if (packet[0]! >> 4 === 6) return changed(packet, at, value);
  const out = changed(changed(changed(packet, at, value), 10, 0), 11, 0);
  out.set(be16(~onesSum(out.subarray(0, (out[0]! & 15) * 4)) & 0xffff), 10);
  return out;
}
