import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { AbiDescription } from "../abi/describe.js";

// A host as others write it: it knows engine.wasm, abi/abi.json, policy.bin and policy.json, and no line of this package's own code.

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly [name: string]: ((...args: number[]) => number) | { readonly buffer: ArrayBuffer };
}

const { WebAssembly } = globalThis as unknown as {
  WebAssembly: { instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: Exports } }> };
};

const abi: AbiDescription = JSON.parse(readFileSync("abi/abi.json", "utf8"));

/** Value of a constant: an offset, a size or a code. */
export function constant(name: string): number {
  for (const { fields, sizeConstant, size } of abi.records) {
    if (sizeConstant === name) return size!;
    const field = fields.find((one) => one.constant === name);
    if (field) return field.offset;
  }
  const code = abi.codes.flatMap(({ codes }) => codes).find((one) => one.constant === name);
  if (!code) throw new Error(`abi.json has no ${name}`);
  return code.value;
}

/** Printable name of an action or a reason. */
export function label(family: "action" | "reason", value: number): string {
  return abi.codes.find(({ name }) => name === family)!.codes.find((code) => code.value === value)?.label ?? "";
}

/** What a host reads of policy.json. */
interface Document {
  readonly abiVersion: number;
  readonly blob: { readonly file: string; readonly bytes: number; readonly sha256: string };
  readonly configuration: { readonly record: string };
  readonly calls: readonly { readonly function: string; readonly arguments: readonly number[] }[];
  readonly egresses: readonly { readonly nodeName: string; readonly ipv4: string | null }[];
}

/** A frame as it comes in. */
export interface HostFrame {
  readonly bytes: Uint8Array;
  readonly wire: number;
  readonly hook: number;
  readonly link: number;
  readonly flags: number;
  readonly time: bigint;
  /** With the flag for released frames: the number under which it was held. */
  readonly tag: bigint;
}

/** What became of it. */
export interface HostVerdict {
  readonly action: string;
  readonly reason: string;
  readonly flags: number;
  readonly egress: number;
  readonly egressIP: string;
  readonly natPort: number;
  /** Number under which a held frame will be released. */
  readonly held: number | undefined;
  readonly bytes: Uint8Array;
}

export class BareHost {
  readonly document: Document;
  readonly #exports: Exports;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #arena: number;
  readonly #frames: number;
  readonly #verdicts: number;
  readonly #released: number;

  /** @param folder holds what `compile` wrote */
  static async start(folder: string, name = "policy"): Promise<BareHost> {
    const { instance } = await WebAssembly.instantiate(readFileSync("build/engine.wasm"), {});
    const document: Document = JSON.parse(readFileSync(`${folder}/${name}.json`, "utf8"));
    const host = new BareHost(instance.exports, document);
    const code = host.load(folder, name);
    if (code !== constant("OK")) throw new Error(`loadPolicy: ${code}`);
    return host;
  }

