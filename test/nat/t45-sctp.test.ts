import { describe, expect, it } from "vitest";
import { FRAME_FLAG_PARTIAL, VERDICT_FLAG_CREATED, VERDICT_FLAG_GUESSED } from "../../assembly/abi.js";
import { ethernet, ipv4, type Layer4, otherProtocol, patterned, sctp } from "../support/frames.js";
import { type ChunkName, chunk, sctpPacket } from "../support/sctp.js";
import { crc32cBitwise } from "./oracles.js";
import { EXT, INSIDE, inbound, Nat, OTHER_INSIDE, outbound, REMOTE, randomBytes, randomNumbers } from "./rig.js";

const OWN = 5000;
const PEER = 38_412;
const out = (names: ChunkName | ChunkName[] = "INIT", fields = {}) => sctpPacket(OWN, PEER, names, fields);
/** Where the SCTP header starts in a frame of these tests. */
const L4 = 34;
const crcOf = (frame: Uint8Array) => new DataView(frame.buffer, frame.byteOffset).getUint32(L4 + 8, true);
const rightCrc = (frame: Uint8Array) => crc32cBitwise(frame.subarray(L4), 8);
const bytesOf = (l4: Layer4, src: string, dst: string) => ethernet(ipv4({ src, dst }, l4));

/** Another endpoint has the same port toward the same remote: a second one needs another. */
async function collided(options: Parameters<typeof Nat.start>[0] = {}) {
  const nat = await Nat.start(options);
  nat.out(out(), { src: OTHER_INSIDE });
  return nat;
}

