import {
  CONFIG_FLAG_RFC_PROFILE,
  HOOK_FROM_ENDPOINT,
  LINE_CLASS_AT,
  LINE_FLAG_LOST,
  LINE_FLAG_PRIMARY,
  LINE_FLAG_STEADY,
  LINE_FLAGS_AT,
  LINE_HOOK_AT,
  LINE_HOOK_MASK,
  LINE_PAIR_AT,
  LINE_PROTOCOL_AT,
  LINE_SEEN_AT,
  LINE_STATE_AT,
  LINE_TIMEOUT_ROW_AT,
  STATE_REPLIED,
  STATE_RESET,
  STATE_RX_CLOSING,
  STATE_RX_SYN,
  STATE_SEEN_NON_SYN,
  STATE_TX_CLOSING,
  STATE_TX_SYN,
  TIMEOUT_HOLD,
  TIMEOUT_ICMP,
  TIMEOUT_OTHER,
  TIMEOUT_ROW_SIZE,
  TIMEOUT_TCP_CLOSING,
  TIMEOUT_TCP_ESTABLISHED,
  TIMEOUT_TCP_OPENING,
  TIMEOUT_TCP_RESET,
  TIMEOUT_UDP,
} from "../abi";
import { SCTP_STEP } from "../wire/sctp";
import { configFlags, linesAt } from "./memory";
import { timeoutsAt } from "./policy";

// How long a connection lives. Both of its lines carry the same state and class, so that a frame needs only the line it hits; only a
// change of state writes the other one. A connection is alive while the younger of its lines' last frames is younger than its lifetime.

const TCP: u32 = 6;
const UDP: u32 = 17;
const ICMP: u32 = 1;
const SCTP: u32 = 132;
const FIN: u32 = 1;
const SYN: u32 = 2;
const RST: u32 = 4;
const ACK: u32 = 16;
const BOTH_CLOSING: u32 = STATE_TX_CLOSING | STATE_RX_CLOSING;
const BOTH_SYN: u32 = STATE_TX_SYN | STATE_RX_SYN;

/** TCP flags that can change a connection's state. */
export const TCP_CONTROL: u32 = FIN | SYN | RST;

export function isRfc(): bool {
  return (configFlags & CONFIG_FLAG_RFC_PROFILE) != 0;
}

export function otherLine(line: usize): usize {
  return linesAt + ((<usize>load<u32>(line, LINE_PAIR_AT)) << 6);
}

/** Milliseconds of a class (TIMEOUT_*) in the row of lifetimes that `line` goes by. */
function timeoutOf(line: usize, class_: u32): u32 {
  return load<u32>(timeoutsAt + <usize>load<u8>(line, LINE_TIMEOUT_ROW_AT) * TIMEOUT_ROW_SIZE + ((<usize>class_) << 2));
}

/** Lifetime in milliseconds of the connection that `line` belongs to. */
export function lifetimeOf(line: usize): u32 {
  return timeoutOf(line, load<u8>(line, LINE_CLASS_AT));
}

/** Milliseconds for which the NAT port of `line` serves nobody else after its connection's end (RFC 6888 section 4, REQ-8). */
export function holdOf(line: usize): u32 {
  return load<u8>(line, LINE_PROTOCOL_AT) == TCP ? timeoutOf(line, TIMEOUT_HOLD) : 0;
}

/** True for a line that stands for no connection: it keeps the NAT port of one that has ended from new ones. */
export function isHeld(line: usize): bool {
  return load<u8>(line, LINE_CLASS_AT) == TIMEOUT_HOLD;
}

/** True when the connection's lifetime has passed at coarse time `now`. Looks at the other line only where this one is too old. */
export function isExpired(line: usize, now: u32): bool {
  const lifetime = lifetimeOf(line);
  return now - load<u32>(line, LINE_SEEN_AT) >= lifetime && now - load<u32>(otherLine(line), LINE_SEEN_AT) >= lifetime;
}

/** Coarse time at which the connection expires if nothing more is seen of it. */
export function expiryOf(line: usize): u32 {
  const mine = load<u32>(line, LINE_SEEN_AT);
  const other = load<u32>(otherLine(line), LINE_SEEN_AT);
  return (mine > other ? mine : other) + lifetimeOf(line);
}

