import { base64Of, bytesOfBase64 } from "../net/bytes.js";
import type { Columns } from "./columns.js";

/** A fragment that waits for its first one, and all that is needed to give it again once its piece of the capture is gone. */
export interface HeldFrame {
  /** 1-based number, capture and number of the interface that it came from. */
  readonly number: number;
  readonly file: number;
  readonly interface: number;
  /** LINKTYPE_* that it would be written with. */
  readonly linkType: number;
  readonly link: number;
  readonly hook: number;
  readonly flags: number;
  readonly wire: number;
  readonly timeLow: number;
  readonly timeHigh: number;
  /** As it is given to the engine; a reply has been built by then. */
  readonly given: Uint8Array;
  /** As captured, where that is another and somebody asks. */
  readonly captured: Uint8Array;
}

/** The same in a saved state. */
export type SavedFrame = Omit<HeldFrame, "given" | "captured"> & {
  readonly hold: number;
  readonly given: string;
  readonly captured: string;
};

/** Frames that the engine has given back until it releases them, by the number that it will name. Bounded by what the engine holds. */
export class HeldFrames {
  readonly #frames = new Map<number, HeldFrame>();

  constructor(saved: readonly SavedFrame[] = []) {
    for (const { hold, given, captured, ...rest } of saved) {
      this.#frames.set(hold, { ...rest, given: bytesOfBase64(given), captured: bytesOfBase64(captured) });
    }
  }

  get size(): number {
    return this.#frames.size;
  }

  /** @param slot place in the piece of a frame whose action is ACTION_HOLD   @param arena where its bytes lie */
  keep(
    slot: number,
    columns: Columns,
    arena: Uint8Array,
    captured: Uint8Array,
    origin: Pick<HeldFrame, "number" | "file" | "linkType">,
  ): void {
    const at = columns.offset[slot]!;
    const end = at + columns.captured[slot]!;
    this.#frames.set(columns.holdNumber[slot]!, {
      ...origin,
      interface: columns.interface[slot]!,
      link: columns.link[slot]!,
      hook: columns.hook[slot]!,
      flags: columns.flags[slot]!,
      wire: columns.wire[slot]!,
      timeLow: columns.timeLow[slot]!,
      timeHigh: columns.timeHigh[slot]!,
      given: arena.slice(at, end),
      captured: captured.slice(at, end),
    });
  }

  /** @returns the frame that the engine names, which is held no longer */
  take(number: number): HeldFrame | undefined {
    const frame = this.#frames.get(number);
    this.#frames.delete(number);
    return frame;
  }

  /** Frames that are held now, in the order in which they came. */
  all(): HeldFrame[] {
    return [...this.#frames.values()];
  }

  clear(): void {
    this.#frames.clear();
  }

  save(): SavedFrame[] {
    return [...this.#frames].map(([hold, { given, captured, ...rest }]) => ({
      ...rest,
      hold,
      given: base64Of(given),
      captured: base64Of(captured),
    }));
  }
}
