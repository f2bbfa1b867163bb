import { describe, expect, test } from "vitest";
import type { PolicyModel } from "../../src/config/types.js";
import { type FailoverOptions, type FailoverReport, playFailures } from "../../src/whatif/failover.js";
import { playFailure } from "../../src/whatif/failover-job.js";
import { failureOf } from "../../src/whatif/scenarios.js";
import { clusterModel } from "../replay/cluster.js";
import { captureOf, ENDPOINT, inbound, outbound, REMOTE, type TimedFrame } from "../replay/traffic.js";
import { withFile } from "../support/capture-read.js";
import { ethernet, icmpMessage, ipv4, ipv4FragmentsOf, patterned, udp } from "../support/frames.js";

const GATEWAYS = {
  "gw-a": "203.0.113.10",
  "gw-b": "203.0.113.20",
  "gw-c": "203.0.113.30",
  "gw-d": "203.0.113.40",
};
const CONNECTIONS = 64;
const LENGTH_MS = 10_000;

/** Connections that all open at the start and send ten times a second, each frame 1 ms apart from the others. */
function steadyTraffic(): TimedFrame[] {
  const frames: TimedFrame[] = [];
  for (let ms = 0; ms < LENGTH_MS; ms += 100) {
    for (let i = 0; i < CONNECTIONS; i++) {
      const flags = ms === 0 ? "SYN" : "ACK";
      frames.push({ us: ms * 1000 + i * 1000, frame: outbound(flags, { port: 41_000 + i, id: ms / 100 + 1 }) });
    }
  }
  return frames;
}

function model(): Promise<PolicyModel> {
  return clusterModel({ pods: [ENDPOINT], gateways: GATEWAYS, worker: "worker" });
}

async function failures(options: Partial<FailoverOptions>): Promise<FailoverReport> {
  const own = await model();
  return withFile(captureOf(steadyTraffic()), (path) =>
    playFailures({
      captures: [path],
      model: own,
      kill: "each",
      at: { fromStartNs: 2_000_000_000n },
      detectMs: [500],
      seeds: 1,
      workers: 0,
      ...options,
    }),
  );
}

