import { describe, expect, it } from "vitest";
import { ACTION_REVERSE, ACTION_SNAT } from "../../assembly/abi.js";
import { ethernet, icmpEcho, ipv4, type Layer4, tcp, text, udp } from "../support/frames.js";
import { sctpData } from "../support/sctp.js";
import { pairsIn } from "./pairs.js";
import {
  EXT,
  INSIDE,
  inbound,
  Nat,
  OTHER_INSIDE,
  OTHER_REMOTE,
  outbound,
  REMOTE,
  randomBytes,
  randomNumbers,
} from "./rig.js";
import { Volley } from "./volley.js";

interface Kind {
  request(own: number, payload: Uint8Array): Layer4;
  reply(own: number, payload: Uint8Array): Layer4;
}

const KINDS: Record<string, Kind> = {
  TCP: {
    request: (own, payload) => tcp({ srcPort: own, dstPort: 443, flags: "SYN", payload }),
    reply: (own, payload) => tcp({ srcPort: 443, dstPort: own, flags: "SYN ACK", payload }),
  },
  UDP: {
    request: (own, payload) => udp({ srcPort: own, dstPort: 53, payload }),
    reply: (own, payload) => udp({ srcPort: 53, dstPort: own, payload }),
  },
  echo: {
    request: (own, payload) => icmpEcho({ id: own, payload }),
    reply: (own, payload) => icmpEcho({ id: own, reply: true, payload }),
  },
  SCTP: {
    request: (own, payload) => sctpData({ srcPort: own, dstPort: 9899, payload }),
    reply: (own, payload) => sctpData({ srcPort: 9899, dstPort: own, payload }),
  },
};
const NAMES = Object.keys(KINDS);

it("T20 round trip: 100,000 flows out, and the mirrored reply of each comes back to the very tuple, payload and all", async () => {
  const nat = await Nat.start({ engine: { connections: 1 << 17 } });
  const random = randomNumbers(20);
  let restored = 0;
  for (let round = 0; round < 100; round++) {
    const flows = Array.from({ length: 1000 }, (_, i) => {
      const number = round * 1000 + i;
      const kind = KINDS[NAMES[number % 4]];
      const own = number % 4 === 2 ? number % 65_536 : 1 + (number % 65_535);
      // A flow of its own each time: (remote, endpoint, port) never repeat.
      const remote = `198.18.${number >> 10}.${1 + (number & 127)}`;
      const src = random(2) ? INSIDE : OTHER_INSIDE;
      return { kind, own, remote, src, payload: randomBytes(random, random(32)) };
    });
    const sent = nat.send(
      flows.map(({ kind, own, remote, src, payload }) => outbound(kind.request(own, payload), { src, dst: remote })),
    );
    const back = nat.send(
      flows.map(({ kind, remote, payload }, i) => inbound(kind.reply(sent[i].natPort, payload), { src: remote })),
    );
    flows.forEach(({ kind, own, remote, src, payload }, i) => {
      const expected = ethernet(ipv4({ src: remote, dst: src }, kind.reply(own, payload)));
      if (back[i].action === "reverse" && Buffer.compare(back[i].frame, expected) === 0) restored++;
    });
  }
  expect(restored).toBe(100_000);
  nat.check();
});

const DATA: Record<string, (ports: { srcPort: number; dstPort: number }, payload: Uint8Array) => Layer4> = {
  TCP: (ports, payload) => tcp({ ...ports, flags: "PSH ACK", payload }),
  UDP: (ports, payload) => udp({ ...ports, payload }),
};

describe.each(Object.entries(DATA))(
  "T19 T20 an established %s flow with a hop between endpoint and gateway",
  (name, build) => {
    const { request, reply } = KINDS[name];
    const remotePort = name === "TCP" ? 443 : 53;
    const own = 700;

    async function established(): Promise<{ nat: Nat; port: number }> {
      const nat = await Nat.start({ hop: true });
      const { natPort } = nat.out(request(own, text("hello")));
      nat.back(reply(natPort, text("hello")));
      nat.out(build({ srcPort: own, dstPort: remotePort }, text("go on")));
      return { nat, port: natPort };
    }

    it("the TTL is one lower each way and nothing else differs but what a NAT changes; each frame counts under its action", async () => {
      const { nat, port } = await established();
      const payload = text("some data");
      for (const ttl of [2, 64, 255]) {
        const out = nat.out(build({ srcPort: own, dstPort: remotePort }, payload), { ttl });
        const sent = build({ srcPort: port, dstPort: remotePort }, payload);
        expect(out.frame).toEqual(ethernet(ipv4({ src: EXT, dst: REMOTE, ttl: ttl - 1 }, sent)));
        const back = nat.back(build({ srcPort: remotePort, dstPort: port }, payload), { ttl });
        const restored = build({ srcPort: remotePort, dstPort: own }, payload);
        expect(back.frame).toEqual(ethernet(ipv4({ src: REMOTE, dst: INSIDE, ttl: ttl - 1 }, restored)));
      }
      expect(nat.counters.actions).toMatchObject({ snat: 5, reverse: 4, drop: 0, pass: 0 });
      nat.check();
    });

    it.each([0, 1])("a frame with TTL %i ends at the gateway, whichever way it goes", async (ttl) => {
      const { nat, port } = await established();
      const ended = { action: "drop", reason: "ttl-exceeded" };
      expect(nat.out(build({ srcPort: own, dstPort: remotePort }, text("x")), { ttl })).toMatchObject(ended);
      expect(nat.back(build({ srcPort: remotePort, dstPort: port }, text("x")), { ttl })).toMatchObject(ended);
      nat.check();
    });
  },
);

