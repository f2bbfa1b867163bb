import { type Layer4, tcp, text } from "../../../support/frames.js";
import { type ChunkName, sctpPacket } from "../../../support/sctp.js";
import { Book } from "../book.js";
import { answer, GRE, ping, pong, query, reply, segment } from "../builders.js";
import { natPort, RFC_PORTS } from "../choice.js";
import type { Place } from "../places.js";
import { drop, type Flag, type Said } from "../say.js";
import { at6, near, at as nearAt, OTHER_INSIDE, REMOTE } from "../scenes.js";
import type { Script } from "../script.js";
import { configuration, type Setting } from "../settings.js";
import { at as farAt, one } from "../worlds.js";

type ByPort = (port: number) => Layer4;

/** How a connection comes to the state whose lifetime is asked for: who sends what. */
type History = readonly (readonly [from: "out" | "back", build: ByPort])[];

interface Row {
  readonly name: string;
  readonly what: string;
  readonly history: History;
  /** What is sent from outside to see whether it is alive. */
  readonly probe: ByPort;
  readonly seconds: number;
  readonly rules: readonly string[];
  readonly isAddressOnly?: true;
}

const out = (build: ByPort) => ["out", build] as const;
const back = (build: ByPort) => ["back", build] as const;
const chunkOut = (name: ChunkName) => out((port) => sctpPacket(port, 38_412, name));
const chunkBack = (name: ChunkName) => back((port) => sctpPacket(38_412, port, name));
const HANDSHAKE = [out(segment("SYN")), back(answer("SYN ACK")), out(segment("ACK"))];
const CLOSED = [...HANDSHAKE, out(segment("FIN ACK")), back(answer("FIN ACK"))];
const RST = (dstPort: number) => tcp({ srcPort: 443, dstPort, flags: "RST", seq: 9001 });
const data = answer("ACK", text("data"));

const CILIUM_ROWS: readonly Row[] = [
  {
    name: "udp",
    what: "UDP that was not answered",
    history: [out(query())],
    probe: reply(),
    seconds: 60,
    rules: ["docs/conformance.md, Cilium 5.2"],
  },
  {
    name: "udp-answered",
    what: "UDP since its last frame, a reply",
    history: [out(query()), back(reply())],
    probe: reply(),
    seconds: 60,
    rules: ["docs/conformance.md, Cilium 5.2"],
  },
  {
    name: "tcp-opening",
    what: "A SYN that nobody answered",
    history: [out(segment("SYN"))],
    probe: answer("SYN ACK"),
    seconds: 60,
    rules: ["docs/conformance.md, Cilium 5.2"],
  },
  {
    name: "tcp-established",
    what: "An established TCP connection",
    history: HANDSHAKE,
    probe: data,
    seconds: 8000,
    rules: ["docs/conformance.md, Cilium 5.2"],
  },
  {
    name: "tcp-closing",
    what: "A TCP connection that both sides have closed",
    history: CLOSED,
    probe: answer("ACK"),
    seconds: 10,
    rules: ["docs/conformance.md, Cilium 5.2"],
  },
  {
    name: "icmp",
    what: "An echo",
    history: [out(ping)],
    probe: pong,
    seconds: 60,
    rules: ["docs/conformance.md, Cilium 5.2"],
  },
];

