import type { GapFactors, PacketSizes } from "./distributions.js";
import type { FrameBuilder, Path } from "./frame-builder.js";
import type { PayloadPool } from "./payload.js";
import type { Random } from "./random.js";

/** What all flows of a trace draw from. */
export interface Workshop {
  readonly random: Random;
  readonly frame: FrameBuilder;
  readonly pool: PayloadPool;
  readonly sizes: PacketSizes;
  readonly gaps: GapFactors;
  /** Whether remotes' frames are written. */
  readonly replies: boolean;
}

/** Ports of a flow; of an echo flow `endpointPort` is the identifier. */
export interface Ports {
  readonly endpointPort: number;
  readonly remotePort: number;
}

/** Parts common to all flows. */
export interface FlowStart {
  readonly path: Path;
  readonly ports: Ports;
  /** Frames to write, exactly. */
  readonly frames: number;
  /** Time from a request to its answer, nanoseconds. */
  readonly roundTripNs: number;
  /** Median gap between data frames, nanoseconds. */
  readonly gapNs: number;
}

/** A conversation that writes its frames one after the other into the workshop's frame builder. */
export interface Flow {
  readonly start: FlowStart;
  /** Frames still to write. */
  left: number;
  /**
   * Builds the next frame.
   * @returns nanoseconds until the one after it
   */
  write(workshop: Workshop): number;
}

/** A request is answered after a round trip; whoever got an answer takes this long to go on. */
export const THINK_NS = 100_000;

/** Length of the header of a UDP datagram. */
export const UDP_HEADER_SIZE = 8;
