import { describe, expect, it } from "vitest";
import { Phases } from "../../src/replay/phases.js";
import { clusterModel } from "./cluster.js";

const START = 1_790_000_000_000_000_000n;
const past = (ms: number) => START + BigInt(ms) * 1_000_000n;

describe("manifests that come while others are being programmed", () => {
  it("wait for their own delay, and those before them for theirs", async () => {
    const pods = ["10.0.1.7", "10.0.1.8", "10.0.1.9"];
    const models = await Promise.all(pods.map((_, i) => clusterModel({ pods: pods.slice(0, i + 1) })));
    const [start, ...later] = models;
    const phases = new Phases(start!, { propagationMs: 1000, events: [] }, later);
    /** Of each pod, once it has had its address for a while, whether its policies are programmed. */
    const programmed = () => {
      const { endpoints, policySets } = phases.inForce;
      const settled = endpoints.filter(({ toNs }) => toNs === undefined);
      return settled.map(({ policySet }) => policySets[policySet]!.entries.every(({ notYet }) => !notYet));
    };
    phases.begin(1, START);
    phases.begin(2, past(600));
    expect([phases.nextNs, programmed()]).toEqual([past(1000), [true, false, false]]);
    phases.settle();
    expect([phases.nextNs, programmed()]).toEqual([past(1600), [true, true, false]]);
    phases.settle();
    expect([phases.nextNs, programmed()]).toEqual([undefined, [true, true, true]]);
  });

  it("are with all that lies between them among the models that tables are sized for", async () => {
    const pods = ["10.0.1.7", "10.0.1.8", "10.0.1.9"];
    const [start, ...later] = await Promise.all(pods.map((_, i) => clusterModel({ pods: pods.slice(0, i + 1) })));
    for (const propagationMs of [0, 1000]) {
      const phases = new Phases(start!, { propagationMs, events: [] }, later);
      const possible = phases.possible();
      const expectPossible = () => expect(possible).toContainEqual(phases.inForce);
      expectPossible();
      for (const number of [1, 2, 0]) {
        phases.begin(number, past(number));
        expectPossible();
      }
      while (phases.nextNs !== undefined) {
        phases.settle();
        expectPossible();
      }
    }
  });
});
