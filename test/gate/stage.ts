import * as abi from "../../assembly/abi.js";
import { compilePolicy } from "../../src/engine/blob.js";
import { createEngine, type Engine } from "../../src/engine/engine.js";
import type { EngineConfig } from "../../src/engine/engine-config.js";
import { actionName, reasonName } from "../../src/engine/names.js";
import { configFor } from "../../src/engine/sizing.js";
import { formatAddress } from "../../src/net/address.js";
import { NOON } from "../engine/model.js";
import { CAPACITY, FRAMES, type GateFrame, gateModel } from "./cases.js";

/** What a connection looks like outside. */
export interface Mapping {
  readonly egressIP: string;
  readonly natPort: number;
}

/** Distance of the frames' starts in the arena: each on cache lines of its own. */
export const SPACING = 192;
const BATCH = 256;

/** The engine that cases are set up in: the package's own build, which every test is about. */
export class Stage {
  readonly engine: Engine;
  readonly policy: Uint8Array;

  private constructor(engine: Engine, policy: Uint8Array) {
    this.engine = engine;
    this.policy = policy;
  }

  /** @param ownNode node that the engine plays; none = every node */
  static async start(ownNode?: number, config = smallConfig()): Promise<Stage> {
    const policy = compilePolicy(gateModel());
    const engine = await createEngine(config);
    engine.loadPolicy(policy);
    if (ownNode !== undefined) engine.setOwnNode(ownNode);
    return new Stage(engine, policy);
  }

  /** Sends frames through and says what each connection was given. @throws Error where another action comes of one than `action` */
  send(frames: readonly GateFrame[], action: number): Mapping[] {
    const mappings: Mapping[] = [];
    for (let first = 0; first < frames.length; first += BATCH) {
      const batch = frames.slice(first, first + BATCH);
      this.place(batch);
      this.process(batch.length, action);
      batch.forEach((_, i) => {
        mappings.push({ egressIP: formatAddress(this.engine.egressIP(i)), natPort: this.engine.natPort(i) });
      });
    }
    return mappings;
  }

  /** Puts frames into the arena and describes them. */
  place(frames: readonly GateFrame[]): void {
    this.engine.arena.fill(0);
    frames.forEach(({ hook, bytes }, i) => {
      if (bytes.length > SPACING) throw new Error(`frame ${i} has ${bytes.length} bytes, expected at most ${SPACING}`);
      this.engine.arena.set(bytes, i * SPACING);
      const time = [Number(NOON & 0xffff_ffffn), Number(NOON >> 32n)] as const;
      this.engine.setFrame(i, i * SPACING, bytes.length, bytes.length, hook, abi.LINK_ETHERNET, 0, ...time);
    });
  }

  process(count: number, action: number): void {
    const done = this.engine.process(count);
    if (done !== count) throw new Error(`the engine took ${done} frames, expected ${count}`);
    for (let i = 0; i < count; i++) {
      if (this.engine.action(i) === action) continue;
      const got = `${actionName(this.engine.action(i))} (${reasonName(this.engine.reason(i))})`;
      throw new Error(`frame ${i}: the engine says ${got}, expected ${actionName(action)}`);
    }
  }
}

/** Small tables; nothing of a case depends on how much memory there is behind them. */
export function smallConfig(): EngineConfig {
  const model = gateModel();
  return configFor(model, {
    arenaSize: Math.max(FRAMES * SPACING, compilePolicy(model).length),
    maxBatch: FRAMES,
    connections: CAPACITY,
    connections6: CAPACITY,
    endpoints: 64,
    prefixes: 64,
    policies: 16,
    egresses: 16,
    nodes: 16,
    zones: 4,
    blobSize: 1 << 16,
    bitmaps: 4,
    fragments: FRAMES,
  });
}
