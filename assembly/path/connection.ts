import {
  ACTION_REVERSE,
  ACTION_SNAT,
  CONFIG_FLAG_TOUCH,
  COUNTER_GUESSED_AT,
  EGRESS_STATS_BYTES_AT,
  EGRESS_STATS_CONNECTIONS_AT,
  EGRESS_STATS_FRAMES_AT,
  EGRESS_STATS_LIVE_AT,
  EGRESS_STATS_REPLIES_AT,
  EGRESS_STATS_REPLY_BYTES_AT,
  ENDPOINT_UID_HASH_AT,
  HOOK_FROM_ENDPOINT,
  HOOK_FROM_NETWORK,
  LINE_ACK_AT,
  LINE_ADDRESS_AT,
  LINE_BYTES_AT,
  LINE_CLASS_AT,
  LINE_EGRESS_AT,
  LINE_EPOCH_AT,
  LINE_FLAG_GUESSED,
  LINE_FLAG_HOP,
  LINE_FLAG_LOST,
  LINE_FLAG_PRIMARY,
  LINE_FLAG_REDIRECT,
  LINE_FLAG_TRANSLATED,
  LINE_FLAGS_AT,
  LINE_IP_DELTA_AT,
  LINE_L4_DELTA_AT,
  LINE_OWNER_AT,
  LINE_PACKETS_AT,
  LINE_PORT_AT,
  LINE_TIMEOUT_ROW_AT,
  NO_INDEX,
  REASON_BAD_SOURCE,
  REASON_INBOUND,
  REASON_NO_NAT_MAPPING,
  REASON_NONE,
  REASON_PROTOCOL_CONFLICT,
  REASON_REPLY_OF_INBOUND,
  REASON_REPLY_WITHOUT_CONNECTION,
  REASON_TABLE_FULL,
  VERDICT_FLAG_CREATED,
  VERDICT_FLAG_GUESSED,
  VERDICT_FLAG_HOP,
  VERDICT_FLAG_UNVERIFIABLE,
} from "../abi";
import { addressRow, highOf, isIpv6Line, lowOf, releaseAddress } from "../tables/addresses";
import { epoch, nowMs, nowNs } from "../tables/clock";
import { countOpened, expire, find, insertPair, keyHome, setAddress } from "../tables/conntrack";
import { count, egressStats } from "../tables/counters";
import { firstState, isExpired, isInside, isRfc, otherLine, refresh, setState } from "../tables/lifetime";
import { configFlags, portSeed } from "../tables/memory";
import { buildAhead, findPort, isOwnFree, mappingHome, mappingKey, NO_PORT } from "../tables/nat-ports";
import { endpointAt, findEndpoint } from "../tables/policy";
import { groupHome, portExpiresSooner, takePort, touchGroup } from "../tables/port-groups";
import { touchFree } from "../tables/tags";
import { combine, delta16, delta32, delta128 } from "../wire/checksum";
import { hasHandshake, isPortless, PROTOCOL_ICMP, PROTOCOL_TCP } from "../wire/ipv4";
import { answerKey, PARSED_LATER, PARSED_NO_CHECKSUM, Parsed } from "../wire/parse";
import { TCP_ACK, TCP_ACK_AT, TCP_RST, TCP_SEQUENCE_AT, TCP_SYN } from "../wire/transport";
import { areHomesKnown } from "./ahead";
import { faultOnWay } from "./generate";
import { isHop, selectedEgress, selectedPolicy, timeoutRow } from "./resolve";
import { rewrite } from "./rewrite";
import { borrow, borrowEgress, egressAddress, giveBack, hashTuple, ttlOf } from "./tuple";
import { Verdict } from "./verdict";

// Making a connection's two lines, and taking one more frame through an existing connection.

/** One's-complement change of the word (TTL, protocol) when the TTL falls by one, as words lie in memory. */
export const TTL_DELTA: u32 = 0xfffe;

export function swapAddresses(addresses: u64): u64 {
  return rotl<u64>(addresses, 32);
}

/**
 * NAT port for a frame's connection, host order, or NO_PORT. Most keep their own, for which no hash is needed.
 * @param address egress IP   @param own host order   @param home `mappingHome` of the mapping that keeps it
 */
function choosePort(p: Parsed, address: u32, own: u32, home: u32): u32 {
  const remote = <u32>(p.addresses >> 32);
  const remotePort = p.ports >> 16;
  const transport = p.transport;
  if (isOwnFree(address, remote, remotePort, transport, own, home, nowMs())) return own;
  return findPort(address, remote, remotePort, transport, hashTuple(portSeed, p), nowMs());
}

