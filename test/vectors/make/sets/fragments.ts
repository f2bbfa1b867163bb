import {
  ethernet,
  icmpEcho,
  icmpMessage,
  ipv4,
  ipv4FragmentsOf,
  type Layer4,
  ORDERS_OF_THREE,
  otherProtocol,
  patterned,
  tcp,
  udp,
} from "../../../support/frames.js";
import { Book } from "../book.js";
import { ESP, GRE } from "../builders.js";
import { natPort, RFC_PORTS } from "../choice.js";
import { again, BACK, came, play, SIZES, sent, UDP } from "../pieces.js";
import { drop, hold, pass, type Said, type Want } from "../say.js";
import { at, EXT, INSIDE, NEAR, near, OTHER_INSIDE, REMOTE } from "../scenes.js";
import { configuration, policyOf, type Setting } from "../settings.js";
import { six } from "./fragments6.js";

const OWN = 700;
const PORT = natPort({ src: INSIDE, dst: REMOTE, srcPort: OWN, dstPort: 53, protocol: 17 }, RFC_PORTS);
const FRAGMENT_MS = 30_000;
/** Pieces of one datagram. @param id IPv4 identification */
function cut(l4: Layer4, src: string, dst: string, id = 0x4242, sizes: readonly number[] = SIZES): Uint8Array[] {
  return ipv4FragmentsOf(ipv4({ src, dst, id }, l4), sizes).map((packet) => ethernet(packet));
}

/** One piece made by hand: `from` in bytes. */
function piece(
  from: number,
  payload: Uint8Array,
  more: boolean,
  { src = INSIDE, id = 0x4242, protocol = 17 } = {},
): Uint8Array {
  return ethernet(
    ipv4({ src, dst: REMOTE, id, fragmentOffset: from, moreFragments: more }, otherProtocol(protocol, payload)),
  );
}

/** The first bytes of a datagram that says it is longer, with the source as it is and as it leaves. Its checksum covers what never comes. */
const head = (length: number, src: string, srcPort: number) =>
  udp({ srcPort, dstPort: 53, payload: patterned(400) })
    .bytes({ family: 4, src: Uint8Array.from(src.split("."), Number), dst: Uint8Array.from(REMOTE.split("."), Number) })
    .slice(0, length);

/** Later pieces name no port. */
const leaves = (out: Uint8Array, port: number, ...flags: "created"[]): Want =>
  at.translated("snat", port, out, ...flags);

const CILIUM_NEAR: Setting = {
  configuration: configuration("cilium-ipv6", "profile cilium", {}),
  policy: policyOf("near-cilium", "as near, with the blob of profile cilium", NEAR.model!),
  verifier: {},
};
const WITHOUT: Setting = {
  ...near,
  configuration: configuration("no-fragments", "profile rfc, CONFIG_FRAGMENTS_AT 0", {
    natProfile: "rfc",
    fragments: 0,
  }),
  verifier: undefined,
};
const TWO_ROWS: Setting = {
  ...near,
  configuration: configuration("two-datagrams", "profile rfc, CONFIG_FRAGMENTS_AT 2", {
    natProfile: "rfc",
    fragments: 2,
  }),
};

export async function fragments(): Promise<Book> {
  const book = new Book(
    "fragments",
    "Fragments one by one: in every order, held and released, overlapping, repeated, tiny, without their first one, of both families.",
  );
  await orders(book);
  await waiting(book);
  await misfits(book);
  await others(book);
  await six(book);
  return book;
}

