import { describe, expect, it } from "vitest";
import type { FrameObservation } from "../../src/verify/types.js";
import type { VerifierOptions } from "../../src/verify/verifier.js";
import {
  ethernet,
  icmpEcho,
  icmpMessage,
  ipv4,
  ipv6,
  type Layer4,
  otherProtocol,
  type PseudoHeader,
  patterned,
  sctp,
  tcp,
  udp,
} from "../support/frames.js";
import {
  address,
  changed,
  datagram,
  EGRESS_A,
  EGRESS_B,
  EGRESS6_A,
  EXCLUDED,
  forgot,
  model,
  POD,
  POD_B,
  POD6,
  poke,
  REMOTE,
  REMOTE6,
  Scene,
  seconds,
} from "./scene.js";

const RFC: Partial<VerifierOptions> = { natProfile: "rfc" };
const PORT = 40000;
const LENGTH = 72;

/** One fragment, and what became of it: left, was held, or was dropped for a reason. */
interface Step {
  /** Bytes of the datagram, of which there are 72. */
  from?: number;
  to?: number;
  more?: boolean;
  fate?: string;
  at?: number;
  pod?: string;
  as?: string;
  id?: number;
  /** Next header of an IPv6 fragment. */
  next?: number;
  remote?: string;
  l4?: Layer4;
  observed?: Partial<FrameObservation>;
}

const FIRST = { to: 24 };
const MIDDLE = { from: 24, to: 48 };
const LAST = { from: 48 };

function fragment(src: string, dst: string, ttl: number, step: Step, port: number): Uint8Array {
  const { from = 0, to = LENGTH, more = to < LENGTH, id = 5, l4 } = step;
  const isIpv6 = src.includes(":");
  const whole = l4 ?? udp({ srcPort: port, dstPort: 53, payload: patterned(LENGTH - 8) });
  const part: Layer4 = {
    protocol: (family) => (from > 0 ? step.next : undefined) ?? whole.protocol(family),
    bytes: (pseudo: PseudoHeader) => {
      const bytes = whole.bytes(pseudo);
      return bytes.length < to ? patterned(to - from) : bytes.slice(from, to);
    },
  };
  if (isIpv6) return ethernet(ipv6({ src, dst, hopLimit: ttl, fragment: { id, offset: from, more } }, part));
  return ethernet(ipv4({ src, dst, ttl, id, fragmentOffset: from, moreFragments: more }, part));
}

/** The fragments through a scene, in order. */
function play(
  steps: readonly Step[],
  options: Partial<VerifierOptions> = RFC,
  scene = new Scene(undefined, options),
): Scene {
  for (const step of steps) {
    const { pod = POD, fate = "snat", at = 0 } = step;
    const isIpv6 = pod.includes(":");
    const { remote = isIpv6 ? REMOTE6 : REMOTE, as = isIpv6 ? EGRESS6_A : EGRESS_A } = step;
    const given = fragment(pod, remote, 64, step, PORT);
    const isOut = fate === "snat";
    const result = isOut ? fragment(as, remote, 63, step, PORT + 1) : given;
    const isAction = isOut || fate === "hold" || fate === "pass";
    scene.see({
      action: isAction ? (fate as "snat") : "drop",
      reason: isAction ? "" : fate,
      egress: isOut ? (as === EGRESS_B ? 1 : 0) : -1,
      timeNs: seconds(at),
      captured: given,
      given,
      result,
      ...step.observed,
    });
  }
  return scene;
}

const faults = (steps: readonly Step[], options?: Partial<VerifierOptions>) => play(steps, options).faults;
const dropped = (...reasons: string[]) => reasons.map((reason) => `fragment-${reason}`);
const [OVERLAP, DUPLICATE, TAKEN, WITHOUT_FIRST, TINY, UNSUPPORTED] = dropped(
  "overlap",
  "duplicate",
  "id-taken",
  "without-first",
  "tiny",
  "unsupported",
) as [string, string, string, string, string, string];

