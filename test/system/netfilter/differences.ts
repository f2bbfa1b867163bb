import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../tools.js";
import type { Difference } from "./differential.js";

/** A difference that docs/differences.md explains, by the name of its line there. As narrow as can be: all else is a fault. */
interface Known {
  readonly name: string;
  matches(difference: Difference): boolean;
}

const isDropOfKernel = ({ field, kernel }: Difference) => field === "delivered" && kernel === "nothing";
const isDropOfEngine = ({ field, engine }: Difference) => field === "delivered" && engine === "nothing";
const isAnswerOfKernel = ({ field, engine }: Difference) => field === "gateway's own" && engine === "nothing";

const UNSOLICITED_ANSWERS = [
  "reset to the remote",
  ...["ICMP 3/2 to the remote", "ICMP 3/3 to the remote", "ICMP 0/0 to the remote"],
  ...["ICMPv6 1/4 to the remote", "ICMPv6 4/1 to the remote", "ICMPv6 129/0 to the remote"],
];

/** How many fragments of a datagram a note says to leave the engine, or NaN. */
function leaving(note: string, what: string): number {
  return note.startsWith(what) ? Number(/(\d+) leave$/.exec(note)?.[1]) : Number.NaN;
}

/** Fragments of which somebody said that they came through. */
const fragmentsIn = (delivered: string): readonly string[] =>
  delivered.match(/from \d+ \(\d+\) to the (pod|remote)/g) ?? [];

/** The engine let through as many fragments as the note says, and none that the kernel's gateway would not have. */
function isRestOf({ field, note, kernel, engine }: Difference, what: string): boolean {
  const [all, some] = [fragmentsIn(kernel), fragmentsIn(engine)];
  return field === "delivered" && some.length === leaving(note, what) && some.every((one) => all.includes(one));
}