/** True where the first frame of a connection shows that it began before. */
export function isMidStream(p: Parsed): bool {
  return hasHandshake(p.protocol) && !(p.tcpFlags & TCP_SYN);
}

export function countFrame(p: Parsed, line: usize): void {
  store<u64>(line, load<u64>(line, LINE_BYTES_AT) + p.wire, LINE_BYTES_AT);
  store<u32>(line, load<u32>(line, LINE_PACKETS_AT) + 1, LINE_PACKETS_AT);
}

/** Rewrites a frame by a translated line and says so. The TTL was checked. */
export function translate(p: Parsed, line: usize, v: Verdict): void {
  countFrame(p, line);
  rewrite(p, line);
  const egress = <u32>load<u16>(line, LINE_EGRESS_AT);
  const stats = egressStats(egress);
  let flags: u32 = load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_HOP ? VERDICT_FLAG_HOP : 0;
  if (p.flags & PARSED_NO_CHECKSUM) flags |= VERDICT_FLAG_UNVERIFIABLE;
  if (flags) v.flag(flags);
  if (p.hook == HOOK_FROM_ENDPOINT) {
    store<u64>(stats, load<u64>(stats, EGRESS_STATS_FRAMES_AT) + 1, EGRESS_STATS_FRAMES_AT);
    store<u64>(stats, load<u64>(stats, EGRESS_STATS_BYTES_AT) + p.wire, EGRESS_STATS_BYTES_AT);
    return v.translated(ACTION_SNAT, egress, line, load<u32>(line, LINE_ADDRESS_AT), load<u16>(line, LINE_PORT_AT));
  }
  store<u64>(stats, load<u64>(stats, EGRESS_STATS_REPLIES_AT) + 1, EGRESS_STATS_REPLIES_AT);
  store<u64>(stats, load<u64>(stats, EGRESS_STATS_REPLY_BYTES_AT) + p.wire, EGRESS_STATS_REPLY_BYTES_AT);
  v.translated(ACTION_REVERSE, egress, line, <u32>(p.addresses >> 32), p.ports >> 16);
}

/** True where the routed hop of a translated line would end the frame (RFC 1812 section 5.3.1). */
export function hopEnds(l3: usize, line: usize): bool {
  return (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_HOP) != 0 && ttlOf(l3) <= 1;
}

/** Why a frame of a translated or redirected line cannot come to its gateway and leave it: REASON_*, 0 = it can. */
export function wayFault(p: Parsed, line: usize): u32 {
  return faultOnWay(p, load<u16>(line, LINE_EGRESS_AT), (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_HOP) != 0);
}

/** The same of a frame that goes to the gateway which `resolve` selected. @param endpoint row of its source */
export function newWayFault(p: Parsed, endpoint: u32): u32 {
  return faultOnWay(p, selectedEgress, isHop(endpoint, selectedEgress));
}

/** One more frame of a live connection whose decision stands. */
export function follow(p: Parsed, line: usize, v: Verdict): void {
  const translated = (load<u8>(line, LINE_FLAGS_AT) & LINE_FLAG_TRANSLATED) != 0;
  const fault = translated ? wayFault(p, line) : 0;
  if (fault) return v.drop(fault);
  age(p, line);
  if (!translated) {
    countFrame(p, line);
    return v.pass(load<u16>(line, LINE_PORT_AT));
  }
  translate(p, line, v);
}

/** Takes a frame into the age and state of its connection. Later fragments say nothing that their first one has not. */
export function age(p: Parsed, line: usize): void {
  if (p.flags & PARSED_LATER || isForged(p, line)) return;
  noteAck(p, line);
  const class_ = load<u8>(line, LINE_CLASS_AT);
  refresh(line, p.tcpFlags, nowMs());
  if (load<u8>(line, LINE_CLASS_AT) == class_) return;
  if ((load<u8>(line, LINE_FLAGS_AT) & (LINE_FLAG_TRANSLATED | LINE_FLAG_LOST)) != LINE_FLAG_TRANSLATED) return;
  portExpiresSooner(p.hook == HOOK_FROM_NETWORK ? line : otherLine(line));
}

/** How far an RST's sequence number may lie from what the endpoint acknowledged last: beyond the largest window that systems give unasked. */
const RESET_WINDOW: u32 = 1 << 24;

/**
 * True for an RST from outside that is no answer to what the endpoint sends: whoever sent it does not see the connection (RFC 5961
 * section 3.2). Its window is not known, as its scale is in the SYNs alone, which captures may lack; so a bound on windows serves.
 * Where nothing was acknowledged yet there is nothing to go by.
 */
