import { differenceIn } from "../net/bytes.js";
import {
  type IpPacket,
  PROTOCOL_SCTP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  PROTOCOL_UDP_LITE,
  readBe16,
} from "../net/decode.js";
import {
  addWords,
  checksumState,
  fold,
  ipv4HeaderSum,
  isSameSum,
  pseudoHeaderSum,
  readLe32,
  sctpCrc,
} from "../net/recount.js";
import { type InsideEnd, portAtOf } from "../net/tuple.js";
import type { Finding, MismatchField } from "./fields.js";
import type { FrameObservation } from "./types.js";

type Bytes = Pick<FrameObservation, "given" | "result">;

/** A translated frame; its packet as decoded from the bytes that were given. */
type Rewritten = { readonly o: Bytes; readonly packet: IpPacket };

/**
 * Compares a translated frame with the frame that was given, byte for byte and checksum for checksum.
 * Permitted are: the address and port (or echo identifier) of the `rewritten` end, TTL less `hops`, the checksums that these move, and in
 * an ICMP error the opposite end of the quoted packet. Everything else must be equal, and each checksum must be as right or as wrong
 * (by the same amount modulo 0xFFFF) as before.
 */
export function rewriteFindings({ o, packet }: Rewritten, rewritten: InsideEnd, hops: number): Finding[] {
  const { given, result } = o;
  if (result.length !== given.length) {
    const [expected, got] = [`${given.length} bytes`, `${result.length} bytes`];
    return [finding("length", expected, got, "translation never changes a frame's length")];
  }
  const findings: Finding[] = [];
  const pair = { given, result, findings };
  const changed = firstChange(given, result, permittedSpans(packet, rewritten));
  if (changed >= 0) findings.push(byteFinding(given, result, packet, changed));
  const ttl = given[packet.ttlAt]! - hops;
  if (result[packet.ttlAt] !== ttl) {
    const rule = hops === 0 ? "the gateway is on the endpoint's node" : "the gateway is one routed hop away";
    findings.push(finding("ttl", `${ttl}`, `${result[packet.ttlAt]}`, rule));
  }
  checkHeaderSum(pair, packet, "ip-checksum");
  checkTransport(pair, packet, "transport-checksum", changed < 0 && !packet.inner);
  if (packet.inner) {
    checkHeaderSum(pair, packet.inner, "inner-checksum");
    checkTransport(pair, packet.inner, "inner-checksum", false);
  }
  return findings;
}

/** The bytes before and after, and what was found of them so far. */
type Pair = Bytes & { readonly findings: Finding[] };

/** Half-open spans of bytes that translation may change, in ascending order: from, to, from, to, … */
function permittedSpans(packet: IpPacket, rewritten: InsideEnd): number[] {
  const spans = [packet.ttlAt, packet.ttlAt + 1];
  addRewrittenEnd(spans, packet, rewritten);
  if (packet.inner) addRewrittenEnd(spans, packet.inner, rewritten === "source" ? "destination" : "source");
  return spans;
}

function addRewrittenEnd(spans: number[], packet: IpPacket, end: InsideEnd): void {
  const addressAt = end === "source" ? packet.sourceAt : packet.destinationAt;
  if (packet.headerChecksumAt >= 0) spans.push(packet.headerChecksumAt, packet.headerChecksumAt + 2);
  spans.push(addressAt, addressAt + (packet.family === 4 ? 4 : 16));
  const portAt = portAtOf(packet, end);
  // The identifier of an echo stands behind its checksum, ports before.
  if (portAt >= 0 && packet.kind !== "echo") spans.push(portAt, portAt + 2);
  if (packet.checksumAt >= 0)
    spans.push(packet.checksumAt, packet.checksumAt + (packet.protocol === PROTOCOL_SCTP ? 4 : 2));
  if (portAt >= 0 && packet.kind === "echo") spans.push(portAt, portAt + 2);
}

/** Offset of the first difference outside the spans, or -1. */
function firstChange(given: Uint8Array, result: Uint8Array, spans: readonly number[]): number {
  let at = 0;
  for (let i = 0; i < spans.length; i += 2) {
    const found = differenceIn(given, result, at, spans[i]!);
    if (found >= 0) return found;
    at = spans[i + 1]!;
  }
  return differenceIn(given, result, at, given.length);
}

function byteFinding(given: Uint8Array, result: Uint8Array, packet: IpPacket, at: number): Finding {
  const inPayload = packet.payloadAt >= 0 && at >= packet.payloadAt;
  const where = inPayload ? `payload byte ${at - packet.payloadAt}` : `header byte ${at} of the frame`;
  const why = `${where} is none that translation may change`;
  return finding(inPayload ? "payload" : "header-bytes", hex(given[at]!, 2), hex(result[at]!, 2), why);
}

