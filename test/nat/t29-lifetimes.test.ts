import { describe, expect, it } from "vitest";
import { STATE_RX_CLOSING } from "../../assembly/abi.js";
import type { RigFrame } from "../assembly/path/gateway-rig.js";
import { icmpEcho, icmpMessage, ipv4, type Layer4, tcp, udp } from "../support/frames.js";
import {
  answer,
  back,
  DNS,
  EXT,
  gateway,
  handshake,
  INSIDE,
  INSIDE_B,
  onlyLine,
  out,
  over6,
  play,
  query,
  REMOTE,
  RFC,
  randomNumbers,
  receive,
  send,
  WEB,
} from "./lifetimes-rig.js";

const PORT = 40_000;
const ALIVE = { action: "reverse" };
const GONE = { action: "drop", reason: "no-reverse-mapping" };

/** After `history`, a frame of the remote is restored just before `seconds` and dropped just after. */
async function expectEnd(
  history: readonly RigFrame[],
  seconds: number,
  probe: (at: number) => RigFrame,
): Promise<void> {
  const alive = await gateway();
  alive.send(history);
  expect(alive.one(probe(seconds - 0.5))).toMatchObject(ALIVE);
  const dead = await gateway();
  dead.send(history);
  expect(dead.one(probe(seconds + 0.5))).toMatchObject(GONE);
}

const data = (at: number) => receive("ACK", at, PORT);

describe("T29 RST storm (attack 3.4: ReDAN)", () => {
  it("T29 one RST with a random sequence number for each of 1,000 flows: 1,000 alive with the same ports after 239 s", async () => {
    const rig = await gateway({ connections: 8192 });
    const ports = Array.from({ length: 1000 }, (_, i) => 20_000 + i * 7);
    const opened = play(
      rig,
      ports.map((port) => send("SYN", 0, port)),
    );
    expect(opened.map(({ natPort }) => natPort)).toEqual(ports);
    play(
      rig,
      ports.flatMap((port) => [receive("SYN ACK", 0, port), send("ACK", 0, port)]),
    );
    const random = randomNumbers(29);
    play(
      rig,
      ports.map((port) => receive("RST", 1, port, random())),
    );
    const outwards = rig.send(ports.map((port) => send("PSH ACK", 240, port)));
    const inwards = rig.send(ports.map((port) => receive("PSH ACK", 240, port)));
    const survivors = ports.filter(
      (port, i) => outwards[i]!.action === "snat" && outwards[i]!.natPort === port && inwards[i]!.action === "reverse",
    );
    expect(survivors.length).toBe(1000);
    expect(rig.engine.counters()).toMatchObject({ opened: 1000, live: 1000 });
  });

  it("RSTs to all 64,512 ports of the pool break none of 1,000 flows, and open none", async () => {
    const rig = await gateway({ connections: 8192 });
    const ports = Array.from({ length: 1000 }, (_, i) => 20_000 + i * 7);
    for (const port of ports) play(rig, handshake(port));
    rig.send(Array.from({ length: 64_512 }, (_, i) => receive("RST", 1, 1024 + i)));
    expect(rig.engine.counters().entries).toBe(1000);
    expect(rig.send(ports.map((port) => data(239 + port / 1e6))).length).toBe(1000);
    expect(rig.send(ports.map((port) => send("ACK", 240, port))).every(({ action }) => action === "snat")).toBe(true);
  });
});

describe("attack 3.5: hijack of a port by another host of the same NAT", () => {
  it("after a forged RST another host gets another port, and its owner keeps it: 0 of 10,000 takeovers", async () => {
    const rig = await gateway();
    const random = randomNumbers(35);
    play(rig, handshake(PORT));
    let takeovers = 0;
    for (let i = 0; i < 10_000; i++) {
      const at = 1 + i * 200;
      rig.one(receive("RST", at, PORT, random()));
      const claimed = rig.one(send("SYN", at + (random() % 199), PORT, INSIDE_B));
      const owner = rig.one(send("ACK", at + 199, PORT));
      if (claimed.natPort === PORT || owner.natPort !== PORT || owner.action !== "snat") takeovers++;
    }
    expect(takeovers).toBe(0);
  });
});

