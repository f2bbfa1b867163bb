import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { PolicyModel } from "../../src/config/types.js";
import type { NodeOrder } from "../../src/gateway/ground-truth.js";
import type { ReplayOptions } from "../../src/replay/options.js";
import { withFolder } from "../support/capture-read.js";
import {
  ethernet,
  icmpMessage,
  ipv4,
  ipv4FragmentsOf,
  ipv6,
  ipv6FragmentsOf,
  patterned,
  udp,
} from "../support/frames.js";
import { dualStack, GATEWAYS, run } from "./dual-stack.js";
import { readOutput } from "./outputs-read.js";
import { SECOND, scenarioOf } from "./scenarios.js";
import type { TimedFrame } from "./traffic.js";

const POD4 = "10.1.0.7";
const POD6 = "fd00:1::7";
const FAR4 = "198.51.100.9";
const FAR6 = "2001:db8:99::9";
const SIZES = [1200, 1200];

/** A datagram of 3,008 bytes in three pieces. */
function datagram(from: string, to: string, srcPort: number, dstPort: number, id: number): Uint8Array[] {
  const segment = udp({ srcPort, dstPort, payload: patterned(3000, id) });
  const pieces = from.includes(":")
    ? ipv6FragmentsOf(ipv6({ src: from, dst: to, hopLimit: 60 }, segment), SIZES, id)
    : ipv4FragmentsOf(ipv4({ src: from, dst: to, id, ttl: 60 }, segment), SIZES);
  return pieces.map((packet) => ethernet(packet));
}

const ORDERS = [
  [0, 1, 2],
  [2, 0, 1],
  [1, 2, 0],
];

/** Queries and answers of both pods, each in another order, and two pieces whose first one never comes. */
function traffic(): TimedFrame[] {
  const frames: TimedFrame[] = [];
  const add = (frame: Uint8Array) => frames.push({ us: frames.length * 1000, frame });
  for (const [pod, far] of [
    [POD4, FAR4],
    [POD6, FAR6],
  ] as const) {
    ORDERS.forEach((order, i) => {
      const query = datagram(pod, far, 40_000 + i, 5000, 100 + i);
      const answer = datagram(far, pod, 5000, 40_000 + i, 200 + i);
      for (const at of order) add(query[at]!);
      for (const at of order) add(answer[at]!);
    });
    for (const piece of datagram(pod, far, 40_000, 5000, 900).slice(1)) add(piece);
  }
  return frames;
}

const FRAMES = traffic();
const SMALL = { natProfile: "rfc", connections: 4096 } as const;
const TO_PODS = FRAMES.filter(({ frame }) => isFor(frame, POD4, POD6)).map(({ frame }) => Buffer.from(frame));

function isFor(frame: Uint8Array, ...addresses: readonly string[]): boolean {
  const hex = Buffer.from(frame.subarray(30, 54)).toString("hex");
  return addresses.some((address) =>
    address.includes(":") ? hex.slice(16).startsWith("fd000001") : hex.startsWith("0a010007"),
  );
}

/** Frames by what they say of their place: released ones come later than they were captured. */
const sorted = (frames: readonly Buffer[]) => frames.map((frame) => frame.toString("hex")).sort();

