import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readScenarioText } from "../../src/gateway/scenario.js";
import { StateListing } from "../../src/replay/list-state.js";
import { withFolder } from "../support/capture-read.js";
import {
  ethernet,
  type Ipv6Extension,
  icmpEcho,
  icmpMessage,
  ipv6,
  type Layer4,
  patterned,
  tcp,
  udp,
} from "../support/frames.js";
import { dualStack, GATEWAYS, PODS, run } from "./dual-stack.js";
import { readOutput } from "./outputs-read.js";
import type { TimedFrame } from "./traffic.js";

const FAR = "2001:db8:99::9";
const ROUTER = "2001:db8:77::1";

const DYING = `apiVersion: sluicegate.io/v1
kind: Scenario
spec:
  events:
    - {at: 4s, node: NODE, event: node-down}
`;
const OPTIONS: Ipv6Extension[] = [{ type: 60, body: patterned(14) }];

/** A conversation of a pod with the same port as the other pod's, as its node sees it. */
function conversation(pod: string, startUs: number): TimedFrame[] {
  const out = (us: number, l4: Layer4, extensions: Ipv6Extension[] = []) => ({
    us: startUs + us,
    frame: ethernet(ipv6({ src: pod, dst: FAR, extensions }, l4)),
  });
  const back = (us: number, l4: Layer4, src = FAR) => ({
    us: startUs + us,
    frame: ethernet(ipv6({ src, dst: pod, hopLimit: 57 }, l4)),
  });
  const query = udp({ srcPort: 41_000, dstPort: 53, payload: patterned(30) });
  return [
    out(0, tcp({ srcPort: 40_000, dstPort: 443, flags: "SYN" })),
    back(10, tcp({ srcPort: 443, dstPort: 40_000, flags: "SYN ACK" })),
    out(20, tcp({ srcPort: 40_000, dstPort: 443, flags: "ACK" })),
    out(30, tcp({ srcPort: 40_000, dstPort: 443, flags: "PSH ACK", payload: patterned(400) })),
    back(40, tcp({ srcPort: 443, dstPort: 40_000, flags: "ACK", payload: patterned(900) })),
    out(50, query, OPTIONS),
    back(60, udp({ srcPort: 53, dstPort: 41_000, payload: patterned(90) })),
    out(70, icmpEcho({ id: 77 })),
    back(80, icmpEcho({ id: 77, reply: true })),
    back(90, icmpMessage({ type: 2, word: 1280, inner: ipv6({ src: pod, dst: FAR }, query) }), ROUTER),
    out(
      100,
      icmpMessage({ type: 1, code: 4, inner: ipv6({ src: FAR, dst: pod }, udp({ srcPort: 53, dstPort: 41_000 })) }),
    ),
  ];
}

const FRAMES = PODS.flatMap((pod, i) => conversation(pod, i * 1000));

