import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import type { ReplayOptions } from "../../src/replay/options.js";
import { type DamagedCaptureError, replay } from "../../src/replay/replay.js";
import { withFile, withFolder } from "../support/capture-read.js";
import { addOnes, be16, ethernet, ipv4, patterned, udp } from "../support/frames.js";
import { clusterModel } from "./cluster.js";
import { type ReplayResult, replayAndRead, replayFailing } from "./outputs-read.js";
import {
  captureOf,
  conversation,
  ENDPOINT,
  inbound,
  outbound,
  ping,
  question,
  REMOTE,
  type TimedFrame,
  timeOf,
  tooBig,
} from "./traffic.js";

const EGRESS_IPS = ["203.0.113.10", "203.0.113.20"];

async function replayFrames(
  frames: readonly TimedFrame[],
  options: Partial<ReplayOptions> & { linkType?: number } = {},
): Promise<ReplayResult> {
  const { linkType, ...rest } = options;
  const model = rest.model ?? (await clusterModel({ pods: [ENDPOINT], worker: "worker" }));
  return withFile(captureOf(frames, linkType), (path) => replayAndRead({ captures: [path], model, ...rest }));
}

function quad(bytes: Uint8Array, at: number): string {
  return bytes.subarray(at, at + 4).join(".");
}

/** Source and destination of an untagged Ethernet frame. */
function addressesOf(frame: Uint8Array): [string, string] {
  return [quad(frame, 26), quad(frame, 30)];
}

