import { concat, type Ipv6Extension, onesSum, patterned, tcp, text, udp } from "../../support/frames.js";
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
  ip as packetOf,
  perFamily,
  STRANGER,
  type Step,
} from "./conversation.js";

type Checksum = Parameters<typeof udp>[0]["checksum"];

interface Datagram {
  readonly payload?: Uint8Array;
  readonly checksum?: Checksum;
  readonly ip?: Header;
  readonly note?: string;
}

export function request(flow: Flow, { payload = text("request"), checksum, ip, note }: Datagram = {}): Step {
  const datagram = udp({ srcPort: flow.port, dstPort: flow.remotePort, payload, checksum });
  return { from: "pod", packets: () => fromPod(flow, datagram, ip), note, wrong: isWrong(flow, checksum) };
}

export function reply(flow: Flow, { payload = text("reply"), checksum, ip, note }: Datagram = {}): Step {
  return {
    from: "remote",
    packets: (view) => fromRemote(flow, udp({ srcPort: flow.remotePort, dstPort: view.port, payload, checksum }), ip),
    note,
    wrong: isWrong(flow, checksum),
  };
}

/** A datagram of IPv6 must have a checksum (RFC 8200 section 8.1). */
function isWrong(flow: Flow, checksum: Checksum): boolean {
  return typeof checksum === "object" || (checksum === 0 && familyOf(flow.pod) === 6);
}

/** Like a reply, but from elsewhere or to another port. */
function stray(flow: Flow, note: string, srcPort: number, port: (mapped: number) => number, src = flow.remote): Step {
  return {
    from: "remote",
    note,
    packets: (view) => fromRemote(flow, udp({ srcPort, dstPort: port(view.port), payload: text("stray") }), { src }),
  };
}

/** A payload with which the checksum comes to 0 once the egress IP is the source, where the pod keeps its port: 0xffff is sent (RFC 768). */
function foldingPayload(flow: Flow, dice: Dice): Uint8Array {
  const head = dice.bytes(10);
  const payload = concat(head, Uint8Array.of(0, 0));
  const datagram = udp({ srcPort: flow.port, dstPort: flow.remotePort, payload });
  const packet = packetOf({ src: egressOf(flow), dst: flow.remote }, datagram);
  const sum = onesSum(packet.subarray(headerSize(packet) + 6, headerSize(packet) + 8));
  return concat(head, Uint8Array.of(sum >> 8, sum & 0xff));
}

function oftenEmpty(dice: Dice): Uint8Array {
  return dice.bytes(dice.pick([0, 1, 12, 63, 512, 1200]));
}

/** Sources that no host outside of the gateway has. */
const SPOOFED = {
  4: [EGRESS_IPS[4], "127.0.0.1", "224.0.0.1", "255.255.255.255"],
  6: [EGRESS_IPS[6], "::1", "ff02::1", "::"],
};

/** Destination options that are nothing but padding. */
const PAD: Ipv6Extension = { type: 60 };
/** Chains of extension headers (RFC 8200 section 4) that do not change where a packet goes. */
const CHAINS: readonly (readonly Ipv6Extension[])[] = [
  [PAD],
  [{ type: 0 }],
  [{ type: 0 }, PAD],
  [{ type: 60, body: concat(Uint8Array.of(1, 12), new Uint8Array(12)) }],
  Array.from({ length: 8 }, () => PAD),
  [{ type: 43, body: Uint8Array.of(4, 0, 0, 0, 0, 0) }], // nothing left of its route
  [{ type: 0 }, { type: 43, body: Uint8Array.of(253, 0, 0, 0, 0, 0) }, PAD],
];

const NEXT_HEADER_AT = 6;
const PAYLOAD_LENGTH_AT = 4;
/** What is wrong with a datagram of IPv6: its name, and how it comes to be. */
const BREAKAGES: readonly (readonly [string, (packet: Uint8Array) => Uint8Array])[] = [
  ["no next header", (packet) => withByte(packet, NEXT_HEADER_AT, 59)],
  ["payload length 0", (packet) => withByte(packet, PAYLOAD_LENGTH_AT + 1, 0)],
  ["payload longer than the frame", (packet) => withByte(packet, PAYLOAD_LENGTH_AT, 9)],
  ["cut in its header", (packet) => packet.slice(0, 39)],
  ["a hop-by-hop header behind another", (packet) => withExtensions(packet, Uint8Array.of(60, 0), Uint8Array.of(0, 0))],
  ["an extension header longer than the packet", (packet) => withExtensions(packet, Uint8Array.of(60, 40))],
];

function withByte(packet: Uint8Array, at: number, value: number): Uint8Array {
  const out = packet.slice();
  out[at] = value;
  return out;
}

/** The packet with 8-byte extension headers put in front of its payload. @param heads type and length field of each */
function withExtensions(packet: Uint8Array, ...heads: readonly Uint8Array[]): Uint8Array {
  const types = [...heads.map(([type]) => type!), packet[NEXT_HEADER_AT]!];
  const headers = heads.map(([, length], i) => Uint8Array.of(types[i + 1]!, length!, 1, 4, 0, 0, 0, 0));
  const out = concat(packet.subarray(0, 40), ...headers, packet.subarray(40));
  out[NEXT_HEADER_AT] = types[0]!;
  out[PAYLOAD_LENGTH_AT + 1]! += 8 * heads.length;
  return out;
}

