/** Frames in memory, or capture files. */
export type Kind = "memory" | "files";

/** A figure of the table and of the chart. */
export interface FigureInfo {
  readonly id: string;
  readonly kind: Kind;
  readonly name: string;
  /** Peer that is measured, the one whose time is taken off, and the one that it is divided by. */
  readonly of: string;
  readonly minus?: string;
  readonly yardstick: string;
  /** What is in this time and not in Sluicegate's. */
  readonly more: string;
  /** What is in Sluicegate's time and not in this one. */
  readonly less: string;
}

const ENGINE_ONLY = "TTL, state, lifetimes, counters, verdicts, frame records";

/** In the order in which they are shown; Sluicegate's own come first. */
export const FIGURES: readonly FigureInfo[] = [
  {
    id: "engine",
    kind: "memory",
    name: "Sluicegate's engine",
    of: "engine",
    yardstick: "engine",
    more: "",
    less: "",
  },
  {
    id: "native",
    kind: "memory",
    name: "the same work in C",
    of: "native",
    yardstick: "engine",
    more: "lines of the table, the sweep and the next frames are fetched ahead by an instruction that WebAssembly lacks, for instructions of this processor",
    less: "bounds of frame records, bad records and all frames that are not plain (anything but whole TCP and UDP over IPv4 and Ethernet): the program ends; owners of addresses that change, redirects, ICMP errors, state to save",
  },
  {
    id: "reference",
    kind: "memory",
    name: "reference kernel (Wasm)",
    of: "reference",
    yardstick: "engine",
    more: "nothing",
    less: `policy, ${ENGINE_ONLY}`,
  },
  {
    id: "javascript",
    kind: "memory",
    name: "its work in plain JavaScript",
    of: "javascript",
    yardstick: "engine",
    more: "nothing",
    less: `policy, ${ENGINE_ONLY}; a hash of 32 bits`,
  },
  {
    id: "bpf",
    kind: "memory",
    name: "eBPF shaped like Cilium's",
    of: "bpf-translate",
    minus: "bpf-pick",
    yardstick: "engine",
    more: "policy, conntrack and mapping looked up for every frame in maps of the kernel, which other CPUs may use",
    less: "TTL, epochs of policies, TCP states, verdicts, frame records, reading the frame from memory: it is made in place; no packet buffer (test runs), and making the frame is taken off",
  },
  {
    id: "nft",
    kind: "memory",
    name: "Linux router with nft SNAT",
    of: "nft-snat",
    minus: "discard",
    yardstick: "engine",
    more: "packet buffers, routing, neighbour, queue and device: all of a router's work but the driver's",
    less: "policy by endpoint, counters per connection, verdicts; injecting the frame is taken off",
  },
  {
    id: "increment",
    kind: "memory",
    name: "nft SNAT beyond forwarding",
    of: "nft-snat",
    minus: "linux-forward",
    yardstick: "engine",
    more: "hooks and connection tracking for any protocol, shared by CPUs",
    less: "parsing, TTL, policy by endpoint, counters per connection, verdicts",
  },
  {
    id: "forward",
    kind: "memory",
    name: "Linux router without NAT",
    of: "linux-forward",
    minus: "discard",
    yardstick: "engine",
    more: "packet buffers, routing, neighbour, queue and device",
    less: "all of translation; injecting the frame is taken off",
  },
  {
    id: "inject",
    kind: "memory",
    name: "making and injecting frames",
    of: "discard",
    yardstick: "engine",
    more: "pages of the kernel's pool, an XDP program that writes the headers",
    less: "everything else",
  },
  {
    id: "replay-forward",
    kind: "files",
    name: "replay --no-verify, forward",
    of: "replay-forward",
    yardstick: "replay-forward",
    more: "",
    less: "",
  },
  {
    id: "replay-forward-verified",
    kind: "files",
    name: "replay, forward",
    of: "replay-forward-verified",
    yardstick: "replay-forward",
    more: "every frame checked independently",
    less: "nothing",
  },
  {
    id: "tcprewrite-forward",
    kind: "files",
    name: "tcprewrite, forward",
    of: "tcprewrite-forward",
    yardstick: "replay-forward",
    more: "checksums counted anew over the whole frame",
    less: "connections: all addresses become one, and one port another, by a fixed table; policy, TTL, report, page, pcapng, start of Node",
  },
  {
    id: "tcpdump-forward",
    kind: "files",
    name: "tcpdump -r -w, forward",
    of: "tcpdump-forward",
    yardstick: "replay-forward",
    more: "nothing",
    less: "everything but reading and writing frames",
  },
  {
    id: "replay-both",
    kind: "files",
    name: "replay --no-verify, with replies",
    of: "replay-both",
    yardstick: "replay-forward",
    more: "replies are built as the outside had sent them, and a second file is written",
    less: "frames to translate: half of them are replies",
  },
  {
    id: "replay-both-verified",
    kind: "files",
    name: "replay, with replies",
    of: "replay-both-verified",
    yardstick: "replay-forward",
    more: "the same, and every frame checked independently",
    less: "the same",
  },
  {
    id: "tcpdump-both",
    kind: "files",
    name: "tcpdump -r -w, with replies",
    of: "tcpdump-both",
    yardstick: "replay-both",
    more: "nothing",
    less: "everything but reading and writing frames",
  },
];

/** A bound on one peer's time ÷ another one's. */
export interface TargetInfo {
  readonly name: string;
  readonly group: Kind;
  /** Default: whichever. */
  readonly connections?: number;
  readonly of: string;
  readonly minus?: string;
  readonly dividedBy: string;
  readonly kind: "at-least" | "at-most";
  readonly limit: number;
}

const C_LIMITS = [
  [1000, 1.3],
  [100_000, 1.3],
  [1_000_000, 1.35],
  [4_000_000, 1.35],
] as const;

const NFT_LIMITS = [
  [1000, 40],
  [100_000, 40],
  [1_000_000, 30],
  [4_000_000, 30],
] as const;

export const TARGETS: readonly TargetInfo[] = [
  ...C_LIMITS.map(
    ([connections, limit]): TargetInfo => ({
      name: `engine ÷ C, ${connections.toLocaleString("en-US")} connections`,
      group: "memory",
      connections,
      of: "engine",
      dividedBy: "native",
      kind: "at-most",
      limit,
    }),
  ),
  ...NFT_LIMITS.map(
    ([connections, limit]): TargetInfo => ({
      name: `nft SNAT ÷ engine, ${connections.toLocaleString("en-US")} connections`,
      group: "memory",
      connections,
      of: "nft-snat",
      minus: "discard",
      dividedBy: "engine",
      kind: "at-least",
      limit,
    }),
  ),
  {
    name: "tcprewrite ÷ replay --no-verify, forward",
    group: "files",
    of: "tcprewrite-forward",
    dividedBy: "replay-forward",
    kind: "at-least",
    limit: 5,
  },
  {
    name: "replay --no-verify ÷ tcpdump, forward",
    group: "files",
    of: "replay-forward",
    dividedBy: "tcpdump-forward",
    kind: "at-most",
    limit: 1,
  },
  {
    name: "replay --no-verify ÷ tcpdump, with replies",
    group: "files",
    of: "replay-both",
    dividedBy: "tcpdump-both",
    kind: "at-most",
    limit: 2,
  },
  {
    name: "replay ÷ tcpdump, forward",
    group: "files",
    of: "replay-forward-verified",
    dividedBy: "tcpdump-forward",
    kind: "at-most",
    limit: 4,
  },
];

/** What a figure is shown as. */
export function infoOf(id: string): FigureInfo {
  return FIGURES.find((info) => info.id === id)!;
}
