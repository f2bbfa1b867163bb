import { EngineError } from "../errors.js";
import { type Case, type Group, toCase } from "./cases.js";
import { instantiateKernel, type KernelExports } from "./kernel.js";
import type { Contestant } from "./measure.js";

/** Layouts of a table as assembly/bench/layout.ts numbers them; `wide` = 128-byte lines, what IPv6 addresses in the lines would take. */
const LAYOUTS = { linear: 0, wide: 1, swiss: 2, tagged: 3, cuckoo: 4 } as const;
export type LayoutName = keyof typeof LAYOUTS;

/** Other layouts of the engine's 64-byte lines, each measured beside the engine's own. */
export const OTHER_LAYOUTS = ["swiss", "tagged", "cuckoo"] as const;

/** What is measured of each of them; `""` = keys that are there, in blocks. */
export const LAYOUT_WORKS = ["", "-single", "-miss", "-miss-single", "-insert"] as const;

/** Lookups of one run. */
const LOOKUPS = 1 << 17;

/** How lookups go: one by one, in blocks with a touch of what the hash names, in blocks with the layout's second touch, too. */
const ONE_BY_ONE = 0;
const IN_BLOCKS = 1;
const IN_BLOCKS_TWICE = 2;

/** The better way of each layout at 100,000 connections and more. */
const BLOCKS_OF: Readonly<Record<LayoutName, number>> = {
  linear: IN_BLOCKS_TWICE,
  wide: IN_BLOCKS,
  swiss: IN_BLOCKS,
  tagged: IN_BLOCKS,
  cuckoo: IN_BLOCKS_TWICE,
};

/** A table two thirds full. */
interface Table {
  readonly exports: KernelExports;
  readonly name: LayoutName;
  readonly keys: number;
}

/**
 * What two sizes of conntrack lines cost without the engine around them: lookups in blocks, 128-byte IPv6 lines divided by 64-byte
 * IPv4 lines, and for each of them one by one divided by in blocks.
 */
export function layoutGroup(connections: number): Group {
  return {
    name: `layouts, ${connections} connections`,
    has: (id) => /^layout-ipv[46]/.test(id) && id.endsWith(`/${connections}`),
    cases: async () => {
      const narrow = await filled(connections, "linear");
      const wide = await filled(connections, "wide");
      const info = { connections, protocol: "tcp", work: "lookup", batch: LOOKUPS } as const;
      const one = { ...info, batch: 1 };
      return [
        toCase(
          `layout-ipv6/${connections}`,
          { ...info, yardstick: "IPv4 lines" },
          lookups(wide, IN_BLOCKS),
          lookups(narrow, IN_BLOCKS),
        ),
        toCase(
          `layout-ipv4-single/${connections}`,
          { ...one, yardstick: "in blocks" },
          lookups(narrow, ONE_BY_ONE),
          lookups(narrow, IN_BLOCKS),
        ),
        toCase(
          `layout-ipv6-single/${connections}`,
          { ...one, yardstick: "in blocks" },
          lookups(wide, ONE_BY_ONE),
          lookups(wide, IN_BLOCKS),
        ),
      ];
    },
  };
}

/**
 * Other layouts of the same lines divided by linear probing: lookups of keys that are there and of others, in blocks and one by one, and
 * filling a table.
 */
export function otherLayoutsGroup(connections: number): Group {
  return {
    name: `other layouts, ${connections} connections`,
    has: (id) => otherLayoutIds(connections).includes(id),
    cases: async () => {
      const linear = await filled(connections, "linear");
      const cases: Case[] = [];
      for (const name of OTHER_LAYOUTS) {
        const table = await filled(connections, name);
        for (const work of LAYOUT_WORKS) {
          const batch = work === "" || work === "-miss" ? LOOKUPS : 1;
          const kind = work === "-insert" ? "insert" : "lookup";
          const info = { connections, protocol: "tcp", work: kind, batch, yardstick: "linear probing" } as const;
          cases.push(
            toCase(idOf(name, work, connections), info, contestantOf(work)(table), contestantOf(work)(linear)),
          );
        }
      }
      return cases;
    },
  };
}

/** Ids of the cases of `otherLayoutsGroup`. */
export function otherLayoutIds(connections: number): string[] {
  return OTHER_LAYOUTS.flatMap((name) => LAYOUT_WORKS.map((work) => idOf(name, work, connections)));
}

function idOf(name: string, work: (typeof LAYOUT_WORKS)[number], connections: number): string {
  return `layout-${name}${work}/${connections}`;
}

function contestantOf(work: (typeof LAYOUT_WORKS)[number]): (table: Table) => Contestant {
  if (work === "-insert") return insertions;
  const isAbsent = work.startsWith("-miss");
  if (work.endsWith("-single")) return (table) => lookups(table, ONE_BY_ONE, isAbsent);
  return (table) => lookups(table, BLOCKS_OF[table.name], isAbsent);
}

/**
 * A table of a layout, two thirds full.
 * @throws {EngineError} where a key found no place
 */
export async function filled(connections: number, name: LayoutName): Promise<Table> {
  const exports = await instantiateKernel();
  const keys = connections * 2;
  const lines = exports.layoutFill(connections, LAYOUTS[name]) >>> 0;
  if (lines !== keys) throw new EngineError(`layout ${name}: filled ${lines} lines, expected ${keys}`);
  return { exports, name, keys };
}

/** @param ahead how lookups go   @param isAbsent keys that are not there instead of some that are */
export function lookups({ exports, name }: Table, ahead: number, isAbsent = false): Contestant {
  let start = 1;
  let found = 0;
  const run = () => {
    start += LOOKUPS;
    found = exports.layoutLookup(LOOKUPS, start, ahead, isAbsent ? 1 : 0) >>> 0;
    return LOOKUPS;
  };
  const expected = isAbsent ? 0 : LOOKUPS;
  return {
    restore: () => {},
    run,
    verify: () => {
      run();
      if (found !== expected) throw new EngineError(`layout ${name}: found ${found} keys, expected ${expected}`);
    },
  };
}

/** Fills the emptied table once more. */
export function insertions({ exports, name, keys }: Table): Contestant {
  const restore = () => exports.layoutClear();
  const run = () => exports.layoutInsert(0, keys) >>> 0;
  return {
    restore,
    run,
    verify: () => {
      restore();
      const placed = run();
      const used = exports.layoutUsed() >>> 0;
      if (placed === keys && used === keys) return;
      throw new EngineError(`layout ${name}: placed ${placed} keys in ${used} lines, expected ${keys}`);
    },
  };
}
