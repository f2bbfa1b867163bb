import {
  concat,
  ethernet,
  icmpMessage,
  ipv4,
  ipv6,
  type Layer4,
  otherProtocol,
  patterned,
  tcp,
  text,
  udp,
} from "../../../support/frames.js";
import { sctpPacket } from "../../../support/sctp.js";
import { Book } from "../book.js";
import { ESP, GRE, ping, query, reply } from "../builders.js";
import { natPort, RFC_PORTS } from "../choice.js";
import { drop, type Given, pass, type Want } from "../say.js";
import {
  at,
  atFar,
  EXT,
  far,
  INSIDE,
  INSIDE6,
  near,
  OTHER_EXT,
  OTHER_INSIDE,
  OTHER_REMOTE,
  REMOTE,
  REMOTE6,
} from "../scenes.js";
import type { Script } from "../script.js";
import { six } from "./icmp6-errors.js";

const ROUTER = "192.0.2.254";
const _ROUTER6 = "2001:db8:7::1";
const INSIDE_ROUTER = "10.0.0.254";
const OWN = 700;
const SYN = (port: number) => tcp({ srcPort: port, dstPort: 443, flags: "SYN", payload: text("first words") });
/** The flow that errors are about: its own port is below the range, so address and port are rewritten. */
const PORT = natPort({ src: INSIDE, dst: REMOTE, srcPort: OWN, dstPort: 443, protocol: 6 }, RFC_PORTS);
const _PORT6 = natPort({ src: INSIDE6, dst: REMOTE6, srcPort: OWN, dstPort: 443, protocol: 6 }, RFC_PORTS);

interface About {
  readonly src?: string;
  readonly dst?: string;
  readonly type?: number;
  readonly code?: number;
  readonly word?: number;
  readonly ttl?: number;
}

function error4(
  inner: Uint8Array,
  { src = ROUTER, dst = EXT, type = 3, code = 4, word = 1400, ttl = 64 }: About = {},
): Uint8Array {
  return ethernet(ipv4({ src, dst, ttl }, icmpMessage({ type, code, word, inner })));
}

const fromNetwork = (bytes: Uint8Array): Given => ({ hook: "from-network", bytes });
const fromEndpoint = (bytes: Uint8Array): Given => ({ hook: "from-endpoint", bytes });
const seen = (l4: Layer4 = SYN(PORT), fields = {}) => ipv4({ src: EXT, dst: REMOTE, ...fields }, l4);
const sent = (l4: Layer4 = SYN(OWN), fields = {}) => ipv4({ src: INSIDE, dst: REMOTE, ...fields }, l4);

function open(s: Script): void {
  s.process([at.out(SYN, OWN, PORT, {}, "created")]);
}

