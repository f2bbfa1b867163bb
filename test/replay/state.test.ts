import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { PolicyModel } from "../../src/config/types.js";
import type { ReplayOptions } from "../../src/replay/options.js";
import { replay } from "../../src/replay/replay.js";
import type { ReplayReport } from "../../src/replay/report-types.js";
import { withFolder } from "../support/capture-read.js";
import { ethernet, ipv4, tcp } from "../support/frames.js";
import { clusterModel } from "./cluster.js";
import { type OutputFrame, readOutput } from "./outputs-read.js";
import { captureOf, conversation, ping, question, type TimedFrame } from "./traffic.js";

const PODS = ["10.0.1.7", "10.0.1.8", "10.0.1.9"];
const BATCHES = [1, 7, 64, 1024];

/** Whole, half and interleaved conversations of three pods with few remotes, over minutes: tuples come back, mappings expire. */
function traffic(count: number): TimedFrame[] {
  const frames: TimedFrame[] = [];
  for (let i = 0; i < count; i++) {
    const side = {
      endpoint: PODS[i % 3],
      remote: `198.51.100.${1 + (i % 5)}`,
      port: 40_000 + ((i * 7) % 401),
      remotePort: i % 4 === 0 ? 443 : 80,
    };
    const start = i * 200_000 + (i % 9) * 131;
    if (i % 3 === 0) frames.push(...conversation(start, side, 37_000).slice(0, 3 + (i % 7)));
    else if (i % 3 === 1) frames.push(...question(start, { ...side, remotePort: 53 }));
    else frames.push(...ping(start, { ...side, port: i % 16 }));
    if (i % 11 === 0) frames.push({ us: start + 5, frame: scan(i) });
  }
  return frames.sort((a, b) => a.us - b.us);
}

/** A connection attempt from outside. */
function scan(i: number): Uint8Array {
  return ethernet(
    ipv4({ src: `192.0.2.${i % 200}`, dst: PODS[i % 3] }, tcp({ srcPort: 1000 + i, dstPort: 22, flags: "SYN" })),
  );
}

interface Outcome {
  readonly external: Buffer;
  readonly endpoint: Buffer;
  readonly report: ReplayReport;
}

async function outcome(folder: string, name: string, options: Omit<ReplayOptions, "outDir">): Promise<Outcome> {
  const outDir = join(folder, name);
  const report = await replay({ ...options, outDir });
  return {
    external: readFileSync(join(outDir, "external.pcapng")),
    endpoint: readFileSync(join(outDir, "endpoint.pcapng")),
    report,
  };
}

/** What of a report must not depend on how a replay was cut and batched. */
function resultOf({
  frames,
  bytes: _,
  reasons,
  reasonActions,
  connections,
  gateways,
  broken,
  observations,
}: ReplayReport & { bytes?: never }) {
  return { frames, reasons, reasonActions, connections, gateways, broken, observations };
}

function framesOf(...files: Buffer[]): OutputFrame[] {
  return files.flatMap(readOutput);
}

