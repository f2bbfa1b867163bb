import type { Paint } from "./paint.js";
import type { Column } from "./text-table.js";
import { count } from "./units.js";

export interface ViewStyle {
  readonly colour: boolean;
  /** Whole lists instead of their first rows. */
  readonly verbose: boolean;
}

/** What every answer depends on: without it a number says little. */
export interface Assumptions {
  readonly seed: number;
  readonly natProfile: string;
  readonly balance: string;
}

/** `Diff  under NAT profile cilium, balance rendezvous, seed 1` */
export function heading(title: string, { natProfile, balance, seed }: Assumptions, p: Paint): string {
  return `${p.bold(title)}  under NAT profile ${natProfile}, balance ${balance}, seed ${seed}`;
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
