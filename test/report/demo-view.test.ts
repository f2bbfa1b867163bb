import { describe, expect, test } from "vitest";
import type { DemoReport, MonitorEntry } from "../../src/demo/report-types.js";
import { clock, demoLogLines } from "../../src/report/demo-log.js";
import { demoText } from "../../src/report/demo-view.js";

const [A, B] = ["203.0.113.11", "203.0.113.12"];

function answered(sentMs: number, answeredBy: string): MonitorEntry {
  return { sentMs, answeredBy, latencyMs: 12.34 };
}

function lost(sentMs: number): MonitorEntry {
  return { sentMs, answeredBy: null, latencyMs: null };
}

/** Two gateways, a request every 500 ms by turns; gateway-b is gone from 20 s to 30 s. */
function report(change: Partial<DemoReport> = {}): DemoReport {
  const log = Array.from({ length: 80 }, (_, i) => {
    const sentMs = i * 500;
    if (i % 2 === 0) return answered(sentMs, A!);
    if (sentMs >= 20_000 && sentMs < 21_700) return lost(sentMs);
    return answered(sentMs, sentMs >= 20_000 && sentMs < 30_400 ? A! : B!);
  });
  const row = { sourceIP: "10.64.0.2", destinationCIDR: "198.18.0.0/15" };
  const rows = [
    { ...row, egressIP: A!, gatewayIP: "172.16.0.11", gateway: "gateway-a" },
    { ...row, egressIP: B!, gatewayIP: "172.16.0.12", gateway: "gateway-b" },
  ];
  const gateway = { zone: "zone-a", requests: 1, answered: 1, medianLatencyMs: 12, maxLatencyMs: 13, roundTripMs: 12 };
  return {
    schema: "sluicegate.io/demo-report/v1",
    seed: 5,
    start: "2024-01-01T23:59:50.000000000Z",
    durationMs: 40_000,
    requestsPerSecond: 2,
    monitor: { address: "10.64.0.2", zone: "zone-d" },
    server: { address: "198.18.18.52", port: 7000 },
    gateways: [
      { ...gateway, node: "gateway-a", egressIP: A! },
      { ...gateway, node: "gateway-b", egressIP: B! },
    ],
    requests: { sent: 80, answered: 78, lost: 2 },
    outage: {
      node: "gateway-b",
      atMs: 20_000,
      detectedAtMs: 21_700,
      lostRequests: 2,
      lostAnswers: 0,
      lossWindowMs: 1500,
      backAtMs: 30_000,
      readmittedAtMs: 30_400,
      usedAgainAtMs: 30_500,
    },
    rates: [{ fromMs: 0, seconds: 40, answered: [50, 28], lost: 2 }],
    egressLists: [
      { when: "before", atMs: 0, rows },
      { when: "during", atMs: 21_700, rows: rows.slice(0, 1) },
    ],
    events: [
      { atMs: 20_000, node: "gateway-b", what: "node-down" },
      { atMs: 20_700, node: "gateway-b", what: "suspect", causeAtMs: 20_000 },
      { atMs: 21_700, node: "gateway-b", what: "down-detected", causeAtMs: 20_000 },
      { atMs: 30_000, node: "gateway-b", what: "node-up" },
      { atMs: 30_400, node: "gateway-b", what: "up-detected", causeAtMs: 30_000 },
    ],
    log,
    ...change,
  };
}

const PLAIN = { colour: false, verbose: false };

describe("the clock", () => {
  test("is the time of day in virtual time, and goes past midnight", () => {
    expect(clock(report(), 1234.9)).toBe("23:59:51.234");
    expect(clock(report(), 10_000)).toBe("00:00:00.000");
    expect(clock(report(), 3_610_001)).toBe("01:00:00.001");
  });
});

