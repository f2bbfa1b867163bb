import { describe, expect, it } from "vitest";
import type { ReplayOptions } from "../../src/replay/options.js";
import { clusterModel, GATEWAYS } from "../replay/cluster.js";
import { replayAndRead } from "../replay/outputs-read.js";
import { captureOf, ENDPOINT, question, REMOTE } from "../replay/traffic.js";
import { withFile } from "../support/capture-read.js";
import { ethernet, icmpMessage, ipv4, tcp, text, udp } from "../support/frames.js";

// What a capture must show for the rules of T11 and T51 to be in force, through a whole replay and in both topologies.

async function inBoth(bytes: Uint8Array, options: Omit<ReplayOptions, "captures" | "outDir">) {
  return withFile(bytes, async (path) => {
    const single = await replayAndRead({ ...options, captures: [path] });
    const cluster = await replayAndRead({ ...options, captures: [path], topology: "cluster" });
    expect(cluster.files.external.equals(single.files.external)).toBe(true);
    expect(cluster.files.endpoint.equals(single.files.endpoint)).toBe(true);
    expect(cluster.report.reasons).toEqual(single.report.reasons);
    expect(cluster.report.frames).toEqual(single.report.frames);
    for (const { report } of [single, cluster]) expect(report.verification).toMatchObject({ ok: true, mismatches: [] });
    return single;
  });
}

describe("T11 a router between pod and gateway sends an error about a reply", () => {
  const ROUTERS = { "nobody's address": "10.0.1.254", "the pod's own node": "172.18.1.1" };

  it.each(Object.entries(ROUTERS))(
    "%s: it leaves with the egress IP, quoting what was sent there",
    async (_, router) => {
      const model = await clusterModel({ pods: [ENDPOINT], worker: "worker", gateways: { "gw-a": "203.0.113.10" } });
      const answer = (dst: string, ttl: number) =>
        ipv4({ src: REMOTE, dst, ttl }, udp({ srcPort: 53, dstPort: 40_000, payload: text("the answer") }));
      const error = (src: string, dst: string, ttl: number, inner: Uint8Array) =>
        ethernet(ipv4({ src, dst, ttl }, icmpMessage({ type: 11, code: 0, inner })));
      const frames = [
        ...question(0, { port: 40_000 }),
        { us: 1000, frame: error(router, REMOTE, 64, answer(ENDPOINT, 1)) },
      ];
      const { external, report } = await inBoth(captureOf(frames), { model });
      expect(report.reasons).toEqual({});
      expect(report.frames).toMatchObject({ snat: 2, skipped: 0, pass: 0 });
      expect(Uint8Array.from(external[1].bytes)).toEqual(error("203.0.113.10", REMOTE, 63, answer("203.0.113.10", 1)));
    },
  );

  it("one about somebody else's packet is no endpoint's, and stays out", async () => {
    const model = await clusterModel({ pods: [ENDPOINT], worker: "worker" });
    const quoted = ipv4({ src: REMOTE, dst: "10.0.9.9" }, udp({ srcPort: 53, dstPort: 40_000 }));
    const frame = ethernet(ipv4({ src: "10.0.1.254", dst: REMOTE }, icmpMessage({ type: 11, inner: quoted })));
    const { report } = await inBoth(captureOf([...question(0, {}), { us: 1000, frame }]), { model });
    expect(report.reasons["endpoint-unknown"]).toBe(1);
  });
});

describe("T51 a connection from outside straight to a pod", () => {
  const syn = ethernet(ipv4({ src: REMOTE, dst: ENDPOINT }, tcp({ srcPort: 5000, dstPort: 8080, flags: "SYN" })));
  const frames = [{ us: 0, frame: syn }];

  it("is dropped at a gateway's uplink", async () => {
    const model = await clusterModel({ pods: [ENDPOINT], worker: "worker" });
    const { report, endpoint } = await inBoth(captureOf(frames), { model, viewpoint: "network" });
    expect(report.reasons).toEqual({ "no-reverse-mapping": 1 });
    expect(endpoint).toEqual([]);
  });

  it("passes there where no policy selects the remote for that pod", async () => {
    const model = await clusterModel({ pods: [], idle: [ENDPOINT], worker: "worker" });
    const { report } = await inBoth(captureOf(frames), { model, viewpoint: "network", allowNoMatch: true });
    expect(report.reasons).toEqual({ inbound: 1 });
  });

  it("passes at the pod, where it really came", async () => {
    const model = await clusterModel({ pods: [ENDPOINT], worker: "worker", gateways: GATEWAYS });
    const { report } = await inBoth(captureOf(frames), { model, viewpoint: "endpoint" });
    expect(report.reasons).toEqual({ inbound: 1 });
  });
});

describe("T18 --bad-checksum through a replay", () => {
  const wrong = ethernet(
    ipv4(
      { src: ENDPOINT, dst: REMOTE },
      udp({ srcPort: 5354, dstPort: 53, payload: text("x"), checksum: { wrongBy: 9 } }),
    ),
  );
  const frames = [...question(0), { us: 2000, frame: wrong }];

  it("keep, the default, translates a wrong frame; drop does not, and says so in the report", async () => {
    const model = await clusterModel({ pods: [ENDPOINT], worker: "worker" });
    const kept = await inBoth(captureOf(frames), { model });
    expect(kept.report.frames).toMatchObject({ snat: 2, reverse: 1, drop: 0 });
    expect(kept.report.settings.badChecksum).toEqual({ value: "keep", source: "default" });
    const dropped = await inBoth(captureOf(frames), { model, badChecksum: "drop" });
    expect(dropped.report.frames).toMatchObject({ snat: 1, reverse: 1, drop: 1 });
    expect(dropped.report.reasons).toEqual({ "bad-checksum": 1 });
    expect(dropped.report.settings.badChecksum).toEqual({ value: "drop", source: "option" });
  });

  it("drop lets what no policy selects pass as it is", async () => {
    const model = await clusterModel({ pods: [], idle: [ENDPOINT], worker: "worker" });
    const { report } = await inBoth(captureOf(frames), { model, badChecksum: "drop" });
    expect(report.reasons).toEqual({ "no-policy": 3 });
  });
});
