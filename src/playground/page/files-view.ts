import { element } from "../../report/html/client/dom.js";
import type { Opened, PickedFile } from "../messages.js";
import { button, byId, input } from "./elements.js";
import { filesOfDrop, filesOfInput, mergedFiles } from "./picked.js";

const KILO = 1000;

/** The files of the page: taken from fields, drops and the example, and shown with what they are. */
export class FilesView {
  readonly #taken = byId("taken", HTMLElement);
  readonly #changed: (files: readonly PickedFile[]) => void;
  #files: readonly PickedFile[] = [];

  /** @param example files that the page carries   @param changed called with all files after every change */
  constructor(example: readonly PickedFile[], changed: (files: readonly PickedFile[]) => void) {
    this.#changed = changed;
    for (const [opener, field] of [
      ["choose", input("files")],
      ["choose-folder", input("folder")],
    ] as const) {
      button(opener).addEventListener("click", () => field.click());
      field.addEventListener("change", () => {
        this.#add(filesOfInput(field));
        field.value = "";
      });
    }
    button("example").addEventListener("click", () => this.#set(example));
    this.#takeDrops();
  }

  /** Shows the files by what they turned out to be. */
  tell({ captures, manifests, scenario }: Opened): void {
    const kinds = new Map<string, string>([
      ...captures.map(({ name }) => [name, "capture"] as const),
      ...manifests.map((name) => [name, "manifests"] as const),
      ...(scenario === undefined ? [] : [[scenario, "scenario"] as const]),
    ]);
    this.#show((name) => kinds.get(name) ?? "");
  }

  #add(files: readonly PickedFile[]): void {
    if (files.length > 0) this.#set(mergedFiles(this.#files, files));
  }

  #set(files: readonly PickedFile[]): void {
    this.#files = files;
    this.#show(() => "");
    this.#changed(files);
  }

  #show(kindOf: (name: string) => string): void {
    const items = this.#files.map(({ name, file }) => {
      const remove = element("button", { type: "button", "aria-label": `Leave out ${name}` }, "×");
      remove.addEventListener("click", () => this.#set(this.#files.filter((one) => one.name !== name)));
      const parts = [
        element("span", { class: "kind" }, kindOf(name)),
        element("span", { class: "name", title: name }, name),
        element("span", { class: "dim small" }, sizeText(file.size)),
      ];
      return element("li", {}, ...parts, remove);
    });
    this.#taken.replaceChildren(...items);
  }

  /** Anywhere on the page: a file that misses the field would take the page's place. */
  #takeDrops(): void {
    const place = byId("drop", HTMLElement);
    let depth = 0;
    const mark = (change: number) => {
      depth = Math.max(0, depth + change);
      place.classList.toggle("over", depth > 0);
    };
    addEventListener("dragenter", () => mark(1));
    addEventListener("dragleave", () => mark(-1));
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", async (event) => {
      event.preventDefault();
      mark(-depth);
      if (event.dataTransfer) this.#add(await filesOfDrop(event.dataTransfer));
    });
  }
}

function sizeText(bytes: number): string {
  if (bytes < KILO) return `${bytes} B`;
  return bytes < KILO * KILO ? `${Math.round(bytes / KILO)} kB` : `${(bytes / KILO / KILO).toFixed(1)} MB`;
}
