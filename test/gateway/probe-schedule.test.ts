import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProbeSchedule, probePhaseNs } from "../../src/gateway/probe-schedule.js";

describe("ProbeSchedule", () => {
  test("the last probe before a time and the first at or after it are neighbours around it", () => {
    const ns = fc.bigInt({ min: -(10n ** 12n), max: 2n ** 64n });
    fc.assert(
      fc.property(ns, ns, fc.bigInt({ min: 1n, max: 10n ** 10n }), (anchor, time, interval) => {
        const schedule = new ProbeSchedule(anchor, interval);
        const [before, after] = [schedule.before(time), schedule.atOrAfter(time)];
        expect(before < time && time <= after).toBe(true);
        expect(after - before).toBe(interval);
        expect((after - anchor) % interval).toBe(0n);
      }),
    );
  });
});

describe("probePhaseNs", () => {
  test("is the hash of seed and name as a fraction of the interval", () => {
    const hash = createHash("sha256").update("sluicegate probe phase 7 gw-a").digest().readBigUInt64LE(0);
    const expected = Math.floor((Number(hash >> 11n) / 2 ** 53) * 1e9);
    expect(Math.abs(Number(probePhaseNs(7, "gw-a", 1000)) - expected)).toBeLessThan(2);
  });

  test("is spread over the whole interval: each tenth gets its share of 2,000 nodes", () => {
    const tenths = new Array<number>(10).fill(0);
    for (let i = 0; i < 2000; i++) tenths[Number(probePhaseNs(1, `node-${i}`, 1000) / 100_000_000n)]!++;
    expect(Math.min(...tenths)).toBeGreaterThan(150);
    expect(Math.max(...tenths)).toBeLessThan(250);
  });

  test("differs by seed and by node, and is the same twice", () => {
    expect(probePhaseNs(1, "gw-a", 1000)).toBe(probePhaseNs(1, "gw-a", 1000));
    expect(probePhaseNs(1, "gw-a", 1000)).not.toBe(probePhaseNs(1, "gw-b", 1000));
    expect(probePhaseNs(1, "gw-a", 1000)).not.toBe(probePhaseNs(2, "gw-a", 1000));
  });
});
