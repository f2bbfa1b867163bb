import { describe, expect, it } from "vitest";
import { VERDICT_FLAG_UNVERIFIABLE } from "../../assembly/abi.js";
import {
  concat,
  ethernet,
  icmpEcho,
  icmpMessage,
  ipv4,
  ipv6,
  type Layer4,
  otherProtocol,
  patterned,
  tcp,
  text,
  udp,
} from "../support/frames.js";
import { sctpData } from "../support/sctp.js";
import {
  EXT,
  INSIDE,
  INSIDE_ROUTER,
  Nat,
  OTHER_EXT,
  OTHER_INSIDE,
  OTHER_REMOTE,
  OUTSIDE_ROUTER,
  REMOTE,
  randomBytes,
  randomNumbers,
} from "./rig.js";

const OWN = 700;
const SYN = (port: number) => tcp({ srcPort: port, dstPort: 443, flags: "SYN", payload: text("first words") });

/** A TCP flow whose port had to change: its own is below the pool. */
async function tcpFlow(): Promise<{ nat: Nat; port: number }> {
  const nat = await Nat.start();
  const opened = nat.out(SYN(OWN));
  expect(opened).toMatchObject({ action: "snat", egressIP: EXT });
  expect(opened.natPort).toBeGreaterThanOrEqual(1024);
  return { nat, port: opened.natPort };
}

interface ErrorFields {
  readonly src?: string;
  readonly dst?: string;
  readonly type?: number;
  readonly code?: number;
  readonly word?: number;
}

/** An ICMP error that quotes `inner`, as an Ethernet frame. */
function errorFrame(inner: Uint8Array, fields: ErrorFields = {}): Uint8Array {
  const { src = OUTSIDE_ROUTER, dst = EXT, type = 3, code = 4, word = 1400 } = fields;
  return ethernet(ipv4({ src, dst }, icmpMessage({ type, code, word, inner })));
}

function errorIn(nat: Nat, inner: Uint8Array, fields: ErrorFields = {}) {
  return nat.one({ hook: "from-network", frame: errorFrame(inner, fields) });
}

