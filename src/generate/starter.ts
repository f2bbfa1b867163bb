import { EchoFlow } from "./echo-flow.js";
import type { Flow, FlowStart, Workshop } from "./flow.js";
import { FragmentFlow } from "./fragment-flow.js";
import type { Path } from "./frame-builder.js";
import { IcmpErrorFlow, type RecentPackets } from "./icmp-error-flow.js";
import { MalformedFlow } from "./malformed-flow.js";
import type { GenerateOptions } from "./options.js";
import {
  KIND_ECHO,
  KIND_ERROR,
  KIND_FRAGMENTS,
  KIND_MALFORMED,
  KIND_PROBE,
  KIND_QUERY,
  KIND_SCTP,
  KIND_TCP,
  KIND_UDP,
} from "./plan.js";
import type { Population } from "./population.js";
import { exponential } from "./random.js";
import { SctpFlow } from "./sctp-flow.js";
import { type Ending, ProbeFlow, TcpFlow } from "./tcp-flow.js";
import type { Tuple, Tuples } from "./tuples.js";
import { UdpFlow } from "./udp-flow.js";

const MS = 1e6;
/** Round trips are log-uniform between these. */
const ROUND_TRIP_LEAST_NS = 2 * MS;
const ROUND_TRIP_SPAN_LOG = 4.6; // to 200 ms
const FRAMES_PER_ROUND_TRIP = 8;
const PING_GAP_NS = 1000 * MS;
/** A flow is planned to live no longer than this part of the trace. */
const LONGEST_PART = 0.5;

const HTTPS = 443;
const HTTP = 80;
const DNS = 53;
const NTP = 123;
const STUN = 3478;
const FIRST_HIGH_PORT = 1024;
/** Services other than the usual ones listen on one of this many ports, the same for all flows to a remote. */
const HIGH_PORT_COUNT = 20_000;
const QUERY_DNS_SHARE = 0.87;

/** Turns an item of the plan into a flow with addresses, ports and pace of its own. */
export class FlowStarter {
  readonly #options: GenerateOptions;
  readonly #population: Population;
  readonly #tuples: Tuples;
  readonly #workshop: Workshop;
  readonly #recent: RecentPackets;
  readonly #durationNs: number;

  constructor(parts: {
    options: GenerateOptions;
    population: Population;
    tuples: Tuples;
    workshop: Workshop;
    recent: RecentPackets;
    durationNs: number;
  }) {
    this.#options = parts.options;
    this.#population = parts.population;
    this.#tuples = parts.tuples;
    this.#workshop = parts.workshop;
    this.#recent = parts.recent;
    this.#durationNs = parts.durationNs;
  }

  start(kind: number, frames: number, nowNs: number): Flow {
    const { random, replies } = this.#workshop;
    const isDns = random.chance(QUERY_DNS_SHARE);
    const tuple = this.#tuple(kind, isDns, nowNs);
    const start = this.#pace(tuple, kind, frames);
    const withoutChecksum = start.path.family === 4 && random.chance(this.#options.zeroChecksumShare);
    switch (kind) {
      case KIND_PROBE:
        return new ProbeFlow(start, random);
      case KIND_QUERY:
        return new UdpFlow(start, isDns ? "dns" : "ntp", withoutChecksum, random);
      case KIND_UDP:
        return new UdpFlow(start, "stream", withoutChecksum, random);
      case KIND_ECHO:
        return new EchoFlow(start);
      case KIND_SCTP:
        return new SctpFlow(start, replies, random);
      case KIND_ERROR:
        return new IcmpErrorFlow(start, this.#recent);
      case KIND_FRAGMENTS:
        return new FragmentFlow(start, this.#workshop);
      case KIND_MALFORMED:
        return new MalformedFlow(start);
      default:
        return new TcpFlow(start, this.#drawEnding(), replies, random);
    }
  }

  /** Frees the five-tuple of a flow that has written all its frames. */
  end({ start }: Flow, kind: number, nowNs: number): void {
    if (kind === KIND_ERROR) return;
    this.#tuples.release(start);
    if (kind === KIND_TCP) this.#tuples.remember(start, nowNs);
  }

  #tuple(kind: number, isDns: boolean, nowNs: number): Tuple {
    const { random } = this.#workshop;
    if (kind === KIND_TCP && random.chance(this.#options.reuseShare)) {
      const ended = this.#tuples.takeEnded(nowNs, random);
      if (ended) return ended;
    }
    const path: Path = {
      family: random.chance(this.#options.ipv6Share) ? 6 : 4,
      endpoint: this.#population.drawEndpoint(random),
      remote: this.#population.drawRemote(random),
      remoteTtl: random.between(40, 60),
    };
    // An error takes its parties from the packet that it quotes.
    if (kind === KIND_ERROR) return { path, ports: { endpointPort: 0, remotePort: 0 } };
    return this.#tuples.take(path, this.#remotePort(kind, isDns, path.remote));
  }

  #pace({ path, ports }: Tuple, kind: number, frames: number): FlowStart {
    const { random } = this.#workshop;
    const roundTripNs = ROUND_TRIP_LEAST_NS * exponential(random.unit() * ROUND_TRIP_SPAN_LOG);
    const usual = kind === KIND_ECHO ? PING_GAP_NS : roundTripNs / FRAMES_PER_ROUND_TRIP;
    return { path, ports, frames, roundTripNs, gapNs: Math.min(usual, (LONGEST_PART * this.#durationNs) / frames) };
  }

  #drawEnding(): Ending {
    const { finShare, resetShare } = this.#options;
    const place = this.#workshop.random.unit();
    if (place < finShare) return "fin";
    return place < finShare + resetShare ? "reset" : "silent";
  }

  #remotePort(kind: number, isDns: boolean, remote: number): number {
    if (this.#options.remotePort !== "mixed") return this.#options.remotePort;
    if (kind === KIND_QUERY) return isDns ? DNS : NTP;
    const place = this.#workshop.random.unit();
    const high = FIRST_HIGH_PORT + ((remote * 7) % HIGH_PORT_COUNT);
    // QUIC, STUN and what an application chose; TLS, HTTP and what a service listens on.
    if (kind === KIND_UDP) return place < 0.5 ? HTTPS : place < 0.8 ? STUN : high;
    if (kind === KIND_TCP || kind === KIND_PROBE) return place < 0.85 ? HTTPS : place < 0.93 ? HTTP : high;
    return high;
  }
}
