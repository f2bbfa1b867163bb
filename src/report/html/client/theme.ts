import { forgetColours } from "./palette.js";

const KEY = "sluicegate-theme";

/**
 * Light, dark, or what the system says: the choice is kept where the browser lets a page do so, and lost otherwise. Print is light
 * and as wide as paper.
 * @param repaint draws anew what is not styled, as wide as its place is now
 */
export function startTheme(repaint: () => void): void {
  const root = document.documentElement;
  const apply = (theme: string) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
    forgetColours();
    repaint();
  };
  let chosen = kept();
  for (const choice of document.querySelectorAll<HTMLInputElement>("input[name=theme]")) {
    choice.checked = choice.value === chosen;
    choice.addEventListener("change", () => {
      chosen = choice.value;
      keep(chosen);
      apply(chosen);
    });
  }
  apply(chosen);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => apply(chosen));
  addEventListener("beforeprint", () => {
    root.dataset.printing = "";
    apply("light");
  });
  addEventListener("afterprint", () => {
    delete root.dataset.printing;
    apply(chosen);
  });
}

function kept(): string {
  try {
    return localStorage.getItem(KEY) ?? "auto";
  } catch {
    return "auto";
  }
}

function keep(theme: string): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // A browser that keeps nothing for this page: the choice lasts as long as the page.
  }
}