const RFC_ROWS: readonly Row[] = [
  { name: "udp", what: "UDP", history: [out(query())], probe: reply(), seconds: 300, rules: ["RFC 4787 REQ-5"] },
  {
    name: "tcp-opening",
    what: "A SYN that nobody answered",
    history: [out(segment("SYN"))],
    probe: answer("SYN ACK"),
    seconds: 240,
    rules: ["RFC 5382 REQ-5", "RFC 6146 section 3.5.2.2"],
  },
  {
    name: "tcp-established",
    what: "An established TCP connection",
    history: HANDSHAKE,
    probe: data,
    seconds: 7440,
    rules: ["RFC 5382 REQ-5"],
  },
  {
    name: "tcp-half-closed",
    what: "A TCP connection that one side has closed",
    history: [...HANDSHAKE, out(segment("FIN ACK"))],
    probe: data,
    seconds: 7440,
    rules: ["RFC 6146 section 3.5.2.2"],
  },
  {
    name: "tcp-closing",
    what: "A TCP connection that both sides have closed",
    history: CLOSED,
    probe: answer("ACK"),
    seconds: 240,
    rules: ["RFC 5382 REQ-5", "RFC 6146 section 3.5.2.2"],
  },
  {
    name: "tcp-reset",
    what: "A TCP connection after an RST",
    history: [...HANDSHAKE, out(segment("RST ACK"))],
    probe: data,
    seconds: 240,
    rules: ["RFC 7857, TCP RST"],
  },
  { name: "icmp", what: "An echo", history: [out(ping)], probe: pong, seconds: 60, rules: ["RFC 5508 REQ-2"] },
  {
    name: "sctp-opening",
    what: "An SCTP INIT that nobody answered",
    history: [chunkOut("INIT")],
    probe: (port) => sctpPacket(38_412, port, "INIT-ACK"),
    seconds: 240,
    rules: ["docs/decisions.md (SCTP)"],
  },
  {
    name: "sctp-established",
    what: "An SCTP association",
    history: [chunkOut("INIT"), chunkBack("INIT-ACK"), chunkOut("COOKIE-ECHO"), chunkBack("COOKIE-ACK")],
    probe: (port) => sctpPacket(38_412, port, "DATA"),
    seconds: 7440,
    rules: ["docs/decisions.md (SCTP)"],
  },
];

export async function lifetimes(): Promise<Book> {
  const book = new Book(
    "lifetimes",
    "When a connection ends, to the millisecond, in both profiles; what moves its end; ports that are held down; virtual time.",
  );
  await ends(book, "cilium", one, farAt, CILIUM_ROWS);
  await ends(book, "rfc", near, nearAt, RFC_ROWS);
  await ends(
    book,
    "rfc-ipv6",
    near,
    at6,
    RFC_ROWS.filter(({ name }) => ["udp", "tcp-opening", "tcp-closing", "icmp"].includes(name)),
  );
  await addressOnly(book);
  await refresh(book);
  await held(book);
  await time(book);
  return book;
}

/** Steps of a connection with its own port. */
function played(place: Place, history: History, port: number, atMs: number): Said[] {
  return history.map(([from, build], i) => {
    const flags: Flag[] = i === 0 ? ["created"] : [];
    return from === "out"
      ? place.out(build, port, port, { atMs }, ...flags)
      : place.back(build, port, port, { atMs }, ...flags);
  });
}

async function ends(book: Book, profile: string, setting: Setting, place: Place, rows: readonly Row[]): Promise<void> {
  for (const { name, what, history, probe, seconds, rules } of rows)
    await book.add(
      {
        name: `${profile}-${name}`,
        why: `${what} lives ${seconds} s: a frame from outside a millisecond sooner is translated, one at ${seconds} s finds no mapping.`,
        rules: [...rules, "docs/abi.md, Lifetimes"],
        setting,
      },
      (s) => {
        const end = seconds * 1000;
        s.process([...played(place, history, 40_000, 0), ...played(place, history, 41_000, 0)]);
        s.process([place.back(probe, 40_000, 40_000, { atMs: end - 1 })]);
        s.one(place.answer(probe(41_000), { atMs: end }), drop("no-reverse-mapping"));
      },
    );
}

