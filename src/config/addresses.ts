import { type AddressBytes, familyOf, formatAddress, type Prefix, parseAddress, parsePrefix } from "../net/address.js";
import type { Field } from "./field.js";

/** An address, or undefined where missing or (with a fault) something else. */
export function readAddress(field: Field): AddressBytes | undefined {
  const text = field.text("an IPv4 or IPv6 address");
  if (text === undefined) return undefined;
  const bytes = parseAddress(text);
  if (!bytes) field.fault("an IPv4 or IPv6 address");
  return bytes;
}

/** A CIDR; a fault where it is missing or something else, a warning where bits below its length are set. */
export function readPrefix(field: Field): Prefix | undefined {
  const expected = "a CIDR such as 10.0.0.0/8 or 2001:db8::/32";
  const text = field.requiredText(expected);
  if (text === undefined) return undefined;
  const prefix = parsePrefix(text);
  if (!prefix) {
    field.fault(expected);
    return undefined;
  }
  const address = parseAddress(text.slice(0, text.indexOf("/")))!;
  if (!sameAddress(address, prefix.bytes)) {
    field.warn("host bits in a CIDR", `${text} has bits set behind its length, it is taken as ${prefix.text}`);
  }
  return prefix;
}

/** All readable CIDRs of a list. */
export function readPrefixes(field: Field): Prefix[] {
  const prefixes: Prefix[] = [];
  for (const item of field.items()) {
    const prefix = readPrefix(item);
    if (prefix) prefixes.push(prefix);
  }
  return prefixes;
}

export function sameAddress(a: AddressBytes, b: AddressBytes): boolean {
  return compareAddresses(a, b) === 0;
}

/** Order by number, IPv4 (mapped) before most of IPv6. */
export function compareAddresses(a: AddressBytes, b: AddressBytes): number {
  for (let i = 0; i < 16; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}

/** A key for maps: equal for equal addresses. */
export function addressKey(bytes: AddressBytes): string {
  return formatAddress(bytes);
}

/** Whether other hosts can be reached from it: not loopback, link-local, unspecified or multicast. */
export function isGlobalUnicast(bytes: AddressBytes): boolean {
  if (familyOf(bytes) === 4) {
    const [a, b] = [bytes[12]!, bytes[13]!];
    return a !== 0 && a !== 127 && a < 224 && !(a === 169 && b === 254);
  }
  if (bytes[0] === 0xff || (bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80)) return false;
  return bytes.subarray(0, 15).some((byte) => byte !== 0) || bytes[15]! > 1;
}
