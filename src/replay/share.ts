import type { Egress } from "../config/types.js";
import type { Outcome } from "./outcome.js";
import type { ViewpointDecision } from "./report-types.js";
import { Session } from "./session.js";
import { type ResolvedOptions, startMachine } from "./setup.js";
import type { LooseFrame } from "./share-sinks.js";
import { ShareFrames, SharePackets } from "./share-sinks.js";
import { SharedPiece, type SharedSizes } from "./shared-piece.js";
import { indexOver, pieceSizes } from "./sources.js";
import type { Face, InterfaceSetting } from "./viewpoint.js";

/** What a share is told once; plain data. */
export interface ShareSetup {
  /** Without callbacks and streams. */
  readonly options: ResolvedOptions;
  readonly sizes: SharedSizes;
  /** Of each piece that is under way at a time. */
  readonly memories: readonly SharedArrayBuffer[];
  /** Decided before the first piece. */
  readonly settings: readonly InterfaceSetting[];
}

/** The next piece of the captures. */
export interface PieceOrder {
  /** Which of the shared pieces it lies in. */
  readonly piece: number;
  readonly count: number;
  /** Bytes in use. */
  readonly used: number;
  /** Interfaces that no piece before has shown. */
  readonly faces: readonly Face[];
}

/** What a share says of a piece beside what it has put there. */
export interface PieceAnswer {
  /** The same in all shares. */
  readonly decisions: readonly ViewpointDecision[];
  readonly released: readonly LooseFrame[];
  readonly packets: readonly LooseFrame[];
  /** Those that have come since the last piece. */
  readonly egresses: readonly Egress[];
}

/** One of several machines that see all frames and take those of their own remotes. */
export class Share {
  readonly #session: Session;
  readonly #pieces: readonly SharedPiece[];
  readonly #index: ReturnType<typeof indexOver>;
  readonly #frames: ShareFrames | undefined;
  readonly #packets: SharePackets | undefined;
  readonly #faces: Face[] = [];
  readonly #share: number;
  #egresses = 0;

  static async start({ options, sizes, memories, settings }: ShareSetup): Promise<Share> {
    const pieces = memories.map((memory) => new SharedPiece(sizes, memory));
    const machine = await startMachine(options);
    return new Share(machine, options, pieces, settings);
  }

  private constructor(
    machine: ConstructorParameters<typeof Session>[0],
    options: ResolvedOptions,
    pieces: readonly SharedPiece[],
    settings: readonly InterfaceSetting[],
  ) {
    const { frames, bytes } = pieceSizes(options.captures.length);
    const placeOf = (number: number) => this.#session.placeOf(number);
    if (options.hasOutput) {
      this.#frames = new ShareFrames(bytes, placeOf);
      this.#packets = new SharePackets(placeOf);
    }
    this.#session = new Session(machine, options, { frames: this.#frames, overlay: this.#packets });
    this.#session.viewpoints.adopt(settings);
    this.#pieces = pieces;
    this.#index = indexOver(machine.outside.columns, frames);
    this.#share = options.shard!.index;
  }

  /** Takes the piece that the other thread has put into shared memory. @throws {EngineError} */
  take({ piece: number, count, used, faces }: PieceOrder): PieceAnswer {
    const session = this.#session;
    const { columns } = session.machine.outside;
    const piece = this.#pieces[number]!;
    const index = this.#index;
    session.machine.engine.arena.set(piece.bytes.subarray(0, used));
    for (const name of ["offset", "captured", "wire", "timeLow", "timeHigh", "interface"] as const)
      columns[name].set(piece[name].subarray(0, count));
    index.source.set(piece.source.subarray(0, count));
    index.count = count;
    this.#faces.push(...faces);
    this.#frames?.begin(piece, session.framesPassed);
    this.#packets?.begin();
    const decisions = session.take(index, this.#faces, used);
    piece.changes[this.#share]!.set(session.trace!.changes.subarray(0, count));
    const { egresses } = session.machine.plan;
    const known = this.#egresses;
    this.#egresses = egresses.length;
    return {
      decisions,
      released: this.#frames?.loose ?? [],
      packets: this.#packets?.loose ?? [],
      egresses: egresses.slice(known),
    };
  }

  /** No piece comes any more. */
  finish(): Outcome {
    const session = this.#session;
    session.dropHeld();
    const { outside, engines } = session.machine;
    engines.advance((BigInt(outside.clockHigh) << 32n) | BigInt(outside.clockLow));
    return session.outcome();
  }
}
