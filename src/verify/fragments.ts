import { copyBytes, firstDifference } from "../net/bytes.js";
import type { IpPacket } from "../net/decode.js";
import type { Connection, Mapping } from "./connections.js";
import { CLOCK_GRAIN_MS } from "./lifetimes.js";

/** Datagrams remembered at once; the oldest goes first. */
const MAX_DATAGRAMS = 8192;

/** The rest of a datagram is waited for so long after its first sight: more than the 15 s of RFC 791 section 3.2, less than the 60 s of RFC 8200. */
const DATAGRAM_MS = 30_000;

/** Why a fragment does not fit to those before it; empty where it does. */
export type Misfit = "" | "fragment-duplicate" | "fragment-overlap";

/** Bytes `from` to `end` - 1 of a datagram. */
interface Piece {
  readonly from: number;
  readonly end: number;
  readonly isLast: boolean;
}

/** What was seen of one fragmented datagram. */
export class Datagram {
  /** The connection that its first fragment belonged to, and the external tuple that this left with. */
  connection: Connection | undefined;
  mapping: Mapping | undefined;
  /** Its first fragment has left. */
  hasBegun = false;
  /** Reason under which everything that comes is dropped; empty = none. */
  refusal = "";
  readonly pieces: Piece[] = [];

  /** @param isUnsure more may have been seen of it, or less: nothing can be demanded */
  constructor(
    readonly toward: string,
    readonly own: string,
    readonly bornMs: number,
    readonly evictions: number,
    readonly isUnsure: boolean,
  ) {}

  /**
   * RFC 5722 section 3, RFC 8200 section 4.5: fragments that overlap are an attack, one that came twice is none. What contradicts the end
   * of the datagram overlaps as well.
   */
  misfitOf({ from, end, isLast }: Piece): Misfit {
    for (const piece of this.pieces) {
      if (piece.from === from && piece.end === end && piece.isLast === isLast) return "fragment-duplicate";
      const isBeyond = (piece.isLast && (isLast || end > piece.end)) || (isLast && piece.end > end);
      if (isBeyond || (from < piece.end && piece.from < end)) return "fragment-overlap";
    }
    return "";
  }

  /** Every byte was seen: the next fragment with its identification is another datagram's. */
  get isComplete(): boolean {
    const total = this.pieces.find(({ isLast }) => isLast)?.end;
    return total !== undefined && this.pieces.reduce((sum, { from, end }) => sum + end - from, 0) === total;
  }
}

/** Datagrams under way, by their addresses before translation, identification and (IPv4) protocol; and the fragments held for them. */
export class FragmentMemory {
  /** In the order of their first sight. */
  readonly #datagrams = new Map<string, Datagram>();
  readonly #toward = new Map<string, Set<Datagram>>();
  readonly #held = new Map<string, { readonly given: Uint8Array; readonly datagram: Datagram }[]>();
  /** Not all datagrams under way may be known. */
  hasForgotten = false;

  /** The datagram that is surely or maybe remembered. */
  find(toward: string, own: string, nowMs: number): Datagram | undefined {
    for (const datagram of this.#datagrams.values()) {
      if (nowMs - datagram.bornMs <= DATAGRAM_MS + CLOCK_GRAIN_MS) break;
      this.forget(datagram);
    }
    return this.#datagrams.get(toward + own);
  }

  /** True where its time may be over, or it may have made room for another one. */
  mayBeGone({ bornMs, evictions }: Datagram, nowMs: number, evictionsNow: number): boolean {
    return nowMs - bornMs >= DATAGRAM_MS - CLOCK_GRAIN_MS || evictions !== evictionsNow;
  }

  open(toward: string, own: string, nowMs: number, evictions: number, isUnsure: boolean): Datagram {
    const datagram = new Datagram(toward, own, nowMs, evictions, isUnsure || this.hasForgotten);
    this.#datagrams.set(toward + own, datagram);
    const others = this.#toward.get(toward);
    if (others) others.add(datagram);
    else this.#toward.set(toward, new Set([datagram]));
    const [oldest] = this.#datagrams.values();
    if (this.#datagrams.size > MAX_DATAGRAMS) this.forget(oldest!);
    this.hasForgotten ||= this.#datagrams.size === MAX_DATAGRAMS;
    return datagram;
  }

  forget(datagram: Datagram): void {
    const { toward, own } = datagram;
    this.#datagrams.delete(toward + own);
    const others = this.#toward.get(toward);
    others?.delete(datagram);
    if (others?.size === 0) this.#toward.delete(toward);
  }

  /** Datagrams of others to (or from) the same remote under the same identification. */
  rivalsOf(toward: string, own: string): Datagram[] {
    return [...(this.#toward.get(toward) ?? [])].filter((datagram) => datagram.own !== own);
  }

  hold(key: string, given: Uint8Array, datagram: Datagram): void {
    const frame = { given: copyBytes(given), datagram };
    const held = this.#held.get(key);
    if (held) held.push(frame);
    else this.#held.set(key, [frame]);
  }

  holds(key: string): boolean {
    return this.#held.has(key);
  }

  /** @returns the datagram that the frame was held for: it is given again, and held no longer. Of equal ones the first that was held comes first. */
  takeBack(key: string, given: Uint8Array): Datagram | undefined {
    const held = this.#held.get(key);
    const at = held?.findIndex((frame) => firstDifference(frame.given, given) < 0) ?? -1;
    if (!held || at < 0) return undefined;
    const [taken] = held.splice(at, 1);
    if (held.length === 0) this.#held.delete(key);
    return taken!.datagram;
  }
}

/** The bytes of its datagram that a fragment carries, by its own headers. */
export function pieceOf({ at, length, fragmentAt, fragmentOffset, moreFragments }: IpPacket): Piece {
  return { from: fragmentOffset, end: fragmentOffset + at + length - fragmentAt, isLast: !moreFragments };
}
