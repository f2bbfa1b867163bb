import type { CaptureInput } from "../capture/input.js";
import type { NatProfile, PolicyModel } from "../config/types.js";
import type { WasmSource } from "../engine/load.js";
import type { Scenario } from "../gateway/scenario.js";
import type { ChunkStream } from "../platform/file.js";
import type { OutputName } from "./outputs.js";
import type { PieceObserver } from "./piece-observer.js";
import type { ViewpointDecision } from "./report-types.js";

/** What `replay` is to do. Everything that shows in a result is in here or in the files that it names. */
export interface ReplayOptions {
  /** Captures, merged by time: paths (`-` is standard input), files, bytes or frames. */
  readonly captures: readonly CaptureInput[];
  readonly model: PolicyModel;
  /** What happens to nodes and manifests over virtual time. */
  readonly scenario?: Scenario;
  /** Manifests of the scenario's `manifests` events, in its order; as many as it has of them. */
  readonly laterModels?: readonly PolicyModel[];
  /** Folder for `external.pcapng` and `endpoint.pcapng`; created where missing. Left out = no captures are written. */
  readonly outDir?: string;
  /** Instead of `outDir`: takes the bytes of the captures of the results in order, in pieces of at most 1 MiB, which are its own. */
  readonly onOutput?: (name: OutputName, bytes: Uint8Array<ArrayBuffer>) => void;
  readonly viewpoint?: "auto" | "endpoint" | "network";
  /** False: overlay packets are not replaced by what they carry. */
  readonly decapsulate?: boolean;
  /** One engine for all nodes, or one for each with an overlay in between: the same bytes leave the cluster. Default `single`. */
  readonly topology?: "single" | "cluster";
  /** Default: that of the model's settings. */
  readonly natProfile?: NatProfile;
  readonly balance?: "rendezvous" | "random";
  /** Integer from 0 to 2^53 - 1; default 1. */
  readonly seed?: number;
  /** Filter expression, see `compileFilter`. */
  readonly filter?: string;
  /** When connection records without a time were seen, nanoseconds since the epoch, before 2106; default: once all endpoints had their addresses. */
  readonly recordsAtNs?: bigint;
  /** Nanoseconds added to every timestamp of a capture, by its path. */
  readonly skews?: ReadonlyMap<string, bigint>;
  /** False: frames are not verified. */
  readonly verify?: boolean;
  /** Connections that the engine has room for; default 524,288. */
  readonly connections?: number;
  /** Frames given to the engine at once, 1 … 4096; results do not depend on it. */
  readonly batchSize?: number;
  /** Worker threads, each with a machine of its own for a share of the remotes, 1 to 256; results do not depend on it. Default 1: none. */
  readonly workers?: number;
  /** What happens to a selected frame of a protocol that cannot be translated. */
  readonly unsupported?: "drop" | "pass";
  /** What happens to a selected frame with a wrong checksum; default `keep`: it is as wrong afterwards as before. */
  readonly badChecksum?: "keep" | "drop";
  /** What happens to a selected TCP connection that is first seen in mid-stream. */
  readonly midStream?: "pick-up" | "drop";
  /** ICMP errors of the gateways' own, to endpoints whose frames they drop. */
  readonly icmpErrors?: boolean;
  /** First and last frame to be replayed, 1-based, inclusive. */
  readonly fromFrame?: number;
  readonly toFrame?: number;
  /** Files that the state is read from before, and written to after the frames. */
  readonly loadState?: string;
  readonly saveState?: string;
  /** True: captures in which no frame is of an endpoint are no error. */
  readonly allowNoMatch?: boolean;
  /** What `-` reads instead of standard input. */
  readonly stdin?: ChunkStream;
  /** The two modules; default: the package's own, from its files in Node, fetched from beside the script in a browser. */
  readonly engineWasm?: WasmSource;
  readonly outsideWasm?: WasmSource;
  /**
   * Ends the replay: it rejects with the signal's `reason` after the piece at hand (at most 1 MiB of captures), or at once while a source is
   * awaited. Captures that are written by then end with that piece and can be read.
   */
  readonly signal?: AbortSignal;
  readonly observers?: readonly PieceObserver[];
  /** Told how each interface of a capture is taken, when it first shows a frame. */
  readonly onDecision?: (decision: ViewpointDecision) => void;
  /** Told what whoever reads the report should know besides. */
  readonly onWarning?: (text: string) => void;
  /** Told after each piece of at most 1 MiB: frames and their bytes on the wire so far. */
  readonly onProgress?: (progress: { readonly frames: number; readonly bytes: number }) => void;
}
