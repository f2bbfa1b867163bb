import {
  ethernet,
  type Ipv6Extension,
  type Ipv6Fields,
  icmpEcho,
  icmpMessage,
  ipv6,
  type Layer4,
  otherProtocol,
  patterned,
  tcp,
  text,
  udp,
} from "../../../support/frames.js";
import { Book } from "../book.js";
import { query, reply, segment } from "../builders.js";
import { drop, pass, type Want } from "../say.js";
import { at, at6, EXT6, INSIDE6, NEAR, near, REMOTE6 } from "../scenes.js";
import { configuration, type Setting } from "../settings.js";

const OWN = 4000;
const SYN = tcp({ srcPort: OWN, dstPort: 443, flags: "SYN", payload: text("hello") });
const QUERY = udp({ srcPort: OWN, dstPort: 53, payload: text("question") });

type Build = (src: string) => Uint8Array;
const packet =
  (l4: Layer4 = QUERY, fields: Partial<Ipv6Fields> = {}): Build =>
  (src) =>
    ethernet(ipv6({ dst: REMOTE6, ...fields, src: fields.src ?? src }, l4));
/** Bytes changed: `at` counts from the IPv6 header on. */
const changed =
  (build: Build, at: number, ...bytes: number[]): Build =>
  (src) => {
    const frame = build(src).slice();
    frame.set(bytes, 14 + at);
    return frame;
  };
const chain = (...extensions: Ipv6Extension[]) => packet(QUERY, { extensions });
const HOP_BY_HOP: Ipv6Extension = { type: 0, body: patterned(6) };
const DESTINATION: Ipv6Extension = { type: 60, body: patterned(14) };
const routing = (type: number, left: number): Ipv6Extension => ({
  type: 43,
  body: Uint8Array.of(type, left, 0, 0, 0, 0),
});
const many = (extension: Ipv6Extension, times: number) => Array.from({ length: times }, () => extension);

interface Group {
  readonly why: string;
  readonly rules: readonly string[];
  readonly verdict: string;
  readonly rows: readonly (readonly [name: string, build: Build])[];
}