/** Closed by FIN or RST, as opposed to gone silent. */
export function isClosing(line: usize): bool {
  const class_ = <u32>load<u8>(line, LINE_CLASS_AT);
  return class_ == TIMEOUT_TCP_CLOSING || class_ == TIMEOUT_TCP_RESET;
}

export function isReplied(line: usize): bool {
  return (load<u8>(line, LINE_STATE_AT) & STATE_REPLIED) != 0;
}

/**
 * True for protocols that go by the TCP lifetimes: SCTP in profile rfc, too, with what its chunks mean in place of flags (`chunkFlags`).
 * To the original it is one of the others.
 */
function hasStates(protocol: u32): bool {
  return protocol == TCP || (protocol == SCTP && isRfc());
}

/** False also for an INIT-ACK, stale or not, and a COOKIE-ECHO: they lead to a COOKIE-ACK, or to nothing (RFC 9260 sections 5.1, 5.2.3). */
function changesState(protocol: u32, tcpFlags: u32): bool {
  return hasStates(protocol) && !(protocol == SCTP && tcpFlags & SCTP_STEP);
}

/** State bits after a connection's first frame, seen in the original direction. */
export function firstState(protocol: u32, tcpFlags: u32): u32 {
  if (!changesState(protocol, tcpFlags)) return 0;
  if (isRfc()) return tcpFlags & RST ? STATE_RESET : nextRfc(0, tcpFlags, true, true);
  let state: u32 = tcpFlags & SYN ? STATE_TX_SYN : 0;
  if (tcpFlags & (FIN | RST)) state |= STATE_TX_CLOSING;
  return state;
}

/** Which lifetime applies in a state. */
export function classOf(protocol: u32, state: u32): u32 {
  if (protocol == UDP) return TIMEOUT_UDP;
  if (protocol == ICMP) return TIMEOUT_ICMP;
  if (!hasStates(protocol)) return TIMEOUT_OTHER;
  if (state & STATE_RESET) return TIMEOUT_TCP_RESET;
  if ((state & BOTH_CLOSING) == BOTH_CLOSING) return TIMEOUT_TCP_CLOSING;
  if (isRfc()) return isOpen(state) ? TIMEOUT_TCP_ESTABLISHED : TIMEOUT_TCP_OPENING;
  return state & STATE_SEEN_NON_SYN ? TIMEOUT_TCP_ESTABLISHED : TIMEOUT_TCP_OPENING;
}

/** True where frames without SYN, FIN or RST change nothing: the straight line of the hot path. */
function isSteady(protocol: u32, state: u32, class_: u32, primary: bool): bool {
  if (!primary && !(state & STATE_REPLIED)) return false;
  return !hasStates(protocol) || (class_ == TIMEOUT_TCP_ESTABLISHED && (state & STATE_SEEN_NON_SYN) != 0);
}

function put(line: usize, state: u32, class_: u32): void {
  const flags = <u32>load<u8>(line, LINE_FLAGS_AT);
  const steady =
    !(flags & LINE_FLAG_LOST) &&
    isSteady(load<u8>(line, LINE_PROTOCOL_AT), state, class_, (flags & LINE_FLAG_PRIMARY) != 0);
  store<u8>(line, <u8>state, LINE_STATE_AT);
  store<u8>(line, <u8>class_, LINE_CLASS_AT);
  store<u8>(line, <u8>(steady ? flags | LINE_FLAG_STEADY : flags & ~LINE_FLAG_STEADY), LINE_FLAGS_AT);
}

/** Marks a line whose gateway lost the mapping: it is off the straight line until it has a new one. */
export function setLost(line: usize): void {
  store<u8>(line, <u8>((load<u8>(line, LINE_FLAGS_AT) | LINE_FLAG_LOST) & ~LINE_FLAG_STEADY), LINE_FLAGS_AT);
}

/** Gives both lines the state and the class that follows from it. */
export function setState(line: usize, state: u32): void {
  const class_ = classOf(load<u8>(line, LINE_PROTOCOL_AT), state);
  put(line, state, class_);
  put(otherLine(line), state, class_);
}

/**
 * Takes a frame into account that was seen on a live line: next state and last-seen time.
 * Profile cilium: the original's transitions. Profile rfc: the machine of RFC 6146 section 3.5.2.2, which RFC 7857 section 2 recommends.
 */
