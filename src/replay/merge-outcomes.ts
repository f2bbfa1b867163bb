import { addCounters } from "../engine/counters.js";
import { MAX_MISMATCHES } from "../verify/judge.js";
import type { CourseOutcome } from "./course.js";
import { addStats } from "./egress-totals.js";
import type { SavedIncidents } from "./incidents.js";
import type { Outcome } from "./outcome.js";
import type { BrokenConnection, Drain } from "./report-types.js";
import type { SavedRow, SavedSeries } from "./series.js";
import { MAX_LISTED, type TallyState } from "./tally.js";

type Verification = NonNullable<Outcome["verification"]>;

/**
 * What came of a replay whose remotes were shared out, as if one machine had taken all frames: counts add up, lists are in the order of
 * frames, and what all shares know (time, scenario, viewpoints) is what the first one says.
 * @param outcomes one of each share   @param peak most connections that all of them had at a time
 */
export function mergeOutcomes(outcomes: readonly Outcome[], peak: number): Outcome {
  const first = outcomes[0]!;
  const total = (count: (outcome: Outcome) => number) => outcomes.reduce((sum, outcome) => sum + count(outcome), 0);
  return {
    ...first,
    tally: mergeTallies(outcomes),
    held: total(({ held }) => held),
    counters: { ...outcomes.map(({ counters }) => counters).reduce(addCounters), peak },
    evictedMappings: total(({ evictedMappings }) => evictedMappings),
    course: mergeCourses(outcomes.map(({ course }) => course)),
    overlay: mergeOverlays(outcomes.flatMap(({ overlay }) => overlay ?? [])),
    verification: mergeVerifications(outcomes.flatMap(({ verification }) => verification ?? [])),
    framesMatched: total(({ framesMatched }) => framesMatched),
    framesGiven: total(({ framesGiven }) => framesGiven),
    engineMs: total(({ engineMs }) => engineMs),
  };
}

function mergeTallies(outcomes: readonly Outcome[]): TallyState {
  const tallies = outcomes.map(({ tally }) => tally);
  const total = (count: (tally: TallyState) => number) => tallies.reduce((sum, tally) => sum + count(tally), 0);
  const cells = new Map<number, number>();
  for (const { cells: rows } of tallies)
    for (const [cell, frames] of rows) cells.set(cell, (cells.get(cell) ?? 0) + frames);
  const listed = (kind: "broken" | "rebound"): BrokenConnection[] =>
    inOrder(outcomes.map(({ tally, places }) => ({ rows: tally[kind], places: places[kind] }))).slice(0, MAX_LISTED);
  return {
    ...tallies[0]!,
    cells: [...cells],
    partialChecksums: total(({ partialChecksums }) => partialChecksums),
    superFrames: total(({ superFrames }) => superFrames),
    decapsulated: total(({ decapsulated }) => decapsulated),
    unverifiable: total(({ unverifiable }) => unverifiable),
    broken: listed("broken"),
    rebound: listed("rebound"),
    brokenCount: total(({ brokenCount }) => brokenCount),
    reboundCount: total(({ reboundCount }) => reboundCount),
  };
}

/** Rows of several lists by the place of each; those of one list stay in its order. */
function inOrder<Row>(lists: readonly { readonly rows: readonly Row[]; readonly places: readonly number[] }[]): Row[] {
  const all = lists.flatMap(({ rows, places }) => rows.map((row, i) => ({ row, place: places[i]! })));
  return all.sort((a, b) => a.place - b.place).map(({ row }) => row);
}

function mergeCourses(courses: readonly CourseOutcome[]): CourseOutcome {
  return {
    incidents: courses.map(({ incidents }) => incidents).reduce(addIncidents),
    series: mergeSeries(courses.map(({ series }) => series)),
    totals: courses[0]!.totals.map((_, egress) => courses.map(({ totals }) => totals[egress]!).reduce(addStats)),
  };
}