describe("a replay of an endpoint's capture", () => {
  it("sends what the endpoint sent under an egress IP, and gives back what it received, byte for byte", async () => {
    const frames = [...conversation(0), ...question(5_000), ...ping(9_000)];
    const { report, external, endpoint } = await replayFrames(frames);
    expect(report.verification).toMatchObject({
      enabled: true,
      ok: true,
      framesChecked: frames.length,
      mismatchCount: 0,
    });
    const sent = frames.map(({ frame }) => addressesOf(frame)[0] === ENDPOINT);
    expect(external.map(({ number }) => number)).toEqual(sent.flatMap((is, i) => (is ? [i + 1] : [])));
    expect(endpoint.map(({ number }) => number)).toEqual(sent.flatMap((is, i) => (is ? [] : [i + 1])));
    for (const { bytes, number } of external) {
      const [source, destination] = addressesOf(bytes);
      expect(EGRESS_IPS).toContain(source);
      expect(destination).toBe(REMOTE);
      expect(bytes[22]).toBe(frames[number - 1].frame[22] - 1);
    }
    for (const { bytes, number } of endpoint) expect(bytes.equals(frames[number - 1].frame)).toBe(true);
  });

  it("keeps timestamps, lengths, MACs and link type, and names the interfaces after the gateways", async () => {
    const frames = conversation(123_456);
    const { external, endpoint } = await replayFrames(frames);
    expect(new Set(external.map(({ interfaceName }) => interfaceName)).size).toBe(1);
    expect(["gw-a", "gw-b"]).toContain(external[0].interfaceName);
    for (const frame of [...external, ...endpoint]) {
      const original = frames[frame.number - 1];
      expect(frame.timeNs).toBe(timeOf(original.us));
      expect(frame.wire).toBe(original.frame.length);
      expect(frame.bytes.length).toBe(original.frame.length);
      expect(frame.linkType).toBe(1);
      expect(frame.bytes.subarray(0, 14).equals(original.frame.subarray(0, 14))).toBe(true);
    }
  });

  it("counts every frame under one action, and under one reason unless it was translated", async () => {
    const arp = ethernet(patterned(46), { etherType: 0x0806 });
    const toPod = ethernet(ipv4({ src: ENDPOINT, dst: "10.0.1.8" }, udp({ srcPort: 1, dstPort: 2 })));
    const others = ethernet(ipv4({ src: "192.0.2.1", dst: "192.0.2.2" }, udp({ srcPort: 1, dstPort: 2 })));
    const frames = [...conversation(0), ...[arp, toPod, others].map((frame, i) => ({ us: 2_000 + i, frame }))];
    const model = await clusterModel({ pods: [ENDPOINT, "10.0.1.8"], excluded: ["198.51.100.128/25"] });
    const excluded = outbound("SYN", { remote: "198.51.100.200" });
    const { report } = await replayFrames([...frames, { us: 3_000, frame: excluded }], { model });
    expect(report.frames).toMatchObject({
      read: 13,
      pass: 2,
      snat: 5,
      reverse: 4,
      drop: 0,
      lost: 0,
      skipped: 2,
      generated: 0,
    });
    expect(report.reasons).toEqual({ "cluster-internal": 1, "endpoint-unknown": 1, excluded: 1, "not-ip": 1 });
    expect(report.reasonActions["endpoint-unknown"]).toEqual({ skipped: 1 });
    expect(report.frames.bytes).toBe(
      [...frames, { frame: excluded }].reduce((sum, { frame }) => sum + frame.length, 0),
    );
  });

  it("translates an ICMP error about a connection back to what the endpoint received", async () => {
    const side = { port: 41_000 };
    const big = outbound("PSH ACK", side, patterned(1400));
    const frames = [...conversation(0, side).slice(0, 3), { us: 400, frame: big }, tooBig(500, big, side)];
    const { report, endpoint } = await replayFrames(frames);
    expect(report.verification.ok).toBe(true);
    expect(report.reasons).toEqual({});
    expect(endpoint.at(-1)?.bytes.equals(frames[4].frame)).toBe(true);
  });

  it("tells a connection from outside from a reply, and lets its answers pass untranslated", async () => {
    const model = await clusterModel({ pods: [ENDPOINT], ports: [8080] });
    const side = { port: 8080, remotePort: 55_555 };
    const frames = [inbound("SYN", side), outbound("SYN ACK", side), inbound("ACK", side)].map((frame, us) => ({
      us,
      frame,
    }));
    const { report, external, endpoint } = await replayFrames(frames, { model });
    expect(report.reasons).toEqual({ inbound: 2, "reply-of-inbound": 1 });
    expect(external).toEqual([]);
    expect(endpoint.map(({ bytes }) => bytes)).toEqual(frames.map(({ frame }) => Buffer.from(frame)));
  });

  it("drops an answer to nothing, and never lets it through", async () => {
    const { report, endpoint } = await replayFrames([{ us: 0, frame: inbound("ACK") }]);
    expect(report.reasons).toEqual({ "reply-without-connection": 1 });
    expect(report.reasonActions).toEqual({ "reply-without-connection": { drop: 1 } });
    expect(report.ciliumWould["reply-without-connection"]).toMatch(/pod/);
    expect(endpoint).toEqual([]);
  });

  it("recognises partial checksums of a sending host, and leaves them partial", async () => {
    const side = { src: ENDPOINT, dst: REMOTE };
    const partial = ethernet(
      ipv4(side, udp({ srcPort: 40_000, dstPort: 53, payload: patterned(40), checksum: "partial" })),
    );
    const { report, external } = await replayFrames([{ us: 0, frame: partial }]);
    expect(report.observations.partialChecksums).toBe(1);
    expect(report.verification.ok).toBe(true);
    const translated = ethernet(
      ipv4(
        { ...side, src: quad(external[0].bytes, 26), ttl: 63 },
        udp({ srcPort: 40_000, dstPort: 53, payload: patterned(40), checksum: "partial" }),
      ),
    );
    expect(external[0].bytes.equals(translated)).toBe(true);
  });

  it("takes a right checksum for right where it happens to equal the sum of the pseudo-header", async () => {
    // A body that sums to zero with its own header: field, pseudo-header sum and full checksum all fit.
    const frame = ethernet(
      ipv4({ src: ENDPOINT, dst: REMOTE }, udp({ srcPort: 40_000, dstPort: 53, payload: balanced() })),
    );
    const { report } = await replayFrames([{ us: 0, frame }]);
    expect(report.observations.partialChecksums).toBe(0);
    expect(report.verification.ok).toBe(true);
  });

  it("translates super-frames of segmentation offload, whose IP length may be zero", async () => {
    const side = { src: ENDPOINT, dst: REMOTE, totalLength: 0 };
    const frame = ethernet(ipv4(side, udp({ srcPort: 40_000, dstPort: 53, payload: patterned(9000), checksum: 0 })));
    const { report } = await replayFrames([{ us: 0, frame }]);
    expect(report.observations.superFrames).toBe(1);
    expect(report.frames.snat).toBe(1);
    expect(report.verification.ok).toBe(true);
  });

  it("translates frames that the capture cut behind their ports", async () => {
    const frames = conversation(0).map((timed) => ({ ...timed, captured: 50 }));
    const { report, external } = await replayFrames(frames);
    expect(report.verification.ok).toBe(true);
    expect(report.frames).toMatchObject({ snat: 5, reverse: 4 });
    expect(external.every(({ bytes, wire }) => bytes.length === 50 && wire >= 54)).toBe(true);
  });

  it("gives one report and the same captures at every run, its timing aside", async () => {
    const frames = [...conversation(0), ...conversation(50, { port: 40_001 }), ...question(20)];
    const runs = await Promise.all([replayFrames(frames), replayFrames(frames)]);
    const [a, b] = runs.map(
      ({
        report: {
          timing: _,
          input: { files, ...input },
          ...rest
        },
        files: written,
      }) => ({
        rest: {
          ...rest,
          input,
          frames: files.map(({ frames: count }) => count),
          viewpoints: rest.viewpoints.map(({ file: _, ...view }) => view),
        },
        written,
      }),
    );
    expect(a.rest).toEqual(b.rest);
    expect(a.written.external.equals(b.written.external)).toBe(true);
    expect(a.written.endpoint.equals(b.written.endpoint)).toBe(true);
  });

  it("translates the same whether or not it verifies, and says that it did not", async () => {
    const frames = [...conversation(0), ...ping(77)];
    const [checked, unchecked] = await Promise.all([replayFrames(frames), replayFrames(frames, { verify: false })]);
    expect(unchecked.report.verification).toMatchObject({ enabled: false, ok: true, framesChecked: 0 });
    expect(unchecked.files.external.equals(checked.files.external)).toBe(true);
    expect(unchecked.files.endpoint.equals(checked.files.endpoint)).toBe(true);
  });

  it("counts exactly the connections that have expired by the last frame", async () => {
    const old = question(0);
    const late = [{ us: 120e6, frame: outbound("SYN", { port: 45_000 }) }];
    const { report } = await replayFrames([...old, ...late]);
    expect(report.connections).toMatchObject({ opened: 2, expired: 1, live: 1 });
  });

  it("merges captures by time, moved by their skew, and numbers frames in merged order", async () => {
    const [asked, answered] = question(1_000);
    const model = await clusterModel({ pods: [ENDPOINT] });
    await withFolder(async (folder) => {
      const [first, second] = [join(folder, "a.pcap"), join(folder, "b.pcap")];
      writeFileSync(first, captureOf([asked]));
      writeFileSync(second, captureOf([{ ...answered, us: 500 }]));
      const skews = new Map([[second, 5_000_000n]]);
      const { report, external, endpoint } = await replayAndRead({ captures: [first, second], model, skews });
      expect(report.verification.ok).toBe(true);
      expect(external.map(({ number }) => number)).toEqual([1]);
      expect(endpoint.map(({ number, timeNs }) => [number, timeNs])).toEqual([[2, timeOf(5_500)]]);
      expect(report.input.files.map(({ frames }) => frames)).toEqual([1, 1]);
    });
  });

  it("reads standard input as it reads a file", async () => {
    const model = await clusterModel({ pods: [ENDPOINT] });
    const capture = captureOf(conversation(0));
    const stdin = Readable.from([capture.subarray(0, 100), capture.subarray(100)]);
    const fromStdin = await replayAndRead({ captures: ["-"], model, stdin });
    const fromFile = await replayFrames(conversation(0), { model });
    expect(fromStdin.files.external.equals(fromFile.files.external)).toBe(true);
    expect(fromStdin.report.frames).toEqual(fromFile.report.frames);
  });
});