describe("ICMP errors about a flow whose port was rewritten", () => {
  it("T04 a fragmentation-needed with the whole packet inside comes back as the error about what the endpoint sent", async () => {
    const { nat, port } = await tcpFlow();
    const outcome = errorIn(nat, ipv4({ src: EXT, dst: REMOTE, ttl: 60 }, SYN(port)), { word: 1280 });
    expect(outcome).toMatchObject({ action: "reverse", egressIP: EXT, natPort: port });
    const inner = ipv4({ src: INSIDE, dst: REMOTE, ttl: 60 }, SYN(OWN));
    expect(outcome.frame).toEqual(errorFrame(inner, { dst: INSIDE, word: 1280 }));
    nat.check();
  });

  it("T05 an inner packet cut to 28 bytes is translated; behind its ports nothing changes", async () => {
    const { nat, port } = await tcpFlow();
    const outside = ipv4({ src: EXT, dst: REMOTE }, SYN(port)).slice(0, 28);
    const outcome = errorIn(nat, outside);
    const inside = ipv4({ src: INSIDE, dst: REMOTE }, SYN(OWN)).slice(0, 28);
    expect(outcome.frame).toEqual(errorFrame(inside, { dst: INSIDE }));
    // The inner header's checksum takes up the change of the address, so only the port is left (RFC 1624).
    const portDelta = (OWN - port + 0xffff) % 0xffff;
    expect((checksumOf(errorFrame(outside)) - checksumOf(outcome.frame) + 0xffff) % 0xffff).toBe(portDelta);
    nat.check();
  });

  it.each(Array.from({ length: 21 }, (_, i) => 20 + i))(
    "T06 an inner packet of %i bytes: dropped as truncated below 28, translated from there on",
    async (length) => {
      const { nat, port } = await tcpFlow();
      const outside = ipv4({ src: EXT, dst: REMOTE }, SYN(port)).slice(0, length);
      const frame = errorFrame(outside);
      const outcome = errorIn(nat, outside);
      if (length < 28) {
        expect(outcome).toMatchObject({ action: "drop", reason: "truncated", frame });
        return nat.check();
      }
      expect(outcome).toMatchObject({ action: "reverse", reason: "" });
      expect(outcome.flags & VERDICT_FLAG_UNVERIFIABLE).toBe(0);
      // A half of the inner checksum cannot be updated without the other.
      const whole = ipv4({ src: INSIDE, dst: REMOTE }, SYN(OWN)).slice(0, length);
      if (length === 37) whole[36] = outside[36];
      expect(outcome.frame).toEqual(errorFrame(whole, { dst: INSIDE }));
      nat.check();
    },
  );

  it.each([...Array.from({ length: 16 }, (_, code) => [3, code]), [11, 0], [11, 1], [12, 0], [12, 1], [12, 2]])(
    "T08 type %i code %i is translated and keeps both",
    async (type, code) => {
      const { nat, port } = await tcpFlow();
      const outcome = errorIn(nat, ipv4({ src: EXT, dst: REMOTE }, SYN(port)), { type, code });
      const inner = ipv4({ src: INSIDE, dst: REMOTE }, SYN(OWN));
      expect(outcome).toMatchObject({ action: "reverse", frame: errorFrame(inner, { dst: INSIDE, type, code }) });
      nat.check();
    },
  );

  it.each([0, 67, 68, 1280, 65_535])("C17 the MTU field passes as it is: %i", async (mtu) => {
    const { nat, port } = await tcpFlow();
    const outcome = errorIn(nat, ipv4({ src: EXT, dst: REMOTE }, SYN(port)), { word: mtu });
    const inner = ipv4({ src: INSIDE, dst: REMOTE }, SYN(OWN));
    expect(outcome.frame).toEqual(errorFrame(inner, { dst: INSIDE, word: mtu }));
    nat.check();
  });

  it.each([6, 7, 10, 15])("C06 inner options are stepped over: an inner header of %i words", async (words) => {
    const { nat, port } = await tcpFlow();
    const options = new Uint8Array((words - 5) * 4).fill(1);
    const outcome = errorIn(nat, ipv4({ src: EXT, dst: REMOTE, options }, SYN(port)));
    const inner = ipv4({ src: INSIDE, dst: REMOTE, options }, SYN(OWN));
    expect(outcome).toMatchObject({ action: "reverse", frame: errorFrame(inner, { dst: INSIDE }) });
    nat.check();
  });

  it("C21 an error larger than 576 bytes is translated like any other", async () => {
    const nat = await Nat.start();
    const datagram = (port: number) => udp({ srcPort: port, dstPort: 53, payload: patterned(1400) });
    const { natPort } = nat.out(datagram(OWN));
    const outcome = errorIn(nat, ipv4({ src: EXT, dst: REMOTE }, datagram(natPort)));
    expect(outcome.frame).toEqual(errorFrame(ipv4({ src: INSIDE, dst: REMOTE }, datagram(OWN)), { dst: INSIDE }));
    nat.check();
  });
});

describe("ICMP extensions (RFC 4884)", () => {
  const extension = concat(Uint8Array.of(0x20, 0, 0, 0, 0, 8, 1, 1), Uint8Array.of(0x12, 0x34, 0x51, 0x01));
  const datagram = (port: number) => udp({ srcPort: port, dstPort: 53, payload: text("a question") });

  it.each([
    ["0", 0],
    ["right", 32],
    ["too large", 255],
  ])("T12 length %s: translated; the pad and the extension stay byte for byte", async (_, words) => {
    const nat = await Nat.start();
    const { natPort } = nat.out(datagram(OWN));
    const padded = (packet: Uint8Array) => concat(packet, new Uint8Array(128 - packet.length), extension);
    // The second of the four bytes behind the checksum is the length in 32-bit words.
    const word = (words << 16) | 1400;
    const outcome = errorIn(nat, padded(ipv4({ src: EXT, dst: REMOTE }, datagram(natPort))), { word });
    const inside = padded(ipv4({ src: INSIDE, dst: REMOTE }, datagram(OWN)));
    expect(outcome).toMatchObject({ action: "reverse", frame: errorFrame(inside, { dst: INSIDE, word }) });
    expect(outcome.frame.slice(-extension.length)).toEqual(extension);
    nat.check();
  });
});

