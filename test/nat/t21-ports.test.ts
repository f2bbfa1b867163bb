import { describe, expect, it } from "vitest";
import { GatewayRig, type RigFrame } from "../assembly/path/gateway-rig.js";
import { egress, policy, policySet } from "../engine/model.js";
import {
  answer,
  EXT,
  gateway,
  INSIDE,
  INSIDE_B,
  INSIDE_C,
  POOL,
  query,
  RFC,
  RFC_PORTS,
  randomNumbers,
  receive,
  send,
} from "./lifetimes-rig.js";
import { natModel, OTHER_EXT } from "./rig.js";

const HOSTS = [INSIDE, INSIDE_B, INSIDE_C];
const OTHER_REMOTE = "192.0.2.103";

/** UDP flows of distinct sockets to one remote. @param from number of the first socket */
function flows(count: number, from = 0, dst?: string): RigFrame[] {
  return Array.from({ length: count }, (_, i) => {
    const socket = from + i;
    return query(1024 + (socket % POOL), 0, HOSTS[Math.floor(socket / POOL)], dst);
  });
}

/** Distinct sockets in an order that no port search likes: shuffled, two hosts mixed. */
function shuffledFlows(count: number, seed: number): RigFrame[] {
  const random = randomNumbers(seed);
  const sockets = Array.from({ length: POOL * 2 }, (_, i) => i);
  for (let i = sockets.length - 1; i > 0; i--) {
    const j = random() % (i + 1);
    [sockets[i], sockets[j]] = [sockets[j]!, sockets[i]!];
  }
  return sockets.slice(0, count).map((socket) => query(1024 + (socket % POOL), 0, HOSTS[Math.floor(socket / POOL)]));
}

async function full(): Promise<{ rig: GatewayRig; ports: number[] }> {
  const rig = await gateway({ connections: 140_000 });
  const outcomes = rig.send(shuffledFlows(POOL, 21));
  return { rig, ports: outcomes.map((outcome) => outcome.natPort) };
}

