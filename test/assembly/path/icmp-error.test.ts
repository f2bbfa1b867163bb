import { describe, expect, it } from "vitest";
import { ethernet, icmpEcho, icmpMessage, ipv4, type Layer4, sctp, tcp, text, udp } from "../../support/frames.js";
import { GatewayRig } from "./gateway-rig.js";
import { EGRESS_IPS, ENDPOINT, OTHER_ENDPOINT, REMOTE, UNSELECTED, world } from "./worlds.js";

const EGRESS_IP = EGRESS_IPS[0];
const ROUTER = "198.51.100.1";
const OWN = 700;

interface Case {
  /** Segment of the connection with the given endpoint-side and remote-side ports, as its sender made it. */
  forward(port: number): Layer4;
  /** The remote's segment to that port. */
  reply(port: number): Layer4;
}

const CASES: Record<string, Case> = {
  TCP: {
    forward: (port) => tcp({ srcPort: port, dstPort: 443, flags: "SYN", payload: text("some payload") }),
    reply: (port) => tcp({ srcPort: 443, dstPort: port, flags: "ACK", payload: text("an answer") }),
  },
  UDP: {
    forward: (port) => udp({ srcPort: port, dstPort: 53, payload: text("question") }),
    reply: (port) => udp({ srcPort: 53, dstPort: port, payload: text("the answer") }),
  },
  "UDP without checksum": {
    forward: (port) => udp({ srcPort: port, dstPort: 53, payload: text("question"), checksum: 0 }),
    reply: (port) => udp({ srcPort: 53, dstPort: port, payload: text("the answer"), checksum: 0 }),
  },
  "ICMP echo": {
    forward: (id) => icmpEcho({ id }),
    reply: (id) => icmpEcho({ id, reply: true }),
  },
};

/** Starts a connection whose port or id is not the endpoint's own. */
async function connected(kind: Case): Promise<{ gateway: GatewayRig; port: number }> {
  const gateway = await GatewayRig.start(world(1));
  gateway.one({
    hook: "from-endpoint",
    frame: ethernet(ipv4({ src: OTHER_ENDPOINT, dst: REMOTE }, kind.forward(OWN))),
  });
  const opened = gateway.one({
    hook: "from-endpoint",
    frame: ethernet(ipv4({ src: ENDPOINT, dst: REMOTE }, kind.forward(OWN))),
  });
  expect(opened).toMatchObject({ action: "snat" });
  expect(opened.natPort).not.toBe(OWN);
  return { gateway, port: opened.natPort };
}

function error(
  src: string,
  dst: string,
  inner: Uint8Array,
  ttl: number,
  fields: { type?: number; code?: number; word?: number } = {},
) {
  return ethernet(ipv4({ src, dst, ttl }, icmpMessage({ type: 3, code: 4, word: 1400, ...fields, inner })));
}

describe.each(Object.entries(CASES))("an ICMP error about %s", (_, kind) => {
  it("from outside comes to the endpoint with its own tuple inside, cut anywhere", async () => {
    const { gateway, port } = await connected(kind);
    const outside = ipv4({ src: EGRESS_IP, dst: REMOTE, ttl: 60 }, kind.forward(port));
    const inside = ipv4({ src: ENDPOINT, dst: REMOTE, ttl: 60 }, kind.forward(OWN));
    for (let length = 28; length <= outside.length; length++) {
      const outcome = gateway.one({
        hook: "from-network",
        frame: error(ROUTER, EGRESS_IP, outside.slice(0, length), 50),
      });
      expect(outcome).toMatchObject({ action: "reverse", egressIP: EGRESS_IP, natPort: port });
      const expected = error(ROUTER, ENDPOINT, inside.slice(0, length), 49);
      // Half an inner checksum (odd cut inside the field) keeps its captured byte: nothing can be said about the other.
      if (isHalfChecksum(length)) continue;
      expect(outcome.frame).toEqual(expected);
    }
  });

  it("from the endpoint leaves with the egress IP outside and inside", async () => {
    const { gateway, port } = await connected(kind);
    const inside = ipv4({ src: REMOTE, dst: ENDPOINT, ttl: 60 }, kind.reply(OWN));
    const outside = ipv4({ src: REMOTE, dst: EGRESS_IP, ttl: 60 }, kind.reply(port));
    for (let length = 28; length <= inside.length; length++) {
      if (isHalfChecksum(length)) continue;
      const frame = error(ENDPOINT, REMOTE, inside.slice(0, length), 64, { code: 3 });
      const outcome = gateway.one({ hook: "from-endpoint", frame });
      expect(outcome).toMatchObject({ action: "snat", egressIP: EGRESS_IP });
      expect(outcome.frame).toEqual(error(EGRESS_IP, REMOTE, outside.slice(0, length), 63, { code: 3 }));
    }
  });

  it("does not refresh the connection", async () => {
    const { gateway, port } = await connected(kind);
    const inner = ipv4({ src: EGRESS_IP, dst: REMOTE }, kind.forward(port));
    const at = (atMs: number) =>
      gateway.one({ hook: "from-network", frame: error(ROUTER, EGRESS_IP, inner, 50), atMs });
    expect(at(59_000)).toMatchObject({ action: "reverse" });
    expect(at(60_001)).toMatchObject({ action: "drop" });
  });
});

function isHalfChecksum(innerLength: number): boolean {
  return innerLength === 37;
}

