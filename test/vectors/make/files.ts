import type { Book } from "./book.js";
import { textOf } from "./book.js";
import { calls } from "./sets/calls.js";
import { fragments } from "./sets/fragments.js";
import { gateways } from "./sets/gateways.js";
import { hostile } from "./sets/hostile.js";
import { icmpErrors } from "./sets/icmp-errors.js";
import { ipv6Set } from "./sets/ipv6.js";
import { lifetimes } from "./sets/lifetimes.js";
import { limits } from "./sets/limits.js";
import { malformed } from "./sets/malformed.js";
import { modelSet } from "./sets/model.js";
import { overlay } from "./sets/overlay.js";
import { policies } from "./sets/policy.js";
import { protocols } from "./sets/protocols.js";

const SETS: readonly (() => Promise<Book>)[] = [
  protocols,
  malformed,
  ipv6Set,
  icmpErrors,
  policies,
  gateways,
  lifetimes,
  fragments,
  limits,
  overlay,
  calls,
  hostile,
  modelSet,
];

/** Every file of vectors with its bytes, by path. @throws {Error} where engine and words, model or rules disagree */
export async function vectorFiles(): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const faults: string[] = [];
  for (const make of SETS) {
    const book = await make();
    faults.push(...book.faults);
    files.set(`test/vectors/${book.name}.json`, textOf(book.file()));
  }
  if (faults.length > 0) throw new Error(faults.join("\n\n"));
  return files;
}
