import {
  FRAME_FLAG_GSO,
  FRAME_FLAG_PARTIAL,
  LINK_NULL,
  LINK_PPP,
  LINK_RAW,
  LINK_SLL,
  LINK_SLL2,
} from "../../../../assembly/abi.js";
import {
  be16,
  be32,
  type ChecksumChoice,
  concat,
  ethernet,
  icmpEcho,
  icmpMessage,
  ipv4,
  type Layer4,
  nullLink,
  onesSum,
  otherProtocol,
  patterned,
  ppp,
  pseudoHeaderBytes,
  qinq,
  sctp,
  sll,
  sll2,
  tcp,
  text,
  udp,
} from "../../../support/frames.js";
import { chunk, sctpPacket } from "../../../support/sctp.js";
import { Book } from "../book.js";
import { ECHO_IDS, natPort, RFC_PORTS } from "../choice.js";
import type { Place } from "../places.js";
import { drop, pass } from "../say.js";
import { at, at6, INSIDE, INSIDE6, near, OTHER_INSIDE, OTHER_INSIDE6, REMOTE, REMOTE6 } from "../scenes.js";

/** Over both families: builders by port of the endpoint or gateway. */
export const query =
  (payload: Uint8Array = text("question"), checksum?: ChecksumChoice) =>
  (srcPort: number) =>
    udp({ srcPort, dstPort: 53, payload, checksum });
export const reply =
  (payload: Uint8Array = text("answer"), checksum?: ChecksumChoice) =>
  (dstPort: number) =>
    udp({ srcPort: 53, dstPort, payload, checksum });
export const segment =
  (flags: string, payload: Uint8Array = new Uint8Array(0), checksum?: ChecksumChoice) =>
  (srcPort: number) =>
    tcp({ srcPort, dstPort: 443, flags, seq: 1000, payload, checksum });
export const answer =
  (flags: string, payload: Uint8Array = new Uint8Array(0)) =>
  (dstPort: number) =>
    tcp({ srcPort: 443, dstPort, flags, seq: 9000, ack: 1001, payload });
export const ping = (id: number) => icmpEcho({ id });
export const pong = (id: number) => icmpEcho({ id, reply: true });
export const GRE = (words = 0x0000_0800) => otherProtocol(47, concat(be32(words), patterned(24)));
export const ESP = (spi = 0x1111) => otherProtocol(50, concat(be32(spi), be32(1), patterned(24)));

/** UDP-Lite and DCCP have a checksum over the pseudo-header at offset 6 (RFC 3828 section 3.1, RFC 4340 section 5.1). */
function withChecksum(protocol: number, wrongBy = 0): Layer4 {
  return {
    protocol: () => protocol,
    bytes: (pseudo) => {
      const packet = concat(be16(4000), be16(9), be16(0), be16(0), patterned(16));
      const right = ~onesSum(pseudoHeaderBytes(pseudo, protocol, packet.length), packet) & 0xffff;
      packet.set(be16((right + wrongBy) % 0xffff), 6);
      return packet;
    },
  };
}

/** ICMP timestamp (RFC 792): id, sequence, three times. */
const timestamp = (type: 13 | 14) => (id: number) =>
  icmpMessage({ type, word: id * 65_536 + 1, inner: concat(be32(1), be32(0), be32(0)) });

const FAMILIES: readonly (readonly ["4" | "6", Place, string, string, string])[] = [
  ["4", at, INSIDE, OTHER_INSIDE, REMOTE],
  ["6", at6, INSIDE6, OTHER_INSIDE6, REMOTE6],
];