/** Each kind of inner packet of the delta table (RFC 1624, RFC 5508 section 4.2). The address changes always, the port where it must. */
const INNER: Record<string, (fields: { port: number; to: boolean; payload: Uint8Array }) => Layer4> = {
  UDP: ({ port, to, payload }) => udp({ ...ports(port, 53, to), payload }),
  "UDP without checksum": ({ port, to, payload }) => udp({ ...ports(port, 53, to), payload, checksum: 0 }),
  TCP: ({ port, to, payload }) => tcp({ ...ports(port, 443, to), payload, flags: to ? "ACK" : "SYN" }),
  "TCP cut to 8 bytes": ({ port, to, payload }) => tcp({ ...ports(port, 443, to), payload, flags: to ? "ACK" : "SYN" }),
  echo: ({ port, to, payload }) => icmpEcho({ id: port, reply: to, payload }),
  SCTP: ({ port, to, payload }) => sctpData({ ...ports(port, 9899, to), payload }),
  "SCTP cut to 8 bytes": ({ port, to, payload }) => sctpData({ ...ports(port, 9899, to), payload }),
  // Its CRC is quoted, and the quoted IP header says how many bytes it covers.
  "SCTP cut to 12 bytes": ({ port, to, payload }) => sctpData({ ...ports(port, 9899, to), payload }),
};

function ports(own: number, remote: number, to: boolean): { srcPort: number; dstPort: number } {
  return to ? { srcPort: remote, dstPort: own } : { srcPort: own, dstPort: remote };
}

/** A random address of the remotes' half of the world. */
function someRemote(random: (below: number) => number): string {
  return `198.${18 + random(2)}.${random(256)}.${1 + random(254)}`;
}

const ROUNDS = 1000;

describe.each(Object.entries(INNER))("T07 the outer checksum equals a full recount, inner %s", (name, build) => {
  const bytes = / cut to (\d+) bytes/.exec(name)?.[1];
  const cut = (packet: Uint8Array) => (bytes ? packet.slice(0, 20 + Number(bytes)) : packet);
  // Where the endpoint keeps its port only the address changes; where it cannot, both do.
  it.each([
    ["address only", true],
    ["address and port", false],
  ])("%s, from outside and from inside, 1,000 random packets each", async (_, keeps) => {
    const random = randomNumbers(name.length * 2 + (keeps ? 1 : 0));
    const nat = await Nat.start({ engine: { connections: 8192 } });
    for (let i = 0; i < ROUNDS; i++) {
      const remote = someRemote(random);
      const own = keeps ? 1024 + random(60_000) : 1 + random(1023);
      const payload = randomBytes(random, random(24));
      // Echo ids have no range: one is taken already where another must be chosen.
      if (name === "echo" && !keeps)
        nat.out(build({ port: own, to: false, payload }), { src: OTHER_INSIDE, dst: remote });
      const opened = nat.out(build({ port: own, to: false, payload }), { dst: remote });
      expect(opened).toMatchObject({ action: "snat" });
      expect(opened.natPort === own).toBe(keeps);
      const seen = ipv4({ src: EXT, dst: remote }, build({ port: opened.natPort, to: false, payload }));
      const sent = ipv4({ src: INSIDE, dst: remote }, build({ port: own, to: false, payload }));
      const back = nat.one({ hook: "from-network", frame: errorFrame(cut(seen)) });
      expect(back.frame).toEqual(errorFrame(cut(sent), { dst: INSIDE }));
      const came = ipv4({ src: remote, dst: INSIDE }, build({ port: own, to: true, payload }));
      const went = ipv4({ src: remote, dst: EXT }, build({ port: opened.natPort, to: true, payload }));
      const out = nat.one({ hook: "from-endpoint", frame: errorFrame(cut(came), { src: INSIDE, dst: remote }) });
      expect(out.frame).toEqual(errorFrame(cut(went), { src: EXT, dst: remote }));
    }
    nat.check();
  });
});

