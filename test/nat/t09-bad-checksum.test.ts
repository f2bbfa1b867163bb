import { describe, expect, it } from "vitest";
import { FRAME_FLAG_GSO, FRAME_FLAG_PARTIAL } from "../../assembly/abi.js";
import type { RigFrame } from "../assembly/path/gateway-rig.js";
import {
  ethernet,
  icmpEcho,
  icmpMessage,
  ipv4,
  ipv6,
  type Layer4,
  patterned,
  tcp,
  text,
  udp,
} from "../support/frames.js";
import { EXT, INSIDE, Nat, OUTSIDE_ROUTER, outbound, REMOTE } from "./rig.js";
import * as six from "./rig6.js";

type Wrong = { readonly wrongBy: number };
const STRICT = { engine: { badChecksum: "drop" as const }, verifier: { badChecksumsDrop: true } };
const DROPPED = { action: "drop", reason: "bad-checksum" };
const OWN = 700;

const datagram = (port: number, checksum?: Wrong) =>
  udp({ srcPort: port, dstPort: 53, payload: text("question"), checksum });

/** An ICMP error from outside, with errors where a test wants them. */
function error(inner: Uint8Array, dst: string, checksum?: Wrong): Uint8Array {
  return ethernet(ipv4({ src: OUTSIDE_ROUTER, dst }, icmpMessage({ type: 3, code: 4, word: 1400, inner, checksum })));
}

describe("T09 an ICMP error with a wrong checksum, under --bad-checksum drop", () => {
  async function flow(): Promise<{ nat: Nat; port: number }> {
    const nat = await Nat.start(STRICT);
    return { nat, port: nat.out(datagram(OWN)).natPort };
  }

  it("of the error itself: dropped (RFC 5508 REQ-3)", async () => {
    const { nat, port } = await flow();
    const frame = error(ipv4({ src: EXT, dst: REMOTE }, datagram(port)), EXT, { wrongBy: 1 });
    expect(nat.one({ hook: "from-network", frame })).toMatchObject({ ...DROPPED, frame });
    nat.check();
  });

  it("of the quoted IPv4 header: dropped (REQ-3a)", async () => {
    const { nat, port } = await flow();
    const frame = error(ipv4({ src: EXT, dst: REMOTE, headerChecksum: { wrongBy: 1 } }, datagram(port)), EXT);
    expect(nat.one({ hook: "from-network", frame })).toMatchObject({ ...DROPPED, frame });
    nat.check();
  });

  it("of the quoted transport header: translated, the error in there preserved (REQ-3c)", async () => {
    const { nat, port } = await flow();
    const wrong = { wrongBy: 0x1234 };
    const frame = error(ipv4({ src: EXT, dst: REMOTE }, datagram(port, wrong)), EXT);
    const outcome = nat.one({ hook: "from-network", frame });
    expect(outcome.frame).toEqual(error(ipv4({ src: INSIDE, dst: REMOTE }, datagram(OWN, wrong)), INSIDE));
    nat.check();
  });

  it("by default all three are translated and stay as wrong as they were", async () => {
    const nat = await Nat.start();
    const { natPort } = nat.out(datagram(OWN));
    for (const [outer, header, inner] of [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
      [7, 8, 9],
    ]) {
      const build = (src: string, dst: string, port: number) =>
        error(
          ipv4(
            { src, dst: REMOTE, ...(header && { headerChecksum: { wrongBy: header } }) },
            datagram(port, { wrongBy: inner }),
          ),
          dst,
          { wrongBy: outer },
        );
      const outcome = nat.one({ hook: "from-network", frame: build(EXT, EXT, natPort) });
      expect(outcome).toMatchObject({ action: "reverse", frame: build(INSIDE, INSIDE, OWN) });
    }
    nat.check();
  });
});

