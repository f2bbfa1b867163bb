import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VERDICT_FLAG_CREATED } from "../../../assembly/abi.js";
import { connections } from "../../../src/engine/conntrack.js";
import { ethernet, icmpEcho, ipv4, tcp, udp } from "../../support/frames.js";
import { GatewayRig, type Outcome, type RigFrame } from "./gateway-rig.js";
import { EGRESS_IPS, ENDPOINT, EXCLUDED_REMOTE, OTHER_ENDPOINT, REMOTE, UNSELECTED, world } from "./worlds.js";

const REMOTES = [REMOTE, "198.51.100.21", EXCLUDED_REMOTE];
const SOURCES = [ENDPOINT, OTHER_ENDPOINT, UNSELECTED];
const FLAGS = ["SYN", "ACK", "FIN ACK", "RST"];

/** Random traffic both ways over few tuples, so that tables fill, connections collide, close and expire. */
const traffic = fc.array(
  fc.record({
    outbound: fc.boolean(),
    source: fc.integer({ min: 0, max: 2 }),
    remote: fc.integer({ min: 0, max: 2 }),
    port: fc.integer({ min: 0, max: 60 }),
    kind: fc.integer({ min: 0, max: 2 }),
    flags: fc.integer({ min: 0, max: 3 }),
    gapMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30_000 })),
  }),
  { minLength: 1, maxLength: 400 },
);

type Step = typeof traffic extends fc.Arbitrary<(infer T)[]> ? T : never;

function frames(steps: Step[]): RigFrame[] {
  let atMs = 0;
  return steps.map((step) => {
    atMs += step.gapMs;
    const port = 40_000 + step.port;
    const ports = step.outbound ? { srcPort: port, dstPort: 80 } : { srcPort: 80, dstPort: port };
    const l4 = [tcp({ ...ports, flags: FLAGS[step.flags] }), udp(ports), icmpEcho({ id: port, reply: !step.outbound })][
      step.kind
    ];
    const src = step.outbound ? SOURCES[step.source] : REMOTES[step.remote];
    const dst = step.outbound ? REMOTES[step.remote] : step.source === 2 ? UNSELECTED : EGRESS_IPS[step.source];
    return { hook: step.outbound ? "from-endpoint" : "from-network", frame: ethernet(ipv4({ src, dst }, l4)), atMs };
  });
}

function digest(outcomes: Outcome[]): string {
  return JSON.stringify(outcomes.map(({ frame, ...rest }) => ({ ...rest, frame: Buffer.from(frame).toString("hex") })));
}

describe.each([64, 4096])("a table of %i connections", (size) => {
  it("gives the same results for batches of 1, 7, 64 and 1024 frames", async () => {
    await fc.assert(
      fc.asyncProperty(traffic, async (steps) => {
        const results = new Set<string>();
        for (const batch of [1, 7, 64, 1024]) {
          const gateway = await GatewayRig.start(world(2), { connections: size });
          results.add(digest(gateway.send(frames(steps), batch)) + JSON.stringify(gateway.engine.counters()));
        }
        expect(results.size).toBe(1);
      }),
      { numRuns: 20, seed: 7 },
    );
  });

  it("keeps both lines of every connection, linked, and its counts true", async () => {
    await fc.assert(
      fc.asyncProperty(traffic, async (steps) => {
        const gateway = await GatewayRig.start(world(2), { connections: size });
        gateway.send(frames(steps), 16);
        const counters = gateway.engine.counters();
        const table = [...connections(gateway.engine.conntrack())];
        expect(table.length).toBe(counters.entries);
        const ended = counters.closed + counters.expired + counters.broken + counters.rebound + counters.removed;
        expect(counters.opened).toBe(counters.live + ended);
      }),
      { numRuns: 30, seed: 8 },
    );
  });

  it("touching lines ahead changes no result", async () => {
    await fc.assert(
      fc.asyncProperty(traffic, async (steps) => {
        const results: string[] = [];
        for (const touch of [true, false]) {
          const gateway = await GatewayRig.start(world(2), { connections: size, touch });
          results.push(digest(gateway.send(frames(steps))));
        }
        expect(results[0]).toBe(results[1]);
      }),
      { numRuns: 10, seed: 9 },
    );
  });

  it("goes on from a saved state at any frame as if nothing had happened", async () => {
    await fc.assert(
      fc.asyncProperty(traffic, fc.double({ min: 0, max: 1, noNaN: true }), async (steps, where) => {
        const sent = frames(steps);
        const cut = Math.floor(where * sent.length);
        const whole = await GatewayRig.start(world(2), { connections: size });
        const straight = digest(whole.send(sent));
        const before = await GatewayRig.start(world(2), { connections: size });
        const first = before.send(sent.slice(0, cut));
        const after = await GatewayRig.start(world(2), { connections: size });
        after.engine.loadState(before.engine.saveState());
        const rest = after.send(sent.slice(cut), 3);
        expect(digest([...first, ...rest])).toBe(straight);
        expect(after.engine.counters()).toEqual(whole.engine.counters());
      }),
      { numRuns: 20, seed: 10 },
    );
  });
});