function checksumOf(frame: Uint8Array): number {
  return frame[36] * 256 + frame[37];
}

describe("T10 errors that are not translated, each under a reason of its own; table and timers stay", () => {
  const flow = (port: number) => ipv4({ src: EXT, dst: REMOTE }, SYN(port));
  const rows: [string, string, (port: number) => Uint8Array][] = [
    ["about a flow that nobody knows", "icmp-error-unmatched", (port) => errorFrame(flow(port === 5000 ? 5001 : 5000))],
    [
      "about an ICMP error",
      "icmp-error-nested",
      (port) => errorFrame(ipv4({ src: EXT, dst: REMOTE }, icmpMessage({ type: 3, code: 1, inner: flow(port) }))),
    ],
    [
      "about a later fragment",
      "icmp-error-fragment",
      (port) => errorFrame(ipv4({ src: EXT, dst: REMOTE, fragmentOffset: 64 }, SYN(port))),
    ],
    ["to another egress IP", "icmp-error-misdirected", (port) => errorFrame(flow(port), { dst: OTHER_EXT })],
    ["C14 to another endpoint", "icmp-error-misdirected", (port) => errorFrame(flow(port), { dst: OTHER_INSIDE })],
    ["C14 to an address of nobody", "icmp-error-misdirected", (port) => errorFrame(flow(port), { dst: "203.0.113.9" })],
    [
      "C10 about a redirect",
      "icmp-error-nested",
      (port) => errorFrame(ipv4({ src: EXT, dst: REMOTE }, icmpMessage({ type: 5, inner: flow(port) }))),
    ],
    [
      "C11 about an unknown protocol",
      "icmp-error-unmatched",
      () => errorFrame(ipv4({ src: EXT, dst: REMOTE }, otherProtocol(253, patterned(32)))),
    ],
    [
      "C12 about a packet of another IP version",
      "icmp-error-unmatched",
      () => errorFrame(ipv6({ src: "2001:db8::1", dst: "2001:db8::2" }, udp({ srcPort: 1, dstPort: 2 }))),
    ],
    [
      "C15 about a packet that is not from here",
      "icmp-error-unmatched",
      () => errorFrame(ipv4({ src: "203.0.113.9", dst: REMOTE }, SYN(5000))),
    ],
    [
      "C16 about a packet to another remote",
      "icmp-error-unmatched",
      (port) => errorFrame(ipv4({ src: EXT, dst: OTHER_REMOTE }, SYN(port))),
    ],
    [
      "C05 with an inner header of 2 words",
      "icmp-error-unmatched",
      (port) => errorFrame(withByte(flow(port), 0, 0x42)),
    ],
  ];

  it.each(rows)("%s: %s", async (_, reason, build) => {
    const { nat, port } = await tcpFlow();
    const before = nat.rig.engine.conntrack().lines.slice();
    const frame = build(port);
    expect(nat.one({ hook: "from-network", frame })).toMatchObject({ action: "drop", reason, frame });
    expect(Buffer.compare(nat.rig.engine.conntrack().lines, before)).toBe(0);
    nat.check();
  });

  it("C05 with an inner header of 15 words that is cut: truncated", async () => {
    const { nat, port } = await tcpFlow();
    const inner = withByte(flow(port).slice(0, 40), 0, 0x4f);
    expect(errorIn(nat, inner)).toMatchObject({ action: "drop", reason: "truncated" });
    nat.check();
  });
});

