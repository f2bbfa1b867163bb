import type { Modules, PickedFile } from "../messages.js";

/** What the page carries: the engine's modules, and an example. Base64. */
interface Shipped {
  readonly modules: Readonly<Record<keyof Modules, string>>;
  readonly example: readonly { readonly name: string; readonly content: string }[];
}

/** Reads the page's own data. */
export function shipped(): { readonly modules: Modules; readonly example: readonly PickedFile[] } {
  const { modules, example } = JSON.parse(document.getElementById("shipped")!.textContent!) as Shipped;
  return {
    modules: { engine: bytesOf(modules.engine), outside: bytesOf(modules.outside) },
    example: example.map(({ name, content }) => ({ name, file: new Blob([bytesOf(content)]) })),
  };
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}
