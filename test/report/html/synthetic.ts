import type { CheckRow } from "../../../src/config/check.js";
import type { BrokenConnection, ReplayReport } from "../../../src/replay/report-types.js";

import { exampleReport } from "../fixture.js";

/** What a made-up failover is made of. */
export interface SyntheticOptions {
  /** Gateways, the second of which dies; at least 2. */
  readonly gateways?: number;
  readonly steps?: number;
  /** Connections that break, and that are rebound. */
  readonly broken?: number;
  readonly rebound?: number;
}

const START_MS = Date.UTC(2026, 0, 2, 10, 58, 50);
const STEP_MS = 250;
/** Seconds after the start at which the second gateway dies, is noticed, answers again and is used again. */
const [DIES, NOTICED, ANSWERS, USED] = [30, 31.624, 75, 76.2];

/** A report of two minutes in which one of several gateways dies and comes back: the same for the same options. */
export function failoverReport(options: SyntheticOptions = {}): ReplayReport {
  const { gateways: count = 4, steps = 480, broken = 240, rebound = 60 } = options;
  const random = sequence(count * 31 + steps);
  const nodes = Array.from({ length: count }, (_, i) => `gw-${letters(i)}`);
  const ips = nodes.map((_, i) => `203.0.113.${10 + i}`);
  const gatewaySteps = nodes.map((_, gateway) => stepsOf(gateway, count, steps, random));
  const moved = (some: number, protocol: string) =>
    Array.from({ length: some }, (_, i) => movedRow(i, protocol, nodes, ips, random));
  const during = (from: number, until: number, height: number) =>
    Array.from({ length: steps }, (_, step) =>
      inSeconds(step, from, until) ? Math.round(height * (0.6 + random())) : 0,
    );
  const gateways = nodes.map((node, i) => gatewayRow(node, ips[i]!, i, gatewaySteps[i]!));
  const base = exampleReport();
  return {
    ...base,
    input: { ...base.input, firstFrame: at(0), lastFrame: at((steps * STEP_MS) / 1000) },
    frames: {
      ...base.frames,
      read: 125_000,
      snat: 61_000,
      reverse: 58_000,
      drop: 900,
      lost: 412,
      pass: 4683,
      skipped: 5,
      bytes: 96_000_000,
    },
    connections: { ...base.connections, opened: 4210, broken, rebound, peak: 611, live: 190 },
    gateways,
    broken: moved(broken, "tcp"),
    rebound: moved(rebound, "udp"),
    failovers: [
      {
        node: nodes[1]!,
        event: "node-down",
        at: at(DIES),
        detectedAt: at(NOTICED),
        lostFrames: 412,
        brokenConnections: broken,
        rebound,
      },
    ],
    topology: "cluster",
    scenario: {
      name: "reboot of gw-b",
      file: "scenarios/reboot.yaml",
      propagationMs: 0,
      probeIntervalMs: 1000,
      timeoutMs: 2000,
      failback: "immediate",
      events: [
        { at: at(DIES), node: nodes[1]!, event: "node-down" },
        { at: at(ANSWERS), node: nodes[1]!, event: "node-up" },
        { at: at(90), node: nodes[0]!, event: "drain" },
      ],
    },
    healthTransitions: [
      { node: nodes[1]!, what: "suspect", at: at(30.624), causeAt: at(DIES) },
      { node: nodes[1]!, what: "down-detected", at: at(NOTICED), causeAt: at(DIES) },
      { node: nodes[1]!, what: "up-detected", at: at(USED), causeAt: at(ANSWERS) },
    ],
    drains: [{ node: nodes[0]!, from: at(90), connectionsAtStart: 48, ranDryAt: at(112.5), stillLive: 0 }],
    overlay: { frames: 119_000, bytes: 99_000_000, tooBig: 17, largest: 1564, mtu: 1500, unaddressed: 0 },
    timeline: {
      from: at(0),
      stepMs: STEP_MS,
      steps,
      gateways: gatewaySteps,
      lost: during(DIES, NOTICED, 40),
      broken: during(NOTICED, NOTICED + 3, broken / 14),
      rebound: during(NOTICED, NOTICED + 5, rebound / 20),
    },
  };
}

