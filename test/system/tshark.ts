import { output } from "./tools.js";

const VALIDATION = [
  "ip.check_checksum:TRUE",
  "tcp.check_checksum:TRUE",
  "udp.check_checksum:TRUE",
  "sctp.checksum:CRC 32c",
].flatMap((preference) => ["-o", preference]);

/** Without defragmentation every frame stands for itself; with it the last fragment carries the verdict on the whole. */
export type Defragmentation = "as-is" | "defragmented";

const BAD = [
  "ip.checksum.status==0",
  "tcp.checksum.status==0",
  "udp.checksum.status==0",
  "udp.checksum.status==4",
  "icmp.checksum.status==0",
  "icmpv6.checksum.status==0",
  "sctp.checksum.status==0",
].join(" or ");

const FIELDS = [
  "frame.number",
  "ip.len",
  "ip.hdr_len",
  "ipv6.plen",
  "ip.checksum.status",
  "udp.checksum.status",
  "icmp.checksum.status",
  "icmpv6.checksum.status",
];
const ICMP_HEADER_BYTES = 8;
const IPV6_HEADER_BYTES = 40;

/**
 * Numbers of the frames whose checksums tshark finds bad. One kind of false alarm is left out: the TCP checksum of a segment that
 * an ICMP error quotes only in part, which cannot be recounted; tshark 4.0 takes the rest for missing and calls it bad.
 */
export function badChecksums(file: string, defragmentation: Defragmentation): number[] {
  const defragment = defragmentation === "defragmented" ? "TRUE" : "FALSE";
  const text = output("tshark", [
    ...["-n", "-r", file, ...VALIDATION],
    ...["-o", `ip.defragment:${defragment}`, "-o", `ipv6.defragment:${defragment}`],
    ...["-Y", BAD, "-T", "fields", ...FIELDS.flatMap((field) => ["-e", field])],
  ]);
  return text
    .split("\n")
    .filter((line) => line !== "" && !isCutQuotation(line.split("\t")))
    .map((line) => Number(line.split("\t")[0]));
}

/** Only the quoted TCP checksum is bad, and the error holds less of the segment than its quoted IP length promises. */
function isCutQuotation([, lengths = "", headers = "", payloads = "", ...statuses]: string[]): boolean {
  const [outer = 0, inner = 0] = lengths.split(",").map(Number);
  const [outerHeader = 0] = headers.split(",").map(Number);
  const [outerPayload = 0, innerPayload = 0] = payloads.split(",").map(Number);
  const othersGood = statuses.every((status) => status.split(",").every((value) => value !== "0" && value !== "4"));
  if (payloads !== "") return othersGood && innerPayload > outerPayload - ICMP_HEADER_BYTES - IPV6_HEADER_BYTES;
  return othersGood && inner > outer - outerHeader - ICMP_HEADER_BYTES;
}

/**
 * How many frames of a capture a display filter matches; VXLAN is looked for on port 8472. Streams are not put together: tshark calls a
 * retransmission malformed where it overlaps what it has.
 */
export function countFrames(file: string, filter: string): number {
  const text = output("tshark", [
    ...["-n", "-r", file, ...VALIDATION, "-d", "udp.port==8472,vxlan", "-o", "tcp.desegment_tcp_streams:FALSE"],
    ...["-Y", filter, "-T", "fields", "-e", "frame.number"],
  ]);
  return text.split("\n").filter((line) => line !== "").length;
}
