import { describe, expect, test } from "vitest";
import { CompleteSearch } from "../../src/whatif/port-search.js";
import { type Lease, simulate, useOf } from "../../src/whatif/port-use.js";
import { portUse } from "../../src/whatif/ports.js";
import { Random } from "../../src/whatif/random.js";
import { clusterModel } from "../replay/cluster.js";
import { captureOf, conversation, ENDPOINT, question, type TimedFrame } from "../replay/traffic.js";
import { withFile } from "../support/capture-read.js";

const lease = (fromNs: number, untilNs: number): Lease => ({ fromNs, untilNs, own: 40_000 });

describe("ports in use over time", () => {
  test("counts a port from its opening to its end, which is free again at that instant", () => {
    expect(useOf([lease(0, 10), lease(5, 12), lease(10, 11)], 19, 4)).toEqual({
      peak: 2,
      peakNs: 5,
      steps: [1, 2, 2, 0],
    });
  });

  test("carries what is in use through steps in which nothing happens", () => {
    expect(useOf([lease(0, 1000), lease(1, 1000)], 99, 5).steps).toEqual([2, 2, 2, 2, 2]);
  });

  test("does not depend on the order of the leases", () => {
    const leases = [lease(3, 9), lease(0, 4), lease(2, 3), lease(8, 30)];
    expect(useOf([...leases].reverse(), 20, 3)).toEqual(useOf(leases, 20, 3));
  });
});

describe("growth", () => {
  const leases = Array.from({ length: 10 }, (_, i) => lease(i, 100));
  const asked = (grow: number) =>
    simulate(leases, grow, new CompleteSearch({ low: 1, high: 1000 }), new Random(1)).asked;

  test.each([
    [1, 10],
    [3, 30],
    [1.5, 15],
    [0.5, 5],
    [2.34, 23],
  ])("%dx of ten connections are %d", (grow, expected) => {
    expect(asked(grow)).toBe(expected);
  });

  test("gives each connection that it adds a source port of its own", () => {
    const ports: number[] = [];
    const search = { claim: (port: number) => ports.push(port) > 0 };
    simulate(leases, 3, search, new Random(1));
    const own = ports.filter((port) => port === 40_000);
    expect([ports.length, own.length]).toEqual([30, 10]);
    for (const port of ports) expect(port >= 32_768 && port <= 60_999).toBe(true);
  });

  test("says when the first is refused", () => {
    const search = new CompleteSearch({ low: 1, high: 12 });
    expect(simulate(leases, 2, search, new Random(1))).toEqual({ asked: 20, refused: 8, firstNs: 6 });
  });
});

describe("port use of a capture", () => {
  const words = { pods: [ENDPOINT], gateways: { "gw-a": "203.0.113.10" } };

  async function portsOf(frames: readonly TimedFrame[], grow: number, high = 32_807) {
    const model = await clusterModel({ ...words, snatPorts: { low: 32_768, high } });
    return withFile(captureOf(frames), (path) => portUse({ captures: [path], model, grow }));
  }
  const downloads = Array.from({ length: 20 }, (_, i) => conversation(i * 1000, { port: 41_000 + i })).flat();

  test("is a group per egress IP, remote, port and protocol, the fullest first", async () => {
    const { groups, portsLimit, peak, peakPercent } = await portsOf([...downloads, ...question(90_000)], 1);
    expect(portsLimit).toBe(40);
    expect(groups.map((row) => [row.protocol, row.remotePort, row.peak])).toEqual([
      ["tcp", 443, 20],
      ["udp", 53, 1],
    ]);
    expect([peak, peakPercent]).toEqual([20, 50]);
    expect(groups[0]).toMatchObject({ node: "gw-a", egressIP: "203.0.113.10", limit: 40, runsOutAt: 2 });
  });

  test("runs out at the multiple that fills the range: nobody is refused there, and everybody beyond", async () => {
    const [twice, thrice] = [await portsOf(downloads, 2), await portsOf(downloads, 3)];
    expect(twice.refused).toBe(0);
    expect(thrice.refused).toBe(20);
    expect(thrice.groups[0]!.refused.percent).toBeCloseTo((20 / 60) * 100);
    expect(thrice.egressIPsNeeded).toBe(2);
  });

  test("the original refuses sooner than a complete search", async () => {
    const { groups, originalRefused, refused } = await portsOf(downloads, 2);
    expect(groups[0]!.originalRefusesFrom).toBeLessThan(groups[0]!.runsOutAt);
    expect(originalRefused).toBeGreaterThan(refused);
    expect(groups[0]!.original.firstAt).toMatch(/^2026-09-21T14:13:20\.0/);
  });

  test("agrees with the engine about the most ports in use", async () => {
    const { groups, refusedInReplay } = await portsOf(downloads, 1, 32_777);
    expect(refusedInReplay).toBe(10);
    expect(groups[0]!.peak).toBe(10);
  });

  test("wants egress IPs for those too that found no port in the captures", async () => {
    const { destinations } = await portsOf(downloads, 1, 32_777);
    expect(destinations).toMatchObject([{ peak: 10, egressIPsNeeded: 2 }]);
    expect((await portsOf(downloads, 3, 32_777)).egressIPsNeeded).toBe(6);
  });

  test("is the same in every run", async () => {
    expect(await portsOf(downloads, 2.5)).toEqual(await portsOf(downloads, 2.5));
  });
});
