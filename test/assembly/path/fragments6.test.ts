import { describe, expect, it } from "vitest";
import { FRAGMENT_MS } from "../../../assembly/abi.js";
import {
  type Cut6,
  dualModel,
  EXT6,
  INSIDE6,
  OTHER_INSIDE6,
  piece6,
  pieces6,
  REMOTE6,
  reassemble6,
  whole6,
} from "../../nat/dual-stack.js";
import { Nat, type NatOptions } from "../../nat/rig.js";
import {
  ethernet,
  type Ipv6Extension,
  icmpEcho,
  ipv6,
  type Layer4,
  ORDERS_OF_THREE,
  otherProtocol,
  patterned,
  tcp,
  udp,
} from "../../support/frames.js";
import type { Outcome, RigFrame } from "./gateway-rig.js";

const SIZES = [1000, 1000];
const HOP_BY_HOP: Ipv6Extension = { type: 0, body: patterned(6) };
const OPTIONS: Ipv6Extension = { type: 60, body: patterned(22) };

const start = (options: NatOptions = {}) =>
  Nat.start({ ...options, model: dualModel(), engine: { connections6: 1024, ...options.engine } });

const sent = (fields: Partial<Cut6> & Pick<Cut6, "l4">): Cut6 => ({ src: INSIDE6, dst: REMOTE6, ...fields });
const replied = (fields: Partial<Cut6> & Pick<Cut6, "l4">): Cut6 => ({ src: REMOTE6, dst: EXT6, ...fields });

function frames(packets: readonly Uint8Array[], atMs = 0): RigFrame[] {
  return packets.map((frame) => {
    const isOut = frame[14 + 8] === 0xfd;
    return { hook: isOut ? "from-endpoint" : "from-network", frame, atMs };
  });
}

/** One piece of a datagram, as a frame. */
const piece = (cut: Cut6, from: number, to: number, next?: number): RigFrame =>
  frames([ethernet(piece6(cut, from, to, next))])[0]!;

/** The packet that comes of what left by `action`, held ones behind the one that released them. */
function arrived(nat: Nat, outcomes: readonly Outcome[], action: string): Uint8Array | undefined {
  const all = [...outcomes, ...nat.rig.released.map(({ outcome }) => outcome)];
  return reassemble6(all.filter((outcome) => outcome.action === action).map(({ frame }) => frame));
}

const reasonsOf = (outcomes: readonly Outcome[]) => outcomes.map(({ action, reason }) => reason || action);
const releasedReasons = (nat: Nat) => nat.rig.released.map(({ outcome }) => outcome.reason || outcome.action);

const SEGMENTS: Record<string, (src: number, dst: number, isReply: boolean) => Layer4> = {
  UDP: (srcPort, dstPort) => udp({ srcPort, dstPort, payload: patterned(2500) }),
  TCP: (srcPort, dstPort) => tcp({ srcPort, dstPort, flags: "ACK", payload: patterned(2500) }),
  echo: (src, dst, reply) => icmpEcho({ id: reply ? dst : src, reply, payload: patterned(2500) }),
};
const CHAINS: Record<string, Pick<Cut6, "before" | "after">> = {
  "no other header": {},
  "headers before the fragment header": { before: [HOP_BY_HOP, OPTIONS] },
  "headers behind it": { after: [OPTIONS, OPTIONS] },
  "headers on both sides": { before: [OPTIONS], after: [OPTIONS] },
};

describe.each(Object.keys(SEGMENTS))("T40 %s over IPv6 in three fragments", (name) => {
  const segment = SEGMENTS[name]!;

  it.each(Object.keys(CHAINS))(
    "with %s: the remote gets what the endpoint sent, and back, in every order",
    async (chain) => {
      for (const order of ORDERS_OF_THREE) {
        const nat = await start();
        if (name === "TCP")
          nat.send(frames([ethernet(whole6(sent({ l4: tcp({ srcPort: 7000, dstPort: 53, flags: "SYN" }) })))]));
        const fields = CHAINS[chain]!;
        const parts = frames(pieces6(sent({ l4: segment(7000, 53, false), ...fields }), SIZES));
        const outcomes = nat.send(order.map((i) => parts[i]!));
        expect(outcomes.slice(0, order.indexOf(0)).every(({ action }) => action === "hold")).toBe(true);
        expect(arrived(nat, outcomes, "snat")).toEqual(
          whole6({ ...sent({ l4: segment(7000, 53, false), ...fields }), src: EXT6 }),
        );
        const back = frames(pieces6(replied({ l4: segment(53, 7000, true), id: 0xfedcba98, ...fields }), SIZES));
        const answers = nat.send(order.map((i) => back[i]!));
        expect(arrived(nat, answers, "reverse")).toEqual(
          whole6({ ...replied({ l4: segment(53, 7000, true), ...fields }), dst: INSIDE6 }),
        );
        expect(nat.rig.heldCount).toBe(0);
        nat.check();
      }
    },
  );
});

