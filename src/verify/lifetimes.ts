import type { Timeouts } from "../config/types.js";
import {
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_SCTP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
} from "../net/decode.js";
import { SCTP_STEP } from "../net/sctp.js";

export type NatProfile = "cilium" | "rfc";

/** `foreign`: another system, whose lifetimes are unknown. */
export type LifetimeProfile = NatProfile | "foreign";

/**
 * What is known of another system's lifetimes: no NAT in use ends a mapping within ten seconds of a frame (Linux and Cilium keep even a
 * reset one that long), and none keeps it for more than twelve days (Linux: five).
 */
const FOREIGN: LifetimeBounds = { shortest: 10_000, longest: 1_000_000_000 };
const FOREIGN_CLOSING: LifetimeBounds = { ...FOREIGN, shortest: 0 };

/** RFC 7857 section 2.3: a mapping may outlive a reset by four minutes. */
const RESET_MS = 240_000;

/** RFC 6888 section 4, REQ-8: a freed port stays free for two minutes. */
const HOLD_MS = 120_000;

/** The engine keeps coarse milliseconds, so a lifetime may end up to this much early or late. */
export const CLOCK_GRAIN_MS = 2;

/** Which lifetimes may apply: what lives shorter than `shortest` must live, what is silent for longer than `longest` must be dead. */
export interface LifetimeBounds {
  readonly shortest: number;
  readonly longest: number;
}

/** What was surely seen of a TCP connection, or of an SCTP one that goes by the same timers. Bounds are drawn from it; the engine's exact state is never predicted. */
export class TcpHistory {
  synOriginal = false;
  synReply = false;
  withoutSyn = 0;
  /** The connection began with a SYN; a first frame in mid-stream counts for less than the ones after it. */
  beganWithSyn = false;
  /** Milliseconds at which the first FIN or RST passed; -1 = none since the connection began (anew). */
  closingAt = -1;
  /** A SYN came on a closing connection: the engine may treat it as new or not. */
  isRestarted = false;
  /** What is counted may be the later part of a longer history. */
  mayBeOlder = false;

  constructor(readonly isSctp = false) {}

  /** Takes one frame into account; `original` = in the direction of the connection's first frame. */
  see(flags: number, original: boolean, nowMs: number): void {
    if (this.isSctp && (flags & SCTP_STEP) !== 0) return;
    if ((flags & (TCP_SYN | TCP_ACK)) === TCP_SYN && original && this.closingAt >= 0) this.#restart();
    const isFirst = this.withoutSyn === 0 && !this.synOriginal && !this.synReply;
    if (isFirst) this.beganWithSyn = (flags & TCP_SYN) !== 0;
    if ((flags & TCP_SYN) === 0) this.withoutSyn++;
    else if (original) this.synOriginal = true;
    else this.synReply = true;
    if ((flags & (TCP_FIN | TCP_RST)) !== 0 && this.closingAt < 0) this.closingAt = nowMs;
  }

  /** The connection may have ended before the frame that comes next, which would then have begun it anew. */
  mayBeAnew(): void {
    this.mayBeOlder = true;
    this.#forget();
  }

  #restart(): void {
    this.isRestarted = true;
    this.closingAt = -1;
    this.#forget();
  }

  #forget(): void {
    this.synOriginal = this.synReply = this.beganWithSyn = false;
    this.withoutSyn = 0;
  }
}

/** The bounds that follow from one set of timeouts, made once. */
export class LifetimeTable {
  /** Milliseconds for which the external tuple of a TCP connection that has ended goes to no other one. */
  readonly hold: number;
  readonly #profile: LifetimeProfile;
  readonly #opening: LifetimeBounds;
  readonly #established: LifetimeBounds;
  readonly #openingOrEstablished: LifetimeBounds;
  readonly #closing: LifetimeBounds;
  /** The three before, where the connection may be older than what was counted. */
  readonly #older: ReadonlyMap<LifetimeBounds, LifetimeBounds>;
  /** Of protocols without states. */
  readonly #stateless: ReadonlyMap<number, LifetimeBounds>;
  readonly #other: LifetimeBounds;

  constructor(timeouts: Timeouts, profile: LifetimeProfile) {
    const { tcpOpening, tcpEstablished, tcpClosing, udp, icmp, other } = timeouts;
    const reset = profile === "rfc" ? (timeouts.tcpReset ?? RESET_MS) : tcpClosing;
    this.hold = profile === "foreign" ? 0 : (timeouts.portHold ?? (profile === "rfc" ? HOLD_MS : 0));
    this.#profile = profile;
    this.#opening = span(tcpOpening);
    this.#established = span(tcpEstablished);
    this.#openingOrEstablished = span(tcpOpening, tcpEstablished);
    this.#closing = span(tcpOpening, tcpEstablished, tcpClosing, reset);
    const { longest } = this.#closing;
    const bases = [this.#opening, this.#established, this.#openingOrEstablished];
    this.#older = new Map(bases.map((bounds) => [bounds, { shortest: bounds.shortest, longest }]));
    this.#other = span(other);
    this.#stateless = new Map([
      [PROTOCOL_UDP, span(udp)],
      [PROTOCOL_ICMP, span(icmp)],
      [PROTOCOL_ICMPV6, span(icmp)],
    ]);
  }

  /** @param history of a TCP connection */
  of(protocol: number, history: TcpHistory | undefined): LifetimeBounds {
    if (this.#profile === "foreign") return history && history.closingAt >= 0 ? FOREIGN_CLOSING : FOREIGN;
    if (!history) return this.#stateless.get(protocol) ?? this.#other;
    if (history.isRestarted || history.closingAt >= 0) return this.#closing;
    const bounds = this.#open(history);
    return history.mayBeOlder ? this.#older.get(bounds)! : bounds;
  }

  /** What is to be remembered of a connection; undefined for protocols without states, to which the original counts SCTP. */
  historyOf(protocol: number): TcpHistory | undefined {
    const isSctp = protocol === PROTOCOL_SCTP;
    return protocol === PROTOCOL_TCP || (isSctp && this.#profile !== "cilium") ? new TcpHistory(isSctp) : undefined;
  }

  /** True where a frame of this kind surely restarts the timer: under the RFC profile replies need not (RFC 4787 REQ-6), nor SYNs and RSTs. */
  surelyRefreshes(protocol: number, tcpFlags: number, original: boolean): boolean {
    if (this.#profile !== "rfc") return true;
    const hasStates = protocol === PROTOCOL_TCP || protocol === PROTOCOL_SCTP;
    return original && (!hasStates || (tcpFlags & (TCP_SYN | TCP_RST)) === 0);
  }

  #open({ synOriginal, synReply, withoutSyn, beganWithSyn }: TcpHistory): LifetimeBounds {
    const bothSyn = synOriginal && synReply;
    if (withoutSyn === 0) return bothSyn ? this.#openingOrEstablished : this.#opening;
    const established = this.#profile === "rfc" ? bothSyn : withoutSyn > 1 || beganWithSyn;
    return established ? this.#established : this.#openingOrEstablished;
  }
}

function span(...timeouts: number[]): LifetimeBounds {
  return { shortest: Math.min(...timeouts), longest: Math.max(...timeouts) };
}
