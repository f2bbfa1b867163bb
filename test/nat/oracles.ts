/**
 * What must hold of every frame that comes out of a NAT, read from the RFCs alone: nothing here is shared with the engine or the verifier.
 * Offsets are into the IPv4 packet. Frames are Ethernet without tags unless a test puts something else around the packet itself.
 */
import { onesSum } from "../support/frames.js";

/** Addresses that only an endpoint has: none of them may be the source of what leaves. */
export const INSIDE_PREFIX = Uint8Array.of(10, 0, 0);

const UDP_LITE = 136;
const DCCP = 33;
/** Protocols whose checksum covers a pseudo-header. Whatever else a sender leaves out of it cancels out of a difference. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [6, "TCP"],
  [17, "UDP"],
  [UDP_LITE, "UDP-Lite"],
  [DCCP, "DCCP"],
]);

/** Reasons under which a frame of an endpoint goes nowhere outside: such destinations are never routed there. */
const STAYS_INSIDE = new Set(["cluster-internal", "link-local", "multicast", "broadcast", "loopback"]);

export interface Judged {
  readonly hook: "from-endpoint" | "from-network";
  readonly given: Uint8Array;
  readonly result: Uint8Array;
  readonly action: string;
  readonly reason: string;
  /** One routed hop lies between endpoint and gateway: the TTL falls by one. */
  readonly hop: boolean;
  /** Its sender left the transport checksum to the network card: it is no checksum yet. */
  readonly partial?: boolean;
}

/** Every fault of one outcome, in words; none where it is as it must be. `at` is where the IPv4 header starts. */
export function faultsOf(judged: Judged, at = 14): string[] {
  const { given, result, action } = judged;
  const faults: string[] = [];
  if (result.length !== given.length) faults.push(`length ${given.length} became ${result.length}`);
  if (action !== "snat" && action !== "reverse") {
    if (!equal(given, result)) faults.push(`a frame that was not translated changed (${action})`);
    if (isLeak(judged, at)) faults.push(`leaves with an inside source (${action}, ${judged.reason})`);
    return faults;
  }
  if (action === "snat" && isInside(result, at + 12)) faults.push("translated, but the source is inside");
  faults.push(...maskFaults(judged, at), ...sumFaults(given.subarray(at), result.subarray(at), judged.partial));
  return faults;
}

/** An endpoint's answer to a connection from outside goes back as it came; by its first frame it must show that it is one. */
function isLeak({ hook, action, reason, result }: Judged, at: number): boolean {
  if (hook !== "from-endpoint" || action !== "pass" || !isInside(result, at + 12)) return false;
  return reason === "reply-of-inbound" ? !looksLikeAnswer(result.subarray(at)) : !STAYS_INSIDE.has(reason);
}

/** Exactly SYN and ACK of the flags that change a connection's state, or an echo or timestamp reply. */
function looksLikeAnswer(packet: Uint8Array): boolean {
  const l4 = (packet[0] & 15) * 4;
  if (packet[9] === 1) return packet[l4] === 0 || packet[l4] === 14;
  return packet[9] === 6 && (packet[l4 + 13] & 0x17) === 0x12;
}

