import ipaddr from "ipaddr.js";

/** 16 bytes, network order; IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2). The form that the engine's memory holds. */
export type AddressBytes = Uint8Array;

/** IP version. */
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
  const hexadecimal = dottedTailToHex(text);
  if (!hexadecimal?.includes(":") || text.includes("%") || !ipaddr.IPv6.isValid(hexadecimal)) return undefined;
  return Uint8Array.from(ipaddr.IPv6.parse(hexadecimal).toByteArray());
}

/** `::ffff:1.2.3.4` with its last four bytes as two groups (RFC 4291 section 2.2); undefined where the tail is no dotted quad. */
function dottedTailToHex(text: string): string | undefined {
  if (!text.includes(".")) return text;
  const tailAt = text.lastIndexOf(":") + 1;
  const tail = text.slice(tailAt);
  if (tailAt === 0 || !ipaddr.IPv4.isValidFourPartDecimal(tail)) return undefined;
  const [a, b, c, d] = ipaddr.IPv4.parse(tail).octets as [number, number, number, number];
  return `${text.slice(0, tailAt)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

export function familyOf(bytes: AddressBytes): Family {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return 6;
  return bytes[10] === 0xff && bytes[11] === 0xff ? 4 : 6;
}

/** `198.51.100.7:443`, `[2001:db8::7]:443`. */
export function socketText(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Canonical text: dotted quad for IPv4 (also mapped), RFC 5952 for IPv6. */
export function formatAddress(bytes: AddressBytes): string {
  if (familyOf(bytes) === 4) return `${bytes[12]}.${bytes[13]}.${bytes[14]}.${bytes[15]}`;
  return new ipaddr.IPv6(Array.from(bytes)).toRFC5952String();
}

/**
 * @returns the prefix with its host bits cleared, or undefined where `text` is not a CIDR with an explicit length. An IPv6 text inside of
 * ::ffff:0:0/96 is refused: written so, an IPv4 range would count as one of IPv6.
 */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const bytes = parseAddress(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (!bytes || !/^(0|[1-9]\d{0,2})$/.test(digits)) return undefined;
  const family: Family = text.includes(":") ? 6 : 4;
  const bits = Number(digits);
  if (bits > (family === 4 ? 32 : 128)) return undefined;
  const length = family === 4 ? 96 + bits : bits;
  if (family === 6 && bits >= 96 && familyOf(bytes) === 4) return undefined;
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
