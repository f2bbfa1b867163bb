import {
  type FlagParser,
  frameRange,
  integer,
  oneOf,
  type PortRange,
  portRange,
  refused,
  SHARE_KINDS,
  type Share,
  type Skew,
  seed,
  share,
  skew,
  text,
  timeout,
} from "./flag-values.js";
import { duration, durations, type Moments, moment, moments } from "./moment.js";
import { pinFile, recordTime, remoteFilter } from "./who-values.js";

/** One flag, declared once: parsing, `--help` and docs/cli.md read it from here. */
export interface Flag<T = unknown> {
  /** With its dashes: `--manifests`, or `--no-verify` for a switch that turns something off. */
  readonly name: string;
  /** One letter with its dash. */
  readonly short?: string;
  /** What follows the flag, in capitals; a flag without one is a switch. */
  readonly argument?: string;
  /** May be given several times; its value is then a list. */
  readonly repeats?: true;
  /** What holds without the flag, in words. */
  readonly default?: string;
  /** One line. */
  readonly help: string;
  /** More, for `sluicegate help COMMAND` and docs/cli.md. */
  readonly details?: string;
  /** Names a thing that design has a place for and the program does not do: refused, and shown nowhere. */
  readonly hidden?: true;
  readonly parse: FlagParser<T>;
}

/** What a flag says of itself. */
export type FlagWords = Pick<Flag, "argument" | "default" | "help" | "details">;

type ValueOf<F> =
  F extends Flag<infer T> ? (F extends { repeats: true } ? T[] : F extends { argument: string } ? T : boolean) : never;

/** Values of the flags that were given, by their keys in `FLAGS`; switches are true when given, `--no-…` ones too. */
export type FlagValues = { readonly [K in FlagKey]?: ValueOf<(typeof FLAGS)[K]> };
export type FlagKey = keyof typeof FLAGS;

const MAX_CONNECTIONS = 8 << 20;
const MAX_BATCH = 4096;
const MAX_WORKERS = 256;
const MAX_FRAME = Number.MAX_SAFE_INTEGER;

/** `3x` or `3`: a multiple of traffic. */
const multiple: FlagParser<number> = (value, name) => {
  const number = Number(/^(\d{1,4}(?:\.\d{1,3})?)x?$/.exec(value)?.[1]);
  if (number > 0) return number;
  throw refused(name, value, "a multiple above zero such as 3x or 1.5x");
};

/** Identity that keeps the literal parts of a declaration, which `FlagValues` is made from. */
function flag<T, const F extends Omit<Flag<T>, "parse">>(declared: F & { parse: FlagParser<T> }) {
  return declared;
}

function switchFlag<const F extends Omit<Flag<boolean>, "parse" | "argument" | "repeats">>(declared: F) {
  return { ...declared, parse: (() => true) as FlagParser<boolean> };
}

