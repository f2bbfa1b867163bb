import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EngineRun } from "./engine-run.js";
import {
  CILIUM_TIMEOUTS,
  type Content,
  data,
  datagram,
  EXCLUDED,
  fin,
  model,
  type Out,
  POD,
  POD_B,
  ping,
  pong,
  REMOTE,
  rst,
  syn,
  synAck,
} from "./scene.js";

/** One frame of a script: who sends what after how many seconds. */
interface Step {
  readonly sender: "endpoint" | "remote";
  readonly wait: number;
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly content: keyof typeof CONTENTS;
  readonly ttl: number;
}

/** What a frame carries when the endpoint sends it, and when the remote does. */
const CONTENTS: Record<string, readonly [fromEndpoint: Content, fromRemote: Content]> = {
  syn: [syn, syn],
  synAck: [synAck, synAck],
  data: [data, data],
  fin: [fin, fin],
  rst: [rst, rst],
  datagram: [datagram, datagram],
  echo: [ping, pong],
};

/** Waits gather around the lifetimes of both profiles, where one millisecond decides. */
const WAITS = [
  0, 0, 0, 0.001, 0.5, 4.999, 5, 5.001, 9.998, 10, 10.003, 59.997, 60, 60.003, 120, 239.9, 240.1, 300.1, 7440.1, 8000.1,
];

const step: fc.Arbitrary<Step> = fc.record({
  sender: fc.constantFrom("endpoint", "endpoint", "remote"),
  wait: fc.constantFrom(...WAITS),
  from: fc.constantFrom(POD, POD_B),
  to: fc.constantFrom(REMOTE, "198.51.100.10", EXCLUDED),
  port: fc.constantFrom(700, 8080, 40000, 40001),
  content: fc.constantFrom(...Object.keys(CONTENTS)),
  ttl: fc.constantFrom(64, 64, 64, 2, 1, 255),
});

function play(run: EngineRun, steps: readonly Step[]): void {
  let at = 0;
  for (const { sender, wait, content, ...words } of steps) {
    at += wait;
    const [fromEndpoint, fromRemote] = CONTENTS[content];
    const isEcho = content === "echo";
    const out: Out = {
      ...words,
      at,
      toPort: isEcho ? 0 : 443,
      content: sender === "endpoint" ? fromEndpoint : fromRemote,
    };
    if (sender === "endpoint") run.send(out);
    else run.answer(out);
  }
}

const RFC_TIMEOUTS = {
  tcpOpening: 240_000,
  tcpEstablished: 7_440_000,
  tcpClosing: 240_000,
  udp: 300_000,
  icmp: 60_000,
  other: 300_000,
};

describe("random traffic through a real engine", () => {
  const profiles = [
    { natProfile: "cilium" as const, timeouts: CILIUM_TIMEOUTS, snatPorts: { low: 32768, high: 65535 } },
    { natProfile: "rfc" as const, timeouts: RFC_TIMEOUTS, snatPorts: { low: 1024, high: 65535 } },
  ];

  test.each(profiles)("has no mismatch under profile $natProfile", async ({ natProfile, timeouts, snatPorts }) => {
    const m = model({ timeouts, snatPorts });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        const run = await EngineRun.start(undefined, m, { natProfile });
        play(run, steps);
        expect(run.scene.result.mismatches).toEqual([]);
      }),
      { seed: 20, numRuns: 150 },
    );
  });

  test("has no mismatch when a table of 16 connections evicts all the time", async () => {
    const many = step.chain((one) =>
      fc
        .record({ port: fc.integer({ min: 40000, max: 40200 }), wait: fc.constantFrom(0, 0.001, 3) })
        .map((more) => ({ ...one, ...more })),
    );
    let evicted = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(many, { minLength: 60, maxLength: 200 }), async (steps) => {
        const run = await EngineRun.start(undefined, model(), { connections: 16 });
        play(run, steps);
        evicted += run.scene.last.evictions ?? 0;
        expect(run.scene.result.mismatches).toEqual([]);
      }),
      { seed: 21, numRuns: 40 },
    );
    expect(evicted).toBeGreaterThan(100);
  });
});
