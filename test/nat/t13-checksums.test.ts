import { beforeAll, describe, expect, it } from "vitest";
import { concat, ethernet, icmpEcho, ipv4, type Layer4, tcp, text, udp } from "../support/frames.js";
import { startProbe } from "../support/probe.js";
import { sctpData } from "../support/sctp.js";
import { EXT, INSIDE, Nat, OTHER_INSIDE, outbound, REMOTE, randomBytes, randomNumbers } from "./rig.js";

/** Of a frame without options: where its transport checksum lies. */
function checksumAt(frame: Uint8Array, offset: number): number {
  return frame[34 + offset] * 256 + frame[35 + offset];
}

describe("checksums at the edges of one's complement", () => {
  it("T13 a UDP checksum that comes to 0 leaves as ffff (RFC 768)", async () => {
    const nat = await Nat.start();
    const datagram = udp({ srcPort: 9000, dstPort: 53, payload: Uint8Array.of(0x12, 0x34, 0x45, 0xdd) });
    const sent = outbound(datagram);
    expect(checksumAt(sent.frame, 6)).toBe(0xb7ff);
    const outcome = nat.one(sent);
    expect(outcome.natPort).toBe(9000);
    expect(checksumAt(outcome.frame, 6)).toBe(0xffff);
    nat.check();
  });

  it("T14 a TCP checksum that comes to 0 leaves as 0", async () => {
    const nat = await Nat.start();
    const sent = outbound(
      tcp({ srcPort: 9001, dstPort: 80, seq: 1, ack: 0, flags: "SYN", window: 8192, urgent: 0xe800 }),
    );
    expect(checksumAt(sent.frame, 16)).toBe(0xb7ff);
    expect(checksumAt(nat.one(sent).frame, 16)).toBe(0x0000);
    nat.check();
  });

  it("T15 a TCP checksum of ffff where 0 is meant is taken as right", async () => {
    const nat = await Nat.start();
    const fields = { srcPort: 9002, dstPort: 80, seq: 1, ack: 0, flags: "SYN", window: 8192, urgent: 0x9fff };
    expect(checksumAt(outbound(tcp(fields)).frame, 16)).toBe(0x0000);
    const outcome = nat.out(tcp({ ...fields, checksum: 0xffff }));
    expect(checksumAt(outcome.frame, 16)).toBe(0x4800);
    nat.check();
  });

  it("T16 a UDP datagram without a checksum gets another address and port and still none", async () => {
    const nat = await Nat.start();
    const datagram = (port: number) => udp({ srcPort: port, dstPort: 53, payload: text("question"), checksum: 0 });
    const outcome = nat.out(datagram(700));
    expect(outcome.natPort).toBeGreaterThanOrEqual(1024);
    expect(outcome.frame).toEqual(ethernet(ipv4({ src: EXT, dst: REMOTE }, datagram(outcome.natPort))));
    nat.check();
  });
});

interface Probe {
  delta16(was: number, now: number): number;
  delta32(was: number, now: number): number;
  combine(a: number, b: number): number;
  applyDelta(checksum: number, delta: number): number;
}

describe("T17 an update by difference equals a full recount", () => {
  let probe: Probe;
  beforeAll(async () => {
    probe = await startProbe<Probe>("checksum");
  });

  it("RFC 1624's own example comes to 0000", () => {
    expect(probe.applyDelta(0xdd2f, probe.delta16(0x5555, 0x3285))).toBe(0x0000);
  });

  it("in 10,000,000 of 10,000,000 random changes of address and port, over random payloads", () => {
    // xorshift: four numbers per case, written out, since a call each would cost more than the case.
    let x = 0x2545_f491;
    let equal = 0;
    for (let i = 0; i < 10_000_000; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      const was = x >>> 0;
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      const now = x >>> 0;
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      const [oldPort, newPort] = [(x >>> 16) & 0xffff, x & 0xffff];
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      // What stays: a constant word as every pseudo-header has one, and the payload's sum.
      const rest = 6 + 20 + (x & 0xffff);
      const before = foldedComplement(rest + (was >>> 16) + (was & 0xffff) + oldPort);
      const after = foldedComplement(rest + (now >>> 16) + (now & 0xffff) + newPort);
      const delta = probe.combine(probe.delta32(was, now), probe.delta16(oldPort, newPort));
      if (probe.applyDelta(before, delta) === after) equal++;
    }
    expect(equal).toBe(10_000_000);
  });
});