function isForged(p: Parsed, line: usize): bool {
  if (p.protocol != PROTOCOL_TCP || !(p.tcpFlags & TCP_RST) || !isRfc() || isInside(line)) return false;
  const acknowledged = load<u32>(otherLine(line), LINE_ACK_AT);
  if (acknowledged == 0 || p.flags & PARSED_NO_CHECKSUM) return false;
  const ahead = bswap<u32>(load<u32>(p.l4, TCP_SEQUENCE_AT)) - bswap<u32>(acknowledged);
  return ahead + RESET_WINDOW > RESET_WINDOW << 1;
}

/** Keeps what a segment of the endpoint acknowledges, as it stands in the frame; 0 = nothing. */
function noteAck(p: Parsed, line: usize): void {
  if (p.protocol != PROTOCOL_TCP || p.flags & PARSED_NO_CHECKSUM || !isInside(line)) return;
  store<u32>(line, p.tcpFlags & TCP_ACK ? load<u32>(p.l4, TCP_ACK_AT) : 0, LINE_ACK_AT);
}

/** The state that a connection has after its first frame, on both of its lines. */
export function beginState(p: Parsed, line: usize): void {
  setState(line, firstState(p.protocol, p.tcpFlags));
  noteAck(p, line);
}

function begin(line: usize, flags: u32, row: u32): void {
  store<u8>(line, <u8>flags, LINE_FLAGS_AT);
  store<u8>(line, <u8>row, LINE_TIMEOUT_ROW_AT);
}

/**
 * Opens a translated connection by what `resolve` selected and sends its first frame through it.
 * @param endpoint row of the source   @param isNew false where the endpoint has had the connection for a while
 */
export function openTranslated(p: Parsed, endpoint: u32, isNew: bool, v: Verdict): void {
  const egress = selectedEgress;
  const hop = isHop(endpoint, egress);
  const fault = faultOnWay(p, egress, hop);
  if (fault) return v.drop(fault);
  if (!p.isIpv6) return openMapping(p, endpoint, egress, egressAddress(egress, false), hop, isNew, v);
  if (!borrow(p)) return v.drop(REASON_TABLE_FULL);
  const addresses = p.addresses;
  const address = borrowEgress(egress);
  if (address) openMapping(p, endpoint, egress, address, hop, isNew, v);
  else v.drop(REASON_TABLE_FULL);
  if (address) releaseAddress(address);
  giveBack(addresses);
}

function openMapping(p: Parsed, endpoint: u32, egress: u32, address: u32, hop: bool, isNew: bool, v: Verdict): void {
  const src = <u32>p.addresses;
  const remote = <u32>(p.addresses >> 32);
  // Both would stand in one header as source and destination.
  if (address == remote) return v.drop(REASON_BAD_SOURCE);
  const own = p.ports & 0xffff;
  const ownPort = <u32>bswap<u16>(<u16>own);
  const remotePort = p.ports >> 16;
  const transport = p.transport;
  const isAhead = areHomesKnown(p, egress);
  const home = isAhead ? p.replyHome : mappingHome(remote, address, mappingKey(remotePort, ownPort, transport));
  const group = isAhead ? p.group : groupHome(address, remote, remotePort, transport);
  if (!isAhead && configFlags & CONFIG_FLAG_TOUCH) {
    // What the search for a port and the new mapping read next, so that the two cache misses overlap: right where the endpoint keeps its port.
    touchFree(home);
    touchGroup(group);
  }
  const found = choosePort(p, address, ownPort, home);
  if (found == NO_PORT) return v.drop(noPortReason(p));
  const port = <u32>bswap<u16>(<u16>found);
  const replyKey = mappingKey(remotePort, found, transport);
  const replyHome = found == ownPort ? home : mappingHome(remote, address, replyKey);
  const ownHome = isAhead ? p.home : keyHome(p.addresses, p.key);
  const replyAddresses = <u64>remote | ((<u64>address) << 32);
  const line = insertPair(p.addresses, p.key, ownHome, replyAddresses, replyKey, replyHome, nowMs());
  if (line == 0) return v.drop(REASON_TABLE_FULL);
  const network = otherLine(line);
  const hopFlag: u32 = hop ? LINE_FLAG_HOP : 0;
  const guessed = isNew && isMidStream(p);
  begin(
    line,
    LINE_FLAG_PRIMARY | LINE_FLAG_TRANSLATED | hopFlag | (guessed ? LINE_FLAG_GUESSED : 0),
    timeoutRow(selectedPolicy),
  );
  begin(network, LINE_FLAG_TRANSLATED | hopFlag, timeoutRow(selectedPolicy));
  putMapping(line, src, address, own, port, p.protocol, hop);
  putMapping(network, address, src, port, own, p.protocol, hop);
  putIdentity(line, network, endpoint);
  beginState(p, line);
  countConnection(egress);
  const isTime = takePort(network, group);
  if (guessed) count(COUNTER_GUESSED_AT);
  v.flag(VERDICT_FLAG_CREATED | (guessed ? VERDICT_FLAG_GUESSED : 0));
  translate(p, line, v);
  if (isTime) buildAhead(address, remote, remotePort, p.protocol, nowMs());
}