describe("T21 port fill (RFC 6888 REQ-13; attack 3.2)", () => {
  it("T21 64,512 UDP flows to one remote: all succeed, all ports distinct, from 1024 to 65535", async () => {
    const rig = await gateway({ connections: 70_000 });
    const outcomes = rig.send(shuffledFlows(POOL, 21));
    expect(outcomes.filter((outcome) => outcome.action !== "snat")).toEqual([]);
    const ports = new Set(outcomes.map((outcome) => outcome.natPort));
    expect([ports.size, Math.min(...ports), Math.max(...ports)]).toEqual([POOL, 1024, 65_535]);
  });

  it("T22 flow 64,513 is refused and leaves no state; the existing 64,512 still work both ways", async () => {
    const { rig, ports } = await full();
    const before = rig.engine.counters();
    expect(rig.one(query(700, 1, INSIDE_C))).toMatchObject({ action: "drop", reason: "no-nat-mapping" });
    const { live, entries, opened } = rig.engine.counters();
    expect({ live, entries, opened }).toEqual({ live: POOL, entries: POOL, opened: before.opened });
    const outwards = rig.send(shuffledFlows(POOL, 21));
    expect(outwards.every(({ action, natPort }, i) => action === "snat" && natPort === ports[i])).toBe(true);
    const inwards = rig.send(ports.map((port) => answer(port, 1)));
    expect(inwards.every(({ action }) => action === "reverse")).toBe(true);
  });

  it("T23 a second remote gets the full 64,512 again (ports overlap: RFC 7857 section 3)", async () => {
    const { rig } = await full();
    const second = rig.send(flows(POOL, 0, OTHER_REMOTE));
    expect(second.filter((outcome) => outcome.action !== "snat")).toEqual([]);
    expect(new Set(second.map((outcome) => outcome.natPort)).size).toBe(POOL);
  });

  it("T23 a gateway with several egress IPs has the full range on each; policies that share one share its ports", async () => {
    const low = 40_000;
    const base = natModel({ ports: { low, high: low + 7 }, more: [INSIDE_C] });
    const policySets = [0, 1, 0].map((of) => policySet({ "0.0.0.0/0": of }));
    const rig = await GatewayRig.start(
      {
        ...base,
        egresses: [egress("gw-a", EXT), egress("gw-a", OTHER_EXT)],
        policySets: [...policySets, policySet({ "0.0.0.0/0": 2 })],
        policies: [...base.policies, policy("shares", [0])],
        endpoints: base.endpoints.map((pod, i) => ({ ...pod, policySet: [0, 1, 3][i]! })),
      },
      { natProfile: "rfc" },
    );
    const opened = (src: string, count: number) =>
      rig
        .send(Array.from({ length: count }, (_, i) => query(low + i, 0, src)))
        .map(({ action, egressIP, natPort }) => (action === "snat" ? `${egressIP}:${natPort}` : action));
    const taken = [...opened(INSIDE, 5), ...opened(INSIDE_B, 8), ...opened(INSIDE_C, 3)];
    const all = [EXT, OTHER_EXT].flatMap((ip) => Array.from({ length: 8 }, (_, i) => `${ip}:${low + i}`));
    expect(taken.toSorted()).toEqual(all);
    expect(
      [...opened(INSIDE, 6), ...opened(INSIDE_B, 9), ...opened(INSIDE_C, 4)].filter((x) => x === "drop").length,
    ).toBe(3);
    expect(rig.engine.egressStats().map(({ portsPeak }) => portsPeak)).toEqual([8, 8]);
  });

  it.each([0.5, 0.75, 0.9, 0.99])("T24 random client ports at fill %d: refusal rate 0.000", async (fill) => {
    const rig = await gateway({ connections: 70_000 });
    const all = rig.send(shuffledFlows(Math.floor(POOL * fill) + 640, 24));
    expect(all.filter((outcome) => outcome.action !== "snat").length).toBe(0);
    expect(new Set(all.map((outcome) => outcome.natPort)).size).toBe(all.length);
  });

  it("attack 3.2: k ports that come free, held down or not, fit exactly k new flows", async () => {
    const ports = { low: 40_000, high: 40_999 };
    const rig = await gateway({ connections: 8192, ports });
    const open = (count: number, seconds: number, src: string) =>
      rig.send(Array.from({ length: count }, (_, i) => send("SYN", seconds, 1 + i, src)));
    expect(open(100, 0, INSIDE_B).every(({ action }) => action === "snat")).toBe(true);
    expect(open(900, 100, INSIDE).every(({ action }) => action === "snat")).toBe(true);
    expect(rig.one(send("SYN", 101, 5000))).toMatchObject({ action: "drop", reason: "no-nat-mapping" });
    // The hundred of INSIDE_B have expired and are held down: the pool is over 90 % used, so they serve at once.
    const fresh = open(101, RFC.opening + 1, INSIDE_C);
    expect(fresh.map(({ action }) => action)).toEqual([...new Array<string>(100).fill("snat"), "drop"]);
    expect(new Set(fresh.slice(0, 100).map(({ natPort }) => natPort)).size).toBe(100);
  });
});

