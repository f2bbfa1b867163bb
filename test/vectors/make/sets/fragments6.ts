import { EXT6, INSIDE6, piece6, pieces6, REMOTE6 } from "../../../nat/dual-stack.js";
import { ethernet, patterned, udp } from "../../../support/frames.js";
import type { Book } from "../book.js";
import { BACK, came, play, SIZES, sent, UDP } from "../pieces.js";
import { drop } from "../say.js";
import { at6, near } from "../scenes.js";

export async function six(book: Book): Promise<void> {
  const rules = ["RFC 8200 section 4.5", "docs/abi.md, Fragments"];
  const of = (src: string, srcPort: number) =>
    pieces6({ src, dst: REMOTE6, l4: udp({ srcPort, dstPort: 53, payload: patterned(40) }) }, SIZES);
  const left = (bytes: Uint8Array, ...flags: "created"[]) => at6.translated("snat", 4000, bytes, ...flags);
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 0, 2],
  ])
    await book.add(
      {
        name: `v6-udp-out-${order.join("")}`,
        why: "IPv6 fragments likewise: those before the first one are held, and follow it.",
        rules,
        setting: near,
      },
      (s) => {
        const given = of(INSIDE6, 4000).map((bytes) => sent(bytes));
        const out = of(EXT6, 4000).map((bytes, i) => (i === 0 ? left(bytes, "created") : left(bytes)));
        play(s, order, given, out);
      },
    );
  await book.add(
    { name: "v6-udp-back", why: "IPv6 fragments of a reply come to the endpoint.", rules, setting: near },
    (s) => {
      s.process([at6.out(UDP, 4000, 4000, {}, "created")]);
      const back = (dst: string) => pieces6({ src: REMOTE6, dst, l4: BACK(4000) }, SIZES);
      play(
        s,
        [1, 2, 0],
        back(EXT6).map((bytes) => came(bytes)),
        back(INSIDE6).map((bytes) => at6.translated("reverse", 4000, bytes)),
      );
    },
  );
  await book.add(
    {
      name: "v6-atomic",
      why: "A fragment header around a whole packet is no fragment to wait for: translated at once.",
      rules: ["RFC 6946 section 4"],
      setting: near,
    },
    (s) => {
      const atomic = (src: string) => ethernet(at6.packet(UDP(4000), { src, dst: REMOTE6, fragment: { id: 9 } }));
      s.one(sent(atomic(INSIDE6)), left(atomic(EXT6), "created"));
    },
  );
  await book.add(
    {
      name: "v6-overlap",
      why: "IPv6 forbids overlaps: from the first one on nothing of the datagram leaves.",
      rules: ["RFC 5722 section 4"],
      setting: near,
    },
    (s) => {
      const one = { dst: REMOTE6, l4: udp({ srcPort: 4000, dstPort: 53, payload: patterned(40) }) };
      const bytes = (src: string, from: number, to: number) => ethernet(piece6({ src, ...one }, from, to));
      s.one(sent(bytes(INSIDE6, 0, 16)), left(bytes(EXT6, 0, 16), "created"));
      s.one(sent(bytes(INSIDE6, 8, 24)), drop("fragment-overlap"));
      s.one(sent(bytes(INSIDE6, 16, 48)), drop("fragment-overlap"));
    },
  );
}