export async function icmpErrors(): Promise<Book> {
  const book = new Book(
    "icmp-errors",
    "ICMP and ICMPv6 errors about translated packets: inner and outer headers in both directions, and errors that are none of a connection's.",
  );
  const back = (out: Uint8Array): Want => at.translated("reverse", PORT, out);
  const rules4 = ["RFC 5508 REQ-4", "RFC 3022 section 4.3"];
  for (const [type, code, what] of [
    [3, 0, "network unreachable"],
    [3, 1, "host unreachable"],
    [3, 3, "port unreachable"],
    [3, 4, "fragmentation needed"],
    [3, 13, "administratively prohibited"],
    [4, 0, "source quench"],
    [11, 0, "time exceeded"],
    [11, 1, "reassembly time exceeded"],
    [12, 0, "parameter problem"],
    [12, 2, "parameter problem, bad length"],
  ] as const)
    await book.add(
      {
        name: `type-${type}-code-${code}`,
        why: `${what}: it comes to the endpoint as the error about the packet that the endpoint sent, with type, code and the word behind the checksum as they were.`,
        rules: [...rules4, "RFC 5382 REQ-9"],
        setting: near,
        proof: ["hashes"],
      },
      (s) => {
        open(s);
        s.one(fromNetwork(error4(seen(), { type, code })), back(error4(sent(), { dst: INSIDE, type, code })));
      },
    );
  for (const length of [28, 32, 36, 38, 40])
    await book.add(
      {
        name: `quotes-${length}-bytes`,
        why: "Eight bytes of the transport header are enough: what is quoted is translated, the outer checksum is right, and nothing behind it is invented.",
        rules: ["RFC 792", "RFC 1812 section 4.3.2.3"],
        setting: near,
        proof: ["hashes"],
      },
      (s) => {
        open(s);
        s.one(fromNetwork(error4(seen().slice(0, length))), back(error4(sent().slice(0, length), { dst: INSIDE })));
      },
    );
  for (const length of [20, 27])
    await book.add(
      {
        name: `quotes-${length}-bytes-refused`,
        why: "An error that quotes less than eight bytes of the transport header says of no connection that it is about it.",
        rules: ["RFC 792", "test/nat, T06"],
        setting: near,
      },
      (s) => {
        open(s);
        s.one(fromNetwork(error4(seen().slice(0, length))), drop("truncated"));
      },
    );
  for (const words of [6, 15])
    await book.add(
      {
        name: `quotes-${words * 4 - 20}-bytes-of-options`,
        why: "Options of the quoted header are stepped over.",
        rules: ["RFC 5508 REQ-3b"],
        setting: near,
        proof: ["hashes"],
      },
      (s) => {
        open(s);
        const options = new Uint8Array((words - 5) * 4).fill(1);
        s.one(
          fromNetwork(error4(seen(SYN(PORT), { options }))),
          back(error4(sent(SYN(OWN), { options }), { dst: INSIDE })),
        );
      },
    );
  await book.add(
    {
      name: "extension-kept",
      why: "Padding and an extension behind the quoted packet stay byte for byte.",
      rules: ["RFC 4884", "docs/conformance.md, RFC 4884"],
      setting: near,
      proof: ["hashes"],
    },
    (s) => {
      open(s);
      const extension = Uint8Array.of(0x20, 0, 0, 0, 0, 8, 1, 1, 0x12, 0x34, 0x51, 0x01);
      const padded = (inner: Uint8Array) => concat(inner, new Uint8Array(128 - inner.length), extension);
      const word = (32 << 16) | 1400;
      s.one(fromNetwork(error4(padded(seen()), { word })), back(error4(padded(sent()), { dst: INSIDE, word })));
    },
  );
  const kinds: [string, (port: number) => Layer4, number, number, string][] = [
    ["udp", query(), 4000, 4000, "UDP"],
    ["echo", ping, 77, 77, "an echo request"],
    ["sctp", (port) => sctpPacket(port, 9899, "INIT"), 5000, 5000, "SCTP"],
    ["gre", () => GRE(), 0, 0, "GRE"],
    ["esp", () => ESP(), 0, 0, "ESP"],
  ];
  for (const [name, build, own, port, what] of kinds)
    await book.add(
      {
        name: `about-${name}`,
        why: `An error about ${what} reaches the endpoint that sent it.`,
        rules: rules4,
        setting: near,
      },
      (s) => {
        s.process([at.out(build, own, port, {}, "created")]);
        s.one(
          fromNetwork(error4(seen(build(port)))),
          at.translated("reverse", port, error4(sent(build(own)), { dst: INSIDE })),
        );
      },
    );
  for (const [name, src, type, code, what] of [
    ["port-unreachable", INSIDE, 3, 3, "The endpoint says port unreachable"],
    ["router-time-exceeded", INSIDE_ROUTER, 11, 0, "A router in front of the endpoint says time exceeded"],
  ] as const)
    await book.add(
      {
        name: `from-inside-${name}`,
        why: `${what} about what came in: outside it comes from the egress IP and quotes the packet as it was sent there.`,
        rules: ["RFC 5508 REQ-5"],
        setting: near,
      },
      (s) => {
        s.process([at.out(query(), 4000, 4000, {}, "created"), at.back(reply(), 4000)]);
        const quoted = (dst: string) => ipv4({ src: REMOTE, dst, ttl: 3 }, reply()(4000));
        const fields = { dst: REMOTE, type, code };
        s.one(
          fromEndpoint(error4(quoted(INSIDE), { src, ...fields })),
          at.translated("snat", 4000, error4(quoted(EXT), { src: EXT, ...fields })),
        );
      },
    );
  await refused(book);
  await six(book);
  await book.add(
    {
      name: "moves-no-timer",
      why: "An error in either direction neither ends a mapping nor keeps it alive: 300 s after the last datagram it is gone.",
      rules: ["RFC 4787 REQ-12", "RFC 5508 REQ-6"],
      setting: near,
    },
    (s) => {
      s.process([at.out(query(), 4000, 4000, {}, "created")]);
      const about = error4(seen(query()(4000)));
      s.one(
        { ...fromNetwork(about), atMs: 299_000 },
        at.translated("reverse", 4000, error4(sent(query()(4000)), { dst: INSIDE })),
      );
      s.one({ ...fromNetwork(about), atMs: 301_000 }, drop("icmp-error-unmatched"));
    },
  );
  await book.add(
    {
      name: "hop-to-endpoint",
      why: "Where a routed hop lies between gateway and endpoint, the error's TTL falls by one; an error that ends there is dropped.",
      rules: ["RFC 1812 section 5.3.1"],
      setting: far,
    },
    (s) => {
      s.process([atFar.out(query(), 4000, 4000, {}, "created")]);
      const inside = error4(ipv4({ src: INSIDE, dst: REMOTE }, query()(4000)), { dst: INSIDE, ttl: 9 });
      s.one(fromNetwork(error4(seen(query()(4000)), { ttl: 10 })), atFar.translated("reverse", 4000, inside));
      s.one(fromNetwork(error4(seen(query()(4000)), { ttl: 1 })), drop("ttl-exceeded"));
    },
  );
  return book;
}

