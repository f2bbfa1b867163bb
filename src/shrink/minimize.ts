/**
 * The smallest part of `items` that was found to fail, in their order: delta debugging (Zeller and Hildebrandt, "Simplifying and isolating
 * failure-inducing input", 2002). No single item of the result can be left out. What is tried depends on the answers alone.
 * @param items fail as a whole
 */
export async function minimize<T>(
  items: readonly T[],
  fails: (part: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let left = items;
  let pieces = 2;
  while (left.length >= 2) {
    const smaller = await failingPart(left, pieces, fails);
    if (smaller) {
      pieces = smaller.isRest ? Math.max(2, pieces - 1) : 2;
      left = smaller.part;
    } else if (pieces >= left.length) {
      return left;
    }
    pieces = Math.min(left.length, smaller ? pieces : pieces * 2);
  }
  return left;
}

/** One of `pieces` pieces that fails alone, else what is left without one of them. */
async function failingPart<T>(
  items: readonly T[],
  pieces: number,
  fails: (part: readonly T[]) => Promise<boolean>,
): Promise<{ readonly part: readonly T[]; readonly isRest: boolean } | undefined> {
  const bounds = Array.from({ length: pieces + 1 }, (_, i) => Math.floor((items.length * i) / pieces));
  for (let i = 0; i < pieces; i++) {
    const part = items.slice(bounds[i]!, bounds[i + 1]!);
    if (await fails(part)) return { part, isRest: false };
  }
  // Of two pieces, what is left without one is the other.
  for (let i = 0; pieces > 2 && i < pieces; i++) {
    const part = [...items.slice(0, bounds[i]!), ...items.slice(bounds[i + 1]!)];
    if (await fails(part)) return { part, isRest: true };
  }
  return undefined;
}
