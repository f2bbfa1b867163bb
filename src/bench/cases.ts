import { freshCode } from "../engine/fresh-code.js";
import { type EngineCode, readEngine } from "../engine/load.js";
import { packageFile } from "../platform/node/wasm.js";
import type { ClusterShape } from "./cluster.js";
import { establishedContestant, kernelContestant, openingContestant } from "./contestants.js";
import { type Protocol, TCP_ACK, TCP_SYN } from "./frames.js";
import { ReferenceKernel } from "./kernel.js";
import type { Contestant, Pair } from "./measure.js";
import { Subject } from "./subject.js";
import { Traffic, type TrafficOptions } from "./traffic.js";

/** Frames of established connections in either direction, the first frames of new ones, or bare lookups and insertions without frames. */
export type Work = "forward" | "reverse" | "new" | "lookup" | "insert";

/** What a figure is about. */
export interface CaseInfo {
  readonly id: string;
  readonly connections: number;
  readonly protocol: Protocol;
  readonly work: Work;
  /** Frames per call of the engine. */
  readonly batch: number;
  /** What the time is divided by, in words. */
  readonly yardstick: string;
}

export interface Case {
  readonly info: CaseInfo;
  readonly pair: Pair;
}

/** Cases that share tables; made when their turn comes and given up afterwards, as the largest take hundreds of megabytes. */
export interface Group {
  readonly name: string;
  /** Setting up takes longer than measuring, and no cache holds the tables wherever they lie: one placement has to do. */
  readonly isLarge?: boolean;
  /** True for the ids of the cases that `cases` makes. */
  has(id: string): boolean;
  cases(): Promise<Case[]>;
}

export interface GroupOptions {
  /** Frames per call where it is not one. */
  readonly batch: number;
  /** Blind-store prefetch of the engine. */
  readonly touch: boolean;
  /** Another build of the engine; undefined = the package's. */
  readonly wasmFile: string | undefined;
}

const PLAIN_CLUSTER: ClusterShape = { gateways: 4, policies: 1 };
const MANY_GATEWAYS: ClusterShape = { gateways: 64, policies: 1 };
const MANY_POLICIES: ClusterShape = { gateways: 4, policies: 16 << 10 };

/** A million of each, as design and documentation promise; see `largePolicyGroup`. */
export const MILLION = 1_000_000;
export const MILLION_ENDPOINTS: ClusterShape = { ...PLAIN_CLUSTER, endpoints: MILLION };
export const MILLION_PREFIXES: ClusterShape = { ...PLAIN_CLUSTER, prefixes: MILLION };

/** Connections up to which groups are set up several times. */
const MOST_PLACED = 1_000_000;

const MODES = ["batched", "single"] as const;
type Mode = (typeof MODES)[number];

/**
 * One size of table: forward, reverse and new connections, batched and one frame per call, each divided by the reference kernel in the
 * same mode; and forward one frame per call divided by forward batched, which is what batching gains.
 */
export function sizeGroup(connections: number, options: GroupOptions): Group {
  return {
    name: `${connections} connections`,
    isLarge: connections > MOST_PLACED,
    has: (id) => /^(forward|reverse|new|batching)\//.test(id) && id.split("/")[1] === String(connections),
    cases: async () => {
      const { subject, forward } = await established(connections, "tcp", PLAIN_CLUSTER, options);
      const kernel = await ReferenceKernel.create(forward, connections, lotsOf(subject.traffic));
      const answers = subject.answers();
      const batchOf = (mode: Mode) => (mode === "single" ? 1 : options.batch);
      const make = (work: Work, contestant: (batch: number) => Contestant, modes: readonly Mode[] = MODES) =>
        modes.map((mode) => {
          const batch = batchOf(mode);
          const info = { connections, protocol: "tcp", work, batch, yardstick: `reference kernel, ${mode}` } as const;
          return toCase(`${work}/${connections}/${mode}`, info, contestant(batch), kernelContestant(kernel, batch));
        });
      const forwardBy = (batch: number) => establishedContestant(subject, forward, "forward", batch);
      const gain = { connections, protocol: "tcp", work: "forward", batch: 1, yardstick: "the same, batched" } as const;
      return [
        ...make("forward", forwardBy),
        ...make("reverse", (batch) => establishedContestant(subject, answers, "reverse", batch)),
        toCase(`batching/${connections}`, gain, forwardBy(1), forwardBy(options.batch)),
        // Last, as they forget the established connections.
        ...make("new", (batch) => openingContestant(subject, batch), connections > MOST_PLACED ? ["batched"] : MODES),
      ];
    },
  };
}

