import { element } from "../../report/html/client/dom.js";
import type { Opened, PickedFile } from "../messages.js";
import { button, byId, input } from "./elements.js";
import { filesOfDrop, filesOfInput, mergedFiles } from "./picked.js";

const KILO = 1000;

/** The files of the page: taken from fields, drops and the example, and shown with what they are. */
export class FilesView {
  readonly #taken = byId("taken", HTMLElement);
  readonly #changed: (files: readonly PickedFile[]) => void;
  readonly #failed: (message: string) => void;
  #files: readonly PickedFile[] = [];

  /** @param example files that the page carries   @param changed called with all files after every change   @param failed told what cannot be read */
  constructor(
    example: readonly PickedFile[],
    changed: (files: readonly PickedFile[]) => void,
    failed: (message: string) => void,
  ) {
    this.#changed = changed;
    this.#failed = failed;
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

  /** All that are in the list. */
  get files(): readonly PickedFile[] {
    return this.#files;
  }

  /** Shows the files by what they turned out to be. */
  tell({ captures, manifests, passedOver, scenario }: Opened): void {
    const kinds = new Map<string, string>([
      ...captures.map((name) => [name, "capture"] as const),
      ...manifests.map((name) => [name, "manifests"] as const),
      ...passedOver.map((name) => [name, "left out"] as const),
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

  #leaveOut(name: string): void {
    const at = this.#files.findIndex((one) => one.name === name);
    this.#set(this.#files.filter((one) => one.name !== name));
    const buttons = this.#taken.querySelectorAll("button");
    (buttons[Math.min(at, buttons.length - 1)] ?? button("choose")).focus();
  }

  #show(kindOf: (name: string) => string): void {
    const items = this.#files.map(({ name, file }) => {
      const remove = element("button", { type: "button", "aria-label": `Leave out ${name}` }, "×");
      remove.addEventListener("click", () => this.#leaveOut(name));
      const parts = [
        element("span", { class: "kind" }, kindOf(name)),
        element("span", { class: "name", title: name }, name.replace(/^.*\//, "")),
        element("span", { class: "dim small" }, sizeText(file.size)),
      ];
      return element("li", {}, ...parts, remove);
    });
    this.#taken.replaceChildren(...items);
  }

  /** Anywhere on the page: a file that misses the field would take the page's place. */
  #takeDrops(): void {
    let depth = 0;
    // The report's frame would swallow what is dropped on it: the style takes it out of the way meanwhile.
    const mark = (change: number) => {
      depth = Math.max(0, depth + change);
      document.body.classList.toggle("dragging", depth > 0);
    };
    const withFiles = (act: (event: DragEvent) => void) => (event: DragEvent) => {
      if (event.dataTransfer?.types.includes("Files")) act(event);
    };
    addEventListener(
      "dragenter",
      withFiles(() => mark(1)),
    );
    addEventListener(
      "dragleave",
      withFiles(() => mark(-1)),
    );
    addEventListener(
      "dragover",
      withFiles((event) => event.preventDefault()),
    );
    addEventListener(
      "drop",
      withFiles((event) => {
        event.preventDefault();
        mark(-depth);
        filesOfDrop(event.dataTransfer!).then(
          (files) => this.#add(files),
          (error: Error) => this.#failed(error.message),
        );
      }),
    );
  }
}

function sizeText(bytes: number): string {
  if (bytes < KILO) return `${bytes} B`;
  return bytes < KILO * KILO ? `${Math.round(bytes / KILO)} kB` : `${(bytes / KILO / KILO).toFixed(1)} MB`;
}
