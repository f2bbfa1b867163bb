import type { Console } from "./console.js";
import type { FlagKey, FlagValues, FlagWords } from "./flags.js";

/** All as expected. */
export const EXIT_OK = 0;
/** A verification mismatch, a regression, or a condition of `--fail-on` that holds. */
export const EXIT_MISMATCH = 1;
/** Bad usage or input. */
export const EXIT_USAGE = 2;

/** What a command is given; it returns its exit code. */
export type CommandRun = (args: readonly string[], flags: FlagValues, console: Console) => Promise<number>;

/** A command, declared once: parsing, `--help` and docs/cli.md read it from here. */
export interface CommandSpec {
  readonly name: string;
  /** In the notation of commander: `<capture...>`. */
  readonly args: readonly string[];
  /** One line. */
  readonly summary: string;
  /** A paragraph or more. */
  readonly description: string;
  readonly flags: readonly FlagKey[];
  /** Where flags that other commands have, too, mean something of their own here: what they say instead. */
  readonly words?: { readonly [K in FlagKey]?: Partial<FlagWords> };
  /** Flags without which the command makes no sense. */
  readonly required?: readonly FlagKey[];
  readonly examples: readonly string[];
  readonly load: () => Promise<{ readonly run: CommandRun }>;
}

const MANIFEST_FLAGS = ["manifests", "interface", "serviceCidr", "ignoreOwnershipTimes"] as const;
const NAT_FLAGS = [
  "balance",
  "seed",
  "natProfile",
  "snatPorts",
  "timeout",
  "midStream",
  "unsupported",
  "badChecksum",
  "icmpErrors",
  "connections",
] as const;
const WHATIF_FLAGS = ["allowNoMatch", "failOn", "redact", "json", "verbose"] as const;
const CAPTURE_FLAGS = ["viewpoint", "noDecap", "skew", "filter", "recordsAt"] as const;