describe("T25 probe cost of the last free port", () => {
  /** Steps of the searches that `frames` cause. */
  function steps(rig: GatewayRig, frames: RigFrame[]): number {
    const before = rig.engine.counters().portProbes;
    rig.send(frames, 1);
    return rig.engine.counters().portProbes - before;
  }

  it("T25 under 1,100 steps, whichever port is the last one", async () => {
    for (const seed of [1, 2, 3]) {
      const rig = await gateway({ connections: 70_000, portSeed: BigInt(seed) });
      rig.send(shuffledFlows(POOL - 1, seed));
      const last = steps(rig, [query(700, 0, INSIDE_C)]);
      expect(rig.engine.counters().live).toBe(POOL);
      expect(last).toBeGreaterThan(64);
      expect(last).toBeLessThan(1100);
    }
  });

  it("T25 also where nobody had to search before, as every endpoint kept its own port", async () => {
    const rig = await gateway({ connections: 70_000 });
    rig.send(flows(POOL - 1));
    expect(steps(rig, [query(700, 0, INSIDE_C)])).toBeLessThan(1100);
    expect(rig.engine.counters().live).toBe(POOL);
  });

  it("T25 no connection on the way to a full pool pays more than 1,100 steps either: no scan when a bitmap is made", async () => {
    const rig = await gateway({ connections: 70_000 });
    const frames = shuffledFlows(POOL, 25);
    rig.send(frames.slice(0, POOL * 0.7));
    let most = 0;
    for (const frame of frames.slice(POOL * 0.7)) most = Math.max(most, steps(rig, [frame]));
    expect(rig.engine.counters().live).toBe(POOL);
    expect(most).toBeLessThan(1100);
  });

  it("T25 a refusal at exhaustion looks at no port at all until one can have come free", async () => {
    const { rig } = await full();
    rig.one(query(700, 1, INSIDE_C));
    expect(steps(rig, [query(701, 2, INSIDE_C), query(702, 299, INSIDE_C)])).toBe(0);
  });
});

