import { beforeAll, describe, expect, it } from "vitest";
import { gateway, HOSTS, POOL, query } from "./lifetimes-rig.js";

// Statistics of drawn ports (nat-requirements section 1.6; RFC 6056). Seeds are fixed, so nothing here can fail by chance.

const REMOTE_PORT_SEED = 6056n;
/** Longer than a UDP mapping lives: each draw is from an empty pool. */
const STEP = 301;

/** NAT ports of 64,512 sockets, one after the other to one remote, each released before the next; own ports lie outside the range. */
async function draw(portSeed: bigint, count = POOL): Promise<number[]> {
  const rig = await gateway({ portSeed, connections: 4096 });
  const frames = Array.from({ length: count }, (_, i) =>
    query(1 + Math.floor(i / HOSTS.length), i * STEP, HOSTS[i % HOSTS.length]),
  );
  return rig.send(frames).map(({ natPort }) => natPort);
}

function correlation(a: number[], b: number[]): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  const product = a.reduce((sum, value, i) => sum + (value - meanA) * (b[i]! - meanB), 0);
  const spread = (values: number[], around: number) =>
    Math.sqrt(values.reduce((sum, value) => sum + (value - around) ** 2, 0));
  return product / (spread(a, meanA) * spread(b, meanB));
}

describe("T55 port randomness (attack 3.12)", () => {
  let ports: number[];

  beforeAll(async () => {
    ports = await draw(REMOTE_PORT_SEED);
  }, 60_000);

  it("T55 chi-square over 63 bins of 1,024 ports lies within 33.1 and 102.2", () => {
    const bins = new Array<number>(63).fill(0);
    for (const port of ports) bins[(port - 1024) >> 10]!++;
    const expected = POOL / 63;
    const chiSquare = bins.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeGreaterThan(33.1);
    expect(chiSquare).toBeLessThan(102.2);
  });

  it("T55 lag-1 correlation under 0.02, no run of +1 longer than 3", () => {
    expect(Math.abs(correlation(ports.slice(0, -1), ports.slice(1)))).toBeLessThan(0.02);
    let run = 0;
    let longest = 0;
    for (let i = 1; i < ports.length; i++) {
      run = ports[i] === ports[i - 1]! + 1 ? run + 1 : 0;
      longest = Math.max(longest, run);
    }
    expect(longest).toBeLessThanOrEqual(3);
  });

  it("T55 draws are with replacement: 10,000 give about 9,264 distinct ports, 64,512 about 40,780", () => {
    // Six standard deviations of the number of distinct ports (occupancy problem).
    expect(Math.abs(new Set(ports.slice(0, 10_000)).size - 9264)).toBeLessThan(150);
    expect(Math.abs(new Set(ports).size - 40_780)).toBeLessThan(600);
  });

  it("T55 the ends of the range are reachable, nothing outside is", () => {
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(1024);
    expect(Math.max(...ports)).toBeLessThanOrEqual(65_535);
    expect(ports.filter((port) => port < 1024 + 64).length).toBeGreaterThan(0);
    expect(ports.filter((port) => port > 65_535 - 64).length).toBeGreaterThan(0);
  });

  it("T55 two seeds share under 1 % of their choices; the same seed makes the same ones", async () => {
    const [again, other] = [await draw(REMOTE_PORT_SEED, 20_000), await draw(1n, 20_000)];
    expect(again).toEqual(ports.slice(0, 20_000));
    expect(other.filter((port, i) => port === ports[i]).length).toBeLessThan(200);
  });

  it("T55 each end of the range is drawn", async () => {
    const rig = await gateway({ ports: { low: 2000, high: 2063 } });
    const few = rig.send(Array.from({ length: 1000 }, (_, i) => query(1 + i, i * STEP)));
    expect([...new Set(few.map(({ natPort }) => natPort))].toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 64 }, (_, i) => 2000 + i),
    );
  });
});