/** The complement of a sum of at most 16 words. */
function foldedComplement(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return ~((once & 0xffff) + (once >>> 16)) & 0xffff;
}

const KINDS: Record<string, (port: number, wrongBy: number) => Layer4> = {
  TCP: (port, wrongBy) =>
    tcp({ srcPort: port, dstPort: 80, flags: "SYN", payload: text("odd"), checksum: { wrongBy } }),
  UDP: (port, wrongBy) => udp({ srcPort: port, dstPort: 53, payload: text("odd"), checksum: { wrongBy } }),
  echo: (id, wrongBy) => icmpEcho({ id, checksum: { wrongBy } }),
};

describe.each(Object.entries(KINDS))("T18 a wrong %s checksum", (_, build) => {
  it("leaves wrong by the same amount, whatever that is", async () => {
    const nat = await Nat.start({ engine: { connections: 8192 } });
    const random = randomNumbers(18);
    for (let i = 0; i < 500; i++) {
      const wrongBy = 1 + random(0xfffe);
      const own = 1 + random(1023);
      const dst = `198.18.${i >> 8}.${i & 255}`;
      const outcome = nat.out(build(own, wrongBy), { dst });
      expect(outcome).toMatchObject({ action: "snat" });
      const expected = ethernet(ipv4({ src: EXT, dst }, build(outcome.natPort, wrongBy)));
      expect(sameButZero(outcome.frame, expected)).toBe(true);
    }
    nat.check();
  });
});

/** Equal, where 0000 and ffff of a checksum count as one value: both are the same number modulo 0xFFFF. */
function sameButZero(a: Uint8Array, b: Uint8Array): boolean {
  const differ = [...a.keys()].filter((i) => a[i] !== b[i]);
  const isZeroForm = (bytes: Uint8Array) =>
    differ.every((i) => bytes[i] === 0) || differ.every((i) => bytes[i] === 255);
  return a.length === b.length && (differ.length === 0 || (differ.length === 2 && isZeroForm(a) && isZeroForm(b)));
}

describe("T19 the byte mask", () => {
  it("100,000 random packets of TCP, UDP, SCTP and echo: nothing changes but what a NAT may change", async () => {
    const nat = await Nat.start({ hop: true, engine: { connections: 1 << 17 } });
    const random = randomNumbers(19);
    const build = (kind: number, own: number, payload: Uint8Array): Layer4 => {
      if (kind === 0) return udp({ srcPort: own, dstPort: 53, payload, ...(random(4) === 0 && { checksum: 0 }) });
      if (kind === 1) return icmpEcho({ id: own, seq: random(65_536), payload });
      if (kind === 2) return sctpData({ srcPort: own, dstPort: 9899, payload });
      const options = randomBytes(random, random(11) * 4);
      return tcp({ srcPort: own, dstPort: 443, flags: "ACK PSH", seq: random(2 ** 31), options, payload });
    };
    let translated = 0;
    for (let round = 0; round < 100; round++) {
      const frames = Array.from({ length: 1000 }, () => {
        const own = 1 + random(65_535);
        const packet = ipv4(
          {
            src: random(2) ? INSIDE : OTHER_INSIDE,
            dst: `198.18.${random(256)}.${1 + random(250)}`,
            ttl: 2 + random(254),
            id: random(65_536),
            dontFragment: random(2) === 1,
            trafficClass: random(256),
            options: new Uint8Array(random(5) * 4).fill(1),
          },
          build(random(4), own, randomBytes(random, random(64))),
        );
        return { hook: "from-endpoint" as const, frame: concat(ethernet(packet), randomBytes(random, random(8))) };
      });
      translated += nat.send(frames).filter(({ action }) => action === "snat").length;
    }
    expect(translated).toBe(100_000);
    nat.check();
  });
});