describe("IPv6 traffic of pods", () => {
  it("is translated and comes back as it was captured, verified, with the same bytes in both topologies", async () => {
    const model = await dualStack(PODS);
    const single = await run(FRAMES, model);
    const cluster = await run(FRAMES, model, { topology: "cluster" });
    expect(single.report.frames).toMatchObject({ read: 22, snat: 12, reverse: 10, drop: 0, pass: 0, skipped: 0 });
    for (const { report } of [single, cluster]) {
      expect(report.verification.mismatches).toEqual([]);
      expect(report.connections.opened).toBe(6);
    }
    expect(Buffer.compare(single.external, cluster.external)).toBe(0);
    const sources = new Set(
      readOutput(single.external)
        .map(({ bytes }) => Buffer.from(bytes.subarray(22, 38)).toString("hex"))
        .filter((hex) => hex.startsWith("20010db800aa")),
    );
    expect(sources.size).toBeGreaterThan(0);
    const captured = FRAMES.filter(({ frame }) =>
      Buffer.from(frame.subarray(38, 54)).toString("hex").startsWith("fd00"),
    );
    const replies = single.endpoint.filter(({ bytes }) => bytes.subarray(38, 54).toString("hex").startsWith("fd00"));
    expect(replies.map(({ bytes }) => Buffer.from(bytes))).toEqual(captured.map(({ frame }) => Buffer.from(frame)));
  });

  it("with a wrong checksum is dropped where that is asked for, in both topologies, and the verifier agrees", async () => {
    const model = await dualStack(PODS);
    const wrong = { wrongBy: 3 };
    const bad = [
      tcp({ srcPort: 40_000, dstPort: 443, flags: "ACK", checksum: wrong }),
      udp({ srcPort: 41_000, dstPort: 53, payload: patterned(30), checksum: wrong }),
      icmpEcho({ id: 77, checksum: wrong }),
    ].map((l4, i) => ({ us: 5000 + i, frame: ethernet(ipv6({ src: PODS[0], dst: FAR }, l4)) }));
    for (const topology of ["single", "cluster"] as const) {
      const dropped = await run([...FRAMES, ...bad], model, { topology, badChecksum: "drop" });
      expect(dropped.report.verification.mismatches).toEqual([]);
      expect(dropped.report.reasons).toEqual({ "bad-checksum": 3 });
      const kept = await run([...FRAMES, ...bad], model, { topology });
      expect(kept.report.verification.mismatches).toEqual([]);
      expect(kept.report.frames).toMatchObject({ snat: 15, drop: 0 });
    }
  });

  it("is told by --icmp-errors of a hop limit that ends and of the overlay's MTU, the same in both topologies", async () => {
    const model = await dualStack(PODS);
    const pod = PODS[0];
    const long = udp({ srcPort: 41_000, dstPort: 53, payload: patterned(1452 - 48) });
    const frames = [
      {
        us: 0,
        frame: ethernet(ipv6({ src: pod, dst: FAR, hopLimit: 1 }, tcp({ srcPort: 1, dstPort: 2, flags: "SYN" }))),
      },
      { us: 10, frame: ethernet(ipv6({ src: pod, dst: FAR }, long)) },
      { us: 20, frame: ethernet(ipv6({ src: pod, dst: FAR }, udp({ srcPort: 41_000, dstPort: 53 }))) },
    ];
    const single = await run(frames, model, { icmpErrors: true });
    const cluster = await run(frames, model, { icmpErrors: true, topology: "cluster" });
    for (const { report } of [single, cluster]) {
      expect(report.verification.mismatches).toEqual([]);
      expect(report.frames).toMatchObject({ snat: 1, drop: 2, generated: 2 });
      expect(report.generated).toEqual({ kinds: { "icmpv6 2/0": 1, "icmpv6 3/0": 1 }, untold: 0 });
    }
    expect(single.endpoint.map(({ number, bytes }) => [number, bytes.length])).toEqual([
      [1, 14 + 48 + 60],
      [2, 14 + 1280],
    ]);
    expect(cluster.endpoint).toEqual(single.endpoint);
    expect(Buffer.compare(single.external, cluster.external)).toBe(0);
  });

  it("moves when its gateway dies, and is listed with both addresses as broken or rebound", async () => {
    const model = await dualStack(PODS);
    const later = PODS.flatMap((pod) =>
      [3, 6, 9, 12].map((second) => ({
        us: second * 1e6,
        frame: ethernet(ipv6({ src: pod, dst: FAR }, tcp({ srcPort: 40_000, dstPort: 443, flags: "ACK" }))),
      })),
    ).sort((a, b) => a.us - b.us);
    let broken = 0;
    for (const node of Object.keys(GATEWAYS)) {
      const scenario = readScenarioText(DYING.replace("NODE", node), "s.yaml");
      const results = [];
      for (const topology of ["single", "cluster"] as const)
        results.push(await run([...FRAMES, ...later], model, { scenario, topology }));
      const [single, cluster] = results;
      expect(single!.report.verification.mismatches).toEqual([]);
      expect(cluster!.report.verification.mismatches).toEqual([]);
      expect(Buffer.compare(single!.external, cluster!.external)).toBe(0);
      expect(cluster!.report.broken).toEqual(single!.report.broken);
      broken += single!.report.broken.length;
      for (const { fiveTuple, from, to } of single!.report.broken) {
        expect(fiveTuple).toMatch(/^tcp \[fd00:1::[78]\]:40000 -> \[2001:db8:99::9\]:443$/);
        expect([from.egressIP, to?.egressIP]).toEqual([GATEWAYS[from.node], GATEWAYS[to!.node]]);
      }
    }
    expect(broken).toBeGreaterThan(0);
  });

  it("goes on from a saved state, and is listed from it", async () => {
    const model = await dualStack(PODS);
    await withFolder(async (folder) => {
      const state = join(folder, "state");
      await run(FRAMES.slice(0, 11), model, { saveState: state });
      const rest = await run(FRAMES.slice(11), model, { loadState: state });
      const whole = await run(FRAMES, model);
      expect(rest.report.verification.mismatches).toEqual([]);
      const tail = readOutput(whole.external).slice(-readOutput(rest.external).length);
      expect(readOutput(rest.external).map(({ bytes }) => bytes)).toEqual(tail.map(({ bytes }) => bytes));
      const rows = [...StateListing.read(state).nat()].map(({ source }) => source);
      expect(rows).toContain("[fd00:1::7]:40000");
    });
  });
});
