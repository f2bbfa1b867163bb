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
