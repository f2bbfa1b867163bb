import { describe, expect, test } from "vitest";
import { captureFrames } from "../../src/capture/frames.js";
import { loadManifests } from "../../src/config/load.js";
import { Engine, type EngineOptions } from "../../src/embed/engine.js";
import type { EngineFrame, FrameResult } from "../../src/embed/frame.js";
import { UsageError } from "../../src/errors.js";
import { replay } from "../../src/replay/replay.js";
import { clusterModel, GATEWAYS } from "../replay/cluster.js";
import { ENDPOINT, outbound, REMOTE, timeOf } from "../replay/traffic.js";
import { ethernet, ipv4, ipv4FragmentsOf, patterned, tcp, udp } from "../support/frames.js";

const policy = await clusterModel({ pods: [ENDPOINT] });
const addresses: readonly string[] = Object.values(GATEWAYS);

function create(more: Partial<EngineOptions> = {}): Promise<Engine> {
  return Engine.create({ policy, connections: 1024, ...more });
}

function frame(us: number, bytes: Uint8Array, more: Partial<EngineFrame> = {}): EngineFrame {
  return { bytes, timeNs: timeOf(us), ...more };
}

/** What the remote answers to a translated frame: to the egress IP, at the gateway. */
function answer(to: FrameResult, flags = "SYN ACK"): Uint8Array {
  const dst = to.egress!.address;
  return ethernet(ipv4({ src: REMOTE, dst }, tcp({ srcPort: 443, dstPort: to.natPort!, flags })));
}

async function collect(results: AsyncIterable<FrameResult>): Promise<FrameResult[]> {
  const all: FrameResult[] = [];
  for await (const result of results) all.push(result);
  return all;
}

describe("an engine takes frames and says what became of them", () => {
  test("there and back: a connection leaves by a gateway, its answer is restored", async () => {
    const engine = await create();
    const [out] = engine.process([frame(0, outbound("SYN"))]);
    expect(out).toMatchObject({
      frame: 0,
      action: "snat",
      reason: "",
      opened: true,
      moved: false,
      held: false,
      natPort: 40_000,
    });
    expect(addresses).toContain(out!.egress!.address);
    const [back] = engine.process([frame(100, answer(out!), { hook: "from-network" })]);
    expect(back).toMatchObject({ frame: 1, action: "reverse", opened: false, timeNs: timeOf(100) });
    expect([...back!.bytes.subarray(30, 34)]).toEqual(ENDPOINT.split(".").map(Number));
    expect(engine.counters()).toMatchObject({ opened: 1, live: 1 });
    expect(
      engine.egresses().map(({ node, ipv4, frames, replies }) => ({ node, ipv4, frames, replies })),
    ).toContainEqual({
      ...{ node: out!.egress!.node, ipv4: out!.egress!.address },
      ...{ frames: 1, replies: 1 },
    });
  });

  test("others pass and are dropped with a reason, as they came", async () => {
    const engine = await create();
    const other = outbound("SYN", { endpoint: "10.0.9.9" });
    const cut = outbound("SYN").subarray(0, 30);
    const results = engine.process([frame(0, other), frame(1, cut, { wireLength: 54 })]);
    expect(results.map(({ action, reason }) => [action, reason])).toEqual([
      ["pass", "endpoint-unknown"],
      ["drop", "snaplen-cut"],
    ]);
    expect(results[0]!.bytes).toEqual(other);
    expect(results[1]!.bytes).toEqual(cut);
    expect(results.every(({ egress, natPort }) => egress === undefined && natPort === undefined)).toBe(true);
  });

  test("fragments that come before the first of their packet leave behind it, and at the end not at all", async () => {
    const engine = await create({ natProfile: "rfc" });
    const packet = ipv4(
      { src: ENDPOINT, dst: REMOTE, id: 9 },
      udp({ srcPort: 1, dstPort: 2, payload: patterned(3000) }),
    );
    const [first, second, third] = ipv4FragmentsOf(packet, [1200, 1200]).map((piece) => ethernet(piece));
    expect(engine.process([frame(0, second!), frame(1, third!)])).toEqual([]);
    const results = engine.process([frame(2, first!), frame(3, outbound("SYN"))]);
    expect(results.map(({ frame, held, action }) => [frame, held, action])).toEqual([
      [2, false, "snat"],
      [0, true, "snat"],
      [1, true, "snat"],
      [3, false, "snat"],
    ]);
    const lost = ethernet(
      ipv4FragmentsOf(
        ipv4({ src: ENDPOINT, dst: REMOTE, id: 10 }, udp({ srcPort: 1, dstPort: 2, payload: patterned(3000) })),
        [1200, 1200],
      )[1]!,
    );
    engine.process([frame(4, lost)]);
    const dropped = [
      expect.objectContaining({ frame: 4, action: "drop", reason: "fragment-without-first", bytes: lost, held: true }),
    ];
    expect(engine.flush()).toEqual(dropped);
    expect(engine.flush()).toEqual([]);
  });

  test("more frames than the engine takes at a time are taken in several batches", async () => {
    const [large, small] = [await create(), await create({ maxBatch: 3 })];
    const frames = Array.from({ length: 50 }, (_, i) => frame(i, outbound("SYN", { port: 1000 + i })));
    expect(small.process(frames)).toEqual(large.process(frames));
  });

  test("the recorded capture gets the verdicts that its replay counts", async () => {
    const model = loadManifests(["pcaps/manifests"]);
    const engine = await Engine.create({ policy: model });
    const report = await replay({ captures: ["pcaps/icmp/in.pcap"], model });
    const counts: Record<string, number> = { snat: 0 };
    for await (const { bytes, timeNs, linkType } of captureFrames("pcaps/icmp/in.pcap"))
      for (const { action } of engine.process([{ bytes, timeNs, linkType }]))
        counts[action] = (counts[action] ?? 0) + 1;
    expect(counts.snat).toBe(report.frames.snat);
  });

  test("an ICMP error of the gateway's own comes with the frame that it is about", async () => {
    const engine = await create({ icmpErrors: true, policy: await clusterModel({ pods: [ENDPOINT], worker: "w1" }) });
    const [result] = engine.process([frame(0, outbound("SYN", { ttl: 1 }))]);
    expect(result).toMatchObject({ action: "drop", reason: "ttl-exceeded" });
    expect(result!.icmpError?.[20]).toBe(11);
  });
});

