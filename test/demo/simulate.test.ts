import { beforeAll, describe, expect, test } from "vitest";
import { JITTER, roundTripNs } from "../../src/demo/latency.js";
import type { DemoReport } from "../../src/demo/report-types.js";
import { simulateDemo } from "../../src/demo/simulate.js";
import { answeredBy, ends, type SeenRun, seenRun } from "./run.js";

const MONITOR = "10.64.0.2";
const SERVER = "198.18.18.52:7";
const DEAD = "gateway-d";
const OTHERS = ["gateway-a", "gateway-b", "gateway-c"];
/** A failure that comes after the last request: what happens when nothing happens. */
const UNDISTURBED = { durationMs: 302_000, atMs: 301_999 };

let run: SeenRun;
let report: DemoReport;
let undisturbed: DemoReport;

beforeAll(async () => {
  run = await seenRun();
  report = run.report;
  undisturbed = await simulateDemo(UNDISTURBED);
});

/** Entries of the log with the gateway that answered in both runs. */
function pairs() {
  const [now, before] = [answeredBy(report), answeredBy(undisturbed)];
  return report.log.map(({ sentMs }, i) => ({ sentMs, now: now[i]!, undisturbed: before[i]! }));
}

describe("with four gateways up", () => {
  test("about 20 requests a second are sent, 45 to 55 milliseconds apart", () => {
    const gaps = report.log.slice(1).map(({ sentMs }, i) => sentMs - report.log[i]!.sentMs);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(45);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(55);
    expect(report.requests.sent).toBeGreaterThan(5950);
    expect(report.requests.sent).toBeLessThan(6050);
  });

  test.each([1, 2, 3, 4, 5])("each answers about five a second under seed %i", async (seed) => {
    const { rates } = await simulateDemo({ seed, atMs: 119_999, durationMs: 120_000 });
    for (const { answered } of rates) {
      // 300 of 1,200 on average; the deviation is 15.
      for (const n of answered) expect(Math.abs(n - 300)).toBeLessThan(60);
    }
  });

  test("by default exactly so many answer a minute", () => {
    expect(report.rates.map(({ answered, lost }) => [...answered, lost])).toEqual([
      [297, 280, 301, 319, 0],
      [301, 333, 278, 284, 0],
      [397, 410, 387, 0, 7],
      [317, 294, 291, 297, 0],
      [293, 301, 301, 305, 0],
    ]);
    expect(report.requests).toEqual({ sent: 5993, answered: 5986, lost: 7 });
    expect(report.outage).toEqual({
      node: DEAD,
      atMs: 120_000,
      detectedAtMs: 121_872.601528,
      lostRequests: 7,
      lostAnswers: 0,
      lossWindowMs: 1849.115262,
      backAtMs: 180_000,
      readmittedAtMs: 180_872.601528,
      usedAgainAtMs: 180_942.530059,
    });
  });

  test("an answer takes the ways between the zones, and at most the jitter more", () => {
    for (const { zone, egressIP, roundTripMs } of report.gateways) {
      const latencies = report.log.filter((entry) => entry.answeredBy === egressIP).map(({ latencyMs }) => latencyMs!);
      expect(roundTripMs).toBe(roundTripNs(zone as "zone-a") / 1e6);
      expect(Math.min(...latencies)).toBeGreaterThanOrEqual(roundTripMs);
      expect(Math.max(...latencies)).toBeLessThanOrEqual(roundTripMs * (1 + JITTER));
    }
    expect(report.gateways.map(({ roundTripMs }) => roundTripMs)).toEqual([13.7, 17.5, 19.7, 10.6]);
  });
});

