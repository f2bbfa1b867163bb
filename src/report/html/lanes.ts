import type { ReplayReport } from "../../replay/report-types.js";
import { type Happening, happenings } from "./marks.js";
import { html, type Markup } from "./markup.js";
import { microseconds } from "./time.js";

const WIDTH = 1000;
/** Nodes that are drawn; all are in the table of transitions. */
const MAX_NODES = 24;

/** How a node stands: what is so, and what the others believe. */
type State = "up" | "dead" | "down" | "back" | "agent" | "drained" | "gone";

const STATES: Readonly<Record<State, string>> = {
  up: "in use",
  dead: "dead, and nobody knows",
  down: "down",
  back: "answers, not yet in use",
  agent: "agent down: no new connections",
  drained: "drained: no new connections",
  gone: "not in the cluster",
};

/** States after each happening, drains aside; those that are missing change nothing. */
const AFTER: Readonly<Record<string, (before: State) => State>> = {
  "node-down": (before) => (before === "up" || before === "agent" ? "dead" : before === "back" ? "down" : before),
  "down-detected": () => "down",
  "node-up": (before) => (before === "down" ? "back" : before === "dead" ? "up" : before),
  "up-detected": () => "up",
  "agent-down-detected": () => "agent",
  "agent-up-detected": () => "up",
  drain: (before) => before,
  undrain: (before) => before,
  remove: () => "gone",
  add: () => "up",
};

/** One bar per node over the time of the captures, coloured by how it stood. @returns undefined where no node changed */
export function stateLanes(report: ReplayReport): Markup | undefined {
  const { input, timeline } = report;
  const [from, last] = [microseconds(timeline.from), microseconds(input.lastFrame ?? "")];
  const changes = happenings(report).filter(({ what }) => what in AFTER);
  const nodes = [...new Set(changes.map(({ node }) => node))].filter((node) => node !== "").sort();
  if (nodes.length === 0 || !(last > from)) return undefined;
  const seen = new Set<State>();
  const lanes = nodes.slice(0, MAX_NODES).map((node) => {
    const own = changes.filter((one) => one.node === node);
    const parts = partsOf(own, from, last);
    for (const { state } of parts) seen.add(state);
    return lane(node, parts);
  });
  const key = [...seen].map(
    (state) =>
      html`<span><svg class="key" viewBox="0 0 1 1" aria-hidden="true"><rect class="s-${state}" width="1" height="1"/></svg>${STATES[state]}</span>`,
  );
  const rest =
    nodes.length > MAX_NODES ? html`<p class="dim">And ${nodes.length - MAX_NODES} more nodes.</p>` : undefined;
  return html`<h3>How each gateway stood</h3><p class="keys">${key}</p><dl class="lanes">${lanes}</dl>${rest}`;
}

function lane(node: string, parts: readonly Part[]): Markup {
  const rects = parts.map(
    ({ state, x, width }) =>
      html`<rect class="s-${state}" x="${x.toFixed(2)}" width="${width.toFixed(2)}" height="10"/>`,
  );
  return html`<dt>${node}</dt><dd><svg viewBox="0 0 ${WIDTH} 10" preserveAspectRatio="none" role="img" aria-label="${words(parts)}">${rects}</svg></dd>`;
}

interface Part {
  readonly state: State;
  readonly x: number;
  readonly width: number;
}

function partsOf(changes: readonly Happening[], from: number, last: number): Part[] {
  const parts: Part[] = [];
  let [state, isDrained]: [State, boolean] = ["up", false];
  let [shown, x]: [State, number] = ["up", 0];
  for (const { what, us } of changes) {
    state = AFTER[what]!(state);
    isDrained = what === "drain" || (isDrained && what !== "undrain");
    const next = state === "up" && isDrained ? "drained" : state;
    if (next === shown) continue;
    const until = Math.min(1, Math.max(0, (us - from) / (last - from))) * WIDTH;
    if (until > x) parts.push({ state: shown, x, width: until - x });
    [shown, x] = [next, until];
  }
  return [...parts, { state: shown, x, width: WIDTH - x }];
}

function words(parts: readonly Part[]): string {
  return parts
    .map(({ state, width }) => `${STATES[state]} for ${((width / WIDTH) * 100).toFixed(1)} % of the time`)
    .join(", then ");
}
