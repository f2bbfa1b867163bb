import { describe, expect, test } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import type { PolicyModel } from "../../src/config/types.js";
import { protocolName } from "../../src/net/protocol-name.js";
import type { Pin } from "../../src/records/pins.js";
import { type FailoverOptions, type FailoverReport, playFailures } from "../../src/whatif/failover.js";
import type { LoggedConnection } from "../../src/whatif/logged-connection.js";
import { PinIndex } from "../../src/whatif/pin-index.js";
import { runLogged } from "../../src/whatif/run.js";
import { clusterModel } from "../replay/cluster.js";
import {
  captureOf,
  conversation,
  ENDPOINT,
  outbound,
  ping,
  question,
  type TimedFrame,
  timeOf,
} from "../replay/traffic.js";
import { withFile } from "../support/capture-read.js";

const GATEWAYS = {
  "gw-a": "203.0.113.10",
  "gw-b": "203.0.113.20",
  "gw-c": "203.0.113.30",
  "gw-d": "203.0.113.40",
};
const CASE = { at: { fromStartNs: 2_000_000_000n }, detectMs: [500], workers: 0 };

/** TCP that goes on or ends before the failure, TCP that opens while it is not noticed, UDP and echoes: with answers. */
function mixedTraffic(): TimedFrame[] {
  const frames: TimedFrame[] = [];
  for (let i = 0; i < 40; i++) {
    const port = 41_000 + i;
    for (let ms = 0; ms < 6000; ms += 100)
      frames.push({ us: ms * 1000 + i * 1000, frame: outbound(ms === 0 ? "SYN" : "ACK", { port, id: ms / 100 + 1 }) });
    frames.push(...conversation(i * 150_000 + 500, { port: 42_000 + i }, 60_000));
    for (let ms = 0; ms < 6000; ms += 700) frames.push(...question(ms * 1000 + i * 1300, { port: 5000 + i }));
    frames.push(...ping(1_900_000 + i * 1_700, { port: 100 + i }), ...ping(2_700_000 + i * 1_700, { port: 100 + i }));
    // A SYN that is sent again until somebody answers.
    for (const ms of [1800, 2200, 2400, 3200])
      frames.push({ us: ms * 1000 + i * 100, frame: outbound("SYN", { port: 43_000 + i, id: ms }) });
  }
  return frames.sort((a, b) => a.us - b.us);
}

const FRAMES = mixedTraffic();

function model(): Promise<PolicyModel> {
  return clusterModel({ pods: [ENDPOINT], gateways: GATEWAYS, worker: "worker" });
}

function pinOf(connection: LoggedConnection, egressIP: string, more: Partial<Pin> = {}): Pin {
  const { protocol, endpoint, endpointPort, remote, remotePort, natPort } = connection;
  const name = protocolName(protocol).toUpperCase();
  return { protocol: name, endpoint, endpointPort, remote, remotePort, egressIP, natPort, ...more };
}

/** What the gateways of another seed would print: the truth that pins are about. */
async function pinsOf(seed: number, keep: (connection: LoggedConnection) => boolean = () => true): Promise<PinIndex> {
  const own = await model();
  const { log, report } = await withFile(captureOf(FRAMES), (path) =>
    runLogged({ captures: [path], model: own, balance: "random", seed }),
  );
  const index = new PinIndex();
  for (const connection of log.connections.filter(keep))
    index.add(pinOf(connection, report.gateways[connection.egress]!.egressIP));
  return index;
}

async function failures(options: Partial<FailoverOptions>): Promise<FailoverReport> {
  const own = await model();
  return withFile(captureOf(FRAMES), (path) =>
    playFailures({ captures: [path], model: own, kill: "each", seeds: 1, balance: "random", ...CASE, ...options }),
  );
}

describe("with pins of all connections", () => {
  test("a failure does under any seed what it does where the pins are from", async () => {
    const truth = await failures({ seed: 7 });
    const asked = await failures({ seed: 1, seeds: 3, pins: await pinsOf(7) });
    expect(asked.pins).toMatchObject({ withoutPin: 0, withUnknownGateway: 0 });
    expect(asked.pins!.connections).toBe(asked.connections);
    expect(new Map(asked.before.map((row) => [row.node, row.connections]))).toEqual(
      new Map(truth.before.map((row) => [row.node, row.connections])),
    );
    truth.failures.forEach((row, i) => {
      const { node, lostFrames, hit, broken, rebound, connections, byPins } = asked.failures[i]!;
      expect(row.broken.median).toBeGreaterThan(5);
      expect(row.rebound.median).toBeGreaterThan(5);
      expect({ node, lostFrames, hit, broken, rebound }).toEqual({
        node: row.node,
        lostFrames: row.lostFrames,
        hit: row.hit,
        broken: row.broken,
        rebound: row.rebound,
      });
      expect(byPins).toEqual({ lostFrames, hit, broken, rebound });
      expect(connections.map(({ fiveTuple }) => fiveTuple)).toEqual(row.connections.map(({ fiveTuple }) => fiveTuple));
      expect(connections.every(({ share, byPin }) => share === 1 && byPin)).toBe(true);
    });
  });

  test("of a capture with all kinds of traffic, and policies without failover among the others", async () => {
    const web = { captures: ["pcaps/web/in.pcap"], model: loadManifests(["pcaps/manifests"]) };
    const { log, report } = await runLogged(web);
    const pins = new PinIndex();
    for (const connection of log.connections.filter(({ outcome }) => outcome === "snat"))
      pins.add(pinOf(connection, report.gateways[connection.egress]!.egressIP));
    const options = { ...web, kill: "each", at: { everyNs: 2_000_000_000n }, detectMs: [1000], seeds: 1, workers: 0 };
    const [simulated, asked] = [await playFailures(options), await playFailures({ ...options, pins })];
    const plain = asked.failures.map(({ byPins: _, connections, ...row }) => ({
      ...row,
      connections: connections.map(({ byPin: _b, ...rest }) => rest),
    }));
    expect(plain).toEqual(simulated.failures);
    expect(asked.failures.some(({ byPins }) => byPins!.hit.max > 0)).toBe(true);
  });

  test("only the time of detection is left to the seeds where health checks decide it", async () => {
    const { failures: rows } = await failures({ kill: "gw-a", detectMs: [], seeds: 6, pins: await pinsOf(7) });
    expect(rows[0]!.detectedAfterMs!.min).toBeLessThan(rows[0]!.detectedAfterMs!.max);
    expect(rows[0]!.lostFrames.min).toBeLessThan(rows[0]!.lostFrames.max);
    expect(rows[0]!.broken.median).toBeGreaterThan(5);
  });
});