/** Conditions over the numbers of a what-if. @param names all of them */
function conditionWords(example: string, names: string): Partial<FlagWords> {
  return {
    help: `exit 1 where this holds, e.g. '${example}'`,
    details: `Comparisons (> >= < <= = !=) of a number of the answer with a number, joined by and, or, not and parentheses. Numbers: ${names}. A misspelled name is an error, not a condition that never holds.`,
  };
}

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: "replay",
    args: ["<capture...>"],
    summary: "send captures through the gateways of the manifests and check every frame",
    description:
      "Reads one or more captures (pcap or pcapng, also gzipped; `-` is standard input), translates each connection as the policies of the manifests say, translates each reply back, and checks every frame independently of the engine. Several captures are merged by time. Connection records (Hubble flows as JSON, `cilium bpf ct list global`) are taken like captures: their frames are made up, so verification is off.",
    flags: [
      ...MANIFEST_FLAGS,
      "scenario",
      "output",
      "report",
      "html",
      "walk",
      "metrics",
      ...CAPTURE_FLAGS,
      "frames",
      "allowNoMatch",
      ...NAT_FLAGS,
      "batch",
      "noVerify",
      "saveState",
      "loadState",
      "failOn",
      "redact",
      "json",
      "verbose",
      "topology",
      "workers",
    ],
    required: ["manifests"],
    examples: [
      "sluicegate replay pcaps/web/in.pcap -m pcaps/manifests",
      "sluicegate replay pcaps/web/in.pcap -m pcaps/manifests -s pcaps/scenarios/gw-a-dies.yaml",
      "sluicegate replay node1.pcap node2.pcap -m dump/ -o out/ --fail-on 'broken>0'",
    ],
    load: () => import("./commands/replay.js"),
  },
  {
    name: "check",
    args: [],
    summary: "validate manifests and print who leaves by which address",
    description:
      "Prints one row per endpoint address and destination: source IP, destination CIDR, egress IP and gateway IP, with zone and policy; assumed addresses are marked. Faults of manifests are printed all at once, with file, line and column.",
    flags: [...MANIFEST_FLAGS, "redact", "json", "verbose"],
    required: ["manifests"],
    examples: ["sluicegate check -m pcaps/manifests"],
    load: () => import("./commands/check.js"),
  },
  {
    name: "collect",
    args: [],
    summary: "print a shell script that dumps what counts of a cluster",
    description:
      "The script calls kubectl once per kind, goes on where a kind does not exist, strips container environments and writes into one folder. Read it before you run it: `sluicegate collect > collect.sh`.",
    flags: [],
    examples: ["sluicegate collect > collect.sh", "sluicegate collect | sh"],
    load: () => import("./commands/collect.js"),
  },
  {
    name: "init",
    args: ["<capture>"],
    summary: "print starter manifests made from a capture",
    description:
      "Looks at who talks to whom in a capture and prints manifests to begin with: pods for the private sources, gateway nodes, and a policy. Edit them, then `check` and `replay`.",
    flags: [],
    examples: ["sluicegate init capture.pcap > manifests.yaml"],
    load: () => import("./commands/init.js"),
  },
  {
    name: "allowlist",
    args: [],
    summary: "print every source address that a firewall must allow",
    description:
      "For every destination: all egress IPs under which a selected pod can show, with up to K gateways lost (`--failures K`).",
    flags: [...MANIFEST_FLAGS, "failures", "redact", "json", "csv"],
    required: ["manifests"],
    examples: ["sluicegate allowlist -m pcaps/manifests --failures 1"],
    load: () => import("./commands/allowlist.js"),
  },
  {
    name: "compile",
    args: [],
    summary: "write the policy for hosts that embed the engine without this program",
    description:
      "Writes two files, say policy.bin and policy.json. The first is the policy blob that `loadPolicy` of engine.wasm takes. The second says everything else that a host has to know: the bytes of the configuration record, with room for twice what the policy needs; the calls that follow `loadPolicy` (drained and unhealthy gateways, caps, zone affinity); and the names of nodes, zones, egresses and policies by the indexes in verdicts. Frames then get the verdicts of a `replay` with the same flags. Both are loaded into an engine before they are written, and the same manifests and flags give the same bytes. See docs/abi.md.",
    flags: [...MANIFEST_FLAGS, "output", ...NAT_FLAGS, "batch", "json", "verbose"],
    words: {
      output: {
        argument: "FILE",
        help: "write the policy blob there, and what has to be known about it beside it, ending in .json",
        details: "Refuses to overwrite a file that is among the inputs. Of faulty manifests nothing is written.",
      },
      batch: { default: "4096", help: "frames that a host gives the engine at a time at most, 1 to 4096" },
      icmpErrors: {
        details:
          "No NAT port is free: ICMP 3/13, ICMPv6 1/1. TTL or hop limit ends on the way to the gateway: 11/0, 3/0. A packet too long for its way, which must not be fragmented: 3/4, 2/0. The host finds them in `REGION_GENERATED`.",
      },
      json: { help: "print what has to be known about the policy, as the file has it" },
    },
    required: ["manifests", "output"],
    examples: [
      "sluicegate compile -m pcaps/manifests -o policy.bin",
      "sluicegate compile -m dump/ --nat-profile rfc --connections 1000000 -o /etc/gateway/policy.bin",
    ],
    load: () => import("./commands/compile.js"),
  },
  {
    name: "list",
    args: ["<what>", "<state>"],
    summary: "print the tables of a state that `replay --save-state` wrote",
    description:
      "WHAT is `nat`, `ct`, `egress` or `gateways`; the output has the shape of the original's `bpf nat list`, `bpf ct list` and `bpf egress list`. STATE is the file.",
    flags: ["redact", "json"],
    examples: ["sluicegate list nat state.bin"],
    load: () => import("./commands/list.js"),
  },
  {
    name: "verify",
    args: ["<before>", "<after>"],
    summary: "judge the translation of another system by two captures",
    description:
      "BEFORE is taken inside, at the pods; AFTER on the uplink of the gateways. Frames are paired by remote address and port and TCP sequence numbers, else by IP ID and payload, within two seconds; paired, unpaired and ambiguous ones are counted, and only paired ones can mismatch.",
    flags: [...MANIFEST_FLAGS, "skew", "report", "redact", "json", "verbose"],
    required: ["manifests"],
    examples: ["sluicegate verify inside.pcap uplink.pcap -m manifests/"],
    load: () => import("./commands/verify.js"),
  },
  {
    name: "who",
    args: ["<egress_ip:port@time>"],
    summary: "say which pod had an egress IP and port at a time, by what real gateways did",
    description:
      "Answers only from the gateways' own tables (`--pins`) or from captures on both sides of them (`--uplink` with `--inside`): ports that a replay simulates must not name a pod in an abuse report. A time covers what its last digit stands for, and a second on either side. Several connections may share a NAT port toward different remotes: all are listed. Exit code 1: nobody is known to have had it then.",
    flags: ["pins", "uplink", "inside", "remote", ...MANIFEST_FLAGS, "json"],
    examples: [
      "sluicegate who 203.0.113.10:40312@2026-11-23T10:58:58Z --pins nat.txt -m dump/",
      "sluicegate who 203.0.113.10:40312@1795431538.5 --inside pods.pcap --uplink out.pcap -m dump/",
    ],
    load: () => import("./commands/who.js"),
  },
  {
    name: "explain",
    args: ["<capture...>"],
    summary: "follow one frame through the engine",
    description:
      "Replays the capture up to frame N and prints that frame's walk: what it is, what conntrack knew, which policy applied, which gateway was picked, what was rewritten, with the bytes before and after.",
    flags: [...MANIFEST_FLAGS, "frame", ...CAPTURE_FLAGS, ...NAT_FLAGS, "json", "verbose"],
    required: ["manifests", "frame"],
    examples: ["sluicegate explain pcaps/web/in.pcap --frame 4 -m pcaps/manifests"],
    load: () => import("./commands/explain.js"),
  },
  {
    name: "shrink",
    args: ["<capture>"],
    summary: "reduce a failing capture to the fewest frames that still fail",
    description:
      "Leaves out of a capture that fails (a verification mismatch, a condition of `--fail-on`, or an internal error) whatever it fails without: whole flows first, then single frames, until none that is left can be left out. It goes on failing in the same way: the same field is wrong, the same condition holds, the same error comes. Prints how it fails and the frames that are left under their numbers in the capture; `-o` writes them as pcapng with their own times, interfaces and lengths. Under a scenario the first frame stays, as time counts from it. The capture is held in memory; the same inputs give the same result. Exit code 0 where it was reduced, 2 where it does not fail or is damaged.",
    flags: [
      ...MANIFEST_FLAGS,
      "scenario",
      "output",
      "viewpoint",
      "noDecap",
      "filter",
      "topology",
      ...NAT_FLAGS,
      "noVerify",
      "failOn",
      "json",
      "verbose",
    ],
    words: {
      output: { argument: "FILE", help: "write the frames that are left there, as pcapng", details: "" },
      failOn: { help: "also reduce to frames for which this holds, e.g. 'reasons.no-nat-mapping>0'" },
      filter: { help: "replay only frames that match: others are the first to be left out" },
      noVerify: { help: "do not check frames: only conditions and errors count as failures" },
    },
    required: ["manifests"],
    examples: [
      "sluicegate shrink capture.pcap -m manifests/ -o small.pcapng",
      "sluicegate shrink pcaps/icmp/in.pcap -m pcaps/manifests --fail-on 'pass>0'",
    ],
    load: () => import("./commands/shrink.js"),
  },
  {
    name: "diff",
    args: ["<capture...>"],
    summary: "compare two sets of manifests by what they do to the connections of captures",
    description:
      "Replays the captures under both sets and lists, by pod and destination, connections that change their gateway, egress IP or verdict, and those that the change would cut: running TCP and SCTP connections that would go on under another external address or port. With `--at` the change takes place at that time, else a connection counts as cut where a change in its middle would cut it. Exit code 1 where anything changes, or by `--fail-on` instead. Frames are not verified.",
    flags: [
      "from",
      "to",
      "at",
      "interface",
      "serviceCidr",
      "ignoreOwnershipTimes",
      ...CAPTURE_FLAGS,
      ...NAT_FLAGS,
      ...WHATIF_FLAGS,
    ],
    words: {
      at: {
        default: "at no time: both sets are replayed from the start",
        help: "when the manifests change: a time since the first frame (12.5s, 2m) or RFC 3339",
      },
      failOn: conditionWords(
        "cut>0",
        "`connections`, `changed`, `gatewayChanged`, `egressIPChanged`, `verdictChanged`, `cut`, `rebound`",
      ),
    },
    required: ["from", "to"],
    examples: ["sluicegate diff pcaps/web/in.pcap --from pcaps/manifests --to new/ --fail-on 'cut>0'"],
    load: () => import("./commands/diff.js"),
  },
  {
    name: "ports",
    args: ["<capture...>"],
    summary: "show NAT port use, when ports run out, and how the original's search would fare",
    description:
      "Replays the captures and follows which NAT ports each egress IP has in use toward each remote, port and protocol: the peak, the multiple of the traffic at which the ports run out, and the egress IPs needed. Beside Sluicegate's complete search stands a model of the original's, which gives up after 32 tries. Frames are not verified.",
    flags: [...MANIFEST_FLAGS, "grow", ...CAPTURE_FLAGS, ...NAT_FLAGS, ...WHATIF_FLAGS],
    words: {
      failOn: conditionWords(
        "peakPercent>50",
        "`peak`, `peakPercent`, `refused`, `originalRefused`, `refusedInReplay`, `egressIPsNeeded`",
      ),
    },
    required: ["manifests"],
    examples: ["sluicegate ports pcaps/web/in.pcap -m pcaps/manifests --grow 3x --fail-on 'peakPercent>50'"],
    load: () => import("./commands/ports.js"),
  },
  {
    name: "zones",
    args: ["<capture...>"],
    summary: "compare the four zone affinities by traffic across zones and drops",
    description:
      "Replays the captures four times, with the azAffinity of every IsovalentEgressGatewayPolicy set to `disabled`, `localOnly`, `localOnlyFirst` and `localPriority`, and shows for each how many bytes cross zones, how many connections are dropped for want of a gateway, and what the busiest gateway takes. With `--verbose` also by pair of zones. Conditions of `--fail-on` name an affinity: `localOnly.dropped>0`. Frames are not verified.",
    flags: [...MANIFEST_FLAGS, ...CAPTURE_FLAGS, ...NAT_FLAGS, ...WHATIF_FLAGS],
    words: {
      failOn: conditionWords(
        "localOnly.dropped>0",
        "of each affinity `connections`, `crossZoneConnections`, `crossZoneBytes`, `crossZonePercent`, `dropped`, `droppedFrames`",
      ),
    },
    required: ["manifests"],
    examples: ["sluicegate zones pcaps/web/in.pcap -m pcaps/manifests"],
    load: () => import("./commands/zones.js"),
  },
  {
    name: "drain",
    args: ["<capture...>"],
    summary: "show how a gateway node empties once it is drained, and what a deadline would cut",
    description:
      "Replays the captures with the gateway node drained at that time: it takes no new connections and keeps those that it has. Shows when it ran dry; with `--deadline` the connections that are left then, with their pods and how long they had been idle. Frames are not verified.",
    flags: [...MANIFEST_FLAGS, "node", "at", "deadline", ...CAPTURE_FLAGS, ...NAT_FLAGS, ...WHATIF_FLAGS],
    words: {
      at: { help: "when it is drained: a time since the first frame (12.5s, 2m) or RFC 3339" },
      failOn: conditionWords(
        "cutWhileInUse>0",
        "`connectionsAtStart`, `openedAfter`, `stillLive` and, with `--deadline`, `cut`, `cutWhileInUse`",
      ),
    },
    required: ["manifests", "node", "at"],
    examples: ["sluicegate drain pcaps/web/in.pcap -m pcaps/manifests --node gw-a --at 3.5s --deadline 4s"],
    load: () => import("./commands/drain.js"),
  },
  {
    name: "failover",
    args: ["<capture...>"],
    summary: "show what breaks when a gateway node fails",
    description:
      "Replays the captures with a gateway node failing, once for each node, time, detection delay and seed asked for, in as many threads as there are cores. Shows connections broken and rebound, frames lost until the failure was noticed, and who took the connections afterwards; over several seeds the median and range, and for each connection the share of seeds under which it breaks. With `--pins` connections are where real gateways had them, whatever the seed. `--detect D` lays the health checks so that the failure is noticed exactly D later; without it they are those of the manifests. Frames are not verified.",
    flags: [
      ...MANIFEST_FLAGS,
      "kill",
      "at",
      "detect",
      "seeds",
      "pins",
      ...CAPTURE_FLAGS,
      ...NAT_FLAGS,
      ...WHATIF_FLAGS,
    ],
    words: {
      at: {
        default: "half way through the captures",
        help: "when it fails: a time since the first frame (12.5s, 2m) or RFC 3339, or 'every 10s'",
        details: "'every 10s': one run for each such time from the first frame to the last.",
      },
      pins: {
        details:
          "Also gzipped. Each connection of the captures with an entry is on the gateway of its egress IP: what breaks of these is no matter of seeds. Those without one stay simulated; the answer says which are which. With TIME (RFC 3339, or seconds since 1970) entries count only for connections of that time.",
      },
      failOn: conditionWords(
        "broken>0 or lost>100",
        "`connections` and, of all failures and seeds the most, `broken`, `rebound`, `hit`, `lost`, `breaking`",
      ),
    },
    required: ["manifests"],
    examples: [
      "sluicegate failover pcaps/web/in.pcap -m pcaps/manifests --kill gw-a --at 2s",
      "sluicegate failover node1.pcap -m dump/ --at 'every 10s' --detect 1s,5s --balance random",
    ],
    load: () => import("./commands/failover.js"),
  },
  {
    name: "generate",
    args: [],
    summary: "write a synthetic capture with matching manifests",
    description:
      "Writes capture.pcap and manifests.yaml into DIR: many flows of usual forms between pods and remotes, with some fragments, ICMP errors and malformed frames. The same seed and flags give the same bytes on every machine.",
    flags: [
      "output",
      "seed",
      "packets",
      "flows",
      "endpoints",
      "remotes",
      "remotePort",
      "sizes",
      "rate",
      "noReplies",
      "share",
      "json",
    ],
    words: { output: { help: "write there: capture.pcap, manifests.yaml" } },
    required: ["output"],
    examples: ["sluicegate generate -o trial/ --packets 100000 --share ipv6=0"],
    load: () => import("./commands/generate.js"),
  },
  {
    name: "bench",
    args: [],
    summary: "measure the engine's throughput on this machine",
    description:
      "Nanoseconds per frame for forward, reverse and new connections at several table sizes, beside a fixed reference kernel that runs in between; `--compare` judges against an earlier `--json`, `--against` lets two builds take turns in one run, which is sharper. Both exit 1 on a regression. `--profile` divides a frame's time into passes and sets it against the latency and bandwidth of the memory, measured in the same process.",
    flags: ["quick", "large", "compare", "against", "profile", "draw", "json"],
    examples: [
      "sluicegate bench --json > before.json",
      "sluicegate bench --compare before.json",
      "sluicegate bench --against before/engine.wasm",
      "sluicegate bench --profile --quick",
      "sluicegate bench --large --json > large.json",
      "sluicegate bench --draw large.json > cost-curve.svg",
    ],
    load: () => import("./commands/bench.js"),
  },
  {
    name: "demo",
    args: [],
    summary: "watch a gateway fail and come back, without any input",
    description:
      "Simulates a cluster in virtual time: a monitor pod asks an echo server 20 times a second, through four gateways in as many zones, and the server answers with the address that it saw. One gateway is rebooted. Prints the monitor's log around the turns, the rates by minute, who was eligible before, during and after, and what was lost. Every request and answer goes through the engine as a frame. `-o DIR` writes demo.pcapng (at the monitor), external.pcapng (at the server), manifests.yaml, scenario.yaml, monitor.log and demo.json, and replays the first of them: gateways and losses have to be the same, else the command exits with 1.",
    flags: ["duration", "rate", "kill", "at", "downFor", "seed", "output", "html", "json", "verbose"],
    words: {
      rate: { default: "20", help: "requests per second, up to 400" },
      kill: { argument: "NODE", default: "gateway-d", help: "the gateway that is rebooted, gateway-a to gateway-d" },
      at: { default: "2m", help: "when it goes down: a time since the first request (90s, 2m)" },
      output: {
        help: "write there: demo.pcapng, external.pcapng, manifests.yaml, scenario.yaml, monitor.log, demo.json",
        details: "Creates DIR.",
      },
    },
    examples: [
      "sluicegate demo",
      "sluicegate demo --kill gateway-a --at 1m --down-for 30s --duration 3m --html demo.html",
    ],
    load: () => import("./commands/demo.js"),
  },
];