describe("ICMP errors that belong to nothing", () => {
  const inner = ipv4({ src: EGRESS_IP, dst: REMOTE }, CASES.TCP.forward(OWN));

  it("are dropped: unknown connection, inner fragment, inner error, unsupported inner protocol", async () => {
    const { gateway } = await connected(CASES.TCP);
    const fragment = ipv4({ src: EGRESS_IP, dst: REMOTE, fragmentOffset: 8 }, CASES.TCP.forward(OWN));
    const nested = ipv4({ src: EGRESS_IP, dst: REMOTE }, icmpMessage({ type: 3, inner }));
    const unsupported = ipv4({ src: EGRESS_IP, dst: REMOTE }, sctp({ srcPort: 1, dstPort: 2 }));
    for (const packet of [inner, fragment, nested, unsupported]) {
      const frame = error(ROUTER, EGRESS_IP, packet, 64);
      expect(gateway.one({ hook: "from-network", frame })).toMatchObject({ action: "drop", frame });
    }
    expect(gateway.engine.counters().live).toBe(2);
  });

  it("are dropped when their outer destination is not whom the inner packet came from", async () => {
    const { gateway, port } = await connected(CASES.TCP);
    const forged = ipv4({ src: EGRESS_IP, dst: REMOTE }, CASES.TCP.forward(port));
    const outcome = gateway.one({ hook: "from-network", frame: error(ROUTER, OTHER_ENDPOINT, forged, 64) });
    expect(outcome).toMatchObject({ action: "drop", reason: "icmp-error-misdirected" });
  });

  it("are truncated where the wire held fewer than 8 bytes of the inner packet", async () => {
    const { gateway, port } = await connected(CASES.TCP);
    const packet = ipv4({ src: EGRESS_IP, dst: REMOTE }, CASES.TCP.forward(port));
    for (let length = 0; length < 28; length++) {
      const frame = error(ROUTER, EGRESS_IP, packet.slice(0, length), 64);
      expect(gateway.one({ hook: "from-network", frame })).toMatchObject({ action: "drop", reason: "truncated" });
    }
  });

  it.each([
    ["TCP", 39],
    ["UDP", 27],
    ["ICMP echo", 27],
  ] as const)("are unmatched where the inner %s packet says that it never had a whole header", async (kind, stated) => {
    const { gateway, port } = await connected(CASES[kind]);
    const packet = ipv4({ src: EGRESS_IP, dst: REMOTE, totalLength: stated }, CASES[kind].forward(port));
    const frame = error(ROUTER, EGRESS_IP, packet, 64);
    expect(gateway.one({ hook: "from-network", frame })).toMatchObject({
      action: "drop",
      reason: "icmp-error-unmatched",
      frame,
    });
    const sound = ipv4({ src: EGRESS_IP, dst: REMOTE, totalLength: stated + 1 }, CASES[kind].forward(port));
    const reverse = gateway.one({ hook: "from-network", frame: error(ROUTER, EGRESS_IP, sound, 64) });
    expect(reverse.action).toBe("reverse");
  });

  it("pass for endpoints that no policy selects", async () => {
    const { gateway } = await connected(CASES.TCP);
    const packet = ipv4({ src: UNSELECTED, dst: REMOTE }, CASES.TCP.forward(OWN));
    const frame = error(ROUTER, UNSELECTED, packet, 64);
    expect(gateway.one({ hook: "from-network", frame })).toMatchObject({ action: "pass", reason: "no-policy", frame });
  });
});

it.each([
  ["excluded", "192.0.2.9"],
  ["link-local", "169.254.169.254"],
  ["cluster-internal", OTHER_ENDPOINT],
])("an error from any router about untranslated traffic passes as that traffic did: %s", async (reason, dst) => {
  const gateway = await GatewayRig.start(world(1));
  const inner = ipv4({ src: ENDPOINT, dst }, udp({ srcPort: 999, dstPort: 7 }));
  const frame = error(ROUTER, ENDPOINT, inner, 64);
  expect(gateway.one({ hook: "from-network", frame })).toMatchObject({ action: "pass", reason, frame });
});

it("an error from inside the cluster passes although no connection is known", async () => {
  const gateway = await GatewayRig.start(world(1));
  const inner = ipv4({ src: ENDPOINT, dst: REMOTE }, udp({ srcPort: 999, dstPort: 7 }));
  const frame = error(OTHER_ENDPOINT, ENDPOINT, inner, 64);
  expect(gateway.one({ hook: "from-network", frame })).toMatchObject({
    action: "pass",
    reason: "cluster-internal",
    frame,
  });
});

it("an endpoint cannot leave untranslated behind a quotation of untranslated traffic", async () => {
  const gateway = await GatewayRig.start(world(1));
  const inner = ipv4({ src: "192.0.2.9", dst: ENDPOINT }, udp({ srcPort: 999, dstPort: 7 }));
  const frame = error(ENDPOINT, REMOTE, inner, 64);
  expect(gateway.one({ hook: "from-endpoint", frame })).toMatchObject({
    action: "drop",
    reason: "icmp-error-unmatched",
  });
});

it("errors about a connection from outside pass with it", async () => {
  const gateway = await GatewayRig.start(world(1));
  const opening = ipv4({ src: REMOTE, dst: ENDPOINT }, udp({ srcPort: 999, dstPort: 7 }));
  gateway.one({ hook: "from-network", frame: ethernet(opening) });
  const frame = error(ENDPOINT, REMOTE, opening, 64, { code: 3 });
  expect(gateway.one({ hook: "from-endpoint", frame })).toMatchObject({
    action: "pass",
    reason: "reply-of-inbound",
    frame,
  });
});
