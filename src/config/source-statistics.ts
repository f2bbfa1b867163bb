import { compareBytes } from "../net/bytes.js";
import { decodeFrame, destinationAddress, sourceAddress } from "../net/decode.js";
import { addressKey } from "../net/tuple.js";
import type { SourceStatistics } from "./init.js";

/** What is looked at of a frame: `captureFrames` gives it. */
export interface SeenFrame {
  readonly linkType: number;
  readonly bytes: Uint8Array;
  readonly wireLength: number;
}

interface Talk {
  readonly address: Uint8Array;
  frames: number;
  bytes: number;
}

interface Source extends Talk {
  readonly destinations: Map<string, Talk>;
}

/** Sources and destinations that are remembered: a scan must not fill the memory. Later ones are counted as left out. */
const MAX_SOURCES = 65_536;
const MAX_DESTINATIONS = 64;
const SHOWN_DESTINATIONS = 8;

/** Who sends how much to whom. */
export interface Talkers {
  /** Busiest first; equal ones by address. */
  readonly sources: readonly SourceStatistics[];
  readonly frames: number;
  /** Frames that are no readable IP, and frames of sources beyond the bound. */
  readonly unreadable: number;
  readonly beyondBound: number;
}

/** Counts the sources of a capture, for `starterManifests`. @param frames consumed to their end */
export async function countTalkers(frames: AsyncIterable<SeenFrame>): Promise<Talkers> {
  const sources = new Map<string, Source>();
  const counts = { frames: 0, unreadable: 0, beyondBound: 0 };
  for await (const frame of frames) {
    counts.frames++;
    const packet = decodeFrame(frame.bytes, frame.linkType, frame.wireLength);
    if (!packet || packet.kind === "unreadable") {
      counts.unreadable++;
      continue;
    }
    const source = remember(sources, addressKey(frame.bytes, packet.sourceAt, packet.family), MAX_SOURCES, () => ({
      ...talk(sourceAddress(frame.bytes, packet)),
      destinations: new Map<string, Talk>(),
    }));
    if (!source) {
      counts.beyondBound++;
      continue;
    }
    add(source, frame.wireLength);
    const key = addressKey(frame.bytes, packet.destinationAt, packet.family);
    const to = remember(source.destinations, key, MAX_DESTINATIONS, () =>
      talk(destinationAddress(frame.bytes, packet)),
    );
    if (to) add(to, frame.wireLength);
  }
  return { ...counts, sources: busiest(sources.values()).map(toStatistics) };
}

function toStatistics({ address, frames, bytes, destinations }: Source): SourceStatistics {
  return { address, frames, bytes, destinations: busiest(destinations.values()).slice(0, SHOWN_DESTINATIONS) };
}

function remember<T>(map: Map<string, T>, key: string, bound: number, create: () => T): T | undefined {
  const known = map.get(key);
  if (known !== undefined || map.size >= bound) return known;
  const created = create();
  map.set(key, created);
  return created;
}

function talk(address: Uint8Array): Talk {
  return { address, frames: 0, bytes: 0 };
}

function add(talk: Talk, wireLength: number): void {
  talk.frames++;
  talk.bytes += wireLength;
}

function busiest<T extends Talk>(talks: Iterable<T>): T[] {
  return [...talks].sort((a, b) => b.frames - a.frames || compareBytes(a.address, b.address));
}
