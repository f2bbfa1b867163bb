import { UsageError } from "../errors.js";

/** Packet lengths of data frames: like those of an ISP trace, 40/576/1500 bytes at 7:4:1, or 60-byte frames only. */
export type SizeProfileName = "measured" | "imix" | "small";

/** What `generateCapture` and `generateManifests` make. Shares are fractions from 0 to 1. */
export interface GenerateOptions {
  /** The same seed and options give the same bytes on every machine. */
  readonly seed: number;
  /** Frames in all, exactly. */
  readonly packets: number;
  /** Flows in all; fragments, errors and malformed frames come on top. */
  readonly flows: number;
  /** Pods that send, by Zipf's law with exponent 1.0. */
  readonly endpoints: number;
  /** Remotes that they send to, by Zipf's law with exponent 1.1. */
  readonly remotes: number;
  /** One remote port for all TCP, UDP and SCTP flows, or a mix of usual ones. */
  readonly remotePort: number | "mixed";
  readonly sizes: SizeProfileName;
  /** Mean rate, from which the length of the trace follows. */
  readonly packetsPerSecond: number;
  /** Time of the first frame, seconds since the epoch. */
  readonly startSeconds: number;
  /** Whether the remotes' answers are in the capture, as the endpoints see them. */
  readonly replies: boolean;
  /** Of flows. */
  readonly ipv6Share: number;
  /** Of frames; what these three leave is TCP. */
  readonly udpShare: number;
  readonly icmpShare: number;
  readonly sctpShare: number;
  /** Of frames: ICMP errors that quote an earlier frame of the trace. None without replies, since remotes send them. */
  readonly errorShare: number;
  /** Of frames: UDP datagrams in three fragments, one in ten out of order. */
  readonly fragmentShare: number;
  /** Of frames: headers that contradict themselves or the frame's length, wrong checksums. */
  readonly malformedShare: number;
  /** Of IPv4 UDP flows: sent without a checksum. */
  readonly zeroChecksumShare: number;
  /** Of TCP flows: start again on the five-tuple of one that ended less than two minutes before. */
  readonly reuseShare: number;
  /** Of TCP flows long enough to have an ending; what these two leave falls silent. */
  readonly finShare: number;
  readonly resetShare: number;
}

/** Options of a synthetic trace where nothing is said. */
export const GENERATE_DEFAULTS: GenerateOptions = {
  seed: 1,
  packets: 1_000_000,
  flows: 100_000,
  endpoints: 4096,
  remotes: 50_000,
  remotePort: "mixed",
  sizes: "measured",
  packetsPerSecond: 10_000,
  startSeconds: 1_700_000_000,
  replies: true,
  ipv6Share: 0.15,
  udpShare: 0.18,
  icmpShare: 0.01,
  sctpShare: 0.001,
  errorShare: 0.005,
  fragmentShare: 0.003,
  malformedShare: 0.001,
  zeroChecksumShare: 0.02,
  reuseShare: 0.02,
  finShare: 0.7,
  resetShare: 0.15,
};

/** Largest number of pods that the address plan holds: 4,096 nodes of 200. */
const MAX_ENDPOINTS = 819_200;
/** Largest number of remotes that the address plan holds: 198.18.0.0/15. */
export const MAX_REMOTES = 131_072;
const MAX_PACKETS = 2 ** 32 - 1;

const WHOLE_NUMBERS: readonly [keyof GenerateOptions, number, number][] = [
  ["seed", 0, 2 ** 32 - 1],
  ["packets", 3, MAX_PACKETS],
  ["flows", 1, MAX_PACKETS],
  ["endpoints", 1, MAX_ENDPOINTS],
  ["remotes", 1, MAX_REMOTES],
  ["packetsPerSecond", 1, 1e9],
  ["startSeconds", 0, 2 ** 31],
];

const SHARES: readonly (keyof GenerateOptions)[] = [
  "ipv6Share",
  "udpShare",
  "icmpShare",
  "sctpShare",
  "errorShare",
  "fragmentShare",
  "malformedShare",
  "zeroChecksumShare",
  "reuseShare",
  "finShare",
  "resetShare",
];

/**
 * The options given, completed with the defaults. Where only one of packets and flows is given, there are ten packets a flow.
 * @throws {UsageError} where a value is out of range
 */
export function completeOptions(given: Partial<GenerateOptions>): GenerateOptions {
  const packets = given.packets ?? (given.flows === undefined ? GENERATE_DEFAULTS.packets : given.flows * 10);
  const flows = given.flows ?? Math.max(1, Math.round(packets / 10));
  const options = { ...GENERATE_DEFAULTS, ...given, packets, flows };
  for (const [name, low, high] of WHOLE_NUMBERS) refuseOutside(name, options[name], low, high, Number.isSafeInteger);
  for (const name of SHARES) refuseOutside(name, options[name], 0, 1, Number.isFinite);
  if (options.remotePort !== "mixed") refuseOutside("remotePort", options.remotePort, 1, 65_535, Number.isSafeInteger);
  refuseSum(options, ["udpShare", "icmpShare", "sctpShare"]);
  refuseSum(options, ["errorShare", "fragmentShare", "malformedShare"]);
  refuseSum(options, ["finShare", "resetShare"]);
  return options;
}

function refuseOutside(
  name: string,
  value: unknown,
  low: number,
  high: number,
  isKind: (value: unknown) => boolean,
): void {
  if (isKind(value) && (value as number) >= low && (value as number) <= high) return;
  const kind = isKind === Number.isFinite ? "a number" : "a whole number";
  throw new UsageError(`generate: ${name} is ${String(value)}, expected ${kind} from ${low} to ${high}`);
}

function refuseSum(options: GenerateOptions, names: readonly (keyof GenerateOptions)[]): void {
  const sum = names.reduce((total, name) => total + (options[name] as number), 0);
  if (sum > 1) throw new UsageError(`generate: ${names.join(" + ")} is ${sum}, expected at most 1`);
}
