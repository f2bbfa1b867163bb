import { REMOTES, SERVICE_PORT } from "./cluster.js";
import type { Dice } from "./dice.js";
import { type Flow, FlowWriter, type FuzzFrame, ICMP, TCP, UDP } from "./flows.js";
import type { ClusterWords } from "./words.js";

const MS = 1000;
const MOST_FRAMES = 600;

/** What decides how flows look. */
interface Mix {
  readonly ips: readonly string[];
  readonly remotes: readonly string[];
  /** The fewer, the more endpoints want one NAT port at a time. */
  readonly ports: number;
  /** Length of the capture in milliseconds. */
  readonly lengthMs: number;
}

/**
 * A capture at the endpoints of all these clusters: frames in order of time, replies as the endpoints saw them.
 * @param isIpv6 of a flow: whether its frames are those of its twin
 */
export function rollTraffic(
  dice: Dice,
  clusters: readonly ClusterWords[],
  isIpv6: (flow: Flow) => boolean,
): FuzzFrame[] {
  const writer = new FlowWriter(dice, isIpv6);
  const ips = [...new Set(clusters.flatMap(({ pods }) => pods.map(({ ip }) => ip)))];
  const mix: Mix = {
    ips,
    remotes: dice.some(REMOTES, dice.pick([1, 2, 3, REMOTES.length])),
    ports: dice.pick([3, 20, 2000]),
    lengthMs: dice.int(8, 60) * 1000,
  };
  const wanted = dice.int(100, 500);
  while (writer.frames.length < wanted) rollFlow(dice, writer, mix);
  const kept = writer.frames.filter(({ us }) => us <= mix.lengthMs * MS);
  const frames = kept.sort((a, b) => a.us - b.us).slice(0, MOST_FRAMES);
  return frames.map((frame) => ({ ...frame, us: frame.us - frames[0].us }));
}

function rollFlow(dice: Dice, writer: FlowWriter, mix: Mix): void {
  const kind = dice.weighted([
    [10, tcpFlow],
    [6, datagrams],
    [4, echoes],
    [2, inboundFlow],
    [1, stray],
  ] as const);
  kind(dice, writer, mix, dice.int(0, Math.floor((mix.lengthMs * 2) / 3)) * MS);
}

function rollTuple(dice: Dice, mix: Mix, protocol: Flow["protocol"]): Flow {
  const ip = dice.pick(mix.ips);
  const port = dice.pick([32_768, 40_000, 50_000, 1000]) + dice.int(0, mix.ports - 1);
  const remote = dice.pick(mix.remotes);
  const remotePort = protocol === ICMP ? 0 : dice.pick([443, 53]);
  return { protocol, ip, port, remote, remotePort, opener: "endpoint" };
}

/** Time within a flow, in microseconds. */
class FlowClock {
  constructor(public us: number) {}

  /** Moves on. @returns the new time */
  pass(us: number): number {
    this.us += us;
    return this.us;
  }
}

/** Microseconds until a connection's next frame: mostly short, now and then longer than some lifetimes. */
function gap(dice: Dice): number {
  const ms = dice.weighted([
    [20, () => dice.int(1, 40)],
    [40, () => dice.int(50, 900)],
    [12, () => dice.int(1000, 4000)],
    [1, () => dice.int(5000, 25_000)],
  ] as const)();
  return ms * MS + dice.int(0, 999);
}

function tcpFlow(dice: Dice, writer: FlowWriter, mix: Mix, startUs: number): void {
  const flow = rollTuple(dice, mix, TCP);
  let us = startUs;
  for (let rounds = dice.chance(15) ? 2 : 1; rounds > 0; rounds--) us = tcpRound(dice, writer, flow, us) + gap(dice);
}

