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
      this.#number.value = String(
        Math.min(Number(this.#number.max), Math.max(1, this.#number.valueAsNumber + step || 1)),
      );
      asked(this.#number.valueAsNumber);
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

  show(frames: GridData): void {
    this.#place.innerHTML = gridMarkup("frames", "Frames", frames).text;
    this.#number.max = String(frames.rows + frames.left);
    this.#story.replaceChildren();
    new Grid(this.#place.querySelector<HTMLElement>("[data-grid]")!, "frames", frames, (row) => {
      this.#number.value = String(row + 1);
      this.#asked(row + 1);
    });
  }

  tell(walk: Walk): void {
    this.#number.value = String(walk.explanation.frame);
    this.#story.replaceChildren(...walkView(walk));
    this.#story.querySelector("h2")!.scrollIntoView({ block: "nearest" });
  }
}
