/** Frames in words through a real engine, with a verifier watching: a replay in miniature, for engines with planted bugs. */
import type { PolicyModel } from "../../src/config/types.js";
import { compilePolicy, nodeTable, zoneTable } from "../../src/engine/blob.js";
import * as codes from "../../src/engine/codes.js";
import type { Engine } from "../../src/engine/engine.js";
import type { EngineConfig } from "../../src/engine/engine-config.js";
import { actionName, reasonName } from "../../src/engine/names.js";
import { configFor } from "../../src/engine/sizing.js";
import { formatAddress } from "../../src/net/address.js";
import { decodeFrame } from "../../src/net/decode.js";
import { type InsideEnd, tupleKey, tupleOf } from "../../src/net/tuple.js";
import type { FrameObservation, NodeStanding } from "../../src/verify/types.js";
import type { VerifierOptions } from "../../src/verify/verifier.js";
import { startEngine } from "./mutant.js";
import { data, model, type Out, POD, packet, REMOTE, Scene, seconds, standing } from "./scene.js";

const FRAME_AT = 64;

export class EngineRun {
  readonly scene: Scene;
  readonly #engine: Engine;
  /** External socket of every inside tuple, learnt from frames that left: what the outside answers to. */
  readonly #mappings = new Map<string, { as: string; natPort: number; hops: number }>();
  /** Verdicts so far, `action` or `action, reason`. */
  readonly verdicts: string[] = [];
  /** Causes of remappings so far. */
  readonly causes = new Set<string>();
  #model: PolicyModel;
  #nodes: Record<string, Partial<NodeStanding>> = {};
  #statuses: FrameObservation["statuses"];
  #unreachable: ReadonlySet<string> = new Set();

  private constructor(engine: Engine, m: PolicyModel, options: Partial<VerifierOptions>) {
    this.#engine = engine;
    this.#model = m;
    this.scene = new Scene(m, { natProfile: engine.config.natProfile, ...options });
  }

  /** @param wasm module bytes of a mutant; the product's own build where left out */
  static async start(
    wasm?: Uint8Array,
    m: PolicyModel = model(),
    overrides: Partial<EngineConfig> = {},
    options: Partial<VerifierOptions> = {},
  ): Promise<EngineRun> {
    const small = { arenaSize: 1 << 20, maxBatch: 16, connections: 1024, blobSize: 1 << 16, bitmaps: 4 };
    const config = configFor(m, { ...small, ...overrides });
    const engine = await startEngine(config, wasm);
    engine.loadPolicy(compilePolicy(m, { natProfile: engine.config.natProfile }));
    return new EngineRun(engine, m, options);
  }