describe.each([
  ["with room for every connection", { connections: 4096 }],
  ["with a table of 64 connections", { connections: 64 }],
])("the result of a replay %s", (_, sizes) => {
  const frames = traffic(450);
  let model: PolicyModel;

  const inFolder = (use: (folder: string, base: Omit<ReplayOptions, "outDir">) => Promise<void>) =>
    withFolder(async (folder) => {
      model ??= await clusterModel({ pods: PODS, worker: "worker" });
      const capture = join(folder, "in.pcap");
      writeFileSync(capture, captureOf(frames));
      await use(folder, { captures: [capture], model, ...sizes });
    });

  it("does not depend on the batch size", () =>
    inFolder(async (folder, base) => {
      const one = await outcome(folder, "verified", base);
      const others: Outcome[] = [];
      for (const batchSize of BATCHES) {
        others.push(await outcome(folder, `batch-${batchSize}`, { ...base, batchSize, verify: false }));
      }
      expect(one.report.verification.mismatches).toEqual([]);
      expect(one.report.frames.snat).toBeGreaterThan(100);
      const { expired, closing, unreplied, established } = one.report.connections.evictions;
      expect(expired + closing + unreplied + established > 0).toBe(sizes.connections === 64);
      for (const other of others) {
        expect(other.external.equals(one.external)).toBe(true);
        expect(other.endpoint.equals(one.endpoint)).toBe(true);
        expect(resultOf(other.report)).toEqual(resultOf(one.report));
      }
    }));

  it("does not depend on where it is cut, saved and taken up again", () =>
    inFolder(async (folder, base) => {
      const whole = await outcome(folder, "whole", base);
      const cuts = [0, 1, 57, 58, 700, frames.length];
      for (const [i, cut] of cuts.entries()) {
        const state = join(folder, `state-${cut}`);
        const [before, after] = [BATCHES[i % 4], BATCHES[(i + 1) % 4]];
        const head = await outcome(folder, `head-${cut}`, {
          ...base,
          toFrame: cut,
          saveState: state,
          batchSize: before,
        });
        const tail = await outcome(folder, `tail-${cut}`, {
          ...base,
          fromFrame: cut + 1,
          loadState: state,
          batchSize: after,
        });
        expect(framesOf(head.external, tail.external)).toEqual(framesOf(whole.external));
        expect(framesOf(head.endpoint, tail.endpoint)).toEqual(framesOf(whole.endpoint));
        expect(resultOf(tail.report)).toEqual(resultOf(whole.report));
        expect(tail.report.verification.mismatches).toEqual([]);
      }
    }));

  it("does not depend on how often it is cut", () =>
    inFolder(async (folder, base) => {
      const whole = await outcome(folder, "whole", base);
      const parts: Outcome[] = [];
      const step = Math.ceil(frames.length / 8);
      for (let first = 1, i = 0; first <= frames.length; first += step, i++) {
        const load = i === 0 ? {} : { loadState: join(folder, `state-${i - 1}`) };
        const range = { fromFrame: first, toFrame: first + step - 1, saveState: join(folder, `state-${i}`) };
        parts.push(await outcome(folder, `part-${i}`, { ...base, ...range, ...load, verify: false }));
      }
      expect(framesOf(...parts.map(({ external }) => external))).toEqual(framesOf(whole.external));
      expect(framesOf(...parts.map(({ endpoint }) => endpoint))).toEqual(framesOf(whole.endpoint));
      expect(resultOf(parts.at(-1)!.report)).toEqual(resultOf(whole.report));
    }));
});

describe("a saved state", () => {
  it("takes a connection into the next capture, whose frames count from 1 again", () =>
    withFolder(async (folder) => {
      const model = await clusterModel({ pods: PODS });
      const frames = conversation(0);
      const [first, second] = ["first.pcap", "second.pcap"].map((name) => join(folder, name));
      writeFileSync(first, captureOf(frames.slice(0, 4)));
      writeFileSync(second, captureOf(frames.slice(4)));
      const state = join(folder, "state");
      await outcome(folder, "a", { captures: [first], model, saveState: state });
      const { report, endpoint } = await outcome(folder, "b", { captures: [second], model, loadState: state });
      expect(report.frames).toMatchObject({ read: 9, snat: 5, reverse: 4 });
      expect(report.reasons).toEqual({});
      expect(readOutput(endpoint).map(({ number }) => number)).toEqual([1, 2, 4]);
    }));

  it("is refused where it is damaged, foreign, or of other tables, seeds or policies", () =>
    withFolder(async (folder) => {
      const model = await clusterModel({ pods: PODS });
      const capture = join(folder, "in.pcap");
      writeFileSync(capture, captureOf(conversation(0)));
      const state = join(folder, "state");
      const base = { captures: [capture], model };
      await replay({ ...base, saveState: state });
      const bytes = readFileSync(state);
      const bad = join(folder, "bad");
      const load = (content: Buffer, options = {}) => {
        writeFileSync(bad, content);
        return replay({ ...base, loadState: bad, ...options });
      };
      await expect(load(bytes.subarray(0, 100))).rejects.toThrow(/saved state: fails its SHA-256/);
      await expect(
        load(Buffer.from("not a state, but long enough to hold a header and a hash of 32 bytes")),
      ).rejects.toThrow(/SGR1/);
      const flipped = Buffer.from(bytes);
      flipped[300] ^= 1;
      await expect(load(flipped)).rejects.toThrow(/SHA-256/);
      await expect(load(bytes, { seed: 2 })).rejects.toThrow(
        /saved with seed 1, rendezvous; expected the same as now, seed 2/,
      );
      await expect(load(bytes, { connections: 1 << 15 })).rejects.toThrow(/table size|connections/);
      const other = await clusterModel({ pods: PODS, excluded: ["192.0.2.0/24"] });
      await expect(load(bytes, { model: other })).rejects.toThrow(/another policy/);
      await expect(replay({ ...base, loadState: join(folder, "nowhere") })).rejects.toThrow(
        /nowhere: cannot be read \(ENOENT\)/,
      );
    }));
});
