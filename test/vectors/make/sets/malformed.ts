import {
  type EthernetFields,
  ethernet,
  type Ipv4Fields,
  icmpMessage,
  ipv4,
  type Layer4,
  onesSum,
  otherProtocol,
  patterned,
  sctp,
  tcp,
  text,
  udp,
} from "../../../support/frames.js";
import { chunk, sctpPacket } from "../../../support/sctp.js";
import { Book } from "../book.js";
import { drop, pass, type Want } from "../say.js";
import { at, EXT, INSIDE, near, OTHER_EXT, REMOTE } from "../scenes.js";

const OWN = 4000;
const SYN = tcp({ srcPort: OWN, dstPort: 443, flags: "SYN", payload: text("hello") });
const QUERY = udp({ srcPort: OWN, dstPort: 53, payload: text("question") });

/** The frame as it is with a source: the endpoint's going in, the gateway's going out. */
type Build = (src: string) => Uint8Array;

const packet =
  (l4: Layer4 = QUERY, fields: Partial<Ipv4Fields> = {}): Build =>
  (src) =>
    ipv4({ src, dst: REMOTE, ...fields }, l4);
const framed =
  (build: Build, fields: EthernetFields = {}): Build =>
  (src) =>
    ethernet(build(src), fields);
const plain = (l4: Layer4 = QUERY, fields: Partial<Ipv4Fields> = {}): Build => framed(packet(l4, fields));
const tcpWith = (fields: Partial<Parameters<typeof tcp>[0]>): Build =>
  plain(tcp({ srcPort: OWN, dstPort: 443, flags: "SYN", ...fields }));
/** One byte of the packet changed, and the header checksum made right again where that was in the header. */
const changed = (l4: Layer4, at: number, value: number, fields: EthernetFields = {}): Build =>
  framed((src) => {
    const bytes = packet(l4)(src).slice();
    bytes[at] = value;
    if (at >= 20) return bytes;
    bytes.set([0, 0], 10);
    const sum = ~onesSum(bytes.subarray(0, 20)) & 0xffff;
    bytes.set([sum >> 8, sum & 255], 10);
    return bytes;
  }, fields);
const options = (...bytes: number[]) => plain(QUERY, { options: Uint8Array.from(bytes) });
const raw = (protocol: number, ...bytes: number[]) => plain(otherProtocol(protocol, Uint8Array.from(bytes)));

interface Group {
  readonly why: string;
  readonly rules: readonly string[];
  /** `snat`, or action and reason. */
  readonly verdict: string;
  readonly rows: readonly (readonly [name: string, build: Build])[];
}

