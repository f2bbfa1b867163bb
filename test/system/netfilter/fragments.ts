import { icmpEcho, icmpMessage, ipv4FragmentsOf, ipv6FragmentsOf, tcp } from "../../support/frames.js";
import {
  type Dice,
  egressOf,
  type Flow,
  FRAGMENT_ID,
  fromPod,
  fromRemote,
  headerOf,
  headerSize,
  type Kind,
  type PerFamily,
  ip as packetOf,
  perFamily,
  ROUTERS,
  STRANGER,
  type Step,
  type View,
} from "./conversation.js";
import { reply, request } from "./udp.js";

type Pieces = readonly Uint8Array[];

/** How the fragments of a datagram are sent. @returns those that are, in their order */
type Arrange = (pieces: Pieces) => Pieces;

/** Bytes that each fragment carries, the last one what is left: whole packets of 1,500 bytes, of other networks, tiny ones. */
const SIZES: readonly (readonly number[])[] = [
  [1448],
  [1400],
  [1448, 1448, 1448],
  [552, 552],
  [1000, 8],
  [8, 1200],
  [24, 16, 32],
  [8, 8, 8, 8, 8],
];

/** What is left of a datagram for its last fragment. */
const LAST = 300;

/** Cut the same way in both families. IPv6 packets are 20 bytes and the fragment header longer. */
function piecesOf(packet: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  return packet[0]! >> 4 === 6 ? ipv6FragmentsOf(packet, sizes, FRAGMENT_ID) : ipv4FragmentsOf(packet, sizes);
}

/** The datagram that `step` sends, in fragments. */
export function cut(step: Step, sizes: readonly number[], arrange: Arrange = (pieces) => pieces, note?: string): Step {
  const packets = (view: View) => arrange(piecesOf(step.packets(view) as Uint8Array, sizes));
  return { ...step, packets, note: note ?? step.note };
}

function total(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size, LAST);
}

type Letter = (flow: Flow, payload: Uint8Array) => Step;

/** A datagram of the pod or of the remote that fills fragments of these sizes. */
function datagram(letter: Letter, flow: Flow, dice: Dice, sizes: readonly number[]): Step {
  return letter(flow, dice.bytes(total(sizes) - 8));
}

const requestWith: Letter = (flow, payload) => request(flow, { payload });
const replyWith: Letter = (flow, payload) => reply(flow, { payload });

function echoWith(reply: boolean): Letter {
  return (flow, payload) =>
    reply
      ? {
          from: "remote",
          packets: ({ port }) => fromRemote(flow, icmpEcho({ id: port, seq: 3, payload, reply })),
        }
      : { from: "pod", packets: () => fromPod(flow, icmpEcho({ id: flow.port, seq: 3, payload })) };
}

/**
 * A conversation whose mapping exists, then one fragmented datagram of either side.
 * @param arrange how it is sent, and what is to be noted of that
 */
function mangled(
  flow: Flow,
  dice: Dice,
  arrange: (count: number, sizes: readonly number[]) => [Arrange, string],
): Step[] {
  const sizes = dice.pick(SIZES.filter(({ length }) => length > 1));
  const letter = dice.pick([requestWith, replyWith]);
  const [arranged, note] = arrange(sizes.length + 1, sizes);
  const broken = { ...cut(datagram(letter, flow, dice, sizes), sizes, arranged, note), wrong: true };
  return [request(flow), reply(flow), broken, request(flow), reply(flow)];
}

