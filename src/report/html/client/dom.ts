/** An element with attributes and children; texts become text, never markup. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/** Moves an element without a style attribute, which the page's own policy forbids. @param x,y CSS pixels */
export function placeAt(moved: HTMLElement, x: number, y: number): void {
  moved.style.transform = `translate(${x}px, ${y}px)`;
}
