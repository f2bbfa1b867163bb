/** The element of the page with this id. @throws {Error} where the page has none of this kind: page and script do not belong together */
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`#${id} is ${found?.tagName ?? "missing"}, expected ${kind.name}`);
}

/** A button, by id. */
export const button = (id: string) => byId(id, HTMLButtonElement);
/** A field of one line, by id. */
export const input = (id: string) => byId(id, HTMLInputElement);
/** A list to choose from, by id. */
export const select = (id: string) => byId(id, HTMLSelectElement);
