import { FRAME_FLAG_GSO, FRAME_FLAG_PARTIAL } from "../../../../assembly/abi.js";
import {
  be16,
  be32,
  concat,
  icmpEcho,
  icmpMessage,
  type Layer4,
  onesSum,
  otherProtocol,
  patterned,
  pseudoHeaderBytes,
  sctp,
  text,
  udp,
} from "../../../support/frames.js";
import { chunk, sctpPacket } from "../../../support/sctp.js";
import { Book } from "../book.js";
import { answer, ESP, GRE, ping, pong, query, reply, segment } from "../builders.js";
import { ECHO_IDS, natPort, RFC_PORTS } from "../choice.js";
import type { Place } from "../places.js";
import { drop, pass } from "../say.js";
import { at, at6, INSIDE, INSIDE6, near, OTHER_INSIDE, OTHER_INSIDE6, REMOTE, REMOTE6 } from "../scenes.js";
import { links } from "./links.js";
import { zeroSums } from "./zero-sums.js";

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
        rules: ["docs/conformance.md, RFC 5382", "RFC 3022 section 4.1"],
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
      ["experimental", otherProtocol(253, patterned(24)), otherProtocol(253, patterned(9)), "protocol 253 (RFC 3692)"],
      ["ipip", otherProtocol(4, patterned(40)), otherProtocol(4, patterned(40)), "IPv4 in IP (RFC 2003)"],
    ];
    for (const [name, l4, back, what] of others.filter(([name]) => family === "4" || name !== "experimental"))
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
          why:
            srcPort === 0
              ? "Source port 0 is below the range of NAT ports: another takes its place."
              : "Destination port 0 is a number like any other: the packet is translated and keeps it.",
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
  await zeroSums(book);
  await onlyOf4(book);
  await links(book);
  return book;
}

async function onlyOf4(book: Book): Promise<void> {
  await book.add(
    {
      name: "experimental6-refused",
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
      rules: ["RFC 1812 section 5.3.13", "docs/conformance.md"],
      setting: near,
    },
    (s) => s.process([at.out(query(), 4000, 4000, { options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0) }, "created")]),
  );
}
