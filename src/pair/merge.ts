import { type Kept, keepFrame, type PairFrame, pairKeys } from "./frame.js";

/** Frames that are looked at on each side to estimate how far apart the two clocks are. */
const SAMPLE = 4096;

/** Fewer common packets than this say nothing about the clocks. */
const MIN_COMMON = 3;

/** A frame of either capture, or one that is not IP (`kept` undefined). */
export interface Arrival {
  readonly side: "before" | "after";
  readonly kept: Kept | undefined;
}

/** Frames of one of two captures, in its order. */
export type FrameSource = AsyncIterable<PairFrame> | Iterable<PairFrame>;

/** One capture, with the frames already taken from it for the estimate. */
class Side {
  readonly sample: (Kept | undefined)[] = [];
  readonly #frames: AsyncIterator<PairFrame> | Iterator<PairFrame>;
  #at = 0;
  #ended = false;

  constructor(source: FrameSource) {
    this.#frames = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  async fillSample(): Promise<void> {
    while (this.sample.length < SAMPLE && !this.#ended) {
      const next = await this.#frames.next();
      if (next.done) this.#ended = true;
      else this.sample.push(keepFrame(next.value));
    }
  }

  /** @returns undefined at the end, else an arrival */
  async next(): Promise<{ kept: Kept | undefined } | undefined> {
    if (this.#at < this.sample.length) {
      const kept = this.sample[this.#at];
      this.sample[this.#at++] = undefined;
      return { kept };
    }
    if (this.#ended) return undefined;
    const next = await this.#frames.next();
    if (!next.done) return { kept: keepFrame(next.value) };
    this.#ended = true;
    return undefined;
  }
}

export interface MergedCaptures {
  /** What was taken from the second capture's times, in nanoseconds. */
  readonly skewNs: bigint;
  /** True where the skew was estimated from packets seen in both captures. */
  readonly isEstimated: boolean;
  readonly arrivals: AsyncGenerator<Arrival>;
}

/**
 * Both captures in order of time, the second one's clock corrected by `skewNs`, or by the median distance of packets that occur once in
 * the beginning of each. Frames out of order within a capture come in the capture's order.
 */
export async function mergeCaptures(
  before: FrameSource,
  after: FrameSource,
  skewNs: bigint | undefined,
): Promise<MergedCaptures> {
  const [inside, uplink] = [new Side(before), new Side(after)];
  let estimate: bigint | undefined;
  if (skewNs === undefined) {
    await inside.fillSample();
    await uplink.fillSample();
    estimate = estimateSkew(inside.sample, uplink.sample);
  }
  const skew = skewNs ?? estimate ?? 0n;
  return { skewNs: skew, isEstimated: estimate !== undefined, arrivals: merge(inside, uplink, skew) };
}

async function* merge(inside: Side, uplink: Side, skewNs: bigint): AsyncGenerator<Arrival> {
  const corrected = async () => {
    const next = await uplink.next();
    return next && { kept: next.kept && { ...next.kept, timeNs: next.kept.timeNs - skewNs } };
  };
  let [a, b] = [await inside.next(), await corrected()];
  while (a || b) {
    const takesInside = a !== undefined && (!b || !a.kept || (b.kept !== undefined && a.kept.timeNs <= b.kept.timeNs));
    if (takesInside && a) {
      yield { side: "before", kept: a.kept };
      a = await inside.next();
    } else if (b) {
      yield { side: "after", kept: b.kept };
      b = await corrected();
    }
  }
}

/** Median of (time after - time before) over packets whose exact key occurs once on each side; undefined where too few do. */
function estimateSkew(before: readonly (Kept | undefined)[], after: readonly (Kept | undefined)[]): bigint | undefined {
  const [times, others] = [uniqueTimes(before), uniqueTimes(after)];
  const distances: bigint[] = [];
  for (const [key, time] of times) {
    const other = others.get(key);
    if (time !== undefined && other !== undefined) distances.push(other - time);
  }
  if (distances.length < MIN_COMMON) return undefined;
  distances.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return distances[distances.length >> 1];
}

/** Times by exact key, `undefined` for keys that occur more than once. Both directions: which one a frame has is not known here. */
function uniqueTimes(sample: readonly (Kept | undefined)[]): Map<string, bigint | undefined> {
  const times = new Map<string, bigint | undefined>();
  for (const kept of sample) {
    if (!kept) continue;
    for (const direction of ["out", "in"] as const) {
      const { exact } = pairKeys(kept, direction);
      times.set(exact, times.has(exact) ? undefined : kept.timeNs);
    }
  }
  return times;
}