it("the table's hash seed does not show while the table is not full", async () => {
  const steps = fc.sample(traffic, { numRuns: 20, seed: 11 });
  for (const step of steps) {
    const results = new Set<string>();
    for (const tableSeed of [0n, 1n, 0xdeadbeefcafef00dn]) {
      const gateway = await GatewayRig.start(world(2), { connections: 4096, tableSeed });
      results.add(digest(gateway.send(frames(step))));
    }
    expect(results.size).toBe(1);
  }
});

describe("a full table", () => {
  const open = (port: number, atMs = 0): RigFrame => ({
    hook: "from-endpoint",
    frame: ethernet(ipv4({ src: ENDPOINT, dst: REMOTE }, tcp({ srcPort: port, dstPort: 80, flags: "SYN" }))),
    atMs,
  });
  const reply = (natPort: number, flags: string, atMs = 0): RigFrame => ({
    hook: "from-network",
    frame: ethernet(ipv4({ src: REMOTE, dst: EGRESS_IPS[0] }, tcp({ srcPort: 80, dstPort: natPort, flags }))),
    atMs,
  });

  it("gives up unreplied connections before established ones", async () => {
    const gateway = await GatewayRig.start(world(1), { connections: 256 });
    const kept = Array.from({ length: 100 }, (_, i) => 40_000 + i);
    gateway.send(kept.map((port) => open(port)));
    gateway.send(kept.map((port) => reply(port, "SYN ACK")));
    gateway.send(Array.from({ length: 3000 }, (_, i) => open(50_000 + i, 5)));
    const counters = gateway.engine.counters();
    expect(counters.entries).toBe(256);
    expect(counters.evictedUnreplied).toBe(3100 - 256);
    expect(counters.evictedEstablished).toBe(0);
    expect(
      gateway.send(kept.map((port) => reply(port, "ACK", 10))).every((outcome) => outcome.action === "reverse"),
    ).toBe(true);
  });

  it("gives up closing connections before unreplied ones", async () => {
    const gateway = await GatewayRig.start(world(1), { connections: 256 });
    const ports = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);
    const evicted = () => {
      const { evictedClosing, evictedUnreplied, evictedEstablished, live } = gateway.engine.counters();
      return { evictedClosing, evictedUnreplied, evictedEstablished, live };
    };
    gateway.send(ports(40_000, 100).map((port) => open(port)));
    gateway.send(ports(41_000, 156).map((port) => open(port)));
    gateway.send(ports(41_000, 156).map((port) => reply(port, "RST")));
    gateway.send(ports(50_000, 100).map((port) => open(port, 1)));
    expect(evicted()).toEqual({ evictedClosing: 100, evictedUnreplied: 0, evictedEstablished: 0, live: 256 });
  });

  it("gives up their pins with them: the next frame of one picks anew, though its gateway is healthy", async () => {
    const gateway = await GatewayRig.start(world(2), { connections: 256 });
    const early = Array.from({ length: 200 }, (_, i) => 40_000 + i);
    const first = gateway.send(early.map((port) => open(port)));
    gateway.engine.setGateway(0, "healthy");
    gateway.send(Array.from({ length: 150 }, (_, i) => open(50_000 + i, 5)));
    const own = early.filter((_, i) => first[i]!.egressIP === EGRESS_IPS[0]);
    const outcomes = own.map((port) => {
      const isKept = [...connections(gateway.engine.conntrack())].some(({ original }) => original.srcPort === port);
      const more = { srcPort: port, dstPort: 80, flags: "ACK" };
      const { egressIP, flags } = gateway.one({
        hook: "from-endpoint",
        frame: ethernet(ipv4({ src: ENDPOINT, dst: REMOTE }, tcp(more))),
        atMs: 10,
      });
      expect([egressIP, (flags & VERDICT_FLAG_CREATED) !== 0]).toEqual(
        isKept ? [EGRESS_IPS[0], false] : [EGRESS_IPS[1], true],
      );
      return isKept;
    });
    expect(outcomes.filter((isKept) => isKept).length).toBeGreaterThan(10);
    expect(outcomes.filter((isKept) => !isKept).length).toBeGreaterThan(10);
  });

  it.each(["cilium", "rfc"] as const)("of established connections only: profile %s", async (natProfile) => {
    const gateway = await GatewayRig.start(world(1), { connections: 64, natProfile });
    const kept = Array.from({ length: 64 }, (_, i) => 40_000 + i);
    gateway.send(kept.map((port) => open(port)));
    gateway.send(kept.map((port) => reply(port, "SYN ACK")));
    const outcome = gateway.one(open(50_000, 5));
    if (natProfile === "rfc") expect(outcome).toMatchObject({ action: "drop", reason: "table-full" });
    else expect(outcome).toMatchObject({ action: "snat" });
    expect(gateway.engine.counters().evictedEstablished).toBe(natProfile === "rfc" ? 0 : 1);
  });
});
