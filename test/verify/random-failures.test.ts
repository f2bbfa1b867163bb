import fc from "fast-check";
import { expect, test } from "vitest";
import type { PolicyModel } from "../../src/config/types.js";
import type { NodeStanding } from "../../src/verify/types.js";
import { EngineRun } from "./engine-run.js";
import { data, datagram, EGRESS_A, EGRESS_B, egress, fin, model, POD, POD_B, syn, synAck } from "./scene.js";

const GATEWAYS = ["gw-a", "gw-b", "gw-c"];
/** Members that the policy may have; gw-c has one egress IP or another. */
const MEMBERS = [
  [0, 1, 2],
  [0, 1, 3],
  [0, 1],
  [1, 2],
  [0, 3],
];
const CONTENTS = { syn: [syn, synAck], data: [data, data], fin: [fin, fin], datagram: [datagram, datagram] } as const;

/** POD runs on worker-1, POD_B on gw-a. */
function withMembers(egresses: readonly number[]): PolicyModel {
  const m = model({
    egresses: [
      egress("gw-a", EGRESS_A),
      egress("gw-b", EGRESS_B),
      egress("gw-c", "203.0.113.30"),
      egress("gw-c", "203.0.113.31"),
    ],
    endpoints: [{}, { name: "b", uid: "uid-b", addresses: model().endpoints[1].addresses, node: "gw-a" }],
    policies: [{ egresses }],
  });
  return { ...m, nodes: [...m.nodes, { name: "gw-c", zone: undefined, labels: new Map(), internalIPs: [] }] };
}

interface Exchange {
  readonly do: "send" | "answer";
  readonly from: string;
  readonly port: number;
  readonly content: keyof typeof CONTENTS;
  readonly ttl: number;
}

type Step =
  | Exchange
  | { do: "kill"; node: string }
  | { do: "revive"; node: string }
  | { do: "restart"; node: string }
  | { do: "stand"; node: string; standing: Partial<NodeStanding> }
  | { do: "change"; members: number }
  | { do: "wait"; seconds: number };

const node = fc.constantFrom(...GATEWAYS, "worker-1");
const standing = fc.constantFrom<Partial<NodeStanding>>(
  { health: "down" },
  { health: "up" },
  { health: "suspect" },
  { agent: "down" },
  { agent: "up" },
  { drained: true },
  { drained: false },
);
const frame = fc.record({
  do: fc.constantFrom("send" as const, "send" as const, "answer" as const),
  from: fc.constantFrom(POD, POD_B),
  port: fc.constantFrom(700, 40000, 40000, 40001),
  content: fc.constantFrom("syn", "data", "data", "data", "fin", "datagram" as const),
  ttl: fc.constantFrom(64, 64, 1),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: frame },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("kill" as const), node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("revive" as const), node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), node }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("stand" as const), node: fc.constantFrom(...GATEWAYS), standing }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("change" as const), members: fc.nat({ max: MEMBERS.length - 1 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("wait" as const), seconds: fc.constantFrom(0.001, 1, 9.998, 59.9, 61) }),
  },
);

function play(run: EngineRun, steps: readonly Step[]): void {
  let at = 0;
  const dead = new Set<string>();
  for (const s of steps) {
    switch (s.do) {
      case "wait":
        at += s.seconds;
        break;
      case "stand":
        run.stand({ [s.node]: s.standing });
        break;
      case "change":
        run.change(withMembers(MEMBERS[s.members]), at);
        break;
      case "kill":
        if (!dead.has(s.node)) run.kill(s.node);
        dead.add(s.node);
        break;
      case "restart":
        if (!dead.has(s.node)) run.kill(s.node).revive(s.node);
        break;
      case "revive":
        if (dead.delete(s.node)) run.revive(s.node);
        break;
      default:
        exchange(run, s, at);
    }
  }
}

function exchange(run: EngineRun, { do: who, from, port, content, ttl }: Exchange, at: number): void {
  const [sent, answered] = CONTENTS[content];
  const toPort = content === "datagram" ? 53 : 443;
  if (who === "send") run.send({ from, port, ttl, at, toPort, content: sent });
  else run.answer({ from, port, ttl, at, toPort, content: answered });
}

test("random failures, drains and changes of members through a real engine have no mismatch", async () => {
  const verdicts = new Set<string>();
  const remapped = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
      const run = await EngineRun.start(undefined, withMembers(MEMBERS[0]));
      play(run, steps);
      expect(run.scene.result.mismatches).toEqual([]);
      for (const verdict of run.verdicts) verdicts.add(verdict);
      for (const cause of run.causes) remapped.add(cause);
    }),
    { seed: 22, numRuns: 150 },
  );
  expect([...remapped].sort()).toEqual(["failover", "gateway-restart", "policy-change"]);
  expect(verdicts).toContain("lost, gateway-down");
  expect(verdicts).toContain("drop, no-egress-gateway");
});