export async function protocols(): Promise<Book> {
  const book = new Book(
    "protocols",
    "What is translated, and how: every protocol in both directions, ports kept and changed, checksums, link types.",
  );
  for (const [family, place, inside, other, remote] of FAMILIES) {
    const icmp = family === "4" ? 1 : 58;
    const ask = (src: string, srcPort: number, dstPort: number, protocol: number) => ({
      src,
      dst: remote,
      srcPort,
      dstPort,
      protocol,
    });
    const taken = place.with({ inside: other });

    await book.add(
      {
        name: `udp${family}-port-kept`,
        why: "A port that is in range and free is kept; only source address and checksums change outwards, only destination address and checksums back.",
        rules: ["RFC 3022 section 4.1", "RFC 4787 REQ-1", "docs/abi.md, NAT port"],
        setting: near,
      },
      (s) => {
        s.process([place.out(query(), 4000, 4000, {}, "created")]);
        s.process([place.back(reply(), 4000)]);
        s.process([place.out(query(text("again")), 4000)]);
        s.advance(0, { live: 1, entries: 1, expired: 0, closed: 0 });
      },
    );
    await book.add(
      {
        name: `udp${family}-port-below-range`,
        why: "A port below the range of NAT ports is not used: the first candidate of the keyed search is, and the answer to it comes back to the own port.",
        rules: ["docs/abi.md, NAT port", "RFC 6056 section 3.3"],
        setting: near,
        proof: ["hashes"],
      },
      (s) => {
        const port = natPort(ask(inside, 700, 53, 17), RFC_PORTS);
        s.process([place.out(query(), 700, port, {}, "created"), place.back(reply(), 700, port)]);
      },
    );
    await book.add(
      {
        name: `udp${family}-collision`,
        why: "Two endpoints with one source port toward one remote and port: the second gets the first free candidate, and each its own answers.",
        rules: ["RFC 4787 REQ-3", "docs/abi.md, NAT port"],
        setting: near,
        proof: ["hashes"],
      },
      (s) => {
        const port = natPort(ask(inside, 4000, 53, 17), RFC_PORTS, [4000]);
        s.process([taken.out(query(), 4000, 4000, {}, "created"), place.out(query(), 4000, port, {}, "created")]);
        s.process([place.back(reply(), 4000, port), taken.back(reply(), 4000)]);
      },
    );
    await book.add(
      {
        name: `udp${family}-port-overlap`,
        why: "A NAT port is taken toward one remote and port only: toward another port of the same remote the second endpoint keeps its own, too.",
        rules: ["RFC 7857 section 3", "docs/abi.md, NAT port"],
        setting: near,
      },
      (s) => {
        const other53 = (srcPort: number) => udp({ srcPort, dstPort: 54, payload: text("x") });
        s.process([taken.out(query(), 4000, 4000, {}, "created"), place.out(other53, 4000, 4000, {}, "created")]);
      },
    );
    await book.add(
      {
        name: `tcp${family}-handshake`,
        why: "SYN, SYN-ACK, ACK, data and FINs of both sides are translated; sequence numbers, flags and payload stay as they are.",
        rules: ["RFC 5382 REQ-1", "RFC 3022 section 4.1"],
        setting: near,
      },
      (s) => {
        s.process([
          place.out(segment("SYN"), 5000, 5000, {}, "created"),
          place.back(answer("SYN ACK"), 5000),
          place.out(segment("ACK"), 5000),
          place.out(segment("PSH ACK", text("GET /")), 5000),
          place.back(answer("PSH ACK", text("200")), 5000),
          place.out(segment("FIN ACK"), 5000),
          place.back(answer("FIN ACK"), 5000),
          place.out(segment("ACK"), 5000),
        ]);
      },
    );
    await book.add(
      {
        name: `tcp${family}-collision`,
        why: "A SYN whose port another endpoint has leaves from the first free candidate, with a right checksum for address and port.",
        rules: ["RFC 1624 section 3", "docs/abi.md, NAT port"],
        setting: near,
        proof: ["hashes"],
      },
      (s) => {
        const port = natPort(ask(inside, 5000, 443, 6), RFC_PORTS, [5000]);
        s.process([
          taken.out(segment("SYN"), 5000, 5000, {}, "created"),
          place.out(segment("SYN", text("odd")), 5000, port, {}, "created"),
          place.back(answer("SYN ACK"), 5000, port),
        ]);
      },
    );
    await book.add(
      {
        name: `tcp${family}-mid-stream`,
        why: "A selected TCP connection that is first seen in mid-stream is picked up as the endpoint's own, and counted as direction-guessed.",
        rules: ["docs/conformance.md, Cilium 2.7.2"],
        setting: near,
      },
      (s) =>
        s.process([
          place.out(segment("PSH ACK", text("more")), 5000, 5000, {}, "created", "guessed"),
          place.back(answer("ACK"), 5000),
        ]),
    );
    await book.add(
      {
        name: `icmp${family}-echo`,
        why: "An echo request is translated by address and identifier, which is kept where it is free; the echo reply comes back to it.",
        rules: ["RFC 5508 REQ-1", "docs/abi.md, NAT port (identifiers from 0)"],
        setting: near,
      },
      (s) => s.process([place.out(ping, 77, 77, {}, "created"), place.back(pong, 77)]),
    );
    await book.add(
      {
        name: `icmp${family}-echo-collision`,
        why: "Two endpoints with one identifier toward one remote: the second gets the first free of all 65,536 candidates, and its own reply.",
        rules: ["RFC 5508 REQ-1", "docs/abi.md, NAT port"],
        setting: near,
        proof: ["hashes"],
      },
      (s) => {
        const id = natPort(ask(inside, 77, 0, icmp), ECHO_IDS, [77]);
        s.process([
          taken.out(ping, 77, 77, {}, "created"),
          place.out(ping, 77, id, {}, "created"),
          place.back(pong, 77, id),
          taken.back(pong, 77),
        ]);
      },
    );
    for (const id of [0, 0xffff])
      await book.add(
        {
          name: `icmp${family}-echo-id-${id}`,
          why: `Identifier ${id} is one like any other: no range of ports limits identifiers.`,
          rules: ["docs/abi.md, NAT port", "RFC 5508 REQ-1"],
          setting: near,
        },
        (s) => s.process([place.out(ping, id, id, {}, "created"), place.back(pong, id)]),
      );
    await book.add(
      {
        name: `sctp${family}-association`,
        why: "INIT, INIT-ACK, COOKIE-ECHO and COOKIE-ACK pass both ways; where the port stays the CRC32c stays, as it covers no address.",
        rules: ["RFC 9260 section 6.8", "docs/abi.md, conntrack lines (SCTP)"],
        setting: near,
      },
      (s) => {
        const out = (name: "INIT" | "COOKIE-ECHO") => (port: number) => sctpPacket(port, 38_412, name);
        const back = (name: "INIT-ACK" | "COOKIE-ACK") => (port: number) => sctpPacket(38_412, port, name);
        s.process([
          place.out(out("INIT"), 5000, 5000, {}, "created"),
          place.back(back("INIT-ACK"), 5000),
          place.out(out("COOKIE-ECHO"), 5000),
          place.back(back("COOKIE-ACK"), 5000),
        ]);
      },
    );
    await book.add(
      {
        name: `sctp${family}-collision`,
        why: "Where the port changes the CRC32c is that of the packet with the new port, in both directions.",
        rules: ["RFC 9260 section 6.8 and appendix A", "docs/abi.md, NAT port"],
        setting: near,
        proof: ["hashes"],
      },
      (s) => {
        const init = (port: number) => sctpPacket(port, 38_412, "INIT");
        const port = natPort(ask(inside, 5000, 38_412, 132), RFC_PORTS, [5000]);
        s.process([
          taken.out(init, 5000, 5000, {}, "created"),
          place.out(init, 5000, port, {}, "created"),
          place.back((to) => sctpPacket(38_412, to, "INIT-ACK"), 5000, port),
        ]);
      },
    );
    const others: [string, Layer4, Layer4, string][] = [
      ["gre", GRE(), GRE(0x2000_0800), "GRE of version 0 (RFC 2784)"],
      ["esp", ESP(), ESP(0x2222), "ESP (RFC 4303)"],
      [
        "udplite",
        withChecksum(136),
        withChecksum(136),
        "UDP-Lite, whose checksum follows the address (RFC 3828 section 3.1)",
      ],
      ["dccp", withChecksum(33), withChecksum(33), "DCCP, whose checksum follows the address (RFC 4340 section 5.1)"],
      ["253", otherProtocol(253, patterned(24)), otherProtocol(253, patterned(9)), "protocol 253 (RFC 3692)"],
      ["ipip", otherProtocol(4, patterned(40)), otherProtocol(4, patterned(40)), "IPv4 in IP (RFC 2003)"],
    ];
    for (const [name, l4, back, what] of others.filter(([name]) => family === "4" || name !== "253"))
      await book.add(
        {
          name: `${name}${family}-by-address`,
          why: `${what} is translated by address alone; a second endpoint to the same remote is refused, as answers could not be told apart.`,
          rules: ["docs/conformance.md, Cilium 2.9.4", "docs/abi.md, REASON_PROTOCOL_CONFLICT"],
          setting: near,
        },
        (s) => {
          s.process([place.out(() => l4, 0, 0, {}, "created"), place.back(() => back, 0)]);
          s.one(taken.send(l4), drop("protocol-conflict"));
          s.process([place.out(() => l4, 0)]);
        },
      );
    await book.add(
      {
        name: `udplite${family}-checksum-wrong`,
        why: "A wrong checksum of UDP-Lite stays wrong by the same amount.",
        rules: ["RFC 1624 section 3", "RFC 3828 section 3.1"],
        setting: near,
      },
      (s) => s.process([place.out(() => withChecksum(136, 77), 0, 0, {}, "created")]),
    );

    const sums: [string, (port: number) => Layer4, string][] = [
      ["udp-wrong-by-5", query(text("x"), { wrongBy: 5 }), "A wrong UDP checksum stays wrong by the same amount"],
      [
        "tcp-wrong-by-5",
        segment("SYN", text("x"), { wrongBy: 5 }),
        "A wrong TCP checksum stays wrong by the same amount",
      ],
      [
        "icmp-wrong-by-3",
        (id) => icmpEcho({ id, checksum: { wrongBy: 3 } }),
        "A wrong ICMP checksum stays wrong by the same amount",
      ],
      ["udp-none", query(text("x"), 0), "A UDP checksum of zero, which says that there is none, stays zero"],
    ];
    for (const [name, build, why] of sums)
      await book.add(
        {
          name: `checksum${family}-${name}`,
          why: `${why}: the gateway never repairs what it did not break.`,
          rules: ["RFC 768", "RFC 1624 section 3", "docs/conformance.md, RFC 1624 row 7"],
          setting: near,
        },
        (s) => s.process([place.out(build, 4001, 4001, {}, "created")]),
      );
    for (const [name, build] of [
      ["udp", query(text("offloaded"), "partial")],
      ["tcp", segment("SYN", text("offloaded"), "partial")],
    ] as const)
      await book.add(
        {
          name: `checksum${family}-partial-${name}`,
          why: "With FRAME_FLAG_PARTIAL the field holds the sum of the pseudo-header for the network card: it is that of the new pseudo-header afterwards.",
          rules: ["docs/abi.md, FRAME_FLAG_PARTIAL"],
          setting: near,
        },
        (s) => s.process([place.out(build, 4001, 4001, { frameFlags: FRAME_FLAG_PARTIAL }, "created")]),
      );
    await book.add(
      {
        name: `checksum${family}-partial-sctp`,
        why: "With FRAME_FLAG_PARTIAL the CRC32c of an SCTP packet is not computed yet: the zero stays, although the port changes.",
        rules: ["docs/abi.md, FRAME_FLAG_PARTIAL"],
        setting: near,
        proof: ["hashes"],
      },
      (s) => {
        const init = (port: number) => sctpPacket(port, 38_412, "INIT", { checksum: 0 });
        const port = natPort(ask(inside, 700, 38_412, 132), RFC_PORTS);
        s.process([place.out(init, 700, port, { frameFlags: FRAME_FLAG_PARTIAL }, "created")]);
      },
    );
    const ports: [string, number, number][] = [
      ["source-0", 0, 53],
      ["destination-0", 4000, 0],
    ];
    for (const [name, srcPort, dstPort] of ports)
      await book.add(
        {
          name: `udp${family}-${name}`,
          why: "Port 0 is a number like any other: as a source port it is below the range, so another takes its place.",
          rules: ["docs/abi.md, NAT port", "docs/conformance.md"],
          setting: near,
          proof: ["hashes"],
        },
        (s) => {
          const build = (port: number) => udp({ srcPort: port, dstPort, payload: text("x") });
          const port = natPort(ask(inside, srcPort, dstPort, 17), RFC_PORTS);
          s.process([place.out(build, srcPort, port, {}, "created")]);
        },
      );
  }
  await onlyOf4(book);
  await links(book);
  return book;
}

