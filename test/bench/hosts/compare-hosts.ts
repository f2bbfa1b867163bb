import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Estimate, estimate } from "../../../src/bench/statistics.js";
import { type Host, HostError } from "./hosts.js";
import { type Outcome, PLAN_FILE, type Plan, WORKS, type WorkName, writePlan } from "./plan.js";
import { Session, TOUCHES, type Touch } from "./session.js";

export interface HostOptions {
  /** Hosts to compare; figures are divided by those of the first one. */
  readonly hosts: readonly Host[];
  /** Folder that they are installed in. */
  readonly cache: string;
  readonly engine: string;
  readonly driver: string;
  /** Connections, one table each. */
  readonly sizes: readonly number[];
  /** Times that every host is started afresh, and turns that count each time. */
  readonly placements: number;
  readonly turns: number;
  /** CPU time of a host in a turn, milliseconds. */
  readonly blockMs: number;
  /** Frames per call of the engine. */
  readonly batch: number;
  onProgress(text: string): void;
}

/** Nanoseconds per frame of every host in one turn, by `key`. */
export type Turn = ReadonlyMap<string, number>;

export interface HostFigure {
  readonly connections: number;
  readonly work: WorkName;
  readonly host: string;
  readonly touch: Touch;
  /** Nanoseconds per frame. */
  readonly ns: Estimate;
  /** Divided by the first host, with its touch on, in the same turn. */
  readonly ratio: Estimate;
  /** Touch off divided by on in the same turn: above 1 where the blind store pays. */
  readonly withoutTouch: Estimate;
}

export interface HostReport {
  /** What the hosts and their compilers call themselves. */
  readonly hosts: readonly { readonly title: string; readonly host: string; readonly compiler: string }[];
  readonly figures: readonly HostFigure[];
}

/** Turns before those that count: V8 has replaced its first, quick code by then, and every page was touched. */
const WARM_UP_TURNS = 2;

/**
 * The same engine over the same frames in every host, in turns.
 * @throws {HostError} where a host does not start, or where verdicts or frames differ from what the bench's engine made: no figure then
 */
export async function compareHosts(options: HostOptions): Promise<HostReport> {
  const figures: HostFigure[] = [];
  let hosts: HostReport["hosts"] = [];
  for (const connections of options.sizes) {
    const folder = mkdtempSync(join(tmpdir(), "sluicegate-hosts-"));
    try {
      options.onProgress(`${connections} connections: preparing frames`);
      const plan = await writePlan(folder, { ...options, connections });
      const turns = new Map<WorkName, Turn[]>(WORKS.map((work) => [work, []]));
      for (let i = 0; i < options.placements; i++) {
        options.onProgress(`${connections} connections: ${i + 1} of ${options.placements}`);
        hosts = await place(plan, folder, options, turns);
      }
      for (const [work, taken] of turns) figures.push(...figuresOf(connections, work, options.hosts, taken));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return { hosts, figures };
}

/** Starts every host afresh, checks what it does and measures it in turns with the others. */
async function place(
  plan: Plan,
  folder: string,
  { hosts, cache, turns, blockMs }: HostOptions,
  taken: ReadonlyMap<WorkName, Turn[]>,
): Promise<HostReport["hosts"]> {
  const sessions = hosts.map((host) => new Session(host.name, ...commandOf(host, cache)));
  try {
    const started = [];
    for (const [i, session] of sessions.entries()) {
      let said = { host: "", compiler: "" };
      for (const touch of TOUCHES) said = await session.start(join(folder, PLAN_FILE), touch);
      if (said.host !== session.name)
        throw new HostError(`${session.name}: says that it is ${said.host}; remove the folder it is installed in`);
      started.push({ title: hosts[i]!.title, ...said });
    }
    for (const work of WORKS) {
      const { expected } = plan.works[work];
      await checkAll(sessions, work, expected);
      for (let turn = 0; turn < WARM_UP_TURNS + turns; turn++) {
        const figures = await takeTurn(sessions, work, turn, blockMs);
        if (turn >= WARM_UP_TURNS) taken.get(work)!.push(figures);
      }
      await checkAll(sessions, work, expected);
    }
    return started;
  } finally {
    for (const session of sessions) session.close();
  }
}

function commandOf(host: Host, cache: string): [program: string, args: string[]] {
  const [program, script] = host.command(cache);
  return [program, [script]];
}

async function checkAll(sessions: readonly Session[], work: WorkName, expected: Outcome): Promise<void> {
  for (const session of sessions) {
    for (const touch of TOUCHES) checkOutcome(session.name, touch, work, await session.outcome(touch, work), expected);
  }
}

/** @throws {HostError} where what came of a work is not what must */
export function checkOutcome(host: string, touch: Touch, work: WorkName, outcome: Outcome, expected: Outcome): void {
  for (const what of ["verdicts", "frames"] as const) {
    if (outcome[what] === expected[what]) continue;
    const where = `${host}, touch ${touch}: ${work}`;
    throw new HostError(`${where}: SHA-256 of the ${what} is ${outcome[what]}, expected ${expected[what]}`);
  }
}

/** Each host once with the touch and once without; another one begins every time, and the order of the two changes. */
async function takeTurn(sessions: readonly Session[], work: WorkName, turn: number, ms: number): Promise<Turn> {
  const figures = new Map<string, number>();
  for (const session of rotated(sessions, turn)) {
    for (const touch of rotated(TOUCHES, turn)) {
      figures.set(key(session.name, touch), await session.block(touch, work, ms));
    }
  }
  return figures;
}

/** The same items from another one on. */
export function rotated<T>(items: readonly T[], by: number): T[] {
  return items.map((_, i) => items[(i + by) % items.length]!);
}

export function key(host: string, touch: Touch): string {
  return `${host} ${touch}`;
}

/** The figures that the turns come to. */
export function figuresOf(
  connections: number,
  work: WorkName,
  hosts: readonly Pick<Host, "name">[],
  turns: readonly Turn[],
): HostFigure[] {
  const of = (host: string, touch: Touch) => turns.map((turn) => turn.get(key(host, touch))!);
  const over = (values: readonly number[], by: readonly number[]) => estimate(values.map((value, i) => value / by[i]!));
  const yardstick = of(hosts[0]!.name, "on");
  return hosts.flatMap(({ name: host }) =>
    TOUCHES.map((touch) => {
      const ns = of(host, touch);
      return {
        ...{ connections, work, host, touch },
        ns: estimate(ns),
        ratio: over(ns, yardstick),
        withoutTouch: over(of(host, "off"), of(host, "on")),
      };
    }),
  );
}