describe("T41 IPv6 fragments that do not fit together", () => {
  const datagram = sent({ l4: udp({ srcPort: 7000, dstPort: 53, payload: patterned(72) }) });

  it("without their first one they are held and dropped when their time is over", async () => {
    const nat = await start();
    nat.send([piece(datagram, 24, 48), piece(datagram, 48, 80)]);
    const other = (atMs: number) =>
      frames([ethernet(ipv6({ src: INSIDE6, dst: REMOTE6 }, udp({ srcPort: 1, dstPort: 1 })))], atMs);
    nat.send(other(FRAGMENT_MS - 1));
    expect(nat.rig.heldCount).toBe(2);
    nat.send(other(FRAGMENT_MS));
    expect(releasedReasons(nat)).toEqual(["fragment-without-first", "fragment-without-first"]);
    nat.check();
  });

  it("what was held for one datagram does not leave with a later one of the same identification", async () => {
    const nat = await start();
    nat.send([piece(datagram, 24, 48)]);
    nat.send([{ ...piece(datagram, 0, 32), atMs: FRAGMENT_MS + 10 }]);
    expect(releasedReasons(nat)).toEqual(["fragment-without-first"]);
    nat.check();
  });

  it.each([
    ["by one unit of 8 bytes", 8, 24],
    ["by more than one", 24, 40],
    ["that lie in others", 40, 56],
    ["that cover others", 8, 72],
  ])("overlapping ones %s: from the first one on nothing leaves any more (RFC 5722)", async (_, from, to) => {
    const nat = await start();
    const outcomes = nat.send([
      piece(datagram, 0, 16),
      piece(datagram, 32, 64),
      piece(datagram, from, to),
      piece(datagram, 16, 32),
      piece(datagram, 64, 80),
      piece(datagram, 0, 16),
    ]);
    expect(reasonsOf(outcomes)).toEqual(["snat", "snat", ...Array(4).fill("fragment-overlap")]);
    nat.check();
  });

  it("what was held goes with an overlap, unsent", async () => {
    const nat = await start();
    nat.send([piece(datagram, 32, 64), piece(datagram, 40, 72), piece(datagram, 0, 32)]);
    expect(releasedReasons(nat)).toEqual(["fragment-overlap"]);
    expect(nat.counters.actions.snat).toBe(0);
    nat.check();
  });

  it("the same fragment twice: the second is dropped, the datagram goes on", async () => {
    const nat = await start();
    const [first, second, third] = [piece(datagram, 0, 32), piece(datagram, 32, 64), piece(datagram, 64, 80)];
    const outcomes = nat.send([first, second, second, first, third]);
    expect(reasonsOf(outcomes)).toEqual(["snat", "snat", "fragment-duplicate", "fragment-duplicate", "snat"]);
    expect(arrived(nat, outcomes, "snat")).toEqual(whole6({ ...datagram, src: EXT6 }));
    nat.check();
  });

  it("a datagram of more than 65,535 bytes behind its IPv6 header, an empty fragment and an odd middle (RFC 8200 section 4.5)", async () => {
    const nat = await start();
    const part = (from: number, length: number, more: boolean, extensions: Ipv6Extension[] = []): RigFrame => {
      const fields = { src: INSIDE6, dst: REMOTE6, extensions, fragment: { id: 7 + from, offset: from, more } };
      return frames([ethernet(ipv6(fields, otherProtocol(17, patterned(length))))])[0]!;
    };
    const outcomes = nat.send([
      part(65_528, 7, false),
      part(65_528, 8, false),
      part(65_520, 7, false, [HOP_BY_HOP]),
      part(65_520, 8, false, [HOP_BY_HOP]),
      part(16, 0, true),
      part(16, 9, true),
    ]);
    const held = "fragment-without-first";
    expect(reasonsOf(outcomes)).toEqual([held, "bad-header", held, "bad-header", "bad-header", "bad-header"]);
    nat.check();
  });

  it("a first one without the whole header chain is dropped as tiny (RFC 7112), wherever the chain is cut", async () => {
    const segment = tcp({ srcPort: 7000, dstPort: 53, flags: "SYN", payload: patterned(40), options: patterned(8) });
    const chain = sent({ l4: segment, after: [OPTIONS, OPTIONS] });
    // 24 bytes of options twice, then 28 of TCP: 76 bytes.
    for (const to of [8, 16, 24, 40, 48, 56, 64, 72, 80]) {
      const nat = await start();
      const outcomes = nat.send([piece(chain, 0, to), piece(chain, to, 116)]);
      const isTiny = to < 76;
      expect(outcomes[0], `${to}`).toMatchObject(
        isTiny ? { action: "drop", reason: "fragment-tiny" } : { action: "snat" },
      );
      expect(outcomes[1]!.action).toBe(isTiny ? "hold" : "snat");
      expect(nat.counters.opened).toBe(isTiny ? 0 : 1);
      nat.check();
    }
  });

  it("a fragment header behind the first one's is no header of this datagram, unless it is atomic (RFC 6946)", async () => {
    const inner = (word: number): Ipv6Extension => ({
      type: 44,
      body: Uint8Array.of(word >> 8, word & 255, 0, 0, 0, 9),
    });
    const l4 = udp({ srcPort: 7000, dstPort: 53, payload: patterned(72) });
    for (const [word, reason] of [
      [0x0001, "bad-header"],
      [0x0010, "bad-header"],
      [0x0000, "snat"],
    ] as const) {
      const nat = await start();
      const body = whole6(sent({ l4, after: [inner(word)] })).slice(40);
      body[1] = 0;
      body.set([word >> 8, word & 255], 2);
      const outer = { src: INSIDE6, dst: REMOTE6, fragment: { id: 7, more: true } };
      const [frame] = frames([ethernet(ipv6(outer, otherProtocol(44, body.slice(0, 40))))]);
      expect(reasonsOf(nat.send([frame!])), `${word}`).toEqual([reason]);
      nat.check();
    }
  });
});

