import { describe, expect, it } from "vitest";
import { ACTION_HOLD, FRAGMENT_MS, HOOK_FROM_ENDPOINT, LINK_ETHERNET } from "../../assembly/abi.js";
import { compilePolicy } from "../../src/engine/blob.js";
import type { Outcome } from "../assembly/path/gateway-rig.js";
import { endpoint, NOON } from "../engine/model.js";
import { icmpEcho, ORDERS_OF_THREE, onesSum, patterned, tcp, udp } from "../support/frames.js";
import { head, piece, pieces } from "./pieces.js";
import { EXT, INSIDE, Nat, natModel, OTHER_EXT, OTHER_INSIDE, outbound, REMOTE } from "./rig.js";

/** What a receiver makes of the fragments that left: the payload behind the IP header, complete or not at all. */
function reassemble(frames: readonly Uint8Array[]): { src: string; dst: string; body: Uint8Array } | undefined {
  const bytes = new Map<number, number>();
  let total = -1;
  let ends = { src: "", dst: "" };
  for (const frame of frames) {
    const packet = frame.subarray(14);
    const word = (packet[6] << 8) | packet[7];
    const from = (word & 0x1fff) * 8;
    const body = packet.subarray((packet[0] & 15) * 4);
    ends = { src: packet.subarray(12, 16).join("."), dst: packet.subarray(16, 20).join(".") };
    expect(onesSum(packet.subarray(0, 20))).toBe(0xffff);
    body.forEach((byte, i) => {
      bytes.set(from + i, byte);
    });
    if (!(word & 0x2000)) total = from + body.length;
  }
  if (bytes.size !== total) return undefined;
  return { ...ends, body: Uint8Array.from({ length: total }, (_, i) => bytes.get(i) ?? -1) };
}

/** One's-complement sum of a transport segment and its pseudo-header; 0xFFFF where its checksum is right. */
function segmentSum({ src, dst, body }: { src: string; dst: string; body: Uint8Array }, protocol: number): number {
  const octets = (address: string) => Uint8Array.from(address.split("."), Number);
  if (protocol === 1) return onesSum(body);
  return onesSum(octets(src), octets(dst), Uint8Array.of(0, protocol, body.length >> 8, body.length & 255), body);
}

/** Frames that left by `action`, held ones behind the one that released them. */
function left(nat: Nat, outcomes: readonly Outcome[], action: string): Uint8Array[] {
  const all = [...outcomes, ...nat.rig.released.map(({ outcome }) => outcome)];
  return all.filter((outcome) => outcome.action === action).map(({ frame }) => frame);
}

const reasonsOf = (outcomes: readonly Outcome[]) => outcomes.map(({ action, reason }) => reason || action);

const DATAGRAMS = [
  ["UDP", 17, (src: number, dst: number) => udp({ srcPort: src, dstPort: dst, payload: patterned(2500) })],
  ["TCP", 6, (src: number, dst: number) => tcp({ srcPort: src, dstPort: dst, flags: "ACK", payload: patterned(2500) })],
] as const;

