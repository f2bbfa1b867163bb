// Takes the place of the platform's own: the page carries both modules, and must not fetch anything.

/** Name of a module where nobody gave one. */
export function ownModule(name: "engine" | "outside"): string {
  return `${name}.wasm`;
}

/** @throws {Error} always */
export function readModule(): Promise<never> {
  return Promise.reject(new Error("the page fetches nothing"));
}
