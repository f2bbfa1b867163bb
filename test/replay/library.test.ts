import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { captureFrames } from "../../src/capture/frames.js";
import { loadManifests } from "../../src/config/load.js";
import { verify } from "../../src/embed/verify.js";
import { EgressError, UsageError } from "../../src/errors.js";
import { explainFrame } from "../../src/replay/explain.js";
import type { ReplayOptions } from "../../src/replay/options.js";
import { replay } from "../../src/replay/replay.js";
import type { ReplayReport } from "../../src/replay/report-types.js";
import { shrinkCapture } from "../../src/shrink/shrink.js";
import { playFailures } from "../../src/whatif/failover.js";
import { BUILD_MS } from "../package/built.js";
import { readFile, withFolder } from "../support/capture-read.js";
import { builtReplay } from "./worker-runs.js";

const WEB = "pcaps/web/in.pcap";
const ANY = "pcaps/any/in.pcap.gz";
const model = loadManifests(["pcaps/manifests"]);

function untimed({ timing: _, ...report }: ReplayReport): object {
  return report;
}

function hash(parts: Uint8Array | readonly Uint8Array[]): string {
  const sum = createHash("sha256");
  for (const part of Array.isArray(parts) ? parts : [parts]) sum.update(part);
  return sum.digest("hex");
}

/** A source that gives a capture over and over: it never ends. */
async function* endless(): AsyncGenerator<{ timeNs: bigint; bytes: Uint8Array }> {
  const frames = [];
  for await (const { timeNs, bytes } of captureFrames(WEB)) frames.push({ timeNs, bytes: bytes.slice() });
  for (let round = 0n; ; round++)
    for (const { timeNs, bytes } of frames) yield { timeNs: timeNs + round * 60_000_000_000n, bytes };
}

describe("a replay without files", () => {
  test.each([[[WEB]], [[ANY]], [[WEB, "pcaps/offload/in.pcapng", ANY]]])(
    "%j gives the same report and the same captures",
    async (paths) => {
      await withFolder(async (outDir) => {
        const expected = await replay({ captures: paths, model, outDir, topology: "cluster" });
        const outputs = new Map<string, Uint8Array[]>();
        const report = await replay({
          captures: paths.map((name) => ({ name, bytes: new Uint8Array(readFileSync(name)) })),
          model,
          topology: "cluster",
          onOutput: (name, bytes) => outputs.set(name, [...(outputs.get(name) ?? []), bytes]),
        });
        expect(untimed(report)).toEqual(untimed(expected));
        expect([...outputs.keys()].sort()).toEqual(["endpoint.pcapng", "external.pcapng", "overlay.pcapng"]);
        for (const [name, parts] of outputs) expect(hash(parts), name).toBe(hash(readFileSync(join(outDir, name))));
      });
    },
  );

  test("with workers gives the same, too", { timeout: BUILD_MS }, async () => {
    const outputs = new Map<string, Uint8Array[]>();
    const onOutput: ReplayOptions["onOutput"] = (name, bytes) =>
      outputs.set(name, [...(outputs.get(name) ?? []), bytes]);
    const captures = [{ name: WEB, bytes: new Blob([readFileSync(WEB)]) }];
    const two = await (await builtReplay())({ captures, model, workers: 2, onOutput });
    const first = new Map(outputs);
    outputs.clear();
    expect(untimed(await replay({ captures, model, onOutput }))).toEqual(untimed(two));
    for (const [name, parts] of outputs) expect(hash(parts), name).toBe(hash(first.get(name)!));
  });

  test("explains and asks what if as one with files does", async () => {
    const memory = { captures: [{ name: WEB, bytes: new Blob([readFileSync(WEB)]) }], model };
    expect(await explainFrame(memory, 3)).toEqual(await explainFrame({ captures: [WEB], model }, 3));
    const failover = { kill: "gw-a", at: { fromStartNs: 2_000_000_000n }, detectMs: [1000], seeds: 1, workers: 0 };
    expect(await playFailures({ ...memory, ...failover })).toEqual(
      await playFailures({ captures: [WEB], model, ...failover }),
    );
    const stream = { name: "live", bytes: new Blob([readFileSync(WEB)]).stream() };
    await expect(playFailures({ captures: [stream], model, ...failover })).rejects.toThrow(
      "live: is a stream, expected files",
    );
  });
});