describe("T40 all six orders of three fragments", () => {
  for (const [name, protocol, segment] of DATAGRAMS) {
    for (const order of ORDERS_OF_THREE) {
      it(`${name} from an endpoint, ${order.join(" ")}: all leave with the egress IP, and their checksum is right together`, async () => {
        const nat = await Nat.start();
        if (protocol === 6) nat.out(tcp({ srcPort: 700, dstPort: 53, flags: "SYN" }));
        const parts = pieces(segment(700, 53));
        const outcomes = nat.send(order.map((i) => parts[i]));
        const whole = reassemble(left(nat, outcomes, "snat"));
        expect(whole).toMatchObject({ src: EXT, dst: REMOTE });
        expect(segmentSum(whole!, protocol)).toBe(0xffff);
        const early = order.indexOf(0);
        expect(outcomes.slice(0, early).every(({ action }) => action === "hold")).toBe(true);
        expect(nat.counters.actions.hold).toBe(early);
        expect(nat.rig.heldCount).toBe(0);
        nat.check();
      });

      it(`${name} from the remote, ${order.join(" ")}: all come to the endpoint`, async () => {
        const nat = await Nat.start();
        const opened = nat.out(
          protocol === 6 ? tcp({ srcPort: 700, dstPort: 53, flags: "SYN" }) : udp({ srcPort: 700, dstPort: 53 }),
        );
        const parts = pieces(segment(53, opened.natPort), { src: REMOTE, dst: EXT });
        const outcomes = nat.send(order.map((i) => parts[i]));
        const whole = reassemble(left(nat, outcomes, "reverse"));
        expect(whole).toMatchObject({ src: REMOTE, dst: INSIDE });
        expect(segmentSum(whole!, protocol)).toBe(0xffff);
        expect(whole!.body[2] * 256 + whole!.body[3]).toBe(700);
        nat.check();
      });
    }
  }

  it("released frames come right behind their first fragment, in the order in which they were held, whatever the batch size", async () => {
    const between = outbound(udp({ srcPort: 9, dstPort: 9 }));
    const parts = pieces(udp({ srcPort: 700, dstPort: 53, payload: patterned(3500) }), { sizes: [1000, 1000, 1000] });
    const frames = [parts[3], parts[1], between, parts[0], between, parts[2]];
    const runs = [];
    for (const size of [1, 2, 6]) {
      const nat = await Nat.start();
      const outcomes = nat.rig.send(frames, size);
      runs.push({ outcomes, released: nat.rig.released.map(({ outcome }) => outcome), counters: nat.counters });
      expect(nat.rig.released.map(({ sent }) => sent.frame)).toEqual([parts[3].frame, parts[1].frame]);
    }
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]).toEqual(runs[0]);
  });

  it.each([62, 63, 64, 127])(
    "ends a batch with the frame that releases, frame %i of it, wherever the engine's own blocks end",
    async (at) => {
      const [first, held] = pieces(udp({ srcPort: 700, dstPort: 53, payload: patterned(1500) }));
      const others = Array.from({ length: 130 }, (_, i) => outbound(udp({ srcPort: 2000 + i, dstPort: 9 })));
      // All connections that there is room for: one frame too early or too late would have another verdict.
      const frames = [held, ...others.slice(0, at), first, ...others.slice(at)];
      const runs = [];
      for (const size of [1, frames.length]) {
        const nat = await Nat.start({ engine: { connections: 64, connections6: 0 } });
        const outcomes = nat.rig.send(frames, size);
        runs.push({ outcomes, released: nat.rig.released.map(({ outcome }) => outcome), counters: nat.counters });
      }
      expect(runs[0].released).toHaveLength(1);
      expect(runs[1]).toEqual(runs[0]);
    },
  );

  it("in profile cilium a later fragment before its first is dropped, and so is only that one", async () => {
    const nat = await Nat.start({ engine: { natProfile: "cilium" }, verifier: { natProfile: "cilium" } });
    const parts = pieces(udp({ srcPort: 700, dstPort: 53, payload: patterned(2500) }));
    expect(reasonsOf(nat.send([parts[1], parts[0], parts[2]]))).toEqual(["fragment-without-first", "snat", "snat"]);
    nat.check();
  });
});