describe("the monitor's log", () => {
  test("shows the first second and the turns request by request, and folds the rest", () => {
    expect(demoLogLines(report(), PLAIN)).toEqual([
      "  23:59:50.000  203.0.113.11  gateway-a   12.3 ms",
      "  23:59:50.500  203.0.113.12  gateway-b   12.3 ms",
      "  … 35 answered: gateway-a 18, gateway-b 17",
      "  00:00:08.500  203.0.113.12  gateway-b   12.3 ms",
      "  00:00:09.000  203.0.113.11  gateway-a   12.3 ms",
      "  00:00:09.500  203.0.113.12  gateway-b   12.3 ms",
      "  00:00:10.000  gateway-b goes down",
      "  00:00:10.000  203.0.113.11  gateway-a   12.3 ms",
      "  00:00:10.500  no answer within 1 s",
      "  00:00:10.700  gateway-b misses a probe, 0.700 s after its cause",
      "  00:00:11.000  203.0.113.11  gateway-a   12.3 ms",
      "  00:00:11.500  no answer within 1 s",
      "  00:00:11.700  gateway-b counts as down, 1.700 s after its cause",
      "  00:00:12.000  203.0.113.11  gateway-a   12.3 ms",
      "  00:00:12.500  203.0.113.11  gateway-a   12.3 ms",
      "  00:00:13.000  203.0.113.11  gateway-a   12.3 ms",
      "  … 13 answered: gateway-a 13",
      "  00:00:20.000  gateway-b answers again",
      "  00:00:20.000  203.0.113.11  gateway-a   12.3 ms",
      "  00:00:20.400  gateway-b counts as up, 0.400 s after its cause",
      "  00:00:20.500  203.0.113.12  gateway-b   12.3 ms",
      "  00:00:21.000  203.0.113.11  gateway-a   12.3 ms",
      "  00:00:21.500  203.0.113.12  gateway-b   12.3 ms",
      "  … 16 answered: gateway-a 8, gateway-b 8",
    ]);
  });

  test("has every request and event with --verbose, and no fold", () => {
    const lines = demoLogLines(report(), { colour: false, verbose: true });
    expect(lines).toHaveLength(85);
    expect(lines.filter((line) => line.includes("…"))).toEqual([]);
  });

  test("folds lost requests too where there are too many", () => {
    const log = Array.from({ length: 200 }, (_, i) => lost(20_000 + i));
    const lines = demoLogLines(report({ log, events: [] }), PLAIN);
    expect(lines.filter((line) => line.endsWith("no answer within 1 s")).length).toBeLessThan(70);
    expect(lines.at(-1)).toMatch(/^ {2}… 0 answered; 1\d\d lost$/);
  });

  test("keeps an event after the last request", () => {
    const events = [{ atMs: 99_000, node: "gateway-b", what: "node-up" as const }];
    expect(demoLogLines(report({ events }), PLAIN).at(-1)).toBe("  00:01:29.000  gateway-b answers again");
  });

  test("is the same text in colours", () => {
    const coloured = demoLogLines(report(), { colour: true, verbose: false });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colours are made of
    expect(coloured.map((line) => line.replace(/\x1b\[\d+m/g, ""))).toEqual(demoLogLines(report(), PLAIN));
    expect(coloured.join("\n")).toContain("\x1b[31mno answer");
  });
});

describe("the whole view", () => {
  const text = demoText(report(), PLAIN);

  test("says who takes part, and what the minutes brought", () => {
    expect(text).toMatch(/^Demonstration {2}virtual time, seed 5\n/);
    expect(text).toContain("2 times a second,\n  for 40 s, by 2 gateways; gateway-b is rebooted at 00:00:10.000\n");
    expect(text).toContain("\n  from      gateway-a  gateway-b   all  lost requests\n");
    expect(text).toContain("\n  23:59:50       1.25       0.70  1.95              2\n");
  });

  test("lists who was eligible when", () => {
    expect(text).toContain(
      "list egress  before the failure, from 23:59:50.000 on\n  Source IP   Destination CIDR   Egress IP",
    );
    expect(text).toContain("list egress  while it is down, from 00:00:11.700 on\n");
    expect(text).not.toContain("list egress  after its return");
  });

  test("ends with what was lost, when it was noticed, and when the gateway was used again", () => {
    expect(text).toMatch(
      /\nResult\n {2}2 of 80 requests lost, the last sent 1\.50 s after gateway-b had gone\n {2}gateway-b was found to be down 1\.70 s after it had gone; the others carried on\n {2}gateway-b was seen again 0\.40 s after its return and answered 0\.50 s after it\n$/,
    );
  });

  test.each<[string, Partial<DemoReport["outage"]>, string]>([
    ["lost nothing", { lossWindowMs: null, lostRequests: 0 }, "  0 of 80 requests lost\n"],
    [
      "cut an answer off",
      { lostAnswers: 1 },
      "lost (1 of them had been answered: the answer met a dead gateway), the last",
    ],
    [
      "was not noticed",
      { detectedAtMs: null },
      "never found to be down: it was back too soon, or the demonstration ended",
    ],
    ["did not end", { backAtMs: null }, "gateway-b did not come back within the demonstration"],
    ["was over at once", { readmittedAtMs: null }, "gateway-b came back and needed no readmission"],
  ])("says so where the failure %s", (_, outage, words) => {
    expect(demoText(report({ outage: { ...report().outage, ...outage } }), PLAIN)).toContain(words);
  });
});
