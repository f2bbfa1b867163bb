import { FRAME_FLAG_UPLINK } from "../../../../assembly/abi.js";
import {
  ENDPOINT,
  EXCLUDED_REMOTE,
  LOCAL_ENDPOINT,
  NODE_IP,
  OTHER_ENDPOINT,
  REMOTE,
  UNSELECTED,
} from "../../../assembly/path/worlds.js";
import { icmpEcho, type Layer4, otherProtocol, patterned, tcp, text, udp } from "../../../support/frames.js";
import { sctpPacket } from "../../../support/sctp.js";
import { Book } from "../book.js";
import { answer, pong, query, reply, segment } from "../builders.js";
import { CILIUM_PORTS, natPort } from "../choice.js";
import { drop, pass } from "../say.js";
import { near, at as nearAt } from "../scenes.js";
import { CILIUM } from "../settings.js";
import { at, behind, CILIUMS_OWN, four, NO_IP, one, placed, two } from "../worlds.js";
import { changes, switches } from "./changes.js";

export async function policies(): Promise<Book> {
  const book = new Book(
    "policy",
    "Who is selected and who is not, directions, placement over gateways, hops, owners of addresses, changes of policy, and the switches of the configuration.",
  );
  await passes(book);
  await directions(book);
  await hops(book);
  await placement(book);
  await changes(book);
  await switches(book);
  return book;
}

async function passes(book: Book): Promise<void> {
  const rows: [reason: string, src: string, dst: string, why: string, ...flags: "created"[]][] = [
    ["no-policy", UNSELECTED, REMOTE, "No policy selects this endpoint", "created"],
    [
      "excluded",
      ENDPOINT,
      EXCLUDED_REMOTE,
      "An excluded CIDR is a longer match than the policy's 0.0.0.0/0",
      "created",
    ],
    ["cluster-internal", ENDPOINT, OTHER_ENDPOINT, "A pod's address is in the cluster"],
    ["cluster-internal", ENDPOINT, NODE_IP, "A node's address is in the cluster"],
    ["link-local", ENDPOINT, "169.254.169.254", "A link-local destination is never selected"],
    ["multicast", ENDPOINT, "224.0.0.251", "A multicast destination is never selected"],
    ["broadcast", ENDPOINT, "255.255.255.255", "The limited broadcast is never selected"],
    ["loopback", ENDPOINT, "127.0.0.1", "A loopback destination is never selected"],
    ["endpoint-unknown", "10.99.0.1", REMOTE, "Nobody in the policy owns the source address"],
  ];
  for (const [i, [reason, src, dst, why, ...flags]] of rows.entries())
    await book.add(
      {
        name: `pass-${reason}${i === 3 ? "-node" : ""}`,
        why: `${why}: the frame passes unchanged, the first like the second.`,
        rules: ["docs/abi.md, Reasons", "docs/conformance.md, Cilium 2.4"],
        setting: one,
      },
      (s) => {
        const sent = at.send(query()(40_000), { src, dst });
        s.one(sent, pass(reason, ...flags));
        s.one(sent, pass(reason));
      },
    );
  await book.add(
    {
      name: "no-policy-both-ways",
      why: "A connection that no policy selects passes in both directions under one reason.",
      rules: ["docs/abi.md, REASON_NO_POLICY"],
      setting: one,
    },
    (s) => {
      s.one(at.send(segment("SYN")(40_000), { src: UNSELECTED }), pass("no-policy", "created"));
      s.one(at.answer(answer("SYN ACK")(40_000), { dst: UNSELECTED }), pass("no-policy"));
    },
  );
}