describe("T41 fragments that do not fit together", () => {
  it("without their first one they are held and dropped when their time is over", async () => {
    const nat = await Nat.start();
    const [, second, third] = pieces(udp({ srcPort: 700, dstPort: 53, payload: patterned(2500) }));
    expect(reasonsOf(nat.send([second, third]))).toEqual(["fragment-without-first", "fragment-without-first"]);
    expect(nat.rig.heldCount).toBe(2);
    const other = udp({ srcPort: 1, dstPort: 1 });
    nat.out(other, { atMs: FRAGMENT_MS - 1 });
    expect(nat.rig.heldCount).toBe(2);
    nat.out(other, { atMs: FRAGMENT_MS });
    expect(nat.rig.released.map(({ outcome }) => `${outcome.action} ${outcome.reason}`)).toEqual([
      "drop fragment-without-first",
      "drop fragment-without-first",
    ]);
    nat.check();
  });

  const overlaps = [
    ["by one unit of 8 bytes", 8, 24],
    ["by more than one", 24, 40],
    ["that lie in others", 40, 56],
    ["that cover others", 8, 72],
  ] as const;
  for (const [how, from, to] of overlaps) {
    it(`overlapping ones ${how}: from the first one on nothing leaves any more`, async () => {
      const nat = await Nat.start();
      const payload = patterned(128);
      const outcomes = nat.send([
        piece(0, head(16), true),
        piece(32, payload.subarray(0, 32), true),
        piece(from, payload.subarray(0, to - from), true),
        piece(16, payload.subarray(0, 16), true),
        piece(64, payload.subarray(0, 16), false),
        piece(0, head(16), true),
      ]);
      expect(reasonsOf(outcomes)).toEqual(["snat", "snat", ...Array(4).fill("fragment-overlap")]);
      nat.check();
    });
  }

  it("what was held goes with an overlap, unsent", async () => {
    const nat = await Nat.start();
    const payload = patterned(64);
    nat.send([piece(32, payload, true), piece(40, payload, true), piece(0, head(32), true)]);
    expect(nat.rig.released.map(({ outcome }) => outcome.reason)).toEqual(["fragment-overlap"]);
    expect(nat.counters.actions.snat).toBe(0);
    nat.check();
  });

  it("an overlap in the last bytes only, and a second end of the same datagram", async () => {
    const nat = await Nat.start();
    const outcomes = nat.send([
      piece(0, head(32), true),
      piece(40, patterned(13), false),
      piece(40, patterned(14), false),
      piece(56, patterned(8), false),
    ]);
    expect(reasonsOf(outcomes)).toEqual(["snat", "snat", "fragment-overlap", "fragment-overlap"]);
    nat.check();
  });

  it("the same fragment twice: the second is dropped, the datagram goes on", async () => {
    const nat = await Nat.start();
    const parts = pieces(udp({ srcPort: 700, dstPort: 53, payload: patterned(2500) }));
    const outcomes = nat.send([parts[0], parts[1], parts[1], parts[0], parts[2]]);
    expect(reasonsOf(outcomes)).toEqual(["snat", "snat", "fragment-duplicate", "fragment-duplicate", "snat"]);
    nat.check();
  });

  it("an end beyond 65,535 bytes (ping of death), no payload, and a middle that is no multiple of 8 bytes", async () => {
    const nat = await Nat.start();
    const outcomes = nat.send([
      piece(65_512, patterned(4), false),
      piece(65_512, patterned(3), false),
      piece(16, new Uint8Array(0), true),
      piece(16, patterned(9), true),
    ]);
    expect(reasonsOf(outcomes)).toEqual(["bad-header", "fragment-without-first", "bad-header", "bad-header"]);
    expect(outcomes[1].action).toBe("hold");
    nat.check();
  });

  it("a first one too short for its transport header, and the one behind it that would write into that", async () => {
    const nat = await Nat.start();
    const segment = tcp({ srcPort: 700, dstPort: 53, flags: "SYN", payload: patterned(64) });
    const parts = pieces(segment, { sizes: [8, 8, 8] });
    const outcomes = nat.send(parts);
    expect(outcomes[0]).toMatchObject({ action: "drop", reason: "fragment-tiny" });
    expect(outcomes.slice(1).every(({ action }) => action === "hold")).toBe(true);
    expect(nat.counters.opened).toBe(0);
    // RFC 3128: what says where the flags are must not be said twice.
    const [first, ...rest] = pieces(segment, { id: 7, sizes: [24, 24] });
    const second = piece(8, patterned(16), true, { id: 7 });
    second.frame[14 + 9] = 6;
    second.frame.set([0, 0], 24);
    second.frame.set(
      [(~onesSum(second.frame.subarray(14, 34)) >> 8) & 255, ~onesSum(second.frame.subarray(14, 34)) & 255],
      24,
    );
    expect(reasonsOf(nat.send([first, second, ...rest]))).toEqual([
      "snat",
      ...Array(rest.length + 1).fill("fragment-overlap"),
    ]);
    nat.check();
  });
});

it("T42 a fragmented echo request of 3,000 bytes and its reply are translated both ways", async () => {
  const nat = await Nat.start();
  const parts = pieces(icmpEcho({ id: 77, seq: 1, payload: patterned(3000) }), {
    sizes: [1480, 1480],
  });
  const outcomes = nat.send(parts);
  const request = reassemble(left(nat, outcomes, "snat"));
  expect(request).toMatchObject({ src: EXT, dst: REMOTE });
  expect(onesSum(request!.body)).toBe(0xffff);
  const reply = icmpEcho({ reply: true, id: outcomes[0].natPort, seq: 1, payload: patterned(3000) });
  const answers = nat.send(pieces(reply, { src: REMOTE, dst: EXT, sizes: [1480, 1480] }));
  const answer = reassemble(left(nat, answers, "reverse"));
  expect(answer).toMatchObject({ src: REMOTE, dst: INSIDE });
  expect(onesSum(answer!.body)).toBe(0xffff);
  expect(answer!.body[4] * 256 + answer!.body[5]).toBe(77);
  nat.check();
});

