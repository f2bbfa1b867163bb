import { NS_PER_SECOND, parseTimestampNs } from "../config/time.js";
import { type AddressBytes, familyOf } from "../net/address.js";
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from "../net/decode.js";
import type { RecordDecoder } from "./decoder.js";
import { RecordFault } from "./fault.js";
import { AddressReader, booleanOf, type Fields, fieldsOf, integerOf, parseFields, textOf } from "./fields.js";
import { END_OF_TIME, type FrameBuffer } from "./frame-buffer.js";
import { Observations } from "./observations.js";
import type { RecordedPacket } from "./packet.js";

const MOST_PORT = 65_535;
const MOST_U32 = 0xffff_ffff;
const TCP_PSH = 8;
const TCP_URG = 32;
const TCP_FLAGS: readonly (readonly [string, number])[] = [
  ["FIN", TCP_FIN],
  ["SYN", TCP_SYN],
  ["RST", TCP_RST],
  ["PSH", TCP_PSH],
  ["ACK", TCP_ACK],
  ["URG", TCP_URG],
];

/** What stands in place of a flow in an export. */
const OTHER_EVENTS = ["lost_events", "node_status", "agent_event", "debug_event"] as const;

/** Drops at a gateway or for want of one: no mapping, protocol that cannot be masqueraded, no gateway, no egress IP. */
const GATEWAY_DROPS: ReadonlySet<unknown> = new Set([
  167,
  168,
  194,
  204,
  "NO_MAPPING_FOR_NAT_MASQUERADE",
  "UNSUPPORTED_PROTOCOL_FOR_NAT_MASQUERADE",
  "NO_EGRESS_GATEWAY",
  "DROP_NO_EGRESS_IP",
  "NO_EGRESS_IP",
]);

/** Identities of workloads; below are reserved ones, above those that nodes give to CIDRs. */
const FIRST_IDENTITY = 256;
const END_OF_IDENTITIES = 1 << 24;

/** Keys of which a flow has at least one and nothing else has all. */
export function isFlow(fields: Fields): boolean {
  return "flow" in fields || OTHER_EVENTS.some((name) => name in fields) || ("IP" in fields && "verdict" in fields);
}

/**
 * Flows as `hubble observe -o json` and `-o jsonpb` and the agent's file export write them (protobuf JSON of the Hubble API): one object a
 * record, the flow itself or wrapped with its node and time.
 */
export class HubbleDecoder implements RecordDecoder {
  readonly kind = "hubble-flows";
  readonly mostFrames = 1;
  readonly #addresses = new AddressReader();
  readonly #observations = new Observations();

  decode(record: string, frames: FrameBuffer): string | undefined {
    if (record.trim() === "") return undefined;
    const outer = parseFields(record);
    const flow = fieldsOf(outer.flow, "flow");
    if (!flow && !isFlow(outer)) throw new RecordFault("flow", undefined, "a Hubble flow");
    const other = flow ? undefined : OTHER_EVENTS.find((name) => name in outer);
    if (other) return other.replace("_", "-");
    const packet = this.#packetOf(flow ?? outer, outer);
    if (typeof packet === "string") return packet;
    frames.append(packet);
    return "";
  }

  /** @returns why no packet can be made of it otherwise */
  #packetOf(flow: Fields, outer: Fields): RecordedPacket | string {
    const useless = whyUseless(flow);
    if (useless) return useless;
    const ip = fieldsOf(flow.IP, "flow.IP");
    const [from, to] = [textOf(ip?.source, "flow.IP.source"), textOf(ip?.destination, "flow.IP.destination")];
    if (from === undefined || to === undefined) return "no-ip";
    const source = this.#addresses.read(from, "flow.IP.source");
    const destination = this.#addresses.read(to, "flow.IP.destination");
    if (familyOf(source) !== familyOf(destination)) return "two-families";
    const transport = transportOf(fieldsOf(flow.l4, "flow.l4"), source, destination);
    if (typeof transport === "string") return transport;
    const side = whyNotOutbound(flow, transport);
    if (side) return side;
    const packet: RecordedPacket = { timeNs: timeOf(flow, outer), source, destination, ...transport };
    return this.#isCopy(packet, `${from} ${to}`, flow, outer) ? "other-observation" : packet;
  }

  #isCopy(packet: RecordedPacket, addresses: string, flow: Fields, outer: Fields): boolean {
    const { transport, sourcePort, destinationPort, tcpFlags } = packet;
    const place = `${flow.node_name ?? outer.node_name} ${flow.trace_observation_point}`;
    const what = `${addresses} ${sourcePort} ${destinationPort} ${transport} ${tcpFlags}`;
    return this.#observations.isCopy(what, place, packet.timeNs);
  }
}

