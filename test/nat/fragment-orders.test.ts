import fc from "fast-check";
import { expect, it } from "vitest";
import type { Outcome, RigFrame } from "../assembly/path/gateway-rig.js";
import { ethernet, ipv4, ipv6, type Layer4, patterned, udp } from "../support/frames.js";
import { dualModel, EXT6, INSIDE6, OTHER_INSIDE6, REMOTE6 } from "./dual-stack.js";
import { EXT, INSIDE, Nat, OTHER_INSIDE, REMOTE } from "./rig.js";

const UNIT = 8;
/** Bytes of every datagram behind its IP header: seven units and a rest. */
const LENGTH = 7 * UNIT + 5;
const PORT = 7000;
const FAR_PORT = 53;

/** One fragment of one of two endpoints' datagrams; two with one identification are one datagram to everybody, and overlap. */
interface Piece {
  readonly family: 4 | 6;
  readonly isOut: boolean;
  readonly pod: number;
  readonly id: number;
  /** Seed of the payload. */
  readonly fill: number;
  readonly from: number;
  readonly to: number;
}

const INSIDES = { 4: [INSIDE, OTHER_INSIDE], 6: [INSIDE6, OTHER_INSIDE6] } as const;
const EXTS = { 4: EXT, 6: EXT6 } as const;
const REMOTES = { 4: REMOTE, 6: REMOTE6 } as const;

/** The piece as it is given, or as it leaves for or from `pod`. */
function frameOf(piece: Piece, isTranslated: boolean, pod = piece.pod): Uint8Array {
  const { family, isOut, id, fill, from, to } = piece;
  const own = isOut === isTranslated ? EXTS[family] : INSIDES[family][pod]!;
  // Ports are the same inside and outside: no two endpoints have the same.
  const [near, far] = [PORT + piece.pod, FAR_PORT];
  const [src, dst] = isOut ? [own, REMOTES[family]] : [REMOTES[family], own];
  const [srcPort, dstPort] = isOut ? [near, far] : [far, near];
  const whole = udp({ srcPort, dstPort, payload: patterned(LENGTH - 8, fill) });
  const part: Layer4 = {
    protocol: () => 17,
    bytes: (pseudo) => whole.bytes(pseudo).slice(from, to),
  };
  const more = to < LENGTH;
  if (family === 4) return ethernet(ipv4({ src, dst, id, fragmentOffset: from, moreFragments: more }, part));
  return ethernet(ipv6({ src, dst, fragment: { id, offset: from, more } }, part));
}

const given = (piece: Piece, atMs: number): RigFrame => {
  return { hook: piece.isOut ? "from-endpoint" : "from-network", frame: frameOf(piece, false), atMs };
};

/** What RFC 791, RFC 5722, RFC 8200 and T43 make of fragments that come in this order: one line per frame given, one per frame released. */
function expected(pieces: readonly Piece[], holds: boolean): { given: string[]; released: string[]; whole: number } {
  interface Datagram {
    pod: number;
    own: string;
    seen: Piece[];
    held: Piece[];
    hasBegun: boolean;
    refusal: string;
  }
  const open = new Map<string, Datagram[]>();
  const released: string[] = [];
  let whole = 0;
  const leaves = (piece: Piece, pod: number) => Buffer.from(frameOf(piece, true, pod)).toString("hex");
  const fates = pieces.map((piece) => {
    const { family, isOut, id, pod, from, to } = piece;
    const toward = `${family} ${isOut} ${id}`;
    const own = isOut ? `${pod}` : "";
    const rows = open.get(toward) ?? [];
    open.set(toward, rows);
    let row = rows.find((one) => one.own === own);
    if (!row && from > 0 && !holds) return "fragment-without-first";
    row ??= { pod, own, seen: [], held: [], hasBegun: false, refusal: "" };
    if (!rows.includes(row)) rows.push(row);
    if (row.refusal) return row.refusal;
    const refuse = ({ held }: Datagram, reason: string) => {
      for (const _ of held.splice(0)) released.push(reason);
      return reason;
    };
    if (row.seen.some((other) => other.from === from && other.to === to)) return "fragment-duplicate";
    if (row.seen.some((other) => from < other.to && other.from < to)) {
      row.refusal = "fragment-overlap";
      return refuse(row, row.refusal);
    }
    row.seen.push(piece);
    if (from > 0 && !row.hasBegun) {
      row.held.push(piece);
      return "hold";
    }
    if (from === 0 && isOut && rows.some((other) => other !== row && other.hasBegun && !other.refusal)) {
      row.refusal = "fragment-id-taken";
      return refuse(row, row.refusal);
    }
    if (from === 0) {
      row.pod = pod;
      row.hasBegun = true;
    }
    const { pod: owner } = row;
    for (const other of row.held.splice(0)) released.push(leaves(other, owner));
    if (row.seen.reduce((sum, other) => sum + other.to - other.from, 0) === LENGTH) {
      whole++;
      rows.splice(rows.indexOf(row), 1);
    }
    return leaves(piece, owner);
  });
  return { given: fates, released, whole };
}