const KINDS: Record<string, (wrong: Wrong | undefined, payload: Uint8Array) => Layer4> = {
  "T4 TCP": (checksum, payload) => tcp({ srcPort: OWN, dstPort: 443, flags: "SYN", payload, checksum }),
  "U5 UDP": (checksum, payload) => udp({ srcPort: OWN, dstPort: 53, payload, checksum }),
  "C2 echo": (checksum, payload) => icmpEcho({ id: OWN, payload, checksum }),
};

describe.each(Object.entries(KINDS))("T18 under --bad-checksum drop: %s", (_, build) => {
  it("any wrong checksum is dropped and opens nothing; the right one is translated", async () => {
    const nat = await Nat.start(STRICT);
    for (let wrongBy = 1; wrongBy < 0xffff; wrongBy += 257) {
      const sent = outbound(build({ wrongBy }, patterned(wrongBy % 40)));
      expect(nat.one(sent)).toMatchObject({ ...DROPPED, frame: sent.frame });
    }
    expect(nat.counters).toMatchObject({ entries: 0, opened: 0 });
    expect(nat.out(build(undefined, text("odd")))).toMatchObject({ action: "snat" });
    nat.check();
  });

  it("I10 a wrong IPv4 header checksum is dropped", async () => {
    const nat = await Nat.start(STRICT);
    const frame = ethernet(
      ipv4({ src: INSIDE, dst: REMOTE, headerChecksum: { wrongBy: 1 } }, build(undefined, text("x"))),
    );
    expect(nat.one({ hook: "from-endpoint", frame })).toMatchObject({ ...DROPPED, frame });
    nat.check();
  });
});

describe("what --bad-checksum drop leaves alone", () => {
  it("T18 established flows: a wrong frame of them is dropped in both directions and refreshes nothing", async () => {
    const nat = await Nat.start(STRICT);
    const { natPort } = nat.out(datagram(OWN));
    const reply = (checksum?: Wrong) => udp({ srcPort: 53, dstPort: natPort, payload: text("answer"), checksum });
    nat.back(reply());
    expect(nat.out(datagram(OWN, { wrongBy: 5 }), { atMs: 250_000 })).toMatchObject(DROPPED);
    expect(nat.back(reply({ wrongBy: 5 }), { atMs: 250_000 })).toMatchObject(DROPPED);
    expect(nat.back(reply(), { atMs: 299_999 })).toMatchObject({ action: "reverse" });
    nat.check();
  });

  it("a UDP datagram without a checksum", async () => {
    const nat = await Nat.start(STRICT);
    expect(nat.out(udp({ srcPort: OWN, dstPort: 53, checksum: 0 }))).toMatchObject({ action: "snat" });
    nat.check();
  });

  it("U3 a UDP length below the packet's: the checksum ends where the length says", async () => {
    const nat = await Nat.start(STRICT);
    const frame = outbound(datagram(OWN)).frame;
    const longer = ethernet(
      ipv4(
        { src: INSIDE, dst: REMOTE },
        { protocol: () => 17, bytes: () => Uint8Array.from([...frame.slice(34), 1, 2, 3]) },
      ),
    );
    expect(nat.one({ hook: "from-endpoint", frame: longer })).toMatchObject({ action: "snat" });
    nat.check();
  });

  it("checksums that the capture cut off, or that a sender left to its network card", async () => {
    const nat = await Nat.start(STRICT);
    const whole = outbound(tcp({ srcPort: OWN, dstPort: 443, flags: "SYN", payload: patterned(100) })).frame;
    const cut = { hook: "from-endpoint" as const, frame: whole.slice(0, 100), wire: whole.length };
    expect(nat.one(cut)).toMatchObject({ action: "snat" });
    const partial = outbound(tcp({ srcPort: 701, dstPort: 443, flags: "SYN", checksum: "partial" }));
    expect(nat.one({ ...partial, flags: FRAME_FLAG_PARTIAL })).toMatchObject({ action: "snat" });
    const large = outbound(tcp({ srcPort: 702, dstPort: 443, payload: patterned(3000), checksum: { wrongBy: 9 } }));
    expect(nat.one({ ...large, flags: FRAME_FLAG_GSO })).toMatchObject({ action: "snat" });
    nat.check();
  });

  it("TCP whose checksum is ffff where 0 is meant", async () => {
    const nat = await Nat.start(STRICT);
    const fields = { srcPort: 9002, dstPort: 80, flags: "SYN", window: 8192, urgent: 0x9fff };
    expect(nat.out(tcp({ ...fields, checksum: 0xffff }))).toMatchObject({ action: "snat" });
    nat.check();
  });
});

