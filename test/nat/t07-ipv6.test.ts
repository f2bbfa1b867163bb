import { describe, expect, it } from "vitest";
import type { RigFrame } from "../assembly/path/gateway-rig.js";
import {
  concat,
  ethernet,
  type Ipv6Extension,
  icmpEcho,
  icmpMessage,
  ipv6,
  type Layer4,
  tcp,
  text,
  udp,
} from "../support/frames.js";
import { randomBytes, randomNumbers } from "./rig.js";
import { EXT, gateway6, INSIDE, OTHER_INSIDE, OUTSIDE_ROUTER, REMOTE } from "./rig6.js";

// T07, T12 and T19 for IPv6. Every frame that comes out is built a second time from what a NAT may change, checksums counted anew, and compared
// byte for byte.

type Random = (below: number) => number;

function someRemote(random: Random): string {
  return `2001:db8:${(0x1000 + random(0xe000)).toString(16)}::${(1 + random(0xfffe)).toString(16)}`;
}

interface InnerFields {
  readonly port: number;
  /** Toward the endpoint, as the remote sent it. */
  readonly to: boolean;
  readonly payload: Uint8Array;
}

const INNER: Record<string, (fields: InnerFields) => Layer4> = {
  UDP: ({ port, to, payload }) => udp({ ...ports(port, 53, to), payload }),
  "UDP without checksum": ({ port, to, payload }) => udp({ ...ports(port, 53, to), payload, checksum: 0 }),
  TCP: ({ port, to, payload }) => tcp({ ...ports(port, 443, to), payload, flags: to ? "ACK" : "SYN" }),
  "TCP cut to 8 bytes": ({ port, to, payload }) => tcp({ ...ports(port, 443, to), payload, flags: to ? "ACK" : "SYN" }),
  echo: ({ port, to, payload }) => icmpEcho({ id: port, reply: to, payload }),
};

function ports(own: number, remote: number, to: boolean): { srcPort: number; dstPort: number } {
  return to ? { srcPort: remote, dstPort: own } : { srcPort: own, dstPort: remote };
}

describe.each(Object.entries(INNER))(
  "T07 the checksum of an ICMPv6 error equals a full recount, inner %s",
  (name, build) => {
    const cut = (packet: Uint8Array) => (name.endsWith("8 bytes") ? packet.slice(0, 48) : packet);
    const error = (hook: RigFrame["hook"], src: string, dst: string, inner: Uint8Array): RigFrame => ({
      hook,
      frame: ethernet(ipv6({ src, dst }, icmpMessage({ type: 2, code: 0, word: 1280, inner: cut(inner) }))),
    });

    it.each([
      ["address only", true],
      ["address and port", false],
    ])("%s, from outside and from inside, 1,000 random packets each", async (_, keeps) => {
      const random = randomNumbers(name.length * 2 + (keeps ? 1 : 0));
      const rig = await gateway6({ connections: 8192 });
      for (let i = 0; i < 1000; i++) {
        const remote = someRemote(random);
        const own = keeps ? 1024 + random(60_000) : 1 + random(1023);
        const payload = randomBytes(random, random(24));
        const open = (src: string) =>
          rig.one({
            hook: "from-endpoint",
            frame: ethernet(ipv6({ src, dst: remote }, build({ port: own, to: false, payload }))),
          });
        // Echo ids have no range: one is taken already where another must be chosen.
        if (name === "echo" && !keeps) open(OTHER_INSIDE);
        const { action, natPort } = open(INSIDE);
        expect([action, natPort === own]).toEqual(["snat", keeps]);
        const seen = ipv6({ src: EXT, dst: remote }, build({ port: natPort, to: false, payload }));
        const sent = ipv6({ src: INSIDE, dst: remote }, build({ port: own, to: false, payload }));
        const back = rig.one(error("from-network", OUTSIDE_ROUTER, EXT, seen));
        expect(back.frame).toEqual(error("from-network", OUTSIDE_ROUTER, INSIDE, sent).frame);
        const came = ipv6({ src: remote, dst: INSIDE }, build({ port: own, to: true, payload }));
        const went = ipv6({ src: remote, dst: EXT }, build({ port: natPort, to: true, payload }));
        const out = rig.one(error("from-endpoint", INSIDE, remote, came));
        expect(out.frame).toEqual(error("from-endpoint", EXT, remote, went).frame);
      }
    });
  },
);

