import type { Mutation } from "../verify/mutant.js";

// Engines that are slower on purpose and do the same: what gates and comparisons have to tell.

const STRAIGHT = "assembly/path/straight.ts";
const IN_TRANSLATE = "store<u8>(l3, <u8>(ttl - hop), IPV4_TTL_AT);\n";

/** A multiplication and a store more for every IPv4 frame on the straight line, into bytes of the scratch that nothing reads. */
export const MORE_INSTRUCTIONS: Mutation = {
  file: STRAIGHT,
  search: IN_TRANSLATE,
  replace: `${IN_TRANSLATE}store<u64>(changetype<usize>(p), load<u64>(changetype<usize>(p), 48) * 31 + <u64>wire, 48);\n`,
};

/** A new connection touches a line of the table that it has no use for. */
export const ONE_MORE_LINE: Mutation = {
  file: "assembly/path/connection.ts",
  search: "  touchFree(home);",
  replace: "touchFree(home); touchFree(home + 100);",
};

const MEMORY = "assembly/tables/memory.ts";

/** The lines of the table are cleared in memory that is zero already: a start that touches all of it. */
export const CLEARS_TABLE: Mutation = {
  file: MEMORY,
  search: "  isConfigured = true;\n",
  replace: "memory.fill(linesAt, 0, <usize>(lineCount + PROBE_LIMIT) * LINE_SIZE); isConfigured = true;\n",
};

/** The first policy's indexes are cleared, too, as they once were. */
export const CLEARS_INDEXES: Mutation = {
  file: "assembly/tables/policy.ts",
  search: "if (copiesUsed == 2) memory.fill",
  replace: "if (copiesUsed <= 2) memory.fill",
};

/** A page of memory that nobody needs. */
export const ONE_MORE_PAGE: Mutation = {
  file: MEMORY,
  search: "const GUARD: u64 = 64;",
  replace: "const GUARD: u64 = 64 + 65536;",
};

/** A kilobyte of data that every instance gets a copy of. */
export const MORE_DATA: Mutation = {
  file: MEMORY,
  search: "export let isConfigured: bool = false;",
  replace: `const ballast: usize = memory.data<u8>([${"1, ".repeat(1024)}]); export let isConfigured: bool = load<u8>(ballast) == 0;`,
};

/**
 * Loads and stores before there is an instance; they leave the record zero.
 * @param count of them, a power of two
 */
export function slowInstance(count: number): Mutation {
  return {
    file: MEMORY,
    search: "let top: u64 = 0;",
    replace: `let top: u64 = 0; for (let i: usize = 0; i < ${count}; i++) store<u64>(configBlock, load<u64>(configBlock) ^ <u64>i);`,
  };
}

/**
 * More time for every IPv4 frame on the straight line: a chain of multiplications that starts from its ports and ends in a store into the
 * same bytes. They stand one after the other, as a loop would make the smallest step too large.
 * @param steps multiplications, at least 1
 */
export function slowerBy(steps: number): Mutation {
  const chain = "waste = (waste ^ (waste >> 29)) * 0x9e3779b97f4a7c15; ".repeat(steps);
  return {
    file: STRAIGHT,
    search: IN_TRANSLATE,
    replace: `${IN_TRANSLATE}let waste = <u64>p.ports; ${chain}store<u64>(changetype<usize>(p), waste, 48);\n`,
  };
}
