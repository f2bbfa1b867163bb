import { FRAME_FLAG_GSO } from "../../../../assembly/abi.js";
import { address, egress, endpoint, policy, policySet, prefix } from "../../../engine/model.js";
import { natModel } from "../../../nat/rig.js";
import {
  ethernet,
  icmpMessage,
  ipv4,
  ipv4FragmentsOf,
  type Layer4,
  patterned,
  tcp,
  udp,
} from "../../../support/frames.js";
import { Book } from "../book.js";
import { answer, ping, query, reply, segment } from "../builders.js";
import { natPort } from "../choice.js";
import { drop, type Want } from "../say.js";
import { at, at6, atFar, EXT, FAR, INSIDE, INSIDE6, NEAR, near, OTHER_INSIDE, REMOTE } from "../scenes.js";
import { configuration, policyOf, type Setting } from "../settings.js";

const FEW = { low: 40_000, high: 40_003 };
const SCARCE = policyOf(
  "four-ports",
  "as near without IPv6, with NAT ports 40000 to 40003",
  natModel({ ports: FEW }),
  "rfc",
);
const scarce: Setting = { configuration: near.configuration, policy: SCARCE, verifier: {} };
const TELLING = configuration("icmp-errors", "profile rfc, CONFIG_FLAG_ICMP_ERRORS, MTU 1500", {
  natProfile: "rfc",
  icmpErrors: true,
});
const farTelling: Setting = { configuration: TELLING, policy: FAR, verifier: {} };
const scarceTelling: Setting = { configuration: TELLING, policy: SCARCE, verifier: {} };
const nearTelling: Setting = { configuration: TELLING, policy: NEAR, verifier: {} };
const FAR6 = policyOf(
  "far-ipv6",
  "fd00::2 on node worker is selected for everything, by gw-a with 2001:db8:1::1",
  {
    ...natModel({ hop: true }),
    egresses: [egress("gw-a", EXT, { egressIPv6: address("2001:db8:1::1") }), egress("gw-b", "192.0.2.2")],
    policies: [
      policy("out", [0], { destinations: [prefix("0.0.0.0/0"), prefix("::/0")] }),
      policy("other", [1], { destinations: [] }),
    ],
    policySets: [policySet({ "0.0.0.0/0": 0, "::/0": 0 })],
    endpoints: [endpoint("pod-0", [INSIDE, INSIDE6], { node: "worker" })],
  },
  "rfc",
);

const sixteen = (profile: "cilium" | "rfc") =>
  configuration(`sixteen-${profile}`, `profile ${profile}, room for 16 connections`, {
    natProfile: profile,
    connections: 16,
    connections6: 0,
  });
const NEAR_CILIUM = policyOf("near-cilium", "as near, with the blob of profile cilium", NEAR.model!);

/** The error as a router writes it: from the egress IP, precedence 6, TTL 64, quoting the packet as its sender sent it. */
function told(type: number, code: number, packet: Uint8Array, word = 0, to = INSIDE): NonNullable<Want["told"]> {
  const inner = packet.subarray(0, 548);
  return {
    egress: 0,
    packet: ipv4(
      { src: EXT, dst: to, id: 0, dontFragment: true, trafficClass: 0xc0 },
      icmpMessage({ type, code, word, inner }),
    ),
  };
}

const bare = (bytes: Uint8Array) => bytes.subarray(14);

export async function limits(): Promise<Book> {
  const book = new Book(
    "limits",
    "When ports, table or links are exhausted: refusals, who is given up, and the ICMP errors of the gateway's own.",
  );
  await portsGone(book);
  await tableFull(book);
  await telling(book);
  await silent(book);
  return book;
}

