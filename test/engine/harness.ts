import { createHash } from "node:crypto";
import type { PolicyModel } from "../../src/config/types.js";
import { compilePolicy } from "../../src/engine/blob.js";
import * as codes from "../../src/engine/codes.js";
import type { EngineCounters } from "../../src/engine/counters.js";
import { createEngine, type Engine } from "../../src/engine/engine.js";
import type { EngineConfig } from "../../src/engine/engine-config.js";
import { actionName, reasonName } from "../../src/engine/names.js";
import { configFor } from "../../src/engine/sizing.js";
import { NOON } from "./model.js";

/** One frame for the engine, in words. */
export interface TestFrame {
  readonly hook: "from-endpoint" | "from-network";
  readonly bytes: Uint8Array;
  /** Since NOON; default 0. */
  readonly atNs?: bigint;
  readonly link?: number;
  readonly wire?: number;
  readonly flags?: number;
}

/** What the engine did with it. */
export interface TestVerdict {
  readonly action: string;
  readonly reason: string;
  readonly egress: number;
  readonly natPort: number;
  readonly flags: number;
  readonly frame: Uint8Array;
}

/** An engine with small tables and the model's policy in force. */
export async function startEngine(model: PolicyModel, overrides: Partial<EngineConfig> = {}): Promise<Engine> {
  const engine = await createEngine(smallConfig(model, overrides));
  engine.loadPolicy(compilePolicy(model, { natProfile: engine.config.natProfile }));
  return engine;
}

export function smallConfig(model: PolicyModel, overrides: Partial<EngineConfig> = {}): EngineConfig {
  const small = { arenaSize: 1 << 20, maxBatch: 1024, connections: 1024, endpoints: 64, prefixes: 64, policies: 16 };
  return configFor(model, { ...small, egresses: 16, nodes: 16, blobSize: 1 << 16, bitmaps: 4, ...overrides });
}

/** Sends frames through in batches of `batchSize` and reads all verdicts. */
export function run(engine: Engine, frames: readonly TestFrame[], batchSize = 64): TestVerdict[] {
  const verdicts: TestVerdict[] = [];
  for (let first = 0; first < frames.length; first += batchSize) {
    const batch = frames.slice(first, first + batchSize);
    const offsets = place(engine, batch);
    engine.process(batch.length);
    batch.forEach((_, i) => {
      verdicts.push(verdictAt(engine, i, offsets[i]!));
    });
  }
  return verdicts;
}

export function runOne(engine: Engine, frame: TestFrame): TestVerdict {
  return run(engine, [frame])[0]!;
}

/** Puts frames into the arena, at odd offsets as in a capture, and describes them. */
export function place(engine: Engine, frames: readonly TestFrame[]): number[] {
  let at = 16;
  return frames.map((frame, i) => {
    const { bytes, hook, atNs = 0n, link = codes.LINK_ETHERNET, wire = bytes.length, flags = 0 } = frame;
    const offset = at;
    const time = NOON + atNs;
    const hookCode = hook === "from-endpoint" ? codes.HOOK_FROM_ENDPOINT : codes.HOOK_FROM_NETWORK;
    engine.arena.set(bytes, offset);
    engine.setFrame(
      i,
      offset,
      bytes.length,
      wire,
      hookCode,
      link,
      flags,
      Number(time & 0xffff_ffffn),
      Number(time >> 32n),
    );
    at += bytes.length + 16 + (i % 3);
    return offset;
  });
}

export function verdictAt(engine: Engine, i: number, offset: number): TestVerdict {
  return {
    action: actionName(engine.action(i)),
    reason: reasonName(engine.reason(i)),
    egress: engine.egress(i),
    natPort: engine.natPort(i),
    flags: engine.flags(i),
    frame: engine.arena.slice(offset, offset + engine.length(i)),
  };
}

/** Everything that a run shows, as one string: equal strings mean equal results. */
export function fingerprint(verdicts: readonly TestVerdict[], counters?: EngineCounters): string {
  const hash = createHash("sha256");
  for (const { frame, ...rest } of verdicts) hash.update(JSON.stringify(rest)).update(frame);
  return hash.update(JSON.stringify(counters ?? null)).digest("hex");
}