async function orders(book: Book): Promise<void> {
  const rules = ["RFC 4787 REQ-14", "docs/abi.md, Fragments"];
  for (const order of ORDERS_OF_THREE)
    await book.add(
      {
        name: `udp-out-${order.join("")}`,
        why: "Later fragments that come before their first one are held; it has the ports and lets them go, each with the egress IP, and together with a right checksum.",
        rules,
        setting: near,
        proof: ["hashes"],
      },
      (s) => {
        const given = cut(UDP(OWN), INSIDE, REMOTE).map((bytes) => sent(bytes));
        const out = cut(UDP(PORT), EXT, REMOTE).map((bytes, i) =>
          i === 0 ? leaves(bytes, PORT, "created") : leaves(bytes, PORT),
        );
        play(s, order, given, out);
      },
    );
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 0, 2],
  ])
    await book.add(
      {
        name: `udp-back-${order.join("")}`,
        why: "Fragments of a reply likewise: all come to the endpoint.",
        rules,
        setting: near,
        proof: ["hashes"],
      },
      (s) => {
        s.process([at.out(UDP, OWN, PORT, {}, "created")]);
        const given = cut(BACK(PORT), REMOTE, EXT).map((bytes) => came(bytes));
        const out = cut(BACK(OWN), REMOTE, INSIDE).map((bytes) => at.translated("reverse", PORT, bytes));
        play(s, order, given, out);
      },
    );
  await book.add(
    {
      name: "echo-out",
      why: "A fragmented echo request is translated by its identifier, which its first fragment shows.",
      rules: ["RFC 5508 REQ-1", ...rules],
      setting: near,
    },
    (s) => {
      const ping = icmpEcho({ id: 77, payload: patterned(40) });
      const given = cut(ping, INSIDE, REMOTE).map((bytes) => sent(bytes));
      const out = cut(ping, EXT, REMOTE).map((bytes, i) =>
        i === 0 ? leaves(bytes, 77, "created") : leaves(bytes, 77),
      );
      play(s, [1, 2, 0], given, out);
    },
  );
  await book.add(
    { name: "tcp-mid-stream", why: "A fragmented segment of a known connection follows it.", rules, setting: near },
    (s) => {
      const segment = (srcPort: number) => tcp({ srcPort, dstPort: 443, flags: "ACK", payload: patterned(40) });
      s.process([at.out((srcPort) => tcp({ srcPort, dstPort: 443, flags: "SYN" }), 5000, 5000, {}, "created")]);
      const given = cut(segment(5000), INSIDE, REMOTE, 9, [24, 16]).map((bytes) => sent(bytes));
      const out = cut(segment(5000), EXT, REMOTE, 9, [24, 16]).map((bytes) => leaves(bytes, 5000));
      play(s, [0, 2, 1], given, out);
    },
  );
  await book.add(
    {
      name: "cilium-early-dropped",
      why: "Without CONFIG_FLAG_HOLD_FRAGMENTS, as in profile cilium, a later fragment before its first one is dropped, and only that one.",
      rules: ["docs/conformance.md, Cilium 2.9.6"],
      setting: CILIUM_NEAR,
    },
    (s) => {
      const given = cut(UDP(4000), INSIDE, REMOTE).map((bytes) => sent(bytes));
      const out = cut(UDP(4000), EXT, REMOTE).map((bytes) => bytes);
      s.one(given[1]!, drop("fragment-without-first"));
      s.process([
        [given[0]!, leaves(out[0]!, 4000, "created")],
        [given[2]!, leaves(out[2]!, 4000)],
      ]);
    },
  );
  await book.add(
    {
      name: "batch-stops-at-release",
      why: "process returns behind the frame that released others: the rest of the batch comes after those.",
      rules: ["docs/abi.md, process", "docs/abi.md, Fragments"],
      setting: near,
    },
    (s) => {
      const given = cut(UDP(4000), INSIDE, REMOTE).map((bytes) => sent(bytes));
      const out = cut(UDP(4000), EXT, REMOTE);
      const between = at.out((srcPort) => udp({ srcPort, dstPort: 9 }), 4001, 4001, {}, "created");
      s.process([[given[2]!, hold(1)], [given[0]!, leaves(out[0]!, 4000, "created")], between], {
        returns: 2,
        released: [1],
      });
      s.process([[again(given[2]!, 1), leaves(out[2]!, 4000)], between, [given[1]!, leaves(out[1]!, 4000)]]);
    },
  );
}

