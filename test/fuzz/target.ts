import type { Dice } from "../scenario-fuzz/dice.js";

/**
 * What takes inputs and is watched doing it. An input is bytes, so that it can be kept in a file and given on a command line; a target
 * that thinks in records decodes them, and any bytes decode to something.
 */
export interface Target {
  readonly name: string;
  /** Inputs to begin with. */
  seeds(): Uint8Array[];
  /** A new input out of `base`; `other` is one more from the corpus. Leaves both as they are. */
  mutate(base: Uint8Array, other: Uint8Array, dice: Dice): Uint8Array;
  /**
   * Runs one input from the same beginning each time.
   * @returns what it showed: an input that shows something no other did is kept, and what follows is made out of it
   * @throws Finding, or whatever came out of the code under trial
   */
  execute(input: Uint8Array): Features | Promise<Features>;
  /** Inputs with less in them, the smallest first, for the reduction of a finding. */
  smaller(input: Uint8Array): Iterable<Uint8Array>;
  /** Frames (or calls, or files) that went through so far. */
  readonly units: number;
}

/** Numbers or words that stand for what an execution did. */
export type Features = Iterable<number | string>;
