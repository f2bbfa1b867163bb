// Unit exports of assembly/tables/hash.ts; compiled by the test that uses them, never shipped. 64-bit values cross as BigInt.

import { keyHash, placementScore, scale, tupleHash, tupleHash4 } from "../../assembly/tables/hash";

export { keyHash, placementScore, scale, tupleHash, tupleHash4 };
