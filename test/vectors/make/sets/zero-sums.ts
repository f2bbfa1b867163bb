import { be16, type Layer4 } from "../../../support/frames.js";
import type { Book } from "../book.js";
import { query, segment } from "../builders.js";
import { at, near, REMOTE } from "../scenes.js";

/** Two bytes of payload with which the checksum of what leaves comes to zero. */
function toZero(build: (payload: Uint8Array) => Uint8Array, checksumAt: number): Uint8Array {
  for (let word = 0; word < 0x1_0000; word++) {
    const packet = build(be16(word));
    const sum = packet[20 + checksumAt]! * 256 + packet[20 + checksumAt + 1]!;
    if (sum === 0 || sum === 0xffff) return be16(word);
  }
  throw new Error("no payload has such a checksum");
}

/** Checksums that come to zero in what leaves. */
export async function zeroSums(book: Book): Promise<void> {
  const leaving = (l4: Layer4) => at.packet(l4, { src: at.ends.ext, dst: REMOTE });
  await book.add(
    {
      name: "checksum4-udp-comes-to-zero",
      why: "A UDP checksum that comes to zero is sent as ffff, as zero would say that there is none.",
      rules: ["RFC 768", "docs/conformance.md, RFC 1624 row 4"],
      setting: near,
    },
    (s) => {
      const payload = toZero((bytes) => leaving(query(bytes)(4000)), 6);
      s.process([at.out(query(payload), 4000, 4000, {}, "created")]);
    },
  );
  await book.add(
    {
      name: "checksum4-tcp-comes-to-zero",
      why: "A TCP checksum that comes to zero is sent as zero: it is a sum like any other.",
      rules: ["RFC 9293 section 3.1", "docs/conformance.md, RFC 1624 row 5"],
      setting: near,
    },
    (s) => {
      const payload = toZero((bytes) => leaving(segment("SYN", bytes)(4000)), 16);
      s.process([at.out(segment("SYN", payload), 4000, 4000, {}, "created")]);
    },
  );
}
