import { byId } from "./elements.js";

/** Tabs as the ARIA practices have them: arrow keys, Home and End move between them, one is shown. */
export class Tabs {
  readonly #tabs: readonly HTMLElement[];

  /** @param list element with role `tablist`, whose tabs name their panels */
  constructor(list: HTMLElement) {
    this.#tabs = [...list.querySelectorAll<HTMLElement>("[role=tab]")];
    list.addEventListener("click", ({ target }) => {
      const tab = this.#tabs.find((one) => one.contains(target as Node));
      if (tab) this.show(tab.id);
    });
    list.addEventListener("keydown", (event) => this.#key(event));
  }

  /** @param id of a tab */
  show(id: string): void {
    for (const tab of this.#tabs) {
      const isShown = tab.id === id;
      tab.setAttribute("aria-selected", String(isShown));
      tab.tabIndex = isShown ? 0 : -1;
      byId(tab.getAttribute("aria-controls")!, HTMLElement).hidden = !isShown;
    }
  }

  #key(event: KeyboardEvent): void {
    const at = this.#tabs.indexOf(event.target as HTMLElement);
    const last = this.#tabs.length - 1;
    const to: Readonly<Record<string, number>> = {
      ArrowRight: at === last ? 0 : at + 1,
      ArrowLeft: at === 0 ? last : at - 1,
      Home: 0,
      End: last,
    };
    const tab = this.#tabs[to[event.key] ?? -1];
    if (at < 0 || !tab) return;
    event.preventDefault();
    this.show(tab.id);
    tab.focus();
  }
}
