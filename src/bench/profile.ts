import * as abi from "../../assembly/abi.js";
import { STAGE_WHOLE } from "../../assembly/bench/stages.js";
import { EngineError } from "../errors.js";
import { establishedContestant, openingContestant } from "./contestants.js";
import { type Clock, measuringClock } from "./cpu-clock.js";
import { FRAME_BYTES, TCP_ACK } from "./frames.js";
import { describeMachine } from "./machine.js";
import { type Contestant, takeBlock } from "./measure.js";
import { type MemoryProbes, memoryProbes } from "./memory-probe.js";
import { PASSES, ProfileEngine } from "./profile-engine.js";
import {
  type FrameBytes,
  type MemoryFigures,
  type PassFigure,
  PROFILE_SCHEMA,
  type ProfileReport,
  type SizeProfile,
  type WorkProfile,
} from "./profile-types.js";
import { median } from "./statistics.js";
import { Subject } from "./subject.js";
import { Traffic, type TrafficOptions } from "./traffic.js";

export interface ProfileOptions {
  /** Fewer turns and smaller tables. */
  readonly quick?: boolean;
  /** Also 4 and 8 million connections. */
  readonly large?: boolean;
  /** Overrides what `quick` and `large` choose: connections, turns that count, milliseconds per block. */
  readonly sizes?: readonly number[];
  readonly turns?: number;
  readonly blockMs?: number;
  /** Frames per call of the engine. Default 256. */
  readonly batch?: number;
  onProgress?(text: string): void;
}

const DEFAULT_BATCH = 256;
const FULL = { sizes: [1000, 10_000, 100_000, 1_000_000], turns: 9, blockMs: 30 };
const QUICK = { sizes: [1000, 10_000, 100_000], turns: 5, blockMs: 10 };
const LARGE_SIZES = [...FULL.sizes, 4_000_000, 8_000_000];
const WARM_UP_TURNS = 2;
const SHAPE = { gateways: 4, policies: 1 };
const LINE = abi.LINE_SIZE;

/** Connections and frames that the caches nearest to the core hold together with all else: what computing alone takes. */
const CACHED = 128;
/** Above this a second engine to compare with takes too much memory, and opening and forgetting all connections for every stage too long. */
const MOST_COMPARED = 1_000_000;

interface Timed {
  readonly name: string;
  readonly contestant: Contestant;
  /** Nanoseconds per frame, or per unit of a probe, turn by turn. */
  readonly ns: number[];
}

/**
 * Where the time of a frame goes, and how far that is from what the machine's memory allows. Everything that is set against each other is
 * measured in turns in one process. Nothing else should run meanwhile.
 * @throws {EngineError} where the engine did not do its work: then no time is reported at all
 */
export async function runProfile(options: ProfileOptions = {}): Promise<ProfileReport> {
  const machine = describeMachine();
  const preset = options.quick ? QUICK : FULL;
  const sizes = options.sizes ?? (options.large ? LARGE_SIZES : preset.sizes);
  const { turns = preset.turns, blockMs = preset.blockMs, batch = DEFAULT_BATCH } = options;
  const clock = measuringClock();
  const setting: Setting = { turns, blockMs, batch, clock, onProgress: options.onProgress ?? (() => {}) };
  setting.onProgress("computing alone: setting up");
  const computing = await computingAlone(setting);
  const profiles: SizeProfile[] = [];
  for (const size of sizes) {
    setting.onProgress(`${size} connections: setting up`);
    profiles.push(await profileSize(size, computing, setting));
  }
  return { schema: PROFILE_SCHEMA, machine, clock: clock.name, batch, turns, blockMs, computing, sizes: profiles };
}

interface Setting {
  readonly turns: number;
  readonly blockMs: number;
  readonly batch: number;
  readonly clock: Clock;
  onProgress(text: string): void;
}

type Computing = ProfileReport["computing"];

/** Forward and reverse with frames, table and all else in the nearest caches. */
async function computingAlone(setting: Setting): Promise<Computing> {
  const { subject, profiled } = await setUp(CACHED, setting, { minFrames: CACHED });
  const timed = (["forward", "reverse"] as const).map((work) => {
    const frames = work === "forward" ? subject.traffic.forward(TCP_ACK) : subject.answers();
    return toTimed(work, atStage(profiled, STAGE_WHOLE, establishedContestant(subject, frames, work, setting.batch)));
  });
  takeTurns(timed, setting);
  const [forward, reverse] = timed.map(({ ns }) => median(ns));
  return { connections: CACHED, forwardNs: forward!, reverseNs: reverse! };
}

