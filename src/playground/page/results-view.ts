import { element } from "../../report/html/client/dom.js";
import type { Opened, Replayed } from "../messages.js";
import { byId } from "./elements.js";

/** What a replay gave: the report, what the failures did, and what to take away. */
export class ResultsView {
  readonly #failover = byId("failover", HTMLElement);
  readonly #downloads = byId("downloads", HTMLElement);
  #addresses: string[] = [];

  show({ page, report, files, command, scenario }: Replayed): void {
    // A new frame each time: one that is filled again would leave an entry in the history.
    const frame = element("iframe", { id: "report", title: "Report", sandbox: "allow-scripts", srcdoc: page });
    byId("panel-report", HTMLElement).replaceChildren(frame);
    this.#tellFailover(report);
    for (const address of this.#addresses) URL.revokeObjectURL(address);
    this.#addresses = files.map(({ content }) => URL.createObjectURL(content));
    const links = files.map(({ name, content }, i) =>
      element(
        "li",
        {},
        element("a", { href: this.#addresses[i]!, download: name }, name),
        ` ${content.size.toLocaleString("en-US")} bytes`,
      ),
    );
    this.#downloads.replaceChildren(...links);
    byId("command", HTMLElement).textContent = command;
    tellText("scenario", scenario);
  }

  /** Manifests that were made for the user. */
  tellStarter({ starter }: Opened): void {
    tellText("made", starter);
  }

  /** The figures that a failure is judged by; nothing where none was played. */
  #tellFailover({ failovers, connections, frames, scenario }: Replayed["report"]): void {
    this.#failover.hidden = !scenario;
    if (!scenario) return;
    const noticed = failovers.filter(({ detectedAt }) => detectedAt !== "").length;
    const figures: readonly (readonly [name: string, value: string, isBad: boolean])[] = [
      ["Gateways lost", failovers.length === 0 ? "none" : `${failovers.length}`, false],
      ["Noticed", `${noticed}`, noticed < failovers.length],
      ["Frames lost", frames.lost.toLocaleString("en-US"), frames.lost > 0],
      ["Connections broken", connections.broken.toLocaleString("en-US"), connections.broken > 0],
      ["Rebound", connections.rebound.toLocaleString("en-US"), false],
    ];
    this.#failover.replaceChildren(
      ...figures.map(([name, value, isBad]) =>
        element("div", {}, element("dt", {}, name), element("dd", isBad ? { class: "bad" } : {}, value)),
      ),
    );
  }
}

/** Shows a text in its place, or hides the place. */
function tellText(id: string, text: string | undefined): void {
  const place = byId(id, HTMLElement);
  place.hidden = text === undefined;
  place.querySelector("pre")!.textContent = text ?? "";
}