function isInside(frame: Uint8Array, at: number): boolean {
  return INSIDE_PREFIX.every((byte, i) => frame[at + i] === byte);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** RFC 3022 section 4: nothing changes but the addresses and ports of one side, the TTL, and the checksums over them. */
function maskFaults({ hook, given, result, hop }: Judged, at: number): string[] {
  const allowed = new Set<number>();
  const allow = (from: number, length: number) => {
    for (let i = 0; i < length; i++) allowed.add(from + i);
  };
  const out = hook === "from-endpoint";
  allow(at + 10, 2);
  allow(at + (out ? 12 : 16), 4);
  if (hop) allow(at + 8, 1);
  const l4 = at + (given[at] & 15) * 4;
  const isLater = (given[at + 6] & 0x1f) !== 0 || given[at + 7] !== 0;
  if (!isLater) allowTransport(given, l4, given[at + 9], out ? "src" : "dst", allow);
  if (!isLater && given[at + 9] === 1 && isError(given[l4])) {
    const inner = l4 + 8;
    allow(inner + 10, 2);
    allow(inner + (out ? 16 : 12), 4);
    const innerL4 = inner + (given[inner] & 15) * 4;
    allowTransport(given, innerL4, given[inner + 9], out ? "dst" : "src", allow);
  }
  const faults: string[] = [];
  for (let i = 0; i < given.length; i++)
    if (given[i] !== result[i] && !allowed.has(i))
      faults.push(`byte ${i - at} of the packet changed from ${given[i]} to ${result[i]}`);
  return faults;
}

function allowTransport(
  frame: Uint8Array,
  l4: number,
  protocol: number,
  side: "src" | "dst",
  allow: (from: number, length: number) => void,
): void {
  if (protocol === 1) {
    allow(l4 + 2, 2);
    if (!isError(frame[l4])) allow(l4 + 4, 2);
    return;
  }
  if (protocol === 6 || protocol === 17 || protocol === 132) allow(side === "src" ? l4 : l4 + 2, 2);
  if (protocol === 6) allow(l4 + 16, 2);
  if (protocol === 17 || protocol === UDP_LITE || protocol === DCCP) allow(l4 + 6, 2);
  if (protocol === 132) allow(l4 + 8, 4);
}

/**
 * CRC32c as RFC 9260 appendix A has it on paper: a division of polynomials over GF(2), bit by bit, the first bit of a byte its lowest.
 * @param field offset of the four bytes that hold it: they count as zero
 */
export function crc32cBitwise(bytes: Uint8Array, field = -4): number {
  let register = 0xffff_ffff;
  for (let at = 0; at < bytes.length; at++) {
    const byte = at >= field && at < field + 4 ? 0 : bytes[at];
    for (let bit = 0; bit < 8; bit++) {
      const isHigh = (register >>> 31) ^ ((byte >> bit) & 1);
      register = ((register << 1) ^ (isHigh ? 0x1edc_6f41 : 0)) >>> 0;
    }
  }
  let reflected = 0;
  for (let bit = 0; bit < 32; bit++) if ((register >>> bit) & 1) reflected += 2 ** (31 - bit);
  return (reflected ^ 0xffff_ffff) >>> 0;
}

export function isError(icmpType: number): boolean {
  return icmpType === 3 || icmpType === 4 || icmpType === 11 || icmpType === 12;
}

/**
 * How far every checksum of a packet is off, modulo 0xFFFF: right stays right, wrong stays wrong by the same amount (RFC 1624); a CRC by
 * the same bits (RFC 9260 section 6.8), a changed address moves none of them.
 */
function sumFaults(given: Uint8Array, result: Uint8Array, partial = false): string[] {
  const faults: string[] = [];
  const before = errorsOf(given);
  const after = errorsOf(result);
  for (const [name, error] of before) {
    if (partial && name !== "IP") continue;
    const now = after.get(name);
    if (now !== error) faults.push(`${name} checksum was off by ${error}, now by ${now}`);
  }
  return faults;
}

/** By name of the header, what its checksum is off by: a number below 0xFFFF, `none` (UDP without one). Cut ones are left out. */
function errorsOf(packet: Uint8Array, prefix = ""): Map<string, number | "none"> {
  const errors = new Map<string, number | "none">();
  const headerLength = (packet[0] & 15) * 4;
  const total = packet[2] * 256 + packet[3];
  if (packet.length < headerLength) return errors;
  errors.set(`${prefix}IP`, onesSum(packet.subarray(0, headerLength)) % 0xffff);
  const isFragment = (packet[6] & 0x3f) !== 0 || packet[7] !== 0;
  if (total > packet.length || isFragment) return errors;
  const segment = packet.subarray(headerLength, total);
  const protocol = packet[9];
  if (protocol === 1) {
    errors.set(`${prefix}ICMP`, onesSum(segment) % 0xffff);
    if (prefix === "" && isError(segment[0]))
      for (const [name, error] of errorsOf(segment.subarray(8), "inner ")) errors.set(name, error);
  } else if (protocol === 17 && segment[6] === 0 && segment[7] === 0) errors.set(`${prefix}UDP`, "none");
  else if (protocol === 132 && segment.length >= 12) {
    const field = new DataView(segment.buffer, segment.byteOffset).getUint32(8, true);
    errors.set(`${prefix}SCTP`, (field ^ crc32cBitwise(segment, 8)) >>> 0);
  } else if (NAMES.has(protocol)) {
    const pseudo = Uint8Array.of(0, protocol, segment.length >> 8, segment.length & 255);
    errors.set(`${prefix}${NAMES.get(protocol)}`, onesSum(packet.subarray(12, 20), pseudo, segment) % 0xffff);
  }
  return errors;
}