describe("RSTs whose sequence number the endpoint cannot expect (RFC 5961 section 3.2)", () => {
  const WINDOW = 2 ** 24;
  const ACK = 0xff_fff0_00; // so that what lies ahead wraps
  const segment = (seconds: number, ack: number, flags = "ACK") =>
    out(tcp({ srcPort: PORT, dstPort: WEB, flags, ack }), seconds);
  const opened = [send("SYN", 0, PORT), receive("SYN ACK", 0, PORT), segment(0, 77), segment(1, ACK)];
  const reset = (seconds: number, ahead: number) => receive("RST", seconds, PORT, (ACK + ahead) >>> 0);

  it.each([0, 1, 65_535, WINDOW, -1, -65_535, -WINDOW])("%d from what it acknowledged last: four minutes", (ahead) =>
    expectEnd([...opened, reset(100, ahead)], 100 + RFC.reset, data),
  );

  it.each([WINDOW + 1, -WINDOW - 1, 2 ** 31])("%d from it: translated, and nothing else happens", async (ahead) => {
    const rig = await gateway();
    play(rig, opened);
    const before = onlyLine(rig);
    expect(rig.one(reset(100, ahead))).toMatchObject(ALIVE);
    expect(onlyLine(rig)).toEqual(before);
    await expectEnd([...opened, reset(100, ahead)], 1 + RFC.established, data);
  });

  it.each([
    ["on the straight line", [segment(3, ACK + 2 ** 31)]],
    ["off it", [segment(2, ACK), segment(3, ACK + 2 ** 31, "SYN ACK")]],
  ])("what it acknowledged last counts, %s", async (_, sent) => {
    await expectEnd([...opened, ...sent, reset(100, 2 ** 31)], 100 + RFC.reset, data);
    await expectEnd([...opened, ...sent, reset(100, 0)], 3 + RFC.established, data);
  });

  it("where it acknowledged nothing yet, or no longer, any will do: an answer to its SYN has whatever number it likes", async () => {
    const refused = [send("SYN", 0, PORT), receive("RST ACK", 1, PORT, 2 ** 31)];
    const rig = await gateway({ timeouts: { tcpOpening: 3_600_000 } });
    play(rig, refused);
    expect(rig.one(data(240))).toMatchObject(ALIVE);
    const again = await gateway({ timeouts: { tcpOpening: 3_600_000 } });
    const ended = [segment(2, ACK, "FIN ACK"), receive("FIN ACK", 2, PORT), send("SYN", 3, PORT)];
    play(again, [...opened, ...ended, receive("RST ACK", 4, PORT, 2 ** 31)]);
    expect(again.one(data(245))).toMatchObject(GONE);
  });

  it.each([
    [0, "drop"],
    [2 ** 31, "reverse"],
  ])("over IPv6: %d from what it acknowledged last: %s after four minutes", async (ahead, action) => {
    const rig = await gateway({ connections6: 64 });
    play(rig, [...opened, reset(100, ahead)].map(over6));
    expect(rig.one(over6(data(341))).action).toBe(action);
  });

  it("profile cilium asks for no window, as the original does", async () => {
    const rig = await gateway({ natProfile: "cilium" });
    play(rig, [...opened, reset(100, 2 ** 31)]);
    expect(onlyLine(rig)!.state & STATE_RX_CLOSING).not.toBe(0);
  });
});