describe("gateways and policies change", () => {
  test("a gateway that is down loses its connections, a drained one keeps them and takes no new ones", async () => {
    const engine = await create();
    const [out] = engine.process([frame(0, outbound("SYN"))]);
    const { node } = out!.egress!;
    engine.setGateway(node, "healthy");
    const [kept, ...fresh] = engine.process([
      frame(1, outbound("ACK")),
      ...Array.from({ length: 20 }, (_, i) => frame(2 + i, outbound("SYN", { port: 50_000 + i }))),
    ]);
    expect(kept!.egress!.node).toBe(node);
    expect(fresh.every(({ egress }) => egress!.node !== node)).toBe(true);
    engine.setGateway(node, "down");
    const [moved] = engine.process([frame(100, outbound("ACK"))]);
    expect(moved).toMatchObject({ action: "snat", moved: true });
    expect(moved!.egress!.node).not.toBe(node);
    engine.setGateway(node, "active");
    const again = engine.process(
      Array.from({ length: 20 }, (_, i) => frame(200 + i, outbound("SYN", { port: 51_000 + i }))),
    );
    expect(again.some(({ egress }) => egress!.node === node)).toBe(true);
  });

  test("another policy is in force with the next frame, and gateways stand as they were told", async () => {
    const engine = await create();
    engine.setGateway("gw-a", "down");
    engine.loadPolicy(
      await clusterModel({
        pods: [ENDPOINT, "10.0.1.8"],
        gateways: { "gw-a": "203.0.113.99", "gw-b": "203.0.113.98" },
      }),
    );
    const results = engine.process(
      ["10.0.1.7", "10.0.1.8"].map((endpoint, i) => frame(i, outbound("SYN", { endpoint }))),
    );
    expect(results.map(({ egress }) => egress)).toEqual(Array(2).fill({ node: "gw-b", address: "203.0.113.98" }));
  });

  test("time that passes ends connections", async () => {
    const engine = await create();
    engine.process([frame(0, outbound("SYN"))]);
    engine.advance(timeOf(0) + 400_000_000_000n);
    expect(engine.counters()).toMatchObject({ live: 0, expired: 1 });
  });
});