describe("the oracle's CRC32c", () => {
  it("has the check value of the algorithm and those of RFC 3720 appendix B.4", () => {
    expect(crc32cBitwise(new TextEncoder().encode("123456789"))).toBe(0xe306_9283);
    expect(crc32cBitwise(new Uint8Array(32))).toBe(0x8a91_36aa);
    expect(crc32cBitwise(new Uint8Array(32).fill(0xff))).toBe(0x62a8_ab43);
    expect(crc32cBitwise(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd_794e);
  });
});

describe("T45 an INIT whose port is taken by another inside host", () => {
  it("leaves from another port with a right CRC, and its INIT-ACK comes back with one", async () => {
    const nat = await collided();
    const init = nat.out(out());
    expect(init.action).toBe("snat");
    expect(init.natPort).not.toBe(OWN);
    expect(init.frame).toEqual(bytesOf(sctpPacket(init.natPort, PEER, "INIT"), EXT, REMOTE));
    expect(crcOf(init.frame)).toBe(rightCrc(init.frame));
    const answer = nat.back(sctpPacket(PEER, init.natPort, "INIT-ACK"));
    expect(answer.frame).toEqual(bytesOf(sctpPacket(PEER, OWN, "INIT-ACK"), REMOTE, INSIDE));
    expect(crcOf(answer.frame)).toBe(rightCrc(answer.frame));
    nat.check();
  });

  it("has the right CRC for every length from one byte to 65,532", async () => {
    const nat = await collided({ engine: { arenaSize: 4 << 20 } });
    const random = randomNumbers(45);
    const lengths = [1, 2, 3, 4, 5, 255, 256, 257, 1480, 9000, 32_768, 65_496];
    for (let i = 0; i < 200; i++) lengths.push(1 + random(1460));
    for (const length of lengths) {
      const body = randomBytes(random, length);
      const packet = (port: number) => sctp({ srcPort: port, dstPort: PEER, tag: 7, chunks: chunk("DATA", { body }) });
      const outcome = nat.out(packet(OWN));
      expect(outcome.frame).toEqual(bytesOf(packet(outcome.natPort), EXT, REMOTE));
    }
    nat.check();
  });

  it("keeps a wrong CRC wrong by the same bits", async () => {
    const nat = await collided();
    const outcome = nat.out(out("INIT", { checksum: 0x1234_5678 }));
    const given = bytesOf(out("INIT", { checksum: 0x1234_5678 }), INSIDE, REMOTE);
    expect(outcome.natPort).not.toBe(OWN);
    expect(crcOf(outcome.frame) ^ rightCrc(outcome.frame)).toBe(crcOf(given) ^ rightCrc(given));
    expect(crcOf(outcome.frame)).not.toBe(crcOf(given));
    nat.check();
  });

  it("gives a frame that the capture cut the CRC of the whole packet", async () => {
    const l4 = (port: number) =>
      sctp({ srcPort: port, dstPort: PEER, tag: 7, chunks: chunk("DATA", { body: patterned(1200) }) });
    for (const captured of [L4 + 12, L4 + 16, L4 + 100]) {
      const nat = await collided();
      const { frame } = outbound(l4(OWN));
      const outcome = nat.one({ hook: "from-endpoint", frame: frame.slice(0, captured), wire: frame.length });
      expect(outcome.frame).toEqual(bytesOf(l4(outcome.natPort), EXT, REMOTE).slice(0, captured));
      nat.check();
    }
  });

  it("translates one of which only the ports were captured", async () => {
    const nat = await collided();
    const { frame } = outbound(out());
    const outcome = nat.one({ hook: "from-endpoint", frame: frame.slice(0, L4 + 4), wire: frame.length });
    expect(outcome).toMatchObject({ action: "snat" });
    nat.check();
  });

  it("leaves a CRC that the network card has to fill in as it is", async () => {
    const nat = await collided();
    const sent = { ...outbound(out("INIT", { checksum: 0 })), flags: FRAME_FLAG_PARTIAL };
    const outcome = nat.one(sent);
    expect(outcome.natPort).not.toBe(OWN);
    expect(crcOf(outcome.frame)).toBe(0);
    nat.check();
  });
});

describe("T46 an SCTP packet whose port stays", () => {
  it("keeps its CRC, right or wrong, in both directions", async () => {
    const nat = await Nat.start();
    for (const fields of [{}, { checksum: 0x0102_0304 }]) {
      expect(nat.out(out("INIT", fields)).frame).toEqual(bytesOf(out("INIT", fields), EXT, REMOTE));
      const answer = sctpPacket(PEER, OWN, "INIT-ACK", fields);
      expect(nat.back(answer).frame).toEqual(bytesOf(answer, REMOTE, INSIDE));
    }
    nat.check();
  });

  it("keeps the addresses that an INIT carries for multihoming", async () => {
    const nat = await Nat.start();
    const body = Uint8Array.from([...chunk("INIT").subarray(4), 0, 5, 0, 8, 10, 0, 0, 2]);
    const l4 = sctp({ srcPort: OWN, dstPort: PEER, chunks: chunk("INIT", { body }) });
    expect(nat.out(l4).frame).toEqual(bytesOf(l4, EXT, REMOTE));
    nat.check();
  });
});

const raw = (l4: Layer4, cut?: number): Layer4 => ({
  protocol: () => 132,
  bytes: (pseudo) => l4.bytes(pseudo).slice(0, cut),
});
const withChunks = (chunks: Uint8Array, tag = 7) => sctp({ srcPort: OWN, dstPort: PEER, tag, chunks });

const BAD: [string, Layer4][] = [
  ["S1 no byte of its header", otherProtocol(132, new Uint8Array(0))],
  ["S1 eleven bytes", raw(out(), 11)],
  ["S1 a header without a chunk", raw(out(), 12)],
  ["a chunk header of three bytes", raw(out(), 15)],
  ["S3 a chunk length of 0", withChunks(chunk("DATA", { length: 0 }))],
  ["S3 a chunk length of 3", withChunks(chunk("DATA", { length: 3 }))],
  ["S3 a chunk past the end", withChunks(chunk("DATA", { length: 25 }))],
  ["S3 a second chunk past the end", withChunks(Uint8Array.of(...chunk("SACK"), 0, 0, 255, 255))],
  ["S3 an INIT that is cut", raw(out(), 28)],
  ["S4 an INIT behind another chunk", withChunks(Uint8Array.of(...chunk("COOKIE-ACK"), ...chunk("INIT")), 0)],
  ["S4 an INIT before another chunk", withChunks(Uint8Array.of(...chunk("INIT"), ...chunk("DATA")), 0)],
  ["S4 an INIT-ACK with another chunk", withChunks(Uint8Array.of(...chunk("INIT-ACK"), ...chunk("DATA")))],
  ["S4 data before the end", withChunks(Uint8Array.of(...chunk("DATA"), ...chunk("SHUTDOWN-COMPLETE")))],
  ["S5 a tag of 0 in data", withChunks(chunk("DATA"), 0)],
  ["S5 a tag in an INIT", withChunks(chunk("INIT"))],
];

describe("T47 an SCTP packet that no receiver takes", () => {
  it.each(BAD)("%s: is dropped as sctp-bad, not repaired, and leaves nothing", async (_, l4) => {
    const nat = await Nat.start();
    const sent = outbound(l4);
    expect(nat.one(sent)).toMatchObject({ action: "drop", reason: "sctp-bad", frame: sent.frame });
    expect(nat.counters.entries).toBe(0);
    nat.check();
  });

  it.each(BAD)("%s: from outside it is dropped, too, and the association stays as it is", async (_, l4) => {
    const nat = await Nat.start();
    nat.out(out());
    const before = nat.rig.engine.conntrack().lines.slice();
    expect(nat.back(l4, { src: REMOTE })).toMatchObject({ action: "drop", reason: "sctp-bad" });
    expect(Buffer.compare(nat.rig.engine.conntrack().lines, before)).toBe(0);
    nat.check();
  });

  it("a wrong CRC: is dropped with --bad-checksum drop, of the INIT and of its answer", async () => {
    const nat = await Nat.start({ engine: { badChecksum: "drop" }, verifier: { badChecksumsDrop: true } });
    const bad = outbound(out("INIT", { checksum: 0x1234_5678 }));
    expect(nat.one(bad)).toMatchObject({ action: "drop", reason: "sctp-bad", frame: bad.frame });
    expect(nat.counters.entries).toBe(0);
    expect(nat.out(out())).toMatchObject({ action: "snat" });
    const answer = sctpPacket(PEER, OWN, "INIT-ACK", { checksum: 1 });
    expect(nat.back(answer)).toMatchObject({ action: "drop", reason: "sctp-bad" });
    expect(nat.back(sctpPacket(PEER, OWN, "INIT-ACK"))).toMatchObject({ action: "reverse" });
    expect(nat.one({ ...outbound(out("INIT", { checksum: 0 })), flags: FRAME_FLAG_PARTIAL })).toMatchObject({
      action: "snat",
    });
    nat.check();
  });

  it("one bit anywhere in the packet makes its CRC wrong", async () => {
    const nat = await Nat.start({ engine: { badChecksum: "drop" }, verifier: { badChecksumsDrop: true } });
    const { frame } = outbound(sctpPacket(OWN, PEER, ["SACK", "DATA"]));
    for (let at = L4; at < frame.length; at++) {
      const bad = frame.slice();
      bad[at] ^= 1 << (at & 7);
      expect(nat.one({ hook: "from-endpoint", frame: bad })).toMatchObject({ action: "drop", reason: "sctp-bad" });
    }
    expect(nat.one({ hook: "from-endpoint", frame })).toMatchObject({ action: "snat" });
    nat.check();
  });

  it("65,535 bytes of the shortest chunks are walked to their end", async () => {
    const nat = await Nat.start({ engine: { arenaSize: 1 << 20 } });
    const chunks = new Uint8Array(65_500);
    for (let at = 0; at < chunks.length; at += 4) chunks.set([9, 0, 0, 4], at);
    expect(nat.out(withChunks(chunks))).toMatchObject({ action: "snat" });
    chunks[chunks.length - 1] = 3;
    expect(nat.out(withChunks(chunks))).toMatchObject({ action: "drop", reason: "sctp-bad" });
    nat.check();
  });
});

const HANDSHAKE: [from: "in" | "out", name: ChunkName][] = [
  ["out", "INIT"],
  ["in", "INIT-ACK"],
  ["out", "COOKIE-ECHO"],
  ["in", "COOKIE-ACK"],
];

/** An association, and steps of it: each must be translated. */
class Association {
  nowMs = 0;

  constructor(readonly nat: Nat) {}

  static async start(options: Parameters<typeof Nat.start>[0] = {}) {
    return new Association(await Nat.start(options));
  }

  static async open() {
    const association = await Association.start();
    for (const [from, name] of HANDSHAKE) association.step(from, name);
    return association;
  }

  step(from: "in" | "out", names: ChunkName | ChunkName[], fields = {}) {
    const outcome = this.try(from, names, fields);
    expect(outcome).toMatchObject({ action: from === "in" ? "reverse" : "snat", natPort: OWN });
    return outcome;
  }

  try(from: "in" | "out", names: ChunkName | ChunkName[], fields = {}) {
    this.nowMs += 1;
    return from === "in"
      ? this.nat.back(sctpPacket(PEER, OWN, names, fields), { atMs: this.nowMs })
      : this.nat.out(out(names, fields), { atMs: this.nowMs });
  }

  /** The association is there until `seconds` of silence have passed, and no longer. */
  livesFor(seconds: number) {
    this.#passTo(this.nowMs + seconds * 1000 - 2);
    expect(this.nat.counters.entries).toBe(1);
    this.#passTo(this.nowMs + seconds * 1000 + 1000);
    expect(this.nat.counters.entries).toBe(0);
    this.nat.check();
  }

  #passTo(ms: number) {
    const time = 1_790_000_000_000_000_000n + BigInt(ms) * 1_000_000n;
    this.nat.rig.engine.advance(Number(time & 0xffff_ffffn), Number(time >> 32n));
  }
}