describe("T30 T31 after an RST (RFC 7857 section 2.3)", () => {
  it("T30 RST then silence: gone at 240 s, not before", async () => {
    await expectEnd([...handshake(PORT), receive("RST", 100, PORT)], 340, data);
    await expectEnd([...handshake(PORT), send("RST", 100, PORT)], 340, data);
  });

  it("T30 RST then silence: the port is not reused before 360 s, then it is", async () => {
    for (const [seconds, isReused] of [
      [339, false],
      [341, false],
      [459, false],
      [461, true],
    ] as const) {
      const rig = await gateway();
      play(rig, [...handshake(PORT), receive("RST", 100, PORT)]);
      const other = rig.one(send("SYN", seconds, PORT, INSIDE_B));
      expect(other.action).toBe("snat");
      expect(other.natPort === PORT).toBe(isReused);
    }
  });

  it.each([
    ["data of the endpoint", send("PSH ACK", 239, PORT)],
    ["data of the remote", receive("PSH ACK", 239, PORT)],
  ])("T31 RST then %s: translated with the same port, timer back to established", async (_, frame) => {
    const rig = await gateway();
    play(rig, [...handshake(PORT), receive("RST", 0, PORT)]);
    expect(rig.one(frame)).toMatchObject({ action: frame.hook === "from-endpoint" ? "snat" : "reverse" });
    await expectEnd([...handshake(PORT), receive("RST", 0, PORT), frame], 239 + RFC.established, data);
  });
});

describe("T32 T33 T34 idle times", () => {
  const reply = (at: number) => answer(PORT, at);

  it("T32 UDP: a reply at 299 s is translated, at 301 s dropped; outbound at 250 s moves the end to 550 s", async () => {
    const rig = await gateway();
    rig.one(query(PORT));
    expect(rig.one(answer(PORT, 299))).toMatchObject(ALIVE);
    const late = await gateway();
    late.one(query(PORT));
    expect(late.one(answer(PORT, 301))).toMatchObject(GONE);
    await expectEnd([query(PORT), query(PORT, 250)], 550, reply);
  });

  it("T32 a reply moves the end of a UDP mapping, too (RFC 4787 REQ-6: may)", async () => {
    await expectEnd([query(PORT), answer(PORT, 250)], 550, reply);
  });

  it("T33 TCP established: 7,439 s alive, 7,441 s gone", async () => {
    await expectEnd(handshake(PORT), 7440, data);
    const alive = await gateway();
    play(alive, handshake(PORT));
    expect(alive.one(data(7439))).toMatchObject(ALIVE);
    const dead = await gateway();
    play(dead, handshake(PORT));
    expect(dead.one(data(7441))).toMatchObject(GONE);
  });

  it("T34 half-open: SYN only, 239 s alive, 241 s gone; a retransmitted SYN refreshes", async () => {
    const synAck = (at: number) => receive("SYN ACK", at, PORT);
    await expectEnd([send("SYN", 0, PORT)], 240, synAck);
    await expectEnd([send("SYN", 0, PORT), send("SYN", 100, PORT)], 340, synAck);
    const rig = await gateway();
    rig.one(send("SYN", 0, PORT));
    expect(rig.one(synAck(239))).toMatchObject(ALIVE);
    const dead = await gateway();
    dead.one(send("SYN", 0, PORT));
    expect(dead.one(synAck(241))).toMatchObject(GONE);
  });

  it("lifetimes of a policy win over those of the settings, the hold-down of its ports too", async () => {
    const policyTimeouts = { udp: 3000, tcpOpening: 5000, portHold: 1000 };
    const rig = await gateway({ timeouts: { udp: 9000 }, policyTimeouts });
    rig.send([query(PORT), send("SYN", 0, PORT)]);
    expect(rig.one(answer(PORT, 2.999))).toMatchObject(ALIVE);
    expect(rig.one(send("SYN", 5.5, PORT, INSIDE_B)).natPort).not.toBe(PORT);
    expect(rig.one(answer(PORT, 5.999))).toMatchObject(GONE);
    const later = await gateway({ policyTimeouts });
    later.one(send("SYN", 0, PORT));
    expect(later.one(send("SYN", 6.001, PORT, INSIDE_B)).natPort).toBe(PORT);
  });

  it("lifetimes of the settings are the ones that apply, to the millisecond", async () => {
    const timeouts = { tcpOpening: 5000, tcpEstablished: 20_000, tcpReset: 7000, udp: 3000, icmp: 2000 };
    const cases: [RigFrame[], number, (at: number) => RigFrame][] = [
      [[query(PORT)], 3, reply],
      [[send("SYN", 0, PORT)], 5, data],
      [handshake(PORT), 20, data],
      [[...handshake(PORT), receive("RST", 0, PORT)], 7, data],
      [[out(icmpEcho({ id: PORT }), 0)], 2, (at) => back(icmpEcho({ id: PORT, reply: true }), at)],
    ];
    for (const [history, seconds, probe] of cases) {
      for (const [at, expected] of [
        [seconds - 0.001, ALIVE],
        [seconds, GONE],
      ] as const) {
        const rig = await gateway({ timeouts });
        play(rig, history);
        expect(rig.one(probe(at))).toMatchObject(expected);
      }
    }
  });
});

