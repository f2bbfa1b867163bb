/** Frames in words through a real engine, with a verifier watching: a replay in miniature, for engines with planted bugs. */
import type { PolicyModel } from "../../src/config/types.js";
import { compilePolicy } from "../../src/engine/blob.js";
import * as codes from "../../src/engine/codes.js";
import type { Engine } from "../../src/engine/engine.js";
import type { EngineConfig } from "../../src/engine/engine-config.js";
import { actionName, reasonName } from "../../src/engine/names.js";
import { configFor } from "../../src/engine/sizing.js";
import { formatAddress } from "../../src/net/address.js";
import { decodeFrame } from "../../src/net/decode.js";
import { type InsideEnd, tupleKey, tupleOf } from "../../src/net/tuple.js";
import type { FrameObservation } from "../../src/verify/types.js";
import { startEngine } from "./mutant.js";
import { data, model, type Out, POD, packet, REMOTE, Scene, seconds } from "./scene.js";

const FRAME_AT = 64;

export class EngineRun {
  readonly scene: Scene;
  readonly #engine: Engine;
  /** External socket of every inside tuple, learnt from frames that left: what the outside answers to. */
  readonly #mappings = new Map<string, { as: string; natPort: number }>();
  /** Verdicts so far, `action` or `action, reason`. */
  readonly verdicts: string[] = [];

  private constructor(engine: Engine, m: PolicyModel) {
    this.#engine = engine;
    this.scene = new Scene(m, { natProfile: engine.config.natProfile });
  }

  /** @param wasm module bytes of a mutant; the product's own build where left out */
  static async start(
    wasm?: Uint8Array,
    m: PolicyModel = model(),
    overrides: Partial<EngineConfig> = {},
  ): Promise<EngineRun> {
    const small = { arenaSize: 1 << 20, maxBatch: 16, connections: 1024, blobSize: 1 << 16, bitmaps: 4 };
    const config = configFor(m, { ...small, ...overrides });
    const engine = await startEngine(config, wasm);
    engine.loadPolicy(compilePolicy(m, { natProfile: engine.config.natProfile }));
    return new EngineRun(engine, m);
  }

  /** An endpoint sends. */
  send(out: Out = {}): this {
    const { from = POD, port = 40000, to = REMOTE, toPort = 443, content = data, ttl = 64 } = out;
    const given = packet(from, to, content(port, toPort), ttl);
    const o = this.#process("from-endpoint", given, given, out.at);
    if (o.action === "snat") {
      const as = formatAddress(this.#engine.egressIP(0).slice());
      this.#mappings.set(connectionKey(given, "source"), { as, natPort: this.#engine.natPort(0) });
    }
    return this;
  }

  /** The remote answers what it saw; `hops` as in the scene: the built reply carries that much more TTL. */
  answer(out: Out = {}): this {
    const { from = POD, port = 40000, to = REMOTE, toPort = 443, content = data, ttl = 50, hops = 1 } = out;
    const captured = packet(to, from, content(toPort, port), ttl);
    const mapping = this.#mappings.get(connectionKey(captured, "destination"));
    const given = mapping ? packet(to, mapping.as, content(toPort, mapping.natPort), ttl + hops) : captured;
    this.#process("from-network", captured, given, out.at);
    return this;
  }

  get faults(): string[] {
    return [...new Set(this.scene.result.mismatches.map((mismatch) => mismatch.field))].sort();
  }

  #process(hook: FrameObservation["hook"], captured: Uint8Array, given: Uint8Array, at?: number): FrameObservation {
    const engine = this.#engine;
    const timeNs = seconds(at);
    const hookCode = hook === "from-endpoint" ? codes.HOOK_FROM_ENDPOINT : codes.HOOK_FROM_NETWORK;
    engine.arena.set(given, FRAME_AT);
    const [low, high] = [Number(timeNs & 0xffff_ffffn), Number(timeNs >> 32n)];
    engine.setFrame(0, FRAME_AT, given.length, given.length, hookCode, codes.LINK_ETHERNET, 0, low, high);
    engine.process(1);
    const action = actionName(engine.action(0)) as FrameObservation["action"];
    const reason = reasonName(engine.reason(0));
    this.verdicts.push(reason === "" ? action : `${action}, ${reason}`);
    const result = engine.arena.slice(FRAME_AT, FRAME_AT + engine.length(0));
    const flags = engine.flags(0);
    const cause = flags & codes.VERDICT_FLAG_POLICY_CHANGE ? "policy-change" : "failover";
    const remapped = flags & codes.VERDICT_FLAG_REMAPPED ? cause : "";
    const { evictedClosing, evictedUnreplied, evictedEstablished } = engine.counters();
    const evictions = evictedClosing + evictedUnreplied + evictedEstablished;
    const o = { evictions, hook, action, reason, remapped, captured, given, result, timeNs, egress: engine.egress(0) };
    return this.scene.see(o).last;
  }
}

/** Inside tuple of an Ethernet frame, protocol included. */
function connectionKey(frame: Uint8Array, inside: InsideEnd): string {
  const packet = decodeFrame(frame, 1, frame.length);
  if (!packet) throw new Error("the frame is not IP");
  return tupleKey(frame, tupleOf(frame, packet, inside));
}
