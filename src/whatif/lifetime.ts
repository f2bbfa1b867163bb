import type { NatProfile, Timeouts } from "../config/types.js";
import {
  PROTOCOL_ICMP,
  PROTOCOL_SCTP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
} from "../net/decode.js";
import { SCTP_STEP } from "../net/sctp.js";

/** RFC 7857 section 2.3: a mapping outlives a reset by four minutes. */
const RFC_RESET_MS = 240_000;
const NS_PER_MS = 1e6;

// State bits of a TCP connection; "original" is the direction of its first frame.
const ORIGINAL_SYN = 1;
const ANSWER_SYN = 2;
const SEEN_NON_SYN = 4;
const ORIGINAL_CLOSING = 8;
const ANSWER_CLOSING = 16;
const ANSWERED = 32;
const RESET = 64;
const BOTH_SYN = ORIGINAL_SYN | ANSWER_SYN;
const BOTH_CLOSING = ORIGINAL_CLOSING | ANSWER_CLOSING;
const ESTABLISHED = ANSWERED | SEEN_NON_SYN;

/**
 * How long a connection holds its NAT port, told from its frames by the rules of a profile: `cilium` has the original's transitions, `rfc`
 * those of RFC 6146 section 3.5.2.2 and RFC 7857 section 2. A plain reading for forecasts, apart from the engine's own tables.
 */
export class LifetimeRules {
  readonly #timeouts: Timeouts;
  readonly #isRfc: boolean;

  /** @param timeouts milliseconds */
  constructor(timeouts: Timeouts, profile: NatProfile) {
    this.#timeouts = timeouts;
    this.#isRfc = profile === "rfc";
  }

  /** State after a connection's first frame. @param tcpFlags flags byte of the TCP header, of SCTP what its chunks mean, 0 for all else */
  first(protocol: number, tcpFlags: number): number {
    if (!this.#changesState(protocol, tcpFlags)) return 0;
    if (this.#isRfc) return tcpFlags & TCP_RST ? RESET : nextRfc(0, tcpFlags, true);
    return (tcpFlags & TCP_SYN ? ORIGINAL_SYN : 0) | (tcpFlags & (TCP_FIN | TCP_RST) ? ORIGINAL_CLOSING : 0);
  }

  /** State after one more frame. @param isOriginal seen in the direction of the connection's first frame */
  next(state: number, protocol: number, tcpFlags: number, isOriginal: boolean): number {
    const answered = isOriginal ? state : state | ANSWERED;
    if (!this.#changesState(protocol, tcpFlags)) return answered;
    return this.#isRfc ? nextRfc(answered, tcpFlags, isOriginal) : nextCilium(answered, tcpFlags, isOriginal);
  }

  /** True for a SYN on a connection that is closing: the same five-tuple is used anew. */
  restarts(state: number, protocol: number, tcpFlags: number): boolean {
    if (!this.#hasStates(protocol) || (tcpFlags & (TCP_SYN | TCP_ACK)) !== TCP_SYN) return false;
    return this.#isRfc ? isClosed(state) : (state & BOTH_CLOSING) !== 0;
  }

  /**
   * False where a frame that led from `before` to `after` leaves the time of expiry as it was: the original's closing timer only runs, and
   * in profile rfc an RST that changes nothing keeps nothing alive.
   */
  refreshes(before: number, after: number, tcpFlags: number): boolean {
    if (this.#isRfc) return !(tcpFlags & TCP_RST) || before !== after;
    return (before & after & BOTH_CLOSING) !== BOTH_CLOSING;
  }

  /** Nanoseconds from the last frame that refreshed the connection to its end. */
  lifetimeNs(protocol: number, state: number): number {
    return this.#lifetimeMs(protocol, state) * NS_PER_MS;
  }

  /** To the original SCTP is one of the others. */
  #hasStates(protocol: number): boolean {
    return protocol === PROTOCOL_TCP || (protocol === PROTOCOL_SCTP && this.#isRfc);
  }

  /** False also for an INIT-ACK and a COOKIE-ECHO: an association is open with its COOKIE-ACK. */
  #changesState(protocol: number, tcpFlags: number): boolean {
    return this.#hasStates(protocol) && !(protocol === PROTOCOL_SCTP && tcpFlags & SCTP_STEP);
  }

  #lifetimeMs(protocol: number, state: number): number {
    const { tcpOpening, tcpEstablished, tcpClosing, udp, icmp, other } = this.#timeouts;
    if (protocol === PROTOCOL_UDP) return udp;
    if (protocol === PROTOCOL_ICMP) return icmp;
    if (!this.#hasStates(protocol)) return other;
    if (state & RESET) return this.#timeouts.tcpReset ?? RFC_RESET_MS;
    if ((state & BOTH_CLOSING) === BOTH_CLOSING) return tcpClosing;
    if (!this.#isRfc) return state & SEEN_NON_SYN ? tcpEstablished : tcpOpening;
    return isOpen(state) ? tcpEstablished : tcpOpening;
  }
}

/** True for a TCP or SCTP connection that both sides have closed, or that was reset in the `rfc` profile: nobody expects more of it. */
export function isClosed(state: number): boolean {
  return (state & BOTH_CLOSING) === BOTH_CLOSING || (state & RESET) !== 0;
}

/** True for a TCP connection of which nothing but SYNs has been seen. */
export function isOpening(state: number): boolean {
  return (state & (ANSWERED | SEEN_NON_SYN)) === 0;
}

function syn(isOriginal: boolean): number {
  return isOriginal ? ORIGINAL_SYN : ANSWER_SYN | ANSWERED;
}

function closing(isOriginal: boolean): number {
  return isOriginal ? ORIGINAL_CLOSING : ANSWER_CLOSING;
}

function nextCilium(state: number, flags: number, isOriginal: boolean): number {
  if ((flags & (TCP_SYN | TCP_ACK)) === TCP_SYN && state & BOTH_CLOSING) return syn(isOriginal);
  const next = state | (flags & TCP_SYN ? syn(isOriginal) : SEEN_NON_SYN);
  if (flags & TCP_RST && (next & BOTH_SYN) !== BOTH_SYN) return next | BOTH_CLOSING;
  return flags & (TCP_FIN | TCP_RST) ? next | closing(isOriginal) : next;
}

function isOpen(state: number): boolean {
  return (state & BOTH_SYN) === BOTH_SYN || (state & ESTABLISHED) === ESTABLISHED;
}

function nextRfc(state: number, flags: number, isOriginal: boolean): number {
  if (flags & TCP_RST) {
    // Of who opened the connection an RST does not prolong what ends sooner anyhow.
    return isClosed(state) || (isOriginal && !isOpen(state)) ? state : state | RESET;
  }
  if ((flags & (TCP_SYN | TCP_ACK)) === TCP_SYN && isClosed(state)) return syn(isOriginal);
  let next = state & ~RESET;
  if (flags & TCP_SYN) next |= syn(isOriginal);
  else if (isOriginal || !(next & BOTH_SYN)) next |= SEEN_NON_SYN;
  return flags & TCP_FIN && (isOriginal || isOpen(next)) ? next | closing(isOriginal) : next;
}