const TABLE: readonly Group[] = [
  {
    why: "The frame ends before the header that its link type promises: truncated on the wire.",
    rules: ["test/nat, T01 L01, L02, L05", "docs/abi.md, REASON_TRUNCATED"],
    verdict: "drop truncated",
    rows: [
      ["frame-of-0", () => new Uint8Array(0)],
      ["frame-of-13", (src) => plain()(src).slice(0, 13)],
      ["ethernet-header-only", (src) => plain()(src).slice(0, 14)],
      ["tag-cut", (src) => framed(packet(), { vlans: [{ id: 7 }] })(src).slice(0, 16)],
      ["ip-header-cut", (src) => plain()(src).slice(0, 14 + 19)],
    ],
  },
  {
    why: "The packet is shorter on the wire than its IP header says: truncated.",
    rules: ["RFC 1812 section 5.2.2", "docs/abi.md, REASON_TRUNCATED"],
    verdict: "drop truncated",
    rows: [
      ["total-length-above-frame", changed(QUERY, 2, 1)],
      ["one-byte-short", (src) => plain()(src).slice(0, -1)],
    ],
  },
  {
    why: "The packet ends before its transport header does: nobody could say its ports.",
    rules: ["docs/abi.md, REASON_TRUNCATED"],
    verdict: "drop truncated",
    rows: [
      ["udp-of-7", plain(otherProtocol(17, patterned(7)))],
      ["tcp-of-19", plain(otherProtocol(6, patterned(19)))],
      ["icmp-of-7", plain(otherProtocol(1, patterned(7)))],
      ["udplite-of-7", plain(otherProtocol(136, patterned(7)))],
      ["esp-of-7", plain(otherProtocol(50, patterned(7)))],
      ["gre-of-3", raw(47, 0, 0, 8)],
      ["timestamp-without-times", plain(icmpMessage({ type: 13, word: 1 }))],
    ],
  },
  {
    why: "A version other than 4 behind EtherType 0800 contradicts it.",
    rules: ["RFC 1812 section 5.2.2", "test/nat, T01 I03"],
    verdict: "drop bad-header",
    rows: [0, 5, 15].map(
      (version) => [`version-${version}`, changed(QUERY, 0, (version << 4) | 5, { etherType: 0x0800 })] as const,
    ),
  },
  {
    why: "A header of fewer than five words, or of more than the packet has, contradicts itself.",
    rules: ["RFC 1812 section 5.2.2", "test/nat, T01 I04, I05"],
    verdict: "drop bad-header",
    rows: [0, 1, 2, 3, 4, 15].map((words) => [`ihl-${words}`, changed(QUERY, 0, 0x40 | words)] as const),
  },
  {
    why: "A total length below that of the header contradicts it; 0 is that of a super-frame only, which this one is not said to be.",
    rules: ["RFC 1812 section 5.2.2", "test/nat, T01 I06, I09"],
    verdict: "drop bad-header",
    rows: [
      ["total-length-8", changed(QUERY, 3, 8, { trailer: patterned(40) })],
      ["total-length-19", changed(QUERY, 3, 19)],
      ["total-length-0", plain(QUERY, { totalLength: 0 })],
    ],
  },
  {
    why: "An IPv4 option whose length is below 2 or reaches past the header contradicts itself.",
    rules: ["RFC 791 section 3.1", "test/nat, T01 I12"],
    verdict: "drop bad-header",
    rows: [
      ["option-of-0", options(68, 0, 0, 0)],
      ["option-of-1", options(68, 1, 0, 0)],
      ["option-of-255", options(68, 255, 0, 0)],
      ["option-past-header", options(1, 1, 68, 3)],
      ["option-without-length", options(1, 1, 1, 68)],
    ],
  },
  {
    why: "A source route would take the packet past the policy that selected it.",
    rules: ["RFC 1812 section 5.3.13.4", "RFC 7126 section 4.3", "docs/abi.md, REASON_SOURCE_ROUTE"],
    verdict: "drop source-route",
    rows: [
      ["loose-source-route", options(131, 7, 4, 192, 0, 2, 9)],
      ["strict-source-route", options(1, 137, 7, 4, 192, 0, 2, 9)],
    ],
  },
  {
    why: "Options that route nothing are no fault: they stay as they are.",
    rules: ["RFC 1812 section 5.3.13", "test/nat, T01 I12"],
    verdict: "snat",
    rows: [
      ["options-nop", options(...new Array<number>(40).fill(1))],
      ["options-end-early", options(0, 131, 0, 255)],
      ["option-time-stamp", options(68, 8, 5, 0, 0, 0, 0, 0)],
      ["option-router-alert", options(148, 4, 0, 0)],
    ],
  },
  {
    why: "Odd but consistent: the gateway translates what a router would forward.",
    rules: ["RFC 1812 section 4.2.2", "test/nat, T01 I08 to I13"],
    verdict: "snat",
    rows: [
      ["header-checksum-wrong", plain(QUERY, { headerChecksum: { wrongBy: 1 } })],
      ["reserved-flag", changed(QUERY, 6, 0x80)],
      ["ttl-0-without-hop", plain(QUERY, { ttl: 0 })],
      ["ttl-1-without-hop", plain(QUERY, { ttl: 1 })],
      ["trailer", framed(packet(), { trailer: patterned(40) })],
      ["priority-tag", framed(packet(), { vlans: [{ id: 0 }] })],
      ["four-tags", framed(packet(), { vlans: [1, 2, 3, 4].map((id) => ({ id })) })],
      ["source-mac-multicast", framed(packet(), { src: "01:00:5e:00:00:01" })],
      ["class-e-destination", plain(QUERY, { dst: "240.0.0.1" })],
      ["udp-length-below-packet", changed(QUERY, 25, 9)],
      ["udp-no-payload", plain(udp({ srcPort: OWN, dstPort: 53 }))],
      ["tcp-option-of-0", tcpWith({ options: Uint8Array.of(2, 0, 0, 0) })],
      ["tcp-option-past-header", tcpWith({ options: Uint8Array.of(2, 44, 0, 0) })],
      ["tcp-options-40-nop", tcpWith({ options: new Uint8Array(40).fill(1) })],
      ["tcp-syn-with-data", plain(SYN)],
    ],
  },
  {
    why: "A TCP data offset below five words or past the segment contradicts itself.",
    rules: ["RFC 9293 section 3.1", "test/nat, T01 T1, T2"],
    verdict: "drop bad-header",
    rows: [0, 4, 15].map((words) => [`tcp-offset-${words}`, changed(SYN, 32, words << 4)] as const),
  },
  {
    why: "No TCP endpoint sends these flags together, and stacks differ in what they make of them.",
    rules: ["RFC 9293 section 3.10", "test/nat, T01 T3"],
    verdict: "drop bad-header",
    rows: [
      ["tcp-no-flags", tcpWith({ flags: "" })],
      ["tcp-syn-fin", tcpWith({ flags: "SYN FIN" })],
      ["tcp-syn-rst", tcpWith({ flags: "SYN RST" })],
      ["tcp-fin-rst-ack", tcpWith({ flags: "FIN RST ACK" })],
      ["tcp-fin-alone", tcpWith({ flags: "FIN" })],
      ["tcp-xmas", tcpWith({ flags: "FIN PSH URG" })],
      ["tcp-psh-alone", tcpWith({ flags: "PSH" })],
    ],
  },
  {
    why: "A UDP length below 8 or past the packet contradicts it.",
    rules: ["RFC 768", "test/nat, T01 U1, U2"],
    verdict: "drop bad-header",
    rows: [0, 4, 7, 200].map((length) => [`udp-length-${length}`, changed(QUERY, 25, length)] as const),
  },
  {
    why: "GRE that is not version 0, or says a source route, cannot be carried by address alone.",
    rules: ["RFC 2784 section 2.1", "RFC 2637 section 4.1", "test/nat, T01 G2 to G4"],
    verdict: "drop unsupported-protocol",
    rows: [
      ["gre-version-2", raw(47, 0, 2, 8, 0, 1, 2, 3, 4)],
      ["gre-version-7", raw(47, 0, 7, 8, 0, 1, 2, 3, 4)],
      ["gre-source-route", raw(47, 0x40, 0, 8, 0, 0, 0, 0, 0)],
      ["gre-version-1-no-key", raw(47, 0, 1, 0x88, 0x0b)],
    ],
  },
  {
    why: "No host may send from such an address, and an egress IP is the gateway's own.",
    rules: ["RFC 1812 section 5.3.7", "RFC 1122 section 3.2.1.3", "test/nat, T01 I15"],
    verdict: "drop bad-source",
    rows: [
      ["source-unspecified", plain(QUERY, { src: "0.0.0.0" })],
      ["source-network-0", plain(QUERY, { src: "0.1.2.3" })],
      ["source-loopback", plain(QUERY, { src: "127.0.0.1" })],
      ["source-multicast", plain(QUERY, { src: "224.0.0.1" })],
      ["source-reserved", plain(QUERY, { src: "240.0.0.1" })],
      ["source-broadcast", plain(QUERY, { src: "255.255.255.255" })],
      ["source-egress-ip", plain(QUERY, { src: EXT })],
      ["source-other-egress-ip", plain(QUERY, { src: OTHER_EXT })],
      ["source-is-destination", plain(SYN, { dst: INSIDE })],
      ["source-loopback-timestamp", plain(icmpMessage({ type: 13, inner: patterned(12) }), { src: "127.0.0.1" })],
      ["source-egress-ip-gre", plain(otherProtocol(47, new Uint8Array(8)), { src: EXT })],
    ],
  },
  {
    why: "Network 0 is no destination outside.",
    rules: ["RFC 1122 section 3.2.1.3", "docs/abi.md, REASON_BAD_DESTINATION"],
    verdict: "drop bad-destination",
    rows: [
      ["destination-unspecified", plain(QUERY, { dst: "0.0.0.0" })],
      ["destination-network-0", plain(SYN, { dst: "0.1.2.3" })],
    ],
  },
  {
    why: "An echo with another code than 0, or a type that asks or says nothing that is translated, is refused.",
    rules: ["RFC 5508 REQ-10, REQ-11", "test/nat, T01 C3"],
    verdict: "drop unsupported-protocol",
    rows: [
      ["icmp-echo-code-1", plain(icmpMessage({ type: 8, code: 1, word: 1 }))],
      ["icmp-redirect", plain(icmpMessage({ type: 5, code: 1, inner: packet()(INSIDE) }))],
      ["icmp-router-advertisement", plain(icmpMessage({ type: 9, word: 1 }))],
      ["icmp-information-request", plain(icmpMessage({ type: 15, word: 1 }))],
      ["icmp-address-mask", plain(icmpMessage({ type: 17, word: 1 }))],
      ["icmp-type-255", plain(icmpMessage({ type: 255, word: 1 }))],
    ],
  },
];

