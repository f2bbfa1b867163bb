import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import type { PolicyModel } from "../../src/config/types.js";
import { readScenario } from "../../src/gateway/scenario.js";
import type { ReplayOptions } from "../../src/replay/options.js";
import { replay } from "../../src/replay/replay.js";
import { withFile, withFolder } from "../support/capture-read.js";
import { patterned } from "../support/frames.js";
import { clusterModel } from "./cluster.js";
import { CAPTURES_OF_OTHERS, withHalfItsSources } from "./others.js";
import { type OutputFrame, type ReplayResult, readOutput, replayAndRead } from "./outputs-read.js";
import { PODS, scenarioOf } from "./scenarios.js";
import { captureOf, conversation, ENDPOINT, outbound, question, REMOTE, type TimedFrame } from "./traffic.js";

const RECORDINGS = [
  "web/in.pcap",
  "icmp/in.pcap",
  "offload/in.pcapng",
  "any/in.pcap.gz",
  "overlay/in.pcap",
  "snat/inside.pcap",
].map((name) => `pcaps/${name}`);

/** Replays in both topologies and insists on equal captures. */
async function inBoth(options: Omit<ReplayOptions, "outDir" | "topology">): Promise<[ReplayResult, ReplayResult]> {
  const single = await replayAndRead(options);
  const cluster = await replayAndRead({ ...options, topology: "cluster" });
  expect(cluster.files.external.equals(single.files.external)).toBe(true);
  expect(cluster.files.endpoint.equals(single.files.endpoint)).toBe(true);
  return [single, cluster];
}

describe("one engine per node puts the same bytes on the external network as one for all of them", () => {
  const model = loadManifests(["pcaps/manifests"]);

  it.each(RECORDINGS)("%s", async (capture) => {
    const [single, cluster] = await inBoth({ captures: [capture], model });
    expect(cluster.report.verification).toMatchObject({ ok: true, mismatches: [] });
    expect(cluster.report.frames).toEqual(single.report.frames);
    expect(cluster.report.reasons).toEqual(single.report.reasons);
    // Bytes count the link header, which the overlay exchanges.
    const traffic = (result: ReplayResult) =>
      result.report.gateways.map(({ connections, frames, replies }) => [connections, frames, replies]);
    expect(traffic(cluster)).toEqual(traffic(single));
    expect(cluster.report.overlay!.frames).toBeGreaterThan(0);
  });

  it("with all of them at once", async () => {
    await inBoth({ captures: RECORDINGS, model });
  });

  it("while a gateway dies and comes back", async () => {
    const scenario = readScenario("pcaps/scenarios/gw-a-dies.yaml", { nodes: model.nodes });
    const [single, cluster] = await inBoth({ captures: ["pcaps/web/in.pcap"], model, scenario });
    expect(single.report.frames.lost).toBeGreaterThan(0);
    expect(cluster.report.failovers).toEqual(single.report.failovers);
    expect(cluster.report.broken).toEqual(single.report.broken);
  });

  it("and leaves packets of nodes without an InternalIP out of overlay.pcapng", () =>
    withFolder(async (outDir) => {
      const nodes = model.nodes.map((node) => (node.name === "w1" ? { ...node, internalIPs: [] } : node));
      const options = { captures: ["pcaps/web/in.pcap"], topology: "cluster", outDir } as const;
      const { overlay } = await replay({ ...options, model: { ...model, nodes } });
      const packets = readOutput(readFileSync(join(outDir, "overlay.pcapng")));
      const addresses = packets.flatMap(({ bytes }) => [26, 30].map((at) => bytes.readUInt32BE(at)));
      expect(overlay!.unaddressed).toBeGreaterThan(0);
      expect(packets.length).toBe(overlay!.frames - overlay!.unaddressed);
      expect(addresses).not.toContain(0);
      expect(packets.length).toBeGreaterThan(0);
    }));

  it("for every batch size", async () => {
    const options = { captures: ["pcaps/web/in.pcap"], model, topology: "cluster" } as const;
    const one = await replayAndRead({ ...options, batchSize: 1 });
    const many = await replayAndRead({ ...options, batchSize: 256 });
    expect(many.files.external.equals(one.files.external)).toBe(true);
    expect({ ...many.report, timing: 0 }).toEqual({ ...one.report, timing: 0 });
  });

  it("with tables of few connections, whose evictions the verifier hears of as of one engine's", async () => {
    const model = await clusterModel({ pods: PODS, gateways: { "gw-a": "203.0.113.10" }, worker: "worker" });
    const ask = (us: number, endpoint: string, first: number, count: number) =>
      Array.from({ length: count }, (_, i) => question(us + i * 1000, { endpoint, port: first + i })).flat();
    // The last ask from ports that the first have had, which nobody holds any more.
    const [pod, other] = PODS as [string, string];
    const frames = [...ask(0, pod, 40_000, 10), ...ask(100_000, pod, 50_000, 100), ...ask(400_000, other, 40_000, 10)];
    const report = await withFile(captureOf(frames), (path) =>
      replay({ captures: [path], model, topology: "cluster", connections: 16 }),
    );
    expect(report.connections.evictions.unreplied + report.connections.evictions.established).toBeGreaterThan(80);
    expect(report.verification.mismatches).toEqual([]);
  });

  it("and the most connections at a time stay on record when a gateway loses them", async () => {
    const model = await clusterModel({ pods: [ENDPOINT], gateways: { "gw-a": "203.0.113.10" }, worker: "worker" });
    const crowd = Array.from({ length: 8 }, (_, i) => question(i * 1000, { port: 20_000 + i })).flat();
    const blip = scenarioOf([
      [1.1, "gw-a", "node-down"],
      [1.2, "gw-a", "node-up"],
    ]);
    const report = await withFile(captureOf([...crowd, ...question(3_000_000, { port: 30_000 })]), (path) =>
      replay({ captures: [path], model, topology: "cluster", ...blip }),
    );
    expect(report.connections).toMatchObject({ peak: 8, live: 1 });
  });

  it("and saves no state of so many", async () => {
    const options = { captures: ["pcaps/web/in.pcap"], model, topology: "cluster", saveState: "x" } as const;
    await expect(replayAndRead(options)).rejects.toThrow("--topology is cluster, expected single with --save-state");
  });
});

