import type { PolicyModel } from "../../src/config/types.js";
import type { NodeOrder } from "../../src/gateway/ground-truth.js";
import type { HealthConfig } from "../../src/gateway/health.js";
import type { Scenario, ScenarioEvent } from "../../src/gateway/scenario.js";
import type { ReplayOptions } from "../../src/replay/options.js";
import type { ReplayReport } from "../../src/replay/report-types.js";
import { formatTime } from "../../src/replay/time.js";
import { withFile } from "../support/capture-read.js";
import { type OutputFrame, type ReplayResult, replayAndRead } from "./outputs-read.js";
import { captureOf, ENDPOINT, inbound, outbound, type Side, type TimedFrame, timeOf } from "./traffic.js";

export const PODS = [ENDPOINT, "10.0.1.8", "10.0.1.9"];
export const FOUR = {
  "gw-a": "203.0.113.1",
  "gw-b": "203.0.113.2",
  "gw-c": "203.0.113.3",
  "gw-d": "203.0.113.4",
} as const;
/** Microseconds. */
export const SECOND = 1_000_000;

/** `seconds` after the first frame, as reports print it. */
export function at(seconds: number): string {
  return formatTime(timeOf(Math.round(seconds * 1e6)));
}

/** Seconds after the first frame, node, what happens to it; or seconds and other manifests. */
export type EventWords =
  | readonly [seconds: number, node: string, event: NodeOrder]
  | readonly [seconds: number, model: PolicyModel];

export interface ScenarioWords {
  readonly health?: Partial<HealthConfig>;
  /** When in each interval every node is probed; default 0: with the first frame and every interval after it. */
  readonly phaseMs?: number;
  readonly propagationMs?: number;
}

/** What `replay` takes of a scenario told in words. */
export function scenarioOf(
  words: readonly EventWords[],
  { health, phaseMs = 0, propagationMs = 0 }: ScenarioWords = {},
): Required<Pick<ReplayOptions, "scenario" | "laterModels">> {
  const events = words.map((word): ScenarioEvent => {
    const at = { fromStartNs: BigInt(Math.round(word[0] * 1e9)) };
    return word.length === 3 ? { at, node: word[1], event: word[2] } : { at, manifests: "later" };
  });
  const scenario: Scenario = {
    name: "in-words",
    file: "in-words.yaml",
    health: { probeIntervalMs: 1000, timeoutMs: 2000, failback: { kind: "immediate" }, ...health },
    phaseMs,
    propagationMs,
    events,
    warnings: [],
  };
  return { scenario, laterModels: words.flatMap((word) => (word.length === 2 ? [word[1]] : [])) };
}

/** Replays frames into a folder and reads what was written there. */
export function replayFrames(
  frames: readonly TimedFrame[],
  options: Omit<ReplayOptions, "captures" | "outDir">,
): Promise<ReplayResult> {
  return withFile(captureOf(frames), (path) => replayAndRead({ captures: [path], ...options }));
}

/** A report without what differs from run to run. */
export function lasting({ timing: _, ...report }: ReplayReport): Omit<ReplayReport, "timing"> {
  return report;
}

export interface Talk {
  readonly side: Side & { readonly endpoint: string; readonly port: number };
  readonly frames: readonly TimedFrame[];
}

/** Endpoint and port of the n-th of many talkers. */
export function talker(pods: readonly string[], n: number): Talk["side"] {
  return { endpoint: pods[n % pods.length]!, port: 20_000 + n, remote: `198.51.100.${1 + (n % 50)}` };
}

/**
 * A TCP connection that says something every `gapUs`, endpoint and remote in turns, from `fromUs` until `toUs`; never closed. Every packet
 * has an IP ID of its own.
 */
export function talk(side: Talk["side"], fromUs: number, toUs: number, gapUs: number): Talk {
  const frames: TimedFrame[] = [
    { us: fromUs, frame: outbound("SYN", { ...side, id: 1 }) },
    { us: fromUs + 50, frame: inbound("SYN ACK", { ...side, id: 2 }) },
    { us: fromUs + 100, frame: outbound("ACK", { ...side, id: 3 }) },
  ];
  for (let us = fromUs + gapUs, n = 4; us < toUs; us += gapUs, n++) {
    const words = { ...side, id: n };
    frames.push({ us, frame: n % 2 === 0 ? outbound("PSH ACK", words) : inbound("PSH ACK", words) });
  }
  return { side, frames };
}

/** All frames of some talks in order of time. */
export function together(talks: readonly Talk[]): TimedFrame[] {
  return talks.flatMap(({ frames }) => frames).sort((a, b) => a.us - b.us);
}

/** Gateway that each connection left by first, by `endpoint:port`, as read off what was emitted. */
export function gatewaysOf(frames: readonly TimedFrame[], external: readonly OutputFrame[]): Map<string, string> {
  const gateways = new Map<string, string>();
  for (const { number, interfaceName } of external) {
    const key = endpointOf(frames[number - 1]!.frame);
    if (!gateways.has(key)) gateways.set(key, interfaceName);
  }
  return gateways;
}

/** Source of an endpoint's untagged frame: `10.0.1.7:20000`. */
export function endpointOf(frame: Uint8Array): string {
  return `${frame.subarray(26, 30).join(".")}:${frame[34]! * 256 + frame[35]!}`;
}

/** The endpoint's side of a talk, as `endpointOf` says it. */
export function nameOf({ side }: Talk): string {
  return `${side.endpoint}:${side.port}`;
}

/** True where the endpoint sent it. */
export function isOutbound(frame: Uint8Array, pods: readonly string[]): boolean {
  return pods.includes(frame.subarray(26, 30).join("."));
}
