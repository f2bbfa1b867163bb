import { describe, expect, it } from "vitest";
import type { PolicyModel } from "../../src/config/types.js";
import { nodeTable } from "../../src/engine/blob.js";
import { takeAll } from "../../src/replay/drive.js";
import { buildReport } from "../../src/replay/report.js";
import type { ReplayReport } from "../../src/replay/report-types.js";
import { Session } from "../../src/replay/session.js";
import { resolveOptions, startMachine } from "../../src/replay/setup.js";
import { openCaptures } from "../../src/replay/sources.js";
import { withFile } from "../support/capture-read.js";
import { ethernet, ipv4, udp } from "../support/frames.js";
import { clusterModel } from "./cluster.js";
import { replayAndRead } from "./outputs-read.js";
import { captureOf, conversation, ENDPOINT, inbound, outbound, question, REMOTE, type TimedFrame } from "./traffic.js";

/** Replays frames; right before frame `at` the gateway that the first connection uses goes down. */
function replayWithFailure(
  model: PolicyModel,
  frames: readonly TimedFrame[],
  at: number,
  batchSize: number,
): Promise<ReplayReport> {
  return withFile(captureOf(frames), async (path) => {
    const options = resolveOptions({ captures: [path], model, batchSize });
    const merged = await openCaptures(options);
    const machine = await startMachine(options);
    const session = new Session(machine, options);
    session.inspector = {
      frame: at,
      before: () => {
        const used = machine.engine.egressStats().findIndex(({ live }) => live > 0);
        const node = nodeTable(model).findIndex(({ name }) => name === model.egresses[used].node);
        machine.engine.setGateway(node, "down");
        machine.outside.unsettle();
      },
      after: () => {},
      released: () => {},
      judged: () => {},
      isDone: false,
    };
    await takeAll(session, merged);
    await merged.close();
    return buildReport(session.outcome(), session.options, merged, 0);
  });
}

describe.each([1, 7, 256])("a gateway that goes down in mid-capture (batches of %i)", (batchSize) => {
  it("breaks a TCP connection: it is listed, and what follows could not have happened", async () => {
    const model = await clusterModel({ pods: [ENDPOINT] });
    const again = conversation(50_000).slice(0, 3);
    const report = await replayWithFailure(model, [...conversation(0), ...again], 4, batchSize);
    expect(report.broken).toHaveLength(1);
    const [broken] = report.broken;
    expect(broken).toMatchObject({
      at: "2026-09-21T14:13:20.000300000Z",
      fiveTuple: `tcp ${ENDPOINT}:40000 -> ${REMOTE}:443`,
      cause: "failover",
    });
    expect(broken.to?.node).not.toBe(broken.from.node);
    expect(["gw-a", "gw-b"]).toContain(broken.to?.node);
    // Frames 1, 2, 3 went; 4 met the other gateway; 5 to 9 could not have happened; a new SYN starts the connection again.
    expect(report.reasons).toEqual({ "after-break": 5 });
    expect(report.frames).toMatchObject({ snat: 3 + 2, reverse: 2, skipped: 5 });
    expect(report.connections.broken).toBe(1);
  });

  it("rebinds a UDP exchange: replies come back through the other gateway", async () => {
    const model = await clusterModel({ pods: [ENDPOINT] });
    const frames = [...question(0), ...question(2_000), ...question(4_000)];
    const report = await replayWithFailure(model, frames, 3, batchSize);
    expect(report.broken).toEqual([]);
    expect(report.rebound).toHaveLength(1);
    expect(report.rebound[0]).toMatchObject({ fiveTuple: `udp ${ENDPOINT}:5353 -> ${REMOTE}:53`, cause: "failover" });
    expect(report.reasons).toEqual({});
    expect(report.frames).toMatchObject({ snat: 3, reverse: 3 });
    expect(report.gateways.map(({ replies }) => replies).sort()).toEqual([1, 2]);
  });
});

describe("what the outside knows of connections", () => {
  it("stays bounded: what was not used for longest goes, and the newest are known", async () => {
    const model = await clusterModel({ pods: [ENDPOINT] });
    const frames = Array.from({ length: 4000 }, (_, i) => question(i * 2_000, { port: 1024 + i })).flat();
    const { report } = await withFile(captureOf(frames), (path) =>
      replayAndRead({ captures: [path], model, connections: 64 }),
    );
    expect(report.connections.evictions.mappings).toBeGreaterThan(2000);
    expect(report.frames).toMatchObject({ snat: 4000, reverse: 4000 });
    expect(report.verification.mismatches).toEqual([]);
  });

  it("does not bring an answer to an endpoint whose mapping has expired", async () => {
    const model = await clusterModel({ pods: [ENDPOINT] });
    const frames = [...question(0), { us: 200_000_000, frame: question(0)[1].frame }];
    const { report, endpoint } = await withFile(captureOf(frames), (path) =>
      replayAndRead({ captures: [path], model }),
    );
    expect(report.reasons).toEqual({ "no-reverse-mapping": 1 });
    expect(endpoint).toHaveLength(1);
    expect(report.verification.mismatches).toEqual([]);
  });

  it("does not mix up connections that differ in one field only", async () => {
    const model = await clusterModel({ pods: [ENDPOINT, "10.0.1.8"] });
    const sides = [{}, { port: 40_001 }, { remotePort: 444 }, { remote: "198.51.100.2" }, { endpoint: "10.0.1.8" }];
    const tcp = sides.flatMap((side) => [outbound("SYN", side), inbound("SYN ACK", side)]);
    const udpTwin = [
      ethernet(ipv4({ src: ENDPOINT, dst: REMOTE }, udp({ srcPort: 40_000, dstPort: 443 }))),
      ethernet(ipv4({ src: REMOTE, dst: ENDPOINT }, udp({ srcPort: 443, dstPort: 40_000 }))),
    ];
    const frames = [...tcp, ...udpTwin].map((frame, us) => ({ us, frame }));
    const { report } = await withFile(captureOf(frames), (path) => replayAndRead({ captures: [path], model }));
    expect(report.frames).toMatchObject({ snat: 6, reverse: 6 });
    expect(report.verification.mismatches).toEqual([]);
  });
});