/** What an overlay packet says: outer addresses, TTL, UDP port and checksum, VNI, and of the packet in it addresses and TTL. */
function readPacket({ bytes }: OutputFrame): object {
  const ip = (at: number) => bytes.subarray(at, at + 4).join(".");
  const [udp, vxlan, inner] = [34, 42, 64];
  expect([bytes.readUInt16BE(12), bytes[23], bytes[vxlan], bytes.readUInt16BE(inner - 2)]).toEqual([
    0x800, 17, 8, 0x800,
  ]);
  return {
    outer: `${ip(26)} > ${ip(30)}`,
    outerTtl: bytes[22],
    port: bytes.readUInt16BE(udp + 2),
    checksum: bytes.readUInt16BE(udp + 6),
    vni: bytes.readUIntBE(vxlan + 4, 3),
    inner: `${ip(inner + 12)} > ${ip(inner + 16)}`,
    ttl: bytes[inner + 8],
  };
}

/** Replays frames with one engine per node. @returns packets between nodes with what left for the outside */
function between(frames: readonly TimedFrame[], model: PolicyModel) {
  return withFile(captureOf(frames), (path) =>
    withFolder(async (outDir) => {
      const report = await replay({ captures: [path], model, topology: "cluster", outDir });
      expect(report.verification.mismatches).toEqual([]);
      const [overlay, external] = ["overlay", "external"].map((name) =>
        readOutput(readFileSync(join(outDir, `${name}.pcapng`))),
      );
      return { report, overlay: overlay!, external: external! };
    }),
  );
}

describe("packets between nodes", () => {
  const gateways = { "gw-a": "203.0.113.10" };

  it("have cilium-config's port, the endpoint's identity as VNI or that of the world, and lose a hop at the gateway", async () => {
    const base = await clusterModel({ pods: [ENDPOINT], gateways, worker: "worker" });
    const model: PolicyModel = {
      ...base,
      endpoints: base.endpoints.map((endpoint) => ({ ...endpoint, identity: 4711 })),
      settings: { ...base.settings, tunnelPort: { value: 8473, source: "cilium-config" } },
    };
    const { overlay, external } = await between(conversation(0), model);
    const [request, reply] = overlay;
    expect(readPacket(request!)).toEqual({
      outer: "172.18.1.1 > 172.18.0.1",
      outerTtl: 64,
      port: 8473,
      checksum: 0,
      vni: 4711,
      inner: `${ENDPOINT} > ${REMOTE}`,
      ttl: 64,
    });
    expect(external[0]!.bytes[22]).toBe(63);
    // The capture shows what the endpoint got, 57.
    expect(readPacket(reply!)).toEqual({
      outer: "172.18.0.1 > 172.18.1.1",
      outerTtl: 64,
      port: 8473,
      checksum: 0,
      vni: 2,
      inner: `${REMOTE} > ${ENDPOINT}`,
      ttl: 57,
    });
    expect(overlay.map(({ interfaceName }) => interfaceName).slice(0, 2)).toEqual(["worker", "gw-a"]);
    expect(overlay).toHaveLength(9);
  });

  it("are none where nobody knows on which node the endpoint is, nor where that is the gateway", async () => {
    const nowhere = await clusterModel({ pods: [ENDPOINT], gateways });
    const there = { ...nowhere, endpoints: nowhere.endpoints.map((endpoint) => ({ ...endpoint, node: "gw-a" })) };
    for (const model of [nowhere, there]) {
      const { report, overlay } = await between(conversation(0), model);
      expect(report.frames).toMatchObject({ snat: 5, reverse: 4 });
      expect([overlay, report.overlay!.frames]).toEqual([[], 0]);
    }
  });

  it("are counted where they do not fit the MTU, and carried; a super-frame is cut up by the card and no fault", async () => {
    const model = await clusterModel({ pods: [ENDPOINT], gateways, worker: "worker" });
    const sizes = [1450, 1451, 1500, 4000];
    const frames = sizes.map((size, i) => ({ us: i, frame: outbound("PSH ACK", { id: i }, patterned(size - 40)) }));
    const { report, overlay, external } = await between(frames, model);
    expect(external).toHaveLength(sizes.length);
    expect(overlay.map(({ wire }) => wire - 14)).toEqual(sizes.map((size) => size + 50));
    expect(report.overlay).toMatchObject({ frames: 4, tooBig: 2, largest: 1550, mtu: 1500 });
  });
});

describe.skipIf(CAPTURES_OF_OTHERS.length === 0)("the same for captures made outside of this project", () => {
  for (const name of CAPTURES_OF_OTHERS) {
    it(name, async () => {
      const { path, model } = await withHalfItsSources(name);
      const [, { report }] = await inBoth({ captures: [path], model, allowNoMatch: true });
      expect(report.verification.mismatches).toEqual([]);
    });
  }
});
