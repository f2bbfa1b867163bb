import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FlagValues } from "../../src/cli/flags.js";
import { loadScenario } from "../../src/cli/scenario.js";
import { loadManifests } from "../../src/config/load.js";
import { PolicyError } from "../../src/errors.js";

const NODE = (name: string) => `apiVersion: v1
kind: Node
metadata: { name: ${name} }
status: { addresses: [{ type: InternalIP, address: 172.18.0.${name.length} }] }
`;
/** A policy that says nothing of what it must. */
const BROKEN = `apiVersion: cilium.io/v2
kind: CiliumEgressGatewayPolicy
metadata: { name: broken }
spec: {}
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluicegate-scenario-"));
  const files = { "start.yaml": NODE("gw"), "later.yaml": NODE("gw-new"), "bad.yaml": BROKEN, "worse.yaml": BROKEN };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
});
afterAll(() => rm(folder, { recursive: true }));

async function load(events: readonly string[]) {
  const file = join(folder, "scenario.yaml");
  const head = "apiVersion: sluicegate.io/v1\nkind: Scenario\nspec:\n  events:\n";
  await writeFile(file, head + events.map((event) => `    - ${event}\n`).join(""));
  return loadScenario({ scenario: file } as unknown as FlagValues, loadManifests([join(folder, "start.yaml")]));
}

describe("manifests that a scenario names", () => {
  it("come in the order of the events, one model for each file however many events name it", async () => {
    const played = await load([
      "{at: 1s, manifests: later.yaml}",
      "{at: 2s, manifests: start.yaml}",
      "{at: 3s, manifests: later.yaml}",
    ]);
    const [first, second, third] = played!.laterModels;
    expect([first, second].map((model) => model!.nodes.map(({ name }) => name))).toEqual([["gw-new"], ["gw"]]);
    expect(third).toBe(first);
  });

  it("say which nodes its events may name", async () => {
    const events = ["{at: 1s, manifests: later.yaml}", "{at: 2s, node: gw-new, event: node-down}"];
    expect((await load(events))!.scenario.events).toHaveLength(2);
    await expect(load(events.slice(1))).rejects.toThrow(/gw-new/);
  });

  it("are refused with the faults of all of them", async () => {
    const error = await load(["{at: 1s, manifests: bad.yaml}", "{at: 2s, manifests: worse.yaml}"]).catch(
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(PolicyError);
    const files = new Set((error as PolicyError).faults.map(({ file }) => file));
    expect([...files].sort()).toEqual([join(folder, "bad.yaml"), join(folder, "worse.yaml")]);
  });
});
