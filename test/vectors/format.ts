/** What a file of vectors holds; docs/vectors.md says what each key means and how a host runs it. Types alone: nothing here runs. */

export interface VectorFile {
  readonly schema: "sluicegate.io/vectors/v1";
  readonly abiVersion: number;
  readonly about: string;
  /** VERDICT_FLAG_* bits that are compared. */
  readonly verdictFlags: number;
  /** Counters that are compared after every step, and those that are compared only where a step states them. */
  readonly counters: { readonly steady: readonly string[]; readonly settled: readonly string[] };
  readonly configurations: readonly ConfigurationEntry[];
  readonly policies: readonly PolicyEntry[];
  readonly vectors: readonly Vector[];
}

export interface ConfigurationEntry {
  readonly name: string;
  readonly about: string;
  /** CONFIG_SIZE bytes in hexadecimal. */
  readonly record: string;
}

export interface PolicyEntry {
  readonly name: string;
  readonly about: string;
  /** Names of the rows, for people. */
  readonly nodes: readonly string[];
  readonly egresses: readonly string[];
  readonly blob: string;
}

export interface Vector {
  readonly name: string;
  readonly why: string;
  /** Where the rule is written down. */
  readonly rules: readonly string[];
  /** What else than the written expectation said the same of every frame when this was made. */
  readonly proof: readonly string[];
  readonly steps: readonly Step[];
}

export type Step = StartStep | ConfigureStep | LoadStep | ProcessStep | LocateStep | CallStep | SaveStep | RestoreStep;

interface Common {
  /** For people. */
  readonly note?: string;
}

/** A new instance in place of the one before. */
export interface StartStep extends Common {
  readonly do: "start";
}

interface Returning extends Common {
  readonly returns: number;
  readonly released?: readonly number[];
  readonly counters?: Counters;
}

export interface ConfigureStep extends Returning {
  readonly do: "configure";
  readonly configuration: string;
}

export interface LoadStep extends Returning {
  readonly do: "load";
  readonly policy: string;
  /** Other arguments than 0 and the blob's length. */
  readonly arguments?: readonly [number, number];
}

export interface ProcessStep extends Returning {
  readonly do: "process";
  readonly frames: readonly FrameRow[];
  /** Argument of the call, where it is not the number of frames. */
  readonly count?: number;
  readonly verdicts?: readonly VerdictRow[];
  readonly generated?: readonly GeneratedRow[];
}

export interface LocateStep extends Returning {
  readonly do: "locate";
  readonly frames: readonly FrameRow[];
  readonly verdicts?: readonly VerdictRow[];
}

export interface CallStep extends Returning {
  readonly do: "call";
  readonly function: string;
  readonly arguments: readonly number[];
  readonly egressStats?: readonly Readonly<Record<string, number | string>>[];
}

/** The host copies REGION_STATE. */
export interface SaveStep extends Common {
  readonly do: "save";
  readonly as: string;
}

/** The host writes a copy back, with the bytes from `at` on replaced, and calls `restore`. */
export interface RestoreStep extends Returning {
  readonly do: "restore";
  readonly from: string;
  /** All bytes get this value first: a forged state. */
  readonly fill?: number;
}

/** Keys are field names of the frame record in abi.json; `bytes` are what is put into the arena. */
export interface FrameRow {
  readonly hook: number;
  readonly link: number;
  readonly flags: number;
  readonly time: string;
  readonly wire?: number;
  readonly tag?: string;
  readonly offset?: number;
  readonly captured?: number;
  readonly bytes: string;
}

/** Keys are field names of the verdict record in abi.json, but for the last four. One that is missing is not compared. */
export interface VerdictRow {
  readonly action?: string;
  readonly reason?: string;
  readonly flags?: number;
  readonly length?: number;
  readonly egress?: number;
  readonly egress_ip?: string;
  readonly nat_port?: number;
  readonly old_egress?: number;
  readonly target?: string;
  readonly node?: number;
  readonly inner?: number;
  /** Row of REGION_OUTER. */
  readonly outer?: string;
  /** Where the frame was put, so many bytes from `skip` on as `out` has. */
  readonly skip?: number;
  readonly out?: string;
  /** All bytes are as they were given. */
  readonly unchanged?: true;
}

export interface GeneratedRow {
  readonly frame: number;
  readonly egress: number;
  readonly packet: string;
}

export interface Counters {
  readonly [name: string]: string | Readonly<Record<string, string>>;
}