describe("T39 ICMP errors and outbound RSTs do not refresh: the expiry is unchanged to the second", () => {
  /** Port unreachable of the pod about a packet that came in. */
  function unreachable(about: Layer4, at: number): RigFrame {
    return out(icmpMessage({ type: 3, code: 3, inner: ipv4({ src: REMOTE, dst: INSIDE }, about) }), at);
  }
  /** The same of a router outside, about a packet that went out. */
  function unreachableFromOutside(about: Layer4, at: number): RigFrame {
    return back(icmpMessage({ type: 3, code: 3, inner: ipv4({ src: EXT, dst: REMOTE }, about) }), at, "198.51.100.1");
  }

  const reply = (at: number) => answer(PORT, at);
  const toInside = udp({ srcPort: DNS, dstPort: PORT });
  const toOutside = udp({ srcPort: PORT, dstPort: DNS });

  it("T39 UDP: errors in either direction are translated and move nothing", async () => {
    const history = [query(PORT), unreachable(toInside, 200), unreachableFromOutside(toOutside, 250)];
    const rig = await gateway();
    expect(rig.send(history).map(({ action }) => action)).toEqual(["snat", "snat", "reverse"]);
    await expectEnd(history, 300, reply);
  });

  const inward = tcp({ srcPort: WEB, dstPort: PORT, flags: "ACK" });
  const outward = tcp({ srcPort: PORT, dstPort: WEB, flags: "ACK" });
  const STATES: [string, RigFrame[], number][] = [
    ["opening", [send("SYN", 0, PORT)], 240],
    ["established", handshake(PORT), 7440],
    ["closed by both", [...handshake(PORT), send("FIN ACK", 0, PORT), receive("FIN ACK", 0, PORT)], 240],
    ["reset", [...handshake(PORT), receive("RST", 0, PORT)], 240],
  ];

  it.each(STATES)("T39 TCP %s: errors in either direction move nothing", async (_, history, seconds) => {
    const errors = [unreachable(inward, 100), unreachableFromOutside(outward, 150)];
    const rig = await gateway();
    play(rig, history);
    expect(rig.send(errors).map(({ action }) => action)).toEqual(["snat", "reverse"]);
    await expectEnd([...history, ...errors], seconds, data);
  });

  it.each(STATES.filter(([state]) => state !== "established"))(
    "T39 TCP %s: RSTs of the endpoint that answer what comes in are translated and move nothing",
    async (_, history, seconds) => {
      const rsts = [send("RST", 100, PORT), send("RST ACK", 200, PORT)];
      const rig = await gateway();
      play(rig, history);
      expect(rig.send(rsts).map(({ action }) => action)).toEqual(["snat", "snat"]);
      await expectEnd([...history, ...rsts], seconds, data);
    },
  );

  it("T39 TCP established with less than four minutes left: an RST of the endpoint prolongs nothing", async () => {
    await expectEnd([...handshake(PORT), send("RST", 7300, PORT)], 7440, data);
  });

  it("T39 TCP established: RSTs of the endpoint start four minutes, and more of them prolong nothing", async () => {
    await expectEnd([...handshake(PORT), send("RST", 100, PORT), send("RST", 200, PORT)], 340, data);
  });

  it("RSTs from outside do not keep a reset or closed connection either", async () => {
    for (const [state, history, seconds] of STATES) {
      if (state !== "closed by both" && state !== "reset") continue;
      await expectEnd([...history, receive("RST", 100, PORT), receive("RST", 200, PORT)], seconds, data);
    }
  });
});
