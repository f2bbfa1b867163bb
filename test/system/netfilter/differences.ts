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
  ...["ICMP 3/3 to the remote", "ICMP 0/0 to the remote"],
  ...["ICMPv6 1/4 to the remote", "ICMPv6 129/0 to the remote"],
];

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
