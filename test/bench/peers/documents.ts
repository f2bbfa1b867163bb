import { infoOf } from "./catalogue.js";
import { chartOf } from "./chart.js";
import type { PeersReport } from "./report.js";
import { groupTitle, nanoseconds, times } from "./table.js";

/** What `--docs` writes, from the repository's root. */
export const DOCUMENTS = { figures: "docs/peers.json", chart: "docs/peers.svg", page: "docs/performance.md" } as const;

const BEGIN = "<!-- peers: written by `npm run bench:peers -- --docs` -->";
const END = "<!-- /peers -->";

/** The three documents of a run. @param page docs/performance.md as it is, with the lines between which the figures stand */
export function documentsOf(
  report: PeersReport,
  page: string,
): { readonly figures: string; readonly chart: string; readonly page: string } {
  return {
    figures: `${JSON.stringify(report)}\n`,
    chart: chartOf(report),
    page: fillPage(page, markdownOf(report)),
  };
}

/** Puts a text between the marks. @throws {Error} where the page has none */
export function fillPage(page: string, text: string): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${DOCUMENTS.page}: expected the lines ${BEGIN} and ${END}`);
  return `${page.slice(0, from + BEGIN.length)}\n${text}${page.slice(to)}`;
}

/** Machine, tables and targets for docs/performance.md. */
export function markdownOf(report: PeersReport): string {
  const { machine, kernel, versions, groups, targets } = report;
  const memory = groups.filter(({ kind }) => kind === "memory");
  const files = groups.find(({ kind }) => kind === "files");
  const lines = [
    "",
    `${report.date}, commit ${report.commit}, \`${report.command}\`. ${machine.cores} cores of an ${machine.cpu} (load ${machine.load.toFixed(1)} when the run began), Linux ${kernel},`,
    `Node ${machine.node.slice(1)}; ${Object.values(versions).join("; ")}.`,
    "Nanoseconds of CPU time per frame, medians of the rounds · median of the rounds' ratios to Sluicegate.",
    "",
    ...(memory.length > 0 ? memoryTable(memory) : []),
    "",
    ...(files ? fileTable(files) : []),
    "",
    "| wanted | | measured | |",
    "|---|---|---|---|",
    ...targets.map(({ name, kind, limit, value, met }) => {
      const wanted = kind === "at-least" ? "at least" : "at most";
      return `| ${name} | ${wanted} ${limit} | ${met ? times(value) : `**${times(value)}**`} | ${met ? "met" : "missed"} |`;
    }),
    "",
    ...differences(groups.flatMap(({ figures }) => figures.map(({ id }) => id))),
    "",
  ];
  return `${lines.join("\n")}\n`;
}

function memoryTable(groups: PeersReport["groups"]): string[] {
  const ids = groups[0]!.figures.map(({ id }) => id);
  const cell = (id: string, group: PeersReport["groups"][number]) => {
    const figure = group.figures.find((other) => other.id === id)!;
    const { low, median, high } = figure.ratio;
    const ratio = id === "engine" ? "" : ` · ${times(median)} (${times(low)} – ${times(high)})`;
    return `${nanoseconds(figure.ns.median)}${ratio}`;
  };
  return [
    `| frames in memory | ${groups.map(({ connections, rounds }) => `${connections.toLocaleString("en-US")} connections (${rounds} rounds)`).join(" | ")} |`,
    `|---|${groups.map(() => "---|").join("")}`,
    ...ids.map((id) => `| ${infoOf(id).name} | ${groups.map((group) => cell(id, group)).join(" | ")} |`),
  ];
}

function fileTable(group: PeersReport["groups"][number]): string[] {
  return [
    `| ${groupTitle(group)} | ns | ÷ \`replay\` | divided by |`,
    "|---|---|---|---|",
    ...group.figures.map(({ id, ns, ratio }) => {
      const { name, yardstick } = infoOf(id);
      const interval = `${times(ratio.median)} (${times(ratio.low)} – ${times(ratio.high)})`;
      return `| ${name} | ${nanoseconds(ns.median)} | ${id === yardstick ? "1" : interval} | ${infoOf(yardstick).name} |`;
    }),
  ];
}

function differences(ids: readonly string[]): string[] {
  const told = [...new Set(ids)].map(infoOf).filter(({ more }) => more !== "");
  return [
    "| | does what Sluicegate does not | does not do |",
    "|---|---|---|",
    ...told.map(({ name, more, less }) => `| ${name} | ${more} | ${less} |`),
  ];
}