/** Rows as `check` has them, for a made-up cluster. */
export function policyRows(pods: number): CheckRow[] {
  return Array.from({ length: pods }, (_, i) => ({
    sourceIP: podAddress(i),
    destinationCIDR: i % 5 === 0 ? "198.51.100.0/24" : "0.0.0.0/0",
    egressIP: `203.0.113.${10 + (i % 4)}`,
    gatewayIP: `10.0.0.${10 + (i % 4)}`,
    endpoint: `shop/web-${i}`,
    policy: i % 5 === 0 ? "partners" : "shop-egress",
    policyKind: "IsovalentEgressGatewayPolicy",
    gatewayNode: `gw-${letters(i % 4)}`,
    zone: `zone-${1 + (i % 3)}`,
    health: "healthy",
    active: i % 4 < 3,
    assumed: false,
    note: undefined,
  }));
}

function stepsOf(gateway: number, gateways: number, steps: number, random: () => number) {
  const series = (draw: (share: number, step: number) => number) =>
    Array.from({ length: steps }, (_, step) => Math.round(draw(shareOf(gateway, gateways, step), step)));
  const connections = series((share) => share * 9 * (0.5 + random()));
  return {
    gateway,
    connections,
    frames: connections.map((opened) => opened * 14),
    bytes: series((share, step) => share * 210_000 * (0.6 + random() * 0.8 + 0.3 * Math.sin(step / 37))),
    replies: connections.map((opened) => opened * 13),
    ports: series((share, step) => share * 300 * (1 + 0.4 * Math.sin(step / 60)) + random() * 6),
  };
}

/** Share of the traffic: a dead or drained gateway has none, the others take over. */
function shareOf(gateway: number, gateways: number, step: number): number {
  const dead = inSeconds(step, DIES, USED) ? 1 : -1;
  const drained = inSeconds(step, 90, Number.POSITIVE_INFINITY) ? 0 : -1;
  if (gateway === dead || gateway === drained) return 0;
  const carrying = gateways - (dead >= 0 ? 1 : 0) - (drained >= 0 ? 1 : 0);
  return (1 / Math.max(1, carrying)) * (0.9 + 0.05 * (gateway % 5));
}

function gatewayRow(
  node: string,
  egressIP: string,
  i: number,
  steps: ReturnType<typeof stepsOf>,
): ReplayReport["gateways"][number] {
  const sum = (values: number[]) => values.reduce((so, value) => so + value, 0);
  return {
    node,
    egressIP,
    zone: `zone-${1 + (i % 3)}`,
    connections: sum(steps.connections),
    frames: sum(steps.frames),
    bytes: sum(steps.bytes),
    replies: sum(steps.replies),
    replyBytes: 3 * sum(steps.bytes),
    portsPeak: Math.max(...steps.ports),
    portsLimit: 32_768,
    ...(i === 2 && { assumed: true }),
  };
}

function movedRow(
  i: number,
  protocol: string,
  nodes: readonly string[],
  ips: readonly string[],
  random: () => number,
): BrokenConnection {
  const to = (2 + Math.floor(random() * (nodes.length - 1))) % nodes.length;
  return {
    at: at(NOTICED + random() * 4),
    fiveTuple: `${protocol} ${podAddress(i % 997)}:${32_768 + (i % 28_000)} -> 198.51.100.${i % 251}:443`,
    from: { node: nodes[1]!, egressIP: ips[1]! },
    to: i % 9 === 8 ? null : { node: nodes[to]!, egressIP: ips[to]! },
    cause: i % 7 === 6 ? "policy-change" : "failover",
  };
}

function podAddress(i: number): string {
  return `10.1.${1 + (i % 4)}.${10 + (Math.floor(i / 4) % 240)}`;
}

function inSeconds(step: number, from: number, until: number): boolean {
  const seconds = (step * STEP_MS) / 1000;
  return seconds >= from && seconds < until;
}

function letters(i: number): string {
  return i < 26 ? String.fromCharCode(97 + i) : `${letters(Math.floor(i / 26) - 1)}${letters(i % 26)}`;
}

function at(seconds: number): string {
  return `${new Date(START_MS + seconds * 1000).toISOString().slice(0, -1)}000000Z`;
}

/** Numbers from 0 to 1 that look like chance and never change (a linear congruential generator). */
function sequence(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