async function onlyOf4(book: Book): Promise<void> {
  await book.add(
    {
      name: "2536-refused",
      why: "In IPv6 the number 253 may be an extension header for experiments, behind which anything may follow: it is refused, not carried by address.",
      rules: ["RFC 7045 section 4", "docs/abi.md, REASON_UNSUPPORTED_PROTOCOL"],
      setting: near,
    },
    (s) => s.one(at6.send(otherProtocol(253, patterned(24))), drop("unsupported-protocol")),
  );
  await book.add(
    {
      name: "icmp4-timestamp",
      why: "A timestamp request is a query of its own kind: translated like an echo, and its reply comes back.",
      rules: ["RFC 5508 section 3", "RFC 792"],
      setting: near,
    },
    (s) => s.process([at.out(timestamp(13), 88, 88, {}, "created"), at.back(timestamp(14), 88)]),
  );
  await book.add(
    {
      name: "icmp4-timestamp-beside-echo",
      why: "An echo and a timestamp with the same identifier are two connections: each reply comes back under its own type.",
      rules: ["docs/abi.md, LINE_PORTS_AT"],
      setting: near,
    },
    (s) => {
      s.process([at.out(ping, 88, 88, {}, "created"), at.out(timestamp(13), 88, 88, {}, "created")]);
      s.process([at.back(timestamp(14), 88), at.back(pong, 88)]);
    },
  );
  await book.add(
    {
      name: "sctp4-crc-wrong",
      why: "A wrong CRC32c stays as it is where the port stays.",
      rules: ["RFC 9260 section 6.8", "docs/conformance.md, RFC 1624 row 7"],
      setting: near,
    },
    (s) =>
      s.process([
        at.out((port) => sctpPacket(port, 38_412, "INIT", { checksum: 0x1234_5678 }), 5000, 5000, {}, "created"),
      ]),
  );
  await book.add(
    {
      name: "sctp4-addresses-in-init",
      why: "The addresses that an INIT lists for multihoming are payload: they stay as they are.",
      rules: ["RFC 9260 section 3.3.2", "docs/conformance.md"],
      setting: near,
    },
    (s) => {
      const body = Uint8Array.from([...chunk("INIT").subarray(4), 0, 5, 0, 8, 10, 0, 0, 2]);
      s.process([
        at.out(
          (srcPort) => sctp({ srcPort, dstPort: 38_412, chunks: chunk("INIT", { body }) }),
          5000,
          5000,
          {},
          "created",
        ),
      ]);
    },
  );
  for (const [name, l4, what] of [
    ["ah", otherProtocol(51, patterned(24)), "AH signs the addresses (RFC 4302 section 3.3.3)"],
    ["igmp", otherProtocol(2, patterned(8)), "IGMP belongs to its link (RFC 3376)"],
    [
      "pptp",
      otherProtocol(47, concat(be32(0x3001_880b), be32(4), patterned(8))),
      "GRE of version 1 needs its call id translated (RFC 2637)",
    ],
    [
      "icmpv6-in-ipv4",
      otherProtocol(58, Uint8Array.of(128, 0, 0, 0, 0, 1, 0, 1)),
      "ICMPv6 in IPv4 is nobody's protocol",
    ],
    ["protocol-0", otherProtocol(0, patterned(8)), "protocol 0 is a hop-by-hop header in IPv6 only"],
    ["protocol-255", otherProtocol(255, patterned(8)), "protocol 255 is reserved (RFC 5237)"],
  ] as const)
    await book.add(
      {
        name: `${name}-refused`,
        why: `${what}: it cannot be translated, and nothing selected leaves untranslated. From outside it is refused alike.`,
        rules: ["docs/decisions.md", "docs/abi.md, REASON_UNSUPPORTED_PROTOCOL"],
        setting: near,
      },
      (s) => {
        s.one(at.send(l4), drop("unsupported-protocol"));
        s.one(at.answer(l4), drop("unsupported-protocol"));
      },
    );
  await book.add(
    {
      name: "gso-super-frame",
      why: "A super-frame of the sender's offload is longer than any MTU and may say a total length of 0: with FRAME_FLAG_GSO it is translated like any other.",
      rules: ["docs/abi.md, FRAME_FLAG_GSO"],
      setting: near,
    },
    (s) => {
      const big = segment("PSH ACK", patterned(3000), "partial");
      const fields = { frameFlags: FRAME_FLAG_PARTIAL | FRAME_FLAG_GSO, totalLength: 0 };
      s.process([at.out(segment("SYN"), 5000, 5000, {}, "created"), at.out(big, 5000, 5000, fields)]);
    },
  );
  await book.add(
    {
      name: "echo-reply-first",
      why: "An echo reply that comes first from an endpoint answers somebody outside: it passes as reply-of-inbound, direction-guessed.",
      rules: ["docs/conformance.md, Cilium 2.7.2"],
      setting: near,
    },
    (s) => s.one(at.send(pong(7)), pass("reply-of-inbound", "created", "guessed")),
  );
  await book.add(
    {
      name: "ip-options-kept",
      why: "IPv4 options that route nothing stay as they are, a record route among them.",
      rules: ["RFC 1812 section 5.2.4", "docs/conformance.md"],
      setting: near,
    },
    (s) => s.process([at.out(query(), 4000, 4000, { options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0) }, "created")]),
  );
}

