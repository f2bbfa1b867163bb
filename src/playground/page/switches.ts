import { element } from "../../report/html/client/dom.js";
import { type Cluster, FAILURES, type Failure, type FailureKind, type Replayed } from "../messages.js";

/** Longest time that a field takes: seconds, more than thirty years. */
const MOST_SECONDS = 1_000_000_000;
const EXPECTED = `expected seconds from 0 to ${MOST_SECONDS}, in whole milliseconds`;

interface Row {
  readonly node: string;
  readonly item: HTMLElement;
  readonly toggle: HTMLButtonElement;
  readonly load: HTMLElement;
  readonly details: HTMLElement;
  readonly kind: HTMLSelectElement;
  readonly from: HTMLInputElement;
  readonly until: HTMLInputElement;
}

/** A switch for each gateway: off, it fails at a time of the capture, and comes back where a second time is given. */
export class Switches {
  readonly #list: HTMLElement;
  readonly #changed: () => void;
  #rows: Row[] = [];
  /** Half of the capture: when gateways fail unless the user says so. Seconds. */
  #half = 0;

  /** @param changed called after every change that makes another run */
  constructor(list: HTMLElement, changed: () => void) {
    this.#list = list;
    this.#changed = changed;
  }

  /** Shows the gateways of a cluster; those that were there before stay as they are. */
  open({ gateways }: Cluster): void {
    const before = this.#rows;
    this.#rows = gateways.map((gateway, i) => this.#row(gateway, `gateway-${i}`));
    for (const row of this.#rows) {
      const same = before.find(({ node }) => node === row.node);
      if (!same) continue;
      for (const field of ["kind", "from", "until"] as const) row[field].value = same[field].value;
      if (isOff(same)) this.#turn(row, false);
    }
    this.#list.replaceChildren(...this.#rows.map(({ item }) => item));
  }

  /** The capture's length, milliseconds. */
  set spanMs(ms: number) {
    this.#half = Math.floor(ms / 2) / 1000;
  }

  get failures(): Failure[] {
    return this.#rows.filter(isOff).map(({ node, kind, from, until }) => ({
      node,
      kind: kind.value as FailureKind,
      fromMs: Math.round(from.valueAsNumber * 1000),
      untilMs: until.value === "" ? undefined : Math.round(until.valueAsNumber * 1000),
    }));
  }

  /** What is wrong with a time, undefined where nothing is. */
  get problem(): string | undefined {
    for (const { node, from, until } of this.#rows.filter(isOff)) {
      if (!isTime(from)) return `${node}: fails at ${shown(from)}, ${EXPECTED}`;
      if (isEmpty(until)) continue;
      if (!isTime(until)) return `${node}: is back at ${shown(until)}, ${EXPECTED}, or nothing`;
      if (until.valueAsNumber <= from.valueAsNumber)
        return `${node}: is back at ${until.value}, expected a time after ${from.value}`;
    }
    return undefined;
  }

  /** What each gateway carried. */
  tell(connections: Replayed["connections"]): void {
    for (const { node, load } of this.#rows) {
      const row = connections.find((one) => one.node === node);
      if (!row) continue;
      const before =
        row.before === undefined || row.before === row.now ? "" : `${row.before.toLocaleString("en-US")} → `;
      load.textContent = `${before}${row.now.toLocaleString("en-US")}`;
      load.title = "connections opened";
    }
  }

  /** @param id of the element with its name */
  #row({ node, zone, egressIPs }: Cluster["gateways"][number], id: string): Row {
    const name = element("span", { id }, node);
    const toggle = element("button", {
      type: "button",
      role: "switch",
      class: "switch",
      "aria-checked": "true",
      "aria-labelledby": id,
    });
    const load = element("span", { class: "load" });
    const about = element(
      "span",
      { class: "dim" },
      [zone, ...egressIPs].filter((text) => text !== undefined).join(" · "),
    );
    const kind = element("select", { "aria-label": `What happens to ${node}` });
    kind.append(...Object.keys(FAILURES).map((text) => element("option", { value: text }, text)));
    const [from, until] = [timeField(`${node}: when, in seconds`), timeField(`${node}: back when, in seconds`)];
    until.placeholder = "never";
    const details = element(
      "div",
      { class: "failure" },
      ...[kind, element("span", {}, "at ", from, " s"), element("span", {}, "back at ", until, " s")],
    );
    details.hidden = true;
    const item = element("li", {}, element("div", { class: "gateway" }, toggle, name, load, about), details);
    const row = { node, item, toggle, load, details, kind, from, until };
    toggle.addEventListener("click", () => this.#flip(row));
    for (const field of [kind, from, until]) field.addEventListener("change", this.#changed);
    return row;
  }

  #flip(row: Row): void {
    this.#turn(row, isOff(row));
    if (isEmpty(row.from)) row.from.value = String(this.#half);
    this.#changed();
  }

  #turn({ toggle, details }: Row, isOn: boolean): void {
    toggle.setAttribute("aria-checked", String(isOn));
    details.hidden = isOn;
  }
}

function isOff({ toggle }: Row): boolean {
  return toggle.getAttribute("aria-checked") === "false";
}

/** A field that holds nothing: what is no number counts as something. */
function isEmpty({ value, validity }: HTMLInputElement): boolean {
  return value === "" && !validity.badInput;
}

function isTime({ valueAsNumber: seconds }: HTMLInputElement): boolean {
  const ms = seconds * 1000;
  return seconds >= 0 && seconds <= MOST_SECONDS && Math.abs(ms - Math.round(ms)) < 1e-6;
}

function shown({ value }: HTMLInputElement): string {
  return value || "no number";
}

function timeField(name: string): HTMLInputElement {
  return element("input", { type: "number", "aria-label": name, min: 0, max: MOST_SECONDS, step: "any" });
}