/**
 * Two builds at one size of table: forward, reverse and new connections in batches, this build divided by `other`. Both are compiled anew
 * for each placement; which of them is set up first changes from one to the next.
 * @param other file of the other build
 */
export function buildsGroup(connections: number, other: string, options: GroupOptions): Group {
  const ours = options.wasmFile ?? packageFile("build", "engine.wasm");
  let placement = 0;
  return {
    name: `two builds, ${connections} connections`,
    has: (id) => id.split("/")[1] === String(connections),
    cases: async () => {
      const start = async (file: string) => {
        const wasm = freshCode({ name: file, bytes: await readEngine(file) });
        return established(connections, "tcp", PLAIN_CLUSTER, { ...options, wasm });
      };
      const isOursFirst = placement++ % 2 === 0;
      const first = await start(isOursFirst ? ours : other);
      const second = await start(isOursFirst ? other : ours);
      const [our, their] = isOursFirst ? [first, second] : [second, first];
      const { batch } = options;
      const make = (work: Work, contestant: (of: Established) => Contestant) => {
        const info = { connections, protocol: "tcp", work, batch, yardstick: "the other build" } as const;
        return toCase(`${work}/${connections}`, info, contestant(our), contestant(their));
      };
      return [
        make("forward", ({ subject, forward }) => establishedContestant(subject, forward, "forward", batch)),
        make("reverse", ({ subject }) => establishedContestant(subject, subject.answers(), "reverse", batch)),
        // Last, as they forget the established connections.
        make("new", ({ subject }) => openingContestant(subject, batch)),
      ];
    },
  };
}

/** UDP at one size of table, beside the reference kernel over the same frames. */
export function udpGroup(connections: number, options: GroupOptions): Group {
  return {
    name: `UDP, ${connections} connections`,
    has: (id) => id.startsWith("udp-"),
    cases: async () => {
      const { subject, forward } = await established(connections, "udp", PLAIN_CLUSTER, options);
      const kernel = await ReferenceKernel.create(forward, connections);
      const { batch } = options;
      const make = (work: Work, contestant: Contestant) => {
        const info = { connections, protocol: "udp", work, batch, yardstick: "reference kernel, batched" } as const;
        return toCase(`udp-${work}/${connections}`, info, contestant, kernelContestant(kernel, batch));
      };
      return [
        make("forward", establishedContestant(subject, forward, "forward", batch)),
        make("reverse", establishedContestant(subject, subject.answers(), "reverse", batch)),
        make("new", openingContestant(subject, batch)),
      ];
    },
  };
}

/** TCP over IPv6 divided by TCP over IPv4. */
export function ipv6Group(connections: number, options: GroupOptions): Group {
  return {
    name: `IPv6, ${connections} connections`,
    has: (id) => id.startsWith("ipv6-") && id.split("/")[1] === String(connections),
    cases: async () => {
      const four = await established(connections, "tcp", PLAIN_CLUSTER, options);
      const six = await established(connections, "tcp6", PLAIN_CLUSTER, options);
      const { batch } = options;
      const make = (work: Work, contestant: (of: typeof four) => Contestant) => {
        const info = { connections, protocol: "tcp6", work, batch, yardstick: "the same over IPv4" } as const;
        return toCase(`ipv6-${work}/${connections}`, info, contestant(six), contestant(four));
      };
      return [
        make("forward", ({ subject, forward }) => establishedContestant(subject, forward, "forward", batch)),
        make("reverse", ({ subject }) => establishedContestant(subject, subject.answers(), "reverse", batch)),
        make("new", ({ subject }) => openingContestant(subject, batch)),
      ];
    },
  };
}

/** The engine with a larger policy divided by the engine with a small one: what an established and a new connection notice of it. */
export function policyGroup(connections: number, options: GroupOptions): Group {
  return {
    name: `policy size, ${connections} connections`,
    has: (id) => id.startsWith("gateways-") || id.startsWith("policies-"),
    cases: async () => {
      const { subject: plain, forward } = await established(connections, "tcp", PLAIN_CLUSTER, options);
      const { batch } = options;
      const cases: Case[] = [];
      for (const [name, shape, yardstick] of [
        ["gateways-64", MANY_GATEWAYS, "4 gateways"],
        ["policies-16384", MANY_POLICIES, "1 policy"],
      ] as const) {
        const { subject: large } = await established(connections, "tcp", shape, options);
        const info = { connections, protocol: "tcp", batch, yardstick } as const;
        const forwardOf = (subject: Subject) => establishedContestant(subject, forward, "forward", batch);
        const openingOf = (subject: Subject) => openingContestant(subject, batch);
        cases.push(
          toCase(`${name}/forward`, { ...info, work: "forward" }, forwardOf(large), forwardOf(plain)),
          toCase(`${name}/new`, { ...info, work: "new" }, openingOf(large), openingOf(plain)),
        );
      }
      // Established connections before those that forget them.
      return cases.sort((a, b) => Number(a.info.work === "new") - Number(b.info.work === "new"));
    },
  };
}