/** Line of a frame's own key, or 0: where lines may have moved since it was looked up. */
export function lineOf(p: Parsed): usize {
  return find(keyHome(p.addresses, p.key), p.addresses, p.key);
}

/**
 * Why a connection that goes on cannot get a mapping on the egress that `resolve` selected, or REASON_NONE. Expired connections that are
 * met are removed: pointers to lines are void (`lineOf`).
 */
export function mappingFault(p: Parsed): u32 {
  const address = egressAddress(selectedEgress, p.isIpv6);
  const remote = <u32>(p.addresses >> 32);
  if (address == remote) return REASON_BAD_SOURCE;
  const own = <u32>bswap<u16>(<u16>(p.ports & 0xffff));
  const home = mappingHome(remote, address, mappingKey(p.ports >> 16, own, p.transport));
  return choosePort(p, address, own, home) == NO_PORT ? noPortReason(p) : REASON_NONE;
}

/** Why a frame gets no NAT port: of what has none there is one mapping to each remote. */
function noPortReason(p: Parsed): u32 {
  return isPortless(p.protocol) ? REASON_PROTOCOL_CONFLICT : REASON_NO_NAT_MAPPING;
}

/** What a line writes, and the checksum changes that follow: `was` and `own` are replaced by `address` and `port`, as lines hold them. */
function putMapping(line: usize, was: u32, address: u32, own: u32, port: u32, protocol: u32, hop: bool): void {
  const isIpv6 = isIpv6Line(line);
  const addressDelta = isIpv6 ? delta128(addressRow(was), addressRow(address)) : delta32(was, address);
  const portDelta = delta16(own, port);
  setAddress(line, address);
  store<u16>(line, <u16>port, LINE_PORT_AT);
  store<u16>(line, <u16>(hop ? combine(addressDelta, TTL_DELTA) : addressDelta), LINE_IP_DELTA_AT);
  // The checksum of ICMP covers no address, that of ICMPv6 does (RFC 4443 section 2.3).
  const isApart = protocol == PROTOCOL_ICMP && !isIpv6;
  store<u16>(line, <u16>(isApart ? portDelta : combine(addressDelta, portDelta)), LINE_L4_DELTA_AT);
}

function putIdentity(line: usize, network: usize, endpoint: u32): void {
  store<u16>(line, <u16>selectedEgress, LINE_EGRESS_AT);
  store<u16>(network, <u16>selectedEgress, LINE_EGRESS_AT);
  store<u32>(line, selectedPolicy, LINE_OWNER_AT);
  store<u32>(network, load<u32>(endpointAt(endpoint), ENDPOINT_UID_HASH_AT), LINE_OWNER_AT);
  store<u32>(line, epoch(), LINE_EPOCH_AT);
  store<u32>(network, epoch(), LINE_EPOCH_AT);
  store<u32>(network, nowMs(), LINE_ACK_AT);
}

function countConnection(egress: u32): void {
  countOpened();
  const stats = egressStats(egress);
  store<u64>(stats, load<u64>(stats, EGRESS_STATS_CONNECTIONS_AT) + 1, EGRESS_STATS_CONNECTIONS_AT);
  store<u32>(stats, load<u32>(stats, EGRESS_STATS_LIVE_AT) + 1, EGRESS_STATS_LIVE_AT);
}

/**
 * Whether a connection is still that of the endpoint whose address its frames show. Asked once per epoch.
 * @param address of the endpoint, as lines hold it
 */