async function addressOnly(book: Book): Promise<void> {
  for (const [profile, setting, place, seconds] of [
    ["cilium", one, farAt, 60],
    ["rfc", near, nearAt, 300],
  ] as const)
    await book.add(
      {
        name: `${profile}-gre`,
        why: `A protocol without ports lives ${seconds} s: then its one mapping is gone.`,
        rules: ["docs/decisions.md (protocols without ports)"],
        setting,
      },
      (s) => {
        s.process([
          place.out(() => GRE(), 0, 0, {}, "created"),
          place.back(() => GRE(), 0, 0, { atMs: seconds * 1000 - 1 }),
        ]);
        s.one(place.answer(GRE(), { atMs: seconds * 2000 - 1 }), drop("no-reverse-mapping"));
      },
    );
}

async function refresh(book: Book): Promise<void> {
  await book.add(
    {
      name: "rfc-udp-refreshed",
      why: "Frames of either direction move the end of a UDP mapping.",
      rules: ["RFC 4787 REQ-6"],
      setting: near,
    },
    (s) => {
      s.process([nearAt.out(query(), 4000, 4000, {}, "created")]);
      s.process([
        nearAt.out(query(), 4000, 4000, { atMs: 250_000 }),
        nearAt.back(reply(), 4000, 4000, { atMs: 500_000 }),
      ]);
      s.process([nearAt.back(reply(), 4000, 4000, { atMs: 799_999 })]);
      s.one(nearAt.answer(reply()(4000), { atMs: 1_100_000 }), drop("no-reverse-mapping"));
    },
  );
  await book.add(
    {
      name: "cilium-closing-not-refreshed",
      why: "In profile cilium frames of a connection that both sides have closed do not put off its end.",
      rules: ["docs/conformance.md, Cilium 5.2"],
      setting: one,
    },
    (s) => {
      s.process([...played(farAt, CLOSED, 40_000, 0), farAt.out(segment("ACK"), 40_000, 40_000, { atMs: 9_000 })]);
      s.one(farAt.answer(answer("ACK")(40_000), { atMs: 10_000 }), drop("no-reverse-mapping"));
    },
  );
  await book.add(
    {
      name: "cilium-syn-restarts",
      why: "A SYN on a connection that both sides have closed starts it again, with the same mapping.",
      rules: ["docs/conformance.md, Cilium 5.2"],
      setting: one,
    },
    (s) => {
      s.process([...played(farAt, CLOSED, 40_000, 0), farAt.out(segment("SYN"), 40_000, 40_000, { atMs: 5_000 })]);
      s.process([farAt.back(answer("SYN ACK"), 40_000, 40_000, { atMs: 30_000 })]);
    },
  );
  await book.add(
    {
      name: "rfc-reset-and-data",
      why: "A packet after an RST brings the connection back to what it was.",
      rules: ["RFC 7857, TCP RST"],
      setting: near,
    },
    (s) => {
      s.process([...played(nearAt, HANDSHAKE, 5000, 0), nearAt.out(segment("RST ACK"), 5000)]);
      s.process([nearAt.out(segment("ACK", text("x")), 5000, 5000, { atMs: 100_000 })]);
      s.process([nearAt.back(data, 5000, 5000, { atMs: 1_000_000 })]);
    },
  );
  await book.add(
    {
      name: "rfc-reset-off-window",
      why: "An RST from outside that is far from what the endpoint has acknowledged is translated, and changes nothing.",
      rules: ["RFC 5961 section 3.2", "docs/decisions.md (RST in profile rfc)"],
      setting: near,
    },
    (s) => {
      const acks = (srcPort: number) => tcp({ srcPort, dstPort: 443, flags: "ACK", seq: 1001, ack: 9001 });
      s.process([
        nearAt.out(segment("SYN"), 5000, 5000, {}, "created"),
        nearAt.back(answer("SYN ACK"), 5000),
        nearAt.out(acks, 5000),
      ]);
      s.process([nearAt.back((dstPort) => tcp({ srcPort: 443, dstPort, flags: "RST", seq: 3_000_000_000 }), 5000)]);
      s.process([nearAt.back(data, 5000, 5000, { atMs: 300_000 })]);
    },
  );
  await book.add(
    {
      name: "rfc-reset-in-window",
      why: "An RST from outside that is just what the endpoint waits for ends the connection 240 s later.",
      rules: ["RFC 5961 section 3.2", "RFC 7857, TCP RST"],
      setting: near,
    },
    (s) => {
      const acks = (srcPort: number) => tcp({ srcPort, dstPort: 443, flags: "ACK", seq: 1001, ack: 9001 });
      s.process([
        nearAt.out(segment("SYN"), 5000, 5000, {}, "created"),
        nearAt.back(answer("SYN ACK"), 5000),
        nearAt.out(acks, 5000),
      ]);
      s.process([nearAt.back(RST, 5000)]);
      s.one(nearAt.answer(data(5000), { atMs: 240_000 }), drop("no-reverse-mapping"));
    },
  );
}

