import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import type { PolicyModel } from "../../src/config/types.js";
import { readScenarioText } from "../../src/gateway/scenario.js";
import { StateListing } from "../../src/replay/list-state.js";
import type { ReplayOptions } from "../../src/replay/options.js";
import { replay } from "../../src/replay/replay.js";
import { withFile, withFolder } from "../support/capture-read.js";
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
import { nodeObject, podObject } from "../support/objects.js";
import { readOutput } from "./outputs-read.js";
import { captureOf, type TimedFrame } from "./traffic.js";

const PODS = ["fd00:1::7", "fd00:1::8"] as const;
const FAR = "2001:db8:99::9";
const ROUTER = "2001:db8:77::1";
const GATEWAYS: Readonly<Record<string, string>> = { "gw-a": "2001:db8:aa::10", "gw-b": "2001:db8:aa::20" };

/** Two pods on a worker, two gateways with addresses of both families; manifests as a user has them. */
function dualStack(): Promise<PolicyModel> {
  return withFolder(async (folder) => {
    const nodes = Object.entries(GATEWAYS).map(([name, ip], i) =>
      nodeObject(name, `172.18.0.${i + 1}`, {
        labels: { role: "gw" },
        annotations: {
          "sluicegate.io/interfaces": JSON.stringify({ eth1: [`203.0.113.${i + 10}/24`, `${ip}/64`], default: "eth1" }),
        },
      }),
    );
    const worker = nodeObject("worker", "172.18.1.1", { labels: { role: "worker" }, annotations: {} });
    const pods = PODS.map((ip, i) => podObject(`pod-${i}`, ip, { uid: `uid-${i}`, app: "client", node: "worker" }));
    const policy = {
      apiVersion: "isovalent.com/v1",
      kind: "IsovalentEgressGatewayPolicy",
      metadata: { name: "out" },
      spec: {
        selectors: [{ podSelector: { matchLabels: { app: "client" } } }],
        destinationCIDRs: ["0.0.0.0/0", "::/0"],
        egressGroups: [{ nodeSelector: { matchLabels: { role: "gw" } }, interface: "eth1" }],
      },
    };
    const path = join(folder, "all.json");
    writeFileSync(path, JSON.stringify({ kind: "List", apiVersion: "v1", items: [...nodes, worker, ...pods, policy] }));
    return loadManifests([path]);
  });
}

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

function run(frames: readonly TimedFrame[], model: PolicyModel, options: Partial<ReplayOptions> = {}) {
  return withFile(captureOf(frames), (path) =>
    withFolder(async (outDir) => {
      const report = await replay({ captures: [path], model, outDir, ...options });
      const read = (name: string) => readFileSync(join(outDir, `${name}.pcapng`));
      return { report, external: read("external"), endpoint: readOutput(read("endpoint")) };
    }),
  );
}

describe("IPv6 traffic of pods", () => {
  it("is translated and comes back as it was captured, verified, with the same bytes in both topologies", async () => {
    const model = await dualStack();
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
    const model = await dualStack();
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

  it("moves when its gateway dies, and is listed with both addresses as broken or rebound", async () => {
    const model = await dualStack();
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
    const model = await dualStack();
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