async function directions(book: Book): Promise<void> {
  const rules = ["docs/decisions.md (direction)", "docs/conformance.md, Cilium 2.4.5"];
  const inbound = tcp({ srcPort: 5555, dstPort: 9000, flags: "SYN" });
  await book.add(
    {
      name: "inbound-tcp",
      why: "A SYN from outside to an endpoint opens an inbound connection; the endpoint's answers pass as reply-of-inbound, although it is selected.",
      rules,
      setting: one,
    },
    (s) => {
      s.one(at.answer(inbound, { dst: ENDPOINT }), pass("inbound", "created"));
      s.one(at.send(tcp({ srcPort: 9000, dstPort: 5555, flags: "SYN ACK" })), pass("reply-of-inbound"));
      s.one(at.answer(tcp({ srcPort: 5555, dstPort: 9000, flags: "ACK" }), { dst: ENDPOINT }), pass("inbound"));
      s.one(
        at.send(tcp({ srcPort: 9000, dstPort: 5555, flags: "PSH ACK", payload: text("x") })),
        pass("reply-of-inbound"),
      );
    },
  );
  await book.add(
    { name: "inbound-udp", why: "A first UDP datagram from outside opens an inbound connection.", rules, setting: one },
    (s) => {
      s.one(at.answer(udp({ srcPort: 5555, dstPort: 9000 }), { dst: ENDPOINT }), pass("inbound", "created"));
      s.one(at.send(udp({ srcPort: 9000, dstPort: 5555 })), pass("reply-of-inbound"));
    },
  );
  await book.add(
    {
      name: "inbound-echo",
      why: "An echo request from outside opens an inbound connection; the echo reply passes.",
      rules,
      setting: one,
    },
    (s) => {
      s.one(at.answer(icmpEcho({ id: 7 }), { dst: ENDPOINT }), pass("inbound", "created"));
      s.one(at.send(pong(7)), pass("reply-of-inbound"));
    },
  );
  for (const [name, l4, what] of [
    ["syn-ack", tcp({ srcPort: 9000, dstPort: 5555, flags: "SYN ACK" }), "A SYN-ACK"],
    [
      "service-port",
      tcp({ srcPort: 8080, dstPort: 5555, flags: "ACK" }),
      "A segment in mid-stream from a port that the endpoint serves on",
    ],
    ["echo-reply", icmpEcho({ id: 7, reply: true }), "An echo reply"],
  ] as const)
    await book.add(
      {
        name: `answer-first-${name}`,
        why: `${what} as the first frame of a connection is an answer: it passes, direction-guessed.`,
        rules,
        setting: one,
      },
      (s) => s.one(at.send(l4), pass("reply-of-inbound", "created", "guessed")),
    );
  await book.add(
    {
      name: "service-port-syn",
      why: "A SYN from a port that the endpoint serves on opens a connection of its own: only frames in mid-stream are guessed.",
      rules,
      setting: one,
    },
    (s) =>
      s.process([
        at.out(
          (port) => tcp({ srcPort: port, dstPort: 5555, flags: "SYN" }),
          8080,
          portOf(8080, 5555, 6),
          {},
          "created",
        ),
      ]),
  );
  await book.add(
    {
      name: "reply-without-connection",
      why: "A segment in mid-stream from outside straight to a selected endpoint belongs to no connection: dropped; to one that is not selected it passes.",
      rules: ["docs/abi.md, REASON_REPLY_WITHOUT_CONNECTION"],
      setting: one,
    },
    (s) => {
      s.one(at.answer(answer("SYN ACK")(40_000), { dst: ENDPOINT }), drop("reply-without-connection"));
      s.one(at.answer(answer("SYN ACK")(40_000), { dst: UNSELECTED }), pass("no-policy"));
      s.one(at.answer(answer("SYN ACK")(40_000), { dst: ENDPOINT, src: EXCLUDED_REMOTE }), pass("excluded"));
    },
  );
  const unsolicited: [string, Layer4][] = [
    ["udp", udp({ srcPort: 53, dstPort: 40_000 })],
    ["syn", tcp({ srcPort: 443, dstPort: 40_000, flags: "SYN" })],
    ["syn-ack", tcp({ srcPort: 443, dstPort: 40_000, flags: "SYN ACK" })],
    ["echo-request", icmpEcho({ id: 3 })],
    ["echo-reply", icmpEcho({ id: 3, reply: true })],
    ["init", sctpPacket(38_412, 40_000, "INIT")],
    ["gre", otherProtocol(47, Uint8Array.of(0, 0, 8, 0, ...patterned(8)))],
  ];
  for (const [name, l4] of unsolicited)
    await book.add(
      {
        name: `unsolicited-${name}`,
        why: "A frame to an egress IP that no connection asked for is dropped, and so is one over the uplink straight to a selected endpoint; nothing is remembered.",
        rules: ["RFC 5382 REQ-4", "docs/abi.md, REASON_NO_REVERSE_MAPPING, FRAME_FLAG_UPLINK"],
        setting: near,
      },
      (s) => {
        s.one(nearAt.answer(l4), drop("no-reverse-mapping"));
        s.one(
          nearAt.answer(l4, { dst: nearAt.ends.inside, frameFlags: FRAME_FLAG_UPLINK }),
          drop("no-reverse-mapping"),
        );
        s.advance(0, { live: 0, entries: 0 });
      },
    );
  for (const [name, src, srcPort] of [
    ["another-port", "192.0.2.102", 54],
    ["another-remote", "192.0.2.103", 53],
  ] as const)
    await book.add(
      {
        name: `filtered-${name}`,
        why: "A mapping lets in what its connection's remote sends from the very port that was asked, and nothing else.",
        rules: ["RFC 4787 REQ-8 (address- and port-dependent filtering)", "docs/conformance.md"],
        setting: near,
      },
      (s) => {
        s.process([nearAt.out(query(), 4000, 4000, {}, "created")]);
        s.one(nearAt.answer(udp({ srcPort, dstPort: 4000 }), { src }), drop("no-reverse-mapping"));
        s.process([nearAt.back(reply(), 4000)]);
      },
    );
  await book.add(
    {
      name: "no-hairpin",
      why: "An endpoint that sends to its own gateway's egress IP is not brought to another endpoint: dropped.",
      rules: ["docs/decisions.md (hairpinning)"],
      setting: near,
    },
    (s) => {
      s.process([nearAt.with({ inside: "10.0.0.3" }).out(query(), 4000, 4000, {}, "created")]);
      s.one(nearAt.send(udp({ srcPort: 5000, dstPort: 4000 }), { dst: "192.0.2.1" }), drop("bad-source"));
    },
  );
  await book.add(
    {
      name: "simultaneous-open",
      why: "SYNs of both sides that cross are one connection.",
      rules: ["RFC 5382 REQ-2", "RFC 9293 section 3.5"],
      setting: near,
    },
    (s) => {
      s.process([nearAt.out(segment("SYN"), 5000, 5000, {}, "created"), nearAt.back(answer("SYN"), 5000)]);
      s.process([nearAt.out(segment("SYN ACK"), 5000), nearAt.back(answer("SYN ACK"), 5000)]);
    },
  );
}