describe.each(Object.entries(KINDS))("T26 two endpoints with one source port or id, %s", (_, kind) => {
  it("get different ones toward the same remote; in 340,000 replies none goes to the other", async () => {
    const nat = await Nat.start();
    const own = 40_000;
    const payload = text("who am I");
    const ports = [INSIDE, OTHER_INSIDE].map((src) => nat.out(kind.request(own, payload), { src }).natPort);
    expect(ports[0]).toBe(own);
    expect(ports[1]).not.toBe(own);
    let mixed = 0;
    for (let i = 0; i < 10; i++) {
      const replies = nat.send(
        Array.from({ length: 1000 }, (_, n) => inbound(kind.reply(ports[n % 2], Uint8Array.of(n >> 8, n & 255)))),
      );
      mixed += replies.filter(({ frame }, n) => frame[33] !== (n % 2 ? 3 : 2) || frame.at(-1) !== (n & 255)).length;
    }
    // The rest of a million over all kinds: whose address stands in the header.
    const { engine } = nat.rig;
    const batch = Array.from({ length: 1000 }, (_, n) => inbound(kind.reply(ports[n % 2], payload)));
    const volley = new Volley(engine, batch);
    for (let i = 0; i < 330; i++) {
      volley.send(0);
      volley.offsets.forEach((at, n) => {
        if (engine.action(n) !== ACTION_REVERSE || engine.arena[at + 33] !== (n % 2 ? 3 : 2)) mixed++;
      });
    }
    expect(mixed).toBe(0);
    expect(nat.verifier.finish().mismatches).toEqual([]);
    expect(nat.faults).toEqual([]);
    expect(nat.counters.actions).toMatchObject({ reverse: 340_000, drop: 0 });
  });

  it("may both keep theirs toward different remotes", async () => {
    const nat = await Nat.start();
    const outcomes = [
      nat.out(kind.request(40_000, text("a"))),
      nat.out(kind.request(40_000, text("b")), { src: OTHER_INSIDE, dst: OTHER_REMOTE }),
    ];
    expect(outcomes.map(({ natPort }) => natPort)).toEqual([40_000, 40_000]);
    nat.check();
  });
});

it("T28 after every packet each line of the table has a partner that points back and answers to what it writes", async () => {
  const nat = await Nat.start({ engine: { connections: 64 } });
  const random = randomNumbers(28);
  let most = 0;
  for (let i = 0, atMs = 0; i < 3000; i++) {
    atMs += random(3) === 0 ? random(20_000) : 0;
    const own = 500 + random(40);
    const kind = KINDS[NAMES[random(4)]];
    const flags = ["SYN", "ACK", "FIN ACK", "RST"][random(4)];
    const out = random(2) === 0;
    const src = random(2) ? INSIDE : OTHER_INSIDE;
    if (out)
      nat.out(random(2) ? kind.request(own, text("x")) : tcp({ srcPort: own, dstPort: 443, flags }), { src, atMs });
    else nat.back(tcp({ srcPort: 443, dstPort: 1024 + random(60_000), flags }), { atMs });
    most = Math.max(most, pairsIn(nat.rig.engine));
  }
  expect(most).toBeGreaterThan(40);
  nat.check();
});

it("T60 two first packets of one socket back to back make one mapping: 20,000 sockets, none dropped, no tuple given twice", async () => {
  const nat = await Nat.start({ engine: { connections: 1 << 15 } });
  const tuples = new Set<string>();
  for (let round = 0; round < 40; round++) {
    const remotes = Array.from({ length: 500 }, (_, i) => `198.18.1.${Math.floor((round * 500 + i) / 1000)}`);
    const frames = remotes.map((dst, i) => {
      const srcPort = 1 + (((round * 500 + i) >> 1) % 500);
      return outbound(udp({ srcPort, dstPort: 53 }), { dst, src: i % 2 ? INSIDE : OTHER_INSIDE });
    });
    const outcomes = nat.send(frames.flatMap((frame) => [frame, frame]));
    outcomes.forEach(({ action, natPort }, i) => {
      if (action !== "snat" || natPort !== outcomes[i & ~1].natPort) throw new Error(`round ${round}, frame ${i}`);
      tuples.add(`${remotes[i >> 1]} ${natPort}`);
    });
  }
  expect(tuples.size).toBe(20_000);
  expect(nat.counters.opened).toBe(20_000);
  nat.check();
});

it("T60 1,000,000 rounds of two first packets at once: one mapping each, none dropped, no tuple given twice", async () => {
  const SOCKETS = 1000;
  const nat = await Nat.start({ engine: { connections: 4096, maxBatch: 2 * SOCKETS } });
  // Two endpoints with the same ports: half of all sockets cannot keep theirs, and half lie out of the range.
  const frames = Array.from({ length: SOCKETS }, (_, i) =>
    outbound(udp({ srcPort: 774 + (i >> 1), dstPort: 53 }), { src: i % 2 ? INSIDE : OTHER_INSIDE }),
  );
  const { engine } = nat.rig;
  const volley = new Volley(
    engine,
    frames.flatMap((frame) => [frame, frame]),
  );
  let wrong = 0;
  for (let round = 0; round < 1000; round++) {
    // Longer than a mapping lives: each round makes its own.
    volley.send(round * 301_000);
    const given = new Set<number>();
    for (let i = 0; i < SOCKETS; i++) {
      const port = engine.natPort(2 * i);
      if (engine.action(2 * i) !== ACTION_SNAT || engine.action(2 * i + 1) !== ACTION_SNAT) wrong++;
      if (engine.natPort(2 * i + 1) !== port || given.has(port)) wrong++;
      given.add(port);
    }
  }
  expect(wrong).toBe(0);
  expect(nat.counters).toMatchObject({ opened: 1_000_000, expired: 999_000 });
  expect(pairsIn(engine)).toBe(SOCKETS);
});