/** A UDP payload after which the checksum field equals the sum of the pseudo-header: the word w in it solves ~(p + rest + w) = p. */
function balanced(): Uint8Array {
  const payload = new Uint8Array(40);
  const field = (checksum?: "partial") => {
    const frame = ipv4({ src: ENDPOINT, dst: REMOTE }, udp({ srcPort: 40_000, dstPort: 53, payload, checksum }));
    return (frame[26] << 8) | frame[27];
  };
  const partial = field("partial");
  // With w = 0 the right field is ~(p + rest); so w = field - p, in one's complement.
  payload.set(be16(addOnes(field(), ~partial & 0xffff)));
  if (field() !== partial) throw new Error("no such payload");
  return payload;
}

describe("captures that end badly", () => {
  it("warns about a cut-off last record and replays everything before it", async () => {
    const model = await clusterModel({ pods: [ENDPOINT] });
    const capture = captureOf(conversation(0));
    await withFile(capture.subarray(0, capture.length - 10), async (path) => {
      const warnings: string[] = [];
      const { report } = await replayAndRead({ captures: [path], model, onWarning: (text) => warnings.push(text) });
      expect(report.input.truncated).toBe(true);
      expect(report.frames.read).toBe(8);
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain(path);
    });
  });

  it("replays and writes everything before damage, then throws with place and report", async () => {
    const model = await clusterModel({ pods: [ENDPOINT] });
    const capture = captureOf(conversation(0));
    capture.writeUInt32LE(0x7fff_ffff, capture.length - outbound("ACK").length - 8);
    await withFile(capture, async (path) => {
      const { error, external } = await replayFailing({ captures: [path], model });
      expect(error).toMatchObject({ code: "damaged-capture", file: path });
      const { report, message } = error as DamagedCaptureError;
      expect(message.split(path)).toHaveLength(2);
      expect(report.frames).toMatchObject({ read: 8, snat: 4, reverse: 4 });
      expect(external).toHaveLength(4);
    });
  });

  it("replays an empty capture to an empty report", async () => {
    const { report } = await replayFrames([]);
    expect(report.frames.read).toBe(0);
    expect(report.input.firstFrame).toBeUndefined();
  });

  it("refuses options out of range, naming them", async () => {
    const model = await clusterModel({ pods: [ENDPOINT] });
    const bad: [Partial<ReplayOptions>, RegExp][] = [
      [{ captures: [] }, /0 captures, expected 1/],
      [{ batchSize: 0 }, /batch size is 0/],
      [{ batchSize: 5000 }, /batch size is 5000, expected an integer from 1 to 4096/],
      [{ connections: 1 }, /connections is 1/],
      [{ seed: -1 }, /seed is -1/],
      [{ fromFrame: 0 }, /first frame is 0/],
      [{ captures: ["-", "-"] }, /standard input is given twice/],
      [{ captures: ["/nowhere/x.pcap"] }, /cannot be opened/],
      [{ captures: ["a"], skews: new Map([["b", 1n]]) }, /--skew b: is none of the captures/],
    ];
    for (const [options, message] of bad) {
      await expect(
        replay({ captures: ["-"], model, stdin: Readable.from([captureOf([])]), ...options }),
      ).rejects.toThrow(message);
    }
  });
});