async function links(book: Book): Promise<void> {
  const rules = ["docs/abi.md, LINK_*"];
  const build = (l4: Layer4, src: string) => ipv4({ src, dst: REMOTE }, l4);
  const kinds: [string, string, number, (packet: Uint8Array) => Uint8Array][] = [
    ["raw", "LINK_RAW has no header", LINK_RAW, (packet) => packet],
    ["sll", "LINK_SLL has 16 bytes of Linux's cooked header", LINK_SLL, (packet) => sll(packet)],
    ["sll2", "LINK_SLL2 has 20 bytes of Linux's cooked header", LINK_SLL2, (packet) => sll2(packet)],
    [
      "null-little",
      "LINK_NULL has 4 bytes of address family, here little-endian",
      LINK_NULL,
      (packet) => nullLink(packet),
    ],
    [
      "null-big",
      "LINK_NULL has 4 bytes of address family, here big-endian",
      LINK_NULL,
      (packet) => nullLink(packet, "big"),
    ],
    ["ppp", "LINK_PPP has HDLC address and control", LINK_PPP, (packet) => ppp(packet)],
    ["ppp-bare", "LINK_PPP may lack HDLC address and control", LINK_PPP, (packet) => ppp(packet, false)],
    ["vlan", "LINK_ETHERNET may have an 802.1Q tag", 1, (packet) => ethernet(packet, { vlans: [{ id: 7 }] })],
    ["qinq", "LINK_ETHERNET may have an 802.1ad and an 802.1Q tag", 1, (packet) => qinq(packet, 7, 8)],
    [
      "trailer",
      "LINK_ETHERNET may have padding behind the packet",
      1,
      (packet) => ethernet(packet, { trailer: patterned(9) }),
    ],
    [
      "broadcast-mac",
      "LINK_ETHERNET may carry a packet to a group address",
      1,
      (packet) => ethernet(packet, { dst: "ff:ff:ff:ff:ff:ff" }),
    ],
  ];
  const [ends] = [at.ends];
  for (const [name, what, link, wrap] of kinds)
    await book.add(
      {
        name: `link-${name}`,
        why: `${what}: the packet behind it is translated, the link header stays.`,
        rules,
        setting: near,
      },
      (s) => {
        const said = (l4: Layer4) => wrap(build(l4, INSIDE));
        s.one(
          { hook: "from-endpoint", link, bytes: said(query()(4000)) },
          at.translated("snat", 4000, wrap(build(query()(4000), ends.ext)), "created"),
        );
        s.one(
          { hook: "from-network", link, bytes: wrap(ipv4({ src: REMOTE, dst: ends.ext }, reply()(4000))) },
          at.translated("reverse", 4000, wrap(ipv4({ src: REMOTE, dst: INSIDE }, reply()(4000)))),
        );
      },
    );
  for (const [name, link, wrap] of [
    ["raw", LINK_RAW, (packet: Uint8Array) => packet],
    ["sll2", LINK_SLL2, (packet: Uint8Array) => sll2(packet)],
    ["null", LINK_NULL, (packet: Uint8Array) => nullLink(packet)],
  ] as const)
    await book.add(
      { name: `link6-${name}`, why: "The same link header with IPv6 behind it.", rules, setting: near },
      (s) => {
        const packet = (src: string) => wrap(at6.packet(query()(4000), { src, dst: REMOTE6 }));
        s.one(
          { hook: "from-endpoint", link, bytes: packet(INSIDE6) },
          at6.translated("snat", 4000, packet(at6.ends.ext), "created"),
        );
      },
    );
  for (const [name, etherType] of [
    ["arp", 0x0806],
    ["lldp", 0x88cc],
    ["mpls", 0x8847],
    ["pppoe", 0x8864],
    ["802.3", 0x05dc],
  ] as const)
    await book.add(
      {
        name: `not-ip-${name}`,
        why: "A frame that carries no IP passes unchanged: it is not routed, so no policy selects it.",
        rules: ["docs/abi.md, REASON_NOT_IP"],
        setting: near,
      },
      (s) => s.one({ hook: "from-endpoint", bytes: ethernet(new Uint8Array(46), { etherType }) }, pass("not-ip")),
    );
  await cuts(book, build);
}