describe.each([
  ["IPv4", {}],
  ["IPv6", { pod: POD6 }],
] as const)("fragments of %s", (_, family) => {
  const of = (...steps: Step[]) => steps.map((step) => ({ ...family, ...step }));

  it("leave with one address, the checksum moved in the first alone", () => {
    expect(faults(of(FIRST, MIDDLE, LAST))).toEqual([]);
    expect(faults(of(FIRST, LAST, MIDDLE), {})).toEqual([]);
  });

  it("that wait for their first one are held, and come again", () => {
    const held = of({ ...LAST, fate: "hold" }, { ...MIDDLE, fate: "hold" });
    const scene = play([...held, ...of(FIRST, LAST, MIDDLE)]);
    expect(scene.result).toMatchObject({ ok: true, framesChecked: 3 });
    expect(faults([...held, ...of(FIRST, MIDDLE, { ...LAST, fate: WITHOUT_FIRST })])).toEqual(["drop-reason at 5"]);
    expect(faults([...held, ...of({ ...LAST, fate: WITHOUT_FIRST, at: 20 })])).toEqual(["drop-reason at 3"]);
    expect(faults([...held, ...of({ ...LAST, fate: WITHOUT_FIRST, at: 31 })])).toEqual([]);
    expect(faults([...held, ...of({ ...LAST, fate: "hold" })])).toEqual(["fragment at 3"]);
    expect(faults([...held, ...of({ ...LAST, fate: DUPLICATE }, FIRST, LAST, MIDDLE)])).toEqual([]);
  });

  it("are held by one profile only, in a gateway's way only, and not behind their first one", () => {
    expect(faults(of({ ...MIDDLE, fate: "hold" }), {})).toEqual(["fragment at 1"]);
    expect(faults(of({ ...FIRST, fate: "hold" }))).toEqual(["fragment at 1"]);
    expect(faults(of(FIRST, { ...MIDDLE, fate: "hold" }))).toEqual(["fragment at 2"]);
    expect(faults(of({ ...MIDDLE, fate: "hold", pod: POD, remote: EXCLUDED }))).toEqual(["fragment at 1"]);
    expect(new Scene(undefined, RFC).fromEndpoint("hold", "").faults).toEqual(["fragment at 1"]);
  });

  it("that are held stay as they are", () => {
    const given = fragment(POD, REMOTE, 64, MIDDLE, PORT);
    const scene = new Scene(undefined, RFC).see({ action: "hold", captured: given, given, result: poke(given, -1, 1) });
    expect(scene.faults).toEqual(["untouched at 1"]);
  });

  it("do not leave before their first one", () => {
    expect(faults(of(MIDDLE))).toEqual(["fragment at 1"]);
    expect(faults(of(MIDDLE), {})).toEqual(["fragment at 1"]);
    expect(faults(of({ ...MIDDLE, fate: "hold" }, MIDDLE, FIRST))).toEqual(["fragment at 2"]);
  });

  it("that overlap do not leave, nor does what comes after", () => {
    for (const [from, to] of [
      [16, 32],
      [16, 24],
      [8, 56],
      [48, 72],
    ] as const) {
      const other = { from, to, more: true };
      expect(faults(of(FIRST, LAST, other)), `${from} to ${to}`).toContain("fragment at 3");
      expect(faults(of(FIRST, LAST, { ...other, fate: OVERLAP }, MIDDLE))).toEqual(["fragment at 4"]);
      const right = of(
        FIRST,
        LAST,
        { ...other, fate: OVERLAP },
        { ...MIDDLE, fate: OVERLAP },
        { ...FIRST, fate: OVERLAP },
      );
      expect(faults(right)).toEqual([]);
    }
    expect(faults(of(FIRST, { from: 32, to: 40, more: false }, { ...LAST, fate: OVERLAP }))).toEqual([]);
    expect(faults(of(FIRST, { from: 32, to: 40, more: false }, LAST))).toEqual(["fragment at 3"]);
    expect(faults(of(FIRST, LAST, { from: 32, to: 40, more: false, fate: OVERLAP }))).toEqual([]);
  });

  it("are given up for an overlap only where there is one", () => {
    expect(faults(of(FIRST, { ...MIDDLE, fate: OVERLAP }))).toEqual(["drop-reason at 2"]);
    expect(faults(of({ ...FIRST, fate: OVERLAP }))).toEqual(["drop-reason at 1"]);
    expect(faults(of(FIRST, { from: 16, to: 32, fate: DUPLICATE }))).toEqual(["drop-reason at 2"]);
    // By then another datagram may have the same identification.
    const poisoned = of(FIRST, { from: 16, to: 32, fate: OVERLAP });
    expect(faults([...poisoned, ...of({ ...FIRST, at: 29.9 })])).toEqual(["fragment at 3"]);
    expect(faults([...poisoned, ...of({ ...FIRST, at: 30.1 })])).toEqual([]);
  });

  it("that came before are dropped as such, and only they", () => {
    expect(faults(of(FIRST, MIDDLE, { ...MIDDLE, fate: DUPLICATE }, { ...FIRST, fate: DUPLICATE }, LAST))).toEqual([]);
    expect(faults(of(FIRST, MIDDLE, MIDDLE))).toEqual(["fragment at 3"]);
    expect(faults(of(FIRST, { ...MIDDLE, fate: DUPLICATE }))).toEqual(["drop-reason at 2"]);
    expect(faults(of({ ...FIRST, fate: DUPLICATE }))).toEqual(["drop-reason at 1"]);
  });

  it("of a datagram that is complete begin another one", () => {
    expect(faults(of(FIRST, MIDDLE, LAST, FIRST, MIDDLE, LAST))).toEqual([]);
    expect(faults(of(FIRST, MIDDLE, LAST, { ...MIDDLE, fate: "hold" }, FIRST, MIDDLE, LAST))).toEqual([]);
    expect(faults(of(FIRST, MIDDLE, LAST, MIDDLE))).toEqual(["fragment at 4"]);
  });

  it("are dropped for want of their first one only where that did not leave, or long ago", () => {
    const late = (at: number) => of(FIRST, { ...MIDDLE, at, fate: WITHOUT_FIRST });
    expect(faults(of({ ...MIDDLE, fate: WITHOUT_FIRST }), {})).toEqual([]);
    expect(faults(late(1))).toEqual(["drop-reason at 2"]);
    expect(faults(late(29.9))).toEqual(["drop-reason at 2"]);
    expect(faults(late(30.1), {})).toEqual([]);
    expect(faults(of({ ...FIRST, fate: WITHOUT_FIRST }))).toEqual(["drop-reason at 1"]);
    const lost = forgot(play(of(FIRST)), "gw-a");
    expect(play(of({ ...MIDDLE, fate: WITHOUT_FIRST }), RFC, lost).faults).toEqual([]);
  });

  it("are dropped for what their first one was dropped for", () => {
    const refused = play(
      of({ ...MIDDLE, fate: "hold" }, { ...FIRST, fate: "table-full" }, { ...MIDDLE, fate: "table-full" }),
    );
    expect(refused.faults).toEqual([]);
    expect(play(of({ ...LAST, fate: WITHOUT_FIRST }), RFC, refused).faults).toEqual(["drop-reason at 4"]);
    expect(play(of(LAST), RFC, refused).faults).toEqual(["drop-reason at 4", "fragment at 5"]);
    expect(faults(of(FIRST, { ...MIDDLE, fate: "no-nat-mapping" }))).toEqual(["drop-reason at 2"]);
    expect(faults(of(FIRST, { ...MIDDLE, fate: "ttl-exceeded" }))).toEqual(["drop-reason at 2"]);
    expect(faults(of(FIRST, { ...MIDDLE, fate: "table-full" }))).toEqual(["drop-reason at 2"]);
  });

  it("leave by the way of their first one", () => {
    const other = "pod" in family ? "2001:db8:aa::11" : EGRESS_B;
    expect(faults(of(FIRST, { ...MIDDLE, as: other }))).toContain("fragment at 2");
  });

  it("that are later keep no connection alive, first ones do", () => {
    const again = { ...FIRST, id: 6, at: 50 };
    const timeouts = { natProfile: "cilium" } as const;
    const gone = (steps: Step[], at: number) => {
      const scene = play(of(...steps), timeouts);
      const pod = "pod" in family ? { from: POD6, to: REMOTE6 } : {};
      return scene.reverse({ ...pod, at, content: datagram, toPort: 53, natPort: PORT + 1 }, { view: "network" })
        .faults;
    };
    expect(gone([FIRST, { ...LAST, at: 29 }], 80)).toEqual(["mapping-outlived at 3"]);
    expect(gone([FIRST, again], 80)).toEqual([]);
  });

  it("of replies go where their first one went", () => {
    const pod = "pod" in family ? POD6 : POD;
    const [far, as] = "pod" in family ? [REMOTE6, EGRESS6_A] : [REMOTE, EGRESS_A];
    const reply = (to: string, ttl: number, port: number, step: Step) =>
      fragment(far, to, ttl, { ...step, l4: udp({ srcPort: 53, dstPort: port, payload: patterned(64) }) }, 0);
    const back = (scene: Scene, step: Step, to = pod, port = PORT) => {
      const given = reply(as, 50, PORT + 1, step);
      const isGone = step.fate !== undefined;
      const result = isGone ? given : reply(to, 49, port, step);
      const reason = step.fate ?? "";
      const timeNs = seconds(step.at);
      const seen = { captured: given, given, result, reason, timeNs, egress: 0, view: "network" as const };
      return scene.see({
        hook: "from-network",
        action: isGone ? (step.fate === "hold" ? "hold" : "drop") : "reverse",
        ...seen,
      });
    };
    const opened = () => play(of({ from: 0, to: 24 }, MIDDLE, LAST));
    expect(back(back(back(opened(), FIRST), MIDDLE), LAST).faults).toEqual([]);
    expect(back(back(opened(), { ...MIDDLE, fate: "hold" }), FIRST).faults).toEqual([]);
    expect(back(opened(), MIDDLE).faults).toEqual(["fragment at 4"]);
    expect(back(back(opened(), FIRST), MIDDLE, "pod" in family ? "fd00:1::8" : POD_B).faults).toEqual([
      "reply-destination at 5",
    ]);
    expect(back(back(opened(), FIRST), { from: 16, to: 32 }).faults).toEqual(["fragment at 5"]);
    expect(back(back(opened(), FIRST), { from: 16, to: 32, fate: OVERLAP }).faults).toEqual([]);
    expect(back(back(opened(), FIRST), { ...MIDDLE, fate: WITHOUT_FIRST }).faults).toEqual(["drop-reason at 5"]);
    // A connection that has begun anew since is the same to the outside.
    const short = () => new Scene(model({ timeouts: { udp: 5000 } }), RFC);
    const anew = play(of({ ...FIRST, id: 6, at: 20 }), RFC, back(play(of(FIRST), RFC, short()), FIRST));
    expect(back(anew, { ...MIDDLE, at: 21 }).faults).toEqual([]);
  });

  it("held for an older datagram do not leave with a newer one", () => {
    const old = { ...MIDDLE, fate: "hold" };
    const first = { ...FIRST, at: 31 };
    expect(faults(of(old, first, { ...MIDDLE, at: 31 }))).toEqual(["fragment at 3"]);
    expect(faults(of(old, first, { ...MIDDLE, at: 31, fate: WITHOUT_FIRST }))).toEqual([]);
  });

  it("held for an older datagram are not those of a newer one that was refused, nor the same bytes held for it", () => {
    const old = { ...MIDDLE, fate: "hold" };
    const refused = { ...FIRST, at: 31, fate: "table-full" };
    expect(faults(of(old, refused, { ...MIDDLE, at: 31, fate: WITHOUT_FIRST }))).toEqual([]);
    expect(faults(of(old, refused, { ...MIDDLE, at: 31, fate: "table-full" }))).toEqual(["drop-reason at 3"]);
    const again = of(old, { ...MIDDLE, at: 31, fate: "hold" }, { ...MIDDLE, at: 31, fate: WITHOUT_FIRST });
    expect(faults(again)).toEqual([]);
    expect(faults([...again, ...of({ ...FIRST, at: 32 }, { ...MIDDLE, at: 32 })])).toEqual([]);
  });

  it("held for who had an address do not leave with the datagram of who has it now, nor does anything later", () => {
    const pod = "pod" in family ? POD6 : POD;
    const owners = [
      { addresses: [address(pod)], toNs: seconds(5) },
      { name: "heir", uid: "uid-heir", addresses: [address(pod)], fromNs: seconds(5) },
    ];
    const both = (...steps: Step[]) => play(of(...steps), RFC, new Scene(model({ endpoints: owners }), RFC)).faults;
    const late = { ...MIDDLE, at: 6 };
    expect(both({ ...MIDDLE, fate: "hold" }, { ...FIRST, at: 6 }, late)).toContain("fragment at 3");
    expect(both({ ...MIDDLE, fate: "hold" }, { ...FIRST, at: 6 }, { ...late, fate: WITHOUT_FIRST })).toEqual([]);
    expect(both(FIRST, late)).toContain("fragment at 2");
    expect(both(FIRST, { ...late, fate: "hold" })).toEqual([]);
  });

  it("that waited in vain are dropped, also where no policy selects them any more", () => {
    const none = model({ policies: [{ destinations: [] }] });
    const waiting = () => changed(play(of({ ...MIDDLE, fate: "hold" })), none, 1);
    const gone = of({ ...MIDDLE, at: 31, fate: WITHOUT_FIRST });
    expect(play(gone, RFC, waiting()).faults).toEqual([]);
    expect(play([...gone, ...gone], RFC, waiting()).faults).toEqual(["drop-reason at 3"]);
  });

  it("of an answer pass with it, by the connection of then or by one that the remote has opened since", () => {
    const [pod, far] = "pod" in family ? [POD6, REMOTE6] : [POD, REMOTE];
    const answer = { fate: "pass", observed: { reason: "reply-of-inbound" } };
    const pong = { ...answer, l4: icmpEcho({ id: 7, reply: true, payload: patterned(64) }) };
    expect(faults(of({ ...FIRST, ...pong }, { ...MIDDLE, ...pong }))).toEqual([]);
    const scene = () => new Scene(model({ timeouts: { udp: 5000 } }), RFC);
    const asked = (at: number, before: Scene) =>
      before.fromNetwork("pass", "inbound", { from: pod, to: far, port: PORT, toPort: 53, content: datagram, at });
    const begun = play(of({ ...FIRST, ...answer, at: 1 }), RFC, asked(0, scene()));
    expect(play(of({ ...MIDDLE, ...answer, at: 21 }), RFC, asked(20, begun)).faults).toEqual([]);
    const left = asked(20, play(of(FIRST), RFC, scene()));
    expect(play(of({ ...MIDDLE, ...answer, at: 21 }), RFC, left).faults).toEqual(["leak at 3"]);
  });

  it("of a datagram that made room for others may be forgotten", () => {
    const evicted = { observed: { fragmentsEvicted: 1 } };
    expect(faults(of(FIRST, { ...MIDDLE, fate: WITHOUT_FIRST, ...evicted }))).toEqual([]);
    expect(faults(of(FIRST, { ...MIDDLE, fate: "hold", ...evicted }))).toEqual([]);
  });

  it("tell nothing to a verifier that did not see the beginning", () => {
    expect(
      faults(of(MIDDLE, { ...LAST, fate: OVERLAP }, { ...FIRST, fate: TAKEN }), { ...RFC, resumed: true }),
    ).toEqual([]);
  });
});

