import { describe, expect, it } from "vitest";
import {
  FRAME_FLAG_PARTIAL,
  LINK_NULL,
  LINK_PPP,
  LINK_RAW,
  LINK_SLL,
  LINK_SLL2,
  VERDICT_FLAG_UNVERIFIABLE,
} from "../../../assembly/abi.js";
import {
  ethernet,
  icmpEcho,
  ipv4,
  type Layer4,
  nullLink,
  ppp,
  qinq,
  sll,
  sll2,
  tcp,
  text,
  udp,
} from "../../support/frames.js";
import { GatewayRig, type Outcome } from "./gateway-rig.js";
import { EGRESS_IPS, ENDPOINT, LOCAL_ENDPOINT, OTHER_ENDPOINT, REMOTE, world } from "./worlds.js";

const EGRESS_IP = EGRESS_IPS[0];
const PORT = 40_000;

function out(l4: Layer4, fields: { src?: string; ttl?: number } = {}): Uint8Array {
  return ethernet(ipv4({ src: fields.src ?? ENDPOINT, dst: REMOTE, ttl: fields.ttl ?? 64 }, l4));
}

function back(l4: Layer4, dst: string, ttl = 64): Uint8Array {
  return ethernet(ipv4({ src: REMOTE, dst, ttl }, l4));
}

async function rig() {
  return GatewayRig.start(world(1));
}

function translated(outcome: Outcome): void {
  expect(outcome).toMatchObject({ action: "snat", reason: "", egressIP: EGRESS_IP });
}

describe("a connection through one gateway", () => {
  const protocols: [string, (port: number) => Layer4, (port: number) => Layer4][] = [
    [
      "TCP",
      (port) => tcp({ srcPort: port, dstPort: 443, flags: "SYN", payload: text("odd") }),
      (port) => tcp({ srcPort: 443, dstPort: port, flags: "SYN ACK" }),
    ],
    [
      "UDP",
      (port) => udp({ srcPort: port, dstPort: 53, payload: text("question") }),
      (port) => udp({ srcPort: 53, dstPort: port, payload: text("answer") }),
    ],
    ["ICMP echo", (id) => icmpEcho({ id }), (id) => icmpEcho({ id, reply: true })],
  ];
  it.each(protocols)("%s leaves with the egress IP and comes back to the endpoint", async (_, forward, reply) => {
    const gateway = await rig();
    const sent = gateway.one({ hook: "from-endpoint", frame: out(forward(PORT)) });
    translated(sent);
    expect(sent.natPort).toBe(PORT);
    expect(sent.frame).toEqual(ethernet(ipv4({ src: EGRESS_IP, dst: REMOTE, ttl: 63 }, forward(PORT))));
    const received = gateway.one({ hook: "from-network", frame: back(reply(PORT), EGRESS_IP), atMs: 5 });
    expect(received).toMatchObject({ action: "reverse", reason: "", egressIP: EGRESS_IP, natPort: PORT });
    expect(received.frame).toEqual(back(reply(PORT), ENDPOINT, 63));
    expect(gateway.engine.counters()).toMatchObject({ opened: 1, live: 1, peak: 1 });
  });

  it.each(protocols)("%s of a second endpoint with the same port or id gets another one", async (_, forward, reply) => {
    const gateway = await rig();
    const first = gateway.one({ hook: "from-endpoint", frame: out(forward(PORT)) });
    const second = gateway.one({ hook: "from-endpoint", frame: out(forward(PORT), { src: OTHER_ENDPOINT }) });
    translated(second);
    expect(second.natPort).not.toBe(first.natPort);
    expect(second.frame).toEqual(ethernet(ipv4({ src: EGRESS_IP, dst: REMOTE, ttl: 63 }, forward(second.natPort))));
    const received = gateway.one({ hook: "from-network", frame: back(reply(second.natPort), EGRESS_IP) });
    expect(received.frame).toEqual(back(reply(PORT), OTHER_ENDPOINT, 63));
  });
});

