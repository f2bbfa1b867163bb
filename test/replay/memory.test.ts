import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withFolder } from "../support/capture-read.js";
import { clusterModel } from "./cluster.js";
import { podsOf, writeLargeCapture } from "./large-capture.js";
import { replayAndRead } from "./outputs-read.js";

describe("a large capture", () => {
  it("is replayed to the last frame, all of it verified", () =>
    withFolder(async (folder) => {
      const path = join(folder, "large.pcap");
      const size = { frames: 60_000, connections: 500, payload: 300 };
      writeLargeCapture(path, size);
      const model = await clusterModel({ pods: podsOf(size.connections) });
      const { report } = await replayAndRead({ captures: [path], model });
      expect(report.verification.mismatches).toEqual([]);
      expect(report.frames).toMatchObject({ read: 60_000, snat: 30_000, reverse: 30_000 });
      expect(report.connections.opened).toBe(500);
    }));

  it("takes no more memory than the tables and a piece of it: the soak trial, on 100 MB", () => {
    if (!existsSync("dist/src/generate/generate.js"))
      execFileSync("npm", ["run", "-s", "build:ts"], { stdio: "inherit" });
    const lines = execFileSync(process.execPath, ["test/soak/large-replay.mjs", "100"], { encoding: "utf8" })
      .trim()
      .split("\n");
    const runs = lines.map((line) => JSON.parse(line) as { mode: string; mismatches: number; maxRssMegabytes: number });
    expect(runs.map(({ mode, mismatches }) => [mode, mismatches])).toEqual([
      ["plain", 0],
      ["verify", 0],
    ]);
    for (const { maxRssMegabytes } of runs) expect(maxRssMegabytes).toBeLessThan(400);
  });
});