async function held(book: Book): Promise<void> {
  const other = nearAt.with({ inside: OTHER_INSIDE });
  const next = natPort({ src: OTHER_INSIDE, dst: REMOTE, srcPort: 5000, dstPort: 443, protocol: 6 }, RFC_PORTS, [5000]);
  const rules = ["RFC 6888 REQ-8", "docs/abi.md, TIMEOUT_HOLD"];
  await book.add(
    {
      name: "rfc-port-held",
      why: "For 120 s after a TCP connection has ended its port goes to no new one: another endpoint gets the first free candidate.",
      rules,
      setting: near,
      proof: ["hashes"],
    },
    (s) => {
      s.process(played(nearAt, CLOSED, 5000, 0));
      s.process([other.out(segment("SYN"), 5000, next, { atMs: 240_000 + 119_999 }, "created")]);
    },
  );
  await book.add(
    {
      name: "rfc-port-free-again",
      why: "After the hold-down of 120 s the port goes to who wants it.",
      rules,
      setting: near,
    },
    (s) => {
      s.process(played(nearAt, CLOSED, 5000, 0));
      s.process([other.out(segment("SYN"), 5000, 5000, { atMs: 240_000 + 120_000 }, "created")]);
    },
  );
  await book.add(
    {
      name: "rfc-udp-not-held",
      why: "UDP ports are not held down: once the mapping has expired the port is anybody's.",
      rules: ["RFC 6888 REQ-8 (exception C)"],
      setting: near,
    },
    (s) => {
      s.process([
        nearAt.out(query(), 4000, 4000, {}, "created"),
        other.out(query(), 4000, 4000, { atMs: 300_000 }, "created"),
      ]);
    },
  );
  await book.add(
    {
      name: "cilium-port-not-held",
      why: "Profile cilium holds no port down, as the original does not.",
      rules: ["docs/conformance.md, RFC 6888 REQ-8"],
      setting: one,
    },
    (s) => {
      const pod = farAt.with({ inside: "10.1.0.8" });
      s.process([
        ...played(farAt, CLOSED, 40_000, 0),
        pod.out(segment("SYN"), 40_000, 40_000, { atMs: 10_000 }, "created"),
      ]);
    },
  );
}

