import { EgressError } from "../../../src/errors.js";

/** One program of a comparison, set up and ready to work. */
export interface Peer {
  readonly id: string;
  /** Works for one turn. @returns nanoseconds of CPU time per frame; throws {PeerError} where frames were not worked on */
  turn(): Promise<number>;
  /** @throws {PeerError} where the work is not done, or not done right */
  verify(): Promise<void>;
  close(): Promise<void>;
}

/** A peer that cannot be had here, or that did not do its work. */
export class PeerError extends EgressError {
  constructor(message: string, options?: ErrorOptions) {
    super("peer", message, options);
  }
}
