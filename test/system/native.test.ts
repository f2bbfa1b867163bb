import { join } from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import * as abi from "../../assembly/abi.js";
import { loadManifests } from "../../src/config/load.js";
import type { PolicyModel } from "../../src/config/types.js";
import type { EngineCounters } from "../../src/engine/counters.js";
import { Engine } from "../../src/engine/engine.js";
import type { EngineConfig } from "../../src/engine/engine-config.js";
import { configFor } from "../../src/engine/sizing.js";
import { replay } from "../../src/replay/replay.js";
import { compileReference } from "../bench/native/compile.js";
import { type PlainFrame, PlainRun } from "../bench/native/plain-run.js";
import { plainModel, sendPlainTraffic, type TrafficOptions } from "../bench/native/plain-traffic.js";
import { MANIFESTS, missing, PCAPS, scratch } from "./tools.js";

// The engine beside the C reference (test/bench/native): the same frames in, the same bytes, verdicts and counters out.

const lacking = missing(["gcc", "mkfifo"]);
const SIZES = { arenaSize: 1 << 20, maxBatch: 4096, connections: 40_000, connections6: 0, bitmaps: 8 };

/** Every reason that a plain frame can be passed or dropped for, but those of fragments, other families and failures. */
const REASONS_MET = [
  "no-policy",
  "excluded",
  "cluster-internal",
  "multicast",
  "broadcast",
  "inbound",
  "reply-of-inbound",
  "endpoint-unknown",
  "no-egress-gateway",
  "no-egress-ip",
  "no-nat-mapping",
  "no-reverse-mapping",
  "reply-without-connection",
  "bad-header",
  "ttl-exceeded",
  "bad-source",
  "bad-destination",
  "no-state",
] as const;

