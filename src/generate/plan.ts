import { UsageError } from "../errors.js";
import { boundedPareto } from "./distributions.js";
import type { GenerateOptions } from "./options.js";
import type { Random } from "./random.js";

/** Kinds of items that a trace is made of. */
export const KIND_TCP = 0;
export const KIND_PROBE = 1;
export const KIND_UDP = 2;
/** One question and its answer: DNS or NTP. */
export const KIND_QUERY = 3;
export const KIND_ECHO = 4;
export const KIND_SCTP = 5;
export const KIND_ERROR = 6;
export const KIND_FRAGMENTS = 7;
export const KIND_MALFORMED = 8;

/** Every item of a trace in the order of their starts: its kind, and how many frames it has. */
export interface Plan {
  readonly kinds: Uint8Array;
  readonly frames: Uint32Array;
}

const FRAMES_OF_FRAGMENTS = 3;
/** Share of flows with one or two frames: look-ups, time, scans. */
const SHORT_SHARE = 0.35;
const PROBE_SHARE_OF_SHORT = 0.08;
const LONG_ALPHA = 1.15;
const LONG_LEAST = 3;
const LONG_MOST = 50_000;
/** No flow has more than this part of the trace, so that its share of kinds can be kept. */
const LARGEST_PART = 1 / 50;

/**
 * Draws kinds and sizes so that flows and frames are exactly as many as asked for, and each kind has its share of frames
 * up to one flow. Long flows keep the form of their distribution: they are scaled, not cut.
 * @throws {UsageError} where there are too few frames for so many flows
 */
export function makePlan(options: GenerateOptions, random: Random): Plan {
  const single = oddFrames(options);
  const forFlows = options.packets - single.errors - single.fragments * FRAMES_OF_FRAGMENTS - single.malformed;
  const sizes = drawSizes(options.flows, forFlows, random);
  const kinds = assignKinds(sizes, options, forFlows, random);
  const count = options.flows + single.errors + single.fragments + single.malformed;
  const plan = { kinds: new Uint8Array(count), frames: new Uint32Array(count).fill(1) };
  plan.kinds.set(kinds);
  plan.frames.set(sizes);
  let at = options.flows;
  for (let i = 0; i < single.errors; i++) plan.kinds[at++] = KIND_ERROR;
  for (let i = 0; i < single.malformed; i++) plan.kinds[at++] = KIND_MALFORMED;
  for (let i = 0; i < single.fragments; i++, at++) {
    plan.kinds[at] = KIND_FRAGMENTS;
    plan.frames[at] = FRAMES_OF_FRAGMENTS;
  }
  // The first item stays a flow: errors quote what was sent before them.
  for (let i = count - 1; i > 1; i--) swap(plan, i, random.between(1, i));
  return plan;
}

function oddFrames({ packets, replies, errorShare, fragmentShare, malformedShare }: GenerateOptions): {
  errors: number;
  fragments: number;
  malformed: number;
} {
  return {
    errors: replies ? Math.round(packets * errorShare) : 0,
    fragments: Math.round((packets * fragmentShare) / FRAMES_OF_FRAGMENTS),
    malformed: Math.round(packets * malformedShare),
  };
}

/** Sizes of flows that add up to `total`. The first flow is a long one, so that there is always one to adjust. */
function drawSizes(flows: number, total: number, random: Random): Uint32Array {
  const most = Math.max(LONG_LEAST, Math.min(LONG_MOST, Math.floor(total * LARGEST_PART)));
  const sizes = Uint32Array.from({ length: flows }, (_, i) =>
    i > 0 && random.chance(SHORT_SHARE) ? random.between(1, 2) : boundedPareto(random, LONG_ALPHA, LONG_LEAST, most),
  );
  let short = 0;
  let long = 0;
  for (const size of sizes) {
    if (size < LONG_LEAST) short += size;
    else long += size;
  }
  const least = short + LONG_LEAST * sizes.filter((size) => size >= LONG_LEAST).length;
  if (total < least) {
    throw new UsageError(`generate: packets leave ${total} frames for ${flows} flows, expected at least ${least}`);
  }
  scaleLong(sizes, (total - short) / long);
  settle(sizes, total);
  return sizes;
}

function scaleLong(sizes: Uint32Array, ratio: number): void {
  for (let i = 0; i < sizes.length; i++) {
    const size = sizes[i]!;
    if (size >= LONG_LEAST) sizes[i] = Math.max(LONG_LEAST, Math.round(size * ratio));
  }
}

/** Adds or takes single frames of long flows until the sum is right; the caller made sure that it can be. */
function settle(sizes: Uint32Array, total: number): void {
  let missing = total - sizes.reduce((sum, size) => sum + size, 0);
  while (missing !== 0) {
    // Large flows bear more of a large difference, so this ends after a few rounds.
    const part = Math.max(1, Math.floor(Math.abs(missing) / sizes.length));
    for (let i = 0; i < sizes.length && missing !== 0; i++) {
      const size = sizes[i]!;
      if (size < LONG_LEAST) continue;
      const change = missing > 0 ? Math.min(part, missing) : -Math.min(part, -missing, size - LONG_LEAST);
      sizes[i] = size + change;
      missing -= change;
    }
  }
}

/** Gives each flow the kind of its size that still lacks most frames. */
function assignKinds(sizes: Uint32Array, options: GenerateOptions, total: number, random: Random): Uint8Array {
  const { udpShare, icmpShare, sctpShare } = options;
  const tcpShare = Math.max(0, 1 - udpShare - icmpShare - sctpShare);
  const lacking = [tcpShare, udpShare, icmpShare, sctpShare].map((share) => share * total);
  const kinds = new Uint8Array(sizes.length);
  for (let i = 0; i < sizes.length; i++) {
    const isShort = sizes[i]! < LONG_LEAST;
    const usual = isShort && !random.chance(PROBE_SHARE_OF_SHORT) ? 1 : 0;
    const group = isShort && lacking[usual]! > 0 ? usual : mostLacking(lacking);
    lacking[group] = lacking[group]! - sizes[i]!;
    kinds[i] = (isShort ? SHORT_KINDS : LONG_KINDS)[group]!;
  }
  return kinds;
}

const SHORT_KINDS = [KIND_PROBE, KIND_QUERY, KIND_ECHO, KIND_SCTP] as const;
const LONG_KINDS = [KIND_TCP, KIND_UDP, KIND_ECHO, KIND_SCTP] as const;

function mostLacking(lacking: readonly number[]): number {
  let most = 0;
  for (let i = 1; i < lacking.length; i++) if (lacking[i]! > lacking[most]!) most = i;
  return most;
}

function swap({ kinds, frames }: Plan, a: number, b: number): void {
  const kind = kinds[a]!;
  kinds[a] = kinds[b]!;
  kinds[b] = kind;
  const count = frames[a]!;
  frames[a] = frames[b]!;
  frames[b] = count;
}