/** One connection from SYN to its end, if it has one. @returns the time of its last frame */
function tcpRound(dice: Dice, writer: FlowWriter, flow: Flow, startUs: number): number {
  const clock = new FlowClock(startUs);
  const later = () => clock.pass(gap(dice));
  if (!dice.chance(8)) {
    writer.plain(clock.us, flow, "out", "SYN");
    if (dice.chance(10)) writer.plain(later(), flow, "out", "SYN");
    if (dice.chance(5)) return clock.us;
    writer.plain(clock.pass(dice.int(1, 80) * MS), flow, "in", "SYN ACK");
    writer.plain(clock.pass(50), flow, "out", "ACK");
  }
  for (let n = dice.chance(50) ? dice.int(0, 8) : dice.int(8, 50); n > 0; n--) {
    const frame = writer.plain(later(), flow, dice.chance(55) ? "out" : "in", dice.pick(["ACK", "PSH ACK"]));
    if (dice.chance(4)) writer.plain(clock.pass(dice.int(100, 900) * MS), flow, frame.side, frame.flags);
    if (dice.chance(3)) writer.error(clock.pass(dice.int(1, 30) * MS), frame);
  }
  const end = dice.weighted([
    [4, ["out FIN ACK", "in FIN ACK", "out ACK"]],
    [2, ["in FIN ACK", "out ACK", "out FIN ACK", "in ACK"]],
    [1, ["out RST"]],
    [1, ["in RST ACK"]],
    [4, []],
  ] as const);
  for (const step of end) {
    const [side, ...flags] = step.split(" ");
    writer.plain(
      dice.chance(80) ? clock.pass(dice.int(1, 60) * MS) : later(),
      flow,
      side as "out" | "in",
      flags.join(" "),
    );
  }
  return clock.us;
}

function datagrams(dice: Dice, writer: FlowWriter, mix: Mix, startUs: number): void {
  const flow = rollTuple(dice, mix, UDP);
  const clock = new FlowClock(startUs);
  for (let n = dice.int(1, 20); n > 0; n--, clock.pass(gap(dice))) {
    const question = writer.plain(clock.us, flow, "out");
    if (dice.chance(85)) {
      const answer = writer.plain(clock.pass(dice.int(1, 60) * MS), flow, "in");
      if (dice.chance(4)) writer.error(clock.pass(300), answer);
    } else if (dice.chance(50)) {
      writer.error(clock.pass(dice.int(1, 60) * MS), question);
    }
  }
}

function echoes(dice: Dice, writer: FlowWriter, mix: Mix, startUs: number): void {
  const flow = rollTuple(dice, mix, ICMP);
  const clock = new FlowClock(startUs);
  for (let n = dice.int(1, 20); n > 0; n--, clock.pass(gap(dice))) {
    const request = writer.plain(clock.us, flow, "out");
    if (dice.chance(85)) writer.plain(clock.pass(dice.int(1, 60) * MS), flow, "in");
    else if (dice.chance(50)) writer.error(clock.pass(dice.int(1, 60) * MS), request);
  }
}

/** Somebody outside opens a connection to an endpoint, or pings it. */
function inboundFlow(dice: Dice, writer: FlowWriter, mix: Mix, startUs: number): void {
  const protocol = dice.pick([TCP, TCP, UDP, ICMP] as const);
  const remotePort = protocol === ICMP ? 0 : dice.int(20_000, 20_050);
  const port = protocol === ICMP ? dice.int(60_000, 60_050) : SERVICE_PORT;
  const flow: Flow = {
    protocol,
    ip: dice.pick(mix.ips),
    port,
    remote: dice.pick(mix.remotes),
    remotePort,
    opener: "remote",
  };
  const clock = new FlowClock(startUs);
  writer.plain(clock.us, flow, "in", "SYN");
  if (protocol === TCP) writer.plain(clock.pass(40), flow, "out", "SYN ACK");
  for (let n = dice.int(1, 6); n > 0; n--) {
    if (protocol === TCP) writer.plain(clock.pass(gap(dice)), flow, n % 2 === 0 ? "out" : "in", "PSH ACK");
    else {
      writer.plain(clock.pass(gap(dice)), flow, "in");
      writer.plain(clock.pass(90), flow, "out");
    }
  }
}

/** What belongs to nobody: a frame between endpoints or to a node, an answer without a question. */
function stray(dice: Dice, writer: FlowWriter, mix: Mix, startUs: number): void {
  const inside = [...mix.ips, "172.18.0.1", "172.18.1.1"];
  const flow = { ...rollTuple(dice, mix, dice.pick([TCP, UDP] as const)), remote: dice.pick(inside) };
  if (dice.chance(50) && flow.remote !== flow.ip) writer.plain(startUs, flow, "out", "SYN");
  else writer.plain(startUs, rollTuple(dice, mix, dice.pick([TCP, UDP] as const)), "in", "PSH ACK");
}