describe("SCTP's machine in profile rfc (nat-requirements section 6.4: 240 s opening, 7,440 s open)", () => {
  it.each([1, 2, 3])("an association that came as far as step %i of its handshake lives for 240 s", async (steps) => {
    const association = await Association.start();
    for (const [from, name] of HANDSHAKE.slice(0, steps)) association.step(from, name);
    association.livesFor(240);
  });

  it("once its COOKIE-ACK has come it lives for 7,440 s", async () => {
    (await Association.open()).livesFor(7440);
  });

  it("one seen in mid-stream is open once both sides have sent", async () => {
    const oneSided = await Association.start();
    const first = oneSided.step("out", "DATA");
    expect(first.flags & VERDICT_FLAG_GUESSED).not.toBe(0);
    oneSided.livesFor(240);
    const both = await Association.start();
    both.step("out", "DATA");
    both.step("in", "SACK");
    both.livesFor(7440);
  });

  it("one that is shut down lives for 240 s more", async () => {
    const association = await Association.open();
    association.step("out", "SHUTDOWN");
    association.step("in", "SHUTDOWN-ACK");
    association.step("out", "SHUTDOWN-COMPLETE");
    association.livesFor(240);
  });

  it.each([0, 1])("ABORT with T bit %i ends it in 240 s, unless a packet follows", async (flags) => {
    for (const from of ["in", "out"] as const) {
      const aborted = await Association.open();
      aborted.step(from, "ABORT", { flags });
      // Of who opened it an ABORT makes nothing live longer; this one is open.
      aborted.livesFor(240);
      const revived = await Association.open();
      revived.step(from, "ABORT", { flags });
      revived.step("out", "HEARTBEAT");
      revived.livesFor(7440);
    }
  });

  it.each([0, 1])("SHUTDOWN-COMPLETE with T bit %i closes it without a SHUTDOWN before", async (flags) => {
    const association = await Association.open();
    association.step("in", "SHUTDOWN-COMPLETE", { flags });
    association.livesFor(240);
  });

  it("an association survives INITs that cross, and stale INIT-ACKs", async () => {
    const association = await Association.start();
    association.step("out", "INIT");
    association.step("in", "INIT");
    for (const [from, name] of HANDSHAKE.slice(1)) association.step(from, name);
    association.step("out", "INIT");
    association.step("in", "INIT-ACK");
    association.step("in", "INIT-ACK");
    association.step("in", ["SACK", "DATA"]);
    association.livesFor(7440);
  });

  it("a stale INIT-ACK does not bring back what was aborted; a new INIT begins anew on the same port", async () => {
    const stale = await Association.open();
    stale.step("in", "ABORT");
    stale.step("in", "INIT-ACK");
    stale.livesFor(240);
    const anew = await Association.open();
    anew.step("in", "ABORT");
    for (const [from, name] of HANDSHAKE) anew.step(from, name);
    anew.livesFor(7440);
  });

  it("chunks after a COOKIE-ECHO in the same packet open nothing yet", async () => {
    const association = await Association.start();
    association.step("out", "INIT");
    association.step("in", "INIT-ACK");
    association.step("out", ["COOKIE-ECHO", "DATA"]);
    association.livesFor(240);
  });

  it("lives for 60 s like other protocols in profile cilium, whatever it sends", async () => {
    const association = await Association.start({
      engine: { natProfile: "cilium" },
      verifier: { natProfile: "cilium" },
      timeouts: "cilium",
    });
    for (const [from, name] of HANDSHAKE) association.step(from, name);
    association.step("in", "ABORT");
    association.livesFor(60);
  });
});