  /** An endpoint sends. */
  send(out: Out = {}): this {
    const { from = POD, port = 40000, to = REMOTE, toPort = 443, content = data, ttl = 64 } = out;
    const given = packet(from, to, content(port, toPort), ttl);
    if (this.#isOnDeadNode(from)) return this.#lose("from-endpoint", given, out.at);
    const o = this.#process("from-endpoint", given, given, out.at);
    if (o.action === "snat") {
      const as = formatAddress(this.#engine.egressIP(0).slice());
      const hops = this.#engine.flags(0) & codes.VERDICT_FLAG_HOP ? 1 : 0;
      this.#mappings.set(connectionKey(given, "source"), { as, natPort: this.#engine.natPort(0), hops });
    }
    return this;
  }

  /** The remote answers what it saw: the built reply carries one more TTL where a hop lies behind the gateway. */
  answer(out: Out = {}): this {
    const { from = POD, port = 40000, to = REMOTE, toPort = 443, content = data, ttl = 50 } = out;
    const captured = packet(to, from, content(toPort, port), ttl);
    const mapping = this.#mappings.get(connectionKey(captured, "destination"));
    const given = mapping
      ? packet(to, mapping.as, content(toPort, mapping.natPort), Math.min(255, ttl + mapping.hops))
      : captured;
    if (this.#isOnDeadNode(from)) return this.#lose("from-network", captured, out.at);
    this.#process("from-network", captured, given, out.at);
    return this;
  }

  /** The node dies: nobody has noticed. */
  kill(node: string): this {
    this.#unreachable = new Set([...this.#unreachable, node]);
    this.#engine.setReachable(this.#number(node), false);
    this.#engine.nodeLost(this.#number(node));
    this.scene.verifier.nodeLost(node);
    return this;
  }

  /** The node answers again: nobody has noticed. */
  revive(node: string): this {
    this.#unreachable = new Set([...this.#unreachable].filter((other) => other !== node));
    this.#engine.setReachable(this.#number(node), true);
    return this;
  }

  /**
   * Nodes stand like this from now on, those that are not named as before. Members of the one policy that are up, with their agent and not
   * drained, take new connections of every zone.
   */
  stand(nodes: Record<string, Partial<NodeStanding>>): this {
    for (const [node, changes] of Object.entries(nodes)) this.#nodes[node] = { ...this.#nodes[node], ...changes };
    this.#statuses = standing(this.#nodes);
    this.#tellEngine();
    this.scene.verifier.statusesChanged(this.#statuses);
    return this;
  }

  /** Another model is in force from now on. */
  change(m: PolicyModel, at?: number): this {
    this.#model = m;
    this.#engine.loadPolicy(compilePolicy(m, { natProfile: this.#engine.config.natProfile }));
    for (const node of this.#unreachable) this.#engine.setReachable(this.#number(node), false);
    this.#tellEngine();
    this.scene.verifier.policiesChanged(m, seconds(at));
    return this;
  }

  get faults(): string[] {
    return [...new Set(this.scene.result.mismatches.map((mismatch) => mismatch.field))].sort();
  }

  #number(node: string): number {
    return nodeTable(this.#model).findIndex(({ name }) => name === node);
  }

  #isOnDeadNode(pod: string): boolean {
    const isPod = (address: Uint8Array) => formatAddress(address) === pod;
    const node = this.#model.endpoints.find(({ addresses }) => addresses.some(isPod))?.node;
    return node !== undefined && this.#unreachable.has(node);
  }

  /** The endpoint's node is dead: the engine never sees the frame. */
  #lose(hook: FrameObservation["hook"], frame: Uint8Array, at?: number): this {
    const reason = "node-down";
    this.verdicts.push(`lost, ${reason}`);
    const bytes = { captured: frame, given: frame, result: frame };
    this.scene.see({ hook, action: "lost", reason, timeNs: seconds(at), ...bytes, ...this.#standings });
    return this;
  }

  get #standings(): Pick<FrameObservation, "statuses" | "unreachable"> {
    return { ...(this.#statuses && { statuses: this.#statuses }), unreachable: this.#unreachable };
  }

  #stateOf(node: string): "down" | "healthy" | "active" {
    const { health, agent, drained, removed } = this.#nodes[node] ?? {};
    if (removed || health === "down") return "down";
    return drained || agent === "down" ? "healthy" : "active";
  }

  #tellEngine(): void {
    const { policies, egresses } = this.#model;
    for (const { node } of egresses) this.#engine.setGateway(this.#number(node), this.#stateOf(node));
    const isActive = (member: number) => this.#stateOf(egresses[policies[0].egresses[member]].node) === "active";
    const active = [...policies[0].egresses.keys()].filter(isActive);
    for (let zone = 0; zone <= zoneTable(this.#model).length; zone++) this.#engine.setActive(0, zone, active);
  }

  #process(hook: FrameObservation["hook"], captured: Uint8Array, given: Uint8Array, at?: number): FrameObservation {
    const engine = this.#engine;
    const timeNs = seconds(at);
    const hookCode = hook === "from-endpoint" ? codes.HOOK_FROM_ENDPOINT : codes.HOOK_FROM_NETWORK;
    engine.arena.set(given, FRAME_AT);
    const [low, high] = [Number(timeNs & 0xffff_ffffn), Number(timeNs >> 32n)];
    engine.setFrame(0, FRAME_AT, given.length, given.length, hookCode, codes.LINK_ETHERNET, 0, low, high);
    engine.process(1);
    const reason = reasonName(engine.reason(0));
    const action = reason === "gateway-down" ? "lost" : (actionName(engine.action(0)) as FrameObservation["action"]);
    this.verdicts.push(reason === "" ? action : `${action}, ${reason}`);
    const result = engine.arena.slice(FRAME_AT, FRAME_AT + engine.length(0));
    const remapped = causeOf(engine.flags(0));
    if (remapped !== "") this.causes.add(remapped);
    const { evictedClosing, evictedUnreplied, evictedEstablished } = engine.counters();
    const evictions = evictedClosing + evictedUnreplied + evictedEstablished;
    const frame = { captured, given, result, timeNs, egress: engine.egress(0) };
    return this.scene.see({ evictions, hook, action, reason, remapped, ...this.#standings, ...frame }).last;
  }
}

function causeOf(flags: number): string {
  if (!(flags & codes.VERDICT_FLAG_REMAPPED)) return "";
  if (flags & codes.VERDICT_FLAG_RESTART) return "gateway-restart";
  return flags & codes.VERDICT_FLAG_POLICY_CHANGE ? "policy-change" : "failover";
}

/** Inside tuple of an Ethernet frame, protocol included. */
function connectionKey(frame: Uint8Array, inside: InsideEnd): string {
  const packet = decodeFrame(frame, 1, frame.length);
  if (!packet) throw new Error("the frame is not IP");
  return tupleKey(frame, tupleOf(frame, packet, inside));
}
