import { formatAddress, parseAddress } from "../net/address.js";

/** Names of a cluster that are nobody's business, by what they name. */
export interface SecretNames {
  readonly node?: Iterable<string>;
  readonly zone?: Iterable<string>;
  readonly namespace?: Iterable<string>;
  readonly pod?: Iterable<string>;
  readonly policy?: Iterable<string>;
  readonly capture?: Iterable<string>;
  readonly file?: Iterable<string>;
  readonly device?: Iterable<string>;
}

/** Values of these keys are words of our own: never names, whatever a cluster may call its nodes. */
const OWN_WORDS: ReadonlySet<string> = new Set([
  "schema",
  "natProfile",
  "field",
  "action",
  "cause",
  "event",
  "at",
  "detectedAt",
  "causeAt",
  "ranDryAt",
  "what",
  "failback",
  "topology",
  "viewpoint",
  "kind",
]);
/** Parts of a report whose keys and values are all our own words. */
const OWN_SECTIONS: ReadonlySet<string> = new Set(["reasons", "reasonActions", "ciliumWould", "settings"]);
/** Anything that may be an address; what is not one is left alone. A port may follow an IPv4 address, and a prefix length either. */
const ADDRESS_LIKE =
  /[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){1,6}:\d{1,3}(?:\.\d{1,3}){3}|\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,5}){2,9}/g;
const MAC_LIKE = /\b[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}\b/g;
const TOKEN_EDGE = "[A-Za-z0-9_]";

/**
 * Replaces names and addresses by pseudonyms, the same one for the same thing. Pseudonyms count up in the order of first sight, so that
 * equal inputs give equal outputs and nothing of a name or an address is left in its pseudonym. Names become capitals, which Kubernetes
 * objects cannot have; IPv4 addresses come from 240.0.0.0/4, which nobody has (RFC 1112 section 4), IPv6 from 100::/64, which goes
 * nowhere (RFC 6666). The unspecified address stays.
 */
export class Redactor {
  readonly #names: ReadonlyMap<string, string>;
  readonly #pattern: RegExp | undefined;
  readonly #addresses = new Map<string, string>();
  readonly #macs = new Map<string, string>();
  #count4 = 0;
  #count6 = 0;

  constructor(names: SecretNames) {
    this.#names = pseudonyms(names);
    const longestFirst = [...this.#names.keys()].sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
    const any = longestFirst.map((name) => name.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|");
    this.#pattern = any ? new RegExp(`(?<!${TOKEN_EDGE})(?:${any})(?!${TOKEN_EDGE})`, "g") : undefined;
  }

  /** A text with the names and addresses in it replaced. */
  text(text: string): string {
    const named = this.#pattern ? text.replace(this.#pattern, (name) => this.#names.get(name)!) : text;
    return named
      .replace(MAC_LIKE, (mac) => this.#mac(mac.toLowerCase()))
      .replace(ADDRESS_LIKE, (candidate) => this.#address(candidate));
  }

  /** A copy of plain data with all its texts replaced, keys that are names or addresses too. */
  data<T>(value: T): T {
    return this.#data(value, "") as T;
  }

  #data(value: unknown, key: string): unknown {
    if (typeof value === "string") return OWN_WORDS.has(key) ? value : this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.#data(item, key));
    if (typeof value !== "object" || value === null) return value;
    if (OWN_SECTIONS.has(key)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [this.#key(name), this.#data(item, name)]));
  }

  /** Keys of our own records are no names, even where a node is called like one; `a/b`, dots and digits make a key foreign. */
  #key(name: string): string {
    return /^[a-z][A-Za-z]*$/.test(name) && !this.#names.has(name) ? name : this.text(name);
  }

  #address(candidate: string): string {
    const bytes = parseAddress(candidate);
    if (bytes) return this.#pseudonym(formatAddress(bytes)) ?? candidate;
    // An IPv6 address with a port glued to it.
    const end = candidate.lastIndexOf(":");
    const address = end > 0 ? parseAddress(candidate.slice(0, end)) : undefined;
    const pseudonym = address && this.#pseudonym(formatAddress(address));
    return pseudonym ? pseudonym + candidate.slice(end) : candidate;
  }

  /** Undefined for the unspecified address, which says nothing. */
  #pseudonym(canonical: string): string | undefined {
    if (canonical === "0.0.0.0" || canonical === "::") return undefined;
    const known = this.#addresses.get(canonical);
    if (known) return known;
    const pseudonym = canonical.includes(":") ? `100::${(++this.#count6).toString(16)}` : ipv4Pseudonym(++this.#count4);
    this.#addresses.set(canonical, pseudonym);
    return pseudonym;
  }

  #mac(mac: string): string {
    const known = this.#macs.get(mac);
    if (known) return known;
    const digits = (this.#macs.size + 1).toString(16).padStart(10, "0");
    const pseudonym = `02:${digits.match(/../g)!.join(":")}`;
    this.#macs.set(mac, pseudonym);
    return pseudonym;
  }
}

function pseudonyms(names: SecretNames): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (const [kind, list] of Object.entries(names) as [string, Iterable<string>][]) {
    let number = 0;
    for (const name of new Set(list))
      if (name !== "" && !map.has(name)) map.set(name, `${kind.toUpperCase()}-${++number}`);
  }
  return map;
}

function ipv4Pseudonym(number: number): string {
  return `240.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
}
