import { HOOK_FROM_ENDPOINT, HOOK_FROM_NETWORK, LINK_ETHERNET } from "../../assembly/abi.js";
import type { Engine } from "../../src/engine/engine.js";
import type { RigFrame } from "../assembly/path/gateway-rig.js";

const START_NS = 1_790_000_000_000_000_000n;

/** The same frames again and again, each time from fresh copies and without a look at all that comes out: for millions of them. */
export class Volley {
  /** Where each frame lies in the arena. */
  readonly offsets: number[] = [];
  readonly #engine: Engine;
  readonly #frames: readonly RigFrame[];
  readonly #block: Uint8Array;

  constructor(engine: Engine, frames: readonly RigFrame[]) {
    this.#engine = engine;
    this.#frames = frames;
    this.#block = Buffer.concat(frames.map(({ frame }) => frame));
    let at = 0;
    for (const { frame } of frames) {
      this.offsets.push(at);
      at += frame.length;
    }
  }

  /** Sends them in one batch; verdicts and the arena then show what came of them. @param atMs since the rig's start */
  send(atMs: number): void {
    const engine = this.#engine;
    engine.arena.set(this.#block);
    const time = START_NS + BigInt(atMs) * 1_000_000n;
    const [low, high] = [Number(time & 0xffff_ffffn), Number(time >> 32n)];
    this.#frames.forEach(({ hook, frame }, i) => {
      const number = hook === "from-endpoint" ? HOOK_FROM_ENDPOINT : HOOK_FROM_NETWORK;
      engine.setFrame(i, this.offsets[i], frame.length, frame.length, number, LINK_ETHERNET, 0, low, high);
    });
    engine.process(this.#frames.length);
  }
}