describe("captures that do not fit the manifests", () => {
  it("end with the busiest sources, what each is, and what to do", async () => {
    const model = await clusterModel({ pods: [ENDPOINT], gateways: { "gw-a": "203.0.113.10" } });
    const from = (src: string) => ethernet(ipv4({ src, dst: REMOTE }, udp({ srcPort: 1, dstPort: 2 })));
    const sources = ["203.0.113.10", "203.0.113.10", "203.0.113.10", "172.18.0.1", "172.18.0.1", "192.0.2.5"];
    const capture = captureOf(sources.map((src, us) => ({ us, frame: from(src) })));
    await withFile(capture, async (path) => {
      const { error } = await replayFailing({ captures: [path], model });
      expect(error).toMatchObject({
        code: "no-match",
        sources: [
          { address: "203.0.113.10", frames: 3, what: "egress IP" },
          { address: "172.18.0.1", frames: 2, what: "node" },
          { address: "192.0.2.5", frames: 1, what: "unknown" },
        ],
      });
      expect((error as Error).message).toMatch(/sluicegate verify/);
      const { report } = await replayAndRead({ captures: [path], model, allowNoMatch: true });
      expect(report.reasons).toEqual({ "already-translated": 5, "endpoint-unknown": 1 });
    });
  });

  it("say so where pods own the addresses at another time", async () => {
    const model = await clusterModel({ pods: [ENDPOINT], created: "2026-12-01T00:00:00Z" });
    await withFile(captureOf(conversation(0)), async (path) => {
      const { error } = await replayFailing({ captures: [path], model });
      expect(error).toMatchObject({
        code: "no-match",
        sources: [{ what: "endpoint at another time" }, { what: "unknown" }],
      });
      expect((error as Error).message).toMatch(/--ignore-ownership-times/);
    });
  });
});