describe("IPv6 under --bad-checksum drop (RFC 8200 section 8.1, RFC 4443 section 2.3)", () => {
  const port = 4000;
  const KINDS6: Record<string, (checksum?: Wrong) => Layer4> = {
    TCP: (checksum) => tcp({ srcPort: port, dstPort: 443, flags: "SYN", payload: text("odd"), checksum }),
    UDP: (checksum) => udp({ srcPort: port, dstPort: 53, payload: text("odd"), checksum }),
    echo: (checksum) => icmpEcho({ id: port, payload: text("odd"), checksum }),
  };
  const sent = (l4: Layer4): RigFrame => ({
    hook: "from-endpoint",
    frame: ethernet(ipv6({ src: six.INSIDE, dst: six.REMOTE, extensions: [{ type: 60, body: patterned(6) }] }, l4)),
  });

  it.each(Object.entries(KINDS6))(
    "T18 %s: any wrong checksum is dropped and opens nothing, the right one is translated",
    async (_, build) => {
      const rig = await six.gateway6({ badChecksum: "drop" });
      for (let wrongBy = 1; wrongBy < 0xffff; wrongBy += 257) {
        const frame = sent(build({ wrongBy }));
        expect(rig.one(frame)).toMatchObject({ ...DROPPED, frame: frame.frame });
      }
      expect(rig.engine.counters()).toMatchObject({ entries: 0, opened: 0 });
      expect(rig.one(sent(build()))).toMatchObject({ action: "snat" });
    },
  );

  it("T09 an ICMPv6 error: a wrong checksum of its own drops it, one in the packet that it quotes stays wrong", async () => {
    const rig = await six.gateway6({ badChecksum: "drop" });
    expect(rig.one(sent(KINDS6.UDP()))).toMatchObject({ natPort: port });
    const error6 = (own: string, inner?: Wrong, checksum?: Wrong): RigFrame => {
      const quoted = ipv6({ src: own, dst: six.REMOTE }, KINDS6.UDP(inner));
      const message = icmpMessage({ type: 2, code: 0, word: 1280, inner: quoted, checksum });
      return { hook: "from-network", frame: ethernet(ipv6({ src: six.OUTSIDE_ROUTER, dst: own }, message)) };
    };
    expect(rig.one(error6(six.EXT, undefined, { wrongBy: 1 }))).toMatchObject(DROPPED);
    const wrong = { wrongBy: 0x1234 };
    expect(rig.one(error6(six.EXT, wrong))).toMatchObject({
      action: "reverse",
      frame: error6(six.INSIDE, wrong).frame,
    });
  });

  it("what has no checksum, was cut by the capture or left to a network card is not judged", async () => {
    const rig = await six.gateway6({ badChecksum: "drop" });
    const none = sent(udp({ srcPort: port, dstPort: 53, checksum: 0 }));
    const whole = sent(KINDS6.TCP({ wrongBy: 7 }));
    const cut = { ...whole, frame: whole.frame.slice(0, -1), wire: whole.frame.length };
    const partial = {
      ...sent(tcp({ srcPort: 4001, dstPort: 443, flags: "SYN", checksum: "partial" })),
      flags: FRAME_FLAG_PARTIAL,
    };
    const large = { ...sent(KINDS6.TCP({ wrongBy: 9 })), flags: FRAME_FLAG_GSO };
    for (const frame of [none, cut, partial, large]) expect(rig.one(frame)).toMatchObject({ action: "snat" });
  });
});
