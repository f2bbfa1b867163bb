import { concat, type Ipv4Fields, ipv4, onesSum, text, udp } from "../../support/frames.js";
import {
  type Dice,
  EGRESS_IP,
  type Flow,
  FREE_PORT,
  fromPod,
  fromRemote,
  headerOf,
  type Kind,
  STRANGER,
  type Step,
} from "./conversation.js";

type Checksum = Parameters<typeof udp>[0]["checksum"];

interface Datagram {
  readonly payload?: Uint8Array;
  readonly checksum?: Checksum;
  readonly ip?: Partial<Ipv4Fields>;
  readonly note?: string;
}

export function request(flow: Flow, { payload = text("request"), checksum, ip, note }: Datagram = {}): Step {
  const datagram = udp({ srcPort: flow.port, dstPort: flow.remotePort, payload, checksum });
  return { from: "pod", packets: () => fromPod(flow, datagram, ip), note, wrong: typeof checksum === "object" };
}

export function reply(flow: Flow, { payload = text("reply"), checksum, ip, note }: Datagram = {}): Step {
  return {
    from: "remote",
    packets: (view) => fromRemote(flow, udp({ srcPort: flow.remotePort, dstPort: view.port, payload, checksum }), ip),
    note,
    wrong: typeof checksum === "object",
  };
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
  const build = (tail: Uint8Array) =>
    ipv4(
      { src: EGRESS_IP, dst: flow.remote },
      udp({ srcPort: flow.port, dstPort: flow.remotePort, payload: concat(head, tail) }),
    );
  const sum = onesSum(build(Uint8Array.of(0, 0)).subarray(26, 28));
  return concat(head, Uint8Array.of(sum >> 8, sum & 0xff));
}

function oftenEmpty(dice: Dice): Uint8Array {
  return dice.bytes(dice.pick([0, 1, 12, 63, 512, 1200]));
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
          stray(flow, "unsolicited", flow.remotePort, (port) => port, STRANGER),
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
    steps(flow, dice) {
      // No operation, or a router alert (RFC 2113), which nobody on the way listens for.
      const options = dice.pick([Uint8Array.of(1, 1, 1, 1), Uint8Array.of(1, 1, 1, 0), Uint8Array.of(148, 4, 0, 0)]);
      return [request(flow, { ip: { options } }), reply(flow, { ip: { options } })];
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
    steps: (flow, dice) => [
      request({ ...flow, pod: dice.pick([EGRESS_IP, "127.0.0.1", "224.0.0.1", "255.255.255.255"]) }),
    ],
  },
  { name: "udp-land", weight: 1, steps: (flow) => [request({ ...flow, pod: flow.remote }, { note: "land" })] },
  { name: "udp-hairpin", weight: 1, steps: (flow) => [request({ ...flow, remote: EGRESS_IP }, { note: "hairpin" })] },
];

/** The packet with another UDP length; its checksum is wrong by that. */
function withLength(packet: Uint8Array, length: number): Uint8Array {
  const out = packet.slice();
  out.set([length >> 8, length & 0xff], 24);
  return out;
}
