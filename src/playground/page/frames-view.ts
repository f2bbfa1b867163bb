import { Grid } from "../../report/html/client/grid.js";
import type { GridData } from "../../report/html/client/page-data.js";
import { gridMarkup } from "../../report/html/grids.js";
import type { Walk } from "../messages.js";
import { button, byId, input } from "./elements.js";
import { walkView } from "./walk-view.js";

/** The list of all frames, and the walk of one of them. */
export class FramesView {
  readonly #place = byId("frames", HTMLElement);
  readonly #story = byId("story", HTMLElement);
  readonly #number = input("number");
  readonly #asked: (frame: number) => void;

  /** @param asked called with the number of a frame whose walk is wanted */
  constructor(asked: (frame: number) => void) {
    this.#asked = asked;
    const ask = (step: number) => {
      const wanted = Math.trunc(this.#number.valueAsNumber || 1) + step;
      const frame = Math.min(Number(this.#number.max), Math.max(1, wanted));
      this.#number.value = String(frame);
      asked(frame);
    };
    button("walk").addEventListener("click", () => ask(0));
    button("before").addEventListener("click", () => ask(-1));
    button("after").addEventListener("click", () => ask(1));
    this.#number.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      ask(0);
    });
  }

  /** Lists the frames of a replay; what is searched and filtered for stays. */
  show(frames: GridData): void {
    const before = [...this.#fields()].map(({ value }) => value);
    this.#place.innerHTML = gridMarkup("frames", "Frames", frames).text;
    this.#number.max = String(Math.max(1, frames.rows + frames.left));
    this.#story.replaceChildren();
    new Grid(this.#place.querySelector<HTMLElement>("[data-grid]")!, "frames", frames, (row) => {
      this.#number.value = String(row + 1);
      this.#asked(row + 1);
    });
    this.#restore(before);
  }

  /** Shows a walk; who chose it from the list goes on reading there. */
  tell(walk: Walk): void {
    const isFromList = this.#place.contains(document.activeElement);
    this.#story.replaceChildren(...walkView(walk));
    if (isFromList) this.#story.focus({ preventScroll: true });
    this.#story.querySelector("h2")!.scrollIntoView({ block: "nearest" });
  }

  #fields(): NodeListOf<HTMLInputElement | HTMLSelectElement> {
    return this.#place.querySelectorAll(".tools input, .tools select");
  }

  /** @param values of search and filters; one that nothing has any more is dropped */
  #restore(values: readonly string[]): void {
    const fields = [...this.#fields()];
    for (const [i, field] of fields.entries()) {
      const value = values[i] ?? "";
      if (field instanceof HTMLInputElement || [...field.options].some((option) => option.value === value))
        field.value = value;
    }
    if (fields.some(({ value }) => value !== "")) fields[0]!.dispatchEvent(new Event("input"));
  }
}
