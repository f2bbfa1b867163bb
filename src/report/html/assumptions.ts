import type { ReplayReport } from "../../replay/report-types.js";
import { counted, duration } from "../units.js";
import { html, type Markup } from "./markup.js";
import { code, columns, number, type PageSection } from "./section.js";
import { sortableTable } from "./table.js";

/** Everything that the results stand on and that the inputs alone do not say. */
export function assumptionSection(report: ReplayReport): PageSection {
  const body = html`<p>These results hold under the following, and only under it.</p>
${runList(report)}${assumedTable(report)}${viewpointTable(report)}${noteTable(report)}${settingTable(report)}`;
  return { id: "assumptions", short: "Assumptions", title: "Every assumption made", body };
}

function runList({ seed, natProfile, topology, scenario, connections, input, range, filter }: ReplayReport): Markup {
  const { directionGuessed } = connections;
  const items = [
    html`NAT profile <b>${natProfile}</b>, seed <b>${seed}</b>, topology <b>${topology}</b>: gateway picks and ports are those of this seed.`,
    ...(scenario ? [scenarioText(scenario)] : []),
    ...(directionGuessed > 0
      ? [html`${counted(directionGuessed, "connection")} were seen from the middle on: who opened them is a guess.`]
      : []),
    ...(input.truncated ? [html`The last record of a capture is cut off: what came after it is unknown.`] : []),
    ...(range ? [html`Only frames ${range.fromFrame} to ${range.toFrame ?? "the last"} were replayed.`] : []),
    ...(filter === undefined ? [] : [html`Only frames that match <code>${filter}</code> were replayed.`]),
  ];
  return html`<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`;
}

function scenarioText({
  name,
  file,
  probeIntervalMs,
  timeoutMs,
  failback,
  propagationMs,
}: NonNullable<ReplayReport["scenario"]>): Markup {
  const ms = (value: number) => duration(value * 1e6);
  return html`Scenario <b>${name}</b> (<code>${file}</code>): a probe every ${ms(probeIntervalMs)}, down ${ms(timeoutMs)} after the last good one, failback ${failback}; new pods and policies are in force ${propagationMs === 0 ? "at once" : `after ${ms(propagationMs)}`}.`;
}

function assumedTable({ assumedAddresses }: ReplayReport): Markup {
  if (assumedAddresses.length === 0)
    return html`<h3>Assumed addresses</h3><p>None: every egress IP follows from the manifests.</p>`;
  const rows = assumedAddresses.map(({ node, address, note }) => [node, code(address), note]);
  return html`<h3>Assumed addresses</h3>${sortableTable("Assumed addresses", columns("Node", "Address", "Why"), rows)}`;
}

function viewpointTable({ viewpoints }: ReplayReport): Markup {
  const rows = viewpoints.map((view) => [
    code(view.file),
    `${view.interface} (${view.linkType})`,
    [view.viewpoint, view.copies && "duplicates sorted out", view.decapsulate && "decapsulated"]
      .filter(Boolean)
      .join(", "),
    {
      show: html`${view.reasons.map((reason) => html`${reason}<br>`)}${view.hints.map((hint) => html`<span class="warn">${hint}</span><br>`)}`,
    },
  ]);
  return html`<h3>Where the captures were taken</h3>${sortableTable("Viewpoints", columns("Capture", "Interface", "Viewpoint", "Why"), rows)}`;
}

function noteTable({ verification }: ReplayReport): Markup | undefined {
  const rows = Object.entries(verification.notes).map(([note, n]) => [note, number(n)]);
  if (rows.length === 0) return undefined;
  return html`<h3>What the verifier could not insist on</h3>${sortableTable("Verification notes", columns("Note", "Frames#"), rows)}`;
}

function settingTable({ settings }: ReplayReport): Markup | undefined {
  const rows = Object.entries(settings).map(([name, { value, source }]) => [code(name), value, source]);
  if (rows.length === 0) return undefined;
  return html`<h3>Settings, and where each came from</h3>${sortableTable("Settings", columns("Setting", "Value", "From"), rows)}`;
}
