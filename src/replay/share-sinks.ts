import type { FrameSink } from "./outputs.js";
import type { PacketSink } from "./overlay.js";
import { type SharedPiece, WRITTEN_ENDPOINT, WRITTEN_EXTERNAL } from "./shared-piece.js";

/** A frame that was held and leaves with another one, or a packet between nodes, as its share passes it on. */
export interface LooseFrame {
  /** `Session.place` of it: orders it among the frames of all shares. */
  readonly place: number;
  readonly number: number;
  readonly timeLow: number;
  readonly timeHigh: number;
  readonly wire: number;
  /** Of frames: WRITTEN_* and LINKTYPE_*. */
  readonly written: number;
  readonly linkType: number;
  readonly egress: number;
  /** Of packets: the node that sends it. */
  readonly node: string;
  readonly bytes: Uint8Array;
}

/** Puts the frames that leave one share into the piece that all threads share; those that are none of the piece go by themselves. */
export class ShareFrames implements FrameSink {
  loose: LooseFrame[] = [];
  readonly #arenaBytes: number;
  readonly #placeOf: (number: number) => number;
  #piece: SharedPiece | undefined;
  /** Frames of the captures before the piece. */
  #passed = 0;

  /** @param arenaBytes of a piece: what lies behind them was held   @param placeOf `Session.placeOf` */
  constructor(arenaBytes: number, placeOf: (number: number) => number) {
    this.#arenaBytes = arenaBytes;
    this.#placeOf = placeOf;
  }

  begin(piece: SharedPiece, passed: number): void {
    this.#piece = piece;
    this.#passed = passed;
    this.loose = [];
  }

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
    this.#put(WRITTEN_EXTERNAL, egress, linkType, timeLow, timeHigh, captured, wire, number, arena, at);
  }

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
    this.#put(WRITTEN_ENDPOINT, 0, linkType, timeLow, timeHigh, captured, wire, number, arena, at);
  }

  close(): void {}

  #put(
    written: number,
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
    const bytes = arena.subarray(at, at + captured);
    if (at >= this.#arenaBytes) {
      const place = this.#placeOf(number);
      const frame = { place, number, timeLow, timeHigh, wire, written, linkType, egress, node: "" };
      this.loose.push({ ...frame, bytes: bytes.slice() });
      return;
    }
    const piece = this.#piece!;
    const slot = number - this.#passed - 1;
    piece.outBytes.set(bytes, at);
    piece.outOffset[slot] = at;
    piece.outCaptured[slot] = captured;
    piece.outWire[slot] = wire;
    piece.outLink[slot] = linkType;
    piece.outEgress[slot] = egress;
    piece.written[slot] = written;
  }
}

/** Collects the packets between nodes that carry the frames of one share. */
export class SharePackets implements PacketSink {
  loose: LooseFrame[] = [];
  readonly #placeOf: (number: number) => number;
  readonly #nodes: string[] = [];

  constructor(placeOf: (number: number) => number) {
    this.#placeOf = placeOf;
  }

  begin(): void {
    this.loose = [];
  }

  interfaceId(_linkType: number, node: string): number {
    const known = this.#nodes.indexOf(node);
    return known < 0 ? this.#nodes.push(node) - 1 : known;
  }

  frame(
    id: number,
    timeLow: number,
    timeHigh: number,
    captured: number,
    wire: number,
    number: number,
    arena: Uint8Array,
    at: number,
  ): void {
    const place = this.#placeOf(number);
    const node = this.#nodes[id]!;
    const packet = { place, number, timeLow, timeHigh, wire, written: 0, linkType: 0, egress: 0, node };
    this.loose.push({ ...packet, bytes: arena.slice(at, at + captured) });
  }

  close(): void {}
}