const TABLE: readonly Group[] = [
  {
    why: "Extension headers before the transport header are stepped over, up to eight; they, flow label and traffic class stay as they are.",
    rules: ["RFC 8200 section 4.1", "RFC 7045 section 2.1"],
    verdict: "snat",
    rows: [
      ["hop-by-hop", chain(HOP_BY_HOP)],
      ["two-hop-by-hop", chain(HOP_BY_HOP, HOP_BY_HOP)],
      ["hop-by-hop-and-destination", chain(HOP_BY_HOP, DESTINATION)],
      ["eight-destination-options", chain(...many(DESTINATION, 8))],
      ["option-past-its-header", changed(chain(DESTINATION), 42, 5, 200)],
      ["flow-label", packet(QUERY, { flowLabel: 0x12345, trafficClass: 0xb8 })],
      ["trailer", (src) => Uint8Array.from([...packet()(src), 1, 2, 3])],
      ["hop-limit-1-without-hop", packet(QUERY, { hopLimit: 1 })],
    ],
  },
  {
    why: "More than eight extension headers are more than any packet needs: refused, so that the work per frame is bounded.",
    rules: ["RFC 9098", "test/nat, T01 V05"],
    verdict: "drop bad-header",
    rows: [
      ["nine-destination-options", chain(...many(DESTINATION, 9))],
      ["sixty-four-destination-options", chain(...many(DESTINATION, 64))],
    ],
  },
  {
    why: "A routing header at its last destination changes nothing any more, whatever its type.",
    rules: ["RFC 8200 section 4.4", "test/nat, T01 V07"],
    verdict: "snat",
    rows: [0, 2, 4].map((type) => [`routing-${type}-done`, chain(routing(type, 0))] as const),
  },
  {
    why: "A routing header with segments left goes on to somebody else than its destination says: it cannot be translated.",
    rules: ["RFC 5095", "RFC 8200 section 4.4", "test/nat, T01 V07"],
    verdict: "drop unsupported-protocol",
    rows: [0, 2, 4].map((type) => [`routing-${type}-on-its-way`, chain(routing(type, 1))] as const),
  },
  {
    why: "Nothing that could be translated follows: no next header, AH, or a number that may be an extension header nobody knows.",
    rules: ["RFC 8200 section 4.7", "RFC 4302 section 3.3.3"],
    verdict: "drop unsupported-protocol",
    rows: [
      ["no-next-header", packet(otherProtocol(59, patterned(8)))],
      ["ah", packet(QUERY, { extensions: [{ type: 51, body: patterned(22) }] })],
      ["icmpv4-in-ipv6", packet(otherProtocol(1, patterned(8)))],
    ],
  },
  {
    why: "A payload length of 0 stands for a jumbogram, which this is not said to be, and a version other than 6 contradicts EtherType 86dd.",
    rules: ["RFC 8200 section 3", "RFC 2675 section 3"],
    verdict: "drop bad-header",
    rows: [
      ["payload-length-0", changed(packet(), 4, 0, 0)],
      ["jumbo-option", changed(chain(HOP_BY_HOP), 4, 0, 0)],
      ["version-0", changed(packet(), 0, 0)],
      ["version-5", changed(packet(), 0, 0x50)],
      ["version-15", changed(packet(), 0, 0xf0)],
    ],
  },
  {
    why: "Shorter on the wire than its headers say: truncated.",
    rules: ["docs/abi.md, REASON_TRUNCATED"],
    verdict: "drop truncated",
    rows: [
      ["payload-length-above-frame", changed(packet(), 4, 1, 0)],
      ["extension-past-packet", changed(chain(DESTINATION), 41, 200)],
      ["header-cut", (src) => packet()(src).slice(0, 14 + 39)],
      ["one-byte-short", (src) => packet()(src).slice(0, -1)],
    ],
  },
  {
    why: "No host may send from such an address, and an egress IP is the gateway's own.",
    rules: ["RFC 4291 section 2.5", "RFC 4291 section 2.7", "test/nat, T01 V14"],
    verdict: "drop bad-source",
    rows: [
      ["source-loopback", packet(QUERY, { src: "::1" })],
      ["source-multicast", packet(QUERY, { src: "ff02::1" })],
      ["source-mapped", packet(QUERY, { src: "::ffff:10.0.0.2" })],
      ["source-egress-ip", packet(QUERY, { src: EXT6 })],
      ["source-is-destination", packet(SYN, { dst: INSIDE6 })],
    ],
  },
  {
    why: "The unspecified address is no destination.",
    rules: ["RFC 4291 section 2.5.2"],
    verdict: "drop bad-destination",
    rows: [["destination-unspecified", packet(QUERY, { dst: "::" })]],
  },
  {
    why: "TCP and UDP headers are judged as in IPv4.",
    rules: ["RFC 9293 section 3.1", "RFC 768"],
    verdict: "drop bad-header",
    rows: [
      ["tcp-offset-4", changed(packet(SYN), 52, 4 << 4)],
      ["tcp-offset-15", changed(packet(SYN), 52, 0xf0)],
      ["tcp-syn-fin", changed(packet(SYN), 53, 0x03)],
      ["tcp-no-flags", changed(packet(SYN), 53, 0x00)],
      ["udp-length-7", changed(packet(), 44, 0, 7)],
      ["udp-length-200", changed(packet(), 44, 0, 200)],
    ],
  },
];

const NO_IPV6: Setting = {
  configuration: configuration("no-ipv6", "profile rfc without room for IPv6 connections", {
    natProfile: "rfc",
    connections6: 0,
  }),
  policy: NEAR,
  verifier: undefined,
};

