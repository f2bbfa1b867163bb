import {
  ACTION_DROP,
  ACTION_HOLD,
  ACTION_PASS,
  ACTION_SNAT,
  COUNTER_EVICTED_CLOSING_AT,
  COUNTER_EVICTED_ESTABLISHED_AT,
  COUNTER_EVICTED_UNREPLIED_AT,
  REASON_GATEWAY_DOWN,
  VERDICT_ACTION_AT,
  VERDICT_EGRESS_AT,
  VERDICT_EGRESS_IP_AT,
  VERDICT_FLAG_CREATED,
  VERDICT_FLAG_HOP,
  VERDICT_FLAG_NEW_CONNECTION_KIND,
  VERDICT_FLAG_REMAPPED,
  VERDICT_FLAGS_AT,
  VERDICT_INNER_AT,
  VERDICT_LIVE_AT,
  VERDICT_NAT_PORT_AT,
  VERDICT_OLD_EGRESS_AT,
  VERDICT_REASON_AT,
} from "../abi";
import { hasHandshake, PROTOCOL_ICMP } from "../wire/ipv4";
import {
  actions,
  counters,
  egresses,
  evictions,
  field,
  givenAt,
  hashes,
  lives,
  natPorts,
  oldEgresses,
  putField,
  reasons,
  shardCount,
  verdictFlags,
} from "./control";
import {
  CONTROL_EVENT_COUNT_AT,
  CONTROL_EVENTS_AT,
  EVENT_ADDRESSES_AT,
  EVENT_PORTS_AT,
  EVENT_PROTOCOL_AT,
  EVENT_SIZE,
  EVENT_SLOT_AT,
  MAPPING_ADDRESS_AT,
  MAPPING_EGRESS_AT,
  MAPPING_FLAG_DROPPED,
  MAPPING_FLAG_HOP,
  MAPPING_FLAG_UNSENT,
  MAPPING_FLAG_USED,
  MAPPING_FLAGS_AT,
  MAPPING_NAT_PORT_AT,
  PENDING_ADDRESSES_AT,
  PENDING_KIND_AT,
  PENDING_KIND_OPENING,
  PENDING_PORTS_AT,
  PENDING_PROTOCOL_AT,
  PENDING_SLOT_AT,
  WIDE_PROTOCOL,
} from "./layout";
import { countLost, deadNodeOf } from "./lost";
import {
  clearBroken,
  connectionHash,
  findMapping,
  markBroken,
  putMapping,
  removeMapping,
  touchMapping,
} from "./mappings";
import { isWide, takeWide } from "./wide";

// What is kept of the engine's verdicts: the columns that the host reads, and the external tuples of connections.

/** Live connections that the engine has evicted. */
export function evicted(): u32 {
  return (
    load<u32>(counters, COUNTER_EVICTED_CLOSING_AT) +
    load<u32>(counters, COUNTER_EVICTED_UNREPLIED_AT) +
    load<u32>(counters, COUNTER_EVICTED_ESTABLISHED_AT)
  );
}

/** Copies what the host needs of a verdict into the columns: the record itself is overwritten by the next batch. */
export function note(i: u32, verdict: usize): void {
  const at16 = (<usize>i) << 1;
  store<u8>(actions + i, load<u8>(verdict, VERDICT_ACTION_AT));
  store<u8>(reasons + i, load<u8>(verdict, VERDICT_REASON_AT));
  store<u16>(verdictFlags + at16, load<u16>(verdict, VERDICT_FLAGS_AT));
  store<u16>(egresses + at16, <u16>load<u32>(verdict, VERDICT_EGRESS_AT));
  store<u16>(oldEgresses + at16, load<u16>(verdict, VERDICT_OLD_EGRESS_AT));
  store<u16>(natPorts + at16, load<u16>(verdict, VERDICT_NAT_PORT_AT));
  if (load<u8>(verdict, VERDICT_ACTION_AT) == ACTION_HOLD)
    store<u32>(hashes + ((<usize>i) << 2), load<u32>(verdict, VERDICT_INNER_AT));
  if (shardCount > 1) {
    store<u32>(lives + ((<usize>i) << 2), load<u32>(verdict, VERDICT_LIVE_AT));
    // The straight line leaves it as it is.
    store<u32>(verdict, 0, VERDICT_LIVE_AT);
  }
  if (givenAt) store<u32>(evictions + ((<usize>i) << 2), evicted());
  if (load<u8>(verdict, VERDICT_REASON_AT) == REASON_GATEWAY_DOWN)
    countLost(i, deadNodeOf(load<u32>(verdict, VERDICT_EGRESS_AT)));
}

