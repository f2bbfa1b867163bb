import type { Mutation } from "../verify/mutant.js";

/** A bug to plant, and the test file that is meant to notice it. */
export interface Mutant extends Mutation {
  /** What is wrong with such an engine. */
  readonly what: string;
  readonly killer: string;
  /**
   * Part of the names of the tests in there that must fail: then the mutant is one of the short run, in the system tests. All of them are
   * in `test/soak/mutants.mjs`, where every test of every file may notice them.
   */
  readonly test?: string;
}

const CHECKSUM = "assembly/wire/checksum.ts";
const PARSE = "assembly/wire/parse.ts";
const PORTS = "assembly/tables/nat-ports.ts";
const GROUPS = "assembly/tables/port-groups.ts";
const CONNTRACK = "assembly/tables/conntrack.ts";
const TAGS = "assembly/tables/tags.ts";
const LIFETIME = "assembly/tables/lifetime.ts";
const RESTORE = "assembly/tables/restore.ts";
const CONNECTION = "assembly/path/connection.ts";
const REWRITE = "assembly/path/rewrite.ts";
const STRAIGHT = "assembly/path/straight.ts";
const ICMP_ERROR = "assembly/path/icmp-error.ts";
const FROM_ENDPOINT = "assembly/path/from-endpoint.ts";
const FROM_NETWORK = "assembly/path/from-network.ts";

const CHECKSUM_TESTS = "test/nat/t13-checksums.test.ts";
const MAPPING_TESTS = "test/nat/t20-mappings.test.ts";
const ERROR_TESTS = "test/nat/t04-icmp-error.test.ts";
const PORT_TESTS = "test/nat/t21-ports.test.ts";
const LIFETIME_TESTS = "test/nat/t29-lifetimes.test.ts";
const STATE_TESTS = "test/nat/t35-tcp-states.test.ts";
const UNSOLICITED_TESTS = "test/nat/t51-unsolicited.test.ts";
const FLOOD_TESTS = "test/nat/t54-hash-flood.test.ts";
const MALFORMED_TESTS = "test/nat/t01-malformed.test.ts";
const IPV6_TESTS = "test/assembly/path/ipv6.test.ts";
const RESTORE_TESTS = "test/assembly/path/restore.test.ts";