describe("the frames", () => {
  test("reach the server with the address of a gateway, and the answer says so", () => {
    const requests = run.server.filter((frame) => ends(frame).destination === SERVER);
    expect(requests).toHaveLength(report.gateways.reduce((sum, gateway) => sum + gateway.requests, 0));
    for (const frame of requests) {
      const { egressIP } = report.gateways.find(({ node }) => node === frame.gateway)!;
      expect(ends(frame)).toMatchObject({ checksum: "right", source: expect.stringMatching(`^${egressIP}:`) });
    }
    for (const frame of run.server.filter((frame) => ends(frame).source === SERVER)) {
      const { destination, checksum } = ends(frame);
      expect(checksum).toBe("right");
      expect(Buffer.from(frame.bytes).toString("latin1")).toContain(`${destination} request `);
    }
  });

  test("come back to the pod's own address and port, one per answered request", () => {
    const sent = run.pod.filter((frame) => ends(frame).destination === SERVER);
    const received = run.pod.filter((frame) => ends(frame).source === SERVER);
    expect(sent).toHaveLength(report.requests.sent);
    expect(received).toHaveLength(report.requests.answered);
    const ports = new Set(sent.map((frame) => ends(frame).source));
    expect(ports.size).toBe(sent.length);
    for (const frame of received) {
      expect(ports).toContain(ends(frame).destination);
      expect(ends(frame)).toMatchObject({ checksum: "right", destination: expect.stringMatching(`^${MONITOR}:`) });
    }
  });

  test("are in the order of time at either tap", () => {
    for (const frames of [run.pod, run.server]) {
      const times = frames.map(({ timeNs }) => timeNs);
      expect(times).toEqual([...times].sort((a, b) => Number(a - b)));
    }
  });
});

describe("when one gateway is rebooted", () => {
  test("requests are lost from the failure to its detection, and no others", () => {
    const { atMs, detectedAtMs, lostRequests, lossWindowMs } = report.outage;
    const lost = report.log.filter((entry) => entry.answeredBy === null).map(({ sentMs }) => sentMs);
    expect(lost).toHaveLength(lostRequests);
    expect(Math.min(...lost)).toBeGreaterThanOrEqual(atMs);
    expect(Math.max(...lost)).toBeLessThan(detectedAtMs!);
    expect(lossWindowMs).toBeCloseTo(Math.max(...lost) - atMs, 6);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])("the probes find it within one to two seconds under seed %i", async (seed) => {
    const { outage } = await simulateDemo({ seed, durationMs: 10_000, atMs: 4000, downForMs: 4000 });
    expect(outage.detectedAtMs! - outage.atMs).toBeGreaterThanOrEqual(1000);
    expect(outage.detectedAtMs! - outage.atMs).toBeLessThanOrEqual(2000);
    expect(outage.lossWindowMs!).toBeLessThan(outage.detectedAtMs! - outage.atMs);
    expect(outage.readmittedAtMs! - outage.backAtMs!).toBeLessThanOrEqual(1000);
    expect(outage.backAtMs).toBe(8000);
  });

  test("only requests that it would have carried are lost, all of them", () => {
    const { atMs, detectedAtMs } = report.outage;
    const meanwhile = pairs().filter(({ sentMs }) => sentMs >= atMs && sentMs < detectedAtMs!);
    expect(meanwhile.length).toBeGreaterThan(20);
    for (const pair of meanwhile) expect(pair.now).toBe(pair.undisturbed === DEAD ? null : pair.undisturbed);
  });

  test("the other three carry on, each with its own requests and a third of the dead one's", () => {
    const { detectedAtMs, backAtMs } = report.outage;
    const meanwhile = pairs().filter(({ sentMs }) => sentMs >= detectedAtMs! && sentMs < backAtMs!);
    for (const pair of meanwhile) {
      if (pair.undisturbed !== DEAD) expect(pair.now).toBe(pair.undisturbed);
      else expect(OTHERS).toContain(pair.now);
    }
    // 20 / 3 a second each; the deviation of 58 s is 16 of 389.
    const seconds = (backAtMs! - detectedAtMs!) / 1000;
    for (const node of OTHERS) {
      const answered = meanwhile.filter(({ now }) => now === node).length;
      expect(Math.abs(answered - (seconds * 20) / 3)).toBeLessThan(64);
    }
  });

  test("it is used again after its return, for the same requests as ever", () => {
    const { readmittedAtMs, usedAgainAtMs } = report.outage;
    const after = pairs().filter(({ sentMs }) => sentMs >= readmittedAtMs!);
    expect(after.filter(({ now }) => now === DEAD).length).toBeGreaterThan(400);
    for (const pair of after) expect(pair.now).toBe(pair.undisturbed);
    expect(after.find(({ now }) => now === DEAD)!.sentMs).toBe(usedAgainAtMs);
  });

  test("list egress names four gateways, three, and four again", () => {
    const nodes = report.egressLists.map(({ when, rows }) => [
      when,
      rows.map(({ gateway }) => gateway.slice(-1)).join(""),
    ]);
    expect(nodes).toEqual([
      ["before", "abcd"],
      ["during", "abc"],
      ["after", "abcd"],
    ]);
    expect(report.egressLists[1]!.atMs).toBe(report.outage.detectedAtMs);
    expect(report.egressLists[2]!.atMs).toBe(report.outage.readmittedAtMs);
    expect(report.egressLists[0]!.rows[3]).toEqual({
      sourceIP: MONITOR,
      destinationCIDR: "198.18.0.0/15",
      egressIP: "203.0.113.14",
      gatewayIP: "172.16.0.14",
      gateway: DEAD,
    });
  });

  test("an answer that is on its way then is lost, and counted apart", async () => {
    const before = answeredBy(undisturbed).findIndex((node, i) => node === DEAD && undisturbed.log[i]!.sentMs > 10_000);
    const atMs = Math.ceil(undisturbed.log[before]!.sentMs) + 5;
    const { outage, log } = await simulateDemo({ atMs, durationMs: 30_000, downForMs: 5000 });
    expect(log[before]!.answeredBy).toBeNull();
    expect(outage.lostAnswers).toBe(1);
    expect(outage.lostRequests).toBe(log.filter((entry) => entry.answeredBy === null).length);
  });
});

