import { LINKTYPE_ETHERNET } from "../capture/types.js";
import type { Engine } from "../engine/engine.js";
import { decodeFrame } from "../net/decode.js";

const MAC_SIZE = 6;
const ICMP_AT = { v4: 20, v6: 40 } as const;

/** Collects the ICMP errors that gateways make, batch by batch, until whoever writes and judges frames has seen them. */
export class GatewayErrors {
  readonly #bySlot = new Map<number, Uint8Array>();
  readonly #engine: Engine;
  readonly #whole: ((count: number) => number) | undefined;
  #slotOf: ((frame: number) => number) | undefined;

  /** @param engine whose memory the frames lie in   @param whole stands for its `process` where several engines play the nodes */
  constructor(engine: Engine, whole: ((count: number) => number) | undefined) {
    this.#engine = engine;
    this.#whole = whole;
  }

  /** Said once, before the first frame. */
  attach(outside: { slotOf(frame: number): number }): void {
    this.#slotOf = (frame) => outside.slotOf(frame);
  }

  /** What the outside calls for each batch. */
  readonly process = (count: number): number => {
    const taken = this.#whole ? this.#whole(count) : this.#engine.process(count);
    for (const { frame, packet } of this.#engine.generated()) this.#bySlot.set(this.#slotOf!(frame), packet.slice());
    return taken;
  };

  /** The error about the frame at `slot` of the piece, an IP packet. */
  of(slot: number): Uint8Array | undefined {
    return this.#bySlot.get(slot);
  }

  all(): Iterable<Uint8Array> {
    return this.#bySlot.values();
  }

  clear(): void {
    this.#bySlot.clear();
  }
}

/** Type and code, for people: `icmp 3/13`. */
export function kindOfError(packet: Uint8Array): string {
  const isIpv4 = packet[0]! >> 4 === 4;
  const at = isIpv4 ? ICMP_AT.v4 : ICMP_AT.v6;
  return `${isIpv4 ? "icmp" : "icmpv6"} ${packet[at]}/${packet[at + 1]}`;
}

/** An error as the sender of `frame` would get it: behind a copy of its link header, in Ethernet with the addresses changed round. */
export function answerFrame(frame: Uint8Array, linkType: number, error: Uint8Array): Uint8Array {
  const head = decodeFrame(frame, linkType, frame.length)?.at ?? 0;
  const answer = new Uint8Array(head + error.length);
  answer.set(frame.subarray(0, head));
  answer.set(error, head);
  if (linkType === LINKTYPE_ETHERNET) {
    answer.set(frame.subarray(MAC_SIZE, 2 * MAC_SIZE), 0);
    answer.set(frame.subarray(0, MAC_SIZE), MAC_SIZE);
  }
  return answer;
}