async function waiting(book: Book): Promise<void> {
  const rules = ["docs/abi.md, FRAGMENT_MS", "docs/abi.md, Fragments"];
  const [, second, third] = cut(UDP(4000), INSIDE, REMOTE) as [Uint8Array, Uint8Array, Uint8Array];
  const late = drop("fragment-without-first");
  await book.add(
    {
      name: "first-never-comes",
      why: "After 30 s without the first one those that were held are released, and dropped; a millisecond sooner they still wait.",
      rules,
      setting: near,
    },
    (s) => {
      const other = (atMs: number, ...flags: "created"[]) =>
        at.out((srcPort) => udp({ srcPort, dstPort: 9 }), 4001, 4001, { atMs }, ...flags);
      s.process([
        [sent(second), hold(1)],
        [sent(third), hold(2)],
      ]);
      s.process([other(FRAGMENT_MS - 1, "created")]);
      s.process([other(FRAGMENT_MS)], { released: [1, 2] });
      s.process([
        [again(sent(second), 1, FRAGMENT_MS), late],
        [again(sent(third), 2, FRAGMENT_MS), late],
      ]);
    },
  );
  await book.add(
    {
      name: "advance-releases",
      why: "advance releases what has waited for too long, too.",
      rules: ["docs/abi.md, advance", ...rules],
      setting: near,
    },
    (s) => {
      s.one(sent(second), hold(1));
      s.advance(FRAGMENT_MS - 1, { entries: 0 });
      s.advance(FRAGMENT_MS, { entries: 0 }, { released: [1] });
      s.one(again(sent(second), 1, FRAGMENT_MS), late);
    },
  );
  await book.add(
    {
      name: "pass-time-releases",
      why: "passTime does what a frame of that time would have done: it releases, too.",
      rules: ["docs/abi.md, passTime", ...rules],
      setting: near,
    },
    (s) => {
      s.one(sent(second), hold(1));
      s.passTime(FRAGMENT_MS, { released: [1] });
      s.one(again(sent(second), 1, FRAGMENT_MS), late);
    },
  );
  await book.add(
    { name: "first-refused", why: "Where the first one is refused so is what was held for it.", rules, setting: near },
    (s) => {
      const cutTo = (dst: string) => cut(GRE(), OTHER_INSIDE, dst);
      s.process([at.out(() => GRE(), 0, 0, {}, "created")]);
      const [first, later] = cutTo(REMOTE) as [Uint8Array, Uint8Array];
      s.one(sent(later), hold(1));
      s.one(sent(first), drop("protocol-conflict"), { released: [1] });
      s.one(again(sent(later), 1), drop("protocol-conflict"));
    },
  );
  await book.add(
    {
      name: "room-for-two",
      why: "Where there is no row for another datagram the oldest makes room: what was held for it is released, and dropped.",
      rules: ["docs/abi.md, CONFIG_FRAGMENTS_AT", "docs/abi.md, COUNTER_FRAGMENTS_EVICTED_AT"],
      setting: TWO_ROWS,
    },
    (s) => {
      const later = (id: number) => cut(UDP(4000), INSIDE, REMOTE, id)[1]!;
      s.one(sent(later(1)), hold(1));
      s.one(sent(later(2), 1), hold(2));
      s.one(sent(later(3), 2), hold(3), { released: [1], counters: { fragments_evicted: 1 } });
      s.one(again(sent(later(1)), 1, 2), late);
    },
  );
}

async function misfits(book: Book): Promise<void> {
  const rules = ["RFC 5722 section 4", "RFC 1858 section 4", "docs/abi.md, REASON_FRAGMENT_*"];
  const port = 5000;
  const bytes = patterned(128);
  const first = (length: number): Said => [
    sent(piece(0, head(length, INSIDE, port), true)),
    leaves(piece(0, head(length, EXT, port), true, { src: EXT }), port, "created"),
  ];
  const later = (from: number, length: number, more = true): Said => [
    sent(piece(from, bytes.subarray(0, length), more)),
    leaves(piece(from, bytes.subarray(0, length), more, { src: EXT }), port),
  ];
  for (const [how, from, length] of [
    ["before", 24, 16],
    ["inside", 40, 16],
    ["around", 16, 64],
  ] as const)
    await book.add(
      {
        name: `overlap-${how}`,
        why: "From the first fragment on that overlaps another, nothing of the datagram leaves any more.",
        rules,
        setting: near,
      },
      (s) => {
        s.process([first(16), later(32, 32)]);
        s.one(sent(piece(from, bytes.subarray(0, length), true)), drop("fragment-overlap"));
        s.one(sent(piece(64, bytes.subarray(0, 16), false)), drop("fragment-overlap"));
      },
    );
  await book.add(
    { name: "overlap-of-held", why: "What was held goes with an overlap, unsent.", rules, setting: near },
    (s) => {
      s.one(sent(piece(32, bytes.subarray(0, 64), true)), hold(1));
      s.one(sent(piece(40, bytes.subarray(0, 64), true)), drop("fragment-overlap"), { released: [1] });
      s.one(again(sent(piece(32, bytes.subarray(0, 64), true)), 1), drop("fragment-overlap"));
    },
  );
  await book.add(
    { name: "two-ends", why: "A second end of the same datagram contradicts the first.", rules, setting: near },
    (s) => {
      s.process([first(32), later(40, 13, false)]);
      s.one(sent(piece(40, bytes.subarray(0, 14), false)), drop("fragment-overlap"));
    },
  );
  await book.add(
    {
      name: "duplicate",
      why: "The same fragment once more is dropped, and the datagram goes on.",
      rules: ["RFC 5722 section 4", "docs/abi.md, REASON_FRAGMENT_DUPLICATE"],
      setting: near,
    },
    (s) => {
      const given = cut(UDP(4000), INSIDE, REMOTE).map((one) => sent(one));
      const out = cut(UDP(4000), EXT, REMOTE);
      s.process([
        [given[0]!, leaves(out[0]!, 4000, "created")],
        [given[1]!, leaves(out[1]!, 4000)],
      ]);
      s.process([
        [given[1]!, drop("fragment-duplicate")],
        [given[0]!, drop("fragment-duplicate")],
        [given[2]!, leaves(out[2]!, 4000)],
      ]);
    },
  );
  await book.add(
    {
      name: "tiny-first",
      why: "A first fragment without its whole transport header hides what it is: dropped, and no connection is made.",
      rules: ["RFC 1858 section 3", "RFC 3128", "docs/abi.md, REASON_FRAGMENT_TINY"],
      setting: near,
    },
    (s) => {
      const segment = tcp({ srcPort: port, dstPort: 53, flags: "SYN", payload: patterned(40) });
      s.one(sent(cut(segment, INSIDE, REMOTE, 7, [8, 8])[0]!), drop("fragment-tiny"));
      s.advance(0, { entries: 0 });
    },
  );
  for (const [name, from, payload, more, why] of [
    ["past-65535", 65_512, 4, false, "An end beyond 65,535 bytes (ping of death)"],
    ["empty", 16, 0, true, "A fragment without a byte"],
    ["middle-of-9", 16, 9, true, "A middle fragment of no multiple of 8 bytes"],
  ] as const)
    await book.add(
      {
        name: `bad-${name}`,
        why: `${why} contradicts itself.`,
        rules: ["RFC 791 section 3.2", "docs/abi.md, REASON_BAD_HEADER"],
        setting: near,
      },
      (s) => s.one(sent(piece(from, bytes.subarray(0, payload), more)), drop("bad-header")),
    );
  await book.add(
    {
      name: "id-taken",
      why: "Two endpoints, one identification, one remote: behind one address their fragments would mix, so the second is refused until the first datagram is complete.",
      rules: ["RFC 6864", "docs/abi.md, REASON_FRAGMENT_ID_TAKEN"],
      setting: near,
    },
    (s) => {
      const given = cut(UDP(4000), INSIDE, REMOTE).map((one) => sent(one));
      const out = cut(UDP(4000), EXT, REMOTE);
      const other = cut(UDP(4001), OTHER_INSIDE, REMOTE).map((one) => sent(one));
      s.process([
        [given[0]!, leaves(out[0]!, 4000, "created")],
        [other[0]!, drop("fragment-id-taken")],
        [other[1]!, drop("fragment-id-taken")],
      ]);
      s.process([
        [given[1]!, leaves(out[1]!, 4000)],
        [given[2]!, leaves(out[2]!, 4000)],
      ]);
      const free = cut(UDP(4001), OTHER_INSIDE, REMOTE, 0x4243).map((one) => sent(one));
      const left = cut(UDP(4001), EXT, REMOTE, 0x4243);
      s.process(
        free.map((one, i): Said => [one, i === 0 ? leaves(left[i]!, 4001, "created") : leaves(left[i]!, 4001)]),
      );
    },
  );
}