const KNOWN: readonly Known[] = [
  {
    name: "tcp-window",
    matches: (difference) =>
      difference.note.startsWith("outside the window") &&
      (isDropOfKernel(difference) || (isAnswerOfKernel(difference) && difference.kernel === "reset to the remote")),
  },
  {
    name: "unsolicited-unanswered",
    matches: (difference) =>
      difference.note.startsWith("unsolicited") &&
      isAnswerOfKernel(difference) &&
      UNSOLICITED_ANSWERS.includes(difference.kernel),
  },
  {
    name: "hairpin-unanswered",
    matches: (difference) =>
      difference.note === "hairpin" &&
      isAnswerOfKernel(difference) &&
      /^ICMP( 3\/3|v6 1\/4) to the pod$/.test(difference.kernel),
  },
  {
    name: "ttl-exceeded-untold",
    matches: (difference) =>
      difference.note === "TTL 1" &&
      isAnswerOfKernel(difference) &&
      /^ICMP( 11|v6 3)\/0 to the /.test(difference.kernel),
  },
  {
    name: "reopened-port",
    matches: ({ note, field, kernel, engine }) =>
      note === "reopened" && field === "source port" && kernel === "another NAT port" && engine === "NAT port",
  },
  {
    name: "quoted-checksum-18",
    matches: ({ note, field }) => note === "quoted TCP header of 18 or 19 bytes" && field === "quoted checksum",
  },
  {
    name: "wrong-header-checksum",
    matches: (difference) => difference.note === "wrong IPv4 checksum" && isDropOfKernel(difference),
  },
  {
    name: "land",
    matches: (difference) => difference.note === "land" && isDropOfEngine(difference),
  },
  {
    name: "node-information",
    matches: (difference) => difference.note === "type 139" && isDropOfEngine(difference),
  },
  {
    name: "icmpv6-untracked",
    matches: (difference) => /^type (13[0-7]|143)$/.test(difference.note) && isDropOfEngine(difference),
  },
  {
    name: "ipv6-nobodys-source",
    matches: (difference) => difference.note === "nobody's source" && isDropOfEngine(difference),
  },
  {
    name: "authentication-header",
    matches: (difference) => difference.note === "authentication header" && isDropOfEngine(difference),
  },
  {
    name: "wrong-icmp-checksum",
    matches: (difference) => difference.note === "wrong ICMP checksum" && isDropOfKernel(difference),
  },
  {
    name: "flagless-segment",
    matches: (difference) => difference.note === "no SYN, RST or ACK" && isDropOfKernel(difference),
  },
  {
    name: "fragments-incomplete",
    matches: (difference) =>
      isDropOfKernel(difference) &&
      fragmentsIn(difference.engine).length === leaving(difference.note, "incomplete datagram"),
  },
  {
    name: "fragment-within-another",
    matches: (difference) => isRestOf(difference, "a fragment within another"),
  },
  {
    name: "fragments-before-first",
    matches: (difference) => difference.natProfile === "cilium" && isRestOf(difference, "out of order"),
  },
  {
    name: "fragment-tiny",
    matches: (difference) => difference.note === "tiny first fragment" && isDropOfEngine(difference),
  },
  {
    name: "fragment-fault-untold",
    matches: (difference) =>
      isAnswerOfKernel(difference) &&
      difference.note.startsWith("incomplete datagram") &&
      difference.kernel === "ICMPv6 4/0 to the remote",
  },
  {
    name: "fragment-df",
    matches: ({ field, kernel, engine }) => field === "ip.fragment" && Number(engine) === Number(kernel) + 0x4000,
  },
  {
    name: "ipv6-fragment-id",
    matches: ({ field, note, engine }) =>
      field === "ip.fragment id" && note !== "atomic fragment" && engine === "as sent",
  },
  {
    name: "atomic-fragment",
    matches: ({ field, note, kernel, engine }) => {
      if (note !== "atomic fragment") return false;
      if (field === "ip.payload length") return Number(engine) === Number(kernel) + 8;
      if (field === "ip.next header") return kernel === "17" && engine === "44";
      if (field === "ip.fragment") return kernel === "undefined" && engine === "11000000";
      return field === "ip.fragment id" && kernel === "undefined" && engine === "as sent";
    },
  },
  {
    name: "quoted-ipv6-fragment-id",
    matches: ({ field, note, engine }) =>
      field === "quoted ip.fragment id" && note === "about a first fragment" && Number(engine) >>> 16 === 0x5eed,
  },
  {
    name: "sctp-picked-up",
    matches: (difference) => difference.note === "DATA without an association" && isDropOfKernel(difference),
  },
  {
    name: "sctp-wrong-tag",
    matches: (difference) =>
      difference.note === "wrong tag" &&
      (isDropOfKernel(difference) ||
        (isAnswerOfKernel(difference) && /^ICMP( 3\/2|v6 4\/1) to the remote$/.test(difference.kernel))),
  },
  {
    name: "sctp-wrong-crc",
    matches: ({ field, note, kernel, engine }) =>
      field === "checksum" && kernel === "0" && note === `CRC wrong by ${engine}`,
  },
  {
    name: "sctp-quoted-crc",
    matches: ({ field, note, engine }) => field === "quoted checksum" && note === `quoted CRC ${engine}`,
  },
  {
    name: "sctp-broken",
    matches: (difference) => difference.note === "broken chunks" && isDropOfEngine(difference),
  },
  {
    name: "sctp-fragments",
    matches: (difference) =>
      difference.note === "fragments of SCTP" && difference.isPortChanged && isDropOfEngine(difference),
  },
  {
    name: "gre-short",
    matches: (difference) => difference.note === "GRE of 5 bytes" && isDropOfKernel(difference),
  },
  {
    name: "ipv6-unknown-protocol",
    matches: (difference) => difference.note === "protocol 253" && isDropOfEngine(difference),
  },
];

/** Name of the line that explains a difference, or undefined. */
export function explanationOf(difference: Difference): string | undefined {
  return KNOWN.find((known) => known.matches(difference))?.name;
}

export const KNOWN_NAMES: readonly string[] = KNOWN.map(({ name }) => name);

export interface DocumentedDifference {
  readonly name: string;
  /** The line says that every run shows it. */
  readonly isAlwaysSeen: boolean;
}

const LINE = /^\| `([a-z0-9-]+)` \|.*\| ([^|]+) \|$/gm;

/** The lines of docs/differences.md. */
export function documentedDifferences(): DocumentedDifference[] {
  const text = readFileSync(join(ROOT, "docs/differences.md"), "utf8");
  return [...text.matchAll(LINE)].map(([, name, seen]) => ({ name: name!, isAlwaysSeen: seen === "in every run" }));
}