  private constructor(exports: Exports, document: Document) {
    this.#exports = exports;
    this.document = document;
    if (this.#call("abiVersion") !== document.abiVersion) throw new Error("another ABI");
    const record = Buffer.from(document.configuration.record, "hex");
    if (record.length !== constant("CONFIG_SIZE")) throw new Error("another configuration record");
    new Uint8Array(exports.memory.buffer).set(record, this.#call("configAt"));
    const code = this.#call("configure");
    if (code !== constant("OK")) throw new Error(`configure: ${code}`);
    this.#view = new DataView(exports.memory.buffer);
    this.#bytes = new Uint8Array(exports.memory.buffer);
    const region = (name: string) => this.#call("regionAt", constant(name)) >>> 0;
    this.#arena = region("REGION_ARENA");
    this.#frames = region("REGION_FRAMES");
    this.#verdicts = region("REGION_VERDICTS");
    this.#released = region("REGION_RELEASED");
  }

  /** Puts what `compile` wrote in force. @returns what `loadPolicy` says; below zero the policy before stays in force */
  load(folder: string, name = "policy"): number {
    const document: Document = JSON.parse(readFileSync(`${folder}/${name}.json`, "utf8"));
    const blob = readFileSync(`${folder}/${document.blob.file}`);
    const sum = createHash("sha256").update(blob).digest("hex");
    if (blob.length !== document.blob.bytes || sum !== document.blob.sha256) throw new Error("not of one run");
    const code = this.loadBlob(blob);
    if (code !== constant("OK")) return code;
    for (const call of document.calls) {
      const answer = this.#call(call.function, ...call.arguments);
      if (answer !== constant("OK")) throw new Error(`${call.function}(${call.arguments}): ${answer}`);
    }
    return code;
  }

  loadBlob(blob: Uint8Array): number {
    this.#bytes.set(blob, this.#arena);
    return this.#call("loadPolicy", 0, blob.length);
  }

  /** Takes frames through the engine, so many at a time at most, and goes on where it stops for released ones. */
  run(frames: readonly HostFrame[], batch: number): HostVerdict[] {
    const verdicts: HostVerdict[] = [];
    while (verdicts.length < frames.length) {
      const some = frames.slice(verdicts.length, verdicts.length + batch);
      const offsets = this.#describe(some);
      const done = this.#call("process", some.length);
      if (done <= 0) throw new Error(`process: ${done}`);
      for (let i = 0; i < done; i++) verdicts.push(this.#verdict(i, offsets[i]!));
      // The list names frames that come next among `frames`: whoever made those has put them there.
      this.#view.setUint32(this.#released, 0, true);
    }
    return verdicts;
  }

  #describe(frames: readonly HostFrame[]): number[] {
    const view = this.#view;
    let offset = 0;
    return frames.map(({ bytes, wire, hook, link, flags, time, tag }, i) => {
      const at = this.#frames + i * constant("FRAME_SIZE");
      const place = offset;
      this.#bytes.set(bytes, this.#arena + place);
      view.setUint32(at + constant("FRAME_OFFSET_AT"), place, true);
      view.setUint32(at + constant("FRAME_CAPTURED_AT"), bytes.length, true);
      view.setUint32(at + constant("FRAME_WIRE_AT"), wire, true);
      view.setUint8(at + constant("FRAME_HOOK_AT"), hook);
      view.setUint8(at + constant("FRAME_LINK_AT"), link);
      view.setUint16(at + constant("FRAME_FLAGS_AT"), flags, true);
      view.setBigUint64(at + constant("FRAME_TIME_AT"), time, true);
      view.setBigUint64(at + constant("FRAME_TAG_AT"), tag, true);
      offset += bytes.length;
      return place;
    });
  }

  #verdict(i: number, offset: number): HostVerdict {
    const at = this.#verdicts + i * constant("VERDICT_SIZE");
    return readVerdict(this.#bytes.buffer, at, this.#arena + offset);
  }

  #call(name: string, ...args: number[]): number {
    return (this.#exports[name] as (...args: number[]) => number)(...args);
  }
}

/** One verdict record with the frame's bytes, copied. @param at where the record is   @param frame where the frame is */
export function readVerdict(memory: ArrayBufferLike, at: number, frame: number): HostVerdict {
  const view = new DataView(memory);
  const action = view.getUint8(at + constant("VERDICT_ACTION_AT"));
  const length = view.getUint32(at + constant("VERDICT_LENGTH_AT"), true);
  const egressIP = new Uint8Array(memory, at + constant("VERDICT_EGRESS_IP_AT"), 16);
  return {
    action: label("action", action),
    reason: label("reason", view.getUint8(at + constant("VERDICT_REASON_AT"))),
    flags: view.getUint16(at + constant("VERDICT_FLAGS_AT"), true),
    egress: view.getInt32(at + constant("VERDICT_EGRESS_AT"), true),
    egressIP: Buffer.from(egressIP).toString("hex"),
    natPort: view.getUint16(at + constant("VERDICT_NAT_PORT_AT"), true),
    held: action === constant("ACTION_HOLD") ? view.getUint32(at + constant("VERDICT_INNER_AT"), true) : undefined,
    bytes: new Uint8Array(memory).slice(frame, frame + length),
  };
}
