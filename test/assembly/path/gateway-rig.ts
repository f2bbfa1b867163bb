import {
  ACTION_HOLD,
  FRAME_FLAG_RELEASED,
  HOOK_FROM_ENDPOINT,
  HOOK_FROM_NETWORK,
  LINK_ETHERNET,
} from "../../../assembly/abi.js";
import type { PolicyModel } from "../../../src/config/types.js";
import { compilePolicy } from "../../../src/engine/blob.js";
import type { Engine } from "../../../src/engine/engine.js";
import type { EngineConfig } from "../../../src/engine/engine-config.js";
import { actionName, reasonName } from "../../../src/engine/names.js";
import { configFor } from "../../../src/engine/sizing.js";
import { formatAddress } from "../../../src/net/address.js";
import { startEngine } from "../../verify/mutant.js";

/** What came of one frame. */
export interface Outcome {
  action: string;
  reason: string;
  egressIP: string;
  natPort: number;
  flags: number;
  egress: number;
  frame: Uint8Array;
  /** The ICMP error that the engine made about it, an IP packet. */
  told?: Uint8Array;
}

export interface RigFrame {
  hook: "from-endpoint" | "from-network";
  frame: Uint8Array;
  /** Milliseconds since the rig's start. */
  atMs?: number;
  link?: number;
  wire?: number;
  flags?: number;
  /** Under which it was held. */
  number?: number;
}

/** Is told what became of a frame. */
export type Watcher = (sent: RigFrame, outcome: Outcome) => void;

const START_NS = 1_790_000_000_000_000_000n;

/** An engine with a policy in force, fed with frames in words. */
export class GatewayRig {
  readonly engine: Engine;
  /** Frames that were held and given again, in the order in which that happened, and what became of them then. */
  readonly released: { readonly sent: RigFrame; readonly outcome: Outcome }[] = [];
  readonly #held = new Map<number, RigFrame>();

  private constructor(engine: Engine) {
    this.engine = engine;
  }

  /** @param wasm the bytes of another build of the engine, one with a planted bug */
  static async start(
    model: PolicyModel,
    overrides: Partial<EngineConfig> = {},
    wasm?: Uint8Array,
  ): Promise<GatewayRig> {
    const natProfile = overrides.natProfile ?? "cilium";
    const config = configFor(model, { connections: 4096, arenaSize: 1 << 20, maxBatch: 1024, ...overrides });
    const engine = await startEngine(config, wasm);
    engine.loadPolicy(compilePolicy(model, { natProfile }));
    return new GatewayRig(engine);
  }

  /**
   * Sends frames through in batches of `batchSize`. Nothing around a frame in the arena may change: guard bytes are checked.
   * @param see is told of every outcome in the order in which the engine took the frames, those that were released included
   */
  send(frames: readonly RigFrame[], batchSize = 1024, see?: Watcher): Outcome[] {
    const outcomes: Outcome[] = [];
    for (let first = 0; first < frames.length; first += batchSize) {
      outcomes.push(...this.#batch(frames.slice(first, first + batchSize), see));
    }
    return outcomes;
  }

  one(frame: RigFrame): Outcome {
    return this.send([frame])[0];
  }

  /** Frames that are held now. */
  get heldCount(): number {
    return this.#held.size;
  }

  /** As a host has to: frames that are released come before what is left of the batch. */
  #batch(frames: readonly RigFrame[], see?: Watcher): Outcome[] {
    const outcomes: Outcome[] = [];
    while (outcomes.length < frames.length) {
      const taken = this.#give(frames.slice(outcomes.length));
      taken.forEach((outcome, i) => {
        see?.(frames[outcomes.length + i], outcome);
      });
      outcomes.push(...taken);
      this.giveReleased(frames[outcomes.length - 1].atMs, see);
    }
    return outcomes;
  }

  /** Gives what is on the list of released frames again. */
  giveReleased(atMs = 0, see?: Watcher): void {
    for (const number of this.engine.takeReleased()) {
      const held = this.#held.get(number);
      if (!held) throw new Error(`frame ${number} is released, and nobody holds it`);
      this.#held.delete(number);
      const sent = { ...held, atMs, flags: (held.flags ?? 0) | FRAME_FLAG_RELEASED, number };
      const [outcome] = this.#give([sent]);
      this.released.push({ sent, outcome });
      see?.(sent, outcome);
    }
  }

  /** @returns outcomes of as many frames as the engine took */
  #give(frames: readonly RigFrame[]): Outcome[] {
    const { arena } = this.engine;
    let at = GUARD;
    const offsets = frames.map(({ frame }) => {
      arena.fill(GUARD_BYTE, at - GUARD, at + frame.length + GUARD);
      const offset = at;
      at += frame.length + GUARD;
      return offset;
    });
    frames.forEach((sent, i) => {
      arena.set(sent.frame, offsets[i]);
      const time = START_NS + BigInt(Math.round((sent.atMs ?? 0) * 1e6));
      this.engine.setFrame(
        i,
        offsets[i],
        sent.frame.length,
        sent.wire ?? sent.frame.length,
        sent.hook === "from-endpoint" ? HOOK_FROM_ENDPOINT : HOOK_FROM_NETWORK,
        sent.link ?? LINK_ETHERNET,
        sent.flags ?? 0,
        Number(time & 0xffffffffn),
        Number(time >> 32n),
      );
      if (sent.number !== undefined) this.engine.setReleased(i, sent.number);
    });
    const taken = this.engine.process(frames.length);
    const outcomes = frames.slice(0, taken).map((sent, i) => {
      if (this.engine.action(i) === ACTION_HOLD) this.#held.set(this.engine.holdNumber(i), sent);
      this.#checkGuards(offsets[i], sent.frame.length);
      return this.#outcome(i, arena.slice(offsets[i], offsets[i] + sent.frame.length));
    });
    for (const { frame, packet } of this.engine.generated()) outcomes[frame].told = packet.slice();
    return outcomes;
  }

  #checkGuards(offset: number, length: number): void {
    const { arena } = this.engine;
    for (let i = 1; i <= GUARD; i++) {
      if (arena[offset - i] !== GUARD_BYTE || arena[offset + length + i - 1] !== GUARD_BYTE) {
        throw new Error(`the engine wrote outside the frame at ${offset}`);
      }
    }
  }

  #outcome(i: number, frame: Uint8Array): Outcome {
    const engine = this.engine;
    const ip = engine.egressIP(i);
    return {
      action: actionName(engine.action(i)),
      reason: engine.reason(i) === 0 ? "" : reasonName(engine.reason(i)),
      egressIP: ip.every((byte) => byte === 0) ? "" : formatAddress(ip),
      natPort: engine.natPort(i),
      flags: engine.flags(i),
      egress: engine.egress(i),
      frame,
    };
  }
}

const GUARD = 16;
const GUARD_BYTE = 0xa5;
