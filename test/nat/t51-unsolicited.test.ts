import { describe, expect, it } from "vitest";
import { icmpEcho, type Layer4, patterned, tcp, text, udp } from "../support/frames.js";
import { direct, EXT, INSIDE, inbound, Nat, OTHER_EXT, OTHER_INSIDE, OTHER_REMOTE, REMOTE } from "./rig.js";

const UNSOLICITED: Record<string, Layer4> = {
  "a UDP datagram": udp({ srcPort: 53, dstPort: 4000, payload: text("hello") }),
  "a SYN": tcp({ srcPort: 5000, dstPort: 22, flags: "SYN" }),
  "an echo request": icmpEcho({ id: 7 }),
  "an echo reply": icmpEcho({ id: 7, reply: true }),
};

describe.each(Object.entries(UNSOLICITED))("T51 %s that nobody asked for", (_, l4) => {
  it("to the egress IP is dropped; for 6 s nothing comes of it (RFC 5382 REQ-4)", async () => {
    const nat = await Nat.start();
    for (let atMs = 0; atMs <= 6000; atMs += 500)
      expect(nat.back(l4, { atMs })).toMatchObject({ action: "drop", reason: "no-reverse-mapping" });
    expect(nat.counters).toMatchObject({ entries: 0, opened: 0 });
    nat.check();
  });

  it("straight to an inside address is dropped at the uplink; for 6 s nothing comes of it", async () => {
    const nat = await Nat.start();
    for (let atMs = 0; atMs <= 6000; atMs += 500) {
      expect(nat.one(direct(l4, { atMs }))).toMatchObject({ action: "drop", reason: "no-reverse-mapping" });
    }
    expect(nat.counters).toMatchObject({ entries: 0, opened: 0 });
    nat.check();
  });

  it("3.7 straight to the inside address of a mapped flow is dropped, never rewritten", async () => {
    const nat = await Nat.start();
    const { natPort } = nat.out(udp({ srcPort: 4000, dstPort: 53 }));
    expect(nat.one(direct(l4))).toMatchObject({ action: "drop", reason: "no-reverse-mapping" });
    expect(nat.back(udp({ srcPort: 53, dstPort: natPort }))).toMatchObject({ action: "reverse" });
    nat.check();
  });
});

it("T51 a frame marked as of the uplink that answers a mapping is translated like any other", async () => {
  const nat = await Nat.start();
  const { natPort } = nat.out(udp({ srcPort: 700, dstPort: 53, payload: text("question") }));
  const answer = (port: number) => udp({ srcPort: 53, dstPort: port, payload: text("answer") });
  const outcome = nat.one({ ...direct(answer(natPort), { dst: EXT }) });
  expect(outcome).toMatchObject({ action: "reverse", frame: inbound(answer(700), { dst: INSIDE }).frame });
  nat.check();
});

it("T51 a SYN out that follows an unsolicited SYN in is translated (RFC 5382 REQ-4)", async () => {
  const nat = await Nat.start();
  expect(nat.back(tcp({ srcPort: 443, dstPort: 5000, flags: "SYN" }))).toMatchObject({ action: "drop" });
  expect(nat.out(tcp({ srcPort: 5000, dstPort: 443, flags: "SYN" }), { atMs: 100 })).toMatchObject({ action: "snat" });
  expect(nat.back(tcp({ srcPort: 443, dstPort: 5000, flags: "SYN" }), { atMs: 200 })).toMatchObject({
    action: "reverse",
  });
  nat.check();
});

