import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import { readScenario } from "../../src/gateway/scenario.js";
import type { ReplayOptions } from "../../src/replay/options.js";
import { replay } from "../../src/replay/replay.js";
import { withFolder } from "../support/capture-read.js";
import { CAPTURES_OF_OTHERS, withHalfItsSources } from "./others.js";
import { type ReplayResult, readOutput, replayAndRead } from "./outputs-read.js";

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

  it("and saves no state of so many", async () => {
    const options = { captures: ["pcaps/web/in.pcap"], model, topology: "cluster", saveState: "x" } as const;
    await expect(replayAndRead(options)).rejects.toThrow("topology is cluster, expected single where a state is saved");
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