describe("a gateway that fails", () => {
  test("loses what is sent to it until the failure is noticed, breaks its own connections and no other", async () => {
    const report = await failures({});
    const had = new Map(report.before.map(({ node, connections }) => [node, connections]));
    expect(report.connections).toBe(CONNECTIONS);
    expect(report.failures.map(({ node }) => node)).toEqual(Object.keys(GATEWAYS));
    for (const { node, broken, hit, lostFrames, detectedAfterMs, connections } of report.failures) {
      const own = had.get(node)!;
      expect(own).toBeGreaterThan(4);
      expect(broken).toEqual({ median: own, min: own, max: own });
      expect(hit.median).toBe(own);
      // Ten frames a second and connection, for half a second.
      expect(lostFrames.median).toBe(own * 5);
      expect(detectedAfterMs!.median).toBe(500);
      expect(connections).toHaveLength(own);
      expect(connections[0]).toMatchObject({ pod: "default/pod-0", share: 1 });
    }
  });

  test("leaves its connections to the other three", async () => {
    const { failures: rows } = await failures({ kill: "gw-b" });
    expect(rows[0]!.sharesAfter.map(({ node }) => node)).toEqual(["gw-a", "gw-c", "gw-d"]);
    expect(rows[0]!.sharesAfter.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
  });

  test("is followed by what moves and by what opens from its detection on, and by nothing that opened before", async () => {
    const syns = (ms: number, count: number) =>
      Array.from({ length: count }, (_, i): TimedFrame => {
        return { us: ms * 1000 + i * 1000, frame: outbound("SYN", { port: 50_000 + ms + i, id: ms + i }) };
      });
    const frames = [...steadyTraffic(), ...syns(2200, 20), ...syns(5000, 7)].sort((a, b) => a.us - b.us);
    const own = await model();
    const job = { kill: "gw-a", atMs: 2000, detectMs: 500, seed: 1 };
    const outcome = await withFile(captureOf(frames), (path) => playFailure({ captures: [path], model: own }, job));
    const taken = Object.values(outcome.takenAfter).reduce((sum, count) => sum + count, 0);
    expect(outcome.broken).toBeGreaterThan(4);
    expect(taken).toBe(outcome.broken + 7);
    expect(Object.keys(outcome.takenAfter)).not.toContain("gw-a");
  });

  test("hits a connection once, however many frames of it are lost and whichever way they go", async () => {
    const frames = [0, 2100, 2200, 2300].flatMap((ms, i): TimedFrame[] => [
      { us: ms * 1000, frame: outbound(i ? "ACK" : "SYN", { id: 2 * i + 1 }) },
      { us: ms * 1000 + 50_000, frame: inbound(i ? "ACK" : "SYN ACK", { id: 2 * i + 2 }) },
    ]);
    const own = await clusterModel({ pods: [ENDPOINT], gateways: { "gw-a": "203.0.113.10" }, worker: "worker" });
    const job = { kill: "gw-a", atMs: 2000, detectMs: 1000, seed: 1 };
    const outcome = await withFile(captureOf(frames), (path) => playFailure({ captures: [path], model: own }, job));
    expect(outcome).toMatchObject({ lostFrames: 6, hit: 1 });
  });

  test("hits one connection with all fragments of its datagrams, and none with an ICMP error", async () => {
    const datagram = (id: number) =>
      ipv4({ src: ENDPOINT, dst: REMOTE, id }, udp({ srcPort: 40_000, dstPort: 4000, payload: patterned(4000) }));
    const error = icmpMessage({
      type: 3,
      code: 3,
      inner: ipv4({ src: REMOTE, dst: ENDPOINT }, udp({ srcPort: 4000, dstPort: 40_000 })),
    });
    const packets = [0, 2100, 2200].flatMap((ms, i) =>
      [...ipv4FragmentsOf(datagram(i + 1), [1480, 1480]), ipv4({ src: ENDPOINT, dst: REMOTE }, error)].map(
        (packet, place): TimedFrame => ({ us: ms * 1000 + place * 100, frame: ethernet(packet) }),
      ),
    );
    const own = await clusterModel({ pods: [ENDPOINT], gateways: { "gw-a": "203.0.113.10" }, worker: "worker" });
    const job = { kill: "gw-a", atMs: 2000, detectMs: 1000, seed: 1 };
    const outcome = await withFile(captureOf(packets), (path) => playFailure({ captures: [path], model: own }, job));
    expect(outcome).toMatchObject({ lostFrames: 8, hit: 1 });
  });

  test("costs more frames the later it is noticed", async () => {
    const { failures: rows } = await failures({ kill: "gw-a", detectMs: [500, 1000, 2000] });
    const lost = rows.map(({ lostFrames }) => lostFrames.median);
    expect(lost[1]).toBe(lost[0]! * 2);
    expect(lost[2]).toBe(lost[0]! * 4);
    expect(rows.map(({ detect }) => detect)).toEqual([0.5, 1, 2]);
  });

  test("by the health checks of the manifests is noticed within one to two seconds", async () => {
    const { failures: rows } = await failures({ kill: "gw-a", detectMs: [], seeds: 20 });
    expect(rows[0]!.detect).toBeNull();
    expect(rows[0]!.detectedAfterMs!.min).toBeGreaterThan(1000);
    expect(rows[0]!.detectedAfterMs!.max).toBeLessThanOrEqual(2000);
    expect(rows[0]!.detectedAfterMs!.max).toBeGreaterThan(rows[0]!.detectedAfterMs!.min);
  });

  test("under random balance breaks each connection under some of the seeds", async () => {
    const { failures: rows, seeds } = await failures({ kill: "gw-a", balance: "random", seeds: 12 });
    expect(seeds).toBe(12);
    expect(rows[0]!.broken.min).toBeLessThan(rows[0]!.broken.max);
    const shares = rows[0]!.connections.map(({ share }) => share);
    expect(shares).toEqual([...shares].sort((a, b) => b - a));
    expect(shares[0]).toBeLessThan(1);
    const mean = shares.reduce((sum, share) => sum + share, 0) / CONNECTIONS;
    expect(mean).toBeGreaterThan(0.15);
    expect(mean).toBeLessThan(0.35);
  });

  test("spreads what is taken afterwards over those seeds only that have something to take", async () => {
    const flow = [0, 1000, 2000, 3000, 4000].map((ms): TimedFrame => {
      return { us: ms * 1000, frame: outbound(ms === 0 ? "SYN" : "ACK", { port: 41_000, id: ms / 1000 + 1 }) };
    });
    const own = await model();
    const { failures: rows } = await withFile(captureOf(flow), (path) =>
      playFailures({
        captures: [path],
        model: own,
        kill: "gw-a",
        at: { fromStartNs: 1_500_000_000n },
        detectMs: [700],
        seeds: 12,
        workers: 0,
        balance: "random",
      }),
    );
    expect(rows[0]!.hit).toMatchObject({ min: 0, max: 1 });
    expect(rows[0]!.sharesAfter.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
  });

  test("at several times, one run for each", async () => {
    const at = { everyNs: 3_000_000_000n };
    const { failures: rows } = await failures({ kill: "gw-a", at });
    expect(rows.map((row) => row.at)).toEqual([
      "2026-09-21T14:13:23.000000000Z",
      "2026-09-21T14:13:26.000000000Z",
      "2026-09-21T14:13:29.000000000Z",
    ]);
  });

  test("says how many runs there will be before the first", async () => {
    const said: unknown[] = [];
    const onPlan = (runs: number) => said.push(runs);
    await failures({
      kill: "gw-a",
      detectMs: [500, 1000],
      seeds: 2,
      onPlan,
      onRun: (done) => said.push(`run ${done}`),
    });
    expect(said).toEqual([4, "run 1", "run 2", "run 3", "run 4"]);
  });

  test("that nobody notices leaves nobody to take connections afterwards", async () => {
    const { failures: rows } = await failures({ kill: "gw-a", detectMs: [60_000] });
    expect(rows[0]).toMatchObject({ detectedAfterMs: null, sharesAfter: [] });
    expect(rows[0]!.hit.median).toBeGreaterThan(4);
  });

  test("half way through the captures unless told otherwise", async () => {
    const { failures: rows } = await failures({ kill: "gw-a", at: undefined });
    expect(rows.map((row) => row.at)).toEqual(["2026-09-21T14:13:24.981000000Z"]);
  });

  test.each([
    [
      "a node that is no gateway",
      { kill: "gw-z" },
      '--kill is "gw-z", expected a gateway node: gw-a, gw-b, gw-c, gw-d',
    ],
    [
      "a time behind the captures",
      { at: { fromStartNs: 60_000_000_000n } },
      "--at is 2026-09-21T14:14:20.000000000Z, expected a time from",
    ],
    [
      "times too far apart",
      { at: { everyNs: 60_000_000_000n } },
      "--at: the captures last 9963 ms, expected times closer together",
    ],
    ["times too close together", { at: { everyNs: 1000n } }, "--at gives 9963000 times, expected at most 100000"],
    [
      "more runs than are worth while",
      { at: { everyNs: 1_000_000n }, seeds: 3 },
      "4 nodes x 9963 times x 1 delays x 3 seeds are 119556 runs, expected at most 100000: ask for fewer by --kill",
    ],
    ["standard input", { captures: ["-"] }, "-: is standard input, expected files"],
  ])("is refused where the question makes no sense: %s", async (_, options, message) => {
    await expect(failures(options as Partial<FailoverOptions>)).rejects.toThrow(message);
  });
});

describe("detection exactly D after the failure", () => {
  test.each([
    [1, 1],
    [1, 2000],
    [50, 500],
    [99, 30],
    [100, 100],
    [1234, 567],
    [2000, 1],
    [3333, 2000],
  ])("failing after %i ms, noticed %i ms later", async (atMs, detectMs) => {
    const own = await model();
    const outcome = await withFile(captureOf(steadyTraffic()), (path) =>
      playFailure({ captures: [path], model: own }, { kill: "gw-a", atMs, detectMs, seed: 1 }),
    );
    expect(outcome.detectedAfterMs).toBe(detectMs);
  });

  test("is laid by the probes: one comes with the failure", async () => {
    const { health, phaseMs } = failureOf(await model(), "gw-a", 1234, 500);
    expect(phaseMs).toBe(34);
    expect(health).toMatchObject({ probeIntervalMs: 100, timeoutMs: 600 });
  });
});