function checkHeaderSum({ given, result, findings }: Pair, packet: IpPacket, field: MismatchField): void {
  const [before, after] = [ipv4HeaderSum(given, packet), ipv4HeaderSum(result, packet)];
  if (isSameSum(before, after)) return;
  const was = before === 0xffff ? "right" : `wrong by ${hex(0xffff - before, 4)}`;
  const got = readBe16(result, packet.headerChecksumAt);
  const wanted = hex(fold(got + before + (0xffff - after)), 4);
  findings.push(finding(field, wanted, hex(got, 4), `IPv4 header checksum was ${was} before`));
}

/** @param samePayload the payloads are known to be equal and so cancel out of the comparison of the two recounts */
function checkTransport(pair: Pair, packet: IpPacket, field: MismatchField, samePayload: boolean): void {
  if (packet.checksumAt < 0) return;
  if (packet.protocol === PROTOCOL_SCTP) return checkSctp(pair, packet, field);
  const { given, result, findings } = pair;
  const [before, after] = [readBe16(given, packet.checksumAt), readBe16(result, packet.checksumAt)];
  // RFC 3828 section 3.1: of UDP-Lite 0 is no checksum at all, and no receiver takes it.
  const zeroIsNone = packet.protocol === PROTOCOL_UDP || packet.protocol === PROTOCOL_UDP_LITE;
  if (zeroIsNone && (before === 0) !== (after === 0)) {
    const why =
      before === 0 ? "a datagram sent without a checksum stays without" : "a computed zero is sent as ffff (RFC 768)";
    findings.push(finding(field, before === 0 ? "0000" : "ffff", hex(after, 4), why));
    return;
  }
  if (zeroIsNone && before === 0) return;
  const end = samePayload ? packet.payloadAt : packet.end;
  const [sumBefore, sumAfter] = [sumTo(given, packet, end), sumTo(result, packet, end)];
  const keepsError = isSameSum(sumBefore, sumAfter);
  const mayBePartial = isSameSum(before, pseudoHeaderSum(given, packet));
  if (keepsError && !mayBePartial) return;
  const state = checksumState(given, packet);
  if (state === "partial") {
    const isPartialAfter = isSameSum(after, pseudoHeaderSum(result, packet));
    const isAmbiguous = field === "inner-checksum" || packet.end < packet.at + packet.length || packet.moreFragments;
    if (isPartialAfter || (isAmbiguous && keepsError)) return;
    const why = "a partial checksum (transmit offload) stays the sum of the pseudo-header";
    findings.push(finding(field, hex(pseudoHeaderSum(result, packet), 4), hex(after, 4), why));
    return;
  }
  if (keepsError || hidesQuotedChecksum(packet)) return;
  const wanted = hex(fold(after + sumBefore + (0xffff - sumAfter)), 4);
  findings.push(finding(field, wanted, hex(after, 4), `checksum was ${state} before, and what it covers moved`));
}

/** An ICMP error that quoted a TCP checksum behind the last captured byte: its own checksum covers one that moved unseen. */
function hidesQuotedChecksum({ at, length, inner }: IpPacket): boolean {
  return inner?.protocol === PROTOCOL_TCP && inner.checksumAt < 0 && inner.transportAt + 18 <= at + length;
}

/** Sum over the pseudo-header and the bytes up to `end`: of two frames that are equal from there on these differ as the whole sums do. */
function sumTo(bytes: Uint8Array, packet: IpPacket, end: number): number {
  return fold(addWords(pseudoHeaderSum(bytes, packet), bytes, packet.transportAt, end));
}

/** A CRC is linear: what it is off by stays the same bits. Without a new port nothing may change, nor may what nobody has computed. */
function checkSctp({ given, result, findings }: Pair, packet: IpPacket, field: MismatchField): void {
  const at = packet.checksumAt;
  const samePorts = differenceIn(given, result, packet.transportAt, packet.transportAt + 4) < 0;
  if (samePorts) {
    const changed = differenceIn(given, result, at, at + 4);
    if (changed >= 0)
      findings.push(finding(field, hex(given[changed]!, 2), hex(result[changed]!, 2), "SCTP's CRC covers no address"));
    return;
  }
  const [before, after] = [readLe32(given, at), readLe32(result, at)];
  const state = checksumState(given, packet);
  // Of a fragment or of a frame that was cut nobody can tell.
  if (state === "unverifiable") return;
  const wanted = state === "partial" ? before : (before ^ sctpCrc(given, packet) ^ sctpCrc(result, packet)) >>> 0;
  if (after === wanted) return;
  findings.push(finding(field, hex(wanted, 8), hex(after, 8), `CRC32c was ${state} before`));
}

function finding(field: MismatchField, expected: string, got: string, why: string): Finding {
  return { field, expected, got, why };
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
