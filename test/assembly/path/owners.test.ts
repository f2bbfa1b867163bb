import { describe, expect, it } from "vitest";
import { COUNTER_REBOUND_AT } from "../../../assembly/abi.js";
import { address, endpoint, NOON } from "../../engine/model.js";
import { ethernet, ipv4, udp } from "../../support/frames.js";
import { buildMutant, type Mutation } from "../../verify/mutant.js";
import { GatewayRig, type RigFrame } from "./gateway-rig.js";
import { OTHER_ENDPOINT, REMOTE, world } from "./worlds.js";

const MOVING = "10.1.0.50";
const query = (src: string, srcPort: number, atMs: number): RigFrame => ({
  hook: "from-endpoint",
  frame: ethernet(ipv4({ src, dst: REMOTE }, udp({ srcPort, dstPort: 53 }))),
  atMs,
});
const at = (ms: number) => NOON + BigInt(ms) * 1_000_000n;

/** The address is on the worker for a second, on gw-a for another one, then on the worker again. */
function moving() {
  const base = world(1);
  return {
    ...base,
    endpoints: [
      ...base.endpoints,
      endpoint("first", [MOVING], { node: "worker", toNs: at(1000) }),
      endpoint("second", [MOVING], { node: "gw-a", fromNs: at(1000), toNs: at(2000) }),
      endpoint("third", [MOVING], { node: "worker", fromNs: at(2000), toNs: at(3000) }),
      endpoint("fourth", [MOVING], { node: "worker", fromNs: at(3000) }),
    ],
  };
}

describe("an address that gets an owner on another node", () => {
  it("loses what was open, each time, without a frame of its own", async () => {
    const gateway = await GatewayRig.start(moving());
    gateway.send([query(MOVING, 40_000, 0), query(MOVING, 40_001, 0), query(OTHER_ENDPOINT, 1, 999)]);
    expect(gateway.engine.counters()).toMatchObject({ live: 3, removed: 0 });
    gateway.send([query(OTHER_ENDPOINT, 1, 1000), query(MOVING, 40_002, 1001)]);
    expect(gateway.engine.counters()).toMatchObject({ live: 2, removed: 2 });
    gateway.one(query(OTHER_ENDPOINT, 1, 2000));
    expect(gateway.engine.counters()).toMatchObject({ live: 1, removed: 3 });
  });

  it("keeps it in the table where the new owner is on the same node, until the next frame", async () => {
    const gateway = await GatewayRig.start(moving());
    gateway.send([query(MOVING, 40_000, 2500), query(OTHER_ENDPOINT, 1, 3001)]);
    expect(gateway.engine.counters()).toMatchObject({ live: 2, removed: 0 });
    gateway.one(query(MOVING, 40_000, 3002));
    expect(gateway.engine.counters()).toMatchObject({ live: 2, removed: 1 });
  });

  it("does so in a restored engine as in one that went on", async () => {
    const before = await GatewayRig.start(moving());
    before.send([query(MOVING, 40_000, 2500), query(OTHER_ENDPOINT, 1, 2600)]);
    const after = await GatewayRig.start(moving());
    after.engine.loadState(before.engine.saveState());
    for (const gateway of [before, after]) {
      gateway.one(query(OTHER_ENDPOINT, 1, 3001));
      expect(gateway.engine.counters()).toMatchObject({ live: 2, removed: 0 });
    }
  });
});

it("an address without an owner any more opens nothing, in the midst of a block of new connections that was looked at ahead", async () => {
  const base = world(1);
  const leaving = endpoint("leaving", [MOVING], { node: "worker", toNs: at(1000) });
  const gateway = await GatewayRig.start({ ...base, endpoints: [...base.endpoints, leaving] });
  const opening = Array.from({ length: 64 }, (_, i) => query(OTHER_ENDPOINT, 30_000 + i, 10));
  const leave = [query(MOVING, 40_000, 999), query(MOVING, 40_001, 1000), query(OTHER_ENDPOINT, 40_002, 1000)];
  const outcomes = gateway.send([...opening, ...leave]).slice(64);
  expect(outcomes.map(({ action, reason }) => `${action} ${reason}`)).toEqual([
    "snat ",
    "pass endpoint-unknown",
    "snat ",
  ]);
});

/** Counts the rows that the search for the next address that moves looks at, as connections that were rebound: of those there are none here. */
const COUNTING: Mutation[] = [
  {
    file: "assembly/tables/policy.ts",
    search: "export let moveAt: u64 = u64.MAX_VALUE;",
    replace: 'import { countersAt } from "./memory";\nexport let moveAt: u64 = u64.MAX_VALUE;',
  },
  {
    file: "assembly/tables/policy.ts",
    search: "if (from <= time || from >= moveAt) continue;",
    replace: `
      const looks = countersAt + ${COUNTER_REBOUND_AT};
      store<u64>(looks, load<u64>(looks) + 1);
      if (from <= time || from >= moveAt) continue;`,
  },
];

it("fifty thousand pods that were created at different times cost one look at each, not one per pod and time", async () => {
  const count = 50_000;
  const pods = Array.from({ length: count }, (_, i) =>
    endpoint(`pod-${i}`, [], { addresses: [address(`10.2.${i >> 8}.${i & 255}`)], fromNs: at(i - 60_000) }),
  );
  const base = world(1);
  const of = { ...base, endpoints: [...base.endpoints, ...pods] };
  const gateway = await GatewayRig.start(of, { arenaSize: 8 << 20 }, await buildMutant(COUNTING));
  const looked = () => gateway.engine.counter(COUNTER_REBOUND_AT);
  expect(gateway.one(query(OTHER_ENDPOINT, 1, 0))).toMatchObject({ action: "snat" });
  expect(looked()).toBeGreaterThanOrEqual(count);
  expect(looked()).toBeLessThan(2 * count);
});