async function portsGone(book: Book): Promise<void> {
  const ask = (src: string, srcPort: number, dstPort = 53, protocol = 17) => ({
    src,
    dst: REMOTE,
    srcPort,
    dstPort,
    protocol,
  });
  const other = at.with({ inside: OTHER_INSIDE });
  const rules = ["RFC 6888 REQ-11, REQ-13", "docs/abi.md, NAT port"];
  const fill = [0, 1, 2, 3].map((i) => at.out(query(), FEW.low + i, FEW.low + i, {}, "created"));
  await book.add(
    {
      name: "ports-gone",
      why: "A connection is refused only when live ones have every port toward its remote and port; it leaves no state, and the others go on.",
      rules,
      setting: scarce,
    },
    (s) => {
      s.process(fill);
      s.one(other.send(query()(40_000)), drop("no-nat-mapping"));
      s.advance(0, { live: 4, entries: 4 });
      s.process([at.out(query(), 40_000), at.back(reply(), 40_003)]);
    },
  );
  await book.add(
    {
      name: "ports-to-the-last",
      why: "The search is complete: eight sockets out of range get the four ports in the order of their candidates, four are refused.",
      rules,
      setting: scarce,
      proof: ["hashes"],
    },
    (s) => {
      const taken: number[] = [];
      for (let own = 1; own <= 8; own++) {
        if (taken.length === 4) {
          s.one(at.send(query()(own)), drop("no-nat-mapping"));
          continue;
        }
        const port = natPort(ask(INSIDE, own), FEW, taken);
        taken.push(port);
        s.process([at.out(query(), own, port, {}, "created")]);
      }
    },
  );
  await book.add(
    {
      name: "ports-of-another-remote-port",
      why: "Ports are counted toward each remote and port apart: toward another port of the remote all four are free.",
      rules: ["RFC 7857 section 3", ...rules],
      setting: scarce,
    },
    (s) => {
      s.process(fill);
      s.process([other.out((srcPort) => udp({ srcPort, dstPort: 54 }), 40_000, 40_000, {}, "created")]);
    },
  );
  await book.add(
    {
      name: "ports-of-another-protocol",
      why: "Ports are counted toward each protocol apart: TCP has all four where UDP has none left.",
      rules,
      setting: scarce,
    },
    (s) => {
      s.process(fill);
      s.process([other.out((srcPort) => tcp({ srcPort, dstPort: 53, flags: "SYN" }), 40_000, 40_000, {}, "created")]);
    },
  );
  await book.add(
    {
      name: "ports-free-again",
      why: "When a connection has expired its port is free at once for who was refused before: at 300 s the first of the four.",
      rules: ["RFC 4787 REQ-5", ...rules],
      setting: scarce,
      proof: ["hashes"],
    },
    (s) => {
      s.process([
        at.out(query(), 40_000, 40_000, {}, "created"),
        ...[1, 2, 3].map((i) => at.out(query(), 40_000 + i, 40_000 + i, { atMs: 1000 }, "created")),
      ]);
      s.one(other.send(query()(5), { atMs: 299_999 }), drop("no-nat-mapping"));
      s.process([other.out(query(), 5, 40_000, { atMs: 300_000 }, "created")]);
    },
  );
  await book.add(
    {
      name: "held-ports-serve-at-need",
      why: "A port that is only held down goes to a new connection where no other is free: the one whose hold-down ends first.",
      rules: ["RFC 6888 REQ-8", "docs/abi.md, NAT port"],
      setting: scarce,
    },
    (s) => {
      const open = (i: number, atMs: number) => at.out(segment("SYN"), FEW.low + i, FEW.low + i, { atMs }, "created");
      s.process([open(0, 0), open(1, 1000), open(2, 100_000), open(3, 100_000)]);
      s.process([other.out(segment("SYN"), 7, FEW.low, { atMs: 245_000 }, "created")]);
      s.process([other.out(segment("SYN"), 8, FEW.low + 1, { atMs: 245_000 }, "created")]);
      s.one(other.send(segment("SYN")(9), { atMs: 245_000 }), drop("no-nat-mapping"));
    },
  );
  await book.add(
    {
      name: "echo-ids-know-no-range",
      why: "Identifiers of echoes are not ports: all 65,536 are there, whatever the range of ports.",
      rules: ["docs/abi.md, NAT port"],
      setting: scarce,
    },
    (s) => {
      s.process(fill);
      s.process([other.out(ping, 7, 7, {}, "created")]);
    },
  );
}

async function tableFull(book: Book): Promise<void> {
  const rules = ["docs/abi.md, COUNTER_EVICTED_*", "docs/decisions.md (a full table)"];
  const ports = Array.from({ length: 16 }, (_, i) => 40_000 + i);
  const established = (port: number) => [
    at.out(segment("SYN"), port, port, {}, "created"),
    at.back(answer("SYN ACK"), port),
    at.out(segment("ACK"), port),
  ];
  const lru: Setting = { configuration: sixteen("cilium"), policy: NEAR_CILIUM, verifier: {} };
  const full: Setting = { configuration: sixteen("rfc"), policy: NEAR, verifier: {} };
  await book.add(
    {
      name: "table-full",
      why: "In profile rfc a table full of established connections gives none of them up: a new one is refused, and they go on.",
      rules: ["RFC 6888 REQ-11D", "docs/abi.md, REASON_TABLE_FULL"],
      setting: full,
    },
    (s) => {
      s.process(ports.flatMap(established));
      s.one(at.send(segment("SYN")(50_000)), drop("table-full"));
      s.process(ports.slice(0, 4).map((port) => at.back(answer("ACK"), port)));
      s.advance(0, { live: 16, entries: 16, evicted_established: 0 });
    },
  );
  await book.add(
    {
      name: "table-full-inbound",
      why: "A connection from outside that cannot be remembered is refused, too: its answers could not be told from the endpoint's own connections.",
      rules: ["docs/abi.md, REASON_TABLE_FULL"],
      setting: full,
    },
    (s) => {
      s.process(ports.flatMap(established));
      s.one(at.answer(tcp({ srcPort: 5555, dstPort: 9000, flags: "SYN" }), { dst: INSIDE }), drop("table-full"));
    },
  );
  await book.add(
    {
      name: "table-gives-up-unreplied",
      why: "A full table of connections that nobody answered gives one of them up for a new one.",
      rules,
      setting: lru,
    },
    (s) => {
      s.process(ports.map((port) => at.out(segment("SYN"), port, port, {}, "created")));
      s.process([at.out(segment("SYN"), 50_000, 50_000, {}, "created")]);
      s.advance(0, { live: 16, entries: 16, evicted_unreplied: 1, evicted_established: 0 });
    },
  );
  await book.add(
    {
      name: "table-gives-up-established",
      why: "In profile cilium a table full of established connections gives one up, as the original's LRU maps do.",
      rules: ["docs/conformance.md, Cilium 3.1.3", ...rules],
      setting: lru,
    },
    (s) => {
      s.process(ports.flatMap(established));
      s.process([at.out(segment("SYN"), 50_000, 50_000, {}, "created")]);
      s.advance(0, { live: 16, entries: 16, evicted_unreplied: 0, evicted_established: 1 });
    },
  );
}

