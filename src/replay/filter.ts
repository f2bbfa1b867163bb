import * as layout from "../../assembly/outside/layout.js";
import { UsageError } from "../errors.js";
import { type AddressBytes, hostPrefix, type Prefix, parseAddress, parsePrefix } from "../net/address.js";

/** One step of a compiled filter: an instruction over a stack of truth values (assembly/outside/filter.ts). */
export interface FilterInstruction {
  /** FILTER_* */
  readonly code: number;
  readonly value: number;
  readonly bytes: AddressBytes | undefined;
}

const PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ["icmp", 1],
  ["tcp", 6],
  ["udp", 17],
  ["sctp", 132],
]);
const VERSIONS: ReadonlyMap<string, number> = new Map([
  ["ip", 4],
  ["ip6", 6],
]);
const NET_CODES = { any: layout.FILTER_NET, src: layout.FILTER_SRC_NET, dst: layout.FILTER_DST_NET } as const;
const PORT_CODES = { any: layout.FILTER_PORT, src: layout.FILTER_SRC_PORT, dst: layout.FILTER_DST_PORT } as const;
/** Words that a protocol or version may stand in front of without `and`, as in tcpdump. */
const QUALIFIED: ReadonlySet<string> = new Set(["src", "dst", "host", "net", "port"]);
const MAX_DEPTH = 32;
const EXPECTED =
  "host ADDRESS, net CIDR, port NUMBER (each also with src or dst in front), tcp, udp, icmp, sctp, ip, ip6, not or (";

/**
 * Compiles a filter expression: `host A`, `net CIDR`, `port N`, each also with `src` or `dst` in front; `tcp`, `udp`, `icmp` (also ICMPv6),
 * `sctp`, `ip`, `ip6`, alone or in front of one of the former (`tcp port 443`); `and`, `or`, `not`, parentheses. `not` binds tightest, then `and`, then `or`. It looks at the packet that would be
 * used: the inner one of a decapsulated frame, a pod's own addresses rather than egress IPs.
 * @returns instructions in postfix order
 * @throws {UsageError} naming the word that does not fit
 */
export function compileFilter(text: string): FilterInstruction[] {
  const parser = new FilterParser(text);
  const program = parser.parse();
  if (program.length > layout.FILTER_MAX || depthOf(program) > MAX_DEPTH) {
    throw new UsageError(
      `filter: takes ${program.length} steps, ${depthOf(program)} deep; expected at most ${layout.FILTER_MAX}, ${MAX_DEPTH} deep`,
    );
  }
  return program;
}

class FilterParser {
  readonly #words: readonly string[];
  readonly #program: FilterInstruction[] = [];
  #at = 0;
  #nesting = 0;

  constructor(text: string) {
    this.#words = text.toLowerCase().match(/\(|\)|!|&&|\|\||[^\s()!&|]+|[&|]/g) ?? [];
  }

  parse(): FilterInstruction[] {
    this.#or();
    if (this.#at < this.#words.length) throw this.#unexpected("and, or, or the end");
    return this.#program;
  }

  #or(): void {
    this.#and();
    while (this.#take("or", "||")) {
      this.#and();
      this.#emit(layout.FILTER_OR);
    }
  }

  #and(): void {
    this.#not();
    while (this.#take("and", "&&")) {
      this.#not();
      this.#emit(layout.FILTER_AND);
    }
  }

  #not(): void {
    let negations = 0;
    while (this.#take("not", "!")) negations++;
    this.#primary();
    if (negations % 2 === 1) this.#emit(layout.FILTER_NOT);
  }

  #primary(): void {
    if (this.#take("(")) return this.#parenthesis();
    const word = this.#words[this.#at];
    const side = word === "src" || word === "dst" ? word : "any";
    if (side !== "any") this.#at++;
    if (this.#take("host")) return this.#address(side);
    if (this.#take("net")) return this.#net(side);
    if (this.#take("port")) return this.#emit(PORT_CODES[side], this.#port());
    const kind = this.#words[this.#at] ?? "";
    const protocol = PROTOCOLS.get(kind);
    const version = VERSIONS.get(kind);
    if (side !== "any" || (protocol === undefined && version === undefined)) {
      throw this.#unexpected(side === "any" ? EXPECTED : "host, net or port");
    }
    this.#at++;
    if (protocol !== undefined) this.#emit(layout.FILTER_PROTOCOL, protocol);
    else this.#emit(layout.FILTER_VERSION, version!);
    // `tcp port 443`, `udp dst host A`: the kind qualifies what follows.
    if (!QUALIFIED.has(this.#words[this.#at] ?? "")) return;
    this.#primary();
    this.#emit(layout.FILTER_AND);
  }

  #parenthesis(): void {
    if (++this.#nesting > MAX_DEPTH) throw this.#unexpected(`at most ${MAX_DEPTH} open parentheses`);
    this.#or();
    if (!this.#take(")")) throw this.#unexpected(")");
    this.#nesting--;
  }

  #address(side: keyof typeof NET_CODES): void {
    const bytes = parseAddress(this.#words[this.#at] ?? "");
    if (!bytes) throw this.#unexpected("an IPv4 or IPv6 address");
    this.#at++;
    this.#emitPrefix(NET_CODES[side], hostPrefix(bytes));
  }

  #net(side: keyof typeof NET_CODES): void {
    const prefix = parsePrefix(this.#words[this.#at] ?? "");
    if (!prefix) throw this.#unexpected("a CIDR such as 10.0.0.0/8");
    this.#at++;
    this.#emitPrefix(NET_CODES[side], prefix);
  }

  #port(): number {
    const word = this.#words[this.#at] ?? "";
    const port = /^\d{1,5}$/.test(word) ? Number(word) : -1;
    if (port < 0 || port > 0xffff) throw this.#unexpected("a port from 0 to 65535");
    this.#at++;
    return port;
  }

  #take(...words: string[]): boolean {
    if (!words.includes(this.#words[this.#at] ?? "")) return false;
    this.#at++;
    return true;
  }

  #emit(code: number, value = 0): void {
    this.#program.push({ code, value, bytes: undefined });
  }

  #emitPrefix(code: number, prefix: Prefix): void {
    this.#program.push({ code, value: prefix.length, bytes: prefix.bytes });
  }

  #unexpected(expected: string): UsageError {
    const word = this.#words[this.#at];
    const where = word === undefined ? "ends" : `word ${this.#at + 1} is ${word}`;
    return new UsageError(`filter: ${where}, expected ${expected}`);
  }
}

function depthOf(program: readonly FilterInstruction[]): number {
  let depth = 0;
  let deepest = 0;
  for (const { code } of program) {
    if (code === layout.FILTER_NOT) continue;
    depth += code === layout.FILTER_AND || code === layout.FILTER_OR ? -1 : 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}