const isOut = ({ action }: Outcome) => action === "snat" || action === "reverse";
const fateOf = (outcome: Outcome) =>
  isOut(outcome) ? Buffer.from(outcome.frame).toString("hex") : outcome.action === "hold" ? "hold" : outcome.reason;

/** An engine in which every endpoint has a connection in both families. */
async function opened(natProfile: "cilium" | "rfc"): Promise<Nat> {
  const engine = { connections: 256, connections6: 256, fragments: 64, natProfile };
  const nat = await Nat.start({ model: dualModel(), engine, verifier: { natProfile } });
  for (const family of [4, 6] as const)
    for (const pod of [0, 1]) {
      const whole = { family, isOut: true, pod, id: 0, fill: 0, from: 0, to: LENGTH };
      expect(nat.one(given(whole, 0)).natPort).toBe(PORT + pod);
    }
  return nat;
}

/** Datagrams cut anywhere, some pieces left out, some twice, some with other borders, all mixed. */
const TRAFFIC = fc
  .array(
    fc.record({
      family: fc.constantFrom(4 as const, 6 as const),
      isOut: fc.boolean(),
      pod: fc.integer({ min: 0, max: 1 }),
      id: fc.integer({ min: 1, max: 4 }),
      fill: fc.integer({ min: 1, max: 250 }),
      cuts: fc.subarray([2, 3, 4, 5, 6, 7], { minLength: 1 }),
      more: fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 2, max: 8 })), { maxLength: 2 }),
      twice: fc.boolean(),
      without: fc.option(fc.integer({ min: 0, max: 6 }), { freq: 3 }),
      order: fc.infiniteStream(fc.nat(1000)).map((stream) => [...stream.take(20)]),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((datagrams) => {
    const keyed = datagrams.flatMap(({ cuts, more, twice, without, order, ...datagram }) => {
      const edges = [0, ...cuts, 8];
      const spans = edges.slice(1).map((to, i) => [edges[i]!, to] as const);
      const kept = spans.filter((_, i) => i !== without);
      const odd = more.filter(([from, to]) => from < to && (from > 0 || (to > 1 && to < 8)));
      return [...kept, ...odd, ...(twice ? kept.slice(0, 1) : [])].map(([from, to], i) => ({
        piece: { ...datagram, from: from * UNIT, to: Math.min(to * UNIT, LENGTH) },
        key: order[i]!,
      }));
    });
    return keyed.sort((a, b) => a.key - b.key).map(({ piece }) => piece);
  });

for (const natProfile of ["rfc", "cilium"] as const) {
  it(`fragments in any order, twice, overlapping, of both families and directions (${natProfile}): exactly what the RFCs leave of them leaves, whatever the batch size`, async () => {
    let whole = 0;
    await fc.assert(
      fc.asyncProperty(TRAFFIC, fc.constantFrom(2, 3, 7, 1024), async (pieces, size) => {
        const wanted = expected(pieces, natProfile === "rfc");
        whole += wanted.whole;
        for (const batchSize of [1, size]) {
          const nat = await opened(natProfile);
          const outcomes = nat.send(
            pieces.map((piece, i) => given(piece, i)),
            batchSize,
          );
          expect(outcomes.map(fateOf)).toEqual(wanted.given);
          expect(nat.rig.released.map(({ outcome }) => fateOf(outcome))).toEqual(wanted.released);
          nat.check();
        }
      }),
      { numRuns: 60, seed: 40 },
    );
    expect(whole).toBeGreaterThan(natProfile === "rfc" ? 40 : 20);
  });
}
