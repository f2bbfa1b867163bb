import { describe, expect, test } from "vitest";
import { type DrainReport, drainNode } from "../../src/whatif/drain.js";
import { type FailoverOptions, type FailoverReport, playFailures } from "../../src/whatif/failover.js";
import { PinIndex } from "../../src/whatif/pin-index.js";
import { type ClusterWords, clusterModel } from "../replay/cluster.js";
import { ENDPOINT, REMOTE } from "../replay/traffic.js";
import { withFile } from "../support/capture-read.js";

const START = { fromStartNs: 0n };
const OPEN = "Flags=0x0010 [ SeenNonSyn ]";
const CLOSED = "Flags=0x0013 [ RxClosing TxClosing SeenNonSyn ]";

/** An entry seen last when the table was printed. @param left seconds to live */
function entry(protocol: string, port: number, left: number, state: string, remotePort = 443): string {
  const times = `expires=${1000 + left} RxFlagsSeen=0x12 LastRxReport=1000 TxFlagsSeen=0x12 LastTxReport=1000`;
  return `${protocol} OUT ${ENDPOINT}:${port} -> ${REMOTE}:${remotePort} ${times} ${state}`;
}

const TABLE = [
  entry("TCP", 40_001, 8000, OPEN),
  entry("TCP", 40_002, 7000, OPEN),
  entry("TCP", 40_003, 10, CLOSED),
  // Never answered: its SYN is sent again.
  `TCP OUT ${ENDPOINT}:40004 -> ${REMOTE}:443 expires=1030 LastRxReport=0 LastTxReport=990 Flags=0x0000 [ ]`,
  entry("UDP", 5000, 60, "Flags=0x0000 [ ]", 53),
  entry("ICMP", 77, 30, "Flags=0x0000 [ ]", 0),
  // Ended, but not yet collected.
  `TCP OUT ${ENDPOINT}:40005 -> ${REMOTE}:443 expires=990 LastRxReport=0 LastTxReport=900 ${OPEN}`,
].join("\n");

const ONE = { pods: [ENDPOINT], gateways: { "gw-a": "203.0.113.10" } };

async function failures(words: ClusterWords, options: Partial<FailoverOptions> = {}): Promise<FailoverReport> {
  const model = await clusterModel(words);
  return withFile(Buffer.from(`${TABLE}\n`), (path) =>
    playFailures({
      captures: [path],
      model,
      kill: "each",
      at: undefined,
      detectMs: [],
      seeds: 1,
      workers: 0,
      ...options,
    }),
  );
}

async function drain(deadlineSeconds?: number, at = START): Promise<DrainReport> {
  const model = await clusterModel(ONE);
  const deadline =
    deadlineSeconds === undefined ? {} : { deadline: { fromStartNs: BigInt(deadlineSeconds) * 10n ** 9n } };
  return withFile(Buffer.from(`${TABLE}\n`), (path) =>
    drainNode({ captures: [path], model, node: "gw-a", at, ...deadline }),
  );
}

describe("a gateway that fails after a connection table was printed", () => {
  test("hits what is open on it, breaks TCP and rebinds the others", async () => {
    const report = await failures({ pods: [ENDPOINT] });
    expect(report).toMatchObject({ oneInstant: true, runs: 1, seeds: 1 });
    const sum = (of: (row: FailoverReport["failures"][number]) => number) =>
      report.failures.reduce((all, row) => all + of(row), 0);
    expect(report.failures).toHaveLength(2);
    expect(sum(({ hit }) => hit.median)).toBe(5);
    expect(sum(({ broken }) => broken.median)).toBe(2);
    expect(sum(({ rebound }) => rebound.median)).toBe(3);
    const names = report.failures.flatMap(({ connections }) => connections.map(({ fiveTuple }) => fiveTuple)).sort();
    expect(names).toEqual([40_001, 40_002].map((port) => `tcp ${ENDPOINT}:${port} -> ${REMOTE}:443`));
  });

  test("breaks nothing where there is no other gateway to go to", async () => {
    const { failures: rows } = await failures(ONE);
    expect(rows[0]).toMatchObject({ hit: { median: 5 }, broken: { max: 0 }, rebound: { max: 0 } });
  });

  test("is answered by pins where there are any, else over seeds", async () => {
    const pins = new PinIndex();
    const tuple = { protocol: "TCP", endpoint: ENDPOINT, endpointPort: 40_001, remote: REMOTE, remotePort: 443 };
    pins.add({ ...tuple, egressIP: "203.0.113.20", natPort: 40_001 });
    const report = await failures({ pods: [ENDPOINT] }, { seeds: 8, balance: "random", pins });
    expect(report.pins).toMatchObject({ connections: 1 });
    const [a, b] = report.failures;
    expect(a!.byPins!.broken.max).toBe(0);
    expect(b!.byPins!.broken).toEqual({ median: 1, min: 1, max: 1 });
    expect(b!.connections[0]).toMatchObject({ share: 1, byPin: true });
    expect(b!.connections[1]).toMatchObject({ byPin: false });
    expect(b!.connections[1]!.share).toBeLessThan(1);
  });

  test("happens at that instant", async () => {
    await expect(failures(ONE, { at: { fromStartNs: 1_000_000_000n } })).rejects.toThrow("--at is 1970-");
  });
});

describe("a gateway that is drained after a connection table was printed", () => {
  test("holds what is open, and what is closed until its lifetime in the table has passed", async () => {
    const report = await drain();
    expect(report).toMatchObject({
      oneInstant: true,
      connectionsAtStart: 6,
      stillLive: 6,
      openedAfter: 0,
      ranDryAt: null,
    });
    expect(Date.parse(report.dryByLifetimes!) - Date.parse(report.drainedAt)).toBe(8_000_000);
    expect(report.left[0]).toBe(6);
    expect(report.left.at(-1)).toBe(1);
  });

  test.each([
    [0, 5, 1],
    [20, 5, 0],
    [40, 3, 0],
    [7500, 1, 0],
    [9000, 0, 0],
  ])("at a deadline %i s later still holds open connections", async (seconds, cut, closed) => {
    const { deadline } = await drain(seconds);
    expect(deadline).toMatchObject({ cut, closed, cutWhileInUse: 0 });
    expect(deadline!.connections).toHaveLength(cut);
    const ends = deadline!.connections.map(({ expiresAt }) => expiresAt!);
    expect(ends).toEqual([...ends].sort().reverse());
  });
});