async function time(book: Book): Promise<void> {
  const rules = ["docs/abi.md, Rules (Time)"];
  await book.add(
    {
      name: "time-never-back",
      why: "A frame with an older time is processed at the time reached: it moves nothing back, and refreshes to the time reached.",
      rules,
      setting: near,
    },
    (s) => {
      s.process([
        nearAt.out(query(), 4000, 4000, { atMs: 1_000_000 }, "created"),
        nearAt.out(query(), 4000, 4000, { atMs: 0 }),
      ]);
      s.process([nearAt.back(reply(), 4000, 4000, { atMs: 1_299_999 })]);
    },
  );
  await book.add(
    {
      name: "time-jump",
      why: "A jump past everything ends everything: a year later nothing is left.",
      rules: ["docs/abi.md, advance"],
      setting: near,
    },
    (s) => {
      s.process([
        nearAt.out(query(), 4000, 4000, {}, "created"),
        nearAt.out(segment("SYN"), 5000, 5000, {}, "created"),
      ]);
      const year = 365 * 86_400_000;
      s.advance(year, { live: 0, entries: 0, expired: 2, closed: 0 });
      s.one(nearAt.answer(reply()(4000), { atMs: year }), drop("no-reverse-mapping"));
    },
  );
  await book.add(
    {
      name: "advance-counts",
      why: "advance removes what has expired by then and nothing else: of a closed, a silent and a live connection one counts as closed, one as expired, one as live.",
      rules: ["docs/abi.md, advance", "docs/abi.md, Counters"],
      setting: near,
    },
    (s) => {
      s.process(played(nearAt, CLOSED, 5000, 0));
      s.process([
        nearAt.out(ping, 77, 77, {}, "created"),
        nearAt.out(query(), 4000, 4000, { atMs: 200_000 }, "created"),
      ]);
      s.advance(250_000, { live: 1, entries: 1, closed: 1, expired: 1 });
    },
  );
  await book.add(
    {
      name: "advance-never-back",
      why: "advance to an older time moves nothing.",
      rules: ["docs/abi.md, advance"],
      setting: near,
    },
    (s) => {
      s.process([nearAt.out(query(), 4000, 4000, { atMs: 500_000 }, "created")]);
      s.advance(0, { live: 1, entries: 1 });
      s.process([nearAt.back(reply(), 4000, 4000, { atMs: 799_999 })]);
    },
  );
  await egressStats(book);
  await sweep(book);
}

async function sweep(book: Book): Promise<void> {
  const still: Setting = {
    ...near,
    configuration: configuration("no-sweep", "profile rfc, CONFIG_FLAG_NO_SWEEP and no CONFIG_FLAG_TOUCH", {
      natProfile: "rfc",
      sweeps: false,
      touch: false,
    }),
  };
  await book.add(
    {
      name: "no-sweep",
      why: "With CONFIG_FLAG_NO_SWEEP nothing is cleared away by the way, and no verdict is another: an expired mapping lets nothing in, its port is free, and advance clears it away.",
      rules: ["docs/abi.md, CONFIG_FLAG_NO_SWEEP", "docs/abi.md, Rules (Determinism)"],
      setting: still,
    },
    (s) => {
      s.process([nearAt.out(query(), 4000, 4000, {}, "created")]);
      s.one(nearAt.answer(reply()(4000), { atMs: 300_000 }), drop("no-reverse-mapping"));
      const other = nearAt.with({ inside: OTHER_INSIDE });
      s.process([other.out(query(), 4000, 4000, { atMs: 300_000 }, "created")]);
      s.advance(600_000, { live: 0, entries: 0, expired: 2 });
    },
  );
}

async function egressStats(book: Book): Promise<void> {
  await book.add(
    {
      name: "egress-statistics",
      why: "Each egress counts connections, frames and bytes on the wire in both directions.",
      rules: ["docs/abi.md, Egress statistics"],
      setting: near,
    },
    (s: Script) => {
      const said = [
        nearAt.out(query(), 4000, 4000, {}, "created"),
        nearAt.out(query(text("again")), 4000),
        nearAt.back(reply(), 4000),
      ];
      const [first, second, back] = said.map(([{ bytes }]) => bytes.length) as [number, number, number];
      s.process(said);
      const row = {
        connections: "1",
        frames: "2",
        bytes: String(first + second),
        replies: "1",
        reply_bytes: String(back),
        live: 1,
      };
      const none = { connections: "0", frames: "0", bytes: "0", replies: "0", reply_bytes: "0", live: 0 };
      s.advance(0, { live: 1 }, { egressStats: [row, none] });
      s.advance(300_000, { live: 0 }, { egressStats: [{ ...row, live: 0 }, none] });
    },
  );
}