describe("two endpoints' datagrams with one identification", () => {
  const rival = { ...FIRST, pod: POD_B };

  it("do not go to one remote under one egress IP at the same time", () => {
    expect(faults([FIRST, rival])).toEqual(["fragment at 2", "tuple-shared at 2"]);
    expect(faults([FIRST, { ...rival, fate: TAKEN }])).toEqual([]);
    expect(faults([FIRST, { ...rival, as: EGRESS_B }])).toEqual([]);
  });

  it("are refused only while the other one is under way", () => {
    const refused = { ...rival, fate: TAKEN };
    expect(faults([refused])).toEqual(["drop-reason at 1"]);
    expect(faults([FIRST, { ...refused, id: 6 }])).toEqual(["drop-reason at 2"]);
    expect(faults([FIRST, { ...refused, remote: "198.51.100.10" }])).toEqual(["drop-reason at 2"]);
    expect(faults([FIRST, MIDDLE, LAST, refused])).toEqual(["drop-reason at 4"]);
    expect(faults([FIRST, { ...refused, at: 31 }])).toEqual(["drop-reason at 2"]);
    expect(faults([FIRST, { ...FIRST, fate: TAKEN }])).toEqual(["drop-reason at 2"]);
  });
});

describe("a fragment by itself", () => {
  it("that is empty, too long or odd in the middle is no fragment", () => {
    const bad: Step[] = [
      { from: 16, to: 16, more: true },
      { from: 16, to: 25, more: true },
      { from: 65_512, to: 65_516, more: false },
    ];
    for (const step of bad) {
      expect(faults([{ ...step, fate: "bad-header" }])).toEqual([]);
      expect(faults([{ ...step, pod: POD6, fate: step.from === 65_512 ? "hold" : "bad-header" }])).toEqual([]);
      expect(faults([step])).toEqual(["decision at 1", "fragment at 1"]);
    }
    expect(faults([{ from: 65_512, to: 65_515, more: false, fate: "bad-header" }])).toEqual(["drop-reason at 1"]);
    expect(faults([{ from: 65_528, to: 65_536, more: false, pod: POD6 }])).toEqual(["decision at 1", "fragment at 1"]);
    expect(faults([{ ...FIRST, fate: "bad-header" }])).toEqual(["drop-reason at 1"]);
    expect(faults([{ ...MIDDLE, fate: "truncated" }])).toEqual(["drop-reason at 1"]);
  });

  it("is tiny where the transport header is not in the first one, and only there", () => {
    const segment = tcp({ srcPort: PORT, dstPort: 53, payload: patterned(52), options: patterned(8) });
    for (const [pod, to] of [POD, POD6].flatMap((pod) => [8, 16, 24].map((to) => [pod, to] as const))) {
      const tiny = { pod, to, l4: segment };
      expect(faults([{ ...tiny, fate: TINY }])).toEqual([]);
      expect(faults([{ ...tiny, to: 32, fate: TINY }])).toEqual(["drop-reason at 1"]);
      expect(faults([tiny])).toContain("decision at 1");
    }
    expect(faults([{ to: 8, fate: TINY }])).toEqual(["drop-reason at 1"]);
    expect(faults([{ ...MIDDLE, fate: TINY }])).toEqual(["drop-reason at 1"]);
  });

  it("of a kind that is translated piece by piece is never unsupported", () => {
    expect(faults([{ ...FIRST, fate: UNSUPPORTED }])).toEqual(["drop-reason at 1"]);
    expect(faults([{ ...MIDDLE, fate: UNSUPPORTED }])).toEqual(["drop-reason at 1"]);
    const error = icmpMessage({ type: 3, code: 1, inner: patterned(64) });
    expect(faults([{ ...FIRST, l4: error, fate: UNSUPPORTED }])).toEqual([]);
    const chunks = sctp({ srcPort: PORT, dstPort: 53, chunks: patterned(LENGTH - 12) });
    const refused = { l4: chunks, fate: UNSUPPORTED };
    expect(
      faults([
        { ...FIRST, ...refused },
        { ...MIDDLE, ...refused },
        { ...LAST, ...refused, fate: WITHOUT_FIRST },
      ]),
    ).toEqual(["drop-reason at 3"]);
    for (const reason of [OVERLAP, DUPLICATE, TAKEN, WITHOUT_FIRST, TINY, UNSUPPORTED])
      expect(new Scene().fromEndpoint("drop", reason).faults, reason).toEqual(["drop-reason at 1"]);
  });

  it("of IPv6 belongs to its datagram whatever its next header says, one of IPv4 by its protocol", () => {
    const step = { ...MIDDLE, next: 60 };
    expect(
      faults([
        { ...FIRST, pod: POD6 },
        { ...step, pod: POD6 },
      ]),
    ).toEqual([]);
    expect(faults([FIRST, step])).toEqual(["fragment at 2"]);
    expect(
      faults([FIRST, { ...FIRST, l4: otherProtocol(47, patterned(LENGTH)), fate: "unsupported-protocol" }]),
    ).toEqual([]);
  });

  it("has an identification of 32 bits in IPv6", () => {
    const [low, high] = [0x5, 0x10005];
    expect(
      faults([
        { ...FIRST, pod: POD6, id: low },
        { ...MIDDLE, pod: POD6, id: high },
      ]),
    ).toEqual(["fragment at 2"]);
    expect(
      faults([
        { ...FIRST, pod: POD6, id: high },
        { ...MIDDLE, pod: POD6, id: high },
      ]),
    ).toEqual([]);
  });
});
