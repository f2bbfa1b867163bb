import { MAX_STEPS } from "./series.js";
import { SPARE_BYTES } from "./sources.js";

// What the notes of a saved state have to look like before anything is taken from them: a file may have been written by anybody.

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === "string";
const flag: Check = (value) => typeof value === "boolean";
const number: Check = (value) => Number.isFinite(value);
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
/** Nanoseconds as decimal digits. */
const time: Check = (value) => typeof value === "string" && /^\d{1,20}$/.test(value);

const optional = (check: Check): Check => {
  return (value) => value === undefined || value === null || check(value);
};
const list = (check: Check): Check => {
  return (value) => Array.isArray(value) && value.every(check);
};
/** Of a list with a fixed number of elements, too. */
const object = (checks: Readonly<Record<string, Check>>): Check => {
  const rows = Object.entries(checks);
  return (value) =>
    typeof value === "object" &&
    value !== null &&
    rows.every(([key, check]) => check((value as Record<string, unknown>)[key]));
};

const gateway = object({ node: text, egressIP: text });
const moved = list(object({ at: text, fiveTuple: text, from: gateway, to: optional(gateway), cause: text }));
const tally = object({
  cells: list(object({ 0: count, 1: count })),
  ...{ bytes: count, partialChecksums: count, superFrames: count, decapsulated: count, unverifiable: count },
  ...{ firstNs: optional(time), lastNs: optional(time), broken: moved, rebound: moved },
  ...{ brokenCount: count, reboundCount: count },
});
const totals = object({
  ...{ connections: count, frames: count, bytes: count, replies: count, replyBytes: count, live: count },
  ...{ portsPeak: count, lastEndNs: time },
});
const incidents = object({
  outages: list(
    object({
      ...{ node: text, event: text, at: text, detectedAt: text },
      ...{ lostFrames: count, brokenConnections: count, rebound: count, isOpen: flag },
    }),
  ),
  transitions: list(object({ node: text, what: text, at: text, causeAt: optional(text) })),
  drains: list(
    object({ node: text, from: text, connectionsAtStart: count, ranDryAt: optional(text), stillLive: count }),
  ),
  draining: list(object({ node: text, fromNs: time, connectionsAtStart: count })),
});
const below = (limit: number): Check => {
  return (value) => count(value) && (value as number) < limit;
};
const [u8, u16, u32] = [8, 16, 32].map((bits) => below(2 ** bits));
/** Base64 of what there is room for behind a piece of a capture. */
const frame: Check = (value) => text(value) && (value as string).length <= SPARE_BYTES;
const held = object({
  ...{ hold: u32, number: count, file: u16, interface: u32, linkType: u16, link: u8, hook: u8, flags: u16, wire: u32 },
  ...{ timeLow: u32, timeHigh: u32, given: frame, captured: frame },
});
const column = list(number);
const row = object({
  ...{ connections: column, frames: column, bytes: column, replies: column, ports: column, live: column },
});
const series = object({
  fromNs: time,
  stepMs: (value) => count(value) && value !== 0,
  step: (value) => count(value) && (value as number) < MAX_STEPS,
  rows: list(object({ 0: count, 1: row })),
  ...{ seen: column, lost: column, broken: column, rebound: column },
});

/** True for what `HostNotes` describes. Which seed, scenario and names they are is for others to say. */
export const areNotes = object({
  ...{ framesPassed: count, startClockNs: time, startNs: optional(time), seed: number, balance: text, scenario: text },
  ...{ tally, held: list(held), egressTotals: list(totals), incidents, series: optional(series) },
  ...{ nodes: list(text), policies: list(text) },
});
