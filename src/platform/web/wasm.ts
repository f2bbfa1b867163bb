/**
 * Where the package's own build of a module is: a URL for {@link readModule}. Bundlers know this form of `new URL` and put the file beside
 * their output; without one it is served beside this module, as it lies in the package.
 */
export function ownModule(name: "engine" | "outside"): string {
  return name === "engine"
    ? new URL("../../../../build/engine.wasm", import.meta.url).href
    : new URL("../../../../build/outside.wasm", import.meta.url).href;
}

/** @param url absolute, or relative to the page   @throws {Error} where nothing can be fetched from there */
export async function readModule(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