async function cuts(book: Book, build: (l4: Layer4, src: string) => Uint8Array): Promise<void> {
  const whole = (src: string) => ethernet(build(udp({ srcPort: 4000, dstPort: 53, payload: patterned(100) }), src));
  await book.add(
    {
      name: "snaplen-behind-checksum",
      why: "A capture cut behind the transport header is translated: the checksum is updated by what changes, and covers bytes that nobody has here.",
      rules: ["docs/abi.md, REASON_SNAPLEN_CUT", "RFC 1624 section 3"],
      setting: near,
    },
    (s) => {
      const cut = whole(INSIDE).slice(0, 14 + 20 + 8 + 10);
      const out = whole(at.ends.ext).slice(0, cut.length);
      s.one(
        { hook: "from-endpoint", bytes: cut, wire: whole(INSIDE).length },
        at.translated("snat", 4000, out, "created"),
      );
    },
  );
  await book.add(
    {
      name: "snaplen-behind-ports",
      why: "A capture cut behind the ports is translated, too, and says that its checksum could not be looked at.",
      rules: ["docs/abi.md, VERDICT_FLAG_UNVERIFIABLE"],
      setting: near,
    },
    (s) => {
      const cut = whole(INSIDE).slice(0, 14 + 20 + 4);
      const out = whole(at.ends.ext).slice(0, cut.length);
      s.one(
        { hook: "from-endpoint", bytes: cut, wire: whole(INSIDE).length },
        at.translated("snat", 4000, out, "created", "unverifiable"),
      );
    },
  );
  for (const bytes of [20, 14 + 20, 14 + 20 + 3])
    await book.add(
      {
        name: `snaplen-cut-${bytes}`,
        why: "A capture cut before the ports cannot be translated; the packet itself was long enough, so it is no truncated one.",
        rules: ["docs/abi.md, REASON_SNAPLEN_CUT"],
        setting: near,
      },
      (s) =>
        s.one(
          { hook: "from-endpoint", bytes: whole(INSIDE).slice(0, bytes), wire: whole(INSIDE).length },
          drop("snaplen-cut"),
        ),
    );
}