describe("what may change in a frame", () => {
  it("a source port below the range is mapped into it", async () => {
    const gateway = await rig();
    const sent = gateway.one({ hook: "from-endpoint", frame: out(udp({ srcPort: 700, dstPort: 53 })) });
    expect(sent.natPort).toBeGreaterThanOrEqual(32768);
    expect(sent.frame).toEqual(
      ethernet(ipv4({ src: EGRESS_IP, dst: REMOTE, ttl: 63 }, udp({ srcPort: sent.natPort, dstPort: 53 }))),
    );
  });

  it("the TTL stays where endpoint and gateway share a node", async () => {
    const gateway = await rig();
    const sent = gateway.one({
      hook: "from-endpoint",
      frame: out(udp({ srcPort: PORT, dstPort: 53 }), { src: LOCAL_ENDPOINT, ttl: 1 }),
    });
    expect(sent.frame).toEqual(
      ethernet(ipv4({ src: EGRESS_IP, dst: REMOTE, ttl: 1 }, udp({ srcPort: PORT, dstPort: 53 }))),
    );
  });

  it.each([0, 1])("a frame with TTL %i that needs a routed hop is dropped and opens nothing", async (ttl) => {
    const gateway = await rig();
    const frame = out(udp({ srcPort: PORT, dstPort: 53 }), { ttl });
    expect(gateway.one({ hook: "from-endpoint", frame })).toMatchObject({
      action: "drop",
      reason: "ttl-exceeded",
      frame,
    });
    expect(gateway.engine.counters()).toMatchObject({ opened: 0, entries: 0 });
  });

  it("a UDP frame sent without a checksum leaves without one", async () => {
    const gateway = await rig();
    const datagram = (port: number) => udp({ srcPort: port, dstPort: 53, payload: text("x"), checksum: 0 });
    const sent = gateway.one({ hook: "from-endpoint", frame: out(datagram(700)) });
    expect(sent.frame).toEqual(ethernet(ipv4({ src: EGRESS_IP, dst: REMOTE, ttl: 63 }, datagram(sent.natPort))));
  });

  it("a wrong checksum stays wrong by the same amount", async () => {
    const gateway = await rig();
    const segment = (port: number) => tcp({ srcPort: port, dstPort: 80, flags: "SYN", checksum: { wrongBy: 0x0234 } });
    const frame = ethernet(ipv4({ src: ENDPOINT, dst: REMOTE, headerChecksum: { wrongBy: 7 } }, segment(700)));
    const sent = gateway.one({ hook: "from-endpoint", frame });
    expect(sent.frame).toEqual(
      ethernet(ipv4({ src: EGRESS_IP, dst: REMOTE, ttl: 63, headerChecksum: { wrongBy: 7 } }, segment(sent.natPort))),
    );
  });

  it("a partial checksum stays the pseudo-header sum, without the ports", async () => {
    const gateway = await rig();
    const segment = (port: number) => tcp({ srcPort: port, dstPort: 80, flags: "SYN", checksum: "partial" });
    const sent = gateway.one({ hook: "from-endpoint", frame: out(segment(700)), flags: FRAME_FLAG_PARTIAL });
    expect(sent.frame).toEqual(ethernet(ipv4({ src: EGRESS_IP, dst: REMOTE, ttl: 63 }, segment(sent.natPort))));
  });

  it("IPv4 options and an Ethernet trailer are left alone", async () => {
    const gateway = await rig();
    const options = Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0);
    const build = (src: string, ttl: number, port: number) =>
      Uint8Array.from([
        ...ethernet(ipv4({ src, dst: REMOTE, ttl, options }, udp({ srcPort: port, dstPort: 53 }))),
        1,
        2,
        3,
      ]);
    const sent = gateway.one({ hook: "from-endpoint", frame: build(ENDPOINT, 64, 700) });
    expect(sent.frame).toEqual(build(EGRESS_IP, 63, sent.natPort));
  });

  const links: [string, number, (packet: Uint8Array) => Uint8Array][] = [
    ["one VLAN tag", 1, (packet) => ethernet(packet, { vlans: [{ id: 7 }] })],
    ["five VLAN tags", 1, (packet) => ethernet(packet, { vlans: [1, 2, 3, 4, 5].map((id) => ({ id })) })],
    ["QinQ", 1, (packet) => qinq(packet, 7, 8)],
    ["raw IP", LINK_RAW, (packet) => packet],
    ["Linux cooked v1", LINK_SLL, (packet) => sll(packet)],
    ["Linux cooked v2", LINK_SLL2, (packet) => sll2(packet)],
    ["null, little-endian", LINK_NULL, (packet) => nullLink(packet, "little")],
    ["null, big-endian", LINK_NULL, (packet) => nullLink(packet, "big")],
    ["PPP with address and control", LINK_PPP, (packet) => ppp(packet, true)],
    ["PPP without them", LINK_PPP, (packet) => ppp(packet, false)],
    ["PPP with a compressed protocol", LINK_PPP, (packet) => Uint8Array.of(0x21, ...packet)],
  ];
  it.each(links)("the link header stays: %s", async (_, link, wrap) => {
    const gateway = await rig();
    const sent = gateway.one({
      hook: "from-endpoint",
      link,
      frame: wrap(ipv4({ src: ENDPOINT, dst: REMOTE }, udp({ srcPort: PORT, dstPort: 53 }))),
    });
    translated(sent);
    expect(sent.frame).toEqual(
      wrap(ipv4({ src: EGRESS_IP, dst: REMOTE, ttl: 63 }, udp({ srcPort: PORT, dstPort: 53 }))),
    );
  });
});