/** Why a flow is none of packets, or none that a gateway could have met. */
function whyUseless(flow: Fields): string | undefined {
  if (flow.Type === "L7" || flow.l7) return "layer-7";
  if (flow.Type === "SOCK" || flow.verdict === "TRANSLATED") return "socket";
  const isDropped = flow.verdict === "DROPPED" || flow.verdict === "ERROR";
  const isOfGateway = GATEWAY_DROPS.has(flow.drop_reason_desc) || GATEWAY_DROPS.has(flow.drop_reason);
  return isDropped && !isOfGateway ? "dropped" : undefined;
}

type Transport = Pick<RecordedPacket, "transport" | "sourcePort" | "destinationPort" | "tcpFlags">;

function transportOf(l4: Fields | undefined, source: AddressBytes, destination: AddressBytes): Transport | string {
  for (const [name, transport] of [
    ["TCP", "tcp"],
    ["UDP", "udp"],
    ["SCTP", "sctp"],
  ] as const) {
    const fields = fieldsOf(l4?.[name], `flow.l4.${name}`);
    if (!fields) continue;
    return {
      transport,
      sourcePort: integerOf(fields.source_port, `flow.l4.${name}.source_port`, MOST_PORT),
      destinationPort: integerOf(fields.destination_port, `flow.l4.${name}.destination_port`, MOST_PORT),
      tcpFlags: transport === "tcp" ? flagsOf(fieldsOf(fields.flags, "flow.l4.TCP.flags")) : 0,
    };
  }
  for (const [name, request, reply] of [
    ["ICMPv4", 8, 0],
    ["ICMPv6", 128, 129],
  ] as const) {
    const fields = fieldsOf(l4?.[name], `flow.l4.${name}`);
    if (!fields) continue;
    const type = integerOf(fields.type, `flow.l4.${name}.type`, 255);
    if (type !== request && type !== reply) return "icmp-not-echo";
    const id = echoId(type === request ? source : destination);
    const transport = type === request ? "echo-request" : "echo-reply";
    return { transport, sourcePort: id, destinationPort: id, tcpFlags: 0 };
  }
  return "no-transport";
}

function flagsOf(flags: Fields | undefined): number {
  let bits = 0;
  for (const [name, bit] of TCP_FLAGS) if (flags?.[name] === true) bits |= bit;
  return bits;
}

/** A flow does not say the identifier of an echo: each sender has one of its own, the end of its address. */
function echoId(sender: AddressBytes): number {
  return (sender[14]! << 8) | sender[15]!;
}

/** Whether an end is a workload's; undefined where the flow does not say. */
function isWorkload(end: Fields | undefined): boolean | undefined {
  if (typeof end?.pod_name === "string" && end.pod_name !== "") return true;
  const identity = end?.identity;
  return typeof identity === "number" ? identity >= FIRST_IDENTITY && identity < END_OF_IDENTITIES : undefined;
}

/** Connections that no gateway takes part in: those between others than workloads, and those opened from outside. */
function whyNotOutbound(flow: Fields, { tcpFlags }: Transport): string | undefined {
  const source = isWorkload(fieldsOf(flow.source, "flow.source"));
  const destination = isWorkload(fieldsOf(flow.destination, "flow.destination"));
  if (source === false && destination === false) return "no-workload";
  const opening = tcpFlags & TCP_SYN ? (tcpFlags & TCP_ACK) !== 0 : undefined;
  const isReply = booleanOf(flow.is_reply, "flow.is_reply") ?? opening;
  if (isReply === undefined) return undefined;
  const [client, server] = isReply ? [destination, source] : [source, destination];
  return client === false && server === true ? "inbound" : undefined;
}

/** The flow's own time, else that of the record; as text, or as seconds and nanoseconds. */
function timeOf(flow: Fields, outer: Fields): bigint {
  const path = flow.time === undefined ? "time" : "flow.time";
  const value = flow.time ?? outer.time;
  const ns = typeof value === "string" ? parseTimestampNs(value) : secondsAndNanos(fieldsOf(value, path), path);
  if (ns !== undefined && ns >= 0n && ns < END_OF_TIME * NS_PER_SECOND) return ns;
  throw new RecordFault(path, value, "an RFC 3339 time from 1970 to 2106");
}

function secondsAndNanos(time: Fields | undefined, path: string): bigint | undefined {
  if (!time) return undefined;
  const seconds = integerOf(time.seconds, `${path}.seconds`, MOST_U32);
  return BigInt(seconds) * NS_PER_SECOND + BigInt(integerOf(time.nanos, `${path}.nanos`, 999_999_999));
}
