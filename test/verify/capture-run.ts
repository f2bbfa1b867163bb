/** A real capture through a real engine with the verifier watching: endpoint view, one frame at a time, no files written. */
import type { PolicyModel } from "../../src/config/types.js";
import { compilePolicy } from "../../src/engine/blob.js";
import * as codes from "../../src/engine/codes.js";
import type { Engine } from "../../src/engine/engine.js";
import { actionName, reasonName } from "../../src/engine/names.js";
import { configFor } from "../../src/engine/sizing.js";
import { decodeFrame, type IpPacket } from "../../src/net/decode.js";
import { checksumState } from "../../src/net/recount.js";
import { addressKey, tupleKey, tupleOf } from "../../src/net/tuple.js";
import { PolicyInterpreter } from "../../src/verify/interpreter.js";
import type { FrameObservation, VerificationResult } from "../../src/verify/types.js";
import type { Verifier } from "../../src/verify/verifier.js";
import { startEngine } from "./mutant.js";
import { buildReply, type ExternalSocket } from "./outside.js";
import { TwinVerifier } from "./twin.js";

export interface CaptureFrame {
  readonly timeNs: bigint;
  readonly linkType: number;
  readonly bytes: Uint8Array;
  readonly wireLength: number;
}

export interface CaptureRunResult {
  readonly verification: VerificationResult;
  /** Frames by `hook action reason`. */
  readonly verdicts: Readonly<Record<string, number>>;
}

const FRAME_AT = 64;
const LINKS = new Map([
  [1, codes.LINK_ETHERNET],
  [0, codes.LINK_NULL],
  [108, codes.LINK_NULL],
  [9, codes.LINK_PPP],
  [101, codes.LINK_RAW],
  [228, codes.LINK_RAW],
  [229, codes.LINK_RAW],
  [113, codes.LINK_SLL],
  [276, codes.LINK_SLL2],
]);

/** @param wasm a mutant's module; the product's own build where left out */
export async function runCapture(
  frames: readonly CaptureFrame[],
  model: PolicyModel,
  wasm?: Uint8Array,
): Promise<CaptureRunResult> {
  const engine = await startEngine(configFor(model, { arenaSize: 1 << 20, maxBatch: 4, connections: 1 << 14 }), wasm);
  engine.loadPolicy(compilePolicy(model, { natProfile: engine.config.natProfile }));
  const run = new CaptureRun(engine, model);
  frames.forEach((frame, i) => {
    run.take(frame, i + 1);
  });
  return { verification: run.verifier.finish(), verdicts: run.verdicts };
}

class CaptureRun {
  readonly verifier: Verifier;
  readonly verdicts: Record<string, number> = {};
  readonly #engine: Engine;
  readonly #model: PolicyModel;
  readonly #policies: PolicyInterpreter;
  readonly #sockets = new Map<string, ExternalSocket & { node: string }>();
  #clockNs = 0n;

  constructor(engine: Engine, model: PolicyModel) {
    this.#engine = engine;
    this.#model = model;
    this.#policies = new PolicyInterpreter(model);
    this.verifier = new TwinVerifier(model, { natProfile: engine.config.natProfile });
  }

  take(frame: CaptureFrame, number: number): void {
    if (frame.timeNs > this.#clockNs) this.#clockNs = frame.timeNs;
    const link = LINKS.get(frame.linkType);
    const packet = decodeFrame(frame.bytes, frame.linkType, frame.wireLength);
    if (link === undefined || !packet) return this.#count("skipped: not IP");
    const { bytes } = frame;
    if (this.#ownerOf(bytes, packet, packet.sourceAt))
      return this.#process("from-endpoint", frame, bytes, packet, link, number);
    const owner = this.#ownerOf(bytes, packet, packet.destinationAt);
    if (!owner) return this.#count("skipped: not of an endpoint");
    const socket =
      packet.kind === "unreadable" || packet.kind === "later-fragment"
        ? undefined
        : this.#sockets.get(insideKey(bytes, packet, "destination"));
    const hops = socket && owner.node !== undefined && owner.node !== socket.node ? 1 : 0;
    this.#process(
      "from-network",
      frame,
      socket ? buildReply(bytes, packet, socket, hops) : bytes,
      packet,
      link,
      number,
    );
  }

  #ownerOf(bytes: Uint8Array, packet: IpPacket, at: number) {
    return this.#policies.ownerOfKey(addressKey(bytes, at, packet.family), this.#clockNs);
  }

  #process(
    hook: FrameObservation["hook"],
    frame: CaptureFrame,
    given: Uint8Array,
    packet: IpPacket,
    link: number,
    number: number,
  ): void {
    const engine = this.#engine;
    const isOut = hook === "from-endpoint";
    const partial = checksumState(given, packet) === "partial" ? codes.FRAME_FLAG_PARTIAL : 0;
    const gso =
      packet.family === 4 && given[packet.at + 2] === 0 && given[packet.at + 3] === 0 ? codes.FRAME_FLAG_GSO : 0;
    const [low, high] = [Number(this.#clockNs & 0xffff_ffffn), Number(this.#clockNs >> 32n)];
    engine.arena.set(given, FRAME_AT);
    const hookCode = isOut ? codes.HOOK_FROM_ENDPOINT : codes.HOOK_FROM_NETWORK;
    engine.setFrame(0, FRAME_AT, given.length, frame.wireLength, hookCode, link, partial | gso, low, high);
    engine.process(1);
    const action = actionName(engine.action(0)) as FrameObservation["action"];
    const reason = reasonName(engine.reason(0));
    this.#count(`${hook} ${action} ${reason}`.trim());
    const result = engine.arena.slice(FRAME_AT, FRAME_AT + engine.length(0));
    const egress = engine.egress(0);
    if (action === "snat" && packet.kind !== "icmp-error") {
      const address = engine.egressIP(0).slice(packet.family === 4 ? 12 : 0);
      this.#sockets.set(insideKey(given, packet, "source"), {
        address,
        natPort: engine.natPort(0),
        node: this.#model.egresses[egress]?.node ?? "",
      });
    }
    this.verifier.observe({
      frame: number,
      capture: "capture",
      timeNs: this.#clockNs,
      linkType: frame.linkType,
      hook,
      captured: frame.bytes,
      given,
      result,
      wireLength: frame.wireLength,
      action,
      reason,
      egress,
      view: "endpoint",
      remapped: "",
    });
  }

  #count(what: string): void {
    this.verdicts[what] = (this.verdicts[what] ?? 0) + 1;
  }
}

/** Inside tuple of a frame, of an ICMP error that of the packet it quotes. */
function insideKey(bytes: Uint8Array, packet: IpPacket, end: "source" | "destination"): string {
  if (packet.kind !== "icmp-error" || !packet.inner) return tupleKey(bytes, tupleOf(bytes, packet, end));
  return tupleKey(bytes, tupleOf(bytes, packet.inner, end === "source" ? "destination" : "source"));
}