/** Search texts are short, so that they outlive changes around them; one that is gone or stands twice fails a test. */
export const MUTANTS: readonly Mutant[] = [
  {
    what: "the update of a checksum has the wrong sign",
    file: CHECKSUM,
    search: "<i32>checksum - <i32>delta;",
    replace: "<i32>checksum + <i32>delta;",
    killer: CHECKSUM_TESTS,
    test: "T13",
  },
  {
    what: "a UDP checksum that comes to 0 is sent as 0",
    file: CHECKSUM,
    search: "return next == 0 ? 0xffff : next;",
    replace: "return next;",
    killer: CHECKSUM_TESTS,
    test: "T13",
  },
  {
    what: "a UDP datagram without a checksum gets one",
    file: CHECKSUM,
    search: "if (checksum == 0) return 0;",
    replace: "",
    killer: CHECKSUM_TESTS,
    test: "T16",
  },
  {
    what: "source and destination of the packet that an ICMP error quotes are swapped",
    file: ICMP_ERROR,
    search: "fromEndpoint ? inner + IPV4_DST_AT : inner + IPV4_SRC_AT",
    replace: "fromEndpoint ? inner + IPV4_SRC_AT : inner + IPV4_DST_AT",
    killer: ERROR_TESTS,
    test: "T04",
  },
  {
    what: "the checksum of an ICMP error does not follow the quoted address",
    file: ICMP_ERROR,
    search: "let sum = combine(addressDelta, replaceChecksum(inner + IPV4_CHECKSUM_AT, addressDelta));",
    replace: "let sum = replaceChecksum(inner + IPV4_CHECKSUM_AT, addressDelta);",
    killer: ERROR_TESTS,
  },
  {
    what: "an endpoint's own port one below the range is kept",
    file: PORTS,
    search: "if (own - low < ports &&",
    replace: "if (own + 1 - low <= ports &&",
    killer: PORT_TESTS,
    test: "just outside of it",
  },
  {
    what: "an endpoint's own port one above the range is kept",
    file: PORTS,
    search: "if (own - low < ports &&",
    replace: "if (own - low <= ports &&",
    killer: PORT_TESTS,
    test: "just outside of it",
  },
  {
    what: "the last port of the range is never given",
    file: GROUPS,
    search: "return snatHigh - snatLow + 1;",
    replace: "return snatHigh - snatLow;",
    killer: PORT_TESTS,
    test: "T21",
  },
  {
    what: "the table gets no entry for the reply",
    file: CONNTRACK,
    search: "claim(slotB, addressesB, keyB)",
    replace: "claim(slotB, addressesA, keyA)",
    killer: MAPPING_TESTS,
    test: "T26",
  },
  {
    what: "the IPv4 header's checksum does not follow the TTL",
    file: CONNECTION,
    search: "<u16>(hop ? combine(addressDelta, TTL_DELTA) : addressDelta)",
    replace: "<u16>addressDelta",
    killer: MAPPING_TESTS,
    test: "T20 an established",
  },
  {
    what: "the TTL is not put down on the straight line",
    file: STRAIGHT,
    search: "<u8>(ttl - hop), IPV4_TTL_AT",
    replace: "<u8>ttl, IPV4_TTL_AT",
    killer: MAPPING_TESTS,
  },
  {
    what: "a packet whose TTL ends at the gateway leaves on the straight line",
    file: STRAIGHT,
    search: "u32(ttl <= 1)",
    replace: "u32(ttl < 1)",
    killer: MAPPING_TESTS,
  },
  {
    what: "a packet whose length ends within its header is translated",
    file: "assembly/path/plain.ts",
    search: "if (total - (IPV4_MIN_SIZE + UDP_SIZE) > captured - (ETHERNET_SIZE + IPV4_MIN_SIZE + UDP_SIZE)) break;",
    replace: "if (total + ETHERNET_SIZE > captured) break;",
    killer: MALFORMED_TESTS,
  },
  {
    what: "an IPv6 transport checksum does not follow the address",
    file: CONNECTION,
    search: "isIpv6 ? delta128(addressRow(was), addressRow(address))",
    replace: "isIpv6 ? 0",
    killer: IPV6_TESTS,
    test: "T48",
  },
  {
    what: "the hop limit is not put down",
    file: REWRITE,
    search: "load<u8>(l3, IPV6_HOP_LIMIT_AT) - 1",
    replace: "load<u8>(l3, IPV6_HOP_LIMIT_AT)",
    killer: IPV6_TESTS,
    test: "T48",
  },
  {
    what: "a ninth extension header is stepped over",
    file: "assembly/wire/ipv6.ts",
    search: "const MAX_HEADERS: u32 = 8;",
    replace: "const MAX_HEADERS: u32 = 9;",
    killer: IPV6_TESTS,
  },
  {
    what: "the checksum of an ICMPv6 error does not follow its own address",
    file: "assembly/path/quoted6.ts",
    search: "sum = combine(sum, putAddress(outerAt, row));",
    replace: "putAddress(outerAt, row);",
    killer: "test/assembly/path/icmp6-error.test.ts",
  },
  {
    what: "an echo reply is taken for a request",
    file: PARSE,
    search: "return makeKey((id << 16) | other, PROTOCOL_ICMP, hook | LINE_HOOK_ANSWER);",
    replace: "return makeKey(id | (other << 16), PROTOCOL_ICMP, hook);",
    killer: MAPPING_TESTS,
    test: "T26",
  },
  {
    what: "a connection lives one tick too long",
    file: LIFETIME,
    search: ">= lifetime && now - load<u32>(otherLine(line), LINE_SEEN_AT) >= lifetime;",
    replace: "> lifetime && now - load<u32>(otherLine(line), LINE_SEEN_AT) > lifetime;",
    killer: LIFETIME_TESTS,
    test: "to the millisecond",
  },
  {
    what: "a connection lives one tick too long on the straight line",
    file: STRAIGHT,
    search: "LINE_SEEN_AT) >= lifetime",
    replace: "LINE_SEEN_AT) > lifetime",
    killer: LIFETIME_TESTS,
  },
  {
    what: "frames of the other direction do not keep a connection alive",
    file: LIFETIME,
    search: "&& now - load<u32>(otherLine(line), LINE_SEEN_AT) >= lifetime;",
    replace: ";",
    killer: LIFETIME_TESTS,
  },
  {
    what: "an RST ends an established connection at once",
    file: LIFETIME,
    search: "const lifetime = lifetimeOf(line);",
    replace: "const lifetime = load<u8>(line, LINE_STATE_AT) & STATE_RESET ? <u32>0 : lifetimeOf(line);",
    killer: LIFETIME_TESTS,
    test: "T29 one RST",
  },
  {
    what: "data after an RST does not bring a connection back",
    file: LIFETIME,
    search: "state &= ~STATE_RESET;",
    replace: "",
    killer: LIFETIME_TESTS,
  },
  {
    what: "a full table gives up established connections before unanswered ones",
    file: CONNTRACK,
    search: "return isReplied(line) ? ESTABLISHED : 2;",
    replace: "return isReplied(line) ? 2 : ESTABLISHED;",
    killer: FLOOD_TESTS,
    test: "half-open flows of a flood",
  },
  {
    what: "a freed TCP port is not held down",
    file: LIFETIME,
    search: "== TCP ? timeoutOf(line, TIMEOUT_HOLD) : 0;",
    replace: "== TCP ? 0 : 0;",
    killer: PORT_TESTS,
    test: "is given to nobody for 120 s",
  },
  {
    what: "what arrives for a port that is held down is translated",
    file: FROM_NETWORK,
    search: "if (line != 0 && isHeld(line)) line = 0;",
    replace: "",
    killer: PORT_TESTS,
  },
  {
    what: "ports that are held down may fill the table",
    file: CONNTRACK,
    search: "const HELD_SHIFT: u32 = 2;",
    replace: "const HELD_SHIFT: u32 = 0;",
    killer: PORT_TESTS,
  },
  {
    what: "the search for a port misses one of every 64",
    file: PORTS,
    search: "~outsideMask(word, low, high);",
    replace: "~outsideMask(word, low, high) & ~bit(17);",
    killer: PORT_TESTS,
    test: "T21",
  },
  {
    what: "a port is not given away again when its connection has expired",
    file: PORTS,
    search: "if (load<u32>(boundAt(bitmap, word)) <= now)",
    replace: "if (load<u32>(boundAt(bitmap, word)) == 0)",
    killer: "test/assembly/path/ports.test.ts",
  },
  {
    what: "every search for a port begins at the same one",
    file: PORTS,
    search: "let offset = scale(random, ports);",
    replace: "let offset: u32 = 0;",
    killer: "test/nat/t55-port-draws.test.ts",
  },
  {
    what: "a key may lie behind the lines that a lookup looks at",
    file: TAGS,
    search: "for (let slot = first; slot < first + PROBE_LIMIT; slot += WINDOW) {",
    replace: "for (let slot = first; slot < lineCount + PROBE_LIMIT; slot += WINDOW) {",
    killer: FLOOD_TESTS,
    test: "T54 under the same seed",
  },
  {
    what: "places in the table do not depend on the seed",
    file: "assembly/tables/hash.ts",
    search: "let h = (addresses ^ seed) * M1;\n  h ^= h >> 32;\n  h = (h ^ key ^ rotl<u64>(seed, 32)) * M2;",
    replace: "let h = addresses * M1;\n  h ^= h >> 32;\n  h = (h ^ key) * M2;",
    killer: FLOOD_TESTS,
  },
  {
    what: "a line that moves up is lost to its partner",
    file: CONNTRACK,
    search: "else store<u32>(lineAt(pair == next ? gap : pair), gap, LINE_PAIR_AT);",
    replace: "",
    killer: MAPPING_TESTS,
  },
  {
    what: "a line that moves up leaves its tag where it was",
    file: CONNTRACK,
    search: "    moveTag(gap, next);\n",
    replace: "",
    killer: MAPPING_TESTS,
  },
  {
    what: "of the lines that bear a key's tag only the first is looked at",
    file: CONNTRACK,
    search: "matches != 0; matches &= matches - 1)",
    replace: "matches != 0; matches = 0)",
    killer: MAPPING_TESTS,
  },
  {
    what: "a search ends behind eight lines",
    file: CONNTRACK,
    search: "if (Tags.free(tags) != 0) return 0;",
    replace: "return 0;",
    killer: FLOOD_TESTS,
  },
  {
    what: "a state that is taken back has no tags",
    file: "assembly/path/control.ts",
    search: "  retag();\n",
    replace: "",
    killer: "test/nat/t56-determinism.test.ts",
  },
  {
    what: "what was looked up ahead stands when an address has lost its owner",
    file: "assembly/path/ahead.ts",
    search: " && ownsAt(p.endpoint, nowNs());",
    replace: ";",
    killer: "test/assembly/path/owners.test.ts",
  },
  {
    what: "where replies to one egress would lie is where those to another are looked for",
    file: "assembly/path/ahead.ts",
    search: " && p.egress == egress;",
    replace: ";",
    killer: "test/assembly/path/ahead.test.ts",
  },
  {
    what: "sections of a policy may share bytes",
    file: "assembly/tables/policy-check.ts",
    search: "if (shareBytes(blob, id, other)) return ERROR_POLICY_SECTION;",
    replace: "{}",
    killer: "test/assembly/path/blob.test.ts",
  },
  {
    what: "the look ahead does not ask whether a remote is of the cluster",
    file: "assembly/path/ahead.ts",
    search: "if (endpoint == NO_INDEX || neverSelected(0, remote)) return false;",
    replace: "if (endpoint == NO_INDEX) return false;",
    killer: "test/assembly/path/ahead.test.ts",
  },
  {
    what: "a prefix of the cluster speaks of the addresses with its own first byte only",
    file: "assembly/tables/policy.ts",
    search: "length >= FIXED_BITS + 8 ? 1 : 1 << (FIXED_BITS + 8 - length);",
    replace: "1;",
    killer: "test/assembly/path/ahead.test.ts",
  },
  {
    what: "a saved state may hold lines whose partner belongs to another",
    file: RESTORE,
    search: "if (pair >= total || load<u32>(lineAt(pair), LINE_PAIR_AT) != slot) return false;",
    replace: "if (pair >= total) return false;",
    killer: RESTORE_TESTS,
    test: "partner belongs to another",
  },
  {
    what: "a saved state may hold IPv6 lines whose addresses do not exist",
    file: RESTORE,
    search: "if (isIpv6Line(line) && !areNumbersSound(line)) return false;",
    replace: "",
    killer: RESTORE_TESTS,
  },
  {
    what: "a saved state may count connections that it does not have",
    file: RESTORE,
    search: "used == entries * 2 &&",
    replace: "",
    killer: RESTORE_TESTS,
  },
  {
    what: "a change of policy leaves connections as they were decided",
    file: "assembly/path/control.ts",
    search: "  rebasePorts();\n  bumpEpoch();",
    replace: "  rebasePorts();",
    killer: "test/assembly/path/reload.test.ts",
    test: "a lifetime that a reload makes shorter",
  },
  {
    what: "a packet with one address as source and destination passes",
    file: FROM_ENDPOINT,
    search: "if (isLand(p)) return v.drop(REASON_BAD_SOURCE);",
    replace: "",
    killer: MALFORMED_TESTS,
    test: "I16",
  },
  {
    what: "an endpoint may send with a multicast source",
    file: "assembly/path/stateless.ts",
    search: "first == 127 || first >= 224;",
    replace: "first == 127 || first > 224;",
    killer: MALFORMED_TESTS,
  },
  {
    what: "a SYN with FIN is translated",
    file: "assembly/wire/transport.ts",
    search: "return (flags & (TCP_FIN | TCP_RST)) != 0;",
    replace: "return (flags & TCP_RST) != 0;",
    killer: MALFORMED_TESTS,
  },
  {
    what: "an ICMP error is translated whomever it is addressed to",
    file: ICMP_ERROR,
    search: "if (memory.compare(p.l3 + dst, inner + src, size) != 0) return true;",
    replace: "",
    killer: ERROR_TESTS,
    test: "T10",
  },
  {
    what: "an endpoint may send ICMP errors about another's connection",
    file: ICMP_ERROR,
    search: "return isSpoofed(srcHigh(p), srcLow(p)) || findEndpoint(srcHigh(p), srcLow(p), nowNs()) != NO_INDEX;",
    replace: "return isSpoofed(srcHigh(p), srcLow(p));",
    killer: ERROR_TESTS,
  },
  {
    what: "the uplink reaches selected endpoints without a mapping",
    file: FROM_NETWORK,
    search: "if (isDirect && !matchPolicy(endpoint, srcHigh(p), srcLow(p))) return",
    replace: "if (false) return",
    killer: UNSOLICITED_TESTS,
  },
  {
    what: "what nobody asked for passes to the egress IP",
    file: FROM_NETWORK,
    search: "if (isEgressAddress(dstHigh(p), dstLow(p))) return v.drop(REASON_NO_REVERSE_MAPPING);",
    replace: "",
    killer: UNSOLICITED_TESTS,
  },
  {
    what: "reasons are not counted",
    file: "assembly/path/verdict.ts",
    search: "count(<usize>COUNTER_REASONS_AT + ((<usize>reason) << 3));",
    replace: "",
    killer: MALFORMED_TESTS,
    test: "counts as passed or under its one reason",
  },
  {
    what: "translated frames count as restored ones on the straight line",
    file: STRAIGHT,
    search: "countMany(COUNTER_ACTIONS_AT + ACTION_SNAT * 8, sent)",
    replace: "countMany(COUNTER_ACTIONS_AT + ACTION_REVERSE * 8, sent)",
    killer: MAPPING_TESTS,
  },
  {
    what: "one byte behind the frame is written on the straight line",
    file: STRAIGHT,
    search: "store<u16>(l3, <u16>checksum, IPV4_CHECKSUM_AT);",
    replace: "store<u16>(l3, <u16>checksum, IPV4_CHECKSUM_AT); store<u8>(p.end, 0x5a);",
    killer: MAPPING_TESTS,
    test: "T20 an established",
  },
  {
    what: "a checksum that was not captured is written all the same",
    file: REWRITE,
    search: "  if (p.flags & PARSED_NO_CHECKSUM) return;\n",
    replace: "",
    killer: "test/assembly/path/translate.test.ts",
  },
  {
    what: "a wrong TCP checksum is let through under --bad-checksum drop",
    file: "assembly/wire/recount.ts",
    search: "return pseudoSum(p, PROTOCOL_TCP, length) != RIGHT;",
    replace: "return false;",
    killer: "test/nat/t09-bad-checksum.test.ts",
  },
  {
    what: "coarse times are not set back when the clock's base moves",
    file: CONNTRACK,
    search: "seen > back ? <u32>(seen - back) : 0",
    replace: "<u32>seen",
    killer: "test/assembly/path/lifetimes.test.ts",
  },
  {
    what: "an RST with any sequence number shortens an established connection",
    file: CONNECTION,
    search: "return ahead + RESET_WINDOW > RESET_WINDOW << 1;",
    replace: "return false;",
    killer: LIFETIME_TESTS,
    test: "RSTs whose sequence number",
  },
  {
    what: "SCTP passes on the straight line, which knows no CRC",
    file: "assembly/path/prepare.ts",
    search: ": OTHER_TRANSPORT;",
    replace: ": 0;",
    killer: "test/nat/t45-sctp.test.ts",
  },
  {
    what: "the straight line does not keep what the endpoint acknowledges",
    file: STRAIGHT,
    search: "store<u32>(line, load<u32>(l4, TCP_ACK_AT), LINE_ACK_AT);",
    replace: "load<u32>(l4, TCP_ACK_AT);",
    killer: LIFETIME_TESTS,
  },
  {
    what: "an IPv6 endpoint's segments count as the outside's",
    file: LIFETIME,
    search: "LINE_HOOK_AT) & LINE_HOOK_MASK) == HOOK_FROM_ENDPOINT",
    replace: "LINE_HOOK_AT) & ~(<u8>0x80)) == HOOK_FROM_ENDPOINT",
    killer: STATE_TESTS,
    test: "T35",
  },
];
