import { type IpPacket, PROTOCOL_SCTP } from "../../net/decode.js";
import type { FrameExplanation } from "../../replay/explain-types.js";
import { packetOf } from "../../report/html/walks.js";
import type { Field } from "../messages.js";

/** The fields of a frame as it was captured that an engine reads or changes, by place; of a quoted packet, too. Empty where no header can be read. */
export function fieldsOf(explanation: FrameExplanation): Field[] {
  const packet = packetOf(explanation);
  if (!packet) return [];
  const inner = packet.inner ? packetFields(packet.inner, "quoted ") : [];
  const payload = packet.inner ?? packet;
  return [
    { name: "link header", from: 0, to: packet.at },
    ...packetFields(packet, ""),
    ...inner,
    { name: "payload", from: payload.payloadAt, to: payload.end },
  ].filter(({ from, to }) => from >= 0 && to > from);
}

function packetFields(packet: IpPacket, prefix: string): Field[] {
  const { family, kind, protocol } = packet;
  const field = (name: string, from: number, length: number) => ({
    name: prefix + name,
    from,
    to: from < 0 ? -1 : from + length,
  });
  const addressLength = family === 4 ? 4 : 16;
  return [
    field(family === 4 ? "TTL" : "hop limit", packet.ttlAt, 1),
    field("IP header checksum", packet.headerChecksumAt, 2),
    field("source address", packet.sourceAt, addressLength),
    field("destination address", packet.destinationAt, addressLength),
    field(kind === "echo" ? "identifier" : "source port", packet.sourcePortAt, 2),
    field("destination port", packet.destinationPortAt, 2),
    field("checksum", packet.checksumAt, protocol === PROTOCOL_SCTP ? 4 : 2),
  ];
}