it.each([
  ["AF_INET in neither byte order", [2, 0, 0, 1]],
  ["AppleTalk", [16, 0, 0, 0]],
])("a BSD loopback frame whose family is no IP's passes as such: %s", async (_, family) => {
  const gateway = await rig();
  const packet = ipv4({ src: ENDPOINT, dst: REMOTE }, udp({ srcPort: PORT, dstPort: 53 }));
  const frame = Uint8Array.of(...family, ...packet);
  const sent = gateway.one({ hook: "from-endpoint", link: LINK_NULL, frame });
  expect(sent).toMatchObject({ action: "pass", reason: "not-ip", frame });
});

describe("frames cut by the capture", () => {
  const whole = out(tcp({ srcPort: 700, dstPort: 443, flags: "SYN", payload: text("0123456789") }));

  it.each(Array.from({ length: whole.length }, (_, i) => i))(
    "at %i bytes nothing leaves untranslated",
    async (captured) => {
      const gateway = await rig();
      const frame = whole.slice(0, captured);
      const sent = gateway.one({ hook: "from-endpoint", frame, wire: whole.length });
      if (captured < 38) {
        expect(sent).toMatchObject({ action: "drop", reason: "snaplen-cut", frame });
        return;
      }
      translated(sent);
      const complete = ethernet(
        ipv4(
          { src: EGRESS_IP, dst: REMOTE, ttl: 63 },
          tcp({ srcPort: sent.natPort, dstPort: 443, flags: "SYN", payload: text("0123456789") }),
        ),
      );
      const hasChecksum = captured >= 52;
      expect((sent.flags & VERDICT_FLAG_UNVERIFIABLE) !== 0).toBe(!hasChecksum);
      // Half a checksum field cannot be updated: the other half would be needed for the carry.
      const comparable = captured === 51 ? 50 : captured;
      expect(sent.frame.slice(0, comparable)).toEqual(complete.slice(0, comparable));
    },
  );

  it.each([15, 33, 37, 53])("%i bytes on the wire are truncated, not cut", async (length) => {
    const gateway = await rig();
    const sent = gateway.one({ hook: "from-endpoint", frame: whole.slice(0, length) });
    expect(sent).toMatchObject({ action: "drop", reason: "truncated" });
  });
});