describe("RFC 6888 REQ-8: hold-down of freed TCP ports", () => {
  const PORT = 40_000;

  /** A SYN that was never answered: its port is free at 240 s, and held down until 360 s. */
  async function ended(config: Parameters<typeof gateway>[0] = {}): Promise<GatewayRig> {
    const rig = await gateway(config);
    expect(rig.one(send("SYN", 0, PORT))).toMatchObject({ action: "snat", natPort: PORT });
    return rig;
  }

  it.each([INSIDE, INSIDE_B])("a freed port is given to nobody for 120 s, then it is: asked by %s", async (host) => {
    for (const seconds of [240, 300, 359.9]) {
      const rig = await ended();
      const born = rig.one(send("SYN", seconds, PORT, host));
      expect(born.action).toBe("snat");
      expect(born.natPort).not.toBe(PORT);
    }
    const rig = await ended();
    expect(rig.one(send("SYN", 360.1, PORT, host))).toMatchObject({ action: "snat", natPort: PORT });
  });

  it("it makes no difference whether anybody has met the dead connection before", async () => {
    const late: ((rig: GatewayRig) => void)[] = [
      (rig) => rig.one(receive("ACK", 250, PORT)),
      (rig) => rig.engine.advance(...halves(250)),
      (rig) => rig.send(Array.from({ length: 9000 }, (_, i) => query(2000 + (i % 3), 250))),
      () => {},
    ];
    for (const meet of late) {
      for (const [seconds, isHeld] of [
        [359.9, true],
        [360.1, false],
      ] as const) {
        const rig = await ended({ connections: 64 });
        meet(rig);
        expect(rig.one(send("SYN", seconds, PORT, INSIDE_B)).natPort === PORT).toBe(!isHeld);
      }
    }
  });

  it("what arrives for a port that is held down is dropped", async () => {
    const rig = await ended();
    for (const seconds of [241, 300, 359]) {
      expect(rig.one(receive("SYN ACK", seconds, PORT))).toMatchObject({
        action: "drop",
        reason: "no-reverse-mapping",
      });
    }
    expect(rig.engine.counters()).toMatchObject({ live: 0, entries: 0 });
    rig.engine.advance(...halves(361));
    expect(rig.engine.counters()).toMatchObject({ live: 0, entries: 0 });
  });

  it("UDP ports are not held down (REQ-8 exception C: filtering is address- and port-dependent)", async () => {
    const rig = await gateway();
    rig.one(query(PORT, 0));
    expect(rig.one(query(PORT, 300.1, INSIDE_B))).toMatchObject({ action: "snat", natPort: PORT });
  });

  it("waiver: where the search meets nothing but ports in use, the one whose hold-down ends first serves", async () => {
    const rig = await gateway({ ports: { low: 40_000, high: 40_003 } });
    for (const [seconds, port] of [40_003, 40_001, 40_002, 40_000].entries()) rig.one(send("SYN", seconds, port));
    const natPorts = [250, 251, 252].map((seconds, i) => rig.one(send("SYN", seconds, 700 + i, INSIDE_B)).natPort);
    expect(natPorts).toEqual([40_003, 40_001, 40_002]);
  });

  it("takes no room from connections", async () => {
    const rig = await gateway({ connections: 16 });
    rig.send(Array.from({ length: 16 }, (_, i) => send("SYN", 0, PORT + i)));
    const born = rig.send(Array.from({ length: 16 }, (_, i) => send("SYN", 241, 50_000 + i, INSIDE_B)));
    expect(born.every(({ action }) => action === "snat")).toBe(true);
    expect(rig.engine.counters()).toMatchObject({ live: 16, entries: 16, evictedUnreplied: 0 });
  });

  it("a quarter of the table's connections may be held down; the ports of more are free at once, and counted", async () => {
    const rig = await gateway({ connections: 16 });
    rig.send(Array.from({ length: 16 }, (_, i) => send("SYN", 0, PORT + i)));
    rig.engine.advance(...halves(241));
    expect(rig.engine.counters()).toMatchObject({ entries: 0, live: 0, evictedClosing: 12 });
    const born = rig.send(Array.from({ length: 16 }, (_, i) => send("SYN", 242, PORT + i, INSIDE_B)));
    expect(born.filter(({ natPort }, i) => natPort !== PORT + i).length).toBe(4);
  });

  it("can be switched off", async () => {
    const rig = await ended({ timeouts: { portHold: 0 } });
    expect(rig.one(send("SYN", 240, PORT, INSIDE_B))).toMatchObject({ natPort: PORT });
  });

  it("a state that is saved while a port is held down goes on with it", async () => {
    const rig = await ended();
    rig.one(receive("ACK", 250, PORT));
    const state = rig.engine.saveState();
    for (const [seconds, isHeld] of [
      [359.9, true],
      [360.1, false],
    ] as const) {
      const restarted = await gateway();
      restarted.engine.loadState(state);
      expect(restarted.one(send("SYN", seconds, PORT, INSIDE_B)).natPort === PORT).toBe(!isHeld);
    }
  });

  it("neither the table's seed nor the number of bitmaps shows in ports that are held down", async () => {
    const random = randomNumbers(8);
    const frames = Array.from({ length: 6000 }, (_, i) =>
      send(random() % 8 ? "SYN" : "RST", i * 0.4, 1 + (random() % 3000), HOSTS[random() % 3]),
    );
    const results = new Set<string>();
    for (const [tableSeed, bitmaps] of [
      [0n, 64],
      [1n, 1],
      [0xfeedn, 0],
    ] as const) {
      const rig = await gateway({ ports: { low: 40_000, high: 40_499 }, connections: 8192, tableSeed, bitmaps });
      results.add(JSON.stringify(rig.send(frames).map(({ reason, natPort }) => [reason, natPort])));
      expect(rig.engine.counters().bitmapSearches).toBeGreaterThan(0);
    }
    expect(results.size).toBe(1);
  });
});

it("an endpoint keeps its own port at both ends of the range, and just outside of it gets another one", async () => {
  const [low, high] = [2000, 2999];
  const rig = await gateway({ ports: { low, high } });
  const [below, lowest, highest, above] = [low - 1, low, high, high + 1].map((own) => rig.one(query(own)).natPort);
  expect([lowest, highest]).toEqual([low, high]);
  for (const given of [below, above]) expect(given > low && given < high).toBe(true);
});

it("no port outside the range is ever given out, and both ends are", async () => {
  const rig = await gateway({ ports: { low: 65_530, high: 65_535 } });
  const given = rig.send(Array.from({ length: 6 }, (_, i) => query(1 + i))).map(({ natPort }) => natPort);
  expect(given.toSorted()).toEqual([65_530, 65_531, 65_532, 65_533, 65_534, 65_535]);
  expect(RFC_PORTS).toEqual({ low: 1024, high: 65_535 });
});

function halves(seconds: number): [number, number] {
  const time = 1_790_000_000_000_000_000n + BigInt(Math.round(seconds * 1e9));
  return [Number(time & 0xffffffffn), Number(time >> 32n)];
}