describe("IPv6 fragments", () => {
  const datagram = sent({ l4: udp({ srcPort: 7000, dstPort: 53, payload: patterned(72) }) });

  it("belong together whatever the next header of the later ones says (RFC 8200 section 4.5)", async () => {
    const nat = await start();
    const outcomes = nat.send([piece(datagram, 0, 32), piece(datagram, 32, 64, 59), piece(datagram, 64, 80, 6)]);
    expect(reasonsOf(outcomes)).toEqual(["snat", "snat", "snat"]);
    expect(arrived(nat, outcomes, "snat")).toEqual(whole6({ ...datagram, src: EXT6 }));
    // Another next header does not make it another datagram.
    const again = nat.send([piece(datagram, 0, 32), piece(datagram, 24, 64, 6)]);
    expect(reasonsOf(again)).toEqual(["snat", "fragment-overlap"]);
    nat.check();
  });

  it("have an identification of 32 bits: datagrams that differ in any of them have nothing to do with each other", async () => {
    const nat = await start();
    const ids = [0, ...Array.from({ length: 32 }, (_, bit) => 2 ** bit)];
    const all = ids.map((id) => ({ ...datagram, id }));
    const outcomes = nat.send([
      ...all.map((one) => piece(one, 0, 32)),
      ...all.map((one) => piece(one, 64, 80)),
      ...all.map((one) => piece(one, 32, 64)),
    ]);
    expect(new Set(reasonsOf(outcomes))).toEqual(new Set(["snat"]));
    nat.check();
  });

  it("that are atomic touch no datagram of the same identification (RFC 6946)", async () => {
    const nat = await start();
    const atomic = frames([ethernet(ipv6({ src: INSIDE6, dst: REMOTE6, fragment: { id: 7 } }, datagram.l4))]);
    const outcomes = nat.send([piece(datagram, 0, 32), ...atomic, piece(datagram, 32, 80), ...atomic]);
    expect(reasonsOf(outcomes)).toEqual(["snat", "snat", "snat", "snat"]);
    nat.check();
  });

  it("T43 of two endpoints to one remote under one identification: the second waits for another one, whatever its protocol", async () => {
    const nat = await start();
    const echo = { ...sent({ l4: icmpEcho({ id: 9, payload: patterned(72) }) }), src: OTHER_INSIDE6 };
    const outcomes = nat.send([
      piece(datagram, 0, 32),
      piece(echo, 0, 32),
      piece(echo, 32, 80),
      piece(datagram, 32, 80),
    ]);
    expect(reasonsOf(outcomes)).toEqual(["snat", "fragment-id-taken", "fragment-id-taken", "snat"]);
    const again = { ...echo, id: 0x77 };
    expect(reasonsOf(nat.send([piece(again, 0, 32), piece(again, 32, 80)]))).toEqual(["snat", "snat"]);
    nat.check();
  });

  it("in profile cilium are dropped where their first one comes later", async () => {
    const nat = await start({ engine: { natProfile: "cilium" }, verifier: { natProfile: "cilium" } });
    const outcomes = nat.send([piece(datagram, 64, 80), piece(datagram, 0, 32), piece(datagram, 32, 64)]);
    expect(reasonsOf(outcomes)).toEqual(["fragment-without-first", "snat", "snat"]);
    nat.check();
  });
});