it("T43 two endpoints, the same identification, one remote: the second is refused until the first one's datagram is complete", async () => {
  const nat = await Nat.start();
  const datagram = udp({ srcPort: 700, dstPort: 53, payload: patterned(2500) });
  const first = pieces(datagram);
  const second = pieces(datagram, { src: OTHER_INSIDE });
  const outcomes = nat.send([first[0], second[0], second[1], first[1], first[2], second[2]]);
  expect(reasonsOf(outcomes)).toEqual([
    "snat",
    "fragment-id-taken",
    "fragment-id-taken",
    "snat",
    "snat",
    "fragment-id-taken",
  ]);
  expect(reassemble(left(nat, outcomes, "snat"))).toBeDefined();
  // In another protocol, or once that datagram is through, it is free.
  expect(reasonsOf(nat.send(pieces(datagram, { src: OTHER_INSIDE, id: 0x4243 })))).toEqual(["snat", "snat", "snat"]);
  nat.check();
});

it("what a frame's own time releases, or the row that it takes, makes room for it to be held", async () => {
  const nat = await Nat.start({ engine: { fragments: 4 } });
  const datagram = udp({ srcPort: 700, dstPort: 53, payload: patterned(2500) });
  const at = (id: number, atMs: number) => pieces(datagram, { id, atMs });
  for (let id = 1; id <= 4; id++) expect(nat.one(at(id, id)[1])).toMatchObject({ action: "hold" });
  // The oldest datagram makes room for a fifth one.
  expect(nat.one(at(5, 5)[1])).toMatchObject({ action: "hold" });
  expect(nat.rig.heldCount).toBe(4);
  // All four have waited for too long by the time of the sixth.
  const [first, second] = at(6, 5 + FRAGMENT_MS);
  expect(nat.one(second)).toMatchObject({ action: "hold" });
  expect(nat.rig.heldCount).toBe(1);
  expect(nat.one(first)).toMatchObject({ action: "snat" });
  expect(reasonsOf(nat.rig.released.map(({ outcome }) => outcome))).toEqual([
    ...Array.from({ length: 5 }, () => "fragment-without-first"),
    "snat",
  ]);
  nat.check();
});

it("a host that takes the list of released frames late finds all of them there, and its delay changes nothing", async () => {
  const { engine } = (await Nat.start({ engine: { fragments: 4 } })).rig;
  const datagram = udp({ srcPort: 700, dstPort: 53, payload: patterned(2500) });
  const give = (id: number, place: number, atMs: number) => {
    const { frame } = pieces(datagram, { id })[place];
    const time = 1_790_000_000_000_000_000n + BigInt(atMs) * 1_000_000n;
    engine.arena.set(frame);
    const when = [Number(time & 0xffff_ffffn), Number(time >> 32n)] as const;
    engine.setFrame(0, 0, frame.length, frame.length, HOOK_FROM_ENDPOINT, LINK_ETHERNET, 0, ...when);
    engine.process(1);
    return engine.action(0) === ACTION_HOLD ? engine.holdNumber(0) : 0;
  };
  const held = [1, 2, 3, 4].map((id) => give(id, 1, id));
  const late = [5, 6, 7, 8].map((id) => give(id, 1, 5 + FRAGMENT_MS));
  expect([...held, ...late].every((number) => number > 0)).toBe(true);
  for (const id of [5, 6, 7, 8]) give(id, 0, 5 + FRAGMENT_MS);
  expect(engine.takeReleased()).toEqual([...held, ...late]);
});

it("T44 a flood of a million first fragments: memory and plain traffic are as without it", async () => {
  const FLOOD = 1_000_000;
  const quiet = await Nat.start({ engine: { connections: 2048, fragments: 256 } });
  const flooded = await Nat.start({ engine: { connections: 2048, fragments: 256 } });
  const flow = (i: number) => outbound(udp({ srcPort: 2000 + (i % 64), dstPort: 53, payload: patterned(32, i) }));
  const first = piece(0, head(16), true).frame;
  const { engine } = flooded.rig;
  const size = engine.memory.size;
  let sent = 0;
  for (let round = 0; round < 10; round++) {
    const frames = Array.from({ length: 16 }, (_, i) => flow(round * 16 + i));
    expect(flooded.send(frames)).toEqual(quiet.send(frames));
    for (; sent < (FLOOD / 10) * (round + 1); sent += 1000) {
      const batch = Array.from({ length: 1000 }, (_, i) => {
        const frame = first.slice();
        const id = (sent + i) & 0xffff;
        frame.set([id >> 8, id & 255], 18);
        frame[30] = 1 + ((sent + i) >> 16);
        return { hook: "from-endpoint" as const, frame };
      });
      flooded.rig.send(batch);
    }
  }
  expect(engine.memory.size).toBe(size);
  const { fragmentsEvicted } = flooded.counters;
  expect(fragmentsEvicted).toBe(FLOOD - 256);
});

