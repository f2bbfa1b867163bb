import type { NatProfile } from "../config/types.js";
import type { NodeOrder } from "../gateway/ground-truth.js";
import type { FrameExplanation } from "../replay/explain-types.js";
import type { ReplayReport } from "../replay/report-types.js";
import type { WalkStep } from "../report/explain-view.js";
import type { GridData } from "../report/html/client/page-data.js";

/** The two modules, as they lie in the package: the first message to the worker. */
export interface Modules {
  readonly engine: Uint8Array<ArrayBuffer>;
  readonly outside: Uint8Array<ArrayBuffer>;
}

/** What the page asks of its worker, by name. One job is done at a time; the next one ends it. */
export interface Jobs {
  /** Reads files, told apart by name and content; those of before are forgotten. */
  open: { readonly takes: readonly PickedFile[]; readonly gives: Opened };
  /** Manifests made from what the captures hold, which take the place of those that were opened. */
  starter: { readonly takes: undefined; readonly gives: Opened };
  /** Sends the captures through the gateways. */
  replay: { readonly takes: RunSettings; readonly gives: Replayed };
  /** What becomes of a frame, 1-based, in a replay under these settings. */
  walk: { readonly takes: { readonly frame: number; readonly settings: RunSettings }; readonly gives: Walk };
}

/** A file that the user gave. */
export interface PickedFile {
  /** Its path within the folder that it was given with, else its name. */
  readonly name: string;
  readonly file: Blob;
}

export type JobName = keyof Jobs;

/** From the page: a job, that the one with this number is wanted no more, or files that were open in a worker before. */
export type ToWorker =
  | { readonly id: number; readonly name: JobName; readonly input: unknown }
  | { readonly cancel: number }
  | { readonly again: readonly PickedFile[] };

/** From the worker: how far a job is, or how it ended. */
export type ToPage =
  | { readonly id: number; readonly progress: Progress }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly fault: Fault };

export interface Progress {
  readonly frames: number;
  /** From 0 to 1; undefined where nobody knows how much there is. */
  readonly part: number | undefined;
}

/** Why a job gave nothing. */
export interface Fault {
  /** That of an `EgressError`; `cancelled`; `fault` for anything else. */
  readonly code: string;
  /** For people; several lines where several things are wrong. */
  readonly message: string;
}

/** What the files hold. */
export interface Opened {
  readonly captures: readonly string[];
  readonly manifests: readonly string[];
  /** Files of a folder that are nothing of all this. */
  readonly passedOver: readonly string[];
  /** Name of a scenario among the files, which is part of every run. */
  readonly scenario: string | undefined;
  /** Undefined as long as there are no manifests. */
  readonly cluster: Cluster | undefined;
  /** The manifests that were made, where they were. */
  readonly starter: string | undefined;
}

/** What the manifests say, as far as the page shows it. */
export interface Cluster {
  /** Nodes that policies name as gateways, by name, each once. */
  readonly gateways: readonly {
    readonly node: string;
    readonly zone: string | undefined;
    readonly egressIPs: readonly string[];
  }[];
  readonly policies: number;
  readonly endpoints: number;
  readonly warnings: readonly string[];
  /** Of the scenario, else of the manifests: milliseconds. */
  readonly probeIntervalMs: number;
  readonly timeoutMs: number;
}

/** What is done to a gateway, and how it is undone. */
export const FAILURES = {
  fails: ["node-down", "node-up"],
  "agent stops": ["agent-down", "agent-up"],
  "is drained": ["drain", "undrain"],
  "is removed": ["remove", "add"],
} as const satisfies Readonly<Record<string, readonly [NodeOrder, NodeOrder]>>;

export type FailureKind = keyof typeof FAILURES;

/** A gateway that is switched off for a time. */
export interface Failure {
  readonly node: string;
  readonly kind: FailureKind;
  /** Milliseconds after the first frame. */
  readonly fromMs: number;
  /** Undefined = for good. */
  readonly untilMs: number | undefined;
}

/** How a replay runs. */
export interface RunSettings {
  /** Undefined = as the manifests say. */
  readonly natProfile: NatProfile | undefined;
  readonly topology: "single" | "cluster";
  readonly seed: number;
  readonly probeIntervalMs: number;
  readonly timeoutMs: number;
  readonly failures: readonly Failure[];
}

/** What a replay gave. */
export interface Replayed {
  readonly report: ReplayReport;
  /** The report as a page. */
  readonly page: string;
  /** Every frame, what it is and what became of it; row `i` is frame `i + 1`. */
  readonly frames: GridData;
  /** Captures of the results, the report as JSON and as a page. */
  readonly files: readonly { readonly name: string; readonly content: Blob }[];
  /** Connections by gateway node, with the failures and without any, where that is known: the last such run under the same settings. */
  readonly connections: readonly { readonly node: string; readonly now: number; readonly before: number | undefined }[];
  /** The scenario that was played, as a file for the command line; undefined where nothing happens. */
  readonly scenario: string | undefined;
  /** The same replay on the command line. */
  readonly command: string;
  /** Length of the captures in time. */
  readonly spanMs: number;
  readonly wallMs: number;
}

export interface Walk {
  readonly explanation: FrameExplanation;
  readonly steps: readonly WalkStep[];
  /** The header fields of the captured bytes. */
  readonly fields: readonly Field[];
}

/** A header field: its bytes are those from `from` up to `to`. */
export interface Field {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}
