import { join, makeFolder } from "#platform/files.js";
import type { MergedInterface } from "../capture/merge.js";
import type { OutputTarget } from "../capture/output-sink.js";
import { LINKTYPE_ETHERNET, LINKTYPE_RAW } from "../capture/types.js";
import { PcapngWriter } from "../capture/write.js";
import type { Egress } from "../config/types.js";
import { LINK_ETHERNET } from "../engine/codes.js";
import { OutputError } from "../errors.js";
import { systemCode } from "../platform/file.js";
import type { ReplayOptions } from "./options.js";

/** Largest LINKTYPE_* number that is looked up in a table instead of a map. */
const LINK_TYPES = 512;
const ENDPOINT_INTERFACE = "endpoint";

/** The captures that a replay makes: what leaves for the outside, what comes to endpoints, what nodes of a cluster send each other. */
export type OutputName = "external.pcapng" | "endpoint.pcapng" | "overlay.pcapng";

/** Where a capture of results goes. */
export type TargetOf = (name: OutputName) => OutputTarget;

/**
 * Where the options say that captures of results go; undefined = nowhere. Makes the folder.
 * @throws {OutputError} where the folder cannot be made
 */
export function outputTargets({ outDir, onOutput }: Pick<ReplayOptions, "outDir" | "onOutput">): TargetOf | undefined {
  if (onOutput) return (name) => (bytes) => onOutput(name, bytes);
  if (outDir === undefined) return undefined;
  try {
    makeFolder(outDir);
  } catch (cause) {
    throw new OutputError(outDir, systemCode(cause), { cause });
  }
  return (name) => join(outDir, name);
}

/** Takes the frames that leave a replay, in order. Times are two halves of nanoseconds; a frame's bytes lie at `at` of `arena`. */
export interface FrameSink {
  external(
    egress: number,
    linkType: number,
    timeLow: number,
    timeHigh: number,
    captured: number,
    wire: number,
    number: number,
    arena: Uint8Array,
    at: number,
  ): void;
  endpoint(
    linkType: number,
    timeLow: number,
    timeHigh: number,
    captured: number,
    wire: number,
    number: number,
    arena: Uint8Array,
    at: number,
  ): void;
  close(): void;
}

/**
 * The two captures of a replay: `external.pcapng`, one interface per gateway node and link type, and `endpoint.pcapng`, one per link type.
 * Frames keep their number, timestamp, lengths and link type.
 */
export class Outputs implements FrameSink {
  readonly #external: PcapngWriter;
  readonly #endpoint: PcapngWriter;
  readonly #egresses: readonly Egress[];
  /** Interface numbers plus one, by egress and link type; 0 = not asked for yet. */
  readonly #externalIds: Uint16Array[] = [];
  readonly #endpointIds = new Uint16Array(LINK_TYPES);

  /**
   * @param targetOf where each of the captures goes
   * @param egresses those that frames may leave by; may grow
   * @param buffers memory for the writers' buffers, in the memory that the frames lie in; left out = they have their own
   * @throws {OutputError} where a file cannot be created
   */
  constructor(targetOf: TargetOf, egresses: readonly Egress[], buffers: readonly Uint8Array[] = []) {
    this.#egresses = egresses;
    this.#external = new PcapngWriter(targetOf("external.pcapng"), bufferOf(buffers[0]));
    this.#endpoint = new PcapngWriter(targetOf("endpoint.pcapng"), bufferOf(buffers[1]));
  }

  /** A frame that leaves for the outside. @param egress index into the egresses */
  external(
    egress: number,
    linkType: number,
    timeLow: number,
    timeHigh: number,
    captured: number,
    wire: number,
    number: number,
    arena: Uint8Array,
    at: number,
  ): void {
    this.#externalIds[egress] ??= new Uint16Array(LINK_TYPES);
    const ids = this.#externalIds[egress];
    if (ids[linkType] === 0) ids[linkType] = this.#external.interfaceId(linkType, this.#egresses[egress]!.node) + 1;
    const id = ids[linkType]! - 1;
    this.#external.frame(id, timeLow, timeHigh, captured, wire, number, arena, at);
  }

  /** A restored reply, or a frame that passed. */
  endpoint(
    linkType: number,
    timeLow: number,
    timeHigh: number,
    captured: number,
    wire: number,
    number: number,
    arena: Uint8Array,
    at: number,
  ): void {
    if (this.#endpointIds[linkType] === 0) {
      this.#endpointIds[linkType] = this.#endpoint.interfaceId(linkType, ENDPOINT_INTERFACE) + 1;
    }
    const id = this.#endpointIds[linkType]! - 1;
    this.#endpoint.frame(id, timeLow, timeHigh, captured, wire, number, arena, at);
  }

  /** Writes out what is buffered and closes both files. @throws {OutputError} */
  close(): void {
    try {
      this.#external.close();
    } finally {
      this.#endpoint.close();
    }
  }
}

function bufferOf(buffer: Uint8Array | undefined): { buffer?: Uint8Array } {
  return buffer ? { buffer } : {};
}

/** LINKTYPE_* that a frame is written with: that of its interface, or of the inner frame where one was decapsulated. */
export function outputLinkType(merged: MergedInterface, link: number, isDecapsulated: boolean): number {
  if (!isDecapsulated) return merged.interface.linkType;
  return link === LINK_ETHERNET ? LINKTYPE_ETHERNET : LINKTYPE_RAW;
}