describe("T52 filtering is by address and port of the remote", () => {
  it.each([
    ["the same remote, another port", REMOTE, 54],
    ["another remote, the same port", OTHER_REMOTE, 53],
    ["another remote, another port", OTHER_REMOTE, 54],
  ])("%s: dropped", async (_, src, srcPort) => {
    const nat = await Nat.start();
    const { natPort } = nat.out(udp({ srcPort: 4000, dstPort: 53 }));
    const stranger = nat.back(udp({ srcPort, dstPort: natPort }), { src });
    expect(stranger).toMatchObject({ action: "drop", reason: "no-reverse-mapping" });
    expect(nat.back(udp({ srcPort: 53, dstPort: natPort }))).toMatchObject({ action: "reverse" });
    nat.check();
  });

  it("another protocol on the mapped port: dropped", async () => {
    const nat = await Nat.start();
    const { natPort } = nat.out(udp({ srcPort: 4000, dstPort: 53 }));
    expect(nat.back(tcp({ srcPort: 53, dstPort: natPort, flags: "ACK" }))).toMatchObject({
      action: "drop",
      reason: "no-reverse-mapping",
    });
    nat.check();
  });
});

describe("T53 hairpinning is not done (docs/decisions.md)", () => {
  it("an endpoint that sends to its own gateway's egress IP and another's port there is dropped; nothing reaches the other", async () => {
    const nat = await Nat.start();
    const { natPort } = nat.out(udp({ srcPort: 4000, dstPort: 53 }), { src: OTHER_INSIDE });
    const hairpin = nat.out(udp({ srcPort: 5000, dstPort: natPort }), { dst: EXT });
    expect(hairpin).toMatchObject({ action: "drop", reason: "bad-source" });
    expect(nat.counters.opened).toBe(1);
    nat.check();
  });

  it("toward another gateway's egress IP it leaves like any other packet, and is filtered there", async () => {
    const nat = await Nat.start();
    const sent = nat.out(udp({ srcPort: 5000, dstPort: 4000 }), { dst: OTHER_EXT });
    expect(sent).toMatchObject({ action: "snat", egressIP: EXT });
    const arrived = nat.one({ hook: "from-network", frame: sent.frame });
    expect(arrived).toMatchObject({ action: "drop", reason: "no-reverse-mapping" });
    nat.check();
  });
});

describe("attacks of those who are on no path (3.8, 3.10, 3.13)", () => {
  it("3.8 no payload opens anything: SIP, H.323 and FTP words, and every byte, at the start of a segment", async () => {
    const nat = await Nat.start();
    const payloads = [
      text(`REGISTER sip:${EXT} SIP/2.0\r\nContact: <sip:a@${INSIDE}:445>\r\n\r\n`),
      text(`PORT 10,0,0,2,1,189\r\n`),
      text(`EPRT |1|${INSIDE}|445|\r\n`),
      Uint8Array.of(0x03, 0x00, 0x00, 0x2c, 0x08, 0x02),
      patterned(256),
    ];
    let entries = 0;
    for (const [i, payload] of payloads.entries()) {
      for (const dstPort of [21, 1720, 5060]) {
        const build = (port: number) => tcp({ srcPort: port, dstPort, flags: "ACK PSH", payload });
        const outcome = nat.out(build(700 + i));
        expect(outcome.frame.slice(-payload.length)).toEqual(payload);
        expect(nat.counters.entries).toBe(++entries);
      }
    }
    expect(nat.back(tcp({ srcPort: 5000, dstPort: 445, flags: "SYN" }))).toMatchObject({ action: "drop" });
    nat.check();
  });

  it("3.10 a segment far outside the window is translated; the gateway itself answers nothing", async () => {
    const nat = await Nat.start();
    const { natPort } = nat.out(tcp({ srcPort: 4000, dstPort: 443, flags: "SYN", seq: 1000 }));
    nat.back(tcp({ srcPort: 443, dstPort: natPort, flags: "SYN ACK", seq: 5000, ack: 1001 }));
    nat.out(tcp({ srcPort: 4000, dstPort: 443, flags: "ACK", seq: 1001, ack: 5001 }));
    const odd = tcp({ srcPort: 443, dstPort: natPort, flags: "ACK", seq: 3_000_000_000, ack: 9, payload: text("x") });
    expect(nat.back(odd)).toMatchObject({ action: "reverse" });
    expect(nat.counters.actions).toMatchObject({ snat: 2, reverse: 2, drop: 0, pass: 0 });
    nat.check();
  });
});
