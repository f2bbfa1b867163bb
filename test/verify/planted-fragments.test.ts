import { describe, expect, test } from "vitest";
import { FRAGMENT_MS } from "../../assembly/abi.js";
import type { RigFrame } from "../assembly/path/gateway-rig.js";
import { dualModel, INSIDE6, OTHER_INSIDE6, piece6, REMOTE6 } from "../nat/dual-stack.js";
import { EXT, INSIDE, Nat, OTHER_INSIDE, REMOTE } from "../nat/rig.js";
import { ethernet, ipv4, type Layer4, patterned, udp } from "../support/frames.js";
import { buildMutant, type Mutation } from "./mutant.js";

/** Ways to be wrong about fragments, each planted in the engine's source, with the invariant that must name it. */
const BUGS: { bug: string; caughtAs: string; mutation: Mutation }[] = [
  {
    bug: "an overlap is not detected",
    caughtAs: "fragment",
    mutation: {
      file: "assembly/tables/fragments.ts",
      search: "    if (first < ends && begins < last) return REASON_FRAGMENT_OVERLAP;\n",
      replace: "",
    },
  },
  {
    bug: "a datagram goes on after an overlap",
    caughtAs: "fragment",
    mutation: {
      file: "assembly/path/fragment.ts",
      search: "    if (fault && !isBack) refuse(row, fault);\n",
      replace: "    if (fault && !isBack) return v.drop(fault);\n",
    },
  },
  {
    bug: "a later fragment keeps its private source",
    caughtAs: "egress-address",
    mutation: {
      file: "assembly/path/rewrite.ts",
      search: "  if (isIpv6) rewriteIpv6(p.l3, at, line);\n",
      replace: "  if (p.flags & PARSED_LATER) return;\n  if (isIpv6) rewriteIpv6(p.l3, at, line);\n",
    },
  },
  {
    bug: "a later fragment is rewritten as if it had ports",
    caughtAs: "payload",
    mutation: {
      file: "assembly/path/rewrite.ts",
      search: "  if (p.flags & PARSED_LATER) return;\n",
      replace: "",
    },
  },
  {
    bug: "a held fragment is released before the first one",
    caughtAs: "drop-reason",
    mutation: {
      file: "assembly/path/fragment.ts",
      search: "  if (number) return v.hold(number);\n",
      replace: "  if (number) {\n    v.hold(number);\n    return releaseHeld(row);\n  }\n",
    },
  },
  {
    bug: "a later fragment goes before its first one",
    caughtAs: "fragment",
    mutation: {
      file: "assembly/path/fragment.ts",
      search: "  else hold(row, v);\n",
      replace: "  else take(p, lineOf(p), isServed, v, captured);\n",
    },
  },
  {
    bug: "an identification is taken twice",
    caughtAs: "fragment",
    mutation: {
      file: "assembly/path/fragment.ts",
      search: "  if (ahead && isIdTaken(row, ahead)) {\n",
      replace: "  if (ahead && isIdTaken(row, 0)) {\n",
    },
  },
  {
    bug: "a datagram is remembered for twice its time",
    caughtAs: "fragment",
    mutation: {
      file: "assembly/tables/fragments.ts",
      search: "< <u32>FRAGMENT_MS) return;",
      replace: "< <u32>FRAGMENT_MS * 2) return;",
    },
  },
  {
    bug: "a later fragment keeps its connection alive",
    caughtAs: "mapping-outlived",
    mutation: {
      file: "assembly/path/connection.ts",
      search: "  if (p.flags & PARSED_LATER || isForged(p, line)) return;\n",
      replace: "",
    },
  },
  {
    bug: "a middle fragment may have an odd end",
    caughtAs: "decision",
    mutation: {
      file: "assembly/wire/fragment.ts",
      search: " || (!isLastFragment && length & 7)",
      replace: "",
    },
  },
];

const datagram = (srcPort = 7000) => udp({ srcPort, dstPort: 53, payload: patterned(72) });

/** Bytes `from` to `to` - 1 of an endpoint's datagram of 80. */
function piece(from: number, to: number, id: number, atMs = 0, pod = 0, family = 4): RigFrame {
  const whole = datagram(7000 + pod);
  if (family === 6) {
    const cut = { src: [INSIDE6, OTHER_INSIDE6][pod]!, dst: REMOTE6, l4: whole, id };
    return { hook: "from-endpoint", frame: ethernet(piece6(cut, from, to)), atMs };
  }
  const part: Layer4 = { protocol: () => 17, bytes: (pseudo) => whole.bytes(pseudo).slice(from, to) };
  const fields = { src: [INSIDE, OTHER_INSIDE][pod]!, dst: REMOTE, id, fragmentOffset: from, moreFragments: to < 80 };
  return { hook: "from-endpoint", frame: ethernet(ipv4(fields, part)), atMs };
}

/** Datagrams in order and out of it, overlaps, a clash of identifications, late pieces, an odd one, and a reply after its lifetime. */
function drive(nat: Nat): Nat {
  for (const family of [4, 6]) {
    const sinceMs = family === 4 ? 0 : 2 * FRAGMENT_MS;
    const p = (from: number, to: number, id: number, atMs = 0, pod = 0) =>
      piece(from, to, id, sinceMs + atMs, pod, family);
    nat.send([p(0, 32, 1), p(32, 64, 1), p(64, 80, 1)]);
    nat.send([p(64, 80, 2), p(32, 64, 2), p(0, 32, 2)]);
    nat.send([p(0, 32, 3), p(24, 48, 3), p(32, 64, 3)]);
    nat.send([p(0, 32, 4), p(0, 32, 4, 0, 1), p(32, 80, 4)]);
    nat.send([p(0, 32, 5), p(32, 41, 5), p(32, 64, 5)]);
    nat.send([p(0, 32, 6), p(64, 80, 6, FRAGMENT_MS - 1000), p(32, 64, 6, FRAGMENT_MS + 1000)]);
  }
  const late = 300_000 + FRAGMENT_MS / 2;
  const reply = udp({ srcPort: 53, dstPort: 7000, payload: patterned(8) });
  nat.send([{ hook: "from-network", frame: ethernet(ipv4({ src: REMOTE, dst: EXT }, reply)), atMs: late }]);
  return nat;
}

const fieldsOf = (nat: Nat) => nat.verifier.finish().mismatches.map(({ field }) => field);
const start = (wasm?: Uint8Array) =>
  Nat.start({ model: dualModel(), engine: { connections6: 64 }, ...(wasm && { wasm }) });

describe("the verifier and an engine that translates fragments", () => {
  test("agree on every frame while no bug is planted", async () => {
    const nat = drive(await start());
    nat.check();
    const { snat, drop, hold } = nat.counters.actions;
    expect([snat, drop, hold]).toEqual([26, 11, 6]);
  });

  test.each(BUGS)("name the planted bug when $bug", async ({ caughtAs, mutation }) => {
    const nat = drive(await start(await buildMutant([mutation])));
    expect(fieldsOf(nat)).toContain(caughtAs);
  });
});