async function profileSize(connections: number, computing: Computing, setting: Setting): Promise<SizeProfile> {
  const { subject, profiled } = await setUp(connections, setting);
  const { traffic, engine } = subject;
  const forward = traffic.forward(TCP_ACK);
  const answers = subject.answers();
  const tableBytes = engine.regionBytes(abi.REGION_CONNTRACK).length;
  const arenaBytes = engine.arena.length;
  const probes = await memoryProbes(tableBytes, roundUp(tableBytes + arenaBytes));
  const { batch } = setting;

  const established = (["forward", "reverse"] as const).map((work) => {
    const frames = work === "forward" ? forward : answers;
    const contestant = establishedContestant(subject, frames, work, batch);
    contestant.verify();
    contestant.restore();
    const lines = profiled.countLines(() => subject.pass(batch)) / traffic.order.length;
    return { work, lines, passes: passesOf(profiled, contestant) };
  });
  const packaged = connections <= MOST_COMPARED ? await packageContestant(connections, setting) : undefined;
  const plain = packaged ? [toTimed("engine.wasm", packaged)] : [];
  const memory = Object.entries(probes).map(([name, probe]) => toTimed(name, probe));
  setting.onProgress(`${connections} connections: forward, reverse, memory`);
  takeTurns([...established.flatMap(({ passes }) => passes), ...plain, ...memory], setting);
  const figures = memoryFigures(memory);

  const works = established.map(({ work, lines, passes }): WorkProfile => {
    const passFigures = figuresOf(passes);
    const ns = total(passFigures);
    const touched = frameBytes(lines, profiled.scratchBytes);
    const bound = boundOf(lines, touched, figures);
    const computingNs = work === "forward" ? computing.forwardNs : computing.reverseNs;
    return { work, ns, passes: passFigures, lines, touched, bound, distance: ns / bound.ns, computingNs };
  });
  const whole = works[0]!.ns;
  return {
    connections,
    tableBytes,
    arenaBytes,
    memory: figures,
    works: connections > MOST_COMPARED ? works : [...works, profileOpening(connections, subject, profiled, setting)],
    ...(plain[0] && { toPackage: whole / median(plain[0].ns) }),
  };
}

/** New connections by themselves: every restoring forgets those that there are, and the caches with them. */
function profileOpening(connections: number, subject: Subject, profiled: ProfileEngine, setting: Setting): WorkProfile {
  setting.onProgress(`${connections} connections: new`);
  const opening = openingContestant(subject, setting.batch);
  const timed = passesOf(profiled, opening);
  takeTurns(timed, setting);
  profiled.setStage(STAGE_WHOLE);
  opening.verify();
  const passes = figuresOf(timed);
  return { work: "new", ns: total(passes), passes };
}

async function setUp(
  connections: number,
  { batch }: Setting,
  trafficOptions: TrafficOptions = {},
): Promise<{ subject: Subject; profiled: ProfileEngine }> {
  let profiled: ProfileEngine | undefined;
  const subject = await Subject.create(new Traffic(connections, "tcp", trafficOptions), {
    ...SHAPE,
    maxBatch: batch,
    touch: true,
    wasm: undefined,
    start: async (config) => {
      profiled = await ProfileEngine.create(config);
      return profiled.engine;
    },
  });
  if (!profiled) throw new EngineError("benchmark: no engine to profile");
  subject.establish(batch);
  return { subject, profiled };
}

/** The package's engine at the same work, to see that what is profiled takes as long. */
async function packageContestant(connections: number, { batch }: Setting): Promise<Contestant> {
  const traffic = new Traffic(connections, "tcp");
  const subject = await Subject.create(traffic, { ...SHAPE, maxBatch: batch, touch: true, wasm: undefined });
  subject.establish(batch);
  return establishedContestant(subject, traffic.forward(TCP_ACK), "forward", batch);
}

function passesOf(profiled: ProfileEngine, contestant: Contestant): Timed[] {
  return PASSES.map(({ name, stage }) => toTimed(name, atStage(profiled, stage, contestant)));
}

function toTimed(name: string, contestant: Contestant): Timed {
  return { name, contestant, ns: [] };
}