async function others(book: Book): Promise<void> {
  for (const [name, l4] of [
    ["gre", GRE()],
    ["esp", ESP()],
  ] as const)
    await book.add(
      {
        name: `${name}-out`,
        why: "Fragments of a protocol without ports are translated by address alone; they and whole packets are one connection.",
        rules: ["docs/decisions.md (protocols without ports)"],
        setting: near,
      },
      (s) => {
        const given = cut(l4, INSIDE, REMOTE, 5, [16]).map((one) => sent(one));
        const out = cut(l4, EXT, REMOTE, 5, [16]);
        s.process([[given[0]!, leaves(out[0]!, 0, "created")], [given[1]!, leaves(out[1]!, 0)], at.out(() => l4, 0)]);
      },
    );
  await book.add(
    {
      name: "of-icmp-error",
      why: "A fragmented ICMP error cannot be translated, as what it quotes is in pieces.",
      rules: ["docs/abi.md, REASON_FRAGMENT_UNSUPPORTED"],
      setting: near,
    },
    (s) => {
      const error = icmpMessage({ type: 3, code: 1, inner: patterned(64) });
      s.one(sent(cut(error, INSIDE, REMOTE, 3, [32])[0]!), drop("fragment-unsupported"));
    },
  );
  await book.add(
    {
      name: "none-followed",
      why: "With CONFIG_FRAGMENTS_AT at 0 selected fragments are dropped; whole packets are translated.",
      rules: ["docs/abi.md, CONFIG_FRAGMENTS_AT"],
      setting: WITHOUT,
    },
    (s) => {
      for (const bytes of cut(UDP(4000), INSIDE, REMOTE)) s.one(sent(bytes), drop("fragment-unsupported"));
      s.process([at.out(UDP, 4000, 4000, {}, "created")]);
    },
  );
  await book.add(
    {
      name: "never-selected",
      why: "Fragments that no policy selects pass as they come, in any order.",
      rules: ["docs/abi.md, REASON_MULTICAST"],
      setting: near,
    },
    (s) => {
      const parts = cut(UDP(4000), INSIDE, "224.0.0.251");
      for (const i of [1, 0]) s.one(sent(parts[i]!), pass("multicast"));
    },
  );
}