describe("a stream", () => {
  const frames = Array.from({ length: 1000 }, (_, i) => frame(i, outbound("SYN", { port: 1024 + i })));

  test("gives what one call gives, for lists and for sources that take their time and reuse their bytes", async () => {
    const whole = (await create()).process(frames);
    async function* slowly(): AsyncGenerator<EngineFrame> {
      const bytes = new Uint8Array(54);
      for (const one of frames) {
        if (one.timeNs % 7_000n === 0n) await new Promise(setImmediate);
        bytes.set(one.bytes);
        yield { ...one, bytes };
      }
    }
    expect(await collect((await create()).stream(frames))).toEqual(whole);
    expect(await collect((await create()).stream(slowly(), { batch: 64 }))).toEqual(whole);
  });

  test("keeps no frame waiting for others", async () => {
    const asked: ((frame: EngineFrame) => void)[] = [];
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () =>
          new Promise<IteratorResult<EngineFrame>>((resolve) => {
            asked.push((value) => resolve({ done: false, value }));
          }),
      }),
    };
    const results = (await create()).stream(source);
    for (let i = 0; i < 3; i++) {
      const next = results.next();
      while (asked.length === 0) await new Promise(setImmediate);
      asked.shift()!(frames[i]!);
      expect((await next).value).toMatchObject({ frame: i, action: "snat" });
    }
  });

  test("ends with the signal's reason, between batches and while it waits, and closes its source", async () => {
    const engine = await create();
    let isClosed = false;
    async function* endless(): AsyncGenerator<EngineFrame> {
      try {
        for (let i = 0; ; i++) yield frames[i % 1000]!;
      } finally {
        isClosed = true;
      }
    }
    const controller = new AbortController();
    const reason = new Error("enough");
    const run = async () => {
      for await (const { frame } of engine.stream(endless(), { signal: controller.signal, batch: 16 }))
        if (frame === 5000) controller.abort(reason);
    };
    await expect(run()).rejects.toBe(reason);
    expect(isClosed).toBe(true);
    const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
    await expect(collect(engine.stream(silent, { signal: AbortSignal.timeout(10) }))).rejects.toThrow(/timeout/i);
    await expect(collect(engine.stream(frames, { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    expect(engine.process([frame(9999, outbound("SYN", { port: 9 }))])).toHaveLength(1);
  });

  test("passes on what its source throws", async () => {
    async function* broken(): AsyncGenerator<EngineFrame> {
      yield frames[0]!;
      throw new Error("the line is cut");
    }
    await expect(collect((await create()).stream(broken()))).rejects.toThrow("the line is cut");
  });
});

describe("wrong use is a UsageError that says what was expected", () => {
  const bytes = outbound("SYN");
  test.each<[string, Record<string, unknown>]>([
    ["frame: bytes is string, expected a Uint8Array", { bytes: "text" }],
    ["frame: length is 262145, expected at most 262144 bytes", { bytes: new Uint8Array(262_145) }],
    ["frame: timeNs is 5, expected a bigint", { timeNs: 5 }],
    ["frame: timeNs is -1, expected a bigint", { timeNs: -1n }],
    ["frame: hook is both, expected from-endpoint or from-network", { hook: "both" }],
    ["frame: linkType is 147, expected one of 0, 1, 9, 101", { linkType: 147 }],
    ["frame: wireLength is 3, expected an integer from 54", { wireLength: 3 }],
  ])("%s", async (message, wrong) => {
    const engine = await create();
    const act = () => engine.process([{ ...frame(0, bytes), ...wrong } as EngineFrame]);
    expect(act).toThrow(UsageError);
    expect(act).toThrow(message);
    expect(engine.process([frame(0, bytes)])).toHaveLength(1);
  });

  test("of the engine itself", async () => {
    await expect(Engine.create({} as EngineOptions)).rejects.toThrow(
      "policy is undefined, expected what loadManifests returns",
    );
    await expect(create({ seed: -1 })).rejects.toThrow("seed is -1, expected an integer from 0");
    await expect(create({ connections: 1 })).rejects.toThrow("connections is 1, expected an integer from 16");
    const engine = await create();
    expect(() => engine.setGateway("gw-z", "down")).toThrow('node is "gw-z", expected one of gw-a, gw-b');
    expect(() => engine.setGateway("gw-a", "gone" as "down")).toThrow(
      "state is gone, expected active, healthy or down",
    );
    expect(() => engine.process(undefined as unknown as [])).toThrow("frames are undefined, expected a list");
    expect(() => engine.advance(-1n)).toThrow("time is -1, expected nanoseconds");
    await expect(collect(engine.stream(5 as unknown as []))).rejects.toThrow("frames are 5, expected an iterable");
    await expect(collect(engine.stream([], { batch: 0 }))).rejects.toThrow(
      "batch is 0, expected an integer from 1 to 4096",
    );
    engine.dispose();
    engine.dispose();
    for (const act of [() => engine.process([]), () => engine.counters(), () => engine.setGateway("gw-a", "down")])
      expect(act).toThrow("engine: was disposed of");
  });

  test("of its module: bytes, a compiled module and a name for errors", async () => {
    const wasm = Uint8Array.from(await (await import("node:fs/promises")).readFile("build/engine.wasm"));
    const { WebAssembly } = globalThis as unknown as { WebAssembly: { compile(bytes: Uint8Array): Promise<never> } };
    for (const one of [
      wasm,
      wasm.buffer as ArrayBuffer,
      await WebAssembly.compile(wasm),
      new URL("../../build/engine.wasm", import.meta.url),
    ])
      expect((await create({ wasm: one })).process([frame(0, bytes)])).toHaveLength(1);
    await expect(create({ wasm: new Uint8Array(8) })).rejects.toThrow("Wasm module: cannot be instantiated");
  });
});