const whole = sctpPacket(5000, 38_412, "INIT");
const cut = (length: number): Layer4 => ({
  protocol: () => 132,
  bytes: (pseudo) => whole.bytes(pseudo).slice(0, length),
});
const chunks = (bytes: Uint8Array, tag = 7) => sctp({ srcPort: 5000, dstPort: 38_412, chunks: bytes, tag });
const SCTP: readonly (readonly [string, Layer4])[] = [
  ["empty", otherProtocol(132, new Uint8Array(0))],
  ["of-11", cut(11)],
  ["no-chunk", cut(12)],
  ["chunk-header-cut", cut(15)],
  ["init-cut", cut(28)],
  ["chunk-length-0", chunks(chunk("DATA", { length: 0 }))],
  ["chunk-length-3", chunks(chunk("DATA", { length: 3 }))],
  ["chunk-past-end", chunks(chunk("DATA", { length: 25 }))],
  ["second-chunk-past-end", chunks(Uint8Array.of(...chunk("SACK"), 0, 0, 255, 255))],
  ["init-behind-another", chunks(Uint8Array.of(...chunk("COOKIE-ACK"), ...chunk("INIT")), 0)],
  ["init-before-another", chunks(Uint8Array.of(...chunk("INIT"), ...chunk("DATA")), 0)],
  ["init-ack-with-another", chunks(Uint8Array.of(...chunk("INIT-ACK"), ...chunk("DATA")))],
  ["data-before-complete", chunks(Uint8Array.of(...chunk("DATA"), ...chunk("SHUTDOWN-COMPLETE")))],
  ["tag-0-in-data", chunks(chunk("DATA"), 0)],
  ["tag-in-init", chunks(chunk("INIT"))],
];