export function isOfOwner(address: u32, line: usize): bool {
  if (load<u32>(line, LINE_EPOCH_AT) == epoch()) return true;
  const endpoint = findEndpoint(highOf(line, address), lowOf(line, address), nowNs());
  if (endpoint == NO_INDEX) return false;
  // The endpoint's line of what leaves the node names its policy instead.
  const flags = <u32>load<u8>(line, LINE_FLAGS_AT);
  const leaves = (flags & (LINE_FLAG_TRANSLATED | LINE_FLAG_REDIRECT)) != 0;
  const named = leaves && flags & LINE_FLAG_PRIMARY ? otherLine(line) : line;
  return load<u32>(endpointAt(endpoint), ENDPOINT_UID_HASH_AT) == load<u32>(named, LINE_OWNER_AT);
}

/** What became of `remember`. */
const REMEMBERED: u32 = 0;
const NO_ROOM: u32 = 1;
/** The five-tuple, seen from the other hook, belongs to another live connection. */
const TAKEN: u32 = 2;

/**
 * Remembers a connection that is not translated, by its frame `p`, and lets the frame pass. Unless REMEMBERED, nothing was said yet.
 * @param endpoint row of whose it is   @param reason why frames at this hook pass   @param otherReason why those at the other hook do
 * @param primary `p` opens it
 */
function remember(p: Parsed, endpoint: u32, reason: u32, otherReason: u32, primary: bool, v: Verdict): u32 {
  if (!p.isIpv6) return rememberPair(p, endpoint, reason, otherReason, primary, v);
  if (!borrow(p)) return NO_ROOM;
  const addresses = p.addresses;
  const done = rememberPair(p, endpoint, reason, otherReason, primary, v);
  giveBack(addresses);
  return done;
}

function rememberPair(p: Parsed, endpoint: u32, reason: u32, otherReason: u32, primary: bool, v: Verdict): u32 {
  const otherHook: u32 = p.hook == HOOK_FROM_ENDPOINT ? HOOK_FROM_NETWORK : HOOK_FROM_ENDPOINT;
  const otherKey = answerKey(p.key, otherHook);
  const otherAddresses = swapAddresses(p.addresses);
  const ownHome = keyHome(p.addresses, p.key);
  const home = keyHome(otherAddresses, otherKey);
  const holder = find(home, otherAddresses, otherKey);
  if (holder != 0) {
    if (!isExpired(holder, nowMs())) return TAKEN;
    expire(holder, nowMs());
  }
  const line = insertPair(p.addresses, p.key, ownHome, otherAddresses, otherKey, home, nowMs());
  if (line == 0) return NO_ROOM;
  const other = otherLine(line);
  begin(line, primary ? LINE_FLAG_PRIMARY : 0, 0);
  begin(other, primary ? 0 : LINE_FLAG_PRIMARY, 0);
  store<u16>(line, <u16>reason, LINE_PORT_AT);
  store<u16>(other, <u16>otherReason, LINE_PORT_AT);
  const owner = load<u32>(endpointAt(endpoint), ENDPOINT_UID_HASH_AT);
  store<u32>(line, owner, LINE_OWNER_AT);
  store<u32>(other, owner, LINE_OWNER_AT);
  store<u32>(line, epoch(), LINE_EPOCH_AT);
  store<u32>(other, epoch(), LINE_EPOCH_AT);
  setState(line, primary ? firstState(p.protocol, p.tcpFlags) : 0);
  if (!primary) refresh(line, p.tcpFlags, nowMs());
  countFrame(p, line);
  v.flag(VERDICT_FLAG_CREATED);
  v.pass(reason);
  return REMEMBERED;
}

/** An outbound connection that policy leaves alone. It needs no memory to be decided, so a full table does not stop it. */
export function openPassed(p: Parsed, endpoint: u32, reason: u32, v: Verdict): void {
  if (remember(p, endpoint, reason, reason, true, v) != REMEMBERED) v.pass(reason);
}

/**
 * A connection from outside, by its first frame or, in mid-stream, by an answer. Without memory its answers could not be told. A frame
 * straight to the private address of a live translated connection is not part of it (it would rewrite an unrelated flow).
 */
export function openInbound(p: Parsed, endpoint: u32, guessed: bool, v: Verdict): void {
  const done =
    p.hook == HOOK_FROM_NETWORK
      ? remember(p, endpoint, REASON_INBOUND, REASON_REPLY_OF_INBOUND, true, v)
      : remember(p, endpoint, REASON_REPLY_OF_INBOUND, REASON_INBOUND, false, v);
  if (done != REMEMBERED) return v.drop(done == NO_ROOM ? REASON_TABLE_FULL : REASON_REPLY_WITHOUT_CONNECTION);
  if (!guessed) return;
  count(COUNTER_GUESSED_AT);
  v.flag(VERDICT_FLAG_GUESSED);
}