async function telling(book: Book): Promise<void> {
  const rules = ["docs/abi.md, Frames of the engine's own", "RFC 1812 section 4.3.2"];
  await book.add(
    {
      name: "told-ttl",
      why: "A frame whose TTL ends at the hop: ICMP 11/0 from the egress IP, quoting the packet as it came in.",
      rules: ["RFC 792", ...rules],
      setting: farTelling,
    },
    (s) => {
      const sent = atFar.send(query()(4000), { ttl: 1 });
      s.one(sent, drop("ttl-exceeded", { told: told(11, 0, bare(sent.bytes)) }));
      s.process([atFar.out(query(), 4000, 4000, {}, "created")]);
    },
  );
  await book.add(
    {
      name: "told-no-port",
      why: "No port is free: the endpoint is told by ICMP 3/13 from the egress IP, and the connection leaves no state.",
      rules: ["RFC 5508 REQ-8", ...rules],
      setting: scarceTelling,
    },
    (s) => {
      s.process([0, 1, 2, 3].map((i) => at.out(query(), FEW.low + i, FEW.low + i, {}, "created")));
      const sent = at.send(query()(5));
      s.one(sent, drop("no-nat-mapping", { told: told(3, 13, bare(sent.bytes)) }));
    },
  );
  const big = (l4: Layer4) => atFar.send(l4, { dontFragment: true });
  await book.add(
    {
      name: "told-too-big",
      why: "A packet of 1,451 bytes that must not be fragmented does not fit behind the overlay's 50: ICMP 3/4 that says 1450, and nothing is forwarded; 1,450 bytes fit.",
      rules: ["RFC 1191 section 4", "RFC 4787 REQ-13", ...rules],
      setting: farTelling,
    },
    (s) => {
      const sent = big(query(patterned(1423))(4000));
      s.one(sent, drop("packet-too-big", { told: told(3, 4, bare(sent.bytes), 1450) }));
      s.process([atFar.out(query(patterned(1422)), 4000, 4000, { dontFragment: true }, "created")]);
    },
  );
  await book.add(
    {
      name: "too-big-but-may-be-cut",
      why: "A longer packet that may be fragmented goes on, and so does a super-frame.",
      rules: ["RFC 791 section 2.3", "docs/abi.md, FRAME_FLAG_GSO", ...rules],
      setting: farTelling,
    },
    (s) => {
      s.process([
        atFar.out(query(patterned(1500)), 4000, 4000, {}, "created"),
        atFar.out(query(patterned(1500)), 4000, 4000, { dontFragment: true, frameFlags: FRAME_FLAG_GSO }),
      ]);
    },
  );
  await book.add(
    {
      name: "too-big-near",
      why: "Without the overlay in between the whole 1,500 bytes are there.",
      rules,
      setting: nearTelling,
    },
    (s) => {
      s.process([at.out(query(patterned(1472)), 4000, 4000, { dontFragment: true }, "created")]);
      const sent = at.send(query(patterned(1473))(4001), { dontFragment: true });
      s.one(sent, drop("packet-too-big", { told: told(3, 4, bare(sent.bytes), 1500) }));
    },
  );
  const far6: Setting = { configuration: TELLING, policy: FAR6, verifier: {} };
  const pod6 = at6.with({ hop: true });
  const told6 = (type: number, code: number, packet: Uint8Array, word = 0): NonNullable<Want["told"]> => ({
    egress: 0,
    packet: at6.packet(icmpMessage({ type, code, word, inner: packet.subarray(0, 1280 - 48) }), {
      src: pod6.ends.ext,
      dst: INSIDE6,
    }),
  });
  await book.add(
    {
      name: "told-hop-limit",
      why: "IPv6: a frame whose hop limit ends at the hop is told of by ICMPv6 3/0 from the egress IP.",
      rules: ["RFC 4443 section 3.3", ...rules],
      setting: far6,
    },
    (s) => {
      const sent = pod6.send(query()(4000), { hopLimit: 1 });
      s.one(sent, drop("ttl-exceeded", { told: told6(3, 0, bare(sent.bytes)) }));
    },
  );
  await book.add(
    {
      name: "told-too-big-ipv6",
      why: "IPv6 is never fragmented on its way: ICMPv6 2/0 that says 1450, and quotes as much as fits into 1,280 bytes.",
      rules: ["RFC 8201 section 4", "RFC 4443 section 3.2", ...rules],
      setting: far6,
    },
    (s) => {
      const sent = pod6.send(query(patterned(1403))(4000));
      s.one(sent, drop("packet-too-big", { told: told6(2, 0, bare(sent.bytes), 1450) }));
    },
  );
  await book.add(
    {
      name: "told-ten-at-once",
      why: "A node sends ten errors at once, and one more every 100 ms; those that are not sent are counted.",
      rules: ["RFC 1812 section 4.3.2.8", "docs/abi.md, GENERATED_BURST, GENERATED_INTERVAL_NS"],
      setting: farTelling,
    },
    (s) => {
      const one = (i: number, atMs: number, isTold: boolean) => {
        const sent = atFar.send(query()(6000 + i), { ttl: 1, atMs });
        return [sent, drop("ttl-exceeded", isTold ? { told: told(11, 0, bare(sent.bytes)) } : {})] as const;
      };
      s.process(
        Array.from({ length: 12 }, (_, i) => one(i, 0, i < 10)),
        { counters: { untold: 2 } },
      );
      s.process([one(20, 99, false), one(21, 100, true), one(22, 100, false)], { counters: { untold: 2 } });
    },
  );
}