/** The same work, stopped at a stage. Restoring is always whole. */
function atStage(profiled: ProfileEngine, stage: number, contestant: Contestant): Contestant {
  return {
    ...contestant,
    restore: () => {
      profiled.setStage(STAGE_WHOLE);
      contestant.restore();
      profiled.setStage(stage);
    },
  };
}

/** One block each, turn after turn, each turn starting with another one. The first turns do not count. */
function takeTurns(timed: readonly Timed[], { turns, blockMs, clock }: Setting): void {
  for (let turn = 0; turn < turns + WARM_UP_TURNS; turn++) {
    for (let i = 0; i < timed.length; i++) {
      const { contestant, ns } = timed[(i + turn) % timed.length]!;
      const taken = takeBlock(contestant, { blockMs, clock });
      if (turn >= WARM_UP_TURNS) ns.push(taken);
    }
  }
}

/** What each stage adds to the one before. */
export function figuresOf(passes: readonly Pick<Timed, "name" | "ns">[]): PassFigure[] {
  const medians = passes.map(({ ns }) => median(ns));
  return passes.map(({ name }, i) => ({ name, ns: medians[i]! - (i > 0 ? medians[i - 1]! : 0) }));
}

function total(passes: readonly PassFigure[]): number {
  return passes.reduce((sum, { ns }) => sum + ns, 0);
}

/** Times of the probes by their names in `MemoryProbes`, as latency, overlap and bandwidths. */
function memoryFigures(probes: readonly Timed[]): MemoryFigures {
  const nsOf = (name: keyof MemoryProbes) => median(probes.find((probe) => probe.name === name)!.ns);
  const latencyNs = nsOf("chase");
  const loadNs = nsOf("load");
  const pairNs = nsOf("pair");
  return {
    latencyNs,
    loadNs,
    pairNs,
    overlap: latencyNs / (pairNs / 2),
    readGBs: LINE / nsOf("read"),
    writeGBs: LINE / nsOf("write"),
    updateGBs: (LINE * 2) / nsOf("update"),
  };
}

/**
 * What a frame of an established connection makes the engine read and write. "memory" is what is another line for every frame, and so
 * comes from memory and goes back to it where the caches do not hold all; "cache" is used again with every batch or block.
 * @param lines of the table per frame, counted   @param scratchBytes between the passes
 */
export function frameBytes(lines: number, scratchBytes: number): FrameBytes[] {
  const headerLines = Math.ceil(FRAME_BYTES / LINE) * LINE;
  return [
    {
      what: "frame",
      read: headerLines,
      written: headerLines,
      from: "memory",
      how: "the line of its headers, rewritten in place",
    },
    { what: "tags", read: LINE, written: 0, from: "memory", how: "one line of them" },
    {
      what: "table",
      read: lines * LINE,
      written: lines * LINE,
      from: "memory",
      how: "lines counted; all are stored into",
    },
    { what: "sweep", read: LINE, written: 0, from: "memory", how: "one line per frame, in order" },
    {
      what: "frame record",
      read: abi.FRAME_SIZE,
      written: 4,
      from: "cache",
      how: "read twice; the host writes the offset",
    },
    { what: "scratch", read: scratchBytes, written: scratchBytes, from: "cache", how: "from pass 1 to pass 2" },
    { what: "verdict", read: 0, written: abi.VERDICT_SIZE, from: "cache", how: "written once" },
    { what: "statistics", read: 24, written: 24, from: "cache", how: "two numbers of the egress, one of the action" },
  ];
}

/**
 * The least that memory by itself takes for a frame: the larger of its bytes at the bandwidth and its lines at the latency, divided by
 * how many of them can be under way at once. Both were measured.
 */
export function boundOf(
  lines: number,
  touched: readonly FrameBytes[],
  { latencyNs, overlap, updateGBs }: Pick<MemoryFigures, "latencyNs" | "overlap" | "updateGBs">,
): { bandwidthNs: number; missNs: number; ns: number } {
  const bytes = touched
    .filter(({ from }) => from === "memory")
    .reduce((sum, { read, written }) => sum + read + written, 0);
  const bandwidthNs = bytes / updateGBs;
  const missNs = (lines * latencyNs) / overlap;
  return { bandwidthNs, missNs, ns: Math.max(bandwidthNs, missNs) };
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / LINE) * LINE;
}