it("a datagram whose connection moves between its fragments ends there: none of them leaves under another address", async () => {
  const both = natModel();
  const nat = await Nat.start({ model: both });
  const [first, second, third] = pieces(udp({ srcPort: 700, dstPort: 53, payload: patterned(2500) }));
  expect(nat.one(first)).toMatchObject({ action: "snat", egressIP: EXT });
  const moved = { ...both, policySets: [both.policySets[1], both.policySets[0]] };
  nat.rig.engine.loadPolicy(compilePolicy(moved, { natProfile: "rfc" }));
  expect(nat.rig.one(second)).toMatchObject({ action: "drop", reason: "fragment-without-first" });
  expect(nat.rig.one(outbound(udp({ srcPort: 700, dstPort: 53 })))).toMatchObject({
    action: "snat",
    egressIP: OTHER_EXT,
  });
  expect(nat.rig.one(third)).toMatchObject({ action: "drop", reason: "fragment-without-first" });
});

it("what is held while a policy selects it is dropped when its time is over, although none does by then", async () => {
  const nat = await Nat.start();
  const [, second] = pieces(udp({ srcPort: 700, dstPort: 53, payload: patterned(1200) }));
  nat.one(second);
  const none = { ...nat.model, policySets: nat.model.policySets.map(() => ({ entries: [] })) };
  nat.rig.engine.loadPolicy(compilePolicy(none, { natProfile: "rfc" }));
  nat.verifier.policiesChanged(none, NOON);
  expect(nat.back(udp({ srcPort: 1, dstPort: 1 }), { atMs: FRAGMENT_MS })).toMatchObject({ action: "drop" });
  expect(nat.rig.released.map(({ outcome }) => outcome.reason)).toEqual(["fragment-without-first"]);
  nat.check();
});

describe("an address that has another owner in mid-datagram", () => {
  const at = (ms: number) => NOON + BigInt(ms) * 1_000_000n;
  /** From 10 s on the address is another pod's. */
  const inherited = () => {
    const base = natModel();
    const owners = [
      endpoint("pod-0", [INSIDE], { node: "gw-a", toNs: at(10_000) }),
      endpoint("heir", [INSIDE], { node: "gw-a", fromNs: at(10_000) }),
    ];
    return { ...base, endpoints: [...owners, ...base.endpoints.slice(1)] };
  };
  const query = (atMs: number) => pieces(udp({ srcPort: 7000, dstPort: 53, payload: patterned(1200) }), { atMs });
  const answer = (atMs: number) =>
    pieces(udp({ srcPort: 53, dstPort: 7000, payload: patterned(1200) }), { src: REMOTE, dst: EXT, atMs });

  it("lets nothing go on with it that somebody else began", async () => {
    const nat = await Nat.start({ model: inherited() });
    const sent = [query(0)[0], query(11_000)[1], query(12_000)[0]];
    expect(reasonsOf(nat.send(sent))).toEqual(["snat", "fragment-without-first", "fragment-id-taken"]);
    expect(nat.rig.released.map(({ outcome }) => outcome.reason)).toEqual(["fragment-id-taken"]);
    nat.check();
  });

  it("lets nothing go with it that was held for somebody else", async () => {
    const nat = await Nat.start({ model: inherited() });
    nat.send([query(0)[1], query(11_000)[0], outbound(udp({ srcPort: 1, dstPort: 1 }), { atMs: FRAGMENT_MS })]);
    expect(nat.counters.actions).toMatchObject({ hold: 1, snat: 2 });
    expect(nat.rig.released.map(({ outcome }) => outcome.reason)).toEqual(["fragment-without-first"]);
    nat.check();
  });

  it("gives it no more of the answers that the one before was given the beginning of", async () => {
    for (const asksAgain of [false, true]) {
      const nat = await Nat.start({ model: inherited() });
      nat.send([outbound(udp({ srcPort: 7000, dstPort: 53 })), answer(1)[0]]);
      if (asksAgain) expect(nat.out(udp({ srcPort: 7000, dstPort: 53 }), { atMs: 11_000 }).natPort).toBe(7000);
      const late = nat.one(answer(12_000)[1]);
      expect(late).toMatchObject({ action: "drop", reason: "fragment-without-first" });
      nat.check();
    }
  });
});