describe.skipIf(lacking !== "")(`the C reference ${lacking && `(missing: ${lacking})`}`, () => {
  const folder = scratch();
  let program = "";
  beforeAll(() => {
    program = compileReference(folder);
  });

  const captures: readonly (readonly [name: string, plain: number])[] = [
    ["web/in.pcap", 1673],
    ["snat/inside.pcap", 724],
    ["offload/in.pcapng", 3],
    ["overlay/in.pcap", 525],
    ["icmp/in.pcap", 47],
  ];

  it.each(captures)("does what the engine does with the plain frames of %s, %i of them", async (name, plain) => {
    const model = loadManifests([MANIFESTS]);
    const frames = await plainFrames(join(PCAPS, name), model);
    expect(frames.length).toBe(plain);
    const run = await PlainRun.start(model, configFor(model, SIZES));
    for (let first = 0; first < frames.length; first += 256) run.add(frames.slice(first, first + 256));
    expect(run.differenceFrom(program, 100)).toBeUndefined();
  });

  const kinds: readonly (readonly [string, Traffic])[] = [
    [
      "profile cilium, few ports",
      { natProfile: "cilium", high: 32_768 + 149, count: 120, frames: 45_000, openEvery: 6 },
    ],
    ["profile rfc, few ports", { natProfile: "rfc", high: 32_768 + 149, count: 120, frames: 45_000, openEvery: 6 }],
    ["profile cilium, all ports", { natProfile: "cilium", high: 65_535, count: 900, frames: 20_000, openEvery: 4 }],
    [
      "profile rfc, ports that are tried only",
      { natProfile: "rfc", high: 32_768 + 40, count: 60, frames: 20_000, openEvery: 6 },
    ],
    [
      "no connection picked up in mid-stream",
      { natProfile: "rfc", high: 65_535, count: 300, frames: 10_000, openEvery: 6, config: { midStream: "drop" } },
    ],
  ];

  it.each(kinds)("does what the engine does with generated traffic: %s", async (_, traffic) => {
    const run = await generated(traffic);
    expect(run.count).toBeGreaterThanOrEqual(traffic.frames);
    for (const batch of [1, 97, 4096]) expect(run.differenceFrom(program, batch)).toBeUndefined();
  });

  it("is given traffic that meets all that it does", async () => {
    const runs = await Promise.all(kinds.map(([, traffic]) => generated(traffic)));
    const counters = runs.map(({ engine }) => engine.counters());
    const total = (of: (counters: EngineCounters) => number) => counters.reduce((sum, each) => sum + of(each), 0);
    expect(runs.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThanOrEqual(140_000);
    expect(total(({ opened }) => opened)).toBeGreaterThan(10_000);
    expect(total(({ closed }) => closed)).toBeGreaterThan(400);
    expect(total(({ expired }) => expired)).toBeGreaterThan(2000);
    expect(total(({ directionGuessed }) => directionGuessed)).toBeGreaterThan(2000);
    expect(total(({ bitmapSearches }) => bitmapSearches)).toBeGreaterThan(300);
    expect(total(({ actions }) => actions.snat ?? 0)).toBeGreaterThan(20_000);
    expect(total(({ actions }) => actions.reverse ?? 0)).toBeGreaterThan(10_000);
    for (const reason of REASONS_MET)
      expect([reason, total(({ reasons }) => reasons[reason] ?? 0)]).not.toEqual([reason, 0]);
  });

  it.each([
    [1, "a checksum loses its carry"],
    [2, "a datagram without a checksum gets one"],
    [3, "the lowest score wins"],
    [4, "a FIN closes nothing"],
    [5, "ports are tried in other steps"],
    [6, "a connection never expires"],
    [7, "an RST is taken whatever its sequence number"],
  ])("is told from the engine with difference %i planted: %s", async (number) => {
    const run = await generated(kinds[SHOWN_BY[number] ?? 0]![1]);
    expect(run.differenceFrom(compileReference(folder, { PLANT: number }), 256)).toMatch(/differ|the engine's is/);
  });
});

/** The kind of traffic that a planted difference shows in, where it is not the first. */
const SHOWN_BY: Readonly<Record<number, number>> = { 5: 2, 7: 1 };

interface Traffic extends Pick<TrafficOptions, "natProfile" | "frames" | "openEvery"> {
  /** Highest NAT port. */
  readonly high: number;
  /** Source ports in use. */
  readonly count: number;
  readonly config?: Partial<EngineConfig>;
}

const runs = new Map<Traffic, Promise<PlainRun>>();

/** Traffic depends on itself alone, so it is made once. */
function generated(traffic: Traffic): Promise<PlainRun> {
  const run = runs.get(traffic) ?? generate(traffic);
  runs.set(traffic, run);
  return run;
}

async function generate({ high, count, config, natProfile, ...options }: Traffic): Promise<PlainRun> {
  const model = plainModel({ low: 32_768, high });
  const run = await PlainRun.start(model, configFor(model, { ...SIZES, natProfile, ...config }));
  sendPlainTraffic(run, { ...options, natProfile, seed: 20_261_126, sourcePorts: { low: 32_760, count } });
  return run;
}

/** The plain frames that a replay of a capture gives to its engine: replies as the outside had sent them. */
async function plainFrames(capture: string, model: PolicyModel): Promise<PlainFrame[]> {
  const frames: PlainFrame[] = [];
  const { process } = Engine.prototype;
  const spy = vi.spyOn(Engine.prototype, "process").mockImplementation(function (this: Engine, count: number) {
    const records = this.regionBytes(abi.REGION_FRAMES);
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    for (let i = 0; i < count; i++) {
      const frame = plainFrame(view, i * abi.FRAME_SIZE, this.arena);
      if (frame) frames.push(frame);
    }
    return process.call(this, count);
  });
  try {
    // Only with ICMP errors do batches come to the engine by way of its class.
    await replay({ captures: [capture], model, verify: false, icmpErrors: true });
  } finally {
    spy.mockRestore();
  }
  return frames;
}

/** The frame of a record where it is plain: Ethernet, IPv4 without options or fragments, a whole TCP or UDP header, as much as is stated. */
function plainFrame(records: DataView, at: number, arena: Uint8Array): PlainFrame | undefined {
  const captured = records.getUint32(at + abi.FRAME_CAPTURED_AT, true);
  const offset = records.getUint32(at + abi.FRAME_OFFSET_AT, true);
  const hook = records.getUint8(at + abi.FRAME_HOOK_AT);
  const flags = records.getUint16(at + abi.FRAME_FLAGS_AT, true);
  if (captured < 54 || flags !== 0 || records.getUint8(at + abi.FRAME_LINK_AT) !== abi.LINK_ETHERNET) return undefined;
  const bytes = arena.slice(offset, offset + captured);
  const frame = new DataView(bytes.buffer);
  const total = frame.getUint16(16);
  if (frame.getUint16(12) !== 0x0800 || bytes[14] !== 0x45 || frame.getUint16(20) & 0x3fff) return undefined;
  const protocol = bytes[23];
  const header = protocol === 6 ? (bytes[46] >> 4) * 4 : frame.getUint16(38);
  const least = protocol === 6 ? 20 : 8;
  if ((protocol !== 6 && protocol !== 17) || header < least || 20 + header > total || total + 14 > captured)
    return undefined;
  const timeNs = records.getBigUint64(at + abi.FRAME_TIME_AT, true);
  return { hook, bytes, timeNs, wire: records.getUint32(at + abi.FRAME_WIRE_AT, true) };
}