async function refused(book: Book): Promise<void> {
  const nested = (type: number, code: number) =>
    ipv4({ src: EXT, dst: REMOTE }, icmpMessage({ type, code, inner: seen() }));
  const rows: [name: string, reason: string, frame: Uint8Array, why: string, rule: string][] = [
    [
      "unmatched-port",
      "icmp-error-unmatched",
      error4(seen(SYN(PORT === 5000 ? 5001 : 5000))),
      "No connection has the quoted port.",
      "RFC 5508 REQ-4",
    ],
    [
      "unmatched-remote",
      "icmp-error-unmatched",
      error4(ipv4({ src: EXT, dst: OTHER_REMOTE }, SYN(PORT))),
      "The connection goes to another remote than the quoted packet.",
      "RFC 5508 REQ-4",
    ],
    [
      "unmatched-source",
      "icmp-error-unmatched",
      error4(ipv4({ src: "203.0.113.9", dst: REMOTE }, SYN(5000))),
      "The quoted packet does not come from here.",
      "RFC 5508 REQ-4",
    ],
    [
      "unmatched-protocol",
      "icmp-error-unmatched",
      error4(seen(otherProtocol(253, patterned(32)))),
      "No connection has the quoted protocol.",
      "RFC 5508 REQ-4",
    ],
    [
      "unmatched-version",
      "icmp-error-unmatched",
      error4(ipv6({ src: "2001:db8::1", dst: "2001:db8::2" }, udp({ srcPort: 1, dstPort: 2 }))),
      "An ICMP error quotes IPv4 only.",
      "RFC 792",
    ],
    [
      "nested-error",
      "icmp-error-nested",
      error4(nested(3, 1)),
      "No error is sent about an error: nobody honest made this one.",
      "RFC 1122 section 3.2.2",
    ],
    [
      "nested-redirect",
      "icmp-error-nested",
      error4(nested(5, 1)),
      "No error is sent about a redirect.",
      "RFC 1122 section 3.2.2",
    ],
    [
      "later-fragment",
      "icmp-error-fragment",
      error4(seen(SYN(PORT), { fragmentOffset: 64 })),
      "No error is sent about a later fragment, which shows no ports.",
      "RFC 1122 section 3.2.2",
    ],
    [
      "to-other-egress-ip",
      "icmp-error-misdirected",
      error4(seen(), { dst: OTHER_EXT }),
      "An error goes to the source of the packet that it quotes.",
      "RFC 792",
    ],
    [
      "to-other-endpoint",
      "icmp-error-misdirected",
      error4(seen(), { dst: OTHER_INSIDE }),
      "An error goes to the source of the packet that it quotes, not to an endpoint's own address.",
      "RFC 792",
    ],
    [
      "to-nobody",
      "icmp-error-misdirected",
      error4(seen(), { dst: "203.0.113.9" }),
      "An error goes to the source of the packet that it quotes.",
      "RFC 792",
    ],
  ];
  for (const [name, reason, frame, why, rule] of rows)
    await book.add(
      {
        name: `refused-${name}`,
        why: `${why} It is dropped, and table and timers stay.`,
        rules: [rule, "test/nat, T10"],
        setting: near,
      },
      (s) => {
        open(s);
        s.one(fromNetwork(frame), drop(reason));
        s.advance(0, { live: 1, entries: 1 });
      },
    );
  for (const [name, src, reason, why] of [
    ["other-endpoint", OTHER_INSIDE, "icmp-error-misdirected", "An endpoint says something about another's packet"],
    ["egress-ip", EXT, "bad-source", "The egress IP is the gateway's own"],
    ["loopback", "127.0.0.1", "bad-source", "No host sends from loopback"],
  ] as const)
    await book.add(
      {
        name: `refused-from-inside-as-${name}`,
        why: `${why}: the error is dropped.`,
        rules: ["RFC 5508 REQ-5", "test/nat, T11"],
        setting: near,
      },
      (s) => {
        s.process([at.out(query(), 4000, 4000, {}, "created"), at.back(reply(), 4000)]);
        const quoted = ipv4({ src: REMOTE, dst: INSIDE }, reply()(4000));
        s.one(fromEndpoint(error4(quoted, { src, dst: REMOTE, code: 3 })), drop(reason));
      },
    );
  await book.add(
    {
      name: "refused-from-inside-to-another-host",
      why: "The error goes to another host than the quoted packet came from.",
      rules: ["RFC 792", "test/nat, T11"],
      setting: near,
    },
    (s) => {
      s.process([at.out(query(), 4000, 4000, {}, "created"), at.back(reply(), 4000)]);
      const quoted = ipv4({ src: REMOTE, dst: INSIDE }, reply()(4000));
      s.one(fromEndpoint(error4(quoted, { src: INSIDE, dst: OTHER_REMOTE, code: 3 })), drop("icmp-error-misdirected"));
    },
  );
  await book.add(
    {
      name: "refused-from-inside-unmatched",
      why: "An endpoint's error about a packet of no connection would leave untranslated: it is dropped.",
      rules: ["RFC 5508 REQ-5"],
      setting: near,
    },
    (s) => {
      const quoted = ipv4({ src: REMOTE, dst: INSIDE }, reply()(4000));
      s.one(fromEndpoint(error4(quoted, { src: INSIDE, dst: REMOTE, code: 3 })), drop("icmp-error-unmatched"));
    },
  );
  await book.add(
    {
      name: "about-inbound",
      why: "An error about a connection that came from outside, and passes, passes like it.",
      rules: ["docs/conformance.md, Cilium 2.4.5"],
      setting: near,
    },
    (s) => {
      const syn = tcp({ srcPort: 5555, dstPort: 9000, flags: "SYN" });
      s.one(at.answer(syn, { dst: INSIDE }), pass("inbound", "created"));
      const quoted = ipv4({ src: REMOTE, dst: INSIDE }, syn);
      s.one(fromEndpoint(error4(quoted, { src: INSIDE, dst: REMOTE, code: 3 })), pass("reply-of-inbound"));
    },
  );
}
