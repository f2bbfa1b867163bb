import { describe, expect, it } from "vitest";
import { loadManifests } from "../../src/config/load.js";
import type { FrameAction } from "../../src/replay/report-types.js";
import { replayAndRead } from "./outputs-read.js";

/** What each of our own recordings is for, and the least that has to come out of it. */
const RECORDINGS: readonly [name: string, atLeast: Partial<Record<FrameAction, number>>, reasons: readonly string[]][] =
  [
    [
      "web/in.pcap",
      { snat: 500, reverse: 500, pass: 100 },
      ["excluded", "cluster-internal", "inbound", "reply-of-inbound", "not-ip"],
    ],
    ["icmp/in.pcap", { snat: 20, reverse: 20, pass: 10 }, ["ttl-exceeded", "inbound", "reply-of-inbound"]],
    ["offload/in.pcapng", { snat: 300, reverse: 200 }, ["excluded"]],
    ["any/in.pcap.gz", { snat: 300, reverse: 200, skipped: 600 }, ["duplicate", "excluded"]],
    ["overlay/in.pcap", { snat: 200, reverse: 200 }, ["cluster-internal"]],
    ["snat/inside.pcap", { snat: 400, reverse: 300 }, ["ttl-exceeded"]],
  ];

describe("our own recordings", () => {
  const model = loadManifests(["pcaps/manifests"]);

  it.each(RECORDINGS)(
    "%s: every frame is right, and the kinds of frames it was recorded for are there",
    async (name, atLeast, reasons) => {
      const { report, external } = await replayAndRead({ captures: [`pcaps/${name}`], model });
      expect(report.verification).toMatchObject({ ok: true, mismatches: [] });
      for (const [action, count] of Object.entries(atLeast))
        expect(report.frames[action as FrameAction]).toBeGreaterThanOrEqual(count);
      expect(Object.keys(report.reasons)).toEqual(expect.arrayContaining([...reasons]));
      const gateways = new Set(external.map(({ interfaceName }) => interfaceName));
      expect(gateways.size).toBeGreaterThan(1);
      for (const node of gateways) expect(model.egresses.map((egress) => egress.node)).toContain(node);
    },
  );

  it("of a sending host holds partial checksums and super-frames, all of them recognised", async () => {
    const { report } = await replayAndRead({ captures: ["pcaps/offload/in.pcapng"], model });
    expect(report.observations.partialChecksums).toBeGreaterThan(500);
    expect(report.observations.superFrames).toBeGreaterThan(10);
    expect(report.viewpoints.map(({ interface: name }) => name)).toEqual(["lxc-cart-0", "lxc-cart-1", "lxc-invoicer"]);
  });

  it("merge: all of them at once, each frame in its place", async () => {
    const captures = RECORDINGS.map(([name]) => `pcaps/${name}`);
    const { report, external, endpoint } = await replayAndRead({ captures, model });
    expect(report.verification.mismatches).toEqual([]);
    const files = report.input.files.reduce((sum, { frames }) => sum + frames, 0);
    expect(report.frames.read).toBe(files);
    for (const frames of [external, endpoint]) {
      const numbers = frames.map(({ number }) => number);
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
      expect(numbers.at(-1)).toBeLessThanOrEqual(files);
    }
  });
});