describe("a signal ends it with its reason", () => {
  const reason = new Error("enough");

  test("while an endless source is read, within a piece; what was written can be read", async () => {
    await withFolder(async (outDir) => {
      const controller = new AbortController();
      const seen: number[] = [];
      const running = replay({
        captures: [{ name: "live", frames: endless() }],
        model,
        outDir,
        signal: controller.signal,
        onProgress: ({ frames }) => {
          if (seen.push(frames) === 3) setImmediate(() => controller.abort(reason));
        },
      });
      await expect(running).rejects.toBe(reason);
      expect(seen.length).toBeLessThanOrEqual(4);
      const { frames, truncated } = await readFile(join(outDir, "external.pcapng"));
      expect(frames.length).toBeGreaterThan(0);
      expect(truncated).toBe(false);
    });
  });

  test("while a source is silent, at once, and the source is closed", async () => {
    let isClosed = false;
    const silent = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: async () => {
          isClosed = true;
          return { done: true as const, value: undefined };
        },
      }),
    };
    const options = { model, signal: AbortSignal.timeout(20) };
    await expect(replay({ captures: [WEB, { name: "live", frames: endless() }, ANY], ...options })).rejects.toThrow(
      /timeout/i,
    );
    await expect(
      replay({ captures: [{ name: "live", bytes: silent }], model, signal: AbortSignal.timeout(20) }),
    ).rejects.toThrow(/timeout/i);
    expect(isClosed).toBe(true);
  });

  test("before anything is opened", async () => {
    await withFolder(async (folder) => {
      const outDir = join(folder, "out");
      await expect(replay({ captures: ["missing"], model, outDir, signal: AbortSignal.abort(reason) })).rejects.toBe(
        reason,
      );
      expect(existsSync(outDir)).toBe(false);
    });
  });

  test("with workers, explaining, comparing, shrinking and asking what if", { timeout: BUILD_MS }, async () => {
    const signal = AbortSignal.timeout(30);
    const built = await builtReplay();
    const live = () => [{ name: "live", frames: endless() }];
    await expect(built({ captures: live(), model, workers: 2, signal })).rejects.toThrow(/timeout/i);
    await expect(explainFrame({ captures: live(), model, signal: AbortSignal.timeout(30) }, 1e9)).rejects.toThrow(
      /timeout/i,
    );
    const judged = verify({
      before: live()[0]!,
      after: { name: "up", frames: endless() },
      model,
      signal: AbortSignal.timeout(30),
    });
    await expect(judged).rejects.toThrow(/timeout/i);
    const capture = { name: WEB, bytes: new Uint8Array(readFileSync(WEB)) };
    const shrinking = shrinkCapture({
      capture,
      conditions: () => ["always"],
      replay: { model, signal: AbortSignal.timeout(200) },
    });
    await expect(shrinking).rejects.toThrow(/timeout/i);
  });
});

describe("comparing two captures", () => {
  const inside = { before: "pcaps/snat/inside.pcap", after: "pcaps/snat/uplink.pcap", model };

  test("gives the report of the command, with progress, from files and from memory", async () => {
    const frames: number[] = [];
    const report = await verify({ ...inside, onProgress: (progress) => frames.push(progress.frames) });
    expect(report.frames.paired).toBeGreaterThan(0);
    expect(frames.every((count, i) => count === (i + 1) * 4096)).toBe(true);
    const [before, after] = [inside.before, inside.after].map((name) => ({
      name,
      bytes: new Blob([readFileSync(name)]),
    }));
    expect(await verify({ before: before!, after: after!, model })).toEqual(report);
  });

  test("without its captures or its model is wrong use", async () => {
    await expect(verify({ ...inside, after: undefined as never })).rejects.toThrow(
      "capture is undefined, expected a path",
    );
    await expect(verify({ ...inside, model: {} as never })).rejects.toThrow(
      "model is [object Object], expected what loadManifests returns",
    );
  });
});

describe("wrong use of a replay is a UsageError", () => {
  test.each<[string, object]>([
    ["captures are undefined, expected a list of captures", { captures: undefined }],
    ["captures are in.pcap, expected a list of captures", { captures: "in.pcap" }],
    ["capture is 5, expected a path", { captures: [5] }],
    ["model is undefined, expected what loadManifests returns", { model: undefined }],
    ["outDir and onOutput are both given, expected one of them", { outDir: "out", onOutput: () => {} }],
  ])("%s", async (message, wrong) => {
    const error = await replay({ captures: [WEB], model, ...wrong } as ReplayOptions).catch((error) => error);
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toBeInstanceOf(EgressError);
    expect(error).toMatchObject({ code: "usage", message: expect.stringContaining(message) });
  });
});