describe("DATA without association (nat-requirements section 1.11)", () => {
  it("is picked up, and dropped as no-state with --mid-stream drop; an INIT is not", async () => {
    const nat = await Nat.start({ engine: { midStream: "drop" } });
    expect(nat.out(out("DATA"))).toMatchObject({ action: "drop", reason: "no-state" });
    expect(nat.out(out("ABORT"))).toMatchObject({ action: "drop", reason: "no-state" });
    expect(nat.counters.entries).toBe(0);
    expect(nat.out(out()).flags & VERDICT_FLAG_CREATED).not.toBe(0);
    expect(nat.out(out("DATA"))).toMatchObject({ action: "snat" });
    nat.check();
  });

  it("from outside is dropped and leaves nothing, whatever its chunks say", async () => {
    const nat = await Nat.start();
    for (const name of ["INIT", "INIT-ACK", "COOKIE-ECHO", "DATA", "ABORT"] as const)
      expect(nat.back(sctpPacket(PEER, OWN, name))).toMatchObject({ action: "drop", reason: "no-reverse-mapping" });
    expect(nat.counters.entries).toBe(0);
    nat.check();
  });

  it.each(["INIT-ACK", "COOKIE-ACK"] as const)("%s of an endpoint answers a connection from outside", async (name) => {
    const nat = await Nat.start();
    expect(nat.out(out(name))).toMatchObject({ action: "pass", reason: "reply-of-inbound" });
  });
});

it("T26 two inside hosts with one port toward one remote: each gets its own replies", async () => {
  const nat = await Nat.start();
  const [first, second] = [INSIDE, OTHER_INSIDE].map((src) => nat.out(out(), { src }));
  for (const [host, { natPort }] of [
    [INSIDE, first],
    [OTHER_INSIDE, second],
  ] as const)
    expect(nat.one(inbound(sctpPacket(PEER, natPort, "INIT-ACK"))).frame).toEqual(
      bytesOf(sctpPacket(PEER, OWN, "INIT-ACK"), REMOTE, host),
    );
  nat.check();
});