/** Bookkeeping of a frame that left: a connection's external tuple changes only with a frame that created it, or left untranslated. */
export function learn(pending: usize, verdict: usize, time: u64): void {
  const action = <u32>load<u8>(verdict, VERDICT_ACTION_AT);
  const flags = <u32>load<u16>(verdict, VERDICT_FLAGS_AT);
  if (action == ACTION_SNAT && !(flags & VERDICT_FLAG_CREATED)) return;
  const reason = <u32>load<u8>(verdict, VERDICT_REASON_AT);
  const addresses = load<u64>(pending, PENDING_ADDRESSES_AT);
  const ports = load<u32>(pending, PENDING_PORTS_AT);
  const protocol = load<u32>(pending, PENDING_PROTOCOL_AT);
  const hash = connectionHash(addresses, ports, protocol);
  if (action == ACTION_PASS) {
    const gone = findMapping(hash, addresses, ports, protocol);
    if (gone) removeMapping(gone);
    return;
  }
  if (action == ACTION_DROP) {
    const flag: u32 = reason == REASON_GATEWAY_DOWN ? 0 : MAPPING_FLAG_DROPPED;
    // Answers by TCP, SCTP and echoes find no connection in the engine; any others would open one.
    const number = protocol & ~WIDE_PROTOCOL;
    if (flag && (hasHandshake(number) || number == PROTOCOL_ICMP)) return;
    return noteUnsent(hash, addresses, ports, protocol, load<u32>(verdict, VERDICT_EGRESS_AT), flag, time);
  }
  const address = isWide(protocol)
    ? takeWide(verdict + VERDICT_EGRESS_IP_AT)
    : load<u32>(verdict, VERDICT_EGRESS_IP_AT + 12);
  const port = <u32>bswap<u16>(load<u16>(verdict, VERDICT_NAT_PORT_AT));
  const known = flags & VERDICT_FLAG_REMAPPED ? findMapping(hash, addresses, ports, protocol) : 0;
  if (known)
    store<u16>(oldEgresses + ((<usize>load<u32>(pending, PENDING_SLOT_AT)) << 1), load<u16>(known, MAPPING_EGRESS_AT));
  const isSame =
    known != 0 && load<u32>(known, MAPPING_ADDRESS_AT) == address && load<u16>(known, MAPPING_NAT_PORT_AT) == port;
  const mapping = putMapping(hash, addresses, ports, protocol, time);
  clearBroken(mapping);
  store<u8>(mapping, <u8>(MAPPING_FLAG_USED | (flags & VERDICT_FLAG_HOP ? MAPPING_FLAG_HOP : 0)), MAPPING_FLAGS_AT);
  store<u16>(mapping, <u16>load<u32>(verdict, VERDICT_EGRESS_AT), MAPPING_EGRESS_AT);
  store<u32>(mapping, address, MAPPING_ADDRESS_AT);
  store<u16>(mapping, <u16>port, MAPPING_NAT_PORT_AT);
  touchMapping(mapping, time);
  if (flags & VERDICT_FLAG_REMAPPED) noteMoved(pending, mapping, flags, isSame);
}

/**
 * What an endpoint sent was lost or dropped. Unless something arrived before, no answer of this connection can be genuine.
 * @param flag MAPPING_FLAG_DROPPED or 0
 */
export function noteUnsent(
  hash: u64,
  addresses: u64,
  ports: u32,
  protocol: u32,
  egress: u32,
  flag: u32,
  time: u64,
): void {
  if (findMapping(hash, addresses, ports, protocol)) return;
  const mapping = putMapping(hash, addresses, ports, protocol, time);
  store<u8>(mapping, <u8>(MAPPING_FLAG_USED | MAPPING_FLAG_UNSENT | flag), MAPPING_FLAGS_AT);
  store<u16>(mapping, <u16>egress, MAPPING_EGRESS_AT);
  store<u32>(mapping, 0, MAPPING_ADDRESS_AT);
  store<u16>(mapping, 0, MAPPING_NAT_PORT_AT);
}

/**
 * The engine made the mapping of a connection anew. Where the outside sees the same tuple as before, nothing happened; where the frame
 * opens its connection, a tuple changed but nothing broke.
 */
function noteMoved(pending: usize, mapping: usize, flags: u32, isSame: bool): void {
  const flagsAt = verdictFlags + ((<usize>load<u32>(pending, PENDING_SLOT_AT)) << 1);
  if (isSame) return store<u16>(flagsAt, <u16>(flags & ~VERDICT_FLAG_REMAPPED));
  if (load<u32>(pending, PENDING_KIND_AT) == PENDING_KIND_OPENING)
    store<u16>(flagsAt, <u16>(flags & ~VERDICT_FLAG_NEW_CONNECTION_KIND));
  else if (flags & VERDICT_FLAG_NEW_CONNECTION_KIND) markBroken(mapping);
  tell(pending);
}

/** The host hears of every connection whose external tuple changed. */
function tell(pending: usize): void {
  const count = field(CONTROL_EVENT_COUNT_AT);
  const event = <usize>field(CONTROL_EVENTS_AT) + <usize>count * EVENT_SIZE;
  store<u32>(event, load<u32>(pending, PENDING_SLOT_AT), EVENT_SLOT_AT);
  store<u32>(event, load<u32>(pending, PENDING_PROTOCOL_AT), EVENT_PROTOCOL_AT);
  store<u64>(event, load<u64>(pending, PENDING_ADDRESSES_AT), EVENT_ADDRESSES_AT);
  store<u32>(event, load<u32>(pending, PENDING_PORTS_AT), EVENT_PORTS_AT);
  putField(CONTROL_EVENT_COUNT_AT, count + 1);
}