export function refresh(line: usize, tcpFlags: u32, now: u32): void {
  const primary = (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_PRIMARY) != 0;
  const state = <u32>load<u8>(line, LINE_STATE_AT);
  let next = primary ? state : state | STATE_REPLIED;
  if (changesState(load<u8>(line, LINE_PROTOCOL_AT), tcpFlags)) {
    if (tcpFlags & RST && isRfc()) return reset(line, state, next, primary, now);
    const wasClosed = (state & BOTH_CLOSING) == BOTH_CLOSING;
    next = isRfc() ? nextRfc(next, tcpFlags, primary, isInside(line)) : nextCilium(next, tcpFlags, primary);
    // The original's closing timer runs from the moment both sides closed and is not refreshed.
    if (wasClosed && !isRfc() && (next & BOTH_CLOSING) == BOTH_CLOSING) return;
  }
  if (next != state) setState(line, next);
  store<u32>(line, now, LINE_SEEN_AT);
}

function closing(primary: bool): u32 {
  return primary ? STATE_TX_CLOSING : STATE_RX_CLOSING;
}

function syn(primary: bool): u32 {
  return primary ? STATE_TX_SYN : STATE_RX_SYN;
}

function nextCilium(state: u32, flags: u32, primary: bool): u32 {
  if (flags & SYN) {
    // A new SYN on a closing connection starts it anew.
    if (!(flags & ACK) && state & BOTH_CLOSING) return syn(primary) | (primary ? 0 : STATE_REPLIED);
    state |= syn(primary);
  } else {
    state |= STATE_SEEN_NON_SYN;
  }
  if (flags & RST && (state & BOTH_SYN) != BOTH_SYN) return state | BOTH_CLOSING;
  return flags & (FIN | RST) ? state | closing(primary) : state;
}

/**
 * An RST in profile rfc: four minutes more, unless a frame follows (RFC 7857 section 2.3). What is reset or closed already it does not
 * refresh, and none of who opened the connection makes it live longer than it would have (section 7). Forged ones do not come here.
 */
function reset(line: usize, state: u32, next: u32, primary: bool, now: u32): void {
  if (state & STATE_RESET || (state & BOTH_CLOSING) == BOTH_CLOSING) return;
  if (primary && expiryOf(line) <= now + timeoutOf(line, TIMEOUT_TCP_RESET)) return;
  setState(line, next | STATE_RESET);
  store<u32>(line, now, LINE_SEEN_AT);
}

/** True for the line of frames that the endpoint itself sends. */
export function isInside(line: usize): bool {
  return (load<u8>(line, LINE_HOOK_AT) & LINE_HOOK_MASK) == HOOK_FROM_ENDPOINT;
}

/** Profile rfc: both sides have sent a SYN, or what only follows a handshake was seen, and an answer. */
function isOpen(state: u32): bool {
  return (
    (state & BOTH_SYN) == BOTH_SYN ||
    (state & (STATE_REPLIED | STATE_SEEN_NON_SYN)) == (STATE_REPLIED | STATE_SEEN_NON_SYN)
  );
}

/**
 * Next state in profile rfc after a segment other than an RST. What the outside sends in answer to a SYN without being a SYN itself opens
 * and closes nothing (RFC 5961 section 4: a challenge; or a guess); an endpoint knows its own state. @param inside the endpoint sent it
 */
function nextRfc(state: u32, flags: u32, primary: bool, inside: bool): u32 {
  const isOver = state & STATE_RESET || (state & BOTH_CLOSING) == BOTH_CLOSING;
  if ((flags & (SYN | ACK)) == SYN && isOver) return syn(primary) | (primary ? 0 : STATE_REPLIED);
  state &= ~STATE_RESET;
  if (flags & SYN) state |= syn(primary);
  else if (inside || !(state & BOTH_SYN)) state |= STATE_SEEN_NON_SYN;
  return flags & FIN && (inside || isOpen(state)) ? state | closing(primary) : state;
}

/** True for a SYN without ACK, or an INIT, on a closing or reset connection: the original treats it as a new one, policy included. */
export function restarts(line: usize, tcpFlags: u32): bool {
  return (tcpFlags & (SYN | ACK)) == SYN && (load<u8>(line, LINE_STATE_AT) & (BOTH_CLOSING | STATE_RESET)) != 0;
}