/** All shares saw the same outages and drains at the same times; what these led to differs. */
function addIncidents(a: SavedIncidents, b: SavedIncidents): SavedIncidents {
  return {
    ...a,
    outages: a.outages.map((outage, i) => ({
      ...outage,
      lostFrames: outage.lostFrames + b.outages[i]!.lostFrames,
      brokenConnections: outage.brokenConnections + b.outages[i]!.brokenConnections,
      rebound: outage.rebound + b.outages[i]!.rebound,
    })),
    drains: a.drains.map((drain, i) => addDrains(drain, b.drains[i]!)),
    draining: a.draining.map((drain, i) => ({
      ...drain,
      connectionsAtStart: drain.connectionsAtStart + b.draining[i]!.connectionsAtStart,
    })),
  };
}

function addDrains(a: Drain, b: Drain): Drain {
  const [first, last] = [a.ranDryAt ?? "", b.ranDryAt ?? ""].sort();
  return {
    ...a,
    connectionsAtStart: a.connectionsAtStart + b.connectionsAtStart,
    // Times of one format: the later one is the greater text.
    ranDryAt: first === "" ? null : last!,
    stillLive: a.stillLive + b.stillLive,
  };
}

function mergeSeries(all: readonly SavedSeries[]): SavedSeries {
  const [first] = all as [SavedSeries, ...SavedSeries[]];
  const egresses = [...new Set(all.flatMap(({ rows }) => rows.map(([egress]) => egress)))].sort((a, b) => a - b);
  const rowsOf = (egress: number) =>
    all.flatMap(({ rows }) => rows.filter(([one]) => one === egress).map(([, row]) => row));
  return {
    ...first,
    rows: egresses.map((egress) => [egress, mergeRows(rowsOf(egress))] as const),
    lost: addColumns(all.map(({ lost }) => lost)),
    broken: addColumns(all.map(({ broken }) => broken)),
    rebound: addColumns(all.map(({ rebound }) => rebound)),
  };
}

function mergeRows(rows: readonly SavedRow[]): SavedRow {
  return {
    connections: addColumns(rows.map(({ connections }) => connections)),
    frames: addColumns(rows.map(({ frames }) => frames)),
    bytes: addColumns(rows.map(({ bytes }) => bytes)),
    replies: addColumns(rows.map(({ replies }) => replies)),
    // No remote is in two shares.
    ports: rows[0]!.ports.map((_, step) => Math.max(...rows.map(({ ports }) => ports[step]!))),
    live: mergeLive(rows.map(({ live }) => live)),
  };
}

function addColumns(columns: readonly (readonly number[])[]): number[] {
  return columns[0]!.map((_, step) => columns.reduce((sum, column) => sum + column[step]!, 0));
}

/** A share that did not look had as many connections as when it looked last. */
function mergeLive(columns: readonly (readonly number[])[]): number[] {
  const known = columns.map(() => 0);
  return columns[0]!.map((_, step) => {
    columns.forEach((column, share) => {
      if (column[step]! > 0) known[share] = column[step]! - 1;
    });
    const hasLooked = columns.some((column) => column[step]! > 0);
    return hasLooked ? known.reduce((sum, live) => sum + live, 1) : 0;
  });
}

function mergeOverlays(reports: readonly NonNullable<Outcome["overlay"]>[]): Outcome["overlay"] {
  const [first, ...others] = reports;
  return first && others.reduce(addOverlays, first);
}

function addOverlays(
  a: NonNullable<Outcome["overlay"]>,
  b: NonNullable<Outcome["overlay"]>,
): NonNullable<Outcome["overlay"]> {
  return {
    ...a,
    frames: a.frames + b.frames,
    bytes: a.bytes + b.bytes,
    tooBig: a.tooBig + b.tooBig,
    largest: Math.max(a.largest, b.largest),
    unaddressed: a.unaddressed + b.unaddressed,
  };
}

function mergeVerifications(results: readonly Verification[]): Outcome["verification"] {
  const [first] = results;
  if (!first) return undefined;
  const notes: Record<string, number> = {};
  for (const result of results)
    for (const [note, count] of Object.entries(result.notes)) notes[note] = (notes[note] ?? 0) + count;
  const mismatches = inOrder(results.map(({ mismatches: rows, places }) => ({ rows, places })));
  return {
    ok: results.every(({ ok }) => ok),
    framesChecked: results.reduce((sum, { framesChecked }) => sum + framesChecked, 0),
    mismatches: mismatches.slice(0, MAX_MISMATCHES),
    mismatchCount: results.reduce((sum, { mismatchCount }) => sum + mismatchCount, 0),
    places: [],
    notes,
  };
}
