import ipaddr from "ipaddr.js";

/** 16 bytes, network order; IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2). The form that the engine's memory holds. */
export type AddressBytes = Uint8Array;

export type Family = 4 | 6;

/** A prefix over 16-byte addresses: an IPv4 /n has `length` 96 + n. Host bits of `bytes` are zero. */
export interface Prefix {
  readonly bytes: AddressBytes;
  /** 0 … 128 */
  readonly length: number;
  readonly family: Family;
  /** Canonical text, e.g. `10.0.0.0/8`. */
  readonly text: string;
}

/** @returns the 16 bytes of a dotted-quad or IPv6 text, or undefined where it is neither (`10.1` and `010.0.0.1` are neither). */
export function parseAddress(text: string): AddressBytes | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) {
    const mapped = ipaddr.IPv4.parse(text).toIPv4MappedAddress();
    return Uint8Array.from(mapped.toByteArray());
  }
  if (text.includes(":") && !text.includes("%") && ipaddr.IPv6.isValid(text)) {
    return Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray());
  }
  return undefined;
}

export function familyOf(bytes: AddressBytes): Family {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return 6;
  return bytes[10] === 0xff && bytes[11] === 0xff ? 4 : 6;
}

/** Canonical text: dotted quad for IPv4 (also mapped), RFC 5952 for IPv6. */
export function formatAddress(bytes: AddressBytes): string {
  if (familyOf(bytes) === 4) return `${bytes[12]}.${bytes[13]}.${bytes[14]}.${bytes[15]}`;
  return new ipaddr.IPv6(Array.from(bytes)).toRFC5952String();
}

/** @returns the prefix with its host bits cleared, or undefined where `text` is not a CIDR with an explicit length. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const bytes = parseAddress(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (!bytes || !/^\d{1,3}$/.test(digits)) return undefined;
  const family: Family = text.includes(":") ? 6 : 4;
  const bits = Number(digits);
  if (bits > (family === 4 ? 32 : 128)) return undefined;
  const length = family === 4 ? 96 + bits : bits;
  clearHostBits(bytes, length);
  return { bytes, length, family, text: prefixText(bytes, bits, family) };
}

/** The prefix that holds exactly this address. */
export function hostPrefix(bytes: AddressBytes): Prefix {
  const family = familyOf(bytes);
  return { bytes, length: 128, family, text: prefixText(bytes, family === 4 ? 32 : 128, family) };
}

export function prefixContains(prefix: Prefix, address: AddressBytes): boolean {
  const whole = prefix.length >> 3;
  for (let i = 0; i < whole; i++) if (prefix.bytes[i] !== address[i]) return false;
  const rest = prefix.length & 7;
  if (rest === 0) return true;
  const mask = (0xff << (8 - rest)) & 0xff;
  return ((prefix.bytes[whole]! ^ address[whole]!) & mask) === 0;
}

function clearHostBits(bytes: Uint8Array, length: number): void {
  for (let i = 0; i < 16; i++) {
    const keep = Math.min(8, Math.max(0, length - i * 8));
    bytes[i] = bytes[i]! & (0xff << (8 - keep));
  }
}

function prefixText(bytes: AddressBytes, bits: number, family: Family): string {
  const address = family === 4 ? formatAddress(bytes) : new ipaddr.IPv6(Array.from(bytes)).toRFC5952String();
  return `${address}/${bits}`;
}
