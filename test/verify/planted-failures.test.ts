import { describe, expect, test } from "vitest";
import type { PolicyModel } from "../../src/config/types.js";
import { EngineRun } from "./engine-run.js";
import { buildMutant, type Mutation } from "./mutant.js";
import { data, datagram, EGRESS_A, EGRESS_B, egress, model, type Out, POD, POD_B, syn, synAck } from "./scene.js";

/** Index of gw-c with its first egress IP, and with its second. */
const [FIRST_C, SECOND_C] = [2, 3];

/** Three gateways; POD_B runs on gw-a. @param gatewayC which of its egresses gw-c has   @param waits nothing is programmed yet */
function threeGateways(gatewayC = FIRST_C, waits = false): PolicyModel {
  const egresses = [
    egress("gw-a", EGRESS_A),
    egress("gw-b", EGRESS_B),
    egress("gw-c", "203.0.113.30"),
    egress("gw-c", "203.0.113.31"),
  ];
  const endpoints = [{}, { name: "b", uid: "uid-b", addresses: model().endpoints[1].addresses, node: "gw-a" }];
  const m = model({ egresses, endpoints, policies: [{ egresses: [0, 1, gatewayC] }] });
  const nodeC = { name: "gw-c", zone: undefined, labels: new Map(), internalIPs: [] };
  const entries = m.policySets[0].entries.map((entry) =>
    waits && !entry.excluded ? { ...entry, notYet: true } : entry,
  );
  return { ...m, nodes: [...m.nodes, nodeC], policySets: [{ entries }] };
}

/** Ways to be wrong about gateways that fail, each planted in the engine's source and compiled, with the invariant that must name it. */
const BUGS: { bug: string; caughtAs: string; mutations: Mutation[] }[] = [
  {
    bug: "pins stay on a gateway that is down",
    caughtAs: "egress-healthy",
    mutations: [
      {
        file: "assembly/path/resolve.ts",
        search: "  return gatewayState(node) == GATEWAY_DOWN ? NO_INDEX : node;\n",
        replace: "  return node;\n",
      },
      { file: "assembly/path/control.ts", search: "  if (state == GATEWAY_DOWN) unpinNode(node);\n", replace: "" },
    ],
  },
  {
    bug: "a drained gateway gets new connections",
    caughtAs: "egress-active",
    mutations: [
      {
        file: "assembly/path/resolve.ts",
        search: "    if (only == NO_INDEX ? gatewayState(node) != GATEWAY_ACTIVE : node != only) continue;\n",
        replace: "    if (only == NO_INDEX ? gatewayState(node) == GATEWAY_DOWN : node != only) continue;\n",
      },
      {
        file: "assembly/path/resolve.ts",
        search: "    if (!hasMember(mask, i)) continue;\n",
        replace: "",
      },
    ],
  },
  {
    bug: "a gateway that lost its memory remembers all the same",
    caughtAs: "mapping-lost",
    mutations: [{ file: "assembly/path/control.ts", search: "  forgetNode(node);\n", replace: "" }],
  },
  {
    bug: "a dead gateway goes on translating",
    caughtAs: "gateway-unreachable",
    mutations: [
      {
        file: "assembly/path/resolve.ts",
        search: "  return !isReachable(nodeOf(selectedEgress));\n",
        replace: "  return false;\n",
      },
    ],
  },
  {
    bug: "connections are lost whose gateway is alive",
    caughtAs: "lost-reason",
    mutations: [
      {
        file: "assembly/path/resolve.ts",
        search: "  return !isReachable(nodeOf(selectedEgress));\n",
        replace: "  return isReachable(nodeOf(selectedEgress));\n",
      },
    ],
  },
  {
    bug: "connections leave a gateway that is healthy",
    caughtAs: "pin-moved",
    mutations: [
      {
        file: "assembly/path/resolve.ts",
        search: "isMember(row, members, pinned)) return pinned;\n",
        replace: "isMember(row, members, pinned)) return (pinned + 1) % members;\n",
      },
    ],
  },
  {
    bug: "a new egress IP sends connections to other gateways",
    caughtAs: "pin-moved",
    mutations: [
      {
        file: "assembly/path/resolve.ts",
        search: "    if (own != NO_INDEX) return own;\n  }\n  return best",
        replace: "  }\n  return best",
      },
    ],
  },
  {
    bug: "a failover is put down to the policy",
    caughtAs: "remap-cause",
    mutations: [
      {
        file: "assembly/path/from-endpoint.ts",
        search: "  return wasDown ? 0 : VERDICT_FLAG_POLICY_CHANGE;",
        replace: "  return VERDICT_FLAG_POLICY_CHANGE;",
      },
    ],
  },
  {
    bug: "a failover is not told",
    caughtAs: "tuple-changed",
    mutations: [
      {
        file: "assembly/path/from-endpoint.ts",
        search: "  v.flag(VERDICT_FLAG_REMAPPED | cause | (breaks",
        replace: "  v.flag((breaks",
      },
    ],
  },
  {
    bug: "a failover is told that never was",
    caughtAs: "remap-cause",
    mutations: [
      {
        file: "assembly/path/from-endpoint.ts",
        search: "  if (translated && isEgressIP(selectedEgress, wasHigh, wasLow) && port == v.natPort) return;\n",
        replace: "",
      },
    ],
  },
  {
    bug: "policies count before they are programmed",
    caughtAs: "decision",
    mutations: [
      {
        file: "assembly/path/resolve.ts",
        search: "  if (value == PREFIX_NOT_YET) return REASON_NOT_YET_PROGRAMMED;\n  selectedPolicy = value;\n",
        replace: "  selectedPolicy = value == PREFIX_NOT_YET ? 0 : value;\n",
      },
    ],
  },
  {
    bug: "a connection is refused although its own gateway is healthy",
    caughtAs: "drop-reason",
    mutations: [
      {
        file: "assembly/path/resolve.ts",
        search:
          "  decision = faultOfSelected(isIpv6Address(remoteHigh, remoteLow));\n}\n\n/**\n * Decides as the gateway",
        replace:
          "  decision = faultOfSelected(isIpv6Address(remoteHigh, remoteLow));\n  if (decision == REASON_NONE && gatewayState(nodeOf(selectedEgress)) != GATEWAY_ACTIVE) decision = REASON_NO_EGRESS_GATEWAY;\n}\n\n/**\n * Decides as the gateway",
      },
    ],
  },
];