function withByte(packet: Uint8Array, at: number, value: number): Uint8Array {
  const copy = packet.slice();
  copy[at] = value;
  return copy;
}

describe("T11 errors from inside about what came in on a mapped flow", () => {
  const answer = (port: number) => udp({ srcPort: 53, dstPort: port, payload: text("an answer") });

  async function udpFlow(): Promise<{ nat: Nat; port: number }> {
    const nat = await Nat.start();
    const { natPort } = nat.out(udp({ srcPort: OWN, dstPort: 53 }));
    nat.back(answer(natPort));
    return { nat, port: natPort };
  }

  it.each([
    ["the endpoint says port unreachable", INSIDE, 3, 3],
    ["a router in front of it says time exceeded", INSIDE_ROUTER, 11, 0],
    ["a router in front of it says fragmentation needed", INSIDE_ROUTER, 3, 4],
  ])("%s: outside it comes from the egress IP and quotes the packet as sent there", async (_, src, type, code) => {
    const { nat, port } = await udpFlow();
    const quoted = ipv4({ src: REMOTE, dst: INSIDE, ttl: 3 }, answer(OWN));
    const outcome = nat.one({ hook: "from-endpoint", frame: errorFrame(quoted, { src, dst: REMOTE, type, code }) });
    const outside = ipv4({ src: REMOTE, dst: EXT, ttl: 3 }, answer(port));
    expect(outcome).toMatchObject({ action: "snat", egressIP: EXT, natPort: port });
    expect(outcome.frame).toEqual(errorFrame(outside, { src: EXT, dst: REMOTE, type, code }));
    nat.check();
  });

  it.each([
    ["another endpoint", OTHER_INSIDE, "icmp-error-misdirected"],
    ["the egress IP itself", EXT, "bad-source"],
    ["loopback", "127.0.0.1", "bad-source"],
    ["nobody's address", "0.0.0.0", "bad-source"],
  ])("said in the name of %s it is dropped", async (_, src, reason) => {
    const { nat } = await udpFlow();
    const frame = errorFrame(ipv4({ src: REMOTE, dst: INSIDE }, answer(OWN)), { src, dst: REMOTE, code: 3 });
    expect(nat.one({ hook: "from-endpoint", frame })).toMatchObject({ action: "drop", reason, frame });
    nat.check();
  });

  it("said to another host than the quoted packet came from it is dropped", async () => {
    const { nat } = await udpFlow();
    const frame = errorFrame(ipv4({ src: REMOTE, dst: INSIDE }, answer(OWN)), {
      src: INSIDE,
      dst: OTHER_REMOTE,
      code: 3,
    });
    expect(nat.one({ hook: "from-endpoint", frame })).toMatchObject({
      action: "drop",
      reason: "icmp-error-misdirected",
    });
    nat.check();
  });
});

it("T05 where only the capture cut the quoted packet, the outer checksum is that of the whole frame on the wire", async () => {
  const { nat, port } = await tcpFlow();
  const whole = errorFrame(ipv4({ src: EXT, dst: REMOTE }, SYN(port)));
  const expected = errorFrame(ipv4({ src: INSIDE, dst: REMOTE }, SYN(OWN)), { dst: INSIDE });
  const innerAt = 14 + 20 + 8;
  for (let captured = innerAt + 28; captured <= innerAt + 36; captured++) {
    const frame = whole.slice(0, captured);
    const outcome = nat.one({ hook: "from-network", frame, wire: whole.length });
    expect(outcome.flags & VERDICT_FLAG_UNVERIFIABLE).not.toBe(0);
    expect(outcome.frame).toEqual(expected.slice(0, captured));
  }
  nat.check();
});
