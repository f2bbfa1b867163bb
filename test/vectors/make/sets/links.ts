import { LINK_NULL, LINK_PPP, LINK_RAW, LINK_SLL, LINK_SLL2 } from "../../../../assembly/abi.js";
import {
  ethernet,
  ipv4,
  type Layer4,
  nullLink,
  patterned,
  ppp,
  qinq,
  sll,
  sll2,
  udp,
} from "../../../support/frames.js";
import type { Book } from "../book.js";
import { query, reply } from "../builders.js";
import { drop, pass } from "../say.js";
import { at, at6, INSIDE, INSIDE6, near, REMOTE, REMOTE6 } from "../scenes.js";

/** Link headers around the packet, frames that carry no IP, and frames that the capture cut. */
export async function links(book: Book): Promise<void> {
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
      {
        name: `link6-${name}`,
        why: "The same link header with IPv6 behind it: the packet is translated, the link header stays.",
        rules,
        setting: near,
      },
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
