import type { Machine } from "../../src/bench/machine.js";
import { count } from "../../src/report/units.js";

/** One host: frames per second of each turn. */
export interface HostFigures {
  readonly title: string;
  runtime: string;
  readonly rates: { readonly small: number[]; readonly measured: number[] };
}

interface ProgramReport {
  readonly machine: Machine;
  readonly packets: number;
  readonly rounds: number;
  readonly turns: number;
  readonly figures: readonly HostFigures[];
}

/** The report as a Markdown table, a row per host. */
export function printPrograms({ machine, packets, rounds, turns, figures }: ProgramReport): string {
  const rows = figures.map(
    ({ title, runtime, rates }) => `| ${title} | ${runtime} | ${shown(rates.small)} | ${shown(rates.measured)} |`,
  );
  return `${[
    `${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(2)}, ${machine.platform}, huge pages ${machine.pages}`,
    `${count(packets)} frames, ${turns} turns of ${rounds} rounds; SHA-256 of what was written equal in all`,
    "",
    "| host | | million frames a second, least frames | lengths as an ISP sees them |",
    "|---|---|---|---|",
    ...rows,
  ].join("\n")}\n`;
}

/** Median of the turns, with the lowest and the highest. */
function shown(rates: readonly number[]): string {
  const sorted = rates.map((rate) => rate / 1e6).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return `**${median.toFixed(2)}** (${sorted[0]!.toFixed(2)} … ${sorted.at(-1)!.toFixed(2)})`;
}