describe("a failure", () => {
  test("that ends before the probes notice loses requests and changes no list", async () => {
    const { outage, egressLists, log } = await simulateDemo({ durationMs: 20_000, atMs: 5000, downForMs: 700 });
    expect(outage).toMatchObject({ detectedAtMs: null, backAtMs: 5700, readmittedAtMs: null, usedAgainAtMs: null });
    expect(egressLists.map(({ when }) => when)).toEqual(["before"]);
    const lost = log.filter((entry) => entry.answeredBy === null);
    expect(lost.length).toBeGreaterThan(0);
    for (const { sentMs } of lost) expect(Math.abs(sentMs - 5350)).toBeLessThan(400);
  });

  test("that outlasts the demonstration leaves three gateways at its end", async () => {
    const { outage, egressLists, rates } = await simulateDemo({ durationMs: 90_000, atMs: 20_000, downForMs: 600_000 });
    expect(outage).toMatchObject({ backAtMs: null, readmittedAtMs: null, usedAgainAtMs: null });
    expect(egressLists.map(({ when }) => when)).toEqual(["before", "during"]);
    expect(rates.map(({ seconds }) => seconds)).toEqual([60, 30]);
    expect(rates[1]!.answered[3]).toBe(0);
  });

  test.each(OTHERS)("of %s is one like any other", async (kill) => {
    const { outage, requests } = await simulateDemo({ kill, durationMs: 20_000, atMs: 5000, downForMs: 5000 });
    expect(outage.node).toBe(kill);
    expect(requests.lost).toBeGreaterThan(0);
    expect(requests.lost).toBeLessThan(25);
    expect(outage.usedAgainAtMs).toBeGreaterThan(10_000);
  });
});

describe("the same seed and options", () => {
  test("give the same report and the same frames", async () => {
    const again = await seenRun();
    expect(again.report).toEqual(report);
    expect(again.pod).toEqual(run.pod);
    expect(again.server).toEqual(run.server);
  });

  test("with another seed, or another rate, give others", async () => {
    const other = await simulateDemo({ seed: 2 });
    expect(answeredBy(other)).not.toEqual(answeredBy(report));
    const fast = await simulateDemo({ requestsPerSecond: 400, durationMs: 10_000, atMs: 5000 });
    expect(Math.abs(fast.requests.sent - 4000)).toBeLessThan(40);
  });
});