export async function ipv6Set(): Promise<Book> {
  const book = new Book(
    "ipv6",
    "What is particular to IPv6: extension headers, addresses, neighbour messages, and headers that contradict themselves.",
  );
  for (const { why, rules, verdict, rows } of TABLE)
    for (const [name, build] of rows)
      await book.add({ name, why, rules, setting: near }, (s) =>
        s.one({ hook: "from-endpoint", bytes: build(INSIDE6) }, wanted(verdict, build)),
      );

  await book.add(
    {
      name: "extensions-both-ways",
      why: "A reply with extension headers of its own comes back like one without.",
      rules: ["RFC 8200 section 4.1"],
      setting: near,
    },
    (s) => {
      s.process([at6.out(query(), OWN, OWN, { extensions: [HOP_BY_HOP] }, "created")]);
      s.process([at6.back(reply(), OWN, OWN, { extensions: [DESTINATION, DESTINATION] })]);
    },
  );
  for (const [dst, reason, what] of [
    ["fe80::1", "link-local", "A link-local destination"],
    ["ff02::fb", "multicast", "A multicast destination"],
    ["::1", "loopback", "The loopback address"],
    ["fd00::9", "cluster-internal", "An address of the pods' range"],
  ] as const)
    await book.add(
      {
        name: `to-${reason}`,
        why: `${what} is never selected: the frame passes unchanged under a reason of its own.`,
        rules: ["RFC 4291 section 2.4", "docs/conformance.md, Cilium 2.4.7"],
        setting: near,
      },
      (s) => s.one({ hook: "from-endpoint", bytes: packet(QUERY, { dst })(INSIDE6) }, pass(reason)),
    );
  await book.add(
    {
      name: "neighbour-solicitation",
      why: "Neighbour discovery belongs to its link: a solicitation to a multicast group passes unchanged.",
      rules: ["RFC 4861 section 7.1.1"],
      setting: near,
    },
    (s) => {
      const l4 = icmpMessage({ type: 135, inner: patterned(16) });
      s.one(
        { hook: "from-endpoint", bytes: packet(l4, { dst: "ff02::1:ff00:1", hopLimit: 255 })(INSIDE6) },
        pass("multicast"),
      );
    },
  );
  await book.add(
    {
      name: "icmpv6-type-that-nobody-translates",
      why: "A router advertisement to a remote address, with a hop limit that a router has counted down, is no query and no error: refused.",
      rules: ["RFC 4861 section 6.1.2", "docs/decisions.md (ICMP messages)"],
      setting: near,
    },
    (s) =>
      s.one(
        { hook: "from-endpoint", bytes: packet(icmpMessage({ type: 134, inner: patterned(8) }))(INSIDE6) },
        drop("unsupported-protocol"),
      ),
  );
  await book.add(
    {
      name: "echo-with-bad-checksum",
      why: "ICMPv6 covers the pseudo-header: the checksum follows the address, and what was wrong stays wrong by as much.",
      rules: ["RFC 4443 section 2.3", "RFC 1624 section 3"],
      setting: near,
    },
    (s) => s.process([at6.out((id) => icmpEcho({ id, checksum: { wrongBy: 9 } }), 12, 12, {}, "created")]),
  );
  await book.add(
    {
      name: "families-apart",
      why: "A port that an IPv4 connection has is free in IPv6: mappings belong to an egress IP.",
      rules: ["docs/abi.md, NAT port"],
      setting: near,
    },
    (s) => {
      s.process([
        at.out(segment("SYN"), 5000, 5000, {}, "created"),
        at6.out(segment("SYN"), 5000, 5000, {}, "created"),
      ]);
      s.advance(0, { live: 2, entries: 2 });
    },
  );
  await book.add(
    {
      name: "no-room-for-ipv6",
      why: "With CONFIG_CONNECTIONS6_AT at 0 selected IPv6 frames are dropped under a reason of their own; IPv4 is translated, and what no policy selects passes.",
      rules: ["docs/abi.md, CONFIG_CONNECTIONS6_AT", "docs/abi.md, REASON_IPV6_UNSUPPORTED"],
      setting: NO_IPV6,
    },
    (s) => {
      s.one(at6.send(query()(OWN)), drop("ipv6-unsupported"));
      s.one({ hook: "from-endpoint", bytes: packet(QUERY, { dst: "ff02::fb" })(INSIDE6) }, pass("multicast"));
    },
  );
  return book;
}

function wanted(verdict: string, build: Build): Want {
  const [action, reason] = verdict.split(" ") as [string, string];
  return action === "drop" ? drop(reason) : at6.translated("snat", OWN, build(EXT6), "created");
}
