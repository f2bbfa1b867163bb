/**
 * Links to sections of a page that stands within another one (`srcdoc`): its addresses begin with those of the page around it, so that the
 * browser would go there.
 */
export function startLinks(): void {
  if (document.URL !== "about:srcdoc") return;
  document.addEventListener("click", (event) => {
    const link = (event.target as Element).closest("a[href^='#']");
    const target = link && document.getElementById(link.getAttribute("href")!.slice(1));
    if (!target) return;
    event.preventDefault();
    target.scrollIntoView();
    target.tabIndex = -1;
    target.focus({ preventScroll: true });
  });
}
