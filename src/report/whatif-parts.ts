import type { Assumptions } from "../whatif/run.js";
import type { Paint } from "./paint.js";
import type { Column } from "./text-table.js";
import { count } from "./units.js";

export interface ViewStyle {
  readonly colour: boolean;
  /** Whole lists instead of their first rows. */
  readonly verbose: boolean;
}

/** `Diff  under NAT profile cilium, balance rendezvous, seed 1`, and a line for each thing that the answer must be read with. */
export function heading(title: string, answer: Assumptions & { readonly seeds?: number }, p: Paint): string[] {
  const { natProfile, balance, seed, seeds = 1, notes } = answer;
  const last = seeds > 1 ? ` to ${seed + seeds - 1}` : "";
  return [
    `${p.bold(title)}  under NAT profile ${natProfile}, balance ${balance}, seed ${seed}${last}`,
    ...notes.map((note) => p.warn(`  note: ${note}`)),
  ];
}

export function left(title: string): Column {
  return { title };
}

/** Columns of numbers, which stand right. */
export function numbers(...titles: readonly string[]): Column[] {
  return titles.map((title) => ({ title, align: "right" as const }));
}

/** The first rows of a list, or all where the user wants them. */
export function limited<T>(
  rows: readonly T[],
  limit: number,
  { verbose }: ViewStyle,
): { shown: readonly T[]; hidden: number } {
  const shown = verbose ? rows : rows.slice(0, limit);
  return { shown, hidden: rows.length - shown.length };
}

/** One line for rows that are not shown; nothing where there are none. */
export function more(hidden: number, p: Paint): string[] {
  return hidden > 0 ? [p.dim(`  … and ${count(hidden)} more`)] : [];
}