const portOf = (srcPort: number, dstPort: number, protocol: number) =>
  natPortOf({ src: ENDPOINT, dst: REMOTE, srcPort, dstPort, protocol });
const natPortOf = (ask: Parameters<typeof natPort>[0]) => natPort(ask, CILIUM_PORTS);

async function hops(book: Book): Promise<void> {
  const rules = ["RFC 1812 section 5.3.1", "docs/abi.md, VERDICT_FLAG_HOP"];
  await book.add(
    {
      name: "hop-both-ways",
      why: "Between an endpoint and a gateway on different nodes lies one routed hop: TTL falls by one in each direction.",
      rules,
      setting: one,
    },
    (s) => {
      s.process([
        at.out(query(), 40_000, 40_000, { ttl: 10 }, "created"),
        at.back(reply(), 40_000, 40_000, { ttl: 2 }),
      ]);
    },
  );
  await book.add(
    {
      name: "no-hop",
      why: "An endpoint on the gateway's own node has no hop to it: TTL stays, even 1.",
      rules,
      setting: one,
    },
    (s) => {
      const local = at.with({ inside: LOCAL_ENDPOINT, hop: false });
      s.process([
        local.out(query(), 40_000, 40_000, { ttl: 1 }, "created"),
        local.back(reply(), 40_000, 40_000, { ttl: 1 }),
      ]);
    },
  );
  for (const ttl of [0, 1])
    await book.add(
      {
        name: `ttl-${ttl}`,
        why: "A frame whose TTL ends at the hop is dropped before anything is remembered, and so is a reply.",
        rules,
        setting: one,
      },
      (s) => {
        s.one(at.send(query()(40_000), { ttl }), drop("ttl-exceeded"));
        s.advance(0, { entries: 0 });
        s.process([at.out(query(), 40_000, 40_000, {}, "created")]);
        s.one(at.send(query()(40_000), { ttl }), drop("ttl-exceeded"));
        s.one(at.answer(reply()(40_000), { ttl }), drop("ttl-exceeded"));
      },
    );
}

async function placement(book: Book): Promise<void> {
  for (const [name, setting, gateways] of [
    ["two", two, [0, 1]],
    ["four", four, [0, 1, 2, 3]],
  ] as const)
    await book.add(
      {
        name: `placement-of-${name}`,
        why: "Each new connection goes to the gateway with the highest score of its five-tuple, and stays there.",
        rules: ["docs/abi.md, Placement"],
        setting,
        proof: ["hashes"],
      },
      (s) => {
        for (let port = 40_000; port < 40_008; port++) {
          const gateway = behind(placed(port, 443, 6, gateways));
          s.process([
            gateway.out(segment("SYN"), port, port, {}, "created"),
            gateway.back(answer("SYN ACK"), port),
            gateway.out(segment("ACK"), port),
          ]);
        }
      },
    );
  await book.add(
    {
      name: "placement-without-ha",
      why: "A CiliumEgressGatewayPolicy gives an endpoint the member FNV-1a-32 of its UID modulo their number; health is not looked at.",
      rules: ["docs/abi.md, Placement", "docs/conformance.md, Cilium"],
      setting: { configuration: CILIUM, policy: CILIUMS_OWN, verifier: undefined },
    },
    (s) => {
      for (const node of [0, 1]) s.call("setGateway", [node, 0]);
      s.process([behind(1).out(segment("SYN"), 40_000, 40_000, {}, "created")]);
      s.process([behind(0).with({ inside: OTHER_ENDPOINT }).out(segment("SYN"), 40_000, 40_000, {}, "created")]);
    },
  );
  await book.add(
    {
      name: "no-egress-ip",
      why: "The gateway that is chosen has no egress IP of the frame's family: dropped.",
      rules: ["docs/abi.md, REASON_NO_EGRESS_IP", "docs/conformance.md, Cilium 2.6.4"],
      setting: { configuration: CILIUM, policy: NO_IP, verifier: {} },
    },
    (s) => s.one(at.send(segment("SYN")(40_000)), drop("no-egress-ip")),
  );
  await book.add(
    {
      name: "no-egress-ip-of-family",
      why: "The gateway has an IPv4 address only: an IPv6 frame that the policy selects is dropped, an IPv4 one translated.",
      rules: ["docs/abi.md, REASON_NO_EGRESS_IP"],
      setting: one,
    },
    (s) => {
      s.one(at.send(segment("SYN")(40_000), { src: "fd00:1::7", dst: "2001:db8:99::9" }), drop("no-egress-ip"));
      s.process([at.out(segment("SYN"), 40_000, 40_000, {}, "created")]);
    },
  );
}