export const UDP_KINDS: readonly Kind[] = [
  {
    name: "udp",
    weight: 12,
    steps(flow, dice) {
      const ip = headerOf(dice);
      const steps: Step[] = [];
      for (let i = dice.between(1, 4); i > 0; i--) {
        steps.push(request(flow, { ip, payload: oftenEmpty(dice) }));
        for (let j = dice.below(3); j > 0; j--) steps.push(reply(flow, { ip, payload: oftenEmpty(dice) }));
      }
      return steps;
    },
  },
  {
    name: "udp-without-checksum",
    weight: 3,
    steps: (flow) => [request(flow, { checksum: 0 }), reply(flow, { checksum: 0 }), request(flow), reply(flow)],
  },
  {
    name: "udp-wrong-checksum",
    weight: 3,
    steps(flow, dice) {
      const checksum = { wrongBy: dice.between(1, 0xfffe) };
      return [request(flow, { checksum }), reply(flow, { checksum })];
    },
  },
  {
    name: "udp-folding-checksum",
    weight: 3,
    steps: (flow, dice) => [request(flow, { payload: foldingPayload(flow, dice) }), reply(flow)],
  },
  {
    name: "udp-strays",
    weight: 3,
    steps(flow, dice) {
      return [
        request(flow),
        dice.pick([
          stray(flow, "unsolicited", FREE_PORT, (port) => port),
          stray(flow, "unsolicited", flow.remotePort, (port) => port, perFamily(flow, STRANGER)),
          stray(flow, "unsolicited", FREE_PORT, (port) => port ^ 2),
        ]),
        reply(flow),
      ];
    },
  },
  {
    name: "udp-source-port-0",
    weight: 1,
    steps: (flow) => [request({ ...flow, port: 0 }, { note: "port 0" }), reply({ ...flow, port: 0 })],
  },
  {
    name: "udp-broken-header",
    weight: 2,
    steps(flow, dice) {
      const length = dice.pick([0, 4, 7, 2000]);
      const { packets } = request(flow);
      return [{ from: "pod", wrong: true, packets: (view) => withLength(packets(view) as Uint8Array, length) }];
    },
  },
  {
    name: "udp-with-options",
    weight: 3,
    families: [4],
    steps(flow, dice) {
      // No operation, or a router alert (RFC 2113), which nobody on the way listens for.
      const options = dice.pick([Uint8Array.of(1, 1, 1, 1), Uint8Array.of(1, 1, 1, 0), Uint8Array.of(148, 4, 0, 0)]);
      return [request(flow, { ip: { options } }), reply(flow, { ip: { options } })];
    },
  },
  {
    name: "ipv6-extension-headers",
    weight: 6,
    families: [6],
    steps(flow, dice) {
      const [there, back] = [{ extensions: dice.pick(CHAINS) }, { extensions: dice.pick(CHAINS) }];
      if (dice.chance(60)) return [request(flow, { ip: there }), reply(flow, { ip: back }), request(flow)];
      const segment = tcp({ srcPort: flow.port, dstPort: flow.remotePort, seq: 9, flags: "SYN" });
      const refusal = (port: number) => tcp({ srcPort: flow.remotePort, dstPort: port, ack: 10, flags: "RST ACK" });
      return [
        { from: "pod", packets: () => fromPod(flow, segment, there) },
        { from: "remote", packets: ({ port }) => fromRemote(flow, refusal(port), back) },
      ];
    },
  },
  {
    name: "ipv6-authenticated",
    weight: 1,
    families: [6],
    steps(flow) {
      const extensions = [{ type: 51, body: concat(Uint8Array.of(0, 0), patterned(20)) }];
      return [request(flow, { ip: { extensions }, note: "authentication header" })];
    },
  },
  {
    name: "ipv6-broken-header",
    weight: 2,
    families: [6],
    steps(flow, dice) {
      const { packets } = request(flow);
      const [what, edit] = dice.pick(BREAKAGES);
      return [{ from: "pod", wrong: true, note: what, packets: (view) => edit(packets(view) as Uint8Array) }];
    },
  },
  {
    name: "udp-time-to-live",
    weight: 2,
    steps: (flow) => [
      request(flow, { ip: { ttl: 1 }, note: "TTL 1" }),
      request(flow, { ip: { ttl: 2 } }),
      reply(flow, { ip: { ttl: 1 }, note: "TTL 1" }),
      reply(flow, { ip: { ttl: 2 } }),
    ],
  },
  {
    name: "udp-wrong-header-checksum",
    weight: 1,
    families: [4],
    steps: (flow, dice) => [
      {
        ...request(flow, { ip: { headerChecksum: { wrongBy: dice.between(1, 0xfffe) } } }),
        wrong: true,
        note: "wrong IPv4 checksum",
      },
    ],
  },
  {
    name: "udp-spoofed",
    weight: 1,
    steps(flow, dice) {
      const pod = dice.pick(perFamily(flow, SPOOFED));
      const note = pod === "::" || pod === EGRESS_IPS[6] ? "nobody's source" : "";
      return [request({ ...flow, pod }, { note })];
    },
  },
  { name: "udp-land", weight: 1, steps: (flow) => [request({ ...flow, pod: flow.remote }, { note: "land" })] },
  {
    name: "udp-hairpin",
    weight: 1,
    steps: (flow) => [request({ ...flow, remote: egressOf(flow) }, { note: "hairpin" })],
  },
];

/** The packet with another UDP length; its checksum is wrong by that. */
function withLength(packet: Uint8Array, length: number): Uint8Array {
  const out = packet.slice();
  out.set([length >> 8, length & 0xff], headerSize(packet) + 4);
  return out;
}