describe("with pins of some connections", () => {
  test("the others stay simulated, and the numbers say which are which", async () => {
    const hasPin = ({ endpointPort }: LoggedConnection) => endpointPort % 2 === 0;
    const [simulated, asked] = [
      await failures({ seed: 7 }),
      await failures({ seed: 7, pins: await pinsOf(7, hasPin) }),
    ];
    expect(asked.pins!.withoutPin).toBeGreaterThan(50);
    expect(asked.pins!.connections + asked.pins!.withoutPin).toBe(asked.connections);
    simulated.failures.forEach((row, i) => {
      const { byPins, connections, ...rest } = asked.failures[i]!;
      const { connections: listed, ...same } = row;
      expect(rest).toEqual(same);
      for (const key of ["lostFrames", "hit", "broken", "rebound"] as const) {
        expect(byPins![key].max).toBeGreaterThan(0);
        expect(byPins![key].max).toBeLessThan(row[key].max);
      }
      expect(connections.map(({ fiveTuple }) => fiveTuple)).toEqual(listed.map(({ fiveTuple }) => fiveTuple));
      expect(connections.filter(({ byPin }) => byPin)).toHaveLength(byPins!.broken.median);
    });
  });

  test("a pin that stood at another time is none", async () => {
    const [index, all] = [new PinIndex(), await pinsOf(7)];
    const own = await model();
    const { log } = await withFile(captureOf(FRAMES), (path) => runLogged({ captures: [path], model: own }));
    const long = log.connections.filter(({ endpointPort }) => endpointPort >= 41_000 && endpointPort < 41_040);
    for (const [i, connection] of long.entries()) {
      const [pin] = all.of(connection);
      // Printed before the captures began, or made after they ended, or right.
      const times = [
        { takenNs: timeOf(-60e6) },
        { takenNs: timeOf(90e6), createdNs: timeOf(30e6) },
        { takenNs: timeOf(3e6) },
      ];
      index.add({ ...pin!, ...times[i % 3] });
    }
    const { pins } = await failures({ kill: "gw-a", pins: index });
    expect(pins).toMatchObject({ entries: 40, connections: 13 });
  });

  test("the youngest of several pins counts, and a gateway may be called by its name or address", async () => {
    const own = await model();
    const { log } = await withFile(captureOf(FRAMES), (path) => runLogged({ captures: [path], model: own }));
    const [first, second, third] = log.connections.filter(
      ({ endpointPort }) => endpointPort >= 41_000 && endpointPort < 41_040,
    );
    const index = new PinIndex();
    index.add(pinOf(first!, GATEWAYS["gw-b"], { ageSeconds: 90 }));
    index.add(pinOf(first!, GATEWAYS["gw-a"], { ageSeconds: 9 }));
    index.add(pinOf(second!, "", { gateway: "172.18.0.1" }));
    index.add(pinOf(third!, "", { gateway: "gw-a", protocol: "" }));
    index.add(pinOf(third!, "", { gateway: "gw-a", protocol: "" }));
    const { pins, failures: rows } = await failures({ kill: "gw-a", pins: index });
    expect(pins).toMatchObject({ entries: 4, connections: 3 });
    expect(rows[0]!.byPins!.broken.median).toBe(3);
  });
});

describe("pins that say nothing of the captures", () => {
  test.each([
    [{ remote: "192.0.2.1" }, "--pins: none of 1 entries is of a connection that the captures show"],
    [{ egressIP: "192.0.2.1" }, '--pins: 1 connections have an entry, but of no gateway of the manifests: "192.0.2.1"'],
    [{ egressIP: "" }, "--pins: the entries name neither egress IP nor gateway, expected the output of"],
  ])("are refused", async (wrong, message) => {
    const own = await model();
    const { log } = await withFile(captureOf(FRAMES), (path) => runLogged({ captures: [path], model: own }));
    const index = new PinIndex();
    index.add(pinOf(log.connections[0]!, GATEWAYS["gw-a"], wrong));
    await expect(failures({ kill: "gw-a", pins: index })).rejects.toThrow(message);
  });
});