describe("fragmented datagrams of pods", () => {
  it("profile rfc: all leave and come back, whatever their order, verified, with the same bytes in both topologies", async () => {
    const model = await dualStack([POD4, POD6]);
    const single = await run(FRAMES, model, { natProfile: "rfc" });
    const cluster = await run(FRAMES, model, { natProfile: "rfc", topology: "cluster" });
    for (const { report, endpoint } of [single, cluster]) {
      expect(report.verification.mismatches).toEqual([]);
      expect(report.frames).toMatchObject({ read: 40, snat: 18, reverse: 18, drop: 4, hold: 0 });
      expect(report.reasons).toEqual({ "fragment-without-first": 4 });
      expect(report.observations.heldFragments).toBe(16);
      const replies = endpoint.filter(({ bytes }) => isFor(bytes, POD4, POD6)).map(({ bytes }) => bytes);
      expect(sorted(replies)).toEqual(sorted(TO_PODS));
    }
    expect(Buffer.compare(single.external, cluster.external)).toBe(0);
    const numbers = readOutput(single.external).map(({ number }) => number);
    // 0 1 2; then 2 waits for 0; then 1 and 2 do, in the order in which they came.
    expect(numbers.slice(0, 9)).toEqual([1, 2, 3, 8, 7, 9, 15, 13, 14]);
    const egress = new Set(Object.values(GATEWAYS).map((ip) => ip.slice(-2)));
    expect(egress.size).toBe(2);
  });

  it("profile cilium: what comes before its first fragment is dropped, and nothing is held", async () => {
    const model = await dualStack([POD4, POD6]);
    const single = await run(FRAMES, model);
    const cluster = await run(FRAMES, model, { topology: "cluster" });
    for (const { report } of [single, cluster]) {
      expect(report.verification.mismatches).toEqual([]);
      // Three of each pod's nine, in either direction, and the two whose first one never comes.
      expect(report.frames).toMatchObject({ read: 40, snat: 12, reverse: 12, drop: 16, hold: 0 });
      expect(report.reasons).toEqual({ "fragment-without-first": 16 });
    }
    expect(Buffer.compare(single.external, cluster.external)).toBe(0);
  });

  it.each([
    ["IPv4", POD4, FAR4, "198.51.100.1", { type: 3, code: 4, word: 1280 }],
    ["IPv6", POD6, FAR6, "2001:db8:99::1", { type: 2, code: 0, word: 1280 }],
  ])("%s: a router's word that the first one was too big comes back to the pod", async (_, pod, far, router, told) => {
    const pieces = datagram(pod, far, 40_000, 5000, 100);
    const error = icmpMessage({ ...told, inner: pieces[0]!.subarray(14, 214) });
    const fields = { src: router, dst: pod };
    const tooBig = ethernet(pod.includes(":") ? ipv6({ ...fields, hopLimit: 60 }, error) : ipv4(fields, error));
    const frames = [...pieces, tooBig].map((frame, i) => ({ us: i * 1000, frame }));
    const model = await dualStack([POD4, POD6]);
    for (const topology of ["single", "cluster"] as const) {
      const { report, endpoint } = await run(frames, model, { natProfile: "rfc", topology });
      expect(report.verification.mismatches).toEqual([]);
      expect(report.frames).toMatchObject({ read: 4, snat: 3, reverse: 1 });
      expect(endpoint.map(({ bytes }) => bytes.toString("hex"))).toContain(Buffer.from(tooBig).toString("hex"));
    }
  });

  it("is the same for every batch size", async () => {
    const model = await dualStack([POD4, POD6]);
    const [whole, ...others] = await Promise.all(
      [4096, 1, 3].map((batchSize) => run(FRAMES, model, { natProfile: "rfc", batchSize })),
    );
    for (const { external, report } of others) {
      expect(Buffer.compare(external, whole!.external)).toBe(0);
      expect(report.reasons).toEqual(whole!.report.reasons);
    }
  });

  it("goes on from a state that was saved at frames of all kinds, held fragments included", async () => {
    const model = await dualStack([POD4, POD6]);
    const whole = await run(FRAMES, model, SMALL);
    const all = readOutput(whole.external).map(({ bytes, number }) => ({ bytes, number }));
    const back = whole.endpoint.map(({ bytes, number }) => ({ bytes, number }));
    let held = 0;
    for (let at = 1; at < FRAMES.length; at += 3) {
      await withFolder(async (folder) => {
        const state = join(folder, "state");
        const first = await run(FRAMES, model, { ...SMALL, saveState: state, toFrame: at });
        const rest = await run(FRAMES, model, { ...SMALL, loadState: state, fromFrame: at + 1 });
        held += first.report.frames.hold;
        expect(first.report.frames.read).toBe(at);
        expect(rest.report.frames).toEqual(whole.report.frames);
        expect(rest.report.verification.mismatches).toEqual([]);
        const out = [...readOutput(first.external), ...readOutput(rest.external)];
        expect(out.map(({ bytes, number }) => ({ bytes, number }))).toEqual(all);
        const replies = [...first.endpoint, ...rest.endpoint];
        expect(replies.map(({ bytes, number }) => ({ bytes, number }))).toEqual(back);
      });
    }
    expect(held).toBeGreaterThan(8);
  });
});

/** Replays in both topologies, which have to come to the same. */
async function both(frames: readonly TimedFrame[], model: PolicyModel, options: Partial<ReplayOptions>) {
  const single = await run(frames, model, { topology: "single", ...options });
  const cluster = await run(frames, model, { topology: "cluster", ...options });
  for (const { report } of [single, cluster]) expect(report.verification.mismatches).toEqual([]);
  expect(Buffer.compare(single.external, cluster.external)).toBe(0);
  expect(cluster.endpoint).toEqual(single.endpoint);
  expect(cluster.report.reasons).toEqual(single.report.reasons);
  return single.report;
}

describe("a datagram whose pieces are far apart", () => {
  const [first, ...rest] = datagram(POD4, FAR4, 40_000, 5000, 7) as [Uint8Array, ...Uint8Array[]];
  const at = (seconds: number, ...frames: Uint8Array[]) =>
    frames.map((frame, i) => ({ us: seconds * SECOND + i * 1000, frame }));
  const atOnce = (seconds: number, event: NodeOrder, ...nodes: string[]) =>
    nodes.map((node) => [seconds, node, event] as const);

  it("is lost with the gateway that answers no more, whether or not that has forgotten it", async () => {
    const scenario = scenarioOf(atOnce(1, "node-down", ...Object.keys(GATEWAYS)));
    const report = await both([...at(0, first), ...at(1.5, ...rest)], await dualStack([POD4]), scenario);
    expect(report.frames).toMatchObject({ snat: 1, lost: 2 });
  });

  it("of which pieces are held on a node that dies ends there: nothing that waits is on its way", async () => {
    const frames = [...at(0, ...rest), ...at(40, ...datagram(POD6, FAR6, 1, 1, 8))];
    const base = await dualStack([POD4, POD6]);
    const model = { ...base, endpoints: base.endpoints.map((pod, i) => (i === 0 ? pod : { ...pod, node: "gw-a" })) };
    const scenario = scenarioOf(atOnce(1, "node-down", "worker"));
    const report = await both(frames, model, { natProfile: "rfc", ...scenario });
    expect(report.frames).toMatchObject({ snat: 3, drop: 2, lost: 0 });
  });

  it("that ended at the node of its pod leaves room at the gateway for the next one with its identification", async () => {
    const base = await dualStack([POD4]);
    const timeouts = { value: { ...base.settings.timeouts.value, udp: 5000 }, source: "test" };
    const model = { ...base, settings: { ...base.settings, timeouts } };
    const report = await both([...at(0, first), ...at(6, ...rest), ...at(7, first, ...rest)], model, {});
    expect(report.frames).toMatchObject({ snat: 4, drop: 2 });
  });
});