async function silent(book: Book): Promise<void> {
  const rules = ["RFC 1122 section 3.2.2", "docs/abi.md, Frames of the engine's own"];
  await book.add(
    { name: "untold-about-error", why: "No error is sent about an ICMP error.", rules, setting: farTelling },
    (s) => {
      s.process([atFar.out(query(), 4000, 4000, {}, "created")]);
      const error = icmpMessage({ type: 3, code: 3, inner: ipv4({ src: REMOTE, dst: INSIDE }, reply()(4000)) });
      s.one(atFar.send(error, { ttl: 1 }), drop("ttl-exceeded"));
    },
  );
  await book.add(
    {
      name: "untold-about-later-fragment",
      why: "No error is sent about a later fragment.",
      rules,
      setting: farTelling,
    },
    (s) => {
      const parts = (src: string, ttl: number) =>
        ipv4FragmentsOf(ipv4({ src, dst: REMOTE, ttl }, query(patterned(40))(4000)), [24]).map((packet) =>
          ethernet(packet),
        );
      s.one(
        { hook: "from-endpoint", bytes: parts(INSIDE, 64)[0]! },
        atFar.translated("snat", 4000, parts(EXT, 63)[0]!, "created"),
      );
      s.one({ hook: "from-endpoint", bytes: parts(INSIDE, 1)[1]! }, drop("ttl-exceeded"));
    },
  );
  await book.add(
    {
      name: "untold-to-group",
      why: "No error is sent about a frame to a link-layer group, whatever it carries.",
      rules,
      setting: farTelling,
    },
    (s) => {
      const bytes = ethernet(ipv4({ src: INSIDE, dst: REMOTE, ttl: 1 }, query()(4000)), { dst: "ff:ff:ff:ff:ff:ff" });
      s.one({ hook: "from-endpoint", bytes }, drop("ttl-exceeded"));
    },
  );
  await book.add(
    { name: "untold-from-network", why: "Nobody outside is told why a reply was dropped.", rules, setting: farTelling },
    (s) => {
      s.process([atFar.out(query(), 4000, 4000, {}, "created")]);
      s.one(atFar.answer(reply()(4000), { ttl: 1 }), drop("ttl-exceeded"));
    },
  );
  await book.add(
    {
      name: "untold-without-flag",
      why: "Without CONFIG_FLAG_ICMP_ERRORS nothing is made, and nothing is too big.",
      rules,
      setting: { ...farTelling, configuration: near.configuration },
    },
    (s) => {
      s.one(atFar.send(query()(4000), { ttl: 1 }), drop("ttl-exceeded"));
      s.process([atFar.out(query(patterned(1472)), 4000, 4000, { dontFragment: true }, "created")]);
    },
  );
}
