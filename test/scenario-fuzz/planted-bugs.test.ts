import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildMutant, type Mutation } from "../verify/mutant.js";
import { DUAL_STACK_FROM } from "./dual-stack.js";
import { runSeed } from "./run.js";

/** Most trials that a planted bug may survive. */
const MOST_TRIALS = 60;

/** Ways to be wrong, each planted in the engine's source, with the check that must see it without the verifier's help. */
const BUGS: { bug: string; caughtBy: RegExp; mutations: Mutation[]; first?: number }[] = [
  {
    bug: "a node that goes down keeps its memory",
    caughtBy: /^reply$/,
    mutations: [{ file: "assembly/path/control.ts", search: "  forgetNode(node);\n", replace: "" }],
  },
  {
    bug: "a pin stays on a gateway that is down",
    caughtBy: /^(unhealthy-gateway|dead-gateway)$/,
    mutations: [
      {
        file: "assembly/path/resolve.ts",
        search: "  return gatewayState(node) == GATEWAY_DOWN ? NO_INDEX : node;",
        replace: "  return node;",
      },
      { file: "assembly/path/control.ts", search: "  if (state == GATEWAY_DOWN) unpinNode(node);\n", replace: "" },
    ],
  },
  {
    bug: "a pin is given up though its gateway is healthy",
    caughtBy: /^pin-left-healthy$/,
    mutations: [
      {
        file: "assembly/path/resolve.ts",
        search: "  if (node != NO_INDEX) {\n",
        replace: "  if (node != NO_INDEX && gatewayState(node) == GATEWAY_ACTIVE && tuple & 1) {\n",
      },
    ],
  },
  {
    bug: "new connections go to any member",
    caughtBy: /^inactive-gateway$/,
    mutations: [
      { file: "assembly/path/resolve.ts", search: "    if (!hasMember(mask, i)) continue;\n", replace: "" },
      {
        file: "assembly/path/resolve.ts",
        search: "gatewayState(node) != GATEWAY_ACTIVE :",
        replace: "gatewayState(node) == GATEWAY_DOWN :",
      },
    ],
  },
  {
    bug: "another tuple is not told",
    caughtBy: /^change-unlisted/,
    mutations: [
      {
        file: "assembly/path/from-endpoint.ts",
        search: "  v.flag(VERDICT_FLAG_REMAPPED | cause | (breaks ? VERDICT_FLAG_NEW_CONNECTION_KIND : 0));\n",
        replace: "",
      },
    ],
  },
  {
    bug: "a failover is put down to the policy",
    caughtBy: /^cause$/,
    mutations: [
      {
        file: "assembly/path/from-endpoint.ts",
        search: "  return wasDown ? 0 : VERDICT_FLAG_POLICY_CHANGE;",
        replace: "  return VERDICT_FLAG_POLICY_CHANGE;",
      },
    ],
  },
  {
    bug: "frames without a gateway leave as they are",
    caughtBy: /^leak$/,
    mutations: [
      {
        file: "assembly/path/resolve.ts",
        search: "  return decision == REASON_NO_POLICY ||",
        replace: "  return decision == REASON_NO_EGRESS_GATEWAY || decision == REASON_NO_POLICY ||",
      },
    ],
  },
  {
    bug: "a port is used twice",
    caughtBy: /^tuple-shared$/,
    mutations: [
      {
        file: "assembly/tables/nat-ports.ts",
        search:
          "if (own - low < ports && isFreeAt(home, remote, egressIp, mappingKey(remotePort, own, protocol), own, now)) {",
        replace: "if (own - low < ports) {",
      },
    ],
  },
  {
    bug: "IPv6 replies are restored to half of the pod's address",
    caughtBy: /^endpoint-bytes$/,
    first: DUAL_STACK_FROM,
    mutations: [{ file: "assembly/path/rewrite.ts", search: "  store<u64>(at, load<u64>(row, 8), 8);\n", replace: "" }],
  },
  {
    bug: "a gateway of its own engine chooses among its egresses in another way",
    caughtBy: /^cluster: external\.pcapng$/,
    mutations: [
      {
        file: "assembly/path/resolve.ts",
        search: "    selectedEgress = pickOn(row, members, activeMask(selectedPolicy, endpoint), tuple, ownNode);",
        replace: "    selectedEgress = pickOn(row, members, activeMask(selectedPolicy, endpoint), ~tuple, ownNode);",
      },
    ],
  },
];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluicegate-planted-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

it.each(BUGS.map((bug, number) => ({ ...bug, number })))(
  "$bug: a check names it",
  async ({ caughtBy, mutations, number, first = 1 }) => {
    const engineWasm = join(folder, `${number}.wasm`);
    writeFileSync(engineWasm, await buildMutant(mutations));
    const seen = new Set<string>();
    for (let seed = first; seed < first + MOST_TRIALS && ![...seen].some((check) => caughtBy.test(check)); seed++) {
      const { findings } = await runSeed(seed, join(folder, `${number}-${seed}`), { replay: { engineWasm } });
      for (const { check } of findings) seen.add(check);
    }
    expect([...seen]).toContainEqual(expect.stringMatching(caughtBy));
  },
  600_000,
);