describe("T12 ICMPv6 extensions (RFC 4884 section 4.5)", () => {
  const extension = Uint8Array.of(0x20, 0, 0, 0, 0, 8, 1, 1, 0x12, 0x34, 0x51, 0x01);
  const datagram = (port: number) => udp({ srcPort: port, dstPort: 53, payload: text("a question") });
  const padded = (packet: Uint8Array) => concat(packet, new Uint8Array(128 - packet.length), extension);

  it.each([
    ["0", 0],
    ["right", 16],
    ["too large", 255],
  ])("T12 length %s: translated; the pad and the extension stay byte for byte", async (_, words) => {
    const rig = await gateway6();
    const own = 700;
    const { natPort } = rig.one({
      hook: "from-endpoint",
      frame: ethernet(ipv6({ src: INSIDE, dst: REMOTE }, datagram(own))),
    });
    for (const type of [1, 3]) {
      // The first of the four bytes behind the checksum is the length in 64-bit words.
      const error = (dst: string, inner: Uint8Array): RigFrame => ({
        hook: "from-network",
        frame: ethernet(
          ipv6({ src: OUTSIDE_ROUTER, dst }, icmpMessage({ type, code: 0, word: words * 2 ** 24, inner })),
        ),
      });
      const outcome = rig.one(error(EXT, padded(ipv6({ src: EXT, dst: REMOTE }, datagram(natPort)))));
      const expected = error(INSIDE, padded(ipv6({ src: INSIDE, dst: REMOTE }, datagram(own)))).frame;
      expect(outcome).toMatchObject({ action: "reverse", frame: expected });
      expect(outcome.frame.slice(-extension.length)).toEqual(extension);
    }
  });
});

describe("T19 the byte mask of IPv6", () => {
  const EXTENSIONS: readonly ((random: Random) => Ipv6Extension)[] = [
    (random) => ({ type: 0, body: randomBytes(random, 6) }),
    (random) => ({ type: 60, body: randomBytes(random, 6 + 8 * random(3)) }),
    (random) => ({ type: 43, body: concat(Uint8Array.of(random(256), 0), randomBytes(random, 4)) }),
  ];

  it("30,000 random packets of TCP, UDP and echo: nothing changes but what a NAT may change", async () => {
    const rig = await gateway6({ hop: true, connections: 1 << 15 });
    const random = randomNumbers(19);
    let right = 0;
    for (let round = 0; round < 30; round++) {
      const builds = Array.from({ length: 1000 }, () => {
        const kind = random(3);
        const own = 1 + random(65_535);
        const payload = randomBytes(random, random(64));
        const fields = {
          src: random(2) ? INSIDE : OTHER_INSIDE,
          dst: someRemote(random),
          hopLimit: 2 + random(254),
          flowLabel: random(1 << 20),
          extensions: Array.from({ length: random(4) }, () => EXTENSIONS[random(3)]!(random)),
        };
        const rest = { seq: random(65_536), options: randomBytes(random, random(11) * 4), zero: random(4) === 0 };
        const trailer = randomBytes(random, random(8));
        const l4 = (port: number): Layer4 => {
          if (kind === 0) return udp({ srcPort: port, dstPort: 53, payload, ...(rest.zero && { checksum: 0 }) });
          if (kind === 1) return icmpEcho({ id: port, seq: rest.seq, payload });
          return tcp({ srcPort: port, dstPort: 443, flags: "ACK PSH", seq: rest.seq, options: rest.options, payload });
        };
        const build = (change: object, port: number) =>
          concat(ethernet(ipv6({ ...fields, ...change }, l4(port))), trailer);
        return { own, build, hopLimit: fields.hopLimit };
      });
      const outcomes = rig.send(
        builds.map(({ own, build }) => ({ hook: "from-endpoint" as const, frame: build({}, own) })),
      );
      outcomes.forEach(({ action, natPort, frame }, i) => {
        const { build, hopLimit } = builds[i]!;
        const expected = build({ src: EXT, hopLimit: hopLimit - 1 }, natPort);
        if (action === "snat" && Buffer.compare(frame, expected) === 0) right++;
      });
    }
    expect(right).toBe(30_000);
  });
});
