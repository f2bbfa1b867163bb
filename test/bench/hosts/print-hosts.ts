import type { Machine } from "../../../src/bench/machine.js";
import type { Estimate } from "../../../src/bench/statistics.js";
import { count } from "../../../src/report/units.js";
import type { HostFigure, HostReport } from "./compare-hosts.js";
import { WORKS } from "./plan.js";

const WORK_TITLES = { forward: "forward", reverse: "reverse", new: "new connection" } as const;

/** The report as Markdown: a table per kind of work with a row per host, a column per size, and one of what the blind store gains. */
export function printHosts({ hosts, figures }: HostReport, machine: Machine): string {
  const sizes = [...new Set(figures.map(({ connections }) => connections))];
  const first = hosts[0]!.title;
  const head = (title: string) => [
    `| ${title} | ${sizes.map((size) => count(size)).join(" | ")} |`,
    `|---|${"---|".repeat(sizes.length)}`,
  ];
  const row = (title: string, cells: readonly string[]) => `| ${title} | ${cells.join(" | ")} |`;
  const find = (work: string, host: string, touch: string) =>
    sizes.map((size) => figures.find((f) => isFigure(f, size, work, host, touch))!);
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(2)}, ${machine.platform}, huge pages ${machine.pages}`,
    `${hosts.map(({ host, compiler }) => `${host} (${compiler})`).join(", ")}; verdicts and frames equal in all`,
  ];
  for (const work of WORKS) {
    lines.push("", ...head(`${WORK_TITLES[work]}: ns · ÷ ${first}`));
    for (const { title, host } of hosts) {
      const cells = find(work, host, "on").map(({ ns, ratio }) => `${ns.median.toFixed(0)} · ${shown(ratio)}`);
      lines.push(row(title, cells));
    }
  }
  for (const work of WORKS) {
    lines.push("", ...head(`${WORK_TITLES[work]}: without blind store ÷ with`));
    for (const { title, host } of hosts)
      lines.push(
        row(
          title,
          find(work, host, "on").map(({ withoutTouch }) => shown(withoutTouch)),
        ),
      );
  }
  return `${lines.join("\n")}\n`;
}

function isFigure(figure: HostFigure, size: number, work: string, host: string, touch: string): boolean {
  return figure.connections === size && figure.work === work && figure.host === host && figure.touch === touch;
}

/** A ratio with the interval that it keeps to. */
function shown({ median, low, high }: Estimate): string {
  return `${median.toFixed(2)} (${low.toFixed(2)} … ${high.toFixed(2)})`;
}