function shuffled(dice: Dice, count: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = dice.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** The fragment with bytes `from` to `end` - 1 of the datagram, which only a whole one can be cut into. @param more whether others follow */
function part(first: Uint8Array, from: number, body: Uint8Array, more: boolean): Uint8Array {
  const isIpv6 = first[0]! >> 4 === 6;
  const size = headerSize(first) + (isIpv6 ? 8 : 0);
  const out = new Uint8Array(size + body.length);
  out.set(first.subarray(0, size));
  out.set(body, size);
  const view = new DataView(out.buffer);
  if (isIpv6) {
    view.setUint16(4, 8 + body.length);
    view.setUint16(42, from | (more ? 1 : 0));
    return out;
  }
  const [length, word] = [out.length, (view.getUint16(6) & 0x4000) | (from >> 3) | (more ? 0x2000 : 0)];
  let sum = ~view.getUint16(10) & 0xffff;
  sum += (~view.getUint16(2) & 0xffff) + length + (~view.getUint16(6) & 0xffff) + word;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(2, length);
  view.setUint16(6, word);
  view.setUint16(10, ~sum & 0xffff);
  return out;
}

/** Of the fragment `piece`: what it carries. */
function bodyOf(piece: Uint8Array): Uint8Array {
  return piece.subarray(headerSize(piece) + (piece[0]! >> 4 === 6 ? 8 : 0));
}

function offsetOf(sizes: readonly number[], i: number): number {
  return sizes.slice(0, i).reduce((sum, size) => sum + size, 0);
}

/** The last offset that there is: more than seven bytes there lie beyond the longest datagram. */
const BEYOND = 65_528;
/** Type, code and MTU (RFC 1191, RFC 8201): why there are fragments. */
const TOO_BIG: PerFamily<readonly [type: number, code: number, mtu: number]> = { 4: [3, 4, 1400], 6: [2, 0, 1400] };

export const FRAGMENT_KINDS: readonly Kind[] = [
  {
    name: "fragments",
    weight: 5,
    steps(flow, dice) {
      const ip = headerOf(dice);
      const steps: Step[] = [];
      for (let i = dice.between(1, 2); i > 0; i--) {
        const [there, back] = [dice.pick(SIZES), dice.pick(SIZES)];
        const payload = dice.bytes(total(there) - 8);
        steps.push(cut(request(flow, { ip, payload }), there), cut(datagram(replyWith, flow, dice, back), back));
      }
      return steps;
    },
  },
  {
    name: "fragments-of-tcp",
    weight: 2,
    steps(flow, dice) {
      const seq = dice.below(0xffff_0000);
      const ports = { srcPort: flow.port, dstPort: flow.remotePort };
      const window = 60_000;
      const syn = tcp({ ...ports, seq, flags: "SYN", window });
      const synAck = (port: number) =>
        tcp({ srcPort: flow.remotePort, dstPort: port, seq: 77, ack: seq + 1, flags: "SYN ACK", window });
      const sizes = dice.pick([[1448], [1400, 1448], [24, 16], [552, 552]]);
      const payload = dice.bytes(total(sizes) - 20);
      const data = tcp({ ...ports, seq: seq + 1, ack: 78, flags: "PSH ACK", window, payload });
      const answer = (port: number) =>
        tcp({
          ...{ srcPort: flow.remotePort, dstPort: port, seq: 78, ack: seq + 1 + payload.length },
          ...{ flags: "PSH ACK", window, payload },
        });
      return [
        { from: "pod", packets: () => fromPod(flow, syn) },
        { from: "remote", packets: ({ port }) => fromRemote(flow, synAck(port)) },
        cut({ from: "pod", packets: () => fromPod(flow, data) }, sizes),
        cut({ from: "remote", packets: ({ port }) => fromRemote(flow, answer(port)) }, sizes),
      ];
    },
  },
  {
    name: "fragmented-echo",
    weight: 2,
    steps(flow, dice) {
      const payload = dice.bytes(3000);
      const sizes = dice.pick([
        [1448, 1448],
        [1000, 1000],
        [600, 1400, 1000],
      ]);
      return [cut(echoWith(false)(flow, payload), sizes), cut(echoWith(true)(flow, payload), sizes)];
    },
  },
  {
    name: "fragments-out-of-order",
    weight: 4,
    steps(flow, dice) {
      return mangled(flow, dice, (count) => {
        const order = shuffled(dice, count);
        const leave = count - order.indexOf(0);
        const note = leave === count ? "" : `out of order, ${leave} leave`;
        return [(pieces) => order.map((i) => pieces[i]!), note];
      }).map((step) => ({ ...step, wrong: false }));
    },
  },
  {
    name: "fragments-twice",
    weight: 2,
    steps(flow, dice) {
      return mangled(flow, dice, (count) => {
        const again = dice.below(count - 1);
        return [(pieces) => pieces.flatMap((piece, i) => (i === again ? [piece, piece] : [piece])), ""];
      }).map((step) => ({ ...step, wrong: false }));
    },
  },
  {
    name: "fragments-overlapping",
    weight: 3,
    steps(flow, dice) {
      return mangled(flow, dice, (count, sizes) => {
        // Some bytes of the last fragment but one, or eight of them and others behind it.
        const at = count - 2;
        const size = sizes[at]!;
        const isWithin = size > 16 && dice.chance(50);
        const from = offsetOf(sizes, at) + (isWithin ? 8 : size - 8);
        const length = isWithin ? 8 : 24;
        const note = isWithin
          ? `a fragment within another, ${count - 1} leave`
          : `incomplete datagram, ${count - 1} leave`;
        return [
          (pieces) => [...pieces.slice(0, -1), part(pieces[0]!, from, new Uint8Array(length), true), pieces.at(-1)!],
          note,
        ];
      });
    },
  },
  {
    name: "fragments-without-first",
    weight: 2,
    steps: (flow, dice) => mangled(flow, dice, () => [(pieces) => pieces.slice(1), ""]),
  },
  {
    name: "fragments-incomplete",
    weight: 2,
    steps: (flow, dice) =>
      mangled(flow, dice, (count) => {
        const lost = dice.between(1, count - 1);
        return [(pieces) => pieces.filter((_, i) => i !== lost), `incomplete datagram, ${count - 1} leave`];
      }),
  },
  {
    name: "fragments-too-long",
    weight: 1,
    steps: (flow, dice) =>
      mangled(flow, dice, (count) => [
        (pieces) => [...pieces.slice(0, -1), part(pieces[0]!, BEYOND, dice.bytes(64), false)],
        `incomplete datagram, ${count - 1} leave`,
      ]),
  },
  {
    name: "fragments-broken",
    weight: 1,
    steps: (flow, dice) => {
      const isEmpty = dice.chance(50);
      return mangled(flow, dice, (count, sizes) => [
        (pieces) => {
          const from = offsetOf(sizes, count - 2);
          const body = isEmpty ? new Uint8Array(0) : bodyOf(pieces.at(-2)!).subarray(0, 7);
          return [...pieces.slice(0, -2), part(pieces[0]!, from, body, true), pieces.at(-1)!];
        },
        `incomplete datagram, ${count - 1} leave`,
      ]);
    },
  },
  {
    name: "fragments-tiny",
    weight: 2,
    steps(flow, dice) {
      const sizes = dice.pick([[8], [16], [8, 8, 8]]);
      const segment = tcp({ srcPort: flow.port, dstPort: flow.remotePort, flags: "SYN", payload: dice.bytes(60) });
      return [cut({ from: "pod", packets: () => fromPod(flow, segment) }, sizes, undefined, "tiny first fragment")];
    },
  },
  {
    name: "fragments-unsolicited",
    weight: 1,
    steps(flow, dice) {
      const sizes = dice.pick(SIZES);
      const letter: Letter = (to, payload) =>
        reply({ ...to, remote: perFamily(to, STRANGER) }, { payload, note: "unsolicited" });
      return [cut(datagram(letter, flow, dice, sizes), sizes)];
    },
  },
  {
    name: "atomic-fragments",
    weight: 1,
    families: [6],
    steps: (flow) => {
      const there = cut(request(flow), [], undefined, "atomic fragment");
      return [there, cut(reply(flow), [], undefined, "atomic fragment"), request(flow)];
    },
  },
  {
    name: "error-about-fragment",
    weight: 3,
    steps(flow, dice) {
      const sizes = dice.pick([[1448], [552, 552]]);
      const [type, code, word] = perFamily(flow, TOO_BIG);
      const src = dice.pick(perFamily(flow, ROUTERS));
      const isFirst = dice.chance(60);
      const quoted = (first: Uint8Array) => (isFirst ? first : part(first, sizes[0]!, bodyOf(first), false));
      const big = cut(datagram(requestWith, flow, dice, sizes), sizes);
      const error: Step = {
        from: "remote",
        note: `about a ${isFirst ? "first" : "later"} fragment`,
        packets: ({ atRemote }) => {
          if (!atRemote) throw new Error("an error is about a fragment that did not come through");
          const inner = quoted(atRemote).slice(0, 128);
          return packetOf({ src, dst: egressOf(flow) }, icmpMessage({ type, code, word, inner }));
        },
      };
      return [big, error, big];
    },
  },
];