interface Established {
  readonly subject: Subject;
  /** Frames from the endpoints. */
  readonly forward: Uint8Array;
}

/** Frames of IMIX lengths divided by 64-byte ones, of as many connections each. */
export function imixGroup(connections: number, options: GroupOptions): Group {
  return {
    name: `IMIX, ${connections} connections`,
    isLarge: connections > MOST_PLACED,
    has: (id) => id.startsWith("imix-") && id.split("/")[1] === String(connections),
    cases: async () => {
      const short = await established(connections, "tcp", PLAIN_CLUSTER, options);
      const mixed = await established(connections, "tcp", PLAIN_CLUSTER, options, { sizes: "imix" });
      const { batch } = options;
      const make = (work: Work, contestant: (of: typeof short) => Contestant) => {
        const info = { connections, protocol: "tcp", work, batch, yardstick: "64-byte frames" } as const;
        return toCase(`imix-${work}/${connections}`, info, contestant(mixed), contestant(short));
      };
      return [
        make("forward", ({ subject, forward }) => establishedContestant(subject, forward, "forward", batch)),
        make("reverse", ({ subject }) => establishedContestant(subject, subject.answers(), "reverse", batch)),
        make("new", ({ subject }) => openingContestant(subject, batch)),
      ];
    },
  };
}

/** A million endpoints, and a million prefixes, divided by the small cluster over as many connections. */
export function largePolicyGroup(connections: number, options: GroupOptions): Group {
  return {
    name: `a million endpoints or prefixes, ${connections} connections`,
    isLarge: true,
    has: (id) => id.startsWith("endpoints-") || id.startsWith("prefixes-"),
    cases: async () => {
      const plain = await established(connections, "tcp", PLAIN_CLUSTER, options);
      const cases: Case[] = [];
      for (const [name, shape, yardstick] of [
        [`endpoints-${MILLION}`, MILLION_ENDPOINTS, "1,024 endpoints"],
        [`prefixes-${MILLION}`, MILLION_PREFIXES, "1 prefix"],
      ] as const) {
        const { endpoints } = shape;
        const large = await established(connections, "tcp", shape, options, endpoints ? { endpoints } : {});
        const { batch } = options;
        const make = (work: Work, contestant: (of: typeof large) => Contestant) => {
          const info = { connections, protocol: "tcp", work, batch, yardstick } as const;
          return toCase(`${name}/${work}`, info, contestant(large), contestant(plain));
        };
        cases.push(
          make("forward", ({ subject, forward }) => establishedContestant(subject, forward, "forward", batch)),
          make("reverse", ({ subject }) => establishedContestant(subject, subject.answers(), "reverse", batch)),
          make("new", ({ subject }) => openingContestant(subject, batch)),
        );
      }
      // Established connections before those that forget them.
      return cases.sort((a, b) => Number(a.info.work === "new") - Number(b.info.work === "new"));
    },
  };
}

/** Frames of all connections, as many at a time as there are frames in the arena. */
function* lotsOf(traffic: Traffic): Generator<Uint8Array> {
  const { connections, chunk } = traffic;
  for (let first = 0; first < connections; first += chunk)
    yield traffic.openers(TCP_SYN, first, Math.min(chunk, connections - first));
}

async function established(
  connections: number,
  protocol: Protocol,
  shape: ClusterShape,
  { batch, touch, wasmFile, wasm = wasmFile }: GroupOptions & { readonly wasm?: string | EngineCode | undefined },
  trafficOptions: TrafficOptions = {},
): Promise<Established> {
  const traffic = new Traffic(connections, protocol, trafficOptions);
  const subject = await Subject.create(traffic, { ...shape, maxBatch: batch, touch, wasm });
  subject.establish(batch);
  return { subject, forward: traffic.forward(TCP_ACK) };
}

/** A case whose pair goes by the same id. */
export function toCase(id: string, info: Omit<CaseInfo, "id">, subject: Contestant, yardstick: Contestant): Case {
  return { info: { id, ...info }, pair: { id, subject, yardstick } };
}