export const FLAGS = {
  manifests: flag({
    name: "--manifests",
    short: "-m",
    argument: "PATH",
    repeats: true,
    help: "manifests of the cluster: a file or folder of YAML or JSON, also gzipped",
    details:
      "What `sluicegate collect` dumps, or files of your own. Takes one path and repeats. All faults of all files are reported at once, with file, line and column.",
    parse: text,
  }),
  interface: flag({
    name: "--interface",
    argument: "NODE:IF=ADDRESS/LENGTH",
    repeats: true,
    help: "an address on a device of a node, which no cluster dump holds",
    details:
      "For example `--interface gw-a:eth1=203.0.113.10/24`. An `interfaces.yaml` beside the manifests, the output of `ip -j addr` as `NODE.addr.json`, or the Node annotation `sluicegate.io/interfaces` say the same. Where a node's devices are unknown, addresses are assumed and marked so.",
    parse: text,
  }),
  serviceCidr: flag({
    name: "--service-cidr",
    argument: "CIDR",
    repeats: true,
    help: "a range of Service addresses: such destinations are cluster-internal",
    parse: text,
  }),
  ignoreOwnershipTimes: switchFlag({
    name: "--ignore-ownership-times",
    help: "let every pod own its address at all times",
    details:
      "For a capture that is older than the pods of the dump. Otherwise a pod owns its address from its creation to its deletion.",
  }),
  scenario: flag({
    name: "--scenario",
    short: "-s",
    argument: "FILE",
    help: "what happens to nodes and manifests while the capture runs: failures, drains, changes",
    details:
      "A file of kind Scenario: events at times after the first frame (`12.5s`) or by the clock (RFC 3339), on nodes (`node-down`, `node-up`, `agent-down`, `agent-up`, `drain`, `undrain`, `remove`, `add`) or with other `manifests`. Time is that of the captures, and gateways are found down by their probes. See docs/high-availability.md.",
    parse: text,
  }),
  output: flag({
    name: "--output",
    short: "-o",
    argument: "DIR",
    help: "write there: external.pcapng, endpoint.pcapng, report.json, index.html",
    details: "Creates DIR. Refuses to overwrite a file that is among the inputs.",
    parse: text,
  }),
  report: flag({ name: "--report", argument: "FILE", help: "write the report as JSON", parse: text }),
  html: flag({ name: "--html", argument: "FILE", help: "write the report as one self-contained page", parse: text }),
  walk: flag({
    name: "--walk",
    argument: "N",
    repeats: true,
    help: "show the walk of frame N in the page, as explain prints it",
    details:
      "Frames count from 1 over the whole capture. Each walk replays the captures once more, up to its frame or, of a fragment that is held, up to its first one; of the frame's bytes the page shows headers only, and none with --redact. Needs `-o` or `--html`, and captures that are files.",
    parse: integer(1, MAX_FRAME),
  }),
  topology: flag({
    name: "--topology",
    argument: "single|cluster",
    default: "single",
    help: "one engine for all nodes, or one for each with a VXLAN overlay in between",
    details:
      "Both put the same bytes on the external network. `cluster` is slower; it writes overlay.pcapng too, tells which frames no longer fit the MTU behind an outer header, and takes no `--save-state`.",
    parse: oneOf("single", "cluster"),
  }),
  viewpoint: flag({
    name: "--viewpoint",
    argument: "auto|endpoint|network",
    default: "auto",
    help: "where the capture was taken: at the pods, or outside of the gateways",
    details:
      "`auto` decides for each capture and interface and prints every decision. `endpoint`: frames of pods are translated, and each reply is built as the outside would have sent it and translated back. `network`: frames to egress IPs enter as they are.",
    parse: oneOf("auto", "endpoint", "network"),
  }),
  balance: flag({
    name: "--balance",
    argument: "rendezvous|random",
    default: "rendezvous",
    help: "how a new connection picks among the gateways of a group",
    details:
      "`rendezvous` hashes the five-tuple, so that a change of the group moves as few connections as it can; `random` is what the original does, here from a seed.",
    parse: oneOf("rendezvous", "random"),
  }),
  seed: flag({
    name: "--seed",
    argument: "N",
    default: "1",
    help: "seed of gateway picks and port choices, 0 to 4294967295",
    parse: seed,
  }),
  natProfile: flag({
    name: "--nat-profile",
    argument: "cilium|rfc",
    default: "cilium",
    help: "port range and lifetimes: the original's, or those the RFCs recommend",
    parse: oneOf("cilium", "rfc"),
  }),
  snatPorts: flag({
    name: "--snat-ports",
    argument: "LO-HI",
    help: "NAT ports, instead of those of the profile or of cilium-config",
    parse: portRange,
  }) satisfies Flag<PortRange>,
  timeout: flag({
    name: "--timeout",
    argument: "NAME=DURATION",
    repeats: true,
    help: "how long a connection lives that nothing is seen of, instead of as the profile or cilium-config says",
    details:
      "For example `--timeout tcpEstablished=2h4m --timeout udp=30s`. Names: `tcpOpening`, `tcpEstablished`, `tcpClosing` (closed by both sides), `udp`, `icmp`, `other`, and in profile `rfc` `tcpReset` (after an RST); `portHold` is how long the port of a TCP connection that has ended goes to no other one (`rfc`: 2m, `cilium`: 0s, which is not at all). A policy's annotation `sluicegate.io/timeouts` wins for its connections.",
    parse: timeout,
  }),
  midStream: flag({
    name: "--mid-stream",
    argument: "pick-up|drop",
    default: "pick-up",
    help: "what happens to a selected TCP or SCTP connection whose start is not in the capture",
    details:
      "`pick-up`: it is translated from its first frame on, counted as direction-guessed. `drop`: its frames are dropped under `no-state`, as a gateway would that checks that connections begin with a SYN or INIT. Nothing of it leaves untranslated either way.",
    parse: oneOf("pick-up", "drop"),
  }),
  filter: flag({
    name: "--filter",
    argument: "EXPR",
    help: "replay only frames that match, e.g. 'host 198.51.100.10 and tcp port 443'",
    parse: text,
  }),
  frames: flag({
    name: "--frames",
    argument: "FROM-TO",
    help: "replay only these frames, counted from 1; either end may be left out",
    parse: frameRange,
  }),
  unsupported: flag({
    name: "--unsupported",
    argument: "drop|pass",
    default: "drop",
    help: "what happens to a selected frame that cannot be translated (AH, PPTP …)",
    details: "`drop`: nothing selected leaves with a pod's own address. `pass`: it does, as with the original.",
    parse: oneOf("drop", "pass"),
  }),
  badChecksum: flag({
    name: "--bad-checksum",
    argument: "keep|drop",
    default: "keep",
    help: "what happens to a selected frame with a wrong checksum",
    details:
      "`keep`: it is translated, and is as wrong afterwards as before. `drop`: it is dropped as `bad-checksum`: IPv4 headers, TCP, UDP and ICMP, and in ICMP errors the quoted IPv4 header; SCTP as `sctp-bad`. Not judged are UDP-Lite, DCCP and other protocols that are translated by address alone, and checksums that were not captured or that a sender left to its network card.",
    parse: oneOf("keep", "drop"),
  }),
  icmpErrors: switchFlag({
    name: "--icmp-errors",
    help: "gateways tell pods by ICMP and ICMPv6 errors why they drop a frame",
    details:
      "No NAT port is free: ICMP 3/13, ICMPv6 1/1. TTL or hop limit ends on the way to the gateway: 11/0, 3/0. A packet of more than 1,450 bytes to a gateway on another node, which the overlay has no room for, and which must not be fragmented: 3/4, 2/0 with that MTU; without this flag such frames are translated and counted. At most ten at once and ten a second for each node and cause. They stand in `endpoint.pcapng` under the number and time of the frame that they are about, and count as `generated`.",
  }),
  workers: flag({
    name: "--workers",
    argument: "N",
    default: "1",
    help: "number of worker threads that share the remotes among them",
    details:
      "Each has an engine of its own and takes the frames of its share of the remotes, chosen by a keyed hash of their address; reading, translating, checking and writing overlap. Results are the same for any number of workers while no table gets three quarters full: each worker has tables for as many connections as one alone, and memory for them. Frames from one pod to another are all taken by the first worker. Not with `--icmp-errors`, `--save-state`, `--load-state`.",
    parse: integer(1, MAX_WORKERS),
  }),
  noVerify: switchFlag({
    name: "--no-verify",
    help: "do not check every frame independently of the engine",
  }),
  json: switchFlag({ name: "--json", help: "print one JSON document instead of text" }),
  csv: switchFlag({ name: "--csv", help: "print comma-separated values instead of text" }),
  allowNoMatch: switchFlag({
    name: "--allow-no-match",
    help: "do not fail where no frame belongs to any endpoint of the manifests",
  }),
  noDecap: switchFlag({
    name: "--no-decap",
    help: "take VXLAN and Geneve frames as they are instead of the frames inside",
  }),
  skew: flag({
    name: "--skew",
    argument: "FILE=±T",
    repeats: true,
    help: "add T (seconds, or with ns, us, ms, s) to the timestamps of one capture",
    details:
      "FILE is written as on the command line. Several captures are merged by time; this sets their clocks right.",
    parse: skew,
  }) satisfies Flag<Skew>,
  saveState: flag({
    name: "--save-state",
    argument: "FILE",
    help: "write all connections and mappings at the end; `list` reads them",
    parse: text,
  }),
  loadState: flag({
    name: "--load-state",
    argument: "FILE",
    help: "go on from a state that --save-state wrote under the same manifests",
    parse: text,
  }),
  connections: flag({
    name: "--connections",
    argument: "N",
    default: "524288",
    help: `size of the connection table, 64 to ${MAX_CONNECTIONS}`,
    parse: integer(64, MAX_CONNECTIONS),
  }),
  batch: flag({
    name: "--batch",
    argument: "N",
    help: "frames that the engine takes at a time, 1 to 4096; changes speed, never results",
    parse: integer(1, MAX_BATCH),
  }),
  failOn: flag({
    name: "--fail-on",
    argument: "EXPR",
    repeats: true,
    help: "exit 1 where this holds, e.g. 'broken>0 or reasons.no-nat-mapping>=10'",
    details:
      "Comparisons (> >= < <= = !=) of a number of the report with a number, joined by and, or, not and parentheses. Names: `frames.X`, `connections.X`, `reasons.X`, `verification.mismatches`, or X alone. A misspelled name is an error, not a condition that never holds.",
    parse: text,
  }),
  redact: switchFlag({
    name: "--redact",
    help: "pseudonymise names and addresses in report and views",
    details:
      "The same name gives the same pseudonym throughout, and in every run over the same inputs. Pseudonyms are not secret against someone who has the inputs. Captures that `-o` writes are not redacted.",
  }),
  verbose: switchFlag({
    name: "--verbose",
    short: "-v",
    help: "say more: settings and where they came from, every warning",
  }),
  frame: flag({
    name: "--frame",
    argument: "N",
    help: "number of the frame, counted from 1 over the whole capture",
    parse: integer(1, MAX_FRAME),
  }),
  failures: flag({
    name: "--failures",
    argument: "K",
    default: "0",
    help: "allow for the loss of up to K gateways",
    parse: integer(0, 64),
  }),
  packets: flag({
    name: "--packets",
    argument: "N",
    default: "1000000, or ten a flow",
    help: "frames to write",
    parse: integer(3, 2 ** 32 - 1),
  }),
  flows: flag({
    name: "--flows",
    argument: "N",
    default: "a tenth of the packets",
    help: "connections and exchanges to write",
    parse: integer(1, 2 ** 32 - 1),
  }),
  endpoints: flag({
    name: "--endpoints",
    argument: "N",
    default: "4096",
    help: "pods that send",
    parse: integer(1, 819_200),
  }),
  remotes: flag({
    name: "--remotes",
    argument: "N",
    default: "50000",
    help: "hosts outside that they send to",
    parse: integer(1, 131_072),
  }),
  remotePort: flag({
    name: "--remote-port",
    argument: "N",
    help: "one port for all remotes, instead of a mix of usual ones",
    parse: integer(1, 65_535),
  }),
  sizes: flag({
    name: "--sizes",
    argument: "measured|imix|small",
    default: "measured",
    help: "packet lengths: like an ISP's, 40/576/1500 at 7:4:1, or 60-byte frames only",
    parse: oneOf("measured", "imix", "small"),
  }),
  rate: flag({
    name: "--rate",
    argument: "N",
    default: "10000",
    help: "frames per second of capture time",
    parse: integer(1, 1e9),
  }),
  noReplies: switchFlag({ name: "--no-replies", help: "leave out what the remotes answer" }),
  share: flag({
    name: "--share",
    argument: "KIND=FRACTION",
    repeats: true,
    help: "how much of a kind to write, 0 to 1, e.g. --share udp=0.5 --share ipv6=0",
    details: `KIND is one of ${SHARE_KINDS.map((kind) => `\`${kind}\``).join(", ")}.`,
    parse: share,
  }) satisfies Flag<Share>,
  from: flag({
    name: "--from",
    argument: "PATH",
    repeats: true,
    help: "manifests before the change, as --manifests takes them",
    parse: text,
  }),
  to: flag({
    name: "--to",
    argument: "PATH",
    repeats: true,
    help: "manifests after the change",
    parse: text,
  }),
  at: flag({
    name: "--at",
    argument: "T",
    help: "when it happens: a time since the first frame (12.5s, 2m) or RFC 3339",
    parse: moments,
  }) satisfies Flag<Moments>,
  grow: flag({
    name: "--grow",
    argument: "Nx",
    default: "1x",
    help: "as if there were this many times the connections",
    parse: multiple,
  }),
  node: flag({ name: "--node", argument: "NODE", help: "name of the gateway node", parse: text }),
  deadline: flag({
    name: "--deadline",
    argument: "D",
    help: "when the node goes away whatever is left on it: a time since the first frame, or RFC 3339",
    parse: moment,
  }),
  kill: flag({
    name: "--kill",
    argument: "NODE|each",
    default: "each",
    help: "the gateway node that fails; `each`: every one in a run of its own",
    parse: text,
  }),
  detect: flag({
    name: "--detect",
    argument: "D,…",
    default: "the health checks of the manifests",
    help: "how long after the failure it is noticed, e.g. 0.5s,1s,2s,5s: one run for each",
    parse: durations,
  }),
  seeds: flag({
    name: "--seeds",
    argument: "N",
    default: "20 with --balance random, else 1",
    help: "runs with different seeds, from --seed on",
    parse: integer(1, 1000),
  }),
  duration: flag({
    name: "--duration",
    argument: "D",
    default: "5m",
    help: "how long requests are sent, in virtual time: 90s, 5m, 1h",
    parse: duration,
  }),
  downFor: flag({ name: "--down-for", argument: "D", default: "1m", help: "how long it is gone", parse: duration }),
  metrics: flag({
    name: "--metrics",
    argument: "FILE",
    help: "write the result's numbers in Prometheus text format",
    details:
      "A snapshot for node_exporter's textfile collector or for `promtool`; docs/grafana has a dashboard for it.",
    parse: text,
  }),
  recordsAt: flag({
    name: "--records-at",
    argument: "TIME",
    default: "a minute after the youngest pod was created",
    help: "when a connection table was printed, which says nothing of when its connections began",
    details: "RFC 3339, or seconds since 1970. All its entries get this instant, in the order of the table.",
    parse: recordTime,
  }),
  pins: flag({
    name: "--pins",
    argument: "FILE[@TIME]",
    repeats: true,
    help: "what real gateways did: output of `cilium bpf nat list` or `egress-ha ct list`, and when it was printed",
    details: "Also gzipped. Without TIME (RFC 3339, or seconds since 1970) nobody knows when the mappings stood.",
    parse: pinFile,
  }),
  uplink: flag({
    name: "--uplink",
    argument: "CAPTURE",
    help: "a capture on the uplink of the real gateways; needs --inside and -m",
    parse: text,
  }),
  inside: flag({
    name: "--inside",
    argument: "CAPTURE",
    help: "a capture of the same traffic at the pods, paired with the uplink's as `verify` does it",
    parse: text,
  }),
  remote: flag({
    name: "--remote",
    argument: "ADDRESS[:PORT]",
    help: "only connections to this remote: others may use the same port at the same time",
    parse: remoteFilter,
  }),
  quick: switchFlag({ name: "--quick", help: "a first look in under a minute: smaller tables, fewer turns" }),
  compare: flag({ name: "--compare", argument: "FILE", help: "compare with an earlier `bench --json`", parse: text }),
  against: flag({
    name: "--against",
    argument: "FILE",
    help: "take turns with another build of the engine (a `.wasm` file) and compare with that",
    parse: text,
  }),
  large: switchFlag({
    name: "--large",
    help: "also 4 and 8 million connections; without `--profile` also IMIX frames at all sizes, a million endpoints and prefixes, and what tables take; needs 6 GB of memory",
  }),
  profile: switchFlag({
    name: "--profile",
    help: "instead: where a frame's time goes, pass by pass, and how far that is from what the machine's memory allows",
  }),
  draw: flag({
    name: "--draw",
    argument: "FILE",
    help: "measure nothing: draw the cost curve of an earlier `bench --large --json` as SVG on standard output",
    parse: text,
  }),
} as const;