const PORTS = Array.from({ length: 12 }, (_, i) => 40_000 + i);

class Traffic {
  readonly #run: EngineRun;
  /** Seconds. */
  at = 0;

  constructor(run: EngineRun) {
    this.#run = run;
  }

  /** A second later every connection sends one frame. @param firstPort 0 = the connections of the start, else others */
  turn(content = data, firstPort = 0): this {
    this.at++;
    for (const out of this.#each(firstPort)) this.#run.send({ ...out, content });
    return this;
  }

  /** A second later every remote answers. */
  replies(content = data, firstPort = 0): this {
    this.at++;
    for (const out of this.#each(firstPort)) this.#run.answer({ ...out, content });
    return this;
  }

  #each(firstPort: number): Out[] {
    const { at } = this;
    return [POD, POD_B].flatMap((from) => PORTS.map((port) => ({ from, port: port + firstPort, at })));
  }
}

/** Everything that can happen to gateways, with traffic in between: death, detection, return, a blip, drains, addresses, programming. */
function drive(run: EngineRun): EngineRun {
  const traffic = new Traffic(run).turn(syn).replies(synAck).turn().replies();
  run.kill("gw-b");
  traffic.turn().replies();
  run.stand({ "gw-b": { health: "down" } });
  traffic.turn().replies().turn(datagram, 100).replies(datagram, 100);
  run.revive("gw-b");
  traffic.turn().replies();
  run.stand({ "gw-b": { health: "up" }, "gw-a": { drained: true } });
  traffic.turn().replies().turn(syn, 200).turn(data, 200).replies(data, 200);
  run.kill("gw-c").revive("gw-c");
  traffic.replies().turn().replies().turn(data, 200).replies(data, 200);
  run.stand({ "gw-b": { drained: true }, "gw-c": { agent: "down" } });
  traffic.turn().turn(syn, 300).turn(data, 200);
  run.stand({ "gw-a": { drained: false }, "gw-b": { drained: false }, "gw-c": { agent: "up" } });
  run.change(threeGateways(SECOND_C), traffic.at);
  traffic.turn().replies();
  run.kill("gw-a");
  traffic.replies();
  run.stand({ "gw-a": { health: "down" } });
  traffic.turn().replies();
  run.change(threeGateways(SECOND_C, true), traffic.at);
  traffic.turn(syn, 400);
  run.change(threeGateways(SECOND_C), traffic.at);
  traffic.turn(data, 400).replies(data, 400);
  return run;
}

describe("the verifier and a real engine whose gateways fail", () => {
  const start = (wasm?: Uint8Array) => EngineRun.start(wasm, threeGateways(), {}, { propagationMs: 2000 });

  test("agree on every frame while no bug is planted", async () => {
    const run = drive(await start());
    expect(run.scene.result.mismatches).toEqual([]);
    expect([...new Set(run.verdicts)].sort()).toEqual([
      "drop, no-egress-gateway",
      "drop, no-reverse-mapping",
      "lost, gateway-down",
      "lost, node-down",
      "pass, not-yet-programmed",
      "reverse",
      "snat",
    ]);
  });

  test.each(BUGS)("name the planted bug when $bug", async ({ caughtAs, mutations }) => {
    const run = drive(await start(await buildMutant(mutations)));
    expect(run.faults).toContain(caughtAs);
  });
});