export async function malformed(): Promise<Book> {
  const book = new Book(
    "malformed",
    "IPv4 packets that contradict themselves, are cut, or come from where nobody may send: the reason of each, and what is odd and translated all the same.",
  );
  for (const { why, rules, verdict, rows } of TABLE)
    for (const [name, build] of rows)
      await book.add({ name, why, rules, setting: near }, (s) => {
        s.one({ hook: "from-endpoint", bytes: build(INSIDE) }, wanted(verdict, build));
      });
  for (const [name, l4] of SCTP)
    await book.add(
      {
        name: `sctp-${name}`,
        why: "No receiver takes this SCTP packet (cut, bad chunks, INIT not alone, a verification tag where none may be): it is dropped, not repaired, in both directions.",
        rules: ["RFC 9260 sections 3.2, 6.10, 8.5", "docs/abi.md, REASON_SCTP_BAD"],
        setting: near,
      },
      (s) => {
        s.one(at.send(l4), drop("sctp-bad"));
        s.one(at.answer(l4), drop("sctp-bad"));
      },
    );
  return book;
}

function wanted(verdict: string, build: Build): Want {
  const [action, reason] = verdict.split(" ") as [string, string];
  if (action === "drop") return drop(reason);
  return action === "pass" ? pass(reason) : at.translated("snat", OWN, build(EXT), "created");
}
